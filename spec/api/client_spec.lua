-- Proves the client as an object: its methods, its end, what it tells, and what it keeps.

local evs = require "evs"
local failure = require "spec.support.failure"
local lfs = require "lfs"
local process = require "spec.support.process"
local socket = require "socket"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

-- Sanitizers and valgrind have a memory of their own, and old code paths of their own costs.
local VARIANT = os.getenv("EVS_SPEC_VARIANT")
local IS_INSTRUMENTED = VARIANT == "asan" or VARIANT == "valgrind"

local connect = require("spec.support.connect").with { retries = 0 }

local function collect()
  collectgarbage()
  collectgarbage()
end

-- Clients of earlier specs give theirs back when they are collected: not between two counts.
local function count_descriptors()
  collect()
  local count = 0
  for _ in lfs.dir("/proc/self/fd") do count = count + 1 end
  return count
end

local function resident_kb()
  local file = assert(io.open("/proc/self/status"))
  local text = file:read("*a")
  file:close()
  return tonumber(text:match("VmRSS:%s*(%d+) kB"))
end

-- Calls until `condition` is true, for at most two seconds.
local function wait_until(condition)
  for _ = 1, 200 do
    if condition() then return true end
    socket.sleep(0.01)
  end
  return false
end

before_each(function() emulator:reset() end)

describe("evs.new", function()
  it("does no I/O: no descriptor, no request, not even to an endpoint that is not there", function()
    local before = count_descriptors()
    local clients = {}
    for i = 1, 10 do
      clients[i] = connect { endpoint = "https://nowhere.invalid", ca_file = "/nowhere" }
    end
    assert.equal(10, #clients)
    assert.equal(before, count_descriptors())
    assert.same({}, emulator:log())
  end)

  it("keeps its own copy of the options", function()
    local options = { endpoint = emulator.endpoint, ak = emulator.ak, sk = emulator.sk }
    local client = assert(evs.new(options))
    options.endpoint, options.sk, options.guard = "http://127.0.0.1:1", "wrong", false
    collect()
    emulator:put { id = "a" }
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.equal(2, client:last().attempts)
  end)

  it("takes the options of calls as defaults, which a call may change", function()
    emulator:settings { any_snapshot = true }
    local client = connect { guard = false }
    assert.is_true(client:delete_snapshot(project, "a"))
    local err = client:delete_snapshot(project, "a", { guard = true })
    failure.check(err, { kind = "itemNotFound", outcome = "not_sent" })
    assert.is_true(client:delete_snapshot(project, "a", { guard = true, ignore_missing = true }))
    assert.is_true(client:delete_snapshot(project, "a", {}))
    assert.is_true(client:delete_snapshot(project, "a", nil))
  end)
end)

describe("a client", function()
  it("is a userdata with the documented methods, which nobody can reach into", function()
    local client = connect()
    assert.equal("userdata", type(client))
    for _, name in ipairs { "delete_snapshot", "show_snapshot", "start", "last", "close" } do
      assert.is_function(client[name])
    end
    assert.is_nil(client.sk)
    assert.is_nil(client.ak)
    assert.is_nil(client.keys)
    assert.is_false((pcall(function() client.sk = "x" end)))
  end)

  it("shows the endpoint and four characters of the AK, and no secret", function()
    assert.equal("evs.client (" .. emulator.endpoint .. ", AK ..." .. emulator.ak:sub(-4) .. ")",
      tostring(connect()))
    local text = tostring(connect { endpoint = failure.none, region = "cn-north-4" })
    assert.matches("https://evs.cn-north-4.myhuaweicloud.com", text, 1, true)
    for _, client in ipairs {
      connect { ak = emulator.temporary_ak, sk = emulator.temporary_sk,
        security_token = emulator.security_token },
      connect { ak = failure.none, sk = failure.none, token = emulator.token },
      connect { ak = "abcd", sk = "efgh" },
    } do
      text = tostring(client)
      failure.assert_no_secret(text)
      assert.is_nil(text:find(emulator.ak:sub(1, 8), 1, true))
      assert.is_nil(text:find("abcd", 1, true))
      assert.is_nil(text:find("efgh", 1, true))
    end
  end)

  it("is checked for: methods raise for everything else", function()
    local client = connect()
    for _, name in ipairs { "delete_snapshot", "show_snapshot", "start", "last", "close" } do
      for _, other in ipairs { {}, "client", io.stdout } do
        assert.is_false((pcall(client[name], other, project, "a")))
      end
    end
  end)

  it("works in a coroutine, and in several by turns", function()
    emulator:settings { any_snapshot = true }
    local client = connect { guard = false }
    local threads, done = {}, 0
    for i = 1, 4 do
      threads[i] = coroutine.create(function()
        for n = 1, 3 do
          assert(client:delete_snapshot(project, ("id-%d-%d"):format(i, n)) == true)
          coroutine.yield()
        end
        done = done + 1
      end)
    end
    for _ = 1, 4 do
      for _, thread in ipairs(threads) do assert(coroutine.resume(thread)) end
    end
    assert.equal(4, done)
    assert.equal(12, emulator:count().DELETE)
  end)

  it("has a key, a gate and connections of its own", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local wrong, right = connect { sk = "wrong" }, connect()
    failure.check(wrong:delete_snapshot(project, "a"), { status = 401 })
    assert.is_true(right:delete_snapshot(project, "a"))
    wrong:close()
    assert.is_true(right:delete_snapshot(project, "b"))
  end)
end)

describe("a client's key", function()
  it("is not burnt: after a wrong signature nothing more is sent", function()
    local client = connect { sk = "wrong", retries = 5 }
    for _ = 1, 20 do
      failure.check(client:delete_snapshot(project, "a"), { code = "APIGW.0301", status = 401,
        outcome = "not_sent", retryable = false })
    end
    assert.equal(1, #emulator:log())
    failure.check(connect():delete_snapshot(project, "a"), { kind = "itemNotFound" })
  end)

  it("signs with the server's clock when ours is wrong, at the cost of one request", function()
    emulator:put { { id = "a" }, { id = "b" } }
    for _, skew in ipairs { 3600, -86400 } do
      emulator:clear_log()
      emulator:clock(skew)
      local client = connect()
      failure.check(client:delete_snapshot(project, "gone"), { kind = "itemNotFound",
        attempts = 2 })
      failure.check(client:delete_snapshot(project, "gone"), { kind = "itemNotFound",
        attempts = 1 })
      assert.is_true(client:delete_snapshot(project, skew > 0 and "a" or "b"))
      assert.equal(5, #emulator:log())
    end
  end)
end)

describe("close", function()
  it("ends the client: what follows is Client.Closed, and sends nothing", function()
    emulator:put { id = "a" }
    local client = connect()
    client:show_snapshot(project, "a")
    emulator:clear_log()
    client:close()
    client:close()
    local expected = { code = "Client.Closed", outcome = "not_sent", attempts = 0,
      retryable = false }
    failure.check(client:delete_snapshot(project, "a"), expected)
    failure.check(client:delete_snapshot(project, "a", { guard = false }), expected)
    local snapshot, err = client:show_snapshot(project, "a")
    assert.is_nil(snapshot)
    failure.check(err, expected)
    local step, result, reason = client:start("delete_snapshot", project, "a"):next(0, 0)
    assert.same({ "done" }, { step, result })
    failure.check(reason, expected)
    assert.same({}, emulator:log())
    assert.is_string(tostring(client))
    client:close()
  end)

  it("closes the connection at once", function()
    emulator:put { id = "a" }
    local before = count_descriptors()
    local client = connect()
    client:show_snapshot(project, "a")
    assert.is_true(count_descriptors() > before)
    client:close()
    assert.equal(before, count_descriptors())
  end)

  it("is good for a client that has never done anything", function()
    local client = connect()
    client:close()
    client:close()
    assert.is_nil(client:last())
  end)

  it("ends a machine that was under way", function()
    local client = connect()
    local machine = client:start("delete_snapshot", project, "a")
    assert.equal("send", (machine:next(0, 0)))
    client:close()
    machine:fail("Client.Network", "cut", "maybe")
    local step, result, err = machine:next(1, 1)
    assert.same({ "done" }, { step, result })
    assert.is_true(evs.is_error(err))
  end)

  it("is what a to-be-closed variable of Lua 5.4 does", function()
    local client = connect()
    -- Older ones cannot compile it, or not load text at all; there __close is called by hand.
    local fine, chunk = pcall(load, "local client <close> = ...")
    if fine and chunk then chunk(client) else getmetatable(client).__close(client, nil) end
    failure.check(client:delete_snapshot(project, "a"), { code = "Client.Closed" })
  end)
end)

describe("clients nobody holds any more", function()
  it("give their connections back", function()
    emulator:settings { any_snapshot = true }
    local before = count_descriptors()
    for _, endpoint in ipairs { emulator.endpoint, emulator.tls_endpoint } do
      for _ = 1, 20 do
        local client = connect { endpoint = endpoint, ca_file = emulator.ca_file, guard = false }
        assert.is_true(client:delete_snapshot(project, "a"))
      end
      assert.equal(before, count_descriptors())
    end
  end)

  it("may go together with their machines, in any order", function()
    for _ = 1, 20 do
      local client = connect()
      local machine = client:start("delete_snapshot", project, "a")
      machine:next(0, 0)
      client:start("show_snapshot", project, "a")
    end
    collect()
    local machine = connect():start("delete_snapshot", project, "a")
    collect()
    local step, request = machine:next(0, 0)
    assert.equal("send", step)
    assert.equal("GET", request.method)
  end)

  it("can be many at once", function()
    emulator:settings { any_snapshot = true }
    local clients = {}
    for i = 1, 100 do clients[i] = connect { guard = false } end
    for i = 1, 100 do assert.is_true(clients[i]:delete_snapshot(project, "a")) end
    assert.equal(100, emulator:count().DELETE)
    clients = nil
    collect()
    assert.is_nil(clients)
  end)

  it("are closed at the end of the script, with everything under way", function()
    local result = process.run(([[
      local evs = require "evs"
      clients, machines = {}, {}
      for i = 1, 5 do
        clients[i] = assert(evs.new { endpoint = %q, ak = %q, sk = %q, ca_file = %q, retries = 0 })
        clients[i]:delete_snapshot(%q, "a")
        machines[i] = clients[i]:start("delete_snapshot", "p", "a")
        machines[i]:next(0, 0)
      end
    ]]):format(emulator.tls_endpoint, emulator.ak, emulator.sk, emulator.ca_file, project))
    assert.same({ status = 0, stdout = "", stderr = "" }, result)
  end)
end)

describe("last", function()
  it("is nil before the first call", function()
    assert.is_nil(connect():last())
  end)

  it("tells request id, attempts and status of a success", function()
    emulator:put { id = "a" }
    emulator:misbehave { method = "DELETE", headers = { ["X-Request-Id"] = "of-the-delete" } }
    local client = connect()
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.same({ request_id = "of-the-delete", attempts = 2, status = 202 }, client:last())
    assert.equal(2, #emulator:log())
    assert.is_true(client:delete_snapshot(project, "a", { ignore_missing = true }))
    assert.equal(404, client:last().status)
    assert.equal(1, client:last().attempts)
  end)

  it("tells what the error tells of a failure", function()
    emulator:misbehave { status = 409, headers = { ["X-Request-Id"] = "refusal" },
      body = { error = { code = "EVS.2068", message = "locked" } } }
    local client = connect { guard = false }
    client:delete_snapshot(project, "a")
    assert.same({ request_id = "refusal", attempts = 1, status = 409 }, client:last())
    client:delete_snapshot(project, "a/b")
    assert.same({ attempts = 0 }, client:last())
  end)

  it("counts what the server counted, through retries", function()
    emulator:put { id = "a" }
    emulator:misbehave { times = 3, status = 503, headers = { ["Retry-After"] = "0" } }
    local client = connect { retries = 5 }
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.equal(#emulator:log(), client:last().attempts)
    assert.equal(5, client:last().attempts)
  end)

  it("is of the client's own calls, stays after close, and is a new table each time", function()
    emulator:put { id = "a" }
    local client, other = connect(), connect()
    client:show_snapshot(project, "a")
    assert.is_nil(other:last())
    client:last().attempts = 77
    assert.equal(1, client:last().attempts)
    assert.equal(200, client:last().status)
    client:close()
    assert.equal(1, client:last().attempts)
  end)

  it("is of the call before in a function that a call tells: all of it", function()
    emulator:put { { id = "a" }, { id = "b" } }
    emulator:misbehave {
      { method = "DELETE", contains = "/a", headers = { ["X-Request-Id"] = "of-a" } },
      { method = "DELETE", contains = "/b", headers = { ["X-Request-Id"] = "of-b" }, status = 503 },
    }
    local client, seen = connect { guard = false, retries = 1 }, {}
    local function look() seen[#seen + 1] = client:last() or "none" end

    client:delete_snapshot(project, "a", { on_attempt = look })
    client:delete_snapshot(project, "b", { on_attempt = look })

    local of_a = { request_id = "of-a", attempts = 1, status = 202 }
    assert.same({ "none", of_a, of_a }, seen)
    assert.same({ 2, 202 }, { client:last().attempts, client:last().status })
  end)

  it("is of the call before when a call raised", function()
    emulator:put { { id = "a" }, { id = "b" } }
    emulator:misbehave { { method = "DELETE", contains = "/b",
      headers = { ["X-Request-Id"] = "of-b" } } }
    local client = connect { guard = false }
    client:delete_snapshot(project, "a")
    local before = client:last()
    pcall(client.delete_snapshot, client, project, "b", { on_attempt = function() error "no" end })
    assert.same(before, client:last())
  end)

  it("does not show a secret that the server sends as request id", function()
    emulator:put { id = "a" }
    emulator:misbehave { times = -1, headers = { ["X-Request-Id"] = emulator.sk } }
    local client = connect()
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.is_nil(client:last().request_id)
  end)
end)

describe("on_attempt", function()
  -- What is told of the attempts of a call, as text.
  local function attempts_of(options, id)
    local lines = {}
    options.on_attempt = function(info)
      lines[#lines + 1] = ("%s %s %s %s %s"):format(info.method, tostring(info.status),
        tostring(info.code), tostring(info.request_id), tostring(info.resend))
      assert.equal(info.resend, info.pause ~= nil)
      assert.equal(emulator.endpoint, "http://" .. info.host)
    end
    connect(options):delete_snapshot(project, id)
    return table.concat(lines, "\n")
  end

  it("tells what went wrong, its request id, and whether the request is sent again", function()
    emulator:put { id = "a" }
    emulator:misbehave {
      { method = "GET", headers = { ["X-Request-Id"] = "r1" } },
      { method = "DELETE", status = 503,
        headers = { ["X-Request-Id"] = "r2", ["Retry-After"] = "0" } },
      { method = "DELETE", cut = "before" },
      { method = "DELETE", headers = { ["X-Request-Id"] = "r4" } },
    }
    assert.equal("GET 200 nil r1 false\nDELETE 503 HTTP.503 r2 true\n"
      .. "DELETE nil Client.Network nil true\nDELETE 202 nil r4 false",
      attempts_of({ retries = 2 }, "a"))
  end)

  it("tells the server's clock, where the answer does", function()
    local dates = {}
    local client = connect { retries = 1,
      on_attempt = function(info) dates[#dates + 1] = info.date or "none" end }
    emulator:clock(-600)
    emulator:misbehave { cut = "before" }
    client:show_snapshot(project, "a")
    assert.equal("none", dates[1])
    assert.is_true(math.abs(os.time() - 600 - dates[2]) < 300, dates[2])
  end)

  it("tells a refusal by its code, and nothing of another try", function()
    emulator:put { id = "a" }
    emulator:misbehave { status = 409, headers = { ["X-Request-Id"] = "r" },
      body = { error = { code = "EVS.2068", message = "locked" } } }
    assert.equal("DELETE 409 EVS.2068 r false", attempts_of({ guard = false, retries = 3 }, "a"))
  end)

  it("tells of no other try for which no time is left", function()
    emulator:put { id = "a" }
    emulator:misbehave { status = 503,
      headers = { ["Retry-After"] = "60", ["X-Request-Id"] = "r" } }
    assert.equal("DELETE 503 HTTP.503 r false",
      attempts_of({ guard = false, retries = 3, timeout = 5 }, "a"))
  end)

  it("tells of each request: method, path, status, seconds, attempt", function()
    emulator:put { id = "a" }
    local seen = {}
    local client = connect { on_attempt = function(...)
      assert.equal(1, select("#", ...))
      seen[#seen + 1] = (...)
    end }
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.equal(2, #seen)
    for i, method in ipairs { "GET", "DELETE" } do
      local info = seen[i]
      assert.equal(method, info.method)
      assert.equal("/v2/" .. project .. "/cloudsnapshots/a", info.path)
      assert.equal(i == 1 and 200 or 202, info.status)
      assert.equal(i, info.attempt)
      assert.is_true(info.seconds >= 0 and info.seconds < 5)
      for _, value in pairs(info) do failure.assert_no_secret(tostring(value)) end
    end
  end)

  it("has no status where there was no answer", function()
    emulator:misbehave { cut = "before" }
    local seen
    connect():delete_snapshot(project, "a", { on_attempt = function(info) seen = info end })
    assert.is_nil(seen.status)
    assert.equal(1, seen.attempt)
  end)

  it("may be given to a call, and is then that call's only", function()
    emulator:settings { any_snapshot = true }
    local of_client, of_call = 0, 0
    local client = connect { guard = false, on_attempt = function() of_client = of_client + 1 end }
    client:delete_snapshot(project, "a")
    client:delete_snapshot(project, "a", { on_attempt = function() of_call = of_call + 1 end })
    client:delete_snapshot(project, "a")
    assert.same({ 2, 1 }, { of_client, of_call })
  end)

  it("may be a table that can be called", function()
    emulator:settings { any_snapshot = true }
    local seen = 0
    local callable = setmetatable({}, { __call = function() seen = seen + 1 end })
    connect { guard = false }:delete_snapshot(project, "a", { on_attempt = callable })
    assert.equal(1, seen)
  end)

  it("may raise: the call ends with that, and the client works on", function()
    emulator:put { id = "a" }
    local reason = {}
    local client = connect()
    for _ = 1, 20 do
      local fine, raised = pcall(client.delete_snapshot, client, project, "a",
        { on_attempt = function() error(reason) end })
      assert.is_false(fine)
      assert.equal(reason, raised)
    end
    assert.equal(0, emulator:count().DELETE)
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.equal(2, client:last().attempts)
  end)

  it("may raise after the first, unproven request failed: the key is not stuck", function()
    emulator:put { id = "a" }
    emulator:misbehave { { status = 500 }, { cut = "before" } }
    local client = connect { retries = 5 }
    for _ = 1, 2 do
      assert.is_false((pcall(client.delete_snapshot, client, project, "a",
        { on_attempt = function() error "no" end })))
    end
    local started = socket.gettime()
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.is_true(socket.gettime() - started < 5)
  end)

  it("may call the client", function()
    emulator:put { { id = "a" }, { id = "b" }, { id = "c" } }
    local client
    local depth = 0
    client = connect { on_attempt = function()
      if depth == 2 then return end
      depth = depth + 1
      assert(client:delete_snapshot(project, depth == 1 and "b" or "c") == true)
      assert(client:show_snapshot(project, "a"))
    end }
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.same({}, emulator:snapshots())
    assert.equal(3, emulator:count().DELETE)
    assert.equal(2, client:last().attempts)
  end)

  it("may call it while the key is unproven", function()
    emulator:put { id = "a" }
    emulator:misbehave { status = 500 }
    local client
    local inner
    client = connect { retries = 1, on_attempt = function()
      if inner == nil then
        inner = false
        inner = client:show_snapshot(project, "a")
      end
    end }
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.equal("a", inner.id)
  end)

  it("may close the client: nothing more is sent", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local client
    client = connect { on_attempt = function() client:close() end }
    failure.check(client:delete_snapshot(project, "a"),
      { code = "Client.Closed", outcome = "not_sent", attempts = 1 })
    assert.equal(0, emulator:count().DELETE)
    client = connect { guard = false, on_attempt = function() client:close() end }
    assert.is_true(client:delete_snapshot(project, "b"))
    assert.equal(1, client:last().attempts)
    emulator:misbehave { times = -1, cut = "before" }
    client = connect { guard = false, retries = 3, on_attempt = function() client:close() end }
    failure.check(client:delete_snapshot(project, "a"), { outcome = "unknown", attempts = 1 })
    emulator:misbehave { status = 400, body = { error = { code = "EVS.1", message = "m" } } }
    client = connect { guard = false, on_attempt = function() client:close() end }
    failure.check(client:delete_snapshot(project, "a"), { code = "EVS.1", outcome = "refused" })
  end)

  it("may close it while calls are nested", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local client
    local nested = false
    client = connect { on_attempt = function()
      if nested then return client:close() end
      nested = true
      client:delete_snapshot(project, "b")
    end }
    failure.check(client:delete_snapshot(project, "a"), { code = "Client.Closed", attempts = 1 })
    assert.equal(0, emulator:count().DELETE)
  end)

  it("may not yield: that raises, and the client works on", function()
    emulator:put { id = "a" }
    local client = connect()
    local thread = coroutine.create(function()
      client:delete_snapshot(project, "a", { on_attempt = function() coroutine.yield() end })
    end)
    local fine, message = coroutine.resume(thread)
    assert.is_false(fine)
    assert.matches("yield", message)
    assert.is_true(client:delete_snapshot(project, "a"))
  end)

  it("may set a hook, or take it away: that is no Ctrl-C", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local function hook() end
    local client = connect()
    assert.is_true(client:delete_snapshot(project, "a", { on_attempt = function()
      debug.sethook(hook, "", 1000000)
    end }))
    assert.is_true(client:delete_snapshot(project, "b", { on_attempt = function()
      debug.sethook()
    end }))
    debug.sethook()
  end)

  it("may end the process, closing the Lua state or not", function()
    for _, script in ipairs { "os.exit(7, true)", "os.exit(7)" } do
      local result = process.run(([[
        local client = assert(require("evs").new { endpoint = %q, ak = %q, sk = %q, ca_file = %q })
        client:show_snapshot("p", "a", { on_attempt = function() %s end })
      ]]):format(emulator.tls_endpoint, emulator.ak, emulator.sk, emulator.ca_file, script))
      assert.same({ status = 7, stdout = "", stderr = "" }, result)
    end
  end)

  it("may collect garbage, also when nobody else holds the client", function()
    emulator:put { id = "a" }
    assert.is_true(connect { on_attempt = collect }:delete_snapshot(project, "a"))
    assert.equal("DELETE", emulator:log()[2].method)
  end)

  it("may collect garbage", function()
    emulator:settings { any_snapshot = true }
    local client = connect { guard = false, on_attempt = collect }
    for _ = 1, 5 do
      assert.is_true(client:delete_snapshot(project, "a"))
      failure.check(client:delete_snapshot(project, "a", { guard = true }), { status = 404 })
    end
  end)
end)

describe("2,000 deletions", function()
  it("leave no memory and no descriptors behind", function()
    emulator:settings { any_snapshot = true }
    emulator:clear_log(0)
    local client = connect { guard = false }
    local rounds = IS_INSTRUMENTED and 100 or 1000
    local function delete_all()
      for i = 1, rounds do
        if client:delete_snapshot(project, "id-" .. i) ~= true then error("failed at " .. i) end
      end
    end
    delete_all()
    collect()
    local lua_kb, kb, descriptors = collectgarbage("count"), resident_kb(), count_descriptors()
    delete_all()
    collect()
    assert.is_true(collectgarbage("count") - lua_kb < 16)
    assert.equal(descriptors, count_descriptors())
    if not IS_INSTRUMENTED then assert.is_true(resident_kb() - kb < 1024) end
    assert.equal(2 * rounds, emulator:count().DELETE)
  end)

  it("that fail leave none behind either", function()
    emulator:clear_log(0)
    emulator:misbehave { times = -1, status = 502, html = true }
    local client = connect { guard = false }
    local function fail_all()
      for _ = 1, IS_INSTRUMENTED and 50 or 500 do client:delete_snapshot(project, "a") end
    end
    fail_all()
    collect()
    local lua_kb, kb, descriptors = collectgarbage("count"), resident_kb(), count_descriptors()
    fail_all()
    collect()
    assert.is_true(collectgarbage("count") - lua_kb < 16)
    assert.equal(descriptors, count_descriptors())
    if not IS_INSTRUMENTED then assert.is_true(resident_kb() - kb < 1024) end
  end)

  it("allocate nothing in Lua, once the client is warm", function()
    emulator:settings { any_snapshot = true }
    local client = connect { guard = false }
    local function delete_some()
      for _ = 1, 20 do
        if client:delete_snapshot(project, "a") ~= true then error "failed" end
      end
    end
    -- The compiler of LuaJIT keeps its traces in the same memory.
    if package.loaded.jit then package.loaded.jit.off(delete_some, true) end
    delete_some()
    collect()
    collectgarbage("stop")
    delete_some()
    local before = collectgarbage("count")
    delete_some()
    local after = collectgarbage("count")
    collectgarbage("restart")
    assert.equal(before, after)
  end)
end)

describe("Ctrl-C", function()
  -- Starts a script that hangs in a call, interrupts it, and checks that it ends soon.
  local function assert_interrupts(script)
    local client = ("assert(require('evs').new { endpoint = %q, ak = %q, sk = %q, retries = 9 })")
      :format(emulator.endpoint, emulator.ak, emulator.sk)
    local child = process.start((script:gsub("CLIENT", client):gsub("PROJECT", project)))
    assert.is_true(wait_until(function() return #emulator:log() > 0 end))
    socket.sleep(0.02)
    local started = socket.gettime()
    child:kill("INT")
    local result = child:wait()
    local seconds = socket.gettime() - started
    assert.is_true(seconds < 5, seconds)
    assert.equal(1, result.status)
    assert.matches("interrupted!", result.stderr, 1, true)
    assert.equal("", result.stdout)
  end

  it("ends a call that waits for an answer", function()
    emulator:misbehave { times = -1, hang = 10 }
    assert_interrupts [[
      local client = CLIENT
      client:delete_snapshot("PROJECT", "a")
      print "not reached"
    ]]
  end)

  it("ends a call that waits before it tries again", function()
    emulator:misbehave { times = -1, status = 429, headers = { ["Retry-After"] = "20" } }
    assert_interrupts [[
      local client = CLIENT
      client:delete_snapshot("PROJECT", "a")
      print "not reached"
    ]]
  end)

  it("ends a call in a coroutine, where Lua can tell", function()
    -- PUC Lua 5.1 keeps the hook in the main thread and has no way to find it.
    if _VERSION == "Lua 5.1" and not package.loaded.jit then return end
    emulator:misbehave { times = -1, hang = 10 }
    assert_interrupts [[
      local client = CLIENT
      coroutine.wrap(function() client:delete_snapshot("PROJECT", "a") end)()
      print "not reached"
    ]]
  end)

  it("that came while the coroutine was in Lua ends the call that follows", function()
    if _VERSION == "Lua 5.1" and not package.loaded.jit then return end
    emulator:put { id = "a" }
    emulator:misbehave { method = "DELETE", times = -1, hang = 10 }
    assert_interrupts [[
      local client = CLIENT
      coroutine.wrap(function()
        client:show_snapshot("PROJECT", "a")
        local began = os.clock()
        while os.clock() - began < 0.1 do end
        client:delete_snapshot("PROJECT", "a", { guard = false })
      end)()
      print "not reached"
    ]]
  end)

  it("is not what a debugger's hook is, set while a coroutine's call is under way", function()
    local main = coroutine.running() -- nil in 5.1, whose hooks are a thread's own
    emulator:put { id = "a" }
    emulator:misbehave { delay = 0.1 }
    local hooked = 0
    local client = connect { guard = false, on_attempt = function()
      debug.sethook(main or coroutine.running(), function() hooked = hooked + 1 end, "c")
    end, retries = 1 }
    emulator:misbehave { { status = 503, headers = { ["Retry-After"] = "0" } }, { delay = 0.1 } }
    local result = { coroutine.wrap(function() return client:delete_snapshot(project, "a") end)() }
    debug.sethook(main or coroutine.running())
    assert.same({ true }, result)
    assert.is_true(hooked > 0)
  end)

  it("while an answer is decoded leaves nothing behind: the next call need not wait", function()
    for method, calls in pairs { show_snapshot = 2, delete_snapshots = 3 } do
      emulator:put { id = "a" }
      local client, count = connect(), nil
      local what = method == "delete_snapshots" and { "a" } or "a"
      collectgarbage("stop") -- which would tidy up
      debug.sethook(function()
        -- The method, a batch's own way to take an id, then the decoder.
        count = debug.getinfo(2, "f").func == client[method] and 1 or count and count + 1
        if count == calls then
          debug.sethook()
          error("interrupted!", 0)
        end
      end, "c")
      local ran, problem = pcall(client[method], client, project, what)
      debug.sethook()
      local began = socket.gettime()
      local shown = client:show_snapshot(project, "a")
      local seconds = socket.gettime() - began
      collectgarbage("restart")
      assert.is_false(ran)
      assert.equal("interrupted!", problem)
      assert.equal("a", shown.id)
      assert.is_true(seconds < 5, seconds .. " s")
      assert.equal(0, emulator:count().DELETE or 0)
    end
  end)

  it("can be caught, and the client works on", function()
    emulator:put { id = "a" }
    emulator:misbehave { hang = 3 }
    local child = process.start(([[
      local client = assert(require("evs").new { endpoint = %q, ak = %q, sk = %q })
      print(pcall(client.delete_snapshot, client, %q, "a"))
      print(client:delete_snapshot(%q, "a"))
    ]]):format(emulator.endpoint, emulator.ak, emulator.sk, project, project))
    assert.is_true(wait_until(function() return #emulator:log() > 0 end))
    socket.sleep(0.02)
    child:kill("INT")
    local result = child:wait()
    assert.matches("^false\t.*interrupted!", result.stdout)
    assert.matches("\ntrue\n$", result.stdout)
    assert.is_nil(emulator:snapshot("a"))
  end)
end)
