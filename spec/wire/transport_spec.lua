-- Proves what becomes of a call when the network, TLS, a proxy or the server's bytes go wrong: each
-- failure has its own code, tells whether the deletion may have happened, and counts what was sent.

local evs = require "evs"
local failure = require "spec.support.failure"
local http2 = require "spec.support.http2"
local process = require "spec.support.process"
local server = require "spec.support.server"
local socket = require "socket"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

local VARIANT = os.getenv("EVS_SPEC_VARIANT")

-- What a call of a tenth of a second must have ended in, in seconds: the machine may be busy.
local SLACK = (VARIANT == "asan" or VARIANT == "valgrind") and 10 or 1.2

local REFUSED = "127.0.0.1:1"
-- A label of more than 63 characters: refused by every resolver without asking anybody.
local UNKNOWN = ("x"):rep(64) .. ".invalid"

-- A client that deletes without a look before and without retries; `options` are added.
local connect = require("spec.support.connect").with { retries = 0, guard = false }

local function connect_tls(options)
  local all = { endpoint = emulator.tls_endpoint, ca_file = emulator.ca_file }
  for name, value in pairs(options or {}) do all[name] = value end
  return connect(all)
end

-- Calls and returns the result and the seconds that it took.
local function timed(call, ...)
  local started = socket.gettime()
  local result = call(...)
  return result, socket.gettime() - started
end

local function delete(client, options)
  return client:delete_snapshot(project, "a", options)
end

local function assert_unsent(err, code, retryable)
  return failure.check(err, { code = code, outcome = "not_sent", attempts = 0,
    status = failure.none, retryable = retryable })
end

local function assert_lost(err, code)
  return failure.check(err, { code = code, outcome = "unknown", attempts = 1,
    status = failure.none, retryable = true })
end

local function count_of(method)
  return emulator:count()[method]
end

before_each(function() emulator:reset() end)

describe("no connection", function()
  it("that is refused is Client.Connect", function()
    local client = connect { endpoint = "http://" .. REFUSED }
    assert_unsent(delete(client), "Client.Connect", true)
    assert_unsent(delete(client, { guard = true }), "Client.Connect", true)
    local snapshot, err = client:show_snapshot(project, "a")
    assert.is_nil(snapshot)
    assert_unsent(err, "Client.Connect", true)
  end)

  it("to an unknown host is Client.Resolve", function()
    assert_unsent(delete(connect { endpoint = "https://" .. UNKNOWN }), "Client.Resolve", true)
  end)

  it("to an IPv6 address that is refused is Client.Connect", function()
    assert_unsent(delete(connect { endpoint = "http://[::1]:1" }), "Client.Connect", true)
  end)

  it("is tried again, and still counts no attempt", function()
    local seen = {}
    local client = connect { endpoint = "http://" .. REFUSED, retries = 1,
      on_attempt = function(info) seen[#seen + 1] = info end }
    assert_unsent(delete(client), "Client.Connect", true)
    assert.equal(2, #seen)
    assert.equal(0, seen[2].attempt)
    assert.is_nil(seen[2].status)
  end)

  it("within connect_timeout is Client.Timeout", function()
    local listener = assert(socket.bind("127.0.0.1", 0, 0))
    local _, port = listener:getsockname()
    local waiting = {}
    for i = 1, 8 do
      waiting[i] = socket.tcp()
      waiting[i]:settimeout(0)
      waiting[i]:connect("127.0.0.1", port)
    end
    local client = connect { endpoint = "http://127.0.0.1:" .. port, connect_timeout = 0.12 }
    local err, seconds = timed(delete, client)
    assert_unsent(err, "Client.Timeout", true)
    assert.is_true(seconds > 0.1 and seconds < SLACK, seconds)
    for _, connection in ipairs(waiting) do connection:close() end
    listener:close()
  end)

  it("that a TLS server leaves unanswered is Client.Timeout after connect_timeout", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    local client = connect { endpoint = "https://127.0.0.1:" .. port, connect_timeout = 0.12,
      ca_file = emulator.ca_file }
    local err, seconds = timed(delete, client)
    listener:close()
    assert_unsent(err, "Client.Timeout", true)
    assert.is_true(seconds > 0.1 and seconds < SLACK, seconds)
  end)

  it("leaves the client fit for the next call", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    listener:close()
    local client = connect { endpoint = "http://127.0.0.1:" .. port }
    assert_unsent(delete(client), "Client.Connect", true)
    listener = assert(socket.bind("127.0.0.1", port))
    assert_lost(delete(client, { timeout = 0.1 }), "Client.Timeout")
    listener:close()
  end)
end)

describe("TLS", function()
  it("deletes over HTTP/2, on one connection for all calls", function()
    emulator:put { { id = "a" }, { id = "b" }, { id = "c" } }
    local client = connect_tls { guard = true }
    for _, id in ipairs { "a", "b", "c" } do
      assert.is_true(client:delete_snapshot(project, id))
    end
    assert.same({}, emulator:snapshots())
    local log = emulator:log()
    assert.equal(6, #log)
    for _, record in ipairs(log) do
      assert.is_true(record.tls)
      assert.equal(2, record.http_version)
      assert.equal(log[1].connection, record.connection)
    end
  end)

  for _, which in ipairs { "untrusted", "expired", "wrong_host" } do
    it("with a certificate that does not verify is Client.TLS, at once: " .. which, function()
      emulator:put { id = "a" }
      local endpoint = emulator[which .. "_endpoint"]
      local client = connect_tls { endpoint = endpoint, retries = 3 }
      local seen = 0
      assert_unsent(delete(client, { on_attempt = function() seen = seen + 1 end }), "Client.TLS",
        false)
      assert.equal(1, seen)
      assert_unsent(delete(client, { guard = true }), "Client.TLS", false)
      assert.same({}, emulator:log())
      assert.is_true(delete(connect { endpoint = endpoint, tls_verify = false }))
      assert.is_nil(emulator:snapshot("a"))
    end)
  end

  it("trusts the system's authorities only, unless told otherwise", function()
    assert_unsent(delete(connect { endpoint = emulator.tls_endpoint }), "Client.TLS", false)
    assert.same({}, emulator:log())
  end)

  it("with a ca_file that cannot be read is Client.TLS, not a connection unchecked", function()
    for _, file in ipairs { "/nowhere/ca.crt", "/", "spec/vectors.json" } do
      assert_unsent(delete(connect_tls { ca_file = file }), "Client.TLS", false)
    end
    assert.same({}, emulator:log())
  end)

  it("with a server that speaks plain HTTP is Client.TLS", function()
    local endpoint = emulator.endpoint:gsub("^http:", "https:")
    failure.check(delete(connect { endpoint = endpoint }),
      { code = "Client.TLS", outcome = "not_sent", attempts = 0 })
    assert.same({}, emulator:log())
  end)

  it("lost in the middle of a request, as a stream's end, is Client.Network", function()
    emulator:put { id = "a" }
    emulator:misbehave { cut = "after" }
    assert_lost(delete(connect_tls()), "Client.Network")
    assert.is_nil(emulator:snapshot("a"))
    assert.equal(1, count_of("DELETE"))
  end)
end)

describe("a failure to connect", function()
  -- What the message names, and a part of the hint.
  local proxy = "http://user:hunter2@" .. REFUSED
  local other = emulator.endpoint:match("//(.*)$")
  local CASES = {
    ["a refused connection names host and port"] = {
      { endpoint = "http://" .. REFUSED }, "connecting to " .. REFUSED .. ": ", "endpoint" },
    ["a host that is not known is named"] = {
      { endpoint = "https://" .. UNKNOWN }, UNKNOWN, "region" },
    ["an unknown issuer: host and ca_file"] = {
      { endpoint = emulator.untrusted_endpoint }, "TLS with localhost:", "ca_file" },
    ["a certificate that has expired: its time"] = {
      { endpoint = emulator.expired_endpoint }, "TLS with localhost:", "time is over" },
    ["another host's certificate"] = {
      { endpoint = emulator.wrong_host_endpoint }, "TLS with localhost:", "another host's" },
    ["another host's certificate, by address"] = {
      { endpoint = emulator.wrong_host_endpoint:gsub("localhost", "127.0.0.1") },
      "TLS with 127.0.0.1:", "another host's" },
    ["a ca_file that is not there is named"] = {
      { ca_file = "/nowhere/ca.crt" }, "/nowhere/ca.crt", "check ca_file" },
    ["https to a port of http"] = { { endpoint = "https://" .. other },
      "TLS with " .. other .. ": ", "plain http" },
    ["a dead proxy is named, not the endpoint"] = {
      { proxy = proxy }, "the proxy " .. REFUSED .. ": ", "check the proxy" },
    ["a proxy whose name is not known"] = { { proxy = "http://user:hunter2@" .. UNKNOWN .. ":1" },
      "the proxy " .. UNKNOWN .. ":1: ", "check the proxy" },
    ["a proxy's own TLS"] = { { proxy = "https://" .. other }, "the proxy " .. other .. ": ",
      "plain http" },
  }
  for what, case in pairs(CASES) do
    it("says who and what to do: " .. what, function()
      local err = delete(connect_tls(case[1]))
      failure.check(err, { outcome = "not_sent", attempts = 0 })
      assert.matches(case[2], err.message, 1, true)
      assert.matches(case[3], err.hint, 1, true)
      assert.is_nil(tostring(err):find("hunter2", 1, true))
    end)
  end

  it("says who and what to do: http to a port of TLS", function()
    local err = delete(connect { endpoint = emulator.tls_endpoint:gsub("^https", "http") })
    assert.matches("https://", err.hint, 1, true)
  end)

  it("says who and what to do: a proxy that wants a password", function()
    local refuser = server.proxy("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
    local err = delete(connect_tls { proxy = refuser.url })
    refuser:stop()
    assert.matches("the proxy " .. refuser.url:match("//(.*)$"), err.message, 1, true)
    assert.matches("user and password", err.hint, 1, true)
  end)

  it("says who and what to do: a silent host, a silent proxy", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local address = "127.0.0.1:" .. select(2, listener:getsockname())
    local err = delete(connect_tls { endpoint = "https://" .. address, connect_timeout = 0.1 })
    assert.matches("connecting to " .. address .. ": no connection", err.message, 1, true)
    err = delete(connect_tls { proxy = "http://" .. address, connect_timeout = 0.1 })
    listener:close()
    assert.matches("the proxy " .. address .. ": no connection", err.message, 1, true)
  end)
end)

describe("no answer", function()
  it("in time is Client.Timeout, when timeout says so", function()
    emulator:misbehave { times = -1, hang = 2 }
    local client = connect()
    local err, seconds = timed(delete, client, { timeout = 0.12 })
    assert_lost(err, "Client.Timeout")
    assert.is_true(seconds > 0.1 and seconds < SLACK, seconds)
    assert.equal(1, count_of("DELETE"))
    err, seconds = timed(delete, client, { timeout = 0.1, guard = true, retries = 5 })
    failure.check(err, { code = "Client.Timeout", outcome = "not_sent" })
    assert.is_true(seconds > 0.08 and seconds < SLACK, seconds)
  end)

  it("of an attempt in time lets the others be made, all of them counted", function()
    emulator:misbehave { times = -1, hang = 2 }
    local err = delete(connect(), { attempt_timeout = 0.1, retries = 1 })
    failure.check(err, { code = "Client.Timeout", outcome = "unknown", attempts = 2 })
    assert.equal(2, count_of("DELETE"))
  end)

  it("that comes byte by byte is no reason to wait longer", function()
    emulator:misbehave { status = 202, body = ("x"):rep(100), slow_body = 0.05 }
    local err, seconds = timed(delete, connect(), { timeout = 0.12 })
    assert_lost(err, "Client.Timeout")
    assert.is_true(seconds > 0.1 and seconds < SLACK, seconds)
  end)

  it("from a server that only accepts connections is Client.Timeout", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    local client = connect { endpoint = "http://127.0.0.1:" .. port, connect_timeout = 0.1 }
    local err, seconds = timed(delete, client, { timeout = 0.12 })
    listener:close()
    assert_lost(err, "Client.Timeout")
    assert.is_true(seconds > 0.1 and seconds < SLACK, seconds)
  end)
end)

describe("Retry-After", function()
  it("beyond the call's time ends it at once", function()
    emulator:misbehave { times = -1, status = 503, headers = { ["Retry-After"] = "60" } }
    local err, seconds = timed(delete, connect(), { timeout = 5, retries = 3 })
    failure.check(err, { code = "HTTP.503", outcome = "unknown", attempts = 1, retryable = true })
    assert.is_true(seconds < SLACK, seconds)
  end)
end)

describe("a lost connection", function()
  for _, reset in ipairs { false, true } do
    local how = reset and "a reset" or "a close"
    it("before the deletion leaves it unknown: " .. how, function()
      emulator:put { id = "a" }
      emulator:misbehave { cut = "before", reset = reset }
      assert_lost(delete(connect()), "Client.Network")
      assert.equal(1, count_of("DELETE"))
      assert.is_table(emulator:snapshot("a"))
    end)

    it("after the deletion leaves it unknown: " .. how, function()
      emulator:put { id = "a" }
      emulator:misbehave { cut = "after", reset = reset }
      assert_lost(delete(connect()), "Client.Network")
      assert.equal(1, count_of("DELETE"))
      assert.is_nil(emulator:snapshot("a"))
    end)

    it("under a kept connection is not answered by a second DELETE behind our back: " .. how,
      function()
        emulator:put { { id = "a" }, { id = "b" } }
        local client = connect()
        assert.is_true(client:delete_snapshot(project, "b"))
        emulator:misbehave { times = -1, reused = true, cut = "before", reset = reset }
        assert_lost(delete(client), "Client.Network")
        assert.equal(2, count_of("DELETE"))
        assert.is_true(delete(client))
        assert.equal(3, count_of("DELETE"))
      end)
  end

  it("under one of two kept connections is not answered by a second DELETE on the other", function()
    emulator:settings { any_snapshot = true }
    emulator:misbehave { times = 2, delay = 0.1 }
    local client = connect()
    assert.equal(2, client:delete_snapshots(project, { "b", "c" }).succeeded)
    emulator:misbehave { times = -1, reused = true, cut = "before" }
    assert_lost(delete(client), "Client.Network")
    assert.equal(3, count_of("DELETE"))
  end)

  it("in the body of a 202 leaves it unknown", function()
    emulator:put { id = "a" }
    emulator:misbehave { status = 202, effect = true, body = "x", cut = "body", promise = 100 }
    assert_lost(delete(connect()), "Client.Network")
    assert.equal(1, count_of("DELETE"))
  end)

  it("under the guard's request is not_sent", function()
    emulator:put { id = "a" }
    emulator:misbehave { cut = "before" }
    failure.check(delete(connect(), { guard = true }),
      { code = "Client.Network", outcome = "not_sent", attempts = 1 })
    assert.equal(0, count_of("DELETE"))
  end)

  it("after the deletion is settled by another try: it was there, and is gone", function()
    emulator:put { id = "a" }
    emulator:misbehave { method = "DELETE", cut = "after" }
    local client = connect { guard = true, retries = 3 }
    assert.is_true(delete(client))
    assert.equal(3, client:last().attempts)
    assert.equal(2, count_of("DELETE"))
  end)

  it("that nobody used at the time is replaced, and nothing is lost", function()
    emulator:misbehave { raw = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" }
    emulator:settings { any_snapshot = true }
    local client = connect()
    assert.is_true(delete(client))
    socket.sleep(0.05)
    assert.is_true(delete(client))
    assert.equal(1, client:last().attempts)
    assert.equal(2, count_of("DELETE"))
  end)

  it("that the server has announced is replaced, and nothing is lost", function()
    emulator:put { { id = "a" }, { id = "b" } }
    emulator:misbehave { close = true }
    local client = connect()
    assert.is_true(client:delete_snapshot(project, "b"))
    assert.is_true(delete(client))
    assert.equal(1, client:last().attempts)
    local log = emulator:log()
    assert.equal(2, #log)
    assert.is_not.equal(log[1].connection, log[2].connection)
  end)
end)

describe("HTTP/2", function()
  local other
  after_each(function() other:stop() end)

  -- A client of a server that takes these actions.
  local function connect_there(actions, options)
    other = http2.start(emulator.ca_file:match("^(.*)/"), actions)
    options = options or {}
    options.endpoint = other.url
    return connect_tls(options)
  end

  local function delete_there(actions, options)
    local client = connect_there(actions, { retries = 3 })
    return delete(client, options), client:last().attempts
  end

  -- Of a libcurl before 7.88, or from 8.0 to 8.6, nobody can always tell whether a stream was
  -- refused or lost.
  local major, minor = evs.info().libcurl:match("^(%d+)%.(%d+)")
  local version = major * 100 + minor
  local TELLS_REFUSED = version >= 807 or (version >= 788 and version < 800)

  local UNREAD = { refuse = "REFUSED_STREAM", go_away_before = "GOAWAY with a lower last stream",
    go_away_and_close = "GOAWAY with a lower last stream, and the connection's end" }
  for action, what in pairs(TELLS_REFUSED and UNREAD or {}) do
    it("streams that are refused unread are not sent: " .. what, function()
      assert_unsent(delete_there { action }, "Client.Network", true)
      assert.equal(4, #other:log())
    end)

    it("streams that are refused unread are sent again: " .. what, function()
      local result, attempts = delete_there { action, "accept" }
      assert.is_true(result)
      assert.equal(1, attempts)
    end)

    it("streams that are refused unread make no 404 a success: " .. what, function()
      local err = delete_there({ "show", action, "missing" }, { guard = true })
      failure.check(err, { code = "404", outcome = "refused", attempts = 2 })
    end)
  end

  for _, action in ipairs { "close", "break_stream", "break_and_close", "garble", "garble_fields",
    "go_away_and_garble" } do
    it("streams that end otherwise are lost: " .. action, function()
      local result, attempts = delete_there({ "show", action, "missing" }, { guard = true })
      assert.is_true(result)
      -- Others may be written before libcurl sees the connection's end.
      assert.is_true(attempts >= 3, attempts)
      other:stop()
      assert.equal("unknown", delete_there({ action }, { retries = 0 }).outcome)
    end)
  end

  for _, first in ipairs(TELLS_REFUSED and { "refuse", "accept" } or {}) do
    it("streams that are refused unread are not sent, however many: after " .. first, function()
      local client = connect_there { first, "refuse" }
      delete(client)
      for _ = 1, 12 do assert_unsent(delete(client), "Client.Network", true) end
      assert.equal(13, #other:log())
    end)

    it("streams that are refused unread make no lost request unsent: after " .. first, function()
      local client = connect_there { first, "refuse", "close_http1" }
      delete(client)
      assert_unsent(delete(client), "Client.Network", true)
      assert_lost(delete(client), "Client.Network")
      assert.equal(3, #other:log())
    end)
  end

  it("streams up to GOAWAY's last are answered", function()
    assert.is_true(delete_there { "go_away_after" })
  end)

  it("has 100 informational answers at most", function()
    failure.check(delete_there({ "inform" }, { retries = 0 }),
      { code = "Client.BadResponse", outcome = "unknown", attempts = 1 })
  end)

  it("streams of others on the connection stay when one is refused", function()
    local client = connect_there({ "accept", "accept", "refuse", "accept" },
      { retries = 1, concurrency = 8 })
    assert.is_true(delete(client))
    local ids = {}
    for i = 1, 20 do ids[i] = "s" .. i end
    assert.equal(20, client:delete_snapshots(project, ids).succeeded)
    assert.equal(22, #other:log())
  end)
end)

describe("a kept connection", function()
  it("serves the calls that follow, whatever the answers were", function()
    emulator:put { { id = "a" }, { id = "b", status = "creating" } }
    local client = connect()
    client:show_snapshot(project, "a")
    client:delete_snapshot(project, "missing")
    client:delete_snapshot(project, "b")
    assert.is_true(delete(client))
    local log = emulator:log()
    assert.equal(4, #log)
    for i, record in ipairs(log) do
      assert.equal(log[1].connection, record.connection)
      assert.equal(i, record.connection_requests)
    end
  end)

  it("is each client's own", function()
    emulator:settings { any_snapshot = true }
    assert.is_true(delete(connect()))
    assert.is_true(delete(connect()))
    local log = emulator:log()
    assert.is_not.equal(log[1].connection, log[2].connection)
  end)
end)

describe("bytes that are no HTTP", function()
  -- Each is lost: whether the server deleted before it sent them, nobody knows.
  local NO_ANSWERS = {
    ["a bad status line"] = "HTTP/1.1 banana\r\n\r\n",
    ["no status line"] = "hello\r\n\r\n",
    ["nothing but a line end"] = "\r\n",
    ["half a status line"] = "HTTP/1.1 20",
    ["an endless status line"] = "HTTP/1.1 202 " .. ("x"):rep(200000),
    ["a header that ends in the middle"] = "HTTP/1.1 202 Accepted\r\nContent-Le",
    ["a header of 200 kB"] = "HTTP/1.1 202 Accepted\r\nX: " .. ("x"):rep(200000) .. "\r\n\r\n",
    ["1 MB of headers"] = "HTTP/1.1 202 Accepted\r\n"
      .. ("X: " .. ("x"):rep(1000) .. "\r\n"):rep(1000) .. "\r\n",
    ["a negative length"] = "HTTP/1.1 202 Accepted\r\nContent-Length: -5\r\n\r\n",
    ["a bad chunk"] = "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ["a chunk too short"] = "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nx",
    ["a 100 alone"] = "HTTP/1.1 100 Continue\r\n\r\n",
    ["another protocol"] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ["a status that is no number"] = "HTTP/1.1 2x2 Accepted\r\nContent-Length: 0\r\n\r\n",
    ["a status of no kind"] = "HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n",
    ["a body too short"] = "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nx",
  }
  for what, bytes in pairs(NO_ANSWERS) do
    it("leave the deletion unknown: " .. what, function()
      emulator:misbehave { raw = bytes }
      local err = failure.check(delete(connect()),
        { outcome = "unknown", attempts = 1, status = failure.none, retryable = true })
      assert.is_true(err.code == "Client.BadResponse" or err.code == "Client.Network", err.code)
      assert.is_nil(err.message:lower():find("memory", 1, true))
      assert.equal(1, count_of("DELETE"))
    end)
  end

  local ACCEPTED = "HTTP/1.1 202 Accepted\r\n"
  local MALFORMED = {
    ["letters after the status"] = "HTTP/1.1 202OK\r\nContent-Length: 0\r\n\r\n",
    ["a status with a fraction"] = "HTTP/1.1 202.5 Accepted\r\nContent-Length: 0\r\n\r\n",
    ["a status of four digits"] = "HTTP/1.1 2020 Accepted\r\nContent-Length: 0\r\n\r\n",
    ["a minor version of two digits"] = "HTTP/1.12 202 Accepted\r\nContent-Length: 0\r\n\r\n",
    ["a blank too many"] = "HTTP/1.1  202 Accepted\r\nContent-Length: 0\r\n\r\n",
    ["a tab"] = "HTTP/1.1\t202 Accepted\r\nContent-Length: 0\r\n\r\n",
    ["HTTP/1.2"] = "HTTP/1.2 202 Accepted\r\nContent-Length: 0\r\n\r\n",
    ["HTTP/2"] = "HTTP/2 202 \r\nContent-Length: 0\r\n\r\n",
    ["HTTP/3"] = "HTTP/3 202 \r\nContent-Length: 0\r\n\r\n",
    ["HTTP/2.0"] = "HTTP/2.0 202 Accepted\r\nContent-Length: 0\r\n\r\n",
    ["a length that no number holds"] = ACCEPTED .. "Content-Length: 9223372036854775808\r\n\r\n",
    ["a length of 40 digits"] = ACCEPTED .. "Content-Length: " .. ("9"):rep(40) .. "\r\n\r\n",
    ["a length and more"] = ACCEPTED .. "Content-Length: 0, 0\r\n\r\n",
    ["a length with a sign"] = ACCEPTED .. "Content-Length: +0\r\n\r\n",
    ["a length in hex"] = ACCEPTED .. "Content-Length: 0x0\r\n\r\n",
    ["no length where it should be"] = ACCEPTED .. "Content-Length:\r\n\r\n",
    ["two lengths"] = ACCEPTED .. "Content-Length: 1\r\nContent-Length: 0\r\n\r\n",
    ["a length and a final chunk"] = ACCEPTED
      .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  }
  for what, bytes in pairs(MALFORMED) do
    it("are no 202: " .. what, function()
      emulator:misbehave { raw = bytes }
      failure.check(delete(connect()), { code = "Client.BadResponse", outcome = "unknown",
        attempts = 1, status = failure.none })
    end)
  end

  it("are told from answers: a status line that nobody speaks is Client.BadResponse", function()
    for _, bytes in ipairs { "HTTP/1.1 banana\r\n\r\n", "hello\r\n\r\n" } do
      emulator:misbehave { raw = bytes }
      failure.check(delete(connect()), { code = "Client.BadResponse", outcome = "unknown" })
    end
  end)

  it("do not come in the way of a good answer: 100 before a 202, odd headers", function()
    for _, bytes in ipairs {
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.0 202 whatever\r\n\r\n",
      "HTTP/1.1 202\r\nX-Request-Id: \1\2\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    } do
      emulator:misbehave { raw = bytes }
      assert.is_true(delete(connect()))
    end
  end)
end)

describe("an answer without end", function()
  local ACCEPTED = "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n"
  local ENDLESS = {
    ["trailers"] = { ACCEPTED .. "\r\n0\r\n", "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" },
    ["short trailers"] = { ACCEPTED .. "\r\n0\r\n", "a:\r\n" },
    ["header lines"] = { ACCEPTED, "a:\r\n" },
    ["long header lines"] = { ACCEPTED, "X: " .. ("y"):rep(60000) .. "\r\n" },
    ["one header line"] = { ACCEPTED .. "X: ", "y" },
    ["informational answers"] = { "", "HTTP/1.1 100 Continue\r\n\r\n" },
    ["informational answers with headers"] = { "",
      "HTTP/1.1 103 Early Hints\r\nLink: " .. ("y"):rep(8000) .. "\r\n\r\n" },
  }
  -- A sanitizer has memory of its own.
  local PEAK_MOST = (VARIANT == "asan" or VARIANT == "valgrind") and 300 * 1024 or 16 * 1024

  for what, texts in pairs(ENDLESS) do
    it("is Client.BadResponse, in 16 MiB: " .. what, function()
      local flooder = server.flooder(texts[1], texts[2])
      local result = process.run(([[
        local client = assert(require("evs").new { endpoint = %q, ak = "THE-AK", sk = "THE-SK",
          guard = false, retries = 0 })
        local err = client:delete_snapshot("p", "a")
        print(err.code, err.outcome, err.attempts, err.message)
        print(io.open("/proc/self/status"):read("*a"):match("VmHWM:%%s*(%%d+) kB"))
      ]]):format(flooder.url))
      flooder:stop()
      local told, peak = result.stdout:match("^([^\n]+)\n(%d+)\n$")
      assert.matches("^Client.BadResponse\tunknown\t1\tthe answer", told, nil, result.stderr)
      assert.is_true(tonumber(peak) < PEAK_MOST, peak .. " kB")
    end)
  end

  for _, what in ipairs { "header lines", "long header lines", "one header line" } do
    it("of a proxy is Client.Proxy, and nothing was sent: " .. what, function()
      local flooder = server.flooder(ENDLESS[what][1], ENDLESS[what][2])
      local err = assert_unsent(delete(connect_tls { proxy = flooder.url }), "Client.Proxy", true)
      flooder:stop()
      assert.matches("the answer's header is too large", err.message, 1, true)
    end)
  end

  it("is told from one that has much to say: 99 informational answers, 200 KiB of headers",
    function()
      emulator:misbehave { raw = ("HTTP/1.1 102 Processing\r\n\r\n"):rep(99)
        .. "HTTP/1.1 202 Accepted\r\n" .. ("X: " .. ("y"):rep(1000) .. "\r\n"):rep(200)
        .. "Content-Length: 0\r\n\r\n" }
      assert.is_true(delete(connect()))
    end)
end)

describe("bytes that came before a request", function()
  local function answer(status)
    return ("HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n"):format(status)
  end

  local talker

  after_each(function() talker:stop() end)

  for what, unasked in pairs { ["a 202"] = answer "202 Accepted",
    ["a 408"] = answer "408 Request Timeout", ["a line end"] = "\r\n", ["junk"] = "junk" } do
    it("are not its answer: " .. what, function()
      talker = server.talker(answer "202 Accepted", unasked, answer "409 Conflict")
      local client = connect { endpoint = talker.url }
      assert.is_true(client:delete_snapshot(project, "a"))
      socket.sleep(0.05)
      failure.check(client:delete_snapshot(project, "b"),
        { code = "HTTP.409", outcome = "refused", attempts = 1 })
      assert.equal(2, #talker:log())
    end)
  end
end)

describe("a body of 200 MB", function()
  local function peak_memory()
    local file = assert(io.open("/proc/self/status"))
    local text = file:read("*a")
    file:close()
    return tonumber(text:match("VmHWM:%s*(%d+) kB"))
  end

  it("is read to a small part only", function()
    emulator:put { id = "a" }
    local before = peak_memory()
    local started = socket.gettime()
    emulator:misbehave {
      { status = 500, body = '{"error":{"code":"EVS.1","message":"', big_body = 2e8 },
      { status = 200, body = '{"snapshot":{"id":"a","x":"', big_body = 2e8 },
      { status = 202, body = "", big_body = 2e8 },
      { status = 502, body = "<html><body>Bad luck", big_body = 2e8 },
    }
    local client = connect()
    failure.check(delete(client),
      { code = "HTTP.500", status = 500, outcome = "unknown", attempts = 1 })
    failure.check(delete(client, { guard = true }),
      { code = "Client.BadResponse", status = 200, outcome = "not_sent", attempts = 1 })
    assert.is_true(delete(client))
    local err = failure.check(delete(client), { code = "HTTP.502", outcome = "unknown" })
    assert.matches("Bad luck", err.message, 1, true)
    assert.is_true(socket.gettime() - started < 5 * SLACK)
    assert.is_true(peak_memory() - before < 64 * 1024)
    assert.equal(3, count_of("DELETE"))
  end)
end)

describe("a proxy", function()
  local proxy

  after_each(function()
    if proxy then proxy:stop() end
    proxy = nil
  end)

  local function heads(method)
    local found = {}
    for _, head in ipairs(proxy:log()) do
      if head:find("^" .. method) then found[#found + 1] = head end
    end
    return found
  end

  it("carries the request in a tunnel, and sees nothing of it", function()
    proxy = server.proxy()
    emulator:put { { id = "a" }, { id = "b" } }
    local client = connect_tls { proxy = proxy.url }
    assert.is_true(delete(client))
    assert.is_true(client:delete_snapshot(project, "b"))
    assert.equal(1, client:last().attempts)
    assert.same({}, emulator:snapshots())
    local log = proxy:log()
    assert.equal(1, #log)
    assert.matches("^CONNECT localhost:%d+ HTTP/1", log[1])
    for _, name in ipairs { "authorization", "x-sdk-date", "x-project-id", project } do
      assert.is_nil(log[1]:lower():find(name, 1, true))
    end
  end)

  for _, status in ipairs { 407, 403, 404, 500 } do
    it("that refuses is asked once: " .. status, function()
      proxy = server.proxy(("HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n"):format(status))
      local client = connect_tls { proxy = proxy.url, retries = 3 }
      assert_unsent(delete(client), "Client.Proxy", false)
      assert.equal(1, #heads("CONNECT"))
      assert.same({}, emulator:log())
    end)
  end

  it("that has no connection for the moment is asked again", function()
    proxy = server.proxy("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    assert_unsent(delete(connect_tls { proxy = proxy.url, retries = 1 }), "Client.Proxy", true)
    assert.equal(2, #heads("CONNECT"))
  end)

  it("gets its password, and no error repeats it", function()
    proxy = server.proxy("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
    local url = proxy.url:gsub("//", "//user:hunter2@")
    local err = assert_unsent(delete(connect_tls { proxy = url }), "Client.Proxy", false)
    assert.matches("Proxy%-Authorization: Basic", heads("CONNECT")[1])
    assert.is_nil(tostring(err):find("hunter2", 1, true))
    local client = connect_tls { proxy = "http://user:hunter2@" .. REFUSED }
    err = failure.check(delete(client), { outcome = "not_sent", attempts = 0 })
    assert.is_nil(tostring(err):find("hunter2", 1, true))
    assert.is_nil(tostring(client):find("hunter2", 1, true))
  end)

  it("of a kind that libcurl does not know is refused by evs.new", function()
    local options = { endpoint = emulator.tls_endpoint, ak = "a", sk = "s" }
    for _, url in ipairs { "ftp://h:1", "socks6://h", "http://", "://h", "wais://user:pw@h:1" } do
      options.proxy = url
      local client, err = evs.new(options)
      assert.is_nil(client)
      assert.equal("Client.InvalidArgument", err.code)
      assert.matches("'proxy' must be a URL of http,", err.message, 1, true)
      assert.is_nil(err.message:find("pw", 1, true))
    end
    for _, url in ipairs { "h:1", "HTTP://h", "https://h", "socks://h", "socks5h://h" } do
      options.proxy = url
      assert(evs.new(options)):close()
    end
  end)

  it("that is not there leaves nothing sent", function()
    assert_unsent(delete(connect_tls { proxy = "http://" .. REFUSED }), "Client.Connect", true)
    failure.check(delete(connect_tls { proxy = "http://" .. UNKNOWN .. ":1" }),
      { code = "Client.Proxy", outcome = "not_sent", attempts = 0 })
    assert.same({}, emulator:log())
  end)

  it("that does not speak SOCKS, or says no by it, is Client.Proxy as well", function()
    local url = emulator.endpoint:gsub("^http", "socks5h")
    assert_unsent(delete(connect_tls { proxy = url }), "Client.Proxy", true)
  end)

  it("that answers 407 behind the tunnel is Client.Proxy as well", function()
    emulator:misbehave { status = 407, html = true }
    failure.check(delete(connect()),
      { code = "Client.Proxy", status = 407, outcome = "refused", attempts = 1, retryable = false })
  end)

  describe("of the environment", function()
    -- Deletes "a" in a child; `options` is Lua text. Prints the result.
    local function run(environment, options)
      environment.EVS_ENDPOINT = environment.EVS_ENDPOINT or emulator.tls_endpoint
      environment.EVS_CA_FILE = emulator.ca_file
      environment.HUAWEICLOUD_SDK_AK = emulator.ak
      environment.HUAWEICLOUD_SDK_SK = emulator.sk
      local result = process.run(([[
        local client = assert(require("evs").new { guard = false, retries = 0, %s })
        local result = client:delete_snapshot("%s", "a")
        print(result == true or result.code)
      ]]):format(options or "", project), environment)
      assert.equal("", result.stderr)
      return (result.stdout:gsub("\n$", ""))
    end

    before_each(function()
      proxy = server.proxy("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
      emulator:settings { any_snapshot = true }
    end)

    it("is used", function()
      assert.equal("Client.Proxy", run { HTTPS_PROXY = proxy.url })
      assert.equal("Client.Proxy", run { https_proxy = proxy.url })
      assert.equal(2, #heads("CONNECT"))
    end)

    it("is not used for hosts of NO_PROXY", function()
      assert.equal("true", run { HTTPS_PROXY = proxy.url, NO_PROXY = "example.com,localhost" })
      assert.equal("true", run { HTTPS_PROXY = proxy.url, NO_PROXY = "*" })
      assert.equal("true", run { https_proxy = proxy.url, no_proxy = "localhost" })
      assert.equal("Client.Proxy", run { HTTPS_PROXY = proxy.url, NO_PROXY = "example.com" })
      assert.equal(1, #proxy:log())
    end)

    it("is not judged where it is not used", function()
      assert.equal("true", run { HTTPS_PROXY = "wais://h:1", EVS_ENDPOINT = emulator.endpoint })
    end)

    it("is not used for http, nor is any other variable", function()
      assert.equal("true", run { HTTPS_PROXY = proxy.url, HTTP_PROXY = proxy.url,
        http_proxy = proxy.url, ALL_PROXY = proxy.url, EVS_ENDPOINT = emulator.endpoint })
      assert.equal("true", run { HTTP_PROXY = proxy.url, ALL_PROXY = proxy.url,
        all_proxy = proxy.url, http_proxy = proxy.url })
      assert.same({}, proxy:log())
    end)

    it("gives way to the option, also to an empty one", function()
      assert.equal("true", run({ HTTPS_PROXY = proxy.url }, "proxy = ''"))
      assert.equal("Client.Proxy", run({ HTTPS_PROXY = "http://" .. REFUSED,
        NO_PROXY = "localhost" }, ("proxy = %q"):format(proxy.url)))
      assert.equal(1, #proxy:log())
    end)
  end)
end)

describe("a script", function()
  it("survives SIGPIPE, and nothing is printed, whatever the connection does", function()
    emulator:settings { any_snapshot = true }
    local rules = {}
    for i, rule in ipairs { { close = true }, { cut = "before" }, { cut = "after", reset = true },
      { cut = "before", reset = true, reused = true }, { raw = "HTTP/1.1 banana\r\n\r\n" },
      { big_body = 2e7, status = 202 }, { cut = "body", status = 202, promise = 9 } } do
      rule.times, rule.skip = 2, i
      rules[i] = rule
    end
    emulator:misbehave(rules)
    local result = process.run(([[
      local evs = require "evs"
      for _, endpoint in ipairs { %q, %q, %q, "http://127.0.0.1:1" } do
        local client = assert(evs.new { endpoint = endpoint, ak = %q, sk = %q, ca_file = %q,
          guard = false, retries = 0 })
        for _ = 1, 12 do client:delete_snapshot(%q, "a") end
        client:close()
      end
      print "done"
    ]]):format(emulator.endpoint, emulator.tls_endpoint, emulator.untrusted_endpoint, emulator.ak,
      emulator.sk, emulator.ca_file, project))
    assert.same({ status = 0, stdout = "done\n", stderr = "" }, result)
  end)
end)
