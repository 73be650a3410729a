-- Proves the emulator's disks, by which a client finds snapshots without one.

local emulator = require("spec.support.emulator").start()
local signed = require("spec.support.signed").to(emulator)

local function list(query)
  local target = ("/v2/%s/cloudvolumes/detail%s"):format(emulator.project_id, query or "")
  local status, body = signed:ask("GET", target)
  assert.equal(200, status)
  local ids = {}
  for i, disk in ipairs(body.volumes) do ids[i] = disk.id end
  return table.concat(ids, " "), body
end

before_each(function() emulator:reset() end)

describe("the list of disks", function()
  it("has each snapshot's disk once, but an orphan's", function()
    emulator:put { { id = "a", volume_id = "v1", size = 7 }, { id = "b", volume_id = "v1" },
      { id = "c", volume_id = "v2", generation = "standard" },
      { id = "d", volume_id = "v3", orphan = true },
      { id = "e", volume_id = "v4", project_id = "another" } }
    local ids, body = list()
    assert.equal("v2 v1", ids)
    assert.equal(2, body.count)
    assert.equal(7, body.volumes[2].size)
    assert.equal("available", body.volumes[1].status)
  end)

  it("keeps a disk whose snapshots are gone, until it is taken away", function()
    emulator:put { { id = "a", volume_id = "v1" } }
    emulator:volumes { { id = "v2", name = "data", size = 100 } }
    signed:call("DELETE", "a")
    assert.equal("v2 v1", (list()))
    emulator:volumes { id = "v1", remove = true }
    assert.equal("v2", (list()))
    assert.equal("data", emulator:volumes()[1].name)
    emulator:reset()
    assert.equal("", (list()))
  end)

  it("comes page by page, by offset, by link and by marker", function()
    local disks = {}
    for i = 1, 5 do disks[i] = { id = "v" .. i } end
    emulator:volumes(disks)
    local ids, body = list("?limit=2&offset=1")
    assert.equal("v4 v3", ids)
    assert.equal(5, body.count)
    assert.matches("offset=3&limit=2$", body.volumes_links[1].href)
    assert.equal("v2 v1", (list("?offset=3&limit=2")))
    assert.equal("v3 v2", (list("?marker=v4&limit=2")))
    assert.equal("v1 v2", (list("?sort_dir=asc&limit=2")))
    assert.equal("v3", (list("?id=v3")))
  end)

  it("is not there in a region without the legacy API", function()
    emulator:settings { legacy = false }
    local status, body = signed:ask("GET",
      ("/v2/%s/cloudvolumes/detail"):format(emulator.project_id))
    assert.equal(404, status)
    assert.equal("APIGW.0101", body.error_code)
  end)
end)
