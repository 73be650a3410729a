-- The CPU of a warm delete beside the alternatives, for bench/README.md and the README:
-- lua5.4 docs/pictures/cpu.lua >docs/pictures/cpu.svg
--
-- The figures are those of the last table in bench/README.md.

local svg = require "docs.pictures.svg"

local LEFT, WIDTH, HEIGHT = 280, 440, 22

local ROWS = {
  { "bare libcurl, HTTP", "CPU of a warm delete, HTTP, Lua 5.4" },
  { "bare libcurl, TLS 1.3", "CPU of a warm delete, TLS 1.3, Lua 5.4" },
  { "Lua by hand, HTTP", "CPU of a warm delete against Lua by hand [^|]*, HTTP" },
  { "Lua by hand, TLS 1.3", "CPU of a warm delete against Lua by hand [^|]*, TLS 1.3" },
  { "the official Node core, HTTP", "CPU of a warm delete against the official Node core, HTTP" },
  { "the official Node core, TLS 1.3",
    "CPU of a warm delete against the official Node core, TLS 1.3" },
}

local file = assert(io.open("bench/README.md"))
local table_text = file:read("*a")
file:close()

-- The other's time, ours, and the ratio of a row.
local function figures(pattern)
  local other, ours, ratio = table_text:match(
    "\n| " .. pattern .. " | ([%d.]+) us | ([%d.]+) us | ([%d.]+)")
  return assert(other, pattern), ours, tonumber(ratio)
end

local TITLE = "CPU of a warm delete: lua-evs as a share of the other"
local picture = svg.new(900, 40 + 34 * #ROWS, TITLE)
picture:text(LEFT, 22, TITLE, "title")
for i, row in ipairs(ROWS) do
  local other, ours, ratio = figures(row[2])
  local y = 6 + 34 * i
  picture:text(LEFT - 12, y + 16, row[1], "", "end")
  picture:rect(LEFT, y, WIDTH, HEIGHT, "ground")
  picture:rect(LEFT, y, WIDTH * ratio, HEIGHT, "bar")
  picture:text(LEFT + WIDTH + 12, y + 16, ("%s of %s us"):format(ours, other), "small")
end

io.write(picture:finish())
