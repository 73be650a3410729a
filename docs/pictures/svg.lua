--- The little of SVG that the pictures need. Lengths are in pixels.
--
--   local picture = require("docs.pictures.svg").new(860, 300, "What it shows")
--   picture:box(20, 20, 120, 50, "good", "DELETE", "one request")
--   io.write(picture:finish())

local svg = {}

local Picture = {}
Picture.__index = Picture

local STYLE = [[
text { font: 13px sans-serif; fill: #222 }
.title { font-weight: bold }
.small { font-size: 11px; fill: #555 }
.plain { fill: #fff; stroke: #888 }
.act { fill: #e8f0fb; stroke: #4577b5 }
.good { fill: #e5f4e7; stroke: #3b8a48 }
.bad { fill: #fbe9e7; stroke: #b5493c }
.bar { fill: #4577b5 }
.ground { fill: #dde3ea }
.line { fill: none; stroke: #555 }
.curve { fill: none; stroke: #4577b5; stroke-width: 2 }
.limit { fill: none; stroke: #b5493c; stroke-dasharray: 6 4 }
]]

-- The same text with every Lua: "12" and not "12.0".
local function number(value)
  return (("%.1f"):format(value):gsub("%.0$", ""))
end

local function escape(text)
  return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"))
end

function Picture:add(format, ...)
  self[#self + 1] = format:format(...)
end

--- Text; `anchor` is start, middle or end.
function Picture:text(x, y, text, class, anchor)
  self:add('<text x="%s" y="%s" class="%s" text-anchor="%s">%s</text>', number(x), number(y),
    class or "", anchor or "start", escape(text))
end

--- A bare rectangle.
function Picture:rect(x, y, width, height, class)
  self:add('<rect x="%s" y="%s" width="%s" height="%s" rx="4" class="%s"/>', number(x), number(y),
    number(width), number(height), class)
end

--- A box with a title and lines below it.
function Picture:box(x, y, width, height, class, title, ...)
  local lines = { ... }
  local top = y + height / 2 + 5 - 8 * #lines
  self:rect(x, y, width, height, class)
  self:text(x + width / 2, top, title, "title", "middle")
  for i, line in ipairs(lines) do
    self:text(x + width / 2, top + 16 * i, line, "small", "middle")
  end
end

--- A line through points, { x, y } each; with `arrow` it has a head.
function Picture:path(points, class, arrow)
  local parts = {}
  for i, point in ipairs(points) do
    parts[i] = (i == 1 and "M" or "L") .. number(point[1]) .. " " .. number(point[2])
  end
  self:add('<path d="%s" class="%s"%s/>', table.concat(parts, " "), class or "line",
    arrow and ' marker-end="url(#head)"' or "")
end

--- An arrow through points.
function Picture:arrow(...)
  self:path({ ... }, "line", true)
end

--- The whole picture as text.
function Picture:finish()
  return table.concat(self, "\n") .. "\n</svg>\n"
end

--- A white picture of that size; `title` is for those who cannot see it.
function svg.new(width, height, title)
  local picture = setmetatable({}, Picture)
  picture:add('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">',
    width, height, width, height)
  picture:add("<title>%s</title>\n<style>\n%s</style>", escape(title), STYLE)
  picture:add('<defs><marker id="head" markerWidth="8" markerHeight="8" refX="7" refY="4" '
    .. 'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#555"/></marker></defs>')
  picture:add('<rect width="%d" height="%d" fill="#fff"/>', width, height)
  return picture
end

return svg
