-- Proves delete_snapshots: every id ends in exactly one sum, nothing is told that did not happen,
-- what is shared (key, pace, slots) is shared, and every way to end it leaves nothing behind.

local core_probe = require "core_probe"
local evs = require "evs"
local failure = require "spec.support.failure"
local lfs = require "lfs"
local process = require "spec.support.process"
local socket = require "socket"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

-- Sanitizers and valgrind have a memory and a speed of their own. What only takes time, and is the
-- same code whichever Lua there is, runs once.
local VARIANT = os.getenv("EVS_SPEC_VARIANT")
local IS_INSTRUMENTED = VARIANT == "asan" or VARIANT == "valgrind"
local IS_ONCE = VARIANT == "5.4"

local connect = require("spec.support.connect").with {}

-- The ids first..last with a letter in front.
local function names(first, last, letter)
  local list = {}
  for i = first, last do list[#list + 1] = (letter or "s") .. i end
  return list
end

-- Puts snapshots of these ids, each with `fields`.
local function put(ids, fields)
  local list = {}
  for i, id in ipairs(ids) do
    list[i] = { id = id, name = "name of " .. id }
    for name, value in pairs(fields or {}) do list[i][name] = value end
  end
  emulator:put(list)
  return ids
end

local function iterate(list)
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

local function size(set)
  local count = 0
  for _ in pairs(set) do count = count + 1 end
  return count
end

local function assert_sums(expected, summary, err)
  assert.is_nil(err)
  assert.same(expected, { summary.succeeded, summary.failed, summary.unknown, summary.unsent })
  return summary
end

-- How many requests of a method the log has of each id.
local function requests_of(method)
  local counts = {}
  for _, request in ipairs(emulator:log()) do
    if request.method == method then
      local id = request.uri:match("[^/]+$")
      counts[id] = (counts[id] or 0) + 1
    end
  end
  return counts
end

-- Checks that what was told is what happened: `true` for what is gone, and for nothing else.
local function assert_told(told, ids)
  local left = {}
  for _, snapshot in ipairs(emulator:snapshots()) do left[snapshot.id] = true end
  for _, id in ipairs(ids) do
    if told[id] == true then assert.is_nil(left[id], id .. " was told as deleted") end
  end
end

local function count_descriptors()
  collectgarbage()
  collectgarbage()
  local count = 0
  for _ in lfs.dir("/proc/self/fd") do count = count + 1 end
  return count
end

-- A table of results, and an on_result that fills it; no id may be told twice.
local function recorder()
  local told = {}
  return told, function(id, result)
    assert(told[id] == nil, "told twice: " .. id)
    told[id] = result
  end
end

-- Specs that abandon requests have ids of their own: the emulator may go on with those for a while.
before_each(function() emulator:reset() end)

describe("the sums of delete_snapshots", function()
  it("count every different id once, and a repeated one is deleted once", function()
    put(names(1, 270))
    local ids = names(1, 300)
    table.insert(ids, 150, "s7")
    local told, on_result = recorder()

    local summary = assert_sums({ 270, 30, 0, 0 },
      connect():delete_snapshots(project, ids, { on_result = on_result }))

    assert.is_nil(summary.stopped)
    assert.equal(1, requests_of("DELETE").s7)
    assert.equal(300, size(told))
    assert.equal(30, size(summary.errors))
    for i = 271, 300 do
      failure.check(told["s" .. i], { status = 404, kind = "itemNotFound", outcome = "not_sent" })
      assert.equal(told["s" .. i], summary.errors["s" .. i])
    end
    assert.same({}, emulator:snapshots())
  end)

  it("are all zero for an empty array, and nothing is sent", function()
    local summary = assert_sums({ 0, 0, 0, 0 }, connect():delete_snapshots(project, {}))

    assert.same({}, summary.errors)
    assert.is_nil(summary.stopped)
    assert.same({}, emulator:log())
  end)

  it("tell the unknown from the failed", function()
    put(names(1, 4))
    emulator:misbehave {
      { method = "DELETE", contains = "s2", status = 200, html = true, effect = true },
      { method = "DELETE", contains = "s3", cut = "after", times = -1 },
      { method = "DELETE", contains = "s4", status = 403, times = -1 },
    }

    local summary = assert_sums({ 1, 1, 2, 0 },
      connect { retries = 0 }:delete_snapshots(project, names(1, 4)))

    failure.check(summary.errors.s2, { code = "Client.BadResponse", outcome = "unknown" })
    failure.check(summary.errors.s3, { code = "Client.Network", outcome = "unknown" })
    failure.check(summary.errors.s4, { code = "HTTP.403", outcome = "refused" })
  end)

  it("are the same with the plain function of the module and in evs.safe", function()
    put(names(1, 2))
    local result = process.run(([[
      for i, name in ipairs { "evs", "evs.safe" } do
        local s, err = require(name).delete_snapshots(%q, { "s" .. i })
        print(s and s.succeeded, err)
      end]]):format(project), { HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk,
        EVS_ENDPOINT = emulator.endpoint })

    assert.equal("", result.stderr)
    assert.equal("1\tnil\n1\tnil\n", result.stdout)
  end)

  it("come again for the same batch on the same client", function()
    local client, ids = connect(), put(names(1, 50))

    assert_sums({ 50, 0, 0, 0 }, client:delete_snapshots(project, ids))
    assert_sums({ 0, 50, 0, 0 }, client:delete_snapshots(project, ids))
    assert_sums({ 50, 0, 0, 0 }, client:delete_snapshots(project, ids, { ignore_missing = true }))
    assert.equal(50, emulator:count().DELETE)
  end)
end)

describe("each call of a batch", function()
  it("is guarded: backups and busy snapshots stay", function()
    put({ "plain" })
    put({ "auto" }, { name = "autobk_snapshot_1" })
    put({ "marked" }, { metadata = { ["__system__enableActive"] = "x" } })
    put({ "busy" }, { status = "creating" })
    local ids = { "plain", "auto", "marked", "busy" }

    local summary = assert_sums({ 1, 3, 0, 0 }, connect():delete_snapshots(project, ids))

    failure.check(summary.errors.auto, { code = "Client.Protected", outcome = "not_sent" })
    failure.check(summary.errors.marked, { code = "Client.Protected", outcome = "not_sent" })
    failure.check(summary.errors.busy, { code = "Client.WrongState", retryable = true })
    assert.equal(1, emulator:count().DELETE)
  end)

  it("sends no GET without the guard", function()
    put(names(1, 20))

    assert_sums({ 20, 0, 0, 0 },
      connect():delete_snapshots(project, names(1, 20), { guard = false }))

    assert.equal(0, emulator:count().GET)
  end)

  it("is retried by itself, and settles what a lost answer left open", function()
    put(names(1, 12))
    emulator:misbehave {
      { method = "DELETE", contains = "s3", status = 503 },
      { method = "DELETE", contains = "s4", cut = "after" },
      { method = "DELETE", contains = "s5", cut = "before" },
    }
    local attempts = {}

    assert_sums({ 12, 0, 0, 0 }, connect():delete_snapshots(project, names(1, 12), {
      on_result = function(id, _, info) attempts[id] = info.attempts end,
    }))

    -- What the guard must see of them a list has shown.
    assert.same({ 1, 2, 2, 2 }, { attempts.s1, attempts.s3, attempts.s4, attempts.s5 })
  end)

  it("of a function may be of a malformed id, which is told as it was given", function()
    put { "good" }
    local long = ("x"):rep(300)
    local told, on_result = recorder()

    local summary = assert_sums({ 1, 5, 0, 0 }, connect():delete_snapshots(project,
      iterate { long, "", "a/b", "good", "..", "nul\0" }, { on_result = on_result }))

    for _, id in ipairs { long, "", "a/b", "..", "nul\0" } do
      failure.check(told[id], { code = "Client.InvalidArgument", outcome = "not_sent" })
      assert.equal(told[id], summary.errors[id])
    end
    assert.is_true(told.good)
  end)

  it("may be a snapshot without an id of its own: a metatable is not asked", function()
    local invented = setmetatable({}, { __index = { id = "s1" } })
    put { "s1" }
    local summary = connect():delete_snapshots(project, iterate { invented })
    failure.check(summary.errors[""], { code = "Client.InvalidArgument" })
    assert.equal(1, #emulator:snapshots())
  end)

  it("tells attempts, seconds, status and request id", function()
    put { "a" }
    emulator:misbehave { { method = "DELETE", delay = 0.1 } }
    local infos = {}

    connect():delete_snapshots(project, { "a", "b" }, {
      on_result = function(id, _, info) infos[id] = info end,
    })

    assert.is_true(infos.a.seconds >= 0.1 and infos.a.seconds < 5)
    for id, expected in pairs { a = { 1, 202 }, b = { 1, 404 } } do
      assert.equal(expected[1], infos[id].attempts)
      assert.equal(expected[2], infos[id].status)
      assert.is_true(#infos[id].request_id > 0)
    end
    assert.is_not.equal(infos.a.request_id, infos.b.request_id)
  end)

  it("tells on_attempt of each of its requests", function()
    put(names(1, 3))
    local seen = {}

    connect():delete_snapshots(project, names(1, 3), { on_attempt = function(attempt)
      local line = attempt.method .. " " .. attempt.path:match("[^/]+$") .. " " .. attempt.status
      seen[line] = attempt.attempt
    end })

    assert.equal(4, size(seen))
    assert.equal(1, seen["GET detail 200"])
    assert.equal(1, seen["DELETE s2 202"])
  end)
end)

describe("the ids of a batch", function()
  it("may be listed snapshots, which need no look", function()
    put(names(1, 30))
    put({ "auto" }, { name = "autobk_snapshot_1" })
    local client = connect()
    local listed = assert(client:list_snapshots(project))
    emulator:clear_log()

    local summary = assert_sums({ 30, 1, 0, 0 }, client:delete_snapshots(project, listed))

    failure.check(summary.errors.auto, { code = "Client.Protected", attempts = 0 })
    assert.equal(0, emulator:count().GET)
    assert.equal(30, emulator:count().DELETE)
  end)

  it("may come from a function, in constant memory", function()
    put(names(1, 100))

    assert_sums({ 100, 0, 0, 0 }, connect():delete_snapshots(project, iterate(names(1, 100))))
  end)

  it("of a function that takes its time do not wait for the next one: what is started leaves",
    function()
      put(names(1, 3))
      local client = connect { guard = false, retries = 0, attempt_timeout = 1 }
      assert.is_true(client:delete_snapshot(project, "s1"))
      local count, seen = 1, {}

      assert_sums({ 2, 0, 0, 0 }, client:delete_snapshots(project, function()
        count = count + 1
        if count == 3 then
          socket.sleep(1.2)
          seen = requests_of("DELETE")
        end
        return count <= 3 and "s" .. count or nil
      end))

      assert.same({ s1 = 1, s2 = 1 }, seen)
    end)

  it("may come from each_snapshot of the same client, which pages while calls are under way",
    function()
      put(names(1, 120))
      emulator:misbehave { { method = "GET", path = "detail", times = -1, delay = 0.02 } }
      local client = connect()

      assert_sums({ 120, 0, 0, 0 }, client:delete_snapshots(project,
        client:each_snapshot(project, { limit = 20 }), { concurrency = 8 }))

      assert.same({}, emulator:snapshots())
    end)

  it("may come from a generator", function()
    put(names(1, 10))

    assert_sums({ 10, 0, 0, 0 }, connect():delete_snapshots(project, coroutine.wrap(function()
      for _, id in ipairs(names(1, 10)) do coroutine.yield(id) end
    end)))
  end)

  it("of a function are repetitions only while their call is under way", function()
    put { "a", "b" }
    emulator:misbehave { { method = "DELETE", contains = "/b", delay = 0.2 } }

    local summary = connect():delete_snapshots(project, iterate { "a", "b", "b" })
    assert_sums({ 2, 0, 0, 0 }, summary)
    assert.equal(1, requests_of("DELETE").b)
    summary = connect():delete_snapshots(project, iterate { "a", "a" }, { concurrency = 1 })
    assert_sums({ 0, 2, 0, 0 }, summary)
  end)

  it("of a function keep the first 1,000 errors, those of an array all", function()
    local client, ids = connect { guard = false }, {}
    for i = 1, 1100 do ids[i] = "bad/" .. i end

    assert.equal(1000,
      size(assert_sums({ 0, 1100, 0, 0 }, client:delete_snapshots(project, iterate(ids))).errors))
    assert.equal(1100, size(assert_sums({ 0, 1100, 0, 0 },
      client:delete_snapshots(project, names(1, 1100))).errors))
  end)

  it("end with nil and an error when their function fails, and what was sent is told", function()
    put(names(1, 20))
    local reason, told, on_result = { "anything" }, recorder()
    local ids, i = names(1, 20), 0

    local summary = connect():delete_snapshots(project, function()
      i = i + 1
      if i == 11 then return nil, reason end
      return ids[i]
    end, { on_result = on_result, concurrency = 4 })

    assert.equal(reason, summary.stopped)
    assert.equal(11, i)
    assert.equal(10, summary.succeeded + summary.unsent)
    assert.equal(summary.succeeded, size(told))
    assert.equal(20 - summary.succeeded, #emulator:snapshots())
  end)

  it("of each_snapshot end the batch with the error of its page", function()
    put(names(1, 30))
    emulator:misbehave { { method = "GET", path = "offset=[1-9]", status = 403, times = -1 } }
    local client = connect { retries = 0 }

    local summary = client:delete_snapshots(project, client:each_snapshot(project, { limit = 10 }))

    failure.check(summary.stopped, { status = 403 })
    assert.equal(0, summary.failed + summary.unknown)
    assert.equal(10, summary.succeeded + summary.unsent)
  end)
end)

describe("an array of ids is checked as a whole:", function()
  -- What is returned for these ids, with nothing sent.
  local function assert_refused(expected, ids, opts)
    put { "good" }
    local summary, err = connect():delete_snapshots(project, ids, opts)
    assert.is_nil(summary)
    failure.check(err, { code = "Client.InvalidArgument", outcome = "not_sent", attempts = 0 })
    assert.is_truthy(err.message:find(expected, 1, true), err.message)
    assert.same({}, emulator:log())
  end

  it("a malformed id is told by its place and its bytes, and nothing is sent", function()
    assert_refused('ids[2] must be', { "good", "x y" })
    assert_refused('"x y"', { "good", "x y" })
    assert_refused('ids[3] must be', { "good", "good", "" })
    assert_refused([["a\n\x00\xFF\""]], { 'a\n\0\255"', "good" })
    assert_refused('xxx..."', { "good", ("x"):rep(256) })
    assert_refused('ids[2] must be', { { id = "good" }, { id = "a/b", status = "available" } })
  end)

  it("a snapshot without an id is one with a malformed id", function()
    assert_refused('ids[2] must be', { "good", { status = "available" } })
    assert_refused('ids[1] must be', { setmetatable({}, { __index = { id = "good" } }) })
  end)

  it("no secret is shown", function()
    assert_refused('***', { "good", emulator.sk .. " " })
  end)

  it("an entry of another type raises, whatever else is wrong", function()
    local client = connect()
    assert.has_error(function() client:delete_snapshots(project, { "x y", 5 }) end)
    assert.has_error(function() client:delete_snapshots(project, { 5 }, { rate = -1 }) end)
  end)

  it("what happens to it later does not matter", function()
    put(names(1, 30))
    local ids = names(1, 30)

    assert_sums({ 30, 0, 0, 0 }, connect():delete_snapshots(project, ids, {
      concurrency = 2, on_result = function() ids[#ids] = nil end,
    }))
  end)
end)

describe("the option max", function()
  it("refuses a longer array: nothing is sent", function()
    put(names(1, 3))
    local client = connect { max = 2 }

    local summary, err = client:delete_snapshots(project, names(1, 3))

    assert.is_nil(summary)
    failure.check(err, { code = "Client.TooMany", outcome = "not_sent", attempts = 0 })
    assert.is_truthy(err.message:find("3 ids are more than max=2 allows", 1, true), err.message)
    assert.same({}, emulator:log())
    assert_sums({ 3, 0, 0, 0 }, client:delete_snapshots(project, names(1, 3), { max = 3 }))
    summary, err = client:delete_snapshots(project, names(1, 1), { max = 0 })
    assert.is_nil(summary)
    assert.equal("Client.TooMany", err.code)
  end)

  it("stops a function that gives more, and says so", function()
    put(names(1, 5))
    local given, ids = 0, iterate { "s1", "s1", "s2", "s3", "s4", "s5" }

    local summary = assert_sums({ 3, 0, 0, 1 }, connect():delete_snapshots(project, function()
      given = given + 1
      return ids()
    end, { max = 3, ignore_missing = true, guard = false, concurrency = 1 }))

    failure.check(summary.stopped, { code = "Client.TooMany" })
    assert.is_true(given <= 6)
    assert.equal(5 - size(requests_of("DELETE")), #emulator:snapshots())
  end)

  it("is reached without a word when there are no more", function()
    put(names(1, 3))
    local summary = assert_sums({ 3, 0, 0, 0 },
      connect():delete_snapshots(project, iterate(names(1, 3)), { max = 3 }))
    assert.is_nil(summary.stopped)
  end)
end)

describe("the option max_errors", function()
  it("stops the batch when so many have failed or are unknown", function()
    put(names(1, 50))
    emulator:misbehave {
      { method = "DELETE", contains = "s1", status = 403, times = 1 },
      { method = "DELETE", contains = "s2", status = 200, html = true, times = 1 },
    }

    local summary = connect { guard = false }:delete_snapshots(project,
      { "s1", "s3", "s4", "s2", "s5", "s6", "s7" }, { max_errors = 2, concurrency = 1 })

    assert_sums({ 2, 1, 1, 3 }, summary)
    failure.check(summary.stopped, { code = "Client.Stopped" })
    assert.is_truthy(summary.stopped.message:find("max_errors=2", 1, true))
    assert.equal(4, emulator:count().DELETE)
  end)

  it("does not count what succeeds, and is none by default", function()
    local summary = assert_sums({ 0, 20, 0, 0 },
      connect { guard = false }:delete_snapshots(project, names(1, 20)))
    assert.is_nil(summary.stopped)
  end)
end)

describe("mistakes in the program raise, and nothing is sent:", function()
  local function assert_raises(text, ...)
    local client = connect()
    local ok, message = pcall(client.delete_snapshots, client, ...)

    assert.is_false(ok)
    assert.is_truthy(tostring(message):find(text, 1, true), message)
    assert.same({}, emulator:log())
  end

  it("another type than an array or a function", function()
    assert_raises("ids: array or function expected, got nil", project)
    assert_raises("ids: array or function expected, got string", project, "s1")
    assert_raises("project_id: string expected, got number", 5, {})
  end)

  it("a table whose entries only metamethods would give", function()
    put { "s1" }
    local list = { "s1" }
    local text = "a table whose entries are behind metamethods"
    assert_raises(text, project, setmetatable({}, { __index = list }))
    assert_raises(text, project, setmetatable({}, { __index = function() return "s1" end }))
    assert_raises(text, project, setmetatable({}, { __len = function() return 1 end }))
    assert_raises(text, project, setmetatable({ "s1" }, { __index = function() return "s2" end }))
    assert_raises(text, project, setmetatable({ "s1" }, { __len = function() return 2 end }))
    assert.equal(1, #emulator:snapshots())
  end)

  it("an array with a hole, behind which ids would be passed over", function()
    put { "s1" }
    local ids = { "s1" }
    ids[3] = "s3"
    for _, wrong in ipairs { ids, { [0] = "s0", "s1" }, { "s1", [1.5] = "s2" }, { [2] = "s2" } } do
      assert.is_false(pcall(function() connect():delete_snapshots(project, wrong) end))
    end
    assert.same({}, emulator:log())
  end)

  it("not an object of a class without entries, nor names beside the entries", function()
    local class = { __index = { first = function(self) return self[1] end } }
    put { "s1" }
    assert_sums({ 0, 0, 0, 0 }, connect():delete_snapshots(project, setmetatable({}, class)))
    assert_sums({ 1, 0, 0, 0 },
      connect():delete_snapshots(project, setmetatable({ "s1", n = 1 }, class)))
  end)

  it("a snapshot in place of an array of them", function()
    assert_raises("without [1]", project, { id = "s1", status = "available" })
  end)

  it("an entry of another type, whatever stands before it", function()
    put { "s1" }
    assert_raises("ids[2]: string or snapshot expected, got number", project, { "s1", 5 })
    assert_raises("ids[1]: string or snapshot expected, got boolean", project, { false, "s1" })
    assert_raises("ids[2]: string or snapshot expected, got number", project, { "s1", { id = 5 } })
    assert.equal(1, #emulator:snapshots())
  end)

  it("an option that is unknown, of another type, or of evs.new", function()
    assert_raises("unknown option 'speed'", project, {}, { speed = 9 })
    assert_raises("option 'concurrency': number expected", project, {}, { concurrency = "9" })
    assert_raises("option 'on_result': function expected", project, {}, { on_result = true })
    assert_raises("option 'region' belongs to evs.new", project, {}, { region = "x" })
  end)

  it("an option of batches at another call", function()
    local client = connect()
    for _, name in ipairs { "concurrency", "rate" } do
      assert.has_error(function() client:delete_snapshot(project, "s1", { [name] = 2 }) end,
        ("option '%s' belongs to delete_snapshots, not to this call"):format(name))
    end
  end)

  it("a function that gives something else than an id", function()
    local client = connect()
    for _, value in ipairs { 5, true, { id = {} } } do
      assert.is_false(pcall(client.delete_snapshots, client, project, iterate { value }))
    end
    assert.same({}, emulator:log())
  end)
end)

describe("a value that cannot be used is returned:", function()
  it("of an option, here or in evs.new", function()
    local client = connect()
    for name, values in pairs { concurrency = { 0, 1001, 1.5, -1, 0 / 0 },
      rate = { -1, 0 / 0, 1e9 }, timeout = { -1 } } do
      for _, value in ipairs(values) do
        local summary, err = client:delete_snapshots(project, { "s1" }, { [name] = value })
        assert.is_nil(summary)
        failure.check(err, { code = "Client.InvalidArgument", attempts = 0 })
        assert.is_truthy(err.message:find(name, 1, true), err.message)
      end
    end
    local none, err = evs.new { region = "cn-north-4", rate = -1 }
    assert.is_nil(none)
    failure.check(err, { code = "Client.InvalidArgument" })
    assert.same({}, emulator:log())
  end)

  it("a bad project", function()
    local summary, err = connect():delete_snapshots("a/b", { "s1" })
    assert.is_nil(summary)
    failure.check(err, { code = "Client.InvalidArgument" })
  end)

  it("a closed client", function()
    local client = connect()
    client:close()
    local summary, err = client:delete_snapshots(project, { "s1" })
    assert.is_nil(summary)
    failure.check(err, { code = "Client.Closed" })
  end)
end)

describe("the key of a batch", function()
  it("that is wrong is tried once, and the rest is unsent", function()
    put(names(1, 200))

    local summary = assert_sums({ 0, 0, 0, 200 },
      connect { sk = "wrong" }:delete_snapshots(project, names(1, 200), { concurrency = 16 }))

    failure.check(summary.stopped, { status = 401, code = "APIGW.0301" })
    assert.equal(1, #emulator:log())
    assert.equal(0, size(summary.errors))
  end)

  it("that is wrong is tried twice when the clock may be to blame", function()
    put(names(1, 200))
    emulator:clock(3600)

    assert_sums({ 0, 0, 0, 200 },
      connect { sk = "wrong" }:delete_snapshots(project, names(1, 200)))

    assert.equal(2, #emulator:log())
  end)

  it("is good once the clock is mended", function()
    put(names(1, 20))
    emulator:clock(3600)

    assert_sums({ 20, 0, 0, 0 }, connect():delete_snapshots(project, names(1, 20)))

    assert.equal(22, #emulator:log()) -- a 401, a look, and the deletions
  end)

  it("is proven by one request before any other starts", function()
    put(names(1, 20))
    emulator:misbehave { { delay = 0.2 } }

    connect { guard = false }:delete_snapshots(project, names(1, 20))

    local log = emulator:log()
    assert.is_true(log[2].time - log[1].time >= 0.19)
  end)

  it("that was refused before sends nothing more", function()
    put(names(1, 5))
    local client = connect { sk = "wrong" }
    client:delete_snapshot(project, "s1")

    local summary = client:delete_snapshots(project, names(1, 5))

    failure.check(summary.stopped, { status = 401, attempts = 0 })
    assert.equal(5, summary.failed + summary.unsent)
    assert.equal(1, #emulator:log())
  end)

  it("that is refused on the way stops it: what has left is told, the rest is unsent", function()
    put(names(1, 100))
    emulator:misbehave { { skip = 60, status = 401, times = -1,
      body = { error_code = "APIGW.0304", error_msg = "the user is arrears" } } }
    local told, on_result = recorder()

    local summary = connect():delete_snapshots(project, names(1, 100), { on_result = on_result })

    assert.equal(100, summary.succeeded + summary.failed + summary.unknown + summary.unsent)
    assert.is_true(summary.unsent >= 20)
    assert.is_true(summary.failed >= 1 and summary.failed <= 16)
    assert.equal(summary.succeeded + summary.failed, size(told))
    failure.check(summary.stopped, { code = "APIGW.0304" })
    assert.equal(summary.succeeded, 100 - #emulator:snapshots())
    assert.is_true(#emulator:log() <= 60 + 16)
  end)

  it("that nobody has stops it at the first id", function()
    emulator:metadata { token_status = 404, key_status = 404 }
    local result = process.run(([[
      local s = require("evs").delete_snapshots(%q, { "a", "b", "c" })
      print(s.failed, s.unsent, s.stopped.code)]]):format(project),
      { EVS_ENDPOINT = emulator.endpoint, HOME = "/nowhere",
        EVS_METADATA_ENDPOINT = emulator.metadata_endpoint })

    assert.equal("0\t3\tClient.NoCredentials\n", result.stdout)
  end)
end)

describe("the slots of a batch", function()
  -- The most requests that were open at once, as the server counted them.
  local function most_at_once()
    local most = 0
    for _, request in ipairs(emulator:log()) do most = math.max(most, request.open) end
    return most
  end

  it("are 16, or as many as `concurrency` says, at the call or in evs.new", function()
    emulator:settings { any_snapshot = true }
    emulator:misbehave { times = -1, delay = IS_INSTRUMENTED and 0.2 or 0.04 }
    for _, case in ipairs { { 16, {}, {} }, { 3, { concurrency = 3 }, {} },
      { 40, { concurrency = 3 }, { concurrency = 40 } } } do
      emulator:clear_log()
      local client = connect(case[2])
      case[3].guard = false

      assert_sums({ 50, 0, 0, 0 }, client:delete_snapshots(project, names(1, 50), case[3]))

      local most = most_at_once()
      assert.is_true(most <= case[1] and most >= case[1] * 0.7, most .. " of " .. case[1])
    end
  end)

  it("are not held by calls that wait until their snapshot is gone", function()
    put(names(1, 30), { delete_seconds = 0.4 })
    local began = socket.gettime()

    assert_sums({ 30, 0, 0, 0 }, connect():delete_snapshots(project, names(1, 30),
      { wait = true, concurrency = 2, guard = false }))

    -- With slots held, 15 pairs would take at least 6 seconds.
    assert.is_true(socket.gettime() - began < 3)
    assert.is_true(most_at_once() <= 2)
    assert.same({}, emulator:snapshots())
  end)

  it("are for a wait that fails, too: accepted, not carried out", function()
    put(names(1, 3), { delete_seconds = 0.1 })
    put({ "stuck" }, { after_delete = "error_deleting" })

    local summary = assert_sums({ 3, 1, 0, 0 }, connect():delete_snapshots(project,
      { "s1", "stuck", "s2", "s3" }, { wait = true }))

    failure.check(summary.errors.stuck, { code = "Client.NotDeleted", outcome = "accepted" })
  end)
end)

describe("the pace of a batch", function()
  -- The exact pace is a matter of spec/rules, where time is invented. A busy machine lets requests
  -- arrive up to so many seconds later than they were sent.
  local LATE = 0.3

  -- The most requests in a sliding second, by the server's log.
  local function most_in_a_second(log)
    local most, first = 0, 1
    for i = 1, #log do
      while log[i].time - log[first].time >= 1 - LATE do first = first + 1 end
      most = math.max(most, i - first + 1)
    end
    return most
  end

  it("never exceeds `rate` in any sliding second", function()
    if not IS_ONCE then return end
    put(names(1, 30))
    emulator:misbehave { { method = "DELETE", status = 503, times = 3 } }

    assert_sums({ 30, 0, 0, 0 },
      connect { rate = 20 }:delete_snapshots(project, names(1, 30)))

    local log = emulator:log()
    assert.equal(34, #log)
    assert.is_true(most_in_a_second(log) <= 20, most_in_a_second(log) .. " in a second")
  end)

  it("is the server's where that answers 429, which is no retry: all are deleted", function()
    if not IS_ONCE then return end
    put(names(1, 150))
    emulator:rate { per_second = 100 }

    assert_sums({ 150, 0, 0, 0 },
      connect { retries = 0 }:delete_snapshots(project, names(1, 150),
        { guard = false, concurrency = 32 }))

    local refused = 0
    for _, request in ipairs(emulator:log()) do
      if request.status == 429 then refused = refused + 1 end
    end
    assert.is_true(refused > 0)
  end)
end)

describe("on_result", function()
  it("is called as each call ends, in evs.new or at the call", function()
    put(names(1, 40))
    local first, second = {}, {}
    local client = connect { on_result = function(id, result) first[id] = result end }

    client:delete_snapshots(project, names(1, 20))
    client:delete_snapshots(project, names(21, 40), {
      on_result = function(id, result) second[id] = result end,
    })

    assert.same({ 20, 20 }, { size(first), size(second) })
  end)

  it("that takes longer than attempt_timeout makes no answers late that came meanwhile", function()
    put(names(1, 20))
    emulator:misbehave { { method = "DELETE", path = "s2$", delay = 0.2 },
      { method = "DELETE", times = -1, delay = 0.4 } }
    local client = connect { guard = false, retries = 0, attempt_timeout = 1 }
    -- So that there are connections: what follows is sent at once, and s2 is answered first.
    assert_sums({ 10, 0, 0, 0 }, client:delete_snapshots(project, names(11, 20)))
    emulator:clear_log()

    assert_sums({ 6, 0, 0, 0 }, client:delete_snapshots(project, names(1, 6), {
      on_result = function(id) if id == "s2" then socket.sleep(1.5) end end }))

    for _, count in pairs(requests_of("DELETE")) do assert.equal(1, count) end
  end)

  it("that takes longer than attempt_timeout lets nothing leave after its time", function()
    if VARIANT == "oldcurl" then return end -- cannot be stopped, and is told as unknown
    put(names(1, 5))
    emulator:misbehave { { method = "DELETE", contains = "/s1", delay = 0.1 },
      { method = "DELETE", contains = "/s2", delay = 0.2 },
      { method = "DELETE", contains = "/s3", delay = 0.2 },
      { method = "DELETE", contains = "/s4", delay = 0.2 } }
    local client = connect { guard = false, retries = 0, attempt_timeout = 1 }
    client:delete_snapshot(project, "none") -- the key is proven
    local told = 0

    -- s2 and s3 are answered together; s5 takes the place of the first, and waits while the second
    -- is told.
    local summary = assert_sums({ 4, 1, 0, 0 }, client:delete_snapshots(project, names(1, 5),
      { concurrency = 3, on_result = function()
        told = told + 1
        if told == 1 then socket.sleep(0.5) end
        if told == 3 then socket.sleep(1.2) end
      end }))

    failure.check(summary.errors.s5,
      { code = "Client.Timeout", outcome = "not_sent", attempts = 0 })
    assert.is_nil(requests_of("DELETE").s5)
  end)

  it("that raises abandons all: the error is raised, and no descriptor is left", function()
    put(names(1, 60, "r"))
    emulator:misbehave { { method = "DELETE", times = -1, delay = 0.05 } }
    local client, reason, told = connect(), { "mine" }, {}
    local before = count_descriptors()

    local ok, err = pcall(client.delete_snapshots, client, project, names(1, 60, "r"), {
      on_result = function(id, result)
        told[id] = result
        if size(told) == 5 then error(reason) end
      end,
    })

    assert.is_false(ok)
    assert.equal(reason, err)
    assert_told(told, names(1, 60, "r"))
    emulator:misbehave {}
    assert.is_true(client:delete_snapshot(project, put { "next" } [1]))
    client:close()
    assert.equal(before, count_descriptors())
  end)

  it("that returns false stops it: what has left is told, the rest is unsent", function()
    local ids = put(names(1, 100))
    emulator:misbehave { { method = "DELETE", times = -1, delay = 0.05 } }
    local client, told, count = connect(), {}, 0

    local summary = client:delete_snapshots(project, ids, { on_result = function(id, result)
      assert(told[id] == nil)
      told[id], count = result, count + 1
      if count == 10 then return false end
    end })

    failure.check(summary.stopped, { code = "Client.Stopped" })
    assert.same({}, summary.errors)
    assert.equal(count, summary.succeeded)
    assert.equal(100 - count, summary.unsent)
    assert.is_true(count >= 10 and count <= 26)
    assert.equal(summary.unsent, #emulator:snapshots())
    assert_told(told, ids)
    emulator:misbehave {}
    assert.equal(100 - count, client:delete_snapshots(project, ids).succeeded)
  end)

  it("that returns false stops an iterator, which is not called again", function()
    put(names(1, 20))
    local given, ids, stopped = 0, iterate(names(1, 20)), false

    local summary = connect():delete_snapshots(project, function()
      assert.is_false(stopped)
      given = given + 1
      return ids()
    end, { concurrency = 2, on_result = function()
      stopped = true
      return false
    end })

    assert.equal(given, summary.succeeded + summary.unsent)
    assert.is_true(given < 20)
  end)

  it("is told of no call that a stop kept from sending, and those are no errors", function()
    put(names(1, 30))
    emulator:misbehave { { method = "GET", skip = 5, times = -1, delay = 0.3 } }
    local told, on_result = recorder()

    local summary = connect():delete_snapshots(project, names(1, 30), {
      on_result = function(...)
        on_result(...)
        return false
      end,
    })

    assert.equal(summary.succeeded, size(told))
    assert.equal(30 - summary.succeeded, summary.unsent)
    assert.same({}, summary.errors)
  end)

  it("may make calls of its own on the same client, batches too", function()
    put(names(1, 20))
    put(names(1, 20, "t"))
    put(names(1, 20, "u"))
    emulator:misbehave { { times = -1, delay = 0.003 } }
    local client, inner = connect(), 0

    assert_sums({ 20, 0, 0, 0 }, client:delete_snapshots(project, names(1, 20), {
      on_result = function(id)
        assert(client:delete_snapshot(project, "t" .. id:sub(2)) == true)
        local two = { "u" .. id:sub(2), "no-such" .. id }
        local summary = client:delete_snapshots(project, two)
        inner = inner + summary.succeeded
        assert(summary.failed == 1)
      end,
    }))

    assert.equal(20, inner)
    assert.same({}, emulator:snapshots())
  end)

  it("may close the client: what has left is unknown, the rest is unsent", function()
    local ids = put(names(1, 60, "c"))
    emulator:misbehave { { method = "DELETE", skip = 1, times = -1, delay = 0.2 } }
    local client, told, record = connect(), recorder()
    local before = count_descriptors()

    local summary = client:delete_snapshots(project, ids, { on_result = function(id, result)
      record(id, result)
      client:close()
    end })

    failure.check(summary.stopped, { code = "Client.Closed" })
    assert.equal(1, summary.succeeded)
    assert.is_true(summary.unknown <= 15)
    assert.equal(60, summary.succeeded + summary.unknown + summary.unsent)
    assert.equal(1 + summary.unknown, size(told))
    for id, err in pairs(summary.errors) do
      failure.check(err, { code = "Client.Closed", outcome = "unknown" })
      assert.equal(err, told[id])
    end
    assert.is_true(count_descriptors() <= before)
    local none, err = client:delete_snapshots(project, ids)
    assert.is_nil(none)
    failure.check(err, { code = "Client.Closed" })
  end)

  it("cannot yield", function()
    put(names(1, 5))
    local client = connect()
    local thread = coroutine.create(function()
      return client:delete_snapshots(project, names(1, 5), { on_result = coroutine.yield })
    end)

    local ok, message = coroutine.resume(thread)

    assert.is_false(ok)
    assert.is_truthy(message:find("yield", 1, true))
    assert_sums({ 5, 0, 0, 0 }, client:delete_snapshots(project, names(1, 5),
      { ignore_missing = true }))
  end)
end)

describe("a batch", function()
  it("works inside a coroutine", function()
    put(names(1, 5))
    local summary = coroutine.wrap(function()
      return connect():delete_snapshots(project, names(1, 5))
    end)()
    assert_sums({ 5, 0, 0, 0 }, summary)
  end)

  it("whose iterator raises is abandoned: the error is raised, the client works on", function()
    put(names(1, 40, "i"))
    emulator:misbehave { { method = "DELETE", times = -1, delay = 0.05 } }
    local client, before, i = connect(), count_descriptors(), 0

    local ok, err = pcall(client.delete_snapshots, client, project, function()
      i = i + 1
      if i == 20 then error("no more", 0) end
      return "i" .. i
    end)

    assert.is_false(ok)
    assert.equal("no more", err)
    assert_sums({ 40, 0, 0, 0 },
      client:delete_snapshots(project, names(1, 40, "i"), { ignore_missing = true }))
    client:close()
    assert.equal(before, count_descriptors())
  end)

  it("is interrupted by Ctrl-C within a quarter of a second, and the client works on", function()
    put(names(1, 40, "k"))
    emulator:misbehave { { method = "DELETE", times = -1, delay = 5 } }
    local child = process.start(([[
      local socket = require "socket"
      local evs = require "evs"
      local client = assert(evs.new { guard = false })
      assert(client:delete_snapshot(%q, "first", { ignore_missing = true }) == true)
      local ids = {}
      for i = 1, 40 do ids[i] = "k" .. i end
      print "ready"
      io.flush()
      local ok, err = pcall(client.delete_snapshots, client, %q, ids)
      print(ok, err, socket.gettime())
      print(client:delete_snapshot(%q, "last", { ignore_missing = true }))]]):format(project,
        project, project), { HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk,
        EVS_ENDPOINT = emulator.endpoint })
    emulator:misbehave { { method = "DELETE", contains = "/k", times = -1, delay = 5 } }
    assert.equal("ready", child:read())
    socket.sleep(0.3)
    local began = socket.gettime()
    child:kill("INT")
    local result = child:wait()

    local err, at = result.stdout:match("^false\t([^\t]*)\t([%d.]+)\ntrue\n$")
    assert.is_truthy(err, result.stdout .. result.stderr)
    assert.is_truthy(err:find("interrupted!", 1, true), err)
    assert.is_true(tonumber(at) - began < (IS_INSTRUMENTED and 2 or 0.25))
    assert.equal(18, emulator:count().DELETE)
  end)

  it("leaves its connections to the next one", function()
    put(names(1, 60))
    local client = connect()

    client:delete_snapshots(project, names(1, 30), { concurrency = 8 })
    client:delete_snapshots(project, names(31, 60), { concurrency = 8 })

    local connections = {}
    for _, request in ipairs(emulator:log()) do connections[request.connection] = true end
    assert.is_true(size(connections) <= 8, size(connections) .. " connections")
  end)

  it("shares one connection over HTTP/2", function()
    put(names(1, 100))
    local client = connect { endpoint = emulator.tls_endpoint, ca_file = emulator.ca_file }

    assert_sums({ 100, 0, 0, 0 },
      client:delete_snapshots(project, names(1, 100), { concurrency = 50 }))

    local connections = {}
    for _, request in ipairs(emulator:log()) do
      connections[request.connection] = true
      assert.equal(2, request.http_version)
    end
    if VARIANT == "oldcurl" then -- which cannot count the requests on a connection
      assert.is_true(size(connections) > 1)
    else
      assert.equal(1, size(connections))
    end
  end)

  it("goes on in a child that was forked on the way, on connections of its own", function()
    if VARIANT == "valgrind" then return end -- a child leaves its parent's connections' memory
    put(names(1, 20))
    emulator:misbehave { { method = "DELETE", times = -1, delay = 0.05 } }
    local client, pid, count = connect { guard = false, ignore_missing = true }, nil, 0

    local summary = client:delete_snapshots(project, names(1, 20), { on_result = function()
      count = count + 1
      if count == 5 then pid = core_probe.fork() or 0 end
    end })
    if pid == 0 then core_probe.exit(summary.succeeded == 20 and 0 or 1) end

    assert_sums({ 20, 0, 0, 0 }, summary)
    assert.equal(0, core_probe.wait(pid))
  end)
end)

describe("the memory of a batch from an iterator", function()
  -- What the process has at most in a batch of `count` ids, in KiB.
  local function peak(count, ids)
    local result = process.run(([[
      local evs = require "evs"
      local client = assert(evs.new { guard = false })
      local i, count = 0, %d
      local summary = client:delete_snapshots(%q, function()
        i = i + 1
        if i <= count then return %s end
      end)
      assert(summary.succeeded == count or summary.failed == count)
      for line in io.lines("/proc/self/status") do
        local kib = line:match("^VmHWM:%%s*(%%d+) kB")
        if kib then print(kib) end
      end]]):format(count, project, ids), { HUAWEICLOUD_SDK_AK = emulator.ak,
        HUAWEICLOUD_SDK_SK = emulator.sk, EVS_ENDPOINT = emulator.endpoint })
    return assert(tonumber(result.stdout), result.stderr)
  end

  -- 1,000 errors are kept: the smaller batch has as many.
  for what, ids in pairs { ["when all go well"] = '"s" .. i', ["when all fail"] = '"x/" .. i' } do
    it("is constant " .. what, function()
      if not IS_ONCE then return end
      emulator:settings { any_snapshot = true }
      emulator:clear_log(0)
      local few = peak(2000, ids)
      local many = peak(12000, ids)
      assert.is_true(many - few <= 512, ("%d and %d KiB"):format(few, many))
    end)
  end
end)
