-- Text for a terminal: what came from outside cannot steer it; colours only where they are wanted.

local system = require "evs.cli.system"

local terminal = {}

local COLOURS = { red = "31", green = "32", yellow = "33", bold = "1", dim = "2" }

local function escape_byte(byte)
  return ("\\x%02x"):format(byte:byte())
end

--- The text with every control character written as `\xNN`, those of ISO 8859 in UTF-8 too.
function terminal.escape(text)
  text = text:gsub("[%z\1-\9\11-\31\127]", escape_byte)
  return (text:gsub("\194([\128-\159])", function(byte) return "\\xc2" .. escape_byte(byte) end))
end

--- A value from outside as a word of a line: escaped, and never more than one line.
function terminal.word(value)
  if value == nil then return "-" end
  local text = terminal.escape(tostring(value)):gsub("\n", "\\x0a")
  return text == "" and "-" or text
end

--- A value from outside in quotes.
function terminal.quote(value)
  return '"' .. terminal.escape(tostring(value)):gsub("\n", "\\x0a") .. '"'
end

--- How many columns a text takes: one for each character of UTF-8.
function terminal.columns(text)
  local _, count = text:gsub("[^\128-\191]", "")
  return count
end

--- The text filled up with spaces to `columns`.
function terminal.pad(text, columns)
  return text .. (" "):rep(columns - terminal.columns(text))
end

--- The text, of at most `columns`; what is too much is left out at its end.
function terminal.cut(text, columns)
  if terminal.columns(text) <= columns then return text end
  local kept, count = {}, 0
  for character in text:gmatch("[^\128-\191][\128-\191]*") do
    count = count + 1
    if count >= columns then break end
    kept[count] = character
  end
  return table.concat(kept) .. "~"
end

local function wants_colour(descriptor)
  local refused = os.getenv("NO_COLOR")
  return (refused == nil or refused == "") and system.is_terminal(descriptor)
end

--- A function that colours text for a descriptor, or leaves it as it is where there are no colours.
function terminal.painter(descriptor)
  local wanted = wants_colour(descriptor)
  return function(colour, text)
    return wanted and ("\27[%sm%s\27[0m"):format(COLOURS[colour], text) or text
  end
end

return terminal
