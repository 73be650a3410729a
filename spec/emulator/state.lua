--- What the emulator remembers: JSON values in a shared dictionary, which outlives a reload.

local cjson = require "cjson"

local state = {}

local dict = ngx.shared.evs_state

local era = 0

--- The value kept under a name, or nil.
function state.get(name)
  local text = dict:get(name)
  return text and cjson.decode(text)
end

--- Keeps a value under a name; nil removes it.
function state.set(name, value)
  if value == nil then
    dict:delete(name)
  else
    assert(dict:set(name, cjson.encode(value)))
  end
end

--- Adds to a counter and returns its new value.
function state.add(name, amount)
  return dict:incr(name, amount, 0)
end

--- Forgets everything whose name starts with `prefix`; all of it without one.
function state.clear(prefix)
  if not prefix then
    era = era + 1
    dict:flush_all()
    return
  end
  for _, name in ipairs(state.names(prefix)) do dict:delete(name) end
end

--- A number that changes whenever everything is forgotten.
function state.era()
  return era
end

--- The names in use that start with `prefix`, sorted.
function state.names(prefix)
  local found = {}
  for _, name in ipairs(dict:get_keys(0)) do
    if name:sub(1, #prefix) == prefix then found[#found + 1] = name end
  end
  table.sort(found)
  return found
end

return state
