--- What EVS shows of a snapshot or a disk: one function for each form.

local cjson = require "cjson"
local snapshots = require "emulator.snapshots"

local views = {}

local null = cjson.null

local function common(snapshot)
  return {
    id = snapshot.id,
    status = snapshots.value(snapshot, "status"),
    name = snapshot.name,
    description = snapshot.description or null,
    created_at = snapshot.created_at,
    updated_at = snapshot.updated_at or null,
    metadata = snapshot.metadata,
    volume_id = snapshot.volume_id,
    size = snapshot.size,
  }
end

local function legacy(snapshot)
  local view = common(snapshot)
  view["os-extended-snapshot-attributes:project_id"] = snapshot.project_id
  view["os-extended-snapshot-attributes:progress"] = "100%"
  return view
end

-- Shown of a standard snapshot as it is, beside what every form shows.
local STANDARD = { "project_id", "enterprise_project_id", "encrypted", "cmk_id", "category",
  "availability_zone", "tags", "instant_access", "retention_at", "instant_access_retention_at",
  "incremental", "snapshot_type", "progress", "encrypt_algorithm", "snapshot_group_id", "version",
  "frozen" }

local function standard(snapshot)
  local view = common(snapshot)
  for _, name in ipairs(STANDARD) do view[name] = snapshots.value(snapshot, name) end
  view.snapshot_chains = snapshots.chains(snapshot)
  return view
end

local function volume(disk)
  return {
    id = disk.id, name = disk.name, status = disk.status, size = disk.size,
    created_at = disk.created_at, updated_at = disk.updated_at or null,
    availability_zone = disk.availability_zone, volume_type = "SSD", bootable = "false",
    encrypted = false, multiattach = false, metadata = {}, tags = {},
    enterprise_project_id = disk.enterprise_project_id,
    ["os-vol-tenant-attr:tenant_id"] = disk.project_id,
  }
end

local FORMS = { legacy = legacy, summary = common, standard = standard, volume = volume }

-- Bends a view: `fields` replaces or adds, `without` leaves out.
local function bend(view, how)
  for name, value in pairs(how.fields or {}) do view[name] = value end
  for _, name in ipairs(how.without or {}) do view[name] = nil end
end

--- What is shown of a snapshot or a disk in a form of the name.
function views.show(form, item)
  local view = FORMS[form](item)
  bend(view, item)
  return view
end

--- The rows that a list has of it: one, unless `listed` of the item says otherwise.
function views.rows(form, item)
  local listed = item.listed or {}
  local rows = {}
  for i = 1, listed.times or 1 do
    rows[i] = views.show(form, item)
    bend(rows[i], listed)
  end
  return rows
end

return views
