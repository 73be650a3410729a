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

-- Behaviour that EVS shows in more than one form; POST /emulator/settings changes it.
local DEFAULTS = {
  links = true,                -- list answers carry snapshots_links
  page_size = 1000,            -- most rows in one page, whatever limit asks for
  missing = "openstack",       -- 404 of a snapshot: "openstack" (itemNotFound) or "evs" (EVS.5404)
  wrong_state = "evs",         -- 400 of a wrong state: "evs" (EVS.1047) or "openstack" (badRequest)
  unknown_path = "openstack",  -- 404 of a path: "openstack" (text) or "gateway" (APIGW.0101)
  any_snapshot = false,        -- a DELETE of an id never put is accepted as well (for benchmarks)
}

--- All settings, defaults filled in.
function state.settings()
  local chosen = state.get("settings") or {}
  local all = {}
  for name, default in pairs(DEFAULTS) do
    if chosen[name] == nil then all[name] = default else all[name] = chosen[name] end
  end
  return all
end

--- Changes some settings. Returns true, or nil and what was wrong.
function state.change_settings(changes)
  local all = state.settings()
  for name, value in pairs(changes) do
    if type(DEFAULTS[name]) ~= type(value) then return nil, "no such setting: " .. name end
    all[name] = value
  end
  state.set("settings", all)
  return true
end

return state
