--- The snapshots that exist, and what time makes of a deletion that was accepted.
--
-- A snapshot carries what EVS shows of it and how it behaves when deleted:
--   deleting_after  seconds after the 202 during which it still shows its old status (0)
--   delete_seconds  seconds it then shows `deleting` (0: over at the next look)
--   after_delete    what comes of it: "gone", "error_deleting", "available", or "never" (it stays
--                   `deleting`)
--   accepted_at     when the 202 was given
-- Nothing runs in the background: each look works out the state from the time gone by. That time
-- is the machine's, a skewed emulator clock does not speed it up.

local cjson = require "cjson"
local clock = require "emulator.clock"
local volumes = require "emulator.volumes"

local snapshots = {}

local dict = ngx.shared.evs_snapshots

-- Decoded copies and the listing order: both can be rebuilt from the dictionary at any time.
local decoded = {}
local order

local function key_of(project_id, id)
  return project_id .. "/" .. id
end

local function save(snapshot)
  local key = key_of(snapshot.project_id, snapshot.id)
  if not dict:get(key) then order = nil end
  assert(dict:set(key, cjson.encode(snapshot)))
  decoded[key] = snapshot
end

local function remove(snapshot)
  local key = key_of(snapshot.project_id, snapshot.id)
  dict:delete(key)
  decoded[key] = nil
end

local function load(key)
  local snapshot = decoded[key]
  if not snapshot then
    local text = dict:get(key)
    snapshot = text and cjson.decode(text)
    decoded[key] = snapshot
  end
  return snapshot
end

-- Moves a snapshot to the state it has by now. Returns it, or nil when it has gone.
local function settle(snapshot)
  if not snapshot or not snapshot.accepted_at then return snapshot end
  local passed = ngx.now() - snapshot.accepted_at - (snapshot.deleting_after or 0)
  if passed < 0 then return snapshot end
  local after = snapshot.after_delete or "gone"
  if after == "never" or passed < (snapshot.delete_seconds or 0) then
    snapshot.shown = "deleting"
    return snapshot
  end
  if after == "gone" then
    remove(snapshot)
    return nil
  end
  snapshot.status, snapshot.shown, snapshot.accepted_at = after, nil, nil
  save(snapshot)
  return snapshot
end

-- What a snapshot has unless it was put with something else.
local DEFAULTS = {
  legacy = { generation = "legacy", availability_zone = "az1.dc1", enterprise_project_id = "0" },
  standard = {
    generation = "standard", availability_zone = "az1.dc1", enterprise_project_id = "0",
    encrypted = false, cmk_id = cjson.null, category = "standard", tags = {},
    instant_access = false, retention_at = cjson.null, instant_access_retention_at = cjson.null,
    incremental = true, snapshot_type = "user", progress = "100%",
    encrypt_algorithm = cjson.null, snapshot_group_id = cjson.null, version = "v5",
    frozen = false,
  },
}

--- A field of a snapshot as it is now, be it given or not.
function snapshots.value(snapshot, name)
  if name == "status" then return snapshot.shown or snapshot.status end
  local value = snapshot[name]
  if value ~= nil then return value end
  return DEFAULTS[snapshot.generation or "legacy"][name]
end

--- The chains of a standard snapshot, each filled up with what it does not have: one for each disk,
-- unless it was put with others.
function snapshots.chains(snapshot)
  local chains = {}
  for i, given in ipairs(snapshot.snapshot_chains or { {} }) do
    local chain = {
      id = "c4a1c4a1" .. snapshot.volume_id:sub(9), capacity = 2.4648438, snapshot_count = 1,
      category = "standard", project_id = snapshot.project_id, volume_id = snapshot.volume_id,
      availability_zone = snapshots.value(snapshot, "availability_zone"),
      created_at = snapshot.created_at, updated_at = snapshot.created_at,
    }
    for name, value in pairs(given) do chain[name] = value end
    chains[i] = chain
  end
  return chains
end

--- Whether a snapshot is of a kind, "legacy" or "standard".
function snapshots.is(snapshot, kind)
  return (snapshot.generation or "legacy") == kind
end

--- Forgets all snapshots.
function snapshots.clear()
  dict:flush_all()
  dict:flush_expired()
  decoded, order = {}, nil
end

--- Puts one snapshot, filling in what was not given. A later one counts as younger.
function snapshots.put(snapshot)
  local number = dict:incr("#", 1, 0)
  snapshot.id = snapshot.id or ("5a5a5a5a-0000-4000-8000-%012d"):format(number)
  snapshot.name = snapshot.name == nil and "snapshot-" .. number or snapshot.name
  snapshot.status = snapshot.status or "available"
  if snapshots.is(snapshot, "legacy") then snapshot.metadata = snapshot.metadata or {} end
  snapshot.volume_id = snapshot.volume_id or "b0b0b0b0-0000-4000-8000-000000000001"
  snapshot.size = snapshot.size or 10
  snapshot.created_at = snapshot.created_at or clock.iso(1767225600 + number / 1000)
  snapshot.shown = nil
  if snapshot.status == "deleting" then
    snapshot.accepted_at = ngx.now()
    if not snapshot.delete_seconds then snapshot.after_delete = snapshot.after_delete or "never" end
  end
  save(snapshot)
  if not snapshot.orphan then volumes.put_of(snapshot) end
end

--- The snapshot as it is now, or nil.
function snapshots.get(project_id, id)
  return settle(load(key_of(project_id, id)))
end

--- Accepts the deletion of a snapshot; its time begins now, unless it was accepted before.
function snapshots.delete(snapshot)
  snapshot.accepted_at = snapshot.accepted_at or ngx.now()
  save(snapshot)
end

local function younger(a, b)
  if a.created_at ~= b.created_at then return a.created_at > b.created_at end
  return a.id > b.id
end

--- Those that exist of some ids, each once; youngest first.
function snapshots.some(project_id, ids)
  local found, seen = {}, {}
  for _, id in ipairs(ids) do
    local snapshot = not seen[id] and snapshots.get(project_id, id)
    seen[id] = true
    if snapshot then found[#found + 1] = snapshot end
  end
  table.sort(found, younger)
  return found
end

local function ordered_keys()
  if order then return order end
  local all = {}
  for _, key in ipairs(dict:get_keys(0)) do
    if key ~= "#" then all[#all + 1] = load(key) end
  end
  table.sort(all, younger)
  order = {}
  for i, snapshot in ipairs(all) do order[i] = key_of(snapshot.project_id, snapshot.id) end
  return order
end

--- All snapshots that exist now, youngest first: those of one project, or of all when nil.
function snapshots.all(project_id)
  local found = {}
  for _, key in ipairs(ordered_keys()) do
    local snapshot = settle(load(key))
    if snapshot and (not project_id or snapshot.project_id == project_id) then
      found[#found + 1] = snapshot
    end
  end
  return found
end

return snapshots
