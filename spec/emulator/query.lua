--- The query of a request, decoded.

local signature = require "emulator.signature"

local query = {}

--- The parameters of a query's text: of each name the array of its values, in their order.
function query.parse(text)
  local parameters = {}
  for piece in text:gmatch("[^&]+") do
    local name, value = piece:match("^([^=]*)=?(.*)$")
    name = signature.decode(name)
    parameters[name] = parameters[name] or {}
    table.insert(parameters[name], signature.decode(value))
  end
  return parameters
end

--- The last value of a parameter, or nil.
function query.value(parameters, name)
  local values = parameters[name]
  return values and values[#values]
end

--- The text of a query: an array of { name, value } pairs, in their order.
function query.text(pieces)
  local parts = {}
  for i, piece in ipairs(pieces) do
    parts[i] = signature.encode(piece[1]) .. "=" .. signature.encode(tostring(piece[2]))
  end
  return table.concat(parts, "&")
end

return query
