--- The EVS APIs: delete, show and list snapshots, and list disks. Takes requests whose credentials
-- were checked.

local answers = require "emulator.answers"
local lists = require "emulator.lists"
local refusals = require "emulator.refusals"
local settings = require "emulator.settings"
local signature = require "emulator.signature"
local snapshots = require "emulator.snapshots"
local views = require "emulator.views"

local evs = {}

local DELETABLE = { available = true, error = true }

-- The snapshot as a generation has it, or nil.
local function find(generation, project_id, id)
  local snapshot = snapshots.get(project_id, id)
  if not snapshot or snapshots.is(snapshot, generation.kind) then return snapshot end
  return settings.get("other_kind") == "seen" and snapshot or nil
end

local function in_group(snapshot)
  return type(snapshot.snapshot_group_id) == "string" and snapshot.snapshot_group_id ~= ""
end

local function delete(request, generation, id)
  local snapshot = find(generation, request.project_id, id)
  local accepted = settings.get("accepted", generation)
  if not snapshot then
    return settings.get("any_snapshot") and answers.accepted(accepted)
      or refusals.missing(generation, id)
  end
  local status = snapshots.value(snapshot, "status")
  if not DELETABLE[status]
    or in_group(snapshot) and settings.get("group_members", generation) == "refuse" then
    return refusals.wrong_state(generation, status)
  end
  snapshots.delete(snapshot)
  return answers.accepted(accepted)
end

local function show(request, generation, id)
  local snapshot = find(generation, request.project_id, id)
  if not snapshot then return refusals.missing(generation, id) end
  local answer = answers.json(200, { snapshot = views.show(generation.view, snapshot) })
  answer.openstack = true
  return answer
end

local ONE = { DELETE = delete, GET = show }

-- The function that serves a method on the rest of a path, and what it takes beside the request.
local function operation_of(generation, method, rest)
  if method == "GET" and generation.lists[rest] then return lists.answer, generation.lists[rest] end
  local counted = generation.counts and generation.counts[rest]
  if method == "GET" and counted then return lists.count, counted end
  local id = rest:match("^" .. generation.collection .. "/([^/]+)$")
  if not id then return nil end
  return ONE[method], signature.decode(id)
end

--- Finds the operation of a request, whose `generation` and `rest` are known.
-- @return a function that performs it; or nil, and whose the 404 is: "gateway" or "openstack"
function evs.route(request)
  local generation = request.generation
  if settings.get(generation.name) == false then return nil, "gateway" end
  local operation, what
  if request.rest then
    operation, what = operation_of(generation, request.method, request.rest)
  end
  if not operation then return nil, settings.get("unknown_path", generation) end
  return function(asked) return operation(asked, generation, what) end
end

return evs
