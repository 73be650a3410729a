-- Proves the emulator's API for standard snapshots, /v5.

local cjson = require "cjson"

local emulator = require("spec.support.emulator").start()
local signed = require("spec.support.signed").to(emulator)

local V5 = "v5/%s/snapshots"

local function ask(method, id)
  return signed:ask(method, signed:path(id, V5))
end

-- Puts standard snapshots.
local function put(list)
  for _, snapshot in ipairs(list) do snapshot.generation = "standard" end
  emulator:put(list)
end

-- The ids that a list's query chooses, joined by blanks, in their order.
local function listed(query)
  local status, body = ask("GET", "detail?" .. query)
  assert.equal(200, status, cjson.encode(body))
  local ids = {}
  for i, row in ipairs(body.snapshots) do ids[i] = row.id end
  return table.concat(ids, " ")
end

local function refused(status, code, query)
  local got, body = ask("GET", "detail?" .. query)
  assert.equal(status, got)
  assert.equal(code, body.error.code)
end

local function sorted(text)
  local words = {}
  for word in text:gmatch("%S+") do words[#words + 1] = word end
  table.sort(words)
  return table.concat(words, " ")
end

before_each(function() emulator:reset() end)

describe("a standard snapshot", function()
  it("is shown in the form of v5, with what the documentation does not name", function()
    put { { id = "a", name = cjson.null, size = 4 } }
    local status, body, _, text = ask("GET", "a")
    assert.equal(200, status)
    local shown = body.snapshot
    assert.equal(cjson.null, shown.name)
    assert.equal(4, shown.size)
    assert.is_nil(shown.metadata)
    assert.equal(emulator.project_id, shown.project_id)
    assert.equal("v5", shown.version)
    assert.is_false(shown.frozen)
    assert.equal("user", shown.snapshot_type)
    assert.equal("standard", shown.category)
    assert.equal(cjson.null, shown.snapshot_group_id)
    assert.matches('"tags":{}', text, 1, true)
    local chain = shown.snapshot_chains[1]
    assert.is_true(chain.capacity > 2 and chain.capacity < 3)
    assert.equal("standard", chain.category)
    assert.equal(shown.volume_id, chain.volume_id)
  end)

  it("shows what it was put with", function()
    put { { id = "a", metadata = { k = "v" }, snapshot_type = "auto", frozen = true,
      snapshot_chains = { { category = "backup" }, { id = "x" } }, fields = { size = "4" },
      without = { "category" } } }
    local _, body = ask("GET", "a")
    local shown = body.snapshot
    assert.same({ k = "v" }, shown.metadata)
    assert.equal("auto", shown.snapshot_type)
    assert.is_true(shown.frozen)
    assert.equal("4", shown.size)
    assert.is_nil(shown.category)
    assert.equal("backup", shown.snapshot_chains[1].category)
    assert.equal("x", shown.snapshot_chains[2].id)
    assert.is_number(shown.snapshot_chains[2].capacity)
  end)

  it("is deleted by a 202 with a job, of which each form can be had", function()
    put { { id = "a" }, { id = "b" }, { id = "c" }, { id = "d" } }
    local status, body, headers = ask("DELETE", "a")
    assert.equal(202, status)
    assert.matches("^%x+%-%x+%-%x+%-%x+%-%x+$", body.job_id)
    assert.equal("application/json", headers["content-type"])
    local bodies = { { "empty", "" }, { "no_job", "{}" }, { "text", "accepted" } }
    for i, id in ipairs { "b", "c", "d" } do
      emulator:settings { accepted = bodies[i][1] }
      local answer = { ask("DELETE", id) }
      assert.equal(202, answer[1])
      assert.equal(bodies[i][2], answer[4])
    end
    assert.equal(0, #emulator:snapshots())
  end)

  it("is refused in a wrong state, and has the states of the others", function()
    put { { id = "a", status = "creating" }, { id = "b", after_delete = "error_deleting" } }
    local status, body = ask("DELETE", "a")
    assert.equal(400, status)
    assert.equal("EVS.1047", body.error.code)
    assert.equal(202, (ask("DELETE", "b")))
    status, body = ask("DELETE", "b")
    assert.equal(500, status)
    assert.equal("EVS.2019", body.error.code)
  end)

  it("that is not there is EVS.5404, or itemNotFound when told", function()
    local status, body = ask("GET", "a")
    assert.equal(404, status)
    assert.equal("EVS.5404", body.error.code)
    emulator:settings { missing = "openstack" }
    status, body = ask("DELETE", "a")
    assert.equal(404, status)
    assert.equal(404, body.itemNotFound.code)
  end)

  it("is deleted as a group's member, unless told otherwise", function()
    put { { id = "a", snapshot_group_id = "g" }, { id = "b", snapshot_group_id = "g" } }
    assert.equal(202, (ask("DELETE", "a")))
    emulator:settings { group_members = "refuse" }
    assert.equal(400, (ask("DELETE", "b")))
  end)

  it("is not the other API's, unless told so", function()
    put { { id = "new" } }
    emulator:put { id = "old" }
    assert.equal(404, (ask("GET", "old")))
    assert.equal(404, (ask("DELETE", "old")))
    assert.equal(404, (signed:call("GET", "new")))
    assert.equal(404, (signed:call("DELETE", "new")))
    assert.equal("new", listed(""))
    local _, body = signed:call("GET", "detail")
    assert.equal(1, body.count)
    emulator:settings { other_kind = "seen" }
    assert.equal("old new", listed(""))
    assert.equal(202, (ask("DELETE", "old")))
    assert.equal(202, (signed:call("DELETE", "new")))
    assert.equal(0, #emulator:snapshots())
  end)

  it("does not exist in a region without v5: the gateway says so, whoever asks", function()
    put { { id = "a" } }
    emulator:settings { v5 = false }
    for _, id in ipairs { "a", "detail", "count" } do
      local status, body = ask("GET", id)
      assert.equal(404, status)
      assert.equal("APIGW.0101", body.error_code)
    end
    assert.equal(404, (signed:send("DELETE", signed:path("a", V5))))
    assert.equal(404, (signed:call("GET", "a")))
    assert.equal(1, #emulator:snapshots())
  end)

  it("has no plain list: that is the gateway's 404, too", function()
    local status, body = signed:ask("GET", "/" .. V5:format(emulator.project_id))
    assert.equal(404, status)
    assert.equal("APIGW.0101", body.error_code)
  end)
end)

describe("the list of standard snapshots", function()
  local function put_letters(letters)
    local list = {}
    for letter in letters:gmatch(".") do list[#list + 1] = { id = letter } end
    put(list)
  end

  it("has the youngest first, and nothing but the rows", function()
    put_letters("abc")
    assert.equal("c b a", listed(""))
    local _, body = ask("GET", "detail")
    assert.is_nil(body.count)
    assert.is_nil(body.snapshots_links)
  end)

  it("is paged by marker and by offset", function()
    put_letters("abcdefg")
    assert.equal("g f e", listed("limit=3"))
    assert.equal("d c b", listed("limit=3&marker=e"))
    assert.equal("a", listed("limit=3&marker=b"))
    assert.equal("", listed("limit=3&marker=a"))
    assert.equal("d c", listed("limit=2&offset=3"))
    assert.equal("c b", listed("limit=2&offset=1&marker=e"))
  end)

  it("skips rows by offset when some are deleted meanwhile, and none by marker", function()
    put_letters("abcdef")
    assert.equal("f e", listed("limit=2"))
    ask("DELETE", "f")
    assert.equal("c b", listed("limit=2&offset=2"))
    assert.equal("d c", listed("limit=2&marker=e"))
  end)

  it("refuses a marker that is gone, or does not know it, or goes on from the start", function()
    put_letters("abc")
    ask("DELETE", "b")
    refused(400, "EVS.1024", "marker=b")
    emulator:settings { lost_marker = "missing" }
    refused(404, "EVS.5404", "marker=b")
    emulator:settings { lost_marker = "ignore" }
    assert.equal("c a", listed("marker=b"))
  end)

  it("can ignore all markers", function()
    put_letters("abc")
    emulator:settings { markers = "ignore" }
    assert.equal("c b", listed("limit=2&marker=b"))
  end)

  it("is sorted as asked", function()
    put { { id = "a", size = 9 }, { id = "b", size = 10 }, { id = "c", size = 1 } }
    assert.equal("a b c", listed("sort_dir=asc"))
    assert.equal("b a c", listed("sort_key=size"))
    assert.equal("c a", listed("sort_key=size&sort_dir=asc&limit=2"))
    assert.equal("c b a", listed("sort_key=id&sort_dir=desc"))
    refused(400, "EVS.5400", "sort_key=colour")
    refused(400, "EVS.5400", "sort_dir=up")
  end)

  it("refuses limits and offsets that are none", function()
    refused(400, "EVS.1023", "limit=0")
    refused(400, "EVS.1023", "limit=x")
    refused(400, "EVS.2142", "limit=1001")
    refused(400, "EVS.5400", "offset=-1")
  end)

  it("chooses by ids with raw and escaped commas, and passes over those that are not", function()
    put_letters("abcd")
    assert.equal("c a", listed("ids=a,c,no"))
    assert.equal("c a", listed("ids=a%2Cc%2Cno%2Ca"))
    assert.equal("b", listed("id=b"))
    assert.equal("a", listed("ids=a&id=b"))
    assert.equal("", listed("ids=no"))
    assert.equal("c b", listed("ids=a,b,c&limit=2"))
    assert.equal("a", listed("ids=a,b,c&limit=2&marker=b"))
  end)

  it("takes up to 60 ids", function()
    put_letters("a")
    assert.equal("a", listed("ids=a" .. (",x"):rep(59)))
    refused(400, "EVS.5400", "ids=a" .. (",x"):rep(60))
  end)

  it("heeds ids as told", function()
    put_letters("abc")
    local function with(how)
      emulator:settings { id_lists = how }
      return listed("ids=a,b")
    end
    assert.same({ "a", "b", "c b a" }, { with("first"), with("last"), with("ignore") })
    emulator:settings { id_lists = "refuse" }
    refused(400, "EVS.5400", "ids=a,b")
    assert.equal("c b a", listed(""))
  end)

  it("chooses by each of its filters, and counts by them", function()
    put {
      { id = "a", name = "x y", status = "error", volume_id = "v1", tags = { k = "1", l = "2" } },
      { id = "b", snapshot_type = "auto", snapshot_group_id = "g", availability_zone = "z" },
      { id = "c", snapshot_chains = { { id = "chain" } }, enterprise_project_id = "ep",
        tags = { k = "2" } },
    }
    for query, expected in pairs {
      ["name=x%20y"] = "a", ["status=error"] = "a", ["volume_id=v1"] = "a",
      ["snapshot_type=auto"] = "b", ["availability_zone=z"] = "b",
      ["snapshot_chain_id=chain"] = "c", ["enterprise_project_id=ep"] = "c",
      ["enterprise_project_id=0"] = "b a", ["enterprise_project_id=all_granted_eps"] = "c b a",
      ["tag_key=k"] = "c a", ["tag_key=l"] = "a", ["tags=%7B%22k%22%3A%222%22%7D"] = "c",
      ["tags=%7B%22k%22%3A%221%22%2C%22l%22%3A%222%22%7D"] = "a",
      ["tags=%5B%7B%22key%22%3A%22k%22%2C%22value%22%3A%221%22%7D%5D"] = "a",
      ["status=available&tag_key=k"] = "c", ["unknown=1"] = "c b a",
    } do
      assert.equal(expected, listed(query), query)
      local status, body = ask("GET", "count?" .. query)
      assert.equal(200, status)
      assert.equal(#expected:gsub(" ", ""), body.count, query)
    end
    assert.equal("b", listed("snapshot_group_id=g"))
    refused(400, "EVS.5400", "tags=k")
  end)

  it("of the demonstration set has one for each case", function()
    emulator:reset(true)
    local function ids(...)
      local known, found = emulator:call("GET", "").seed, {}
      for i, name in ipairs { ... } do found[i] = known[name] end
      table.sort(found)
      return table.concat(found, " ")
    end
    assert.equal(emulator.standard_id, ids("standard_id"))
    assert.equal(ids("auto_id"), listed("snapshot_type=auto"))
    assert.equal(ids("copy_id"), listed("snapshot_type=copy"))
    assert.equal(ids("member_id", "other_member_id"),
      sorted(listed("snapshot_group_id=c0c0c0c0-0000-4000-8000-000000000001")))
    assert.equal(ids("standard_error_id"), listed("status=error"))
    local _, body = ask("GET", ids("chain_id"))
    assert.equal("backup", body.snapshot.snapshot_chains[1].category)
    _, body = ask("GET", ids("category_id"))
    assert.equal("backup", body.snapshot.category)
    _, body = ask("GET", ids("frozen_id"))
    assert.is_true(body.snapshot.frozen)
    _, body = ask("GET", ids("flash_id"))
    assert.is_true(body.snapshot.instant_access)
    _, body = signed:ask("GET", ("/v2/%s/cloudvolumes/detail"):format(emulator.project_id))
    assert.equal(2, body.count)
  end)
end)
