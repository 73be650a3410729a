-- Proves what the emulator shows and lists of legacy snapshots.

local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"

local emulator = require("spec.support.emulator").start()
local signed = require("spec.support.signed").to(emulator)

before_each(function() emulator:reset() end)

describe("what is shown", function()
  it("has the fields of EVS, and can be bent", function()
    emulator:put { { id = "a", name = "n", metadata = { k = "v" }, size = 3 },
      { id = "b", fields = { name = cjson.null, extra = 1 }, without = { "metadata" } } }
    local _, body = signed:call("GET", "a")
    local shown = body.snapshot
    assert.same({ k = "v" }, shown.metadata)
    assert.equal("n", shown.name)
    assert.equal(3, shown.size)
    assert.equal(cjson.null, shown.updated_at)
    assert.equal(emulator.project_id, shown["os-extended-snapshot-attributes:project_id"])
    _, body = signed:call("GET", "b")
    assert.equal(cjson.null, body.snapshot.name)
    assert.is_nil(body.snapshot.metadata)
    assert.equal(1, body.snapshot.extra)
  end)

  local function list(query)
    local target = signed:path("detail") .. query
    return signed:send("GET", target, signed:sign("GET", target))
  end

  it("is listed page by page, youngest first, with links that lead to the end", function()
    local snapshots = {}
    for i = 1, 25 do snapshots[i] = { id = "id-" .. i, status = i % 2 == 0 and "error" or nil } end
    emulator:put(snapshots)
    local seen, target = {}, signed:path("detail") .. "?limit=10"
    while target do
      local status, body = signed:send("GET", target, signed:sign("GET", target))
      assert.equal(200, status)
      assert.equal(25, body.count)
      for _, snapshot in ipairs(body.snapshots) do seen[#seen + 1] = snapshot.id end
      target = body.snapshots_links and body.snapshots_links[1].href:match("//[^/]+(.*)$")
    end
    assert.equal(25, #seen)
    assert.equal("id-25", seen[1])
    assert.equal("id-1", seen[25])
    local _, body = list("?status=error&offset=10")
    assert.equal(12, body.count)
    assert.equal(2, #body.snapshots)
  end)

  it("is listed without links and in small pages when told so, and an empty list is []", function()
    emulator:put { {}, {}, {} }
    emulator:settings { links = false, page_size = 2 }
    local _, body = list("")
    assert.equal(2, #body.snapshots)
    assert.is_nil(body.snapshots_links)
    emulator:reset()
    local target = signed:path("detail")
    local parts = {}
    http.request { url = emulator.endpoint .. target, headers = signed:sign("GET", target),
      sink = ltn12.sink.table(parts) }
    assert.matches('"snapshots":[]', table.concat(parts), 1, true)
  end)

  it("refuses limits outside 1 to 1000", function()
    for _, query in ipairs { "?limit=0", "?limit=1001", "?limit=x", "?offset=-1" } do
      assert.equal(400, (list(query)))
    end
  end)

  it("is chosen by many ids, whatever their order", function()
    emulator:put { { id = "a" }, { id = "b" }, { id = "c" }, { id = "d", project_id = "another" } }
    local function ids(query)
      local status, body = list(query)
      assert.equal(200, status)
      local found = {}
      for i, row in ipairs(body.snapshots) do found[i] = row.id end
      return table.concat(found, " "), body.count
    end
    assert.same({ "c a", 2 }, { ids("?id=a&id=c&id=no&id=d") })
    assert.same({ "c a", 2 }, { ids("?id=c&limit=10&id=a&id=c") })
    assert.same({ "b", 1 }, { ids("?id=b") })
    assert.same({ "c", 2 }, { ids("?id=a&id=c&limit=1") })
    local function with(how)
      emulator:settings { id_lists = how }
      return (ids("?id=a&id=c"))
    end
    assert.same({ "a", "c", "c b a" }, { with("first"), with("last"), with("ignore") })
    emulator:settings { id_lists = "refuse" }
    local status, body = list("?id=a&id=c")
    assert.equal(400, status)
    assert.equal(400, body.badRequest.code)
    assert.same({ id = { "c", "a", "c" }, limit = { "10" } }, emulator:log()[2].query)
  end)

  it("has links that carry all ids on", function()
    emulator:put { { id = "a" }, { id = "b" }, { id = "c" } }
    local _, body = list("?id=a&id=b&limit=1")
    assert.matches("?offset=1&limit=1&id=a&id=b", body.snapshots_links[1].href, 1, true)
  end)

  it("can lack rows, have them twice, and show in rows what it does not show alone", function()
    emulator:put { { id = "a", listed = { times = 0 } }, { id = "b", listed = { times = 2 } },
      { id = "c", listed = { without = { "metadata", "name", "status" }, fields = {
        ["os-extended-snapshot-attributes:project_id"] = "another", size = cjson.null } } } }
    local _, body = list("")
    assert.equal(3, body.count)
    assert.equal(3, #body.snapshots)
    local row = body.snapshots[1]
    assert.equal("c", row.id)
    assert.is_nil(row.metadata or row.name or row.status)
    assert.equal("another", row["os-extended-snapshot-attributes:project_id"])
    assert.equal(cjson.null, row.size)
    assert.same({ "b", "b" }, { body.snapshots[2].id, body.snapshots[3].id })
    for _, id in ipairs { "a", "b", "c" } do
      local status, one = signed:call("GET", id)
      assert.equal(200, status)
      assert.equal("available", one.snapshot.status)
      assert.is_table(one.snapshot.metadata)
    end
  end)

  it("answers unknown paths as OpenStack or as the gateway does", function()
    local status, body = signed:call("PATCH", "a")
    assert.equal(404, status)
    assert.matches("The resource could not be found", body)
    emulator:settings { unknown_path = "gateway" }
    status, body = signed:call("PATCH", "a")
    assert.equal(404, status)
    assert.equal("APIGW.0101", body.error_code)
  end)

  it("holds 5,000 snapshots put at once", function()
    local snapshots = {}
    for i = 1, 5000 do snapshots[i] = { id = "id-" .. i } end
    emulator:put(snapshots)
    assert.equal(5000, #emulator:snapshots())
  end)
end)
