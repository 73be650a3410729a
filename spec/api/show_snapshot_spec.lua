-- Proves show_snapshot: the snapshot as EVS sent it, nulls left out, or nil and an error.

local cjson = require "cjson"
local failure = require "spec.support.failure"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

local connect = require("spec.support.connect").with { retries = 0 }

local function assert_fails(expected, client, id)
  local snapshot, err = client:show_snapshot(project, id)
  assert.is_nil(snapshot)
  expected.outcome = "not_sent"
  return failure.check(err, expected)
end

before_each(function() emulator:reset() end)

describe("show_snapshot", function()
  it("gives what EVS shows, and asks once", function()
    emulator:put { id = "a", name = "nightly", status = "creating", size = 40, volume_id = "v",
      metadata = { owner = "ops", [""] = "x" } }
    local snapshot, none = connect():show_snapshot(project, "a")
    assert.is_nil(none)
    assert.equal("a", snapshot.id)
    assert.equal("nightly", snapshot.name)
    assert.equal("creating", snapshot.status)
    assert.equal(40, snapshot.size)
    assert.equal("v", snapshot.volume_id)
    assert.same({ owner = "ops", [""] = "x" }, snapshot.metadata)
    local log = emulator:log()
    assert.equal(1, #log)
    assert.equal("GET", log[1].method)
    assert.equal("/v2/" .. project .. "/cloudsnapshots/a", log[1].uri)
    assert.equal(0, log[1].body_bytes)
    assert.is_nil(log[1].headers["content-length"])
  end)

  it("gives a plain table, which the script may keep and change", function()
    emulator:put { { id = "a", name = "first" }, { id = "b", name = "second" } }
    local client = connect()
    local first = client:show_snapshot(project, "a")
    local second = client:show_snapshot(project, "b")
    client:close()
    first.name = first.name .. "!"
    assert.equal("first!", first.name)
    assert.equal("second", second.name)
    assert.is_nil(getmetatable(first))
  end)

  it("leaves JSON nulls out, at every depth", function()
    emulator:put { id = "a", name = cjson.null,
      fields = { x = { y = cjson.null, z = { { cjson.null, w = cjson.null, v = 1 } } } } }
    local snapshot = connect():show_snapshot(project, "a")
    assert.is_nil(snapshot.name)
    assert.is_nil(snapshot.description)
    local function check(value)
      assert.is_not.equal("userdata", type(value))
      if type(value) ~= "table" then return end
      for _, inner in pairs(value) do check(inner) end
    end
    check(snapshot)
  end)

  it("keeps the mark of a backup though its value is null", function()
    emulator:put { id = "a", metadata = { __system__enableActive = cjson.null } }
    local snapshot = connect():show_snapshot(project, "a")
    assert.is_not_nil(snapshot.metadata.__system__enableActive)
  end)

  it("shows whole numbers as integers, where Lua has them, and no other number changed", function()
    emulator:misbehave { status = 200, times = -1, body = [[{"snapshot":{"id":"a",
      "status":"available","size":10,"zero":0,"less":-3,"deep":{"list":[1,2.5,{"most":1e15}]},
      "half":0.5,"great":9007199254740994,"huge":1e300}}]] }
    local snapshot = connect():show_snapshot(project, "a")
    local list = snapshot.deep.list
    assert.same({ 10, 0, -3, 1, 2.5, 0.5, 1e300 }, { snapshot.size, snapshot.zero, snapshot.less,
      list[1], list[2], snapshot.half, snapshot.huge })
    assert.equal("10 0 -3 1", ("%s %s %s %s"):format(snapshot.size, snapshot.zero, snapshot.less,
      list[1]))
    assert.equal(2 ^ 53 + 2, snapshot.great)
    local type_of = rawget(math, "type") -- of Lua 5.3 and later
    if not type_of then return end
    for _, whole in ipairs { snapshot.size, snapshot.zero, list[1], list[3].most } do
      assert.equal("integer", type_of(whole))
    end
    for _, other in ipairs { snapshot.half, list[2], snapshot.great, snapshot.huge } do
      assert.equal("float", type_of(other))
    end
  end)

  it("shows whole numbers as integers in lists, too", function()
    emulator:put { id = "a", size = 40 }
    local client = connect()
    local rows = assert(client:list_snapshots(project))
    assert.equal("40", tostring(rows[1].size))
    for snapshot in client:each_snapshot(project) do
      assert.equal("40", tostring(snapshot.size))
    end
  end)

  it("shows what cannot be deleted as well", function()
    emulator:put { { id = "a", name = "autobk_snapshot_1" },
      { id = "b", status = "error_deleting" } }
    local client = connect()
    assert.equal("autobk_snapshot_1", client:show_snapshot(project, "a").name)
    assert.equal("error_deleting", client:show_snapshot(project, "b").status)
  end)

  it("takes a snapshot in place of an id", function()
    emulator:put { id = "a", status = "deleting" }
    local snapshot = connect():show_snapshot(project, { id = "a", status = "available" })
    assert.equal("deleting", snapshot.status)
  end)

  it("tells what is missing, also with ignore_missing", function()
    assert_fails({ code = "404", kind = "itemNotFound", status = 404, attempts = 1 }, connect(),
      "a")
    assert_fails({ kind = "itemNotFound" }, connect { ignore_missing = true }, "a")
  end)

  for what, answer in pairs {
    ["another id"] = { body = { snapshot = { id = "b", status = "available" } } },
    ["no snapshot"] = { body = { volume = {} } },
    ["no JSON"] = { body = "<html>Please log in</html>" },
    ["a 204"] = { status = 204 },
    ["a 202"] = { status = 202, body = { snapshot = { id = "a", status = "available" } } },
  } do
    it("does not take for a snapshot: " .. what, function()
      answer.status = answer.status or 200
      emulator:misbehave(answer)
      assert_fails({ code = "Client.BadResponse", status = answer.status, attempts = 1 }, connect(),
        "a")
    end)
  end

  it("tells the server's own errors", function()
    emulator:misbehave { status = 403, body = { error = { code = "EVS.2056", message = "no" } } }
    assert_fails({ code = "EVS.2056", message = "no", status = 403, retryable = false }, connect(),
      "a")
  end)

  it("decodes numbers, escapes and deep tables, and survives a depth bomb", function()
    emulator:misbehave {
      { body = '{"snapshot":{"id":"a","status":"x","n":1e3,"t":"\\u00e9\\n",'
        .. '"d":{"d":{"d":[1]}}}}' },
      { body = '{"snapshot":{"id":"a","status":"x","d":' .. ("["):rep(100000) },
      { body = '{"snapshot":{"id":"a","status":"x","d":' .. ("["):rep(100000) .. ("]"):rep(100000)
        .. "}}" },
      { body = '{"snapshot":{"id":"a","status":"x","d":' .. ('{"d":'):rep(900) .. "1"
        .. ("}"):rep(900) .. "}}" },
    }
    local client = connect()
    local snapshot = client:show_snapshot(project, "a")
    assert.equal(1000, snapshot.n)
    assert.equal("\195\169\n", snapshot.t)
    assert.equal(1, snapshot.d.d.d[1])
    assert_fails({ code = "Client.BadResponse" }, client, "a")
    assert_fails({ code = "Client.BadResponse" }, client, "a")
    local deep, err = client:show_snapshot(project, "a")
    if deep == nil then failure.check(err, { code = "Client.BadResponse" }) end
  end)
end)
