--- The disks that exist: each snapshot's, unless it is an orphan, and those that were put.

local clock = require "emulator.clock"
local state = require "emulator.state"

local volumes = {}

local function key_of(project_id, id)
  return "volume:" .. project_id .. "/" .. id
end

--- Puts a disk, filling in what was not given, or with `remove` takes it away.
function volumes.put(volume)
  local key = key_of(volume.project_id, volume.id)
  if volume.remove then return state.set(key, nil) end
  local number = state.add("volumes", 1)
  volume.name = volume.name or "disk-" .. number
  volume.status = volume.status or "available"
  volume.size = volume.size or 10
  volume.availability_zone = volume.availability_zone or "az1.dc1"
  volume.enterprise_project_id = volume.enterprise_project_id or "0"
  volume.created_at = volume.created_at or clock.iso(1767139200 + number / 1000)
  state.set(key, volume)
end

--- Puts the disk of a snapshot, unless it is there.
function volumes.put_of(snapshot)
  local project_id, id = snapshot.project_id, snapshot.volume_id
  if state.get(key_of(project_id, id)) then return end
  volumes.put { project_id = project_id, id = id, size = snapshot.size,
    availability_zone = snapshot.availability_zone }
end

local function younger(a, b)
  if a.created_at ~= b.created_at then return a.created_at > b.created_at end
  return a.id > b.id
end

--- All disks of a project, or of all when nil; the youngest first.
function volumes.all(project_id)
  local found = {}
  for i, name in ipairs(state.names("volume:" .. (project_id and project_id .. "/" or ""))) do
    found[i] = state.get(name)
  end
  table.sort(found, younger)
  return found
end

--- A field of a disk, as filters and orders see it.
function volumes.value(volume, name)
  return volume[name]
end

return volumes
