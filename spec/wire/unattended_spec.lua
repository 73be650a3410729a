-- Proves the rules of a bad night through real sockets: lost answers, throttling, wrong clocks,
-- wrong keys, waiting, deadlines. What machines do without a network is in machine_spec.

local failure = require "spec.support.failure"
local process = require "spec.support.process"
local socket = require "socket"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id
local VARIANT = os.getenv("EVS_SPEC_VARIANT")

-- A machine may be slow; no spec fails for that below these seconds.
local SLACK = (VARIANT == "asan" or VARIANT == "valgrind") and 10 or 1.5

local connect = require("spec.support.connect").with { guard = false }

local function delete(client, options, id)
  return client:delete_snapshot(project, id or "a", options)
end

local function timed(call, ...)
  local started = socket.gettime()
  local result = call(...)
  return result, socket.gettime() - started
end

-- Sends the first request of a client's connection, so that the next one reuses it.
local function warm(client)
  emulator:put { id = "warm" }
  assert.is_true(delete(client, nil, "warm"))
  emulator:clear_log()
end

local function attempts_seen()
  local count = emulator:count()
  return count.DELETE + count.GET
end

before_each(function()
  emulator:reset()
  emulator:put { id = "a" }
end)

describe("a connection that drops after the deletion", function()
  before_each(function() emulator:misbehave { { method = "DELETE", cut = "after" } } end)

  it("is true when the guard has seen the snapshot", function()
    assert.is_true(delete(connect { guard = true }))
    assert.equal(2, emulator:count().DELETE)
  end)

  it("is the server's 404, unknown, without a guard", function()
    local err = failure.check(delete(connect()),
      { code = "404", kind = "itemNotFound", outcome = "unknown", attempts = 2 })
    assert.equal(404, err.status)
  end)

  it("is true for a snapshot that was passed, without asking for it", function()
    emulator:reset()
    emulator:put { id = "a" }
    local client = connect()
    local snapshot = assert(client:show_snapshot(project, "a"))
    emulator:misbehave { { method = "DELETE", cut = "after" } }
    emulator:clear_log()
    assert.is_true(client:delete_snapshot(project, snapshot))
    assert.equal(0, emulator:count().GET)
  end)

  it("counts the attempts that the server saw, on a kept connection too", function()
    emulator:misbehave {}
    local client = connect()
    warm(client)
    emulator:misbehave { { method = "DELETE", cut = "after" } }
    local err = failure.check(delete(client), { code = "404", outcome = "unknown" })
    assert.equal(attempts_seen(), err.attempts)
    emulator:put { id = "b" }
    emulator:misbehave { { method = "DELETE", cut = "after" } }
    emulator:clear_log()
    assert.is_true(delete(client, { guard = true }, "b"))
    assert.equal(attempts_seen(), client:last().attempts)
  end)
end)

describe("a connection that drops before the deletion", function()
  for _, kept in ipairs { false, true } do
    it("is true after two DELETEs" .. (kept and ", on a kept connection too" or ""), function()
      local client = connect()
      if kept then warm(client) end
      emulator:misbehave { { method = "DELETE", cut = "before" } }
      assert.is_true(delete(client))
      assert.equal(2, emulator:count().DELETE)
      assert.equal(2, client:last().attempts)
    end)
  end

  it("is unknown when no retry is left", function()
    emulator:misbehave { { method = "DELETE", cut = "before", times = -1 } }
    local err = failure.check(delete(connect(), { retries = 0 }),
      { code = "Client.Network", outcome = "unknown" })
    assert.equal(attempts_seen(), err.attempts)
    assert.equal(1, err.attempts)
  end)
end)

describe("a lost answer that is followed by a wrong state", function()
  it("is true by way of a GET that says deleting", function()
    emulator:put { id = "a", delete_seconds = 60 }
    emulator:misbehave { { method = "DELETE", cut = "after" } }
    assert.is_true(delete(connect()))
    local count = emulator:count()
    assert.equal(2, count.DELETE)
    assert.equal(1, count.GET)
  end)

  it("is unknown when the snapshot stands there as before: it may be on its way", function()
    emulator:put { id = "a", status = "backing-up" }
    emulator:misbehave { { method = "DELETE", cut = "before" } }
    failure.check(delete(connect()), { code = "EVS.1047", outcome = "unknown" })
  end)

  it("is not deleted when the deletion failed on the way", function()
    emulator:put { id = "a", after_delete = "error_deleting" }
    emulator:misbehave { { method = "DELETE", cut = "after" } }
    failure.check(delete(connect()), { code = "Client.NotDeleted", outcome = "unknown" })
  end)
end)

describe("a 429", function()
  local function busy(after)
    return { method = "DELETE", status = 429, headers = { ["Retry-After"] = after },
      body = { error_code = "APIGW.0308", error_msg = "throttled" } }
  end

  it("with Retry-After: 1 is followed by one more request, no earlier than that", function()
    emulator:misbehave { busy("1") }
    assert.is_true(delete(connect()))
    local log = emulator:log()
    assert.equal(2, #log)
    assert.is_true(log[2].time - log[1].time >= 1)
  end)

  it("with Retry-After: 3600 fails at once with the server's code", function()
    emulator:misbehave { busy("3600") }
    local result, seconds = timed(delete, connect())
    failure.check(result, { code = "APIGW.0308", status = 429, outcome = "refused", attempts = 1 })
    assert.is_true(seconds < 1 + SLACK)
  end)
end)

describe("a clock that is an hour off", function()
  it("is healed by the server's: 401, then 202, and the next call needs one request", function()
    emulator:put { { id = "a" }, { id = "b" } }
    emulator:clock(3600)
    local client = connect()
    assert.is_true(delete(client))
    local log = emulator:log()
    assert.same({ 401, 202 }, { log[1].status, log[2].status })
    emulator:clear_log()
    assert.is_true(delete(client, nil, "b"))
    assert.equal(1, emulator:count().DELETE)
  end)
end)

describe("a wrong secret", function()
  it("costs one request; the next ten calls send none", function()
    local client = connect { sk = "wrong" }
    failure.check(delete(client), { code = "APIGW.0301", status = 401, outcome = "refused",
      attempts = 1 })
    for _ = 1, 10 do
      failure.check(delete(client), { code = "APIGW.0301", outcome = "not_sent", attempts = 0 })
    end
    assert.equal(1, emulator:count().DELETE)
  end)

  it("does not lock the key: another client with the right one goes on", function()
    for _ = 1, 3 do delete(connect { sk = "wrong" }) end
    assert.is_true(delete(connect()))
  end)
end)

describe("wait", function()
  local function put(snapshot)
    snapshot.id = "a"
    emulator:put(snapshot)
  end

  it("is true when the snapshot is gone", function()
    put { delete_seconds = 0.3 }
    assert.is_true(delete(connect(), { wait = 15 }))
    assert.is_nil(emulator:snapshot("a"))
  end)

  it("tells a deletion that failed", function()
    put { delete_seconds = 0.1, after_delete = "error_deleting" }
    failure.check(delete(connect(), { wait = 15 }),
      { code = "Client.NotDeleted", outcome = "accepted" })
  end)

  it("tells a snapshot that came back", function()
    put { delete_seconds = 0.8, after_delete = "available" }
    failure.check(delete(connect(), { wait = 15 }),
      { code = "Client.NotDeleted", outcome = "accepted" })
  end)

  it("is not misled by a status that is old: available for a while, deleting, gone", function()
    put { deleting_after = 2, delete_seconds = 0.5 }
    assert.is_true(delete(connect(), { wait = 15 }))
  end)

  it("rides out a server that fails every other time", function()
    put { delete_seconds = 1 }
    emulator:misbehave {
      { method = "GET", status = 503 }, { method = "GET", skip = 1, status = 503 },
    }
    assert.is_true(delete(connect(), { wait = 15 }))
  end)

  it("ends in time when the snapshot never goes", function()
    put { after_delete = "never" }
    local result, seconds = timed(delete, connect(), { wait = 1.2 })
    failure.check(result, { code = "Client.WaitTimeout", outcome = "accepted", retryable = true })
    assert.is_true(seconds >= 1.1 and seconds < 1.3 + SLACK)
  end)

  it("ends when a look is refused", function()
    put { delete_seconds = 60 }
    emulator:misbehave { { method = "GET", status = 403,
      body = { error = { code = "EVS.2056", message = "policy" } } } }
    failure.check(delete(connect(), { wait = 15 }),
      { code = "EVS.2056", status = 403, outcome = "accepted" })
  end)
end)

describe("a server that never answers", function()
  it("is given up when the timeout is over, with some attempts made", function()
    emulator:misbehave { { hang = 5, times = -1 } }
    local result, seconds = timed(delete, connect(), { timeout = 1.5, attempt_timeout = 0.5 })
    local err = failure.check(result, { code = "Client.Timeout", outcome = "unknown" })
    assert.is_true(err.attempts >= 2)
    assert.is_true(seconds >= 1.4 and seconds < 1.6 + SLACK)
  end)
end)

describe("the metadata service", function()
  it("is never asked through a proxy", function()
    local result = process.run([[
      local evs = require "evs"
      io.write(tostring(evs.delete_snapshot("p", "a", { guard = false, retries = 0 })))
    ]], { EVS_ENDPOINT = emulator.tls_endpoint, EVS_CA_FILE = emulator.ca_file,
      EVS_METADATA_ENDPOINT = emulator.metadata_endpoint, HOME = "/nonexistent",
      HTTPS_PROXY = "http://127.0.0.1:1", http_proxy = "http://127.0.0.1:1",
      ALL_PROXY = "http://127.0.0.1:1" })
    assert.is_truthy(result.stdout:find("^Client.Proxy") or result.stdout:find("^Client.Connect"),
      result.stdout .. result.stderr)
    local asked = 0
    for _, entry in ipairs(emulator:log()) do
      if entry.service == "metadata" then asked = asked + 1 end
    end
    assert.is_true(asked >= 1)
  end)
end)
