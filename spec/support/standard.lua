--- Standard snapshots as EVS's reference shows them, in its three forms: JSON text whose fields,
-- types and nulls are the reference's. Ids and names are invented.

local standard = {}

standard.PROJECT = "0123456789abcdef0123456789abcdef"

--- A whole one, of the answer to a change of its name. Its size is a number, its capacity a
-- fraction.
standard.CHANGED = [[{ "id": "10000000-0000-4000-8000-000000000001", "status": "available",
  "project_id": "]] .. standard.PROJECT .. [[", "progress": "100%", "size": 4, "name": "snap-1",
  "description": "nightly", "cmk_id": null, "encrypted": false,
  "created_at": "2025-10-17T13:42:21.752066", "updated_at": "2025-10-17T14:30:54.935919",
  "snapshot_chains": [ { "id": "20000000-0000-4000-8000-000000000001", "capacity": 2.4648438,
    "project_id": "]] .. standard.PROJECT .. [[",
    "volume_id": "30000000-0000-4000-8000-000000000001", "category": "standard",
    "availability_zone": "eu-de-01", "snapshot_count": 3,
    "created_at": "2025-10-17T12:19:47.229914", "updated_at": "2025-10-17T13:43:31.097469" } ],
  "volume_id": "30000000-0000-4000-8000-000000000001", "enterprise_project_id": "0",
  "category": "standard", "version": "v5", "instant_access": false,
  "instant_access_retention_at": null, "retention_at": null, "incremental": true,
  "snapshot_type": "user", "encrypt_algorithm": null, "availability_zone": "eu-de-01",
  "frozen": false, "tags": {}, "snapshot_group_id": null }]]

--- One of the answer that shows it: it has no name and no chains.
standard.SHOWN = [[{ "id": "10000000-0000-4000-8000-000000000002", "status": "available",
  "project_id": "]] .. standard.PROJECT .. [[", "size": 1, "name": null, "description": null,
  "cmk_id": null, "encrypted": false, "created_at": "2023-07-03T08:53:13.373010",
  "updated_at": "2023-07-03T08:53:13.578010",
  "volume_id": "30000000-0000-4000-8000-000000000002", "enterprise_project_id": "0",
  "category": "flash", "availability_zone": "az2.dc2", "tags": {}, "instant_access": true,
  "instant_access_retention_at": "2023-07-07T08:53:13.373010",
  "retention_at": "2023-07-07T08:53:13.373010" }]]

--- One of a list: it has metadata, and its project under the old name.
standard.LISTED = [[{ "status": "available", "os-extended-snapshot-attributes:progress": "100%",
  "description": null, "created_at": "2013-06-19T07:15:29.000000", "metadata": {},
  "volume_id": "30000000-0000-4000-8000-000000000003",
  "os-extended-snapshot-attributes:project_id": "]] .. standard.PROJECT .. [[", "size": 5,
  "id": "10000000-0000-4000-8000-000000000003", "name": "snap-3", "updated_at": null,
  "category": "flash", "enterprise_project_id": "0", "encrypted": false,
  "availability_zone": "az1.dc1", "tags": {} }]]

standard.ALL = { standard.CHANGED, standard.SHOWN, standard.LISTED }

--- The id of a snapshot's text.
function standard.id(text)
  return text:match('"id": "(1[^"]+)"')
end

--- The body of a list of all three.
function standard.list()
  return '{ "snapshots": [ ' .. table.concat(standard.ALL, ", ") .. " ] }"
end

return standard
