--- The demonstration set: one snapshot for each case that a newcomer wants to see.

local seed = {}

local function id(number)
  return ("e5e5e5e5-0000-4000-8000-%012d"):format(number)
end

seed.ids = {
  snapshot_id = id(1),
  error_id = id(2),
  backup_id = id(3),
  enabled_backup_id = id(4),
  creating_id = id(5),
  deleting_id = id(6),
  error_deleting_id = id(7),
  rollbacking_id = id(8),
  backing_up_id = id(9),
  slow_id = id(10),
  missing_id = id(99),
}

--- The snapshots to put, for one project.
function seed.snapshots(project_id)
  local ids = seed.ids
  local list = {
    { id = ids.snapshot_id, name = "nightly", status = "available" },
    { id = ids.error_id, name = "broken", status = "error" },
    { id = ids.backup_id, name = "autobk_snapshot_2026", status = "available" },
    { id = ids.enabled_backup_id, name = "instant", status = "available",
      metadata = { __system__enableActive = "true" } },
    { id = ids.creating_id, name = "young", status = "creating" },
    { id = ids.deleting_id, name = "leaving", status = "deleting" },
    { id = ids.error_deleting_id, name = "stuck", status = "error_deleting" },
    { id = ids.rollbacking_id, name = "rolling", status = "rollbacking" },
    { id = ids.backing_up_id, name = "copied", status = "backing-up" },
    { id = ids.slow_id, name = "slow", status = "available", delete_seconds = 2 },
  }
  for _, snapshot in ipairs(list) do snapshot.project_id = project_id end
  return list
end

return seed
