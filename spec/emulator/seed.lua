--- The demonstration set: one snapshot for each case that a newcomer wants to see, in both kinds.

local seed = {}

local function id(number)
  return ("e5e5e5e5-0000-4000-8000-%012d"):format(number)
end

local DISK = "b0b0b0b0-0000-4000-8000-000000000001"
local GROUP = "c0c0c0c0-0000-4000-8000-000000000001"

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
  manual_backup_id = id(11),
  standard_id = id(21),
  auto_id = id(22),
  copy_id = id(23),
  flash_id = id(24),
  category_id = id(25),
  chain_id = id(26),
  standard_backup_id = id(27),
  member_id = id(28),
  other_member_id = id(29),
  frozen_id = id(30),
  orphan_id = id(31),
  standard_error_id = id(32),
  standard_creating_id = id(33),
  missing_id = id(99),
}

local function legacy(ids)
  return {
    { id = ids.snapshot_id, name = "nightly", status = "available" },
    { id = ids.error_id, name = "broken", status = "error" },
    { id = ids.backup_id, name = "autobk_snapshot_2026", status = "available" },
    { id = ids.manual_backup_id, name = "manualbk_snapshot_vbs_2026", status = "available" },
    { id = ids.enabled_backup_id, name = "instant", status = "available",
      metadata = { __system__enableActive = "true" } },
    { id = ids.creating_id, name = "young", status = "creating" },
    { id = ids.deleting_id, name = "leaving", status = "deleting" },
    { id = ids.error_deleting_id, name = "stuck", status = "error_deleting" },
    { id = ids.rollbacking_id, name = "rolling", status = "rollbacking" },
    { id = ids.backing_up_id, name = "copied", status = "backing-up" },
    { id = ids.slow_id, name = "slow", status = "available", delete_seconds = 2 },
  }
end

local function standard(ids)
  return {
    { id = ids.standard_id, name = "nightly", tags = { purpose = "demonstration" } },
    { id = ids.auto_id, name = "by policy", snapshot_type = "auto",
      retention_at = "2026-12-31T00:00:00.000000" },
    { id = ids.copy_id, name = "from elsewhere", snapshot_type = "copy" },
    { id = ids.flash_id, name = "flash", category = "flash", instant_access = true },
    { id = ids.category_id, name = "of a backup", category = "backup" },
    { id = ids.chain_id, name = "on a backup's chain",
      snapshot_chains = { { category = "backup" } } },
    { id = ids.standard_backup_id, name = "autobk_snapshot_2026" },
    { id = ids.member_id, name = "group-1", snapshot_group_id = GROUP },
    { id = ids.other_member_id, name = "group-2", snapshot_group_id = GROUP,
      volume_id = "b0b0b0b0-0000-4000-8000-000000000002" },
    { id = ids.frozen_id, name = "frozen", frozen = true },
    { id = ids.orphan_id, name = "left behind", orphan = true,
      volume_id = "b0b0b0b0-0000-4000-8000-000000000099" },
    { id = ids.standard_error_id, name = "broken", status = "error" },
    { id = ids.standard_creating_id, name = "young", status = "creating" },
  }
end

local function add(list, snapshots, project_id, generation)
  for _, snapshot in ipairs(snapshots) do
    snapshot.project_id, snapshot.generation = project_id, generation
    snapshot.volume_id = snapshot.volume_id or DISK
    list[#list + 1] = snapshot
  end
end

--- The snapshots to put, for one project.
function seed.snapshots(project_id)
  local list = {}
  add(list, legacy(seed.ids), project_id, "legacy")
  add(list, standard(seed.ids), project_id, "standard")
  return list
end

return seed
