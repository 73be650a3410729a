--- Behaviour that EVS shows in more than one form; POST /emulator/settings changes it.
--
-- "own" stands for what the API at hand does by itself, as generations.lua has it.

local state = require "emulator.state"

local settings = {}

local DEFAULTS = {
  links = true,            -- legacy and cinder lists carry links to the next page
  page_size = 1000,        -- most rows in one page, whatever limit asks for
  any_snapshot = false,    -- a DELETE of an id never put is accepted as well (for benchmarks)
  legacy = true,           -- the region has the API of the name; without it, the gateway's 404
  v5 = true,
  cinder = true,
  other_kind = "missing",  -- what a snapshot of the other kind is to an API, or "seen"
  missing = "own",         -- 404 of a snapshot: itemNotFound or EVS.5404
  wrong_state = "own",     -- 400 of a wrong state: badRequest or EVS.1047
  unknown_path = "own",    -- 404 of a path: text or APIGW.0101
  accepted = "own",        -- the 202: empty, with a job_id, JSON without one, or text
  group_members = "own",   -- whether a group's member is deleted alone
  id_lists = "all",        -- which of many ids a list heeds; "refuse": 400 if there is any
  markers = "heed",        -- or "ignore"
  lost_marker = "own",     -- a marker that is not there: 400, 404 or none
}

local WORDS = {
  other_kind = { "missing", "seen" },
  missing = { "own", "openstack", "evs" },
  wrong_state = { "own", "openstack", "evs" },
  unknown_path = { "own", "openstack", "gateway" },
  accepted = { "own", "empty", "job", "no_job", "text" },
  group_members = { "own", "refuse", "delete" },
  id_lists = { "all", "first", "last", "ignore", "refuse" },
  markers = { "heed", "ignore" },
  lost_marker = { "own", "refuse", "missing", "ignore" },
}

-- What is wrong with a change, or nil.
local function problem_of(name, value)
  local default = DEFAULTS[name]
  if default == nil then return "no such setting: " .. tostring(name) end
  if type(value) ~= type(default) then return ("%s must be a %s"):format(name, type(default)) end
  if not WORDS[name] then return nil end
  for _, word in ipairs(WORDS[name]) do
    if value == word then return nil end
  end
  return ("%s must be one of: %s"):format(name, table.concat(WORDS[name], ", "))
end

--- All settings, defaults filled in.
function settings.all()
  local chosen = state.get("settings") or {}
  local all = {}
  for name, default in pairs(DEFAULTS) do
    if chosen[name] == nil then all[name] = default else all[name] = chosen[name] end
  end
  return all
end

--- One setting; of one that may be "own", what it comes to for a generation.
function settings.get(name, generation)
  local chosen = state.get("settings") or {}
  local value = chosen[name]
  if value == nil then value = DEFAULTS[name] end
  if value == "own" then return generation[name] end
  return value
end

--- Changes some settings. Returns true, or nil and what was wrong.
function settings.change(changes)
  for name, value in pairs(changes) do
    local problem = problem_of(name, value)
    if problem then return nil, problem end
  end
  local all = settings.all()
  for name, value in pairs(changes) do all[name] = value end
  state.set("settings", all)
  return true
end

return settings
