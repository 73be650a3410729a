-- Lines of JSON whose members come in a set order, so that people can read them, too.

local cjson = require "cjson"

local json = {}

local Raw = {}

local function encode(value)
  if getmetatable(value) == Raw then return value.text end
  return cjson.encode(value)
end

--- An object of names and values, in the order in which they are given: `json.object("a", 1, "b",
-- nil)`. Members that are nil are left out.
function json.object(...)
  local parts, count = {}, select("#", ...)
  for i = 1, count, 2 do
    local name, value = select(i, ...)
    if value ~= nil then
      parts[#parts + 1] = cjson.encode(name) .. ":" .. encode(value)
    end
  end
  return setmetatable({ text = "{" .. table.concat(parts, ",") .. "}" }, Raw)
end

--- An array, also when it is empty.
function json.array(values)
  local parts = {}
  for i, value in ipairs(values) do parts[i] = encode(value) end
  return setmetatable({ text = "[" .. table.concat(parts, ",") .. "]" }, Raw)
end

--- The text of an object, without a newline.
function json.line(...)
  return json.object(...).text
end

--- A snapshot, or any other table of strings, numbers and tables, as one line.
function json.encode(value)
  return encode(value)
end

local function without_nulls(value)
  if type(value) ~= "table" then return value end
  for name, member in pairs(value) do
    if member == cjson.null then value[name] = nil else without_nulls(member) end
  end
  return value
end

--- The table that a line holds, without its nulls; nil for all else.
function json.decode(line)
  local ok, value = pcall(cjson.decode, line)
  return ok and type(value) == "table" and without_nulls(value) or nil
end

return json
