--- The APIs for snapshots that the emulator speaks, as data: what one is and how it differs.
--
-- A generation is
--   name, version   "v5" and the first part of its paths
--   projects        pattern of the project ids that its paths may have
--   collection      the part of a snapshot's path that stands before the id
--   kind            the kind of snapshots that it has: "legacy" or "standard"
--   view            how it shows one (views.lua)
--   invalid         in whose manner a bad query is refused: "openstack" or "evs"
--   anonymous       whose 401 is for a request without credentials: "gateway" or "keystone"
--   lists, counts   its lists, by the rest of the path; and where it only counts their rows
-- and its own way in what settings.lua leaves to it ("own"). A list is
--   rows            "snapshots" or "volumes"; also the name of the array
--   view            how it shows a row
--   filters         the parameters that choose rows by the row's field of that name
--   ids             how one request names many: "repeated" (id=a&id=b) or "ids" (ids=a,b)
--   sorts           fields that sort_key may name
--   count           the body tells how many rows there are
--   links           by what a link leads to the next page: "offset" (while rows are left) or
--                   "marker" (after a full page)
--   markers         `marker` is heeded
--   high_limit      a limit over 1000: "refuse" or "cap"

local generations = {}

local DISK_FILTERS = { "name", "status", "availability_zone", "id", "enterprise_project_id" }

generations.legacy = {
  name = "legacy", version = "v2", collection = "cloudsnapshots", kind = "legacy", view = "legacy",
  missing = "openstack", wrong_state = "evs", unknown_path = "openstack", invalid = "openstack",
  accepted = "empty", group_members = "delete", lost_marker = "refuse", anonymous = "gateway",
  lists = {
    ["cloudsnapshots/detail"] = {
      rows = "snapshots", view = "legacy", ids = "repeated", count = true, links = "offset",
      filters = { "name", "status", "volume_id", "id", "availability_zone",
        "enterprise_project_id" },
      sorts = {}, high_limit = "refuse",
    },
    ["cloudvolumes/detail"] = {
      rows = "volumes", view = "volume", count = true, links = "offset", markers = true,
      filters = DISK_FILTERS, sorts = { "id", "status", "created_at", "size" },
      high_limit = "refuse",
    },
  },
}

local V5_LIST = {
  rows = "snapshots", view = "standard", ids = "ids", markers = true,
  filters = { "id", "name", "status", "volume_id", "availability_zone", "snapshot_type",
    "snapshot_chain_id", "snapshot_group_id", "enterprise_project_id", "tag_key", "tags" },
  sorts = { "id", "status", "created_at", "size" }, high_limit = "refuse",
}

local V5_COUNT = {
  rows = "snapshots", sorts = {}, high_limit = "cap",
  filters = { "id", "name", "status", "volume_id", "availability_zone", "snapshot_type",
    "snapshot_chain_id", "enterprise_project_id", "tag_key", "tags" },
}

generations.v5 = {
  name = "v5", version = "v5", collection = "snapshots", kind = "standard", view = "standard",
  missing = "evs", wrong_state = "evs", unknown_path = "gateway", invalid = "evs",
  accepted = "job", group_members = "delete", lost_marker = "refuse", anonymous = "gateway",
  lists = { ["snapshots/detail"] = V5_LIST },
  counts = { ["snapshots/count"] = V5_COUNT },
}

local function cinder_list(rows, view, filters)
  return { rows = rows, view = view, filters = filters, links = "marker", markers = true,
    sorts = { "id", "name", "status", "created_at", "size" }, high_limit = "cap" }
end

local CINDER_FILTERS = { "name", "status", "volume_id", "availability_zone" }

generations.cinder = {
  name = "cinder", version = "v3", collection = "snapshots", kind = "legacy", view = "legacy",
  missing = "openstack", wrong_state = "openstack", unknown_path = "openstack",
  invalid = "openstack", accepted = "empty", group_members = "refuse", lost_marker = "missing",
  anonymous = "keystone", projects = "^[%x-]+$",
  lists = {
    ["snapshots"] = cinder_list("snapshots", "summary", CINDER_FILTERS),
    ["snapshots/detail"] = cinder_list("snapshots", "legacy", CINDER_FILTERS),
    ["volumes/detail"] = cinder_list("volumes", "volume", { "name", "status",
      "availability_zone" }),
  },
}

local BY_VERSION = {}
for _, generation in ipairs { generations.legacy, generations.v5, generations.cinder } do
  BY_VERSION[generation.version] = generation
end

--- The generation that a path belongs to, and the path's rest behind the project, nil when there is
-- none; a path that belongs to none counts as legacy's.
function generations.of(path)
  local version, project_id, rest = path:match("^/(v%d+)/([^/]+)/(.+)$")
  local generation = BY_VERSION[version]
  if not generation then return generations.legacy, nil end
  if generation.projects and not project_id:find(generation.projects) then rest = nil end
  return generation, rest
end

return generations
