-- Which snapshots are without their disk.

local present = require("evs.retention.judge").present

local DEFAULT_PROJECT = "0" -- the enterprise project of what names none

-- What the list of disks shows: the set of their ids, and that of their enterprise projects.
local function known_of(volumes)
  local ids, projects = {}, {}
  for i, volume in ipairs(volumes) do
    if type(volume) ~= "table" or type(volume.id) ~= "string" then
      error(("retention: volumes[%d]: a disk with an id expected"):format(i), 3)
    end
    ids[volume.id] = true
    projects[present(volume.enterprise_project_id) or DEFAULT_PROJECT] = true
  end
  return ids, projects
end

return function(snapshots, volumes)
  if type(snapshots) ~= "table" or type(volumes) ~= "table" or #volumes == 0 then
    error("retention: orphans: an array of snapshots and one of all disks expected", 2)
  end
  local ids, projects = known_of(volumes)
  local found = {}
  for _, snapshot in ipairs(snapshots) do
    local disk = present(snapshot.volume_id)
    local seen = projects[present(snapshot.enterprise_project_id) or DEFAULT_PROJECT]
    if seen and type(disk) == "string" and disk ~= "" and not ids[disk] then
      found[#found + 1] = snapshot
    end
  end
  return found
end
