-- Proves what a program in nginx can do with resty.evs: options, phases, light threads, timers.

if os.getenv("EVS_SPEC_VARIANT") ~= "jit" then return end

local emulator = require("spec.support.emulator").start()
local nginx = require("spec.nginx.support.nginx").start()

local project = emulator.project_id

local function options_of(options)
  local all = { endpoint = emulator.endpoint, ak = emulator.ak, sk = emulator.sk, retries = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  return all
end

-- Runs text with `client`, a new one, and `project`; its arguments are what follows the options.
local function with_client(options, text, ...)
  return nginx:run("local options, project = ...; local client = assert(evs.new(options)) " .. text,
    options_of(options), project, ...)
end

local function put(count, fields)
  local snapshots, ids = {}, {}
  for i = 1, count do
    ids[i] = ("s%04d"):format(i)
    snapshots[i] = { id = ids[i] }
    for name, value in pairs(fields or {}) do snapshots[i][name] = value end
  end
  emulator:put(snapshots)
  return ids
end

before_each(function() emulator:reset() end)
teardown(function() nginx:stop() end)

describe("new", function()
  local function raises(pattern, text, ...)
    local ok, problem = pcall(nginx.run, nginx, text, ...)
    assert.is_false(ok)
    assert.matches(pattern, tostring(problem))
  end

  it("refuses by name what only libcurl could do", function()
    raises("'proxy'.*transport", "return evs.new { proxy = 'http://127.0.0.1:1' }")
    raises("'ca_file'.*lua_ssl_trusted_certificate", "return evs.new { ca_file = '/x.pem' }")
  end)

  it("raises for what the program got wrong", function()
    raises("unknown option 'tiemout'", "return evs.new { tiemout = 1 }")
    raises("'transport'", "return evs.new { transport = 'http' }")
    raises("'shared'", "return evs.new { shared = true }")
    raises("no lua_shared_dict 'nowhere'", [[return evs.new { shared = "nowhere",
      endpoint = "http://127.0.0.1:1", ak = "a", sk = "s" }]])
    raises("table expected", "return evs.new(1)")
    raises("'headers': unknown name 'Host'", "return evs.new { headers = { Host = 'x' } }")
    raises("'region' belongs to evs.new", [[local options = ...
      return evs.new(options):delete_snapshot("p", "a", { region = "x" })]], options_of())
  end)

  it("raises for sizes of pools and times that nginx cannot have", function()
    local function refuses(text, name, value)
      raises(("option '%s': %s"):format(name, text),
        ("return evs.new { %s = %s }"):format(name, value))
    end
    for _, value in ipairs { "0", "-1", "86401", "0/0", "1/0" } do
      refuses("seconds from 0.001 to 86400 expected, got ", "keepalive_timeout", value)
    end
    for _, value in ipairs { "0", "1.5", "65536", "-1", "0/0" } do
      refuses("a whole number from 1 to 65535 expected, got ", "pool_size", value)
    end
    for _, value in ipairs { "0.5", "65536", "-1", "0/0" } do
      refuses("a whole number from 0 to 65535 expected, got ", "backlog", value)
    end
    for _, name in ipairs { "keepalive_timeout", "pool_size", "backlog" } do
      refuses("number expected, got string", name, "'5'")
    end
  end)

  it("takes protect, which must not yield: then it raises and nothing is deleted", function()
    put(2)
    local kept, raised = with_client(nil, [[
      local _, err = client:delete_snapshot(project, "s0001", { protect = function(snapshot)
        return snapshot.id .. " stays" end })
      local ran, problem = pcall(client.delete_snapshot, client, project, "s0002",
        { protect = function() ngx.sleep(0.01) end })
      return err.message, not ran and tostring(problem)]])
    assert.matches("s0001 stays$", kept)
    assert.matches("attempt to yield", raised)
    assert.equal(2, #emulator:snapshots())
  end)

  it("says that nginx hides the environment where keys and region are missing", function()
    local _, err = nginx:run("return evs.new()")
    assert.equal("Client.NoEndpoint", err.code)
    assert.matches("nginx hides the environment.*`env HUAWEICLOUD_SDK_AK;`", err.hint)
    err = nginx:run([[
      local client = assert(require("evs.safe").new { endpoint = "http://127.0.0.1:1" })
      local machine = client:start("delete_snapshot", "p", "a")
      local step, request, problem = machine:next(0, 1767225600)
      while step == "send" and request.metadata do
        machine:fail("Client.Connect", "nobody", false)
        step, request, problem = machine:next(0, 1767225600)
      end
      return problem]])
    assert.equal("Client.NoCredentials", err.code)
    assert.matches("nginx hides the environment.*`env HUAWEICLOUD_SDK_AK;`", err.hint)
  end)

  it("returns nil and an error for values that cannot be used", function()
    local client, err = nginx:run("return evs.new { endpoint = 'ftp://x', ak = 'a', sk = 's' }")
    assert.is_nil(client)
    assert.equal("Client.InvalidArgument", err.code)
    client, err = nginx:run("return evs.new()")
    assert.is_nil(client)
    assert.equal("Client.NoEndpoint", err.code)
  end)

  it("shows no key", function()
    local text = with_client({}, "return tostring(client)")
    assert.matches("^resty.evs.client %(http://127.0.0.1:%d+, AK %.%.%.", text)
    assert.is_nil(text:find(emulator.sk, 1, true))
  end)

  it("has the version of the C module, and its is_error", function()
    local version, yes, no = nginx:run([[return evs._VERSION,
      evs.is_error((select(2, evs.new()))), evs.is_error("x")]])
    assert.equal(require("evs")._VERSION, version)
    assert.is_true(yes)
    assert.is_false(no)
  end)
end)

describe("a call", function()
  for _, location in ipairs { "/run", "/access", "/rewrite" } do
    it("works in the handler of " .. location, function()
      emulator:put { id = "a" }
      assert.is_true((nginx:run_at(location, [[local options, project = ...
        return evs.new(options):delete_snapshot(project, "a")]], options_of(), project)))
    end)
  end

  it("works in a timer", function()
    emulator:put { id = "a" }
    nginx:run([[
      local options, project = ...
      assert(ngx.timer.at(0, function()
        local ok, err = evs.new(options):delete_snapshot(project, "a")
        ngx.shared.spec:set("timer", tostring(ok == true or err))
      end))]], options_of(), project)
    assert.equal("true", nginx:run([[
      for _ = 1, 100 do
        ngx.sleep(0.01)
        if ngx.shared.spec:get("timer") then return ngx.shared.spec:get("timer") end
      end]]))
  end)

  it("raises in a phase that cannot wait, and names it", function()
    emulator:put { id = "a" }
    local text = nginx:run([[
      local options, project = ...
      local client, seen = evs.new(options), nil
      local get_phase = ngx.get_phase
      ngx.get_phase = function() return "log" end
      local _, problem = pcall(client.delete_snapshot, client, project, "a")
      ngx.get_phase = get_phase
      return problem]], options_of(), project)
    assert.matches("phase log", text)
    assert.same({}, emulator:log())
  end)

  it("lets on_attempt see each request, which may sleep", function()
    emulator:put { id = "a" }
    emulator:misbehave { status = 503, headers = { ["Retry-After"] = "0" } }
    local seen = with_client({ retries = 1 }, [[
      local seen = {}
      assert(client:delete_snapshot(project, "a", { on_attempt = function(attempt)
        ngx.sleep(0.01)
        seen[#seen + 1] = ("%s %s %s %d"):format(attempt.method, attempt.path,
          tostring(attempt.status), attempt.attempt)
        assert(attempt.seconds >= 0 and attempt.seconds < 5)
      end }))
      return table.concat(seen, "\n")]])
    local path = "/v2/" .. project .. "/cloudsnapshots/a"
    assert.equal(("GET %s 503 1\nGET %s 200 2\nDELETE %s 202 3"):format(path, path, path), seen)
  end)

  it("ends with what on_attempt raises, and the client works on", function()
    emulator:put { id = "a" }
    local problem, ok = with_client({}, [[
      local _, problem = pcall(client.delete_snapshot, client, project, "a",
        { on_attempt = function() error("enough", 0) end })
      return problem, client:delete_snapshot(project, "a")]])
    assert.equal("enough", problem)
    assert.is_true(ok)
  end)

  it("of a closed client is Client.Closed", function()
    local ok, err = with_client({}, "client:close() return client:delete_snapshot(project, 'a')")
    assert.is_nil(ok)
    assert.equal("Client.Closed", err.code)
  end)

  it("is told of by last", function()
    emulator:put { id = "a" }
    local before, after = with_client({}, [[
      local before = client:last()
      client:delete_snapshot(project, "a")
      return before, client:last()]])
    assert.is_nil(before)
    assert.equal(2, after.attempts)
    assert.equal(202, after.status)
    assert.is_string(after.request_id)
  end)

  it("is one of many at once: 20 of 0.2 s take less than half of their sum", function()
    put(20)
    emulator:misbehave { times = -1, method = "DELETE", delay = 0.2 }
    local done, seconds = with_client({ guard = false }, [[
      ngx.update_time()
      local began, threads, done = ngx.now(), {}, 0
      for i = 1, 20 do
        threads[i] = ngx.thread.spawn(client.delete_snapshot, client, project, ("s%04d"):format(i))
      end
      for i = 1, 20 do
        local _, ok = ngx.thread.wait(threads[i])
        done = done + (ok == true and 1 or 0)
      end
      ngx.update_time()
      return done, ngx.now() - began]])
    assert.equal(20, done)
    assert.is_true(seconds < 2, seconds .. " s")
  end)
end)

describe("each_snapshot", function()
  it("raises for a second light thread while the first waits for a page, and gets it", function()
    put(3)
    emulator:misbehave { delay = 0.1 }
    local first, ran, problem, more = with_client({}, [[
      local next_row = client:each_snapshot(project)
      local waiting = ngx.thread.spawn(next_row)
      local ran, problem = pcall(next_row)
      local _, first = ngx.thread.wait(waiting)
      return first.id, ran, tostring(problem), next_row().id]])
    assert.is_false(ran)
    assert.matches("request is out, in another light thread", problem, 1, true)
    assert.not_equal(first, more)
  end)

  it("may sleep and delete between its steps, in any light thread", function()
    put(25)
    local count, err = with_client({}, [[
      local next_snapshot, count = client:each_snapshot(project, { limit = 10 }), 0
      while true do
        local _, snapshot, err = ngx.thread.wait(ngx.thread.spawn(next_snapshot))
        if not snapshot then return count, err end
        ngx.sleep(0.001)
        assert(client:delete_snapshot(project, snapshot))
        count = count + 1
      end]])
    assert.equal(25, count)
    assert.is_nil(err)
    assert.equal(25, emulator:count().DELETE)
    assert.same({}, emulator:snapshots())
  end)

  it("holds one page, and asks for the next when it is needed", function()
    put(25)
    with_client({}, [[
      local next_snapshot = client:each_snapshot(project, { limit = 10 })
      for _ = 1, 10 do assert(next_snapshot()) end]])
    assert.equal(1, emulator:count().GET)
  end)

  it("gives an error after what was read, and again at every call", function()
    put(25)
    emulator:misbehave { skip = 1, times = -1, status = 500, html = true }
    local count, first, second = with_client({}, [[
      local next_snapshot, count = client:each_snapshot(project, { limit = 10 }), 0
      while true do
        local snapshot, err = next_snapshot()
        if not snapshot then return count, err, select(2, next_snapshot()) end
        count = count + 1
      end]])
    assert.equal(10, count)
    assert.equal("HTTP.500", first.code)
    assert.equal("HTTP.500", second.code)
  end)

  it("counts the attempts of all pages", function()
    put(25)
    local numbers = with_client({}, [[
      local numbers = {}
      for _ in client:each_snapshot(project, { limit = 10 }, { on_attempt = function(attempt)
        numbers[#numbers + 1] = attempt.attempt
      end }) do end
      return table.concat(numbers, " ")]])
    assert.equal("1 2 3 4", numbers)
  end)
end)

describe("delete_snapshots", function()
  it("never has more than concurrency requests out", function()
    local ids = put(30)
    emulator:misbehave { times = -1, delay = 0.02 }
    local summary, most = with_client({ guard = false }, [[
      local http, out, most = require "resty.evs.http", 0, 0
      local function back(...)
        out = out - 1
        return ...
      end
      options.transport = function(request)
        out = out + 1
        most = math.max(most, out)
        return back(http.request(request))
      end
      client = assert(evs.new(options))
      local ids = {}
      for i = 1, 30 do ids[i] = ("s%04d"):format(i) end
      return client:delete_snapshots(project, ids, { concurrency = 4 }), most]])
    assert.equal(30, summary.succeeded)
    assert.equal(4, most)
    assert.equal(30, #ids)
  end)

  it("reads ahead what a function gives, which may sleep, so that lists look at it", function()
    put(90)
    local summary, most = with_client({}, [[
      local given, begun, most = 0, 0, 0
      local summary = client:delete_snapshots(project, function()
        ngx.sleep(0.001)
        if given == 90 then return nil end
        given = given + 1
        most = math.max(most, given - begun)
        return ("s%04d"):format(given)
      end, { read_ahead = 60, protect = function() begun = begun + 1 end })
      return summary, most]])
    assert.equal(90, summary.succeeded)
    assert.equal(60, most)
    local lists, looks = 0, 0
    for _, record in ipairs(emulator:log()) do
      if record.method == "GET" then
        local listed = record.uri:find("/detail?", 1, true)
        lists, looks = lists + (listed and 1 or 0), looks + (listed and 0 or 1)
      end
    end
    assert.is_true(lists <= 3, lists .. " lists")
    assert.equal(0, looks)
  end)

  it("lets iterator and on_result sleep, and tells what blocking batches tell", function()
    put(6)
    local summary, told = with_client({}, [[
      local i, told = 0, {}
      local summary = client:delete_snapshots(project, function()
        ngx.sleep(0.001)
        i = i + 1
        return i <= 7 and ("s%04d"):format(i) or nil
      end, { on_result = function(id, result, info)
        ngx.sleep(0.001)
        told[#told + 1] = id .. " " .. tostring(result == true) .. " " .. info.attempts .. " "
          .. tostring(info.status)
        assert(info.seconds >= 0 and info.request_id)
      end })
      table.sort(told)
      return summary, table.concat(told, "\n")]])
    assert.equal(6, summary.succeeded)
    assert.equal(1, summary.failed)
    assert.equal(404, summary.errors.s0007.status)
    assert.matches("^s0001 true 2 202\n", told)
    assert.matches("\ns0007 false 1 404$", told)
  end)

  it("takes snapshots, as each_snapshot gives them, and needs no look at them", function()
    put(12)
    local summary = with_client({}, [[
      return client:delete_snapshots(project, client:each_snapshot(project, { limit = 5 }))]])
    assert.equal(12, summary.succeeded)
    assert.equal(12, emulator:count().DELETE)
    for _, record in ipairs(emulator:log()) do
      assert.is_true(record.method == "DELETE" or record.uri:find("/detail", 1, true) ~= nil)
    end
  end)

  it("stops when on_result says false, and counts the rest of an array", function()
    put(20)
    local summary = with_client({ guard = false }, [[
      local ids = {}
      for i = 1, 20 do ids[i] = ("s%04d"):format(i) end
      local count = 0
      return client:delete_snapshots(project, ids, { concurrency = 1, on_result = function()
        count = count + 1
        return count < 3
      end })]])
    assert.equal(3, summary.succeeded)
    assert.equal(17, summary.unsent)
    assert.equal("Client.Stopped", summary.stopped.code)
  end)

  it("stops with the error of its iterator", function()
    put(3)
    local summary = with_client({ guard = false }, [[
      local i = 0
      return client:delete_snapshots(project, function()
        i = i + 1
        if i <= 3 then return ("s%04d"):format(i) end
        return nil, { code = "X", message = "the list broke" }
      end)]])
    assert.equal(3, summary.succeeded)
    assert.equal("the list broke", summary.stopped.message)
  end)

  for where, text in pairs {
    on_result = "{ on_result = function() error('enough', 0) end }",
    on_attempt = "{ on_attempt = function() error('enough', 0) end }",
  } do
    it("ends with what " .. where .. " raises, and the client works on", function()
      put(10)
      local problem, ok = with_client({ guard = false }, [[
        local ids = {}
        for i = 1, 9 do ids[i] = ("s%04d"):format(i) end
        local _, problem = pcall(client.delete_snapshots, client, project, ids, ]] .. text .. [[)
        return problem, client:delete_snapshot(project, "s0010")]])
      assert.equal("enough", problem)
      assert.is_true(ok)
    end)
  end

  it("ends with what on_result raises while others are out, and they end with it", function()
    put(10)
    emulator:misbehave { times = -1, method = "DELETE", path = "s000[3-9]", hang = 0.3 }
    local problem, ok = with_client({ guard = false }, [[
      local ids = {}
      for i = 1, 9 do ids[i] = ("s%04d"):format(i) end
      local _, problem = pcall(client.delete_snapshots, client, project, ids,
        { on_result = function(id) if id == "s0002" then error('enough', 0) end end })
      return problem, client:delete_snapshot(project, "s0010")]])
    assert.equal("enough", problem)
    assert.is_true(ok)
  end)

  it("ends with what its iterator raises", function()
    local problem = with_client({}, [[
      return select(2, pcall(client.delete_snapshots, client, project,
        function() error("no ids", 0) end))]])
    assert.equal("no ids", problem)
  end)

  it("raises for ids that are none, before anything is sent", function()
    put(1)
    for _, ids in ipairs { '"a"', "nil", "{ 's0001', 5 }", "{ 's0001', { id = 5 } }" } do
      local ok, problem = pcall(with_client, {},
        "return client:delete_snapshots(project, " .. ids .. ")")
      assert.is_false(ok)
      assert.matches("ids", problem)
    end
    assert.same({}, emulator:log())
  end)

  it("returns nil and an error for options that cannot be used", function()
    local summary, err = with_client({},
      "return client:delete_snapshots(project, { 'a' }, { concurrency = 0 })")
    assert.is_nil(summary)
    assert.equal("Client.InvalidArgument", err.code)
  end)

  it("gives way to other requests even when nothing has to be waited for", function()
    local turns, summary = with_client({}, [[
      local turns, ended = 0, false
      ngx.thread.spawn(function()
        while not ended do
          ngx.sleep(0.001)
          turns = turns + 1
        end
      end)
      local i = 0
      local summary = client:delete_snapshots(project, function()
        i = i + 1
        return i <= 5000 and "not/an/id" or nil
      end)
      ended = true
      return turns, summary]])
    assert.equal(5000, summary.failed)
    assert.is_true(turns > 50, turns .. " turns")
  end)

  it("heeds rate", function()
    put(10)
    local summary, seconds = with_client({ guard = false }, [[
      local ids = {}
      for i = 1, 10 do ids[i] = ("s%04d"):format(i) end
      local began = ngx.now()
      local summary = client:delete_snapshots(project, ids, { rate = 6 })
      ngx.update_time()
      return summary, ngx.now() - began]])
    assert.equal(10, summary.succeeded)
    assert.is_true(seconds >= 0.9, seconds .. " s")
    local times = {}
    for i, record in ipairs(emulator:log()) do times[i] = record.time end
    table.sort(times)
    for i = 7, #times do assert.is_true(times[i] - times[i - 6] > 0.95) end
  end)
end)

describe("a transport", function()
  it("carries in place of cosockets, and says what it must know", function()
    local ok, seen = nginx:run([[
      local options, project = ...
      local seen = {}
      options.transport = function(request)
        assert(request.deadline and request.headers and request.headers.Host == nil)
        seen[#seen + 1] = ("%s %s %d %g %s %d"):format(request.method, request.url:match("/v2.*"),
          request.limit, request.connect_timeout, tostring(request.tls_verify),
          math.floor(request.timeout + 0.5))
        return 202, {}, ""
      end
      options.connect_timeout, options.tls_verify, options.guard = 2.5, false, false
      return evs.new(options):delete_snapshot(project, "a"), table.concat(seen, "\n")
    ]], options_of(), "p")
    assert.is_true(ok)
    assert.equal("DELETE /v2/p/cloudsnapshots/a 1048576 2.5 false 10", seen)
    assert.same({}, emulator:log())
  end)

  it("that fails is believed about what was sent", function()
    for sent, outcome in pairs { ["false"] = "not_sent", ["'maybe'"] = "unknown" } do
      local _, err = nginx:run([[
        local options, project = ...
        options.transport = function() return nil, "Client.Network", "no", ]] .. sent .. [[ end
        return evs.new(options):delete_snapshot(project, "a", { guard = false })
      ]], options_of(), project)
      assert.equal("Client.Network", err.code)
      assert.equal(outcome, err.outcome)
    end
  end)

  it("that raises, or answers nonsense, ends the call; the key is not stuck", function()
    for _, body in ipairs { "error('broken', 0)", "return 42, {}, ''", "return nil, 'X', 'y'" } do
      local problem, ok = nginx:run([[
        local options, project = ...
        local broken = true
        options.transport = function()
          if broken then ]] .. body .. [[ end
          return 202, {}, ""
        end
        options.guard = false
        local client = evs.new(options)
        local _, problem = pcall(client.delete_snapshot, client, project, "a")
        broken = false
        return problem, client:delete_snapshot(project, "a")
      ]], options_of(), project)
      assert.is_string(problem)
      assert.is_true(ok)
    end
  end)
end)

describe("the types for editors", function()
  local function names(set)
    local list = {}
    for name in pairs(set) do list[#list + 1] = name end
    table.sort(list)
    return table.concat(list, " ")
  end

  it("name every function there is, and no other", function()
    local file = assert(io.open("library/resty/evs.lua"))
    local library = file:read("*a")
    file:close()
    local documented = { evs = {}, Client = {} }
    for class, name in library:gmatch("\nfunction (%a+)[.:]([%w_]+)%(") do
      documented[class][name] = true
    end
    local functions, methods = with_client({}, [[
      local functions, methods = {}, {}
      for name, value in pairs(evs) do
        if type(value) == "function" then functions[name] = true end
      end
      for name, value in pairs(getmetatable(client).__index) do
        if type(value) == "function" and not name:find("^__") then methods[name] = true end
      end
      return functions, methods]])
    assert.equal(names(functions), names(documented.evs))
    assert.equal(names(methods), names(documented.Client))
  end)
end)

describe("examples/resty_http_transport.lua", function()
  -- What the transport makes of the script: its results, and what was called.
  local function send(script, request)
    return nginx:run([[
      local script, root, more = ...
      package.loaded["resty.http"] = nil
      package.path = root .. "/spec/nginx/support/stub/?.lua;" .. package.path
      local http = require "resty.http"
      http.script, http.calls = script, {}
      local request = { method = "DELETE", url = "https://localhost:8443/v2/x?y=1", limit = 10,
        headers = { Accept = "*/*" }, connect_timeout = 2, tls_verify = true }
      for name, value in pairs(more or {}) do request[name] = value end
      request.deadline = require("resty.evs.clock").now() + (request.seconds or 5)
      local transport = dofile(root .. "/examples/resty_http_transport.lua")
      local send = transport.new { proxy_opts = { https_proxy = "http://p" } }
      local status, headers, body, sent = send(request)
      local names, by_name = {}, {}
      for i, call in ipairs(http.calls) do
        names[i], by_name[call.name] = call.name, call.value
      end
      return status, headers, body, sent, table.concat(names, " "), by_name
    ]], script, require("lfs").currentdir(), request)
  end

  it("passes everything on, and keeps the connection", function()
    local status, headers, body, sent, names, calls = send { connected = true, status = 202,
      headers = { ["Content-Length"] = "2", ["X-Request-Id"] = "r" }, parts = { "o", "k" } }
    assert.equal(202, status)
    assert.equal("r", headers["X-Request-Id"])
    assert.equal("ok", body)
    assert.is_nil(sent)
    assert.equal("set_timeouts connect request set_keepalive", names)
    assert.equal("localhost", calls.connect.ssl_server_name)
    assert.is_true(calls.connect.ssl_verify)
    assert.equal("http://p", calls.connect.proxy_opts.https_proxy)
    assert.same({ Accept = "*/*", Host = "localhost:8443" }, calls.request.headers)
    assert.equal("/v2/x?y=1", calls.request.path)
  end)

  for reason, code in pairs {
    ["failed to connect to: p:3128: connection refused"] = "Client.Connect",
    ["failed to connect to: p:3128: timeout"] = "Client.Timeout",
    ["connection refused"] = "Client.Connect",
    ["no resolver defined to resolve \"x\""] = "Client.Resolve",
    ["failed to establish a tunnel through a proxy: 407"] = "Client.Proxy",
    ["failed to establish a tunnel through a proxy: 503"] = "Client.Connect",
    ["18: self-signed certificate"] = "Client.TLS",
    ["certificate host mismatch"] = "Client.TLS",
  } do
    it("says " .. code .. ", nothing sent, for: " .. reason, function()
      local status, found, message, sent = send { connect_error = reason }
      assert.is_nil(status)
      assert.equal(code, found)
      assert.equal(reason, message)
      assert.is_false(sent)
    end)
  end

  it("says maybe for what fails later", function()
    for reason, code in pairs { closed = "Client.Network", timeout = "Client.Timeout",
      ["couldn't parse status line"] = "Client.BadResponse" } do
      local _, found, _, sent, names = send { connected = true, request_error = reason }
      assert.equal(code, found)
      assert.equal("maybe", sent)
      assert.equal("set_timeouts connect request close", names)
      _, found, _, sent, names = send { connected = true, status = 200, parts = { "x" },
        headers = { ["Content-Length"] = "5" }, body_error = reason }
      assert.equal(code, found)
      assert.equal("maybe", sent)
      assert.equal("set_timeouts connect request close", names)
    end
  end)

  it("sends nothing when connecting takes longer than there is time", function()
    for _, seconds in ipairs { 0.05, 5 } do
      local _, code, _, sent, names = send({ connected = true, connect_seconds = 0.2 },
        { seconds = seconds, connect_timeout = 0.05 })
      assert.equal("Client.Timeout", code)
      assert.is_false(sent)
      assert.equal("set_timeouts connect close", names)
    end
  end)

  it("closes a connection whose answer ends with it", function()
    local status, _, body, _, names = send { connected = true, status = 200, parts = { "x" } }
    assert.equal(200, status)
    assert.equal("x", body)
    assert.equal("set_timeouts connect request close", names)
  end)

  it("stops at the limit, and does not keep that connection", function()
    local _, _, body, _, names = send { connected = true, status = 200,
      headers = { ["Content-Length"] = "99" }, parts = { "12345", "67890", "abcde" } }
    assert.equal("1234567890a", body)
    assert.equal("set_timeouts connect request close", names)
  end)
end)
