-- Proves what resty.evs puts on the wire, and what it makes of everything that can go wrong there.

if os.getenv("EVS_SPEC_VARIANT") ~= "jit" then return end

local safe = require "evs.safe"
local remote = require "spec.nginx.support.remote"
local server = require "spec.support.server"

local emulator = require("spec.support.emulator").start()
local dns = require("spec.nginx.support.dns").start()
local nginx = require("spec.nginx.support.nginx").start { resolver = dns.address,
  environment = { EVS_METADATA_ENDPOINT = emulator.metadata_endpoint } }

local project = emulator.project_id

local function options_of(options)
  local all = { endpoint = emulator.endpoint, ak = emulator.ak, sk = emulator.sk, retries = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  if options and options.ak == false then all.ak, all.sk = nil, nil end
  return all
end

local function connect(options)
  return remote.connect(nginx, options_of(options))
end

local function delete(client, id)
  return client:delete_snapshot(project, id or "a", { guard = false })
end

local function fails(expected, _, err)
  assert.is_table(err)
  for name, value in pairs(expected) do
    assert.equal(value, err[name], name .. " of " .. tostring(err.code) .. ": " .. err.message)
  end
end

local HANDSHAKE_FAILURE = "\21\3\3\0\2\2\40" -- a fatal alert of TLS

before_each(function() emulator:reset() end)
teardown(function()
  nginx:stop()
  dns:stop()
end)

describe("a request", function()
  -- What the server saw of a deletion, without what differs from second to second.
  local function seen(client)
    emulator:clear_log()
    emulator:put { id = "a" }
    assert.is_true((client:delete_snapshot(project, "a")))
    local records = emulator:log()
    for _, record in ipairs(records) do
      assert.matches("^%d+T%d+Z$", record.headers["x-sdk-date"])
      assert.matches("Signature=%x+$", record.headers.authorization)
      record.headers["x-sdk-date"] = nil
      record.headers.authorization = record.headers.authorization:gsub("%x+$", "")
      for _, name in ipairs { "n", "time", "connection", "connection_requests", "seconds",
        "http_version" } do
        record[name] = nil
      end
    end
    return records
  end

  it("is what libcurl sends, too", function()
    assert.same(seen(assert(safe.new(options_of()))), seen(connect()))
  end)

  it("has the headers that the options add, as libcurl has them", function()
    local added = { traceparent = "00-a-b-01", ["X-Request-Id"] = "r" }
    local carried = seen(connect { headers = added })
    assert.same(seen(assert(safe.new(options_of { headers = added }))), carried)
    assert.same({ "00-a-b-01", "r" },
      { carried[1].headers.traceparent, carried[2].headers["x-request-id"] })
  end)

  it("is what libcurl sends over TLS, too", function()
    local options = { endpoint = emulator.tls_endpoint }
    local carried = seen(connect(options))
    options.ca_file = emulator.ca_file
    assert.same(seen(assert(safe.new(options_of(options)))), carried)
  end)

  it("goes to the host that a name server names", function()
    emulator:put { id = "a" }
    local endpoint = emulator.endpoint:gsub("127%.0%.0%.1", "evs.example.com")
    assert.is_true((delete(connect { endpoint = endpoint, allow_http = true })))
    assert.equal(endpoint:match("//(.*)$"), emulator:log()[1].host)
  end)
end)

describe("nginx's error log", function()
  it("has nothing to say of deletions, one at a time or many", function()
    emulator:settings { any_snapshot = true }
    emulator:put { id = "a" }
    local before = nginx:log()
    local client = connect()
    assert.is_true((client:delete_snapshot(project, "a")))
    assert.is_true((delete(connect { endpoint = emulator.tls_endpoint })))
    local ids = {}
    for i = 1, 60 do ids[i] = "s" .. i end
    assert.equal(60, client:delete_snapshots(project, ids, { guard = false }).succeeded)
    assert.equal(before, nginx:log())
  end)
end)

describe("connections", function()
  local function count()
    local seen, number = {}, 0
    for _, record in ipairs(emulator:log()) do
      if not seen[record.connection] then
        seen[record.connection], number = true, number + 1
      end
    end
    return number
  end

  for _, endpoint in ipairs { "endpoint", "tls_endpoint" } do
    it("are kept and used again: " .. endpoint, function()
      local client = connect { endpoint = emulator[endpoint] }
      for i = 1, 5 do
        emulator:put { id = "s" .. i }
        assert.is_true((delete(client, "s" .. i)))
      end
      assert.equal(1, count())
    end)
  end

  it("that come too late to their turn send nothing", function()
    local list = {}
    for i = 1, 41 do list[i] = { id = "s" .. i } end
    emulator:put(list)
    emulator:misbehave { times = -1, delay = 0.2 }
    local accepted, late, other = nginx:run([[
      local options, project = ...
      local client = assert(evs.new(options))
      local threads, counts = {}, { accepted = 0, late = 0, other = 0 }
      assert(client:delete_snapshot(project, "s41", { guard = false }))
      for i = 1, 40 do
        threads[i] = ngx.thread.spawn(client.delete_snapshot, client, project, "s" .. i,
          { guard = false })
      end
      for i = 1, 40 do
        local _, ok, err = ngx.thread.wait(threads[i])
        local what = ok and "accepted" or err.code == "Client.Timeout"
          and err.outcome == "not_sent" and "late" or "other"
        counts[what] = counts[what] + 1
      end
      return counts.accepted, counts.late, counts.other
    ]], options_of { endpoint = emulator.tls_endpoint, connect_timeout = 0.02 }, project)
    assert.equal(0, other)
    assert.is_true(late >= 20, late .. " late")
    assert.equal(accepted + 1, emulator:count().DELETE)
  end)

  it("are kept for keepalive_timeout, and no longer", function()
    emulator:put { { id = "a" }, { id = "b" }, { id = "c" } }
    local client = connect { keepalive_timeout = 0.1 }
    assert.is_true((delete(client, "a")))
    assert.is_true((delete(client, "b")))
    assert.equal(1, count())
    nginx:run("ngx.sleep(0.3)")
    assert.is_true((delete(client, "c")))
    assert.equal(2, count())
  end)

  -- Deletes so many at once; how many were accepted, and the errors of the others.
  local function at_once(number, options)
    local list = {}
    for i = 1, number do list[i] = { id = "s" .. i } end
    emulator:put(list)
    emulator:misbehave { times = -1, delay = 0.1 }
    return nginx:run([[
      local options, project, number = ...
      local client = assert(evs.new(options))
      assert(client:show_snapshot(project, "s1")) -- proves the key: none waits for its turn at it
      local threads, accepted, errors = {}, 0, {}
      for i = 1, number do
        threads[i] = ngx.thread.spawn(client.delete_snapshot, client, project, "s" .. i)
      end
      for i = 1, number do
        local _, ok, err = ngx.thread.wait(threads[i])
        if ok then accepted = accepted + 1 else errors[tostring(err)] = true end
      end
      return accepted, errors
    ]], options_of(options), project, number)
  end

  it("are pool_size at most where there is a backlog: others wait for one", function()
    assert.equal(6, (at_once(6, { guard = false, pool_size = 2, backlog = 100 })))
    assert.equal(2, count())
  end)

  it("that find no room in the backlog send nothing", function()
    local accepted, errors = at_once(3, { guard = false, pool_size = 1, backlog = 0 })
    assert.equal(1, accepted)
    assert.equal(1, emulator:count().DELETE)
    local text = next(errors)
    assert.is_nil(next(errors, text))
    assert.matches("^Client.Connect: connecting to .*: too many waiting connect operations "
      .. "%(0 attempts, not_sent%)", text)
  end)

  it("are not kept after an answer that says so", function()
    emulator:put { { id = "a" }, { id = "b" } }
    emulator:misbehave { times = -1, close = true }
    local client = connect()
    assert.is_true((delete(client, "a")))
    assert.is_true((delete(client, "b")))
    assert.equal(2, count())
  end)

  it("that stand when time is over send nothing: the worker had other things to do", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local err = nginx:run([[
      local options, project = ...
      local client = assert(evs.new(options))
      assert(client:delete_snapshot(project, "a", { guard = false }))
      ngx.thread.spawn(function()
        ngx.sleep(0)
        local now = require("resty.evs.clock").now
        local began = now()
        while now() - began < 0.4 do end
      end)
      return select(2, client:delete_snapshot(project, "b", { guard = false, timeout = 0.2 }))
    ]], options_of(), project)
    assert.same({ "Client.Timeout", "not_sent", 0 }, { err.code, err.outcome, err.attempts })
    assert.equal(1, emulator:count().DELETE)
  end)

  it("that were kept and die with the next request leave its fate open", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local client = connect()
    assert.is_true((delete(client, "a")))
    emulator:misbehave { reused = true, cut = "before" }
    fails({ code = "Client.Network", outcome = "unknown", attempts = 1, retryable = true },
      delete(client, "b"))
    assert.equal(2, emulator:count().DELETE)
  end)

  it("that were kept and die with the next request cost one retry, not two", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local client = connect { retries = 1 }
    assert.is_true((delete(client, "a")))
    emulator:misbehave { reused = true, cut = "before" }
    assert.is_true((delete(client, "b")))
    assert.equal(2, client:last().attempts)
    assert.equal(3, emulator:count().DELETE)
  end)

  it("with bytes that nobody asked for are thrown away", function()
    local accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    local conflict = "HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n"
    local talker = server.talker(accepted, accepted, conflict)
    local client = connect { endpoint = talker.url }
    assert.is_true((delete(client, "a")))
    require("socket").sleep(0.1)
    for _ = 1, 2 do fails({ code = "HTTP.409", outcome = "refused" }, delete(client, "b")) end
    talker:stop()
  end)

  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("are made anew by resuming their session: " .. version, function()
      emulator:put { { id = "a" }, { id = "b" } }
      local another = require("spec.nginx.support.nginx").start { tls = version }
      local client = remote.connect(another,
        options_of { endpoint = emulator.tls_endpoint, retries = 1 })
      assert.is_true((delete(client, "a")))
      emulator:misbehave { reused = true, cut = "before" }
      assert.is_true((delete(client, "b")))
      another:stop()

      local resumed = {}
      for i, record in ipairs(emulator:log()) do resumed[i] = record.resumed end
      assert.same({ false, false, true }, resumed)
    end)
  end

  it("that break by resuming their session are made anew without it", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local port = emulator.tls_endpoint:match("%d+$")
    local forwarder = server.forwarder(port, 2, HANDSHAKE_FAILURE)
    local client = connect { endpoint = "https://localhost:" .. forwarder.url:match("%d+$"),
      retries = 2 }
    assert.is_true((delete(client, "a")))
    emulator:misbehave { reused = true, cut = "before" }

    assert.is_true((delete(client, "b")))

    assert.equal(3, #forwarder:log())
    forwarder:stop()
    local resumed = {}
    for i, record in ipairs(emulator:log()) do resumed[i] = record.resumed end
    assert.same({ false, false, false }, resumed)
  end)

  it("that were not verified do not serve those who verify", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local endpoint = emulator.untrusted_endpoint
    local unverified = connect { endpoint = endpoint, tls_verify = false }
    assert.same({ true }, { delete(unverified, "a") })
    fails({ code = "Client.TLS" }, delete(connect { endpoint = endpoint }, "b"))
    assert.is_table(emulator:snapshot("b"))
  end)

  it("that were not verified lend no session to those who verify", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local options = { endpoint = emulator.wrong_host_endpoint, retries = 1, tls_verify = false }
    local unverified = connect(options)
    assert.is_true((delete(unverified, "a")))
    emulator:misbehave { reused = true, cut = "before" }
    assert.is_true((delete(unverified, "b")))
    assert.is_true(emulator:log()[3].resumed)
    emulator:clear_log()
    options.tls_verify = nil
    fails({ code = "Client.TLS" }, delete(connect(options), "c"))
    assert.same({}, emulator:log())
  end)
end)

describe("nothing is sent", function()
  local BAD = { untrusted = true, expired = true, wrong_host = true }
  for what in pairs(BAD) do
    it("when the certificate is " .. what .. ": Client.TLS", function()
      emulator:put { id = "a" }
      fails({ code = "Client.TLS", outcome = "not_sent", attempts = 0, retryable = false },
        delete(connect { endpoint = emulator[what .. "_endpoint"], retries = 3 }))
      assert.same({}, emulator:log())
      assert.is_table(emulator:snapshot("a"))
    end)
  end

  it("to a host that only has an address, which nginx cannot verify: Client.TLS", function()
    local endpoint = emulator.tls_endpoint:gsub("localhost", "127.0.0.1")
    fails({ code = "Client.TLS", attempts = 0 }, delete(connect { endpoint = endpoint }))
    assert.same({}, emulator:log())
  end)

  it("to a server that does not speak TLS: Client.TLS", function()
    local endpoint = emulator.endpoint:gsub("http:", "https:")
    fails({ code = "Client.TLS", attempts = 0 }, delete(connect { endpoint = endpoint }))
    assert.same({}, emulator:log())
  end)

  it("to a server that never ends its handshake: Client.Timeout", function()
    local talker = server.talker("", "", "")
    local endpoint = talker.url:gsub("http:", "https:")
    fails({ code = "Client.Timeout", outcome = "not_sent", attempts = 0, retryable = true },
      delete(connect { endpoint = endpoint, connect_timeout = 0.2 }))
    talker:stop()
  end)

  it("where nobody listens: Client.Connect", function()
    fails({ code = "Client.Connect", outcome = "not_sent", attempts = 0, retryable = true },
      delete(connect { endpoint = "https://localhost:1" }))
  end)

  it("to a name that does not exist: Client.Resolve", function()
    fails({ code = "Client.Resolve", outcome = "not_sent", attempts = 0 },
      delete(connect { endpoint = "https://evs.invalid" }))
  end)

  it("when the name server is silent: in time", function()
    local began = require("socket").gettime()
    fails({ outcome = "not_sent", attempts = 0 },
      delete(connect { endpoint = "https://evs.silent", timeout = 0.4 }))
    assert.is_true(require("socket").gettime() - began < 2)
  end)
end)

describe("an answer", function()
  it("with a head over 256 KiB is Client.BadResponse", function()
    local fields = {}
    for i = 1, 35 do fields["X-Long-" .. i] = ("y"):rep(8000) end
    emulator:misbehave { status = 202, headers = fields }
    fails({ code = "Client.BadResponse", outcome = "unknown", attempts = 1 }, delete(connect()))
  end)

  it("in chunks is read to its end", function()
    local parts = { '{"err', 'or":{"code":"EVS.1047","message":"wrong state"}', "}", "" }
    for i, part in ipairs(parts) do parts[i] = ("%x\r\n%s\r\n"):format(#part, part) end
    emulator:misbehave { raw = "HTTP/1.1 400 Bad\r\nConnection: close\r\n"
      .. "Transfer-Encoding: chunked\r\n\r\n" .. table.concat(parts) }
    fails({ code = "EVS.1047", status = 400 }, delete(connect()))
  end)

  local BAD = {
    ["two lengths"] = "Content-Length: 0\r\nContent-Length: 1\r\n\r\n",
    ["a continued line"] = "X: y\r\n z\r\nContent-Length: 0\r\n\r\n",
    ["a bare LF"] = "Content-Length: 0\n\r\n",
    ["a bad chunk"] = "Transfer-Encoding: chunked\r\n\r\nz\r\n",
  }
  for what, rest in pairs(BAD) do
    it("with " .. what .. " is Client.BadResponse, and its 202 no success", function()
      emulator:misbehave { raw = "HTTP/1.1 202 Accepted\r\n" .. rest }
      fails({ code = "Client.BadResponse", outcome = "unknown", attempts = 1 }, delete(connect()))
    end)
  end
end)

describe("keys of the metadata service", function()
  it("are fetched and sign", function()
    emulator:put { id = "a" }
    local client = connect { ak = false }
    assert.is_true((client:delete_snapshot(project, "a")))
    assert.equal(2, client:last().attempts)
    local count = emulator:count()
    assert.equal(1, count["metadata.PUT"])
    assert.equal(1, count["metadata.GET"])
  end)

  local ON_ATTEMPT = "{ guard = false, on_attempt = function() error('enough', 0) end }"
  for name, call in pairs {
    delete_snapshot = "client, project, 'a', " .. ON_ATTEMPT,
    delete_snapshots = "client, project, { 'a' }, " .. ON_ATTEMPT,
  } do
    it("are looked for again at once after a 401 at which " .. name .. " was given up", function()
      emulator:metadata { rotate = true }
      emulator:put { id = "a" }
      emulator:misbehave { method = "DELETE", status = 401, body = {
        error_code = "APIGW.0301", error_msg = "the AK does not exist" } }
      local problem, ok, seconds = nginx:run([[
        local options, project = ...
        ngx.shared.evs:flush_all()
        local client = assert(evs.new(options))
        local _, problem = pcall(client.]] .. name .. ", " .. call .. [[)
        local began = ngx.now()
        local ok, err = client:delete_snapshot(project, "a", { guard = false })
        ngx.update_time()
        return problem, ok or tostring(err), ngx.now() - began
      ]], options_of { ak = false, shared = "evs" }, project)
      assert.same({ "enough", true }, { problem, ok })
      assert.is_true(seconds < 4, seconds .. " s")
      assert.equal(2, emulator:count()["metadata.GET"])
      assert.equal(2, emulator:count().DELETE)
    end)
  end

  it("that met a 401 in a call that was given up are not tried again by others", function()
    emulator:put { id = "a" }
    emulator:misbehave { method = "DELETE", status = 401, times = -1, body = {
      error_code = "APIGW.0301", error_msg = "the AK does not exist" } }
    local ends, seconds = nginx:run([[
      local options, project = ...
      ngx.shared.evs:flush_all()
      local call = { guard = false, on_attempt = function() error('enough', 0) end }
      local began, ends = ngx.now(), {}
      for i = 1, 7 do
        local client = assert(evs.new(options))
        local ran, _, err = pcall(client.delete_snapshot, client, project, "a", call)
        ends[i] = ran and err.code or "raised"
      end
      ngx.update_time()
      return table.concat(ends, " "), ngx.now() - began
    ]], options_of { ak = false, shared = "evs" }, project)
    assert.equal("raised" .. (" APIGW.0301"):rep(6), ends)
    assert.is_true(seconds < 4, seconds .. " s")
    assert.equal(1, emulator:count().DELETE)
  end)

  it("are asked for once by calls that begin together", function()
    for i = 1, 5 do emulator:put { id = "s" .. i } end
    local results = nginx:run([[
      local options, project = ...
      local client = assert(evs.new(options))
      local threads, results = {}, {}
      for i = 1, 5 do
        threads[i] = ngx.thread.spawn(client.delete_snapshot, client, project, "s" .. i)
      end
      for i = 1, 5 do results[i] = select(2, ngx.thread.wait(threads[i])) end
      return results
    ]], options_of { ak = false }, project)
    for i = 1, 5 do assert.is_true(results[tostring(i)] or results[i]) end
    assert.equal(1, emulator:count()["metadata.GET"])
  end)
end)
