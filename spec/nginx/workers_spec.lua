-- Proves that resty.evs is a good guest in nginx: forks, many workers, reloads, clients that leave,
-- logs without secrets.

if os.getenv("EVS_SPEC_VARIANT") ~= "jit" then return end

local socket = require "socket"

local emulator = require("spec.support.emulator").start()
local nginxes = require "spec.nginx.support.nginx"
local process = require "spec.support.process"

local project = emulator.project_id

local function options_of(options)
  local all = { endpoint = emulator.endpoint, ak = emulator.ak, sk = emulator.sk, retries = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  return all
end

-- Runs `use(nginx)` with one that is started for it.
local function with_nginx(options, use)
  local nginx = nginxes.start(options)
  local ok, problem = pcall(use, nginx)
  nginx:stop()
  if not ok then error(problem, 0) end
end

local function put(count)
  local snapshots = {}
  for i = 1, count do snapshots[i] = { id = ("s%04d"):format(i) } end
  emulator:put(snapshots)
end

local DELETE = [[
  local options, project, id = ...
  runner.client = runner.client or assert(evs.new(options))
  local ok, err = runner.client:delete_snapshot(project, id, { guard = false })
  return ok, err, ngx.worker.pid()]]

-- Deletes s0001 to s000N at once, each in a request of its own; the results, and how many workers
-- there were.
local function delete_at_once(nginx, count, options)
  local pending, results, workers = {}, {}, {}
  for i = 1, count do
    pending[i] = nginx:begin(DELETE, options, project, ("s%04d"):format(i))
  end
  for i = 1, count do
    local ok, err, pid = pending[i]:finish()
    results[i] = { ok = ok, err = err }
    workers[pid] = true
  end
  local number = 0
  for _ in pairs(workers) do number = number + 1 end
  return results, number
end

before_each(function() emulator:reset() end)

describe("a client made in init_by_lua", function()
  it("works in every worker after the fork", function()
    put(40)
    with_nginx({ workers = 4, environment = { EVS_ENDPOINT = emulator.endpoint,
      HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk } }, function(nginx)
      local pending, workers = {}, {}
      for i = 1, 40 do
        pending[i] = nginx:begin([[local project, id = ...
          return runner.inherited:delete_snapshot(project, id), ngx.worker.pid()]],
          project, ("s%04d"):format(i))
      end
      for i = 1, 40 do
        local ok, pid = pending[i]:finish()
        assert.is_true(ok)
        workers[pid] = true
      end
      assert.is_truthy(next(workers, (next(workers))))
      assert.same({}, emulator:snapshots())
      -- In the master itself there is nobody who could wait.
      assert.matches("phase init", nginx:run("return runner.call_in_init"))
    end)
  end)
end)

describe("a key gate that workers share", function()
  it("lets a wrong secret through once, for 100 calls at once in four workers", function()
    with_nginx({ workers = 4 }, function(nginx)
      put(100)
      local results, workers =
        delete_at_once(nginx, 100, options_of { sk = "wrong", shared = "evs" })
      assert.is_true(workers > 1)
      local sent = 0
      for i = 1, 100 do
        assert.equal("APIGW.0301", results[i].err.code)
        assert.equal(401, results[i].err.status)
        sent = sent + results[i].err.attempts
        if results[i].err.attempts == 0 then assert.equal("not_sent", results[i].err.outcome) end
      end
      assert.equal(1, #emulator:log())
      assert.equal(1, sent)
      assert.equal(100, #emulator:snapshots())
    end)
  end)

  local NO_HEADERS = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
  for what, rule in pairs {
    ["the gateway's"] = {},
    ["always the same, without an id"] = { raw = NO_HEADERS },
  } do
    it("lets it through once more after five minutes, when its 401 is " .. what, function()
      with_nginx({ workers = 1 }, function(nginx)
        rule.times, rule.delay = -1, 0.3
        emulator:misbehave { rule }
        -- Eight clients at once, as in eight workers, whose clock goes on by five minutes.
        local first, second = nginx:run([[
          local options, project = ...
          local clock = require "resty.evs.clock"
          local now, later = clock.now, 0
          local function load_anew()
            for name in pairs(package.loaded) do
              if name:find("^resty%.evs") and name ~= "resty.evs.clock" then
                package.loaded[name] = nil
              end
            end
            return require "resty.evs"
          end
          clock.now = function() return now() + later end
          local evs, clients = load_anew(), {}
          for i = 1, 8 do clients[i] = assert(evs.new(options)) end
          local function attempts()
            local sum, threads = 0, {}
            for i = 1, 8 do
              threads[i] = ngx.thread.spawn(function()
                return clients[i]:delete_snapshot(project, "a", { guard = false })
              end)
            end
            for i = 1, 8 do
              local _, _, err = ngx.thread.wait(threads[i])
              assert(err.status == 401)
              sum = sum + err.attempts
            end
            return sum
          end
          local first = attempts()
          later = 301
          for _, name in ipairs(ngx.shared.evs:get_keys()) do
            if name:find("state") then ngx.shared.evs:delete(name) end
          end
          local second = attempts()
          clock.now = now
          load_anew()
          return first, second
        ]], options_of { shared = "evs", sk = "wrong" }, project)
        assert.same({ 1, 1 }, { first, second })
        assert.equal(2, emulator:count().DELETE)
      end)
    end)
  end

  local LEAVING = [[
    local options, project, id, who, opts = ...
    runner[who] = runner[who] or assert(evs.new(options))
    return runner[who]:delete_snapshot(project, id, opts)]]

  it("lets visitors who leave before the answer try a wrong key five times, not more", function()
    with_nginx({ workers = 2 }, function(nginx)
      emulator:misbehave { times = -1, delay = 0.4 }
      local options = options_of { shared = "evs", sk = "wrong" }
      for i = 1, 7 do
        -- Two clients, in two workers perhaps.
        local visitor = nginx:begin_at("/aborting", LEAVING, options, project, "a" .. i,
          i % 2 == 0 and "even" or "odd", { guard = false, attempt_timeout = 0.5 })
        socket.sleep(0.1)
        visitor:leave()
        socket.sleep(0.05)
        nginx:run("collectgarbage() collectgarbage()")
        socket.sleep(1.5) -- the lock of the one who left has run out
      end
      assert.equal(5, emulator:count().DELETE)
      assert.is_false(emulator:keys()[emulator.ak].locked)
    end)
  end)

  it("ends calls in time that wait for a key which others have tried too often", function()
    with_nginx({ workers = 1 }, function(nginx)
      put(1)
      local err, seconds, again = nginx:run([[
        local options, project = ...
        local client = assert(evs.new(options))
        local prefix = "evs:" .. client.core:key(0, 0).name .. ":note"
        for i = 1, 5 do ngx.shared.evs:set(prefix .. i, "others'", 20) end
        local now = require("resty.evs.clock").now
        local began = now()
        local _, err = client:delete_snapshot(project, "s0001", { timeout = 0.5 })
        local seconds = now() - began
        ngx.shared.evs:delete(prefix .. 3)
        return err, seconds, client:delete_snapshot(project, "s0001")
      ]], options_of { shared = "evs" }, project)
      assert.same({ "Client.Timeout", "not_sent" }, { err.code, err.outcome })
      assert.is_true(seconds < 2, seconds .. " s")
      assert.is_true(again)
    end)
  end)

  it("counts five minutes from the departure of each request that was given up", function()
    with_nginx({ workers = 1 }, function(nginx)
      local notes, first, second = nginx:run([[
        local options, project = ...
        local client = assert(evs.new(options))
        local core, dict = client.core, ngx.shared.evs
        local clock = require "resty.evs.clock"
        local function give_up()
          client.gate:before_next()
          local machine = core:start("delete_snapshot", project, "a", { guard = false })
          local _, request = machine:next(clock.now(), clock.wall())
          client.gate:after_next(request)
          machine:cancel()
          client.gate:drop(request)
        end
        give_up()
        dict:expire("evs:" .. client.gate.key .. ":note1", 5)
        give_up()
        local ttl = {}
        for i = 1, 2 do ttl[i] = dict:ttl("evs:" .. client.gate.key .. ":note" .. i) end
        return core:key(clock.now(), clock.wall()).notes, ttl[1], ttl[2]
      ]], options_of { shared = "evs" }, project)
      assert.equal(2, notes)
      assert.is_true(first < 6 and second > 290, first .. " and " .. second .. " s")
    end)
  end)

  it("lets the next call of a client whose visitor has left take over the lock", function()
    with_nginx({ workers = 1 }, function(nginx)
      emulator:misbehave { times = 2, delay = 2 }
      local options = options_of { shared = "evs" }
      local visitor = nginx:begin_at("/aborting", LEAVING, options, project, "a", "one",
        { guard = false, attempt_timeout = 0.5 })
      socket.sleep(0.2)
      visitor:leave()
      socket.sleep(0.1)
      nginx:run("collectgarbage() collectgarbage()")
      local one = nginx:begin(LEAVING, options, project, "b", "one", { guard = false })
      socket.sleep(1.4) -- the lock of the one who left would be over by now
      local other = nginx:begin(LEAVING, options, project, "c", "other", { guard = false })
      one:finish()
      other:finish()
      local starts = {}
      for _, record in ipairs(emulator:log()) do
        starts[record.uri:match("[^/]+$")] = record.time
      end
      assert.is_true(starts.c - starts.b >= 1.9, ("%.2f s"):format(starts.c - starts.b))
    end)
  end)

  it("lets one request prove a good key, then all go on", function()
    with_nginx({ workers = 4 }, function(nginx)
      put(60)
      emulator:misbehave { times = -1, delay = 0.1 }
      local began = socket.gettime()
      for _, result in ipairs((delete_at_once(nginx, 60, options_of { shared = "evs" }))) do
        assert.is_true(result.ok)
      end
      assert.is_true(socket.gettime() - began < 3)
      -- The first answer comes before any other request is there.
      local log = emulator:log()
      table.sort(log, function(a, b) return a.time < b.time end)
      assert.is_true(log[2].time >= log[1].time + 0.09, log[2].time - log[1].time .. " s")
    end)
  end)

  it("shares what a clock's offset is", function()
    with_nginx({ workers = 4 }, function(nginx)
      put(40)
      emulator:clock(7200)
      for _, result in ipairs((delete_at_once(nginx, 40, options_of { shared = "evs" }))) do
        assert.is_true(result.ok)
      end
      local refused = 0
      for _, record in ipairs(emulator:log()) do
        if record.status == 401 then refused = refused + 1 end
      end
      assert.equal(1, refused)
      assert.equal(41, emulator:count().DELETE)
    end)
  end)

  it("is of one key at one endpoint, and holds neither AK nor SK", function()
    with_nginx({ workers = 1 }, function(nginx)
      put(3)
      local states, text, other = nginx:run([[
        local options, project = ...
        local good = options.sk
        options.sk = "wrong"
        assert(not evs.new(options):delete_snapshot(project, "s0001"))
        options.sk = good
        local other = evs.new(options):delete_snapshot(project, "s0001")
        local dict, states, text = ngx.shared.evs, 0, {}
        for i, name in ipairs(dict:get_keys()) do
          text[i] = name .. "=" .. tostring(dict:get(name))
          if name:find(":state$") then states = states + 1 end
        end
        return states, table.concat(text, "\n"), other
      ]], options_of { shared = "evs" }, project)
      assert.is_true(other)
      assert.equal(2, states)
      for _, secret in ipairs { emulator.ak, emulator.sk, "wrong" } do
        assert.is_nil(text:find(secret, 1, true))
      end
    end)
  end)

  it("refuses as long as the dict says so, and by the dict alone", function()
    with_nginx({ workers = 2 }, function(nginx)
      put(20)
      emulator:keys { { ak = "OTHER", sk = "right" } }
      local options = options_of { ak = "OTHER", sk = "late", shared = "evs" }
      for _, result in ipairs((delete_at_once(nginx, 20, options))) do
        assert.equal("APIGW.0301", result.err.code)
      end
      assert.equal(1, #emulator:log())
      -- A new client, in either worker.
      local _, err = nginx:run([[local options, project = ...
        return evs.new(options):delete_snapshot(project, "s0001")]], options, project)
      assert.equal(0, err.attempts)
      emulator:keys { { ak = "OTHER", sk = "late" } }
      nginx:run("ngx.shared.evs:flush_all()")
      assert.is_true((nginx:run([[local options, project = ...
        return evs.new(options):delete_snapshot(project, "s0001")]], options, project)))
    end)
  end)

  it("is free again when a request that tried the key was abandoned", function()
    with_nginx({ workers = 2 }, function(nginx)
      put(3)
      emulator:misbehave { delay = 5 }
      local leaving = nginx:begin_at("/aborting", DELETE,
        options_of { shared = "evs", attempt_timeout = 0.5 }, project, "s0001")
      socket.sleep(0.1)
      leaving:leave()
      local ok, err = nginx:run([[local options, project = ...
        return evs.new(options):delete_snapshot(project, "s0002")]],
        options_of { shared = "evs" }, project)
      assert.is_true(ok, err and err.message)
    end)
  end)

  it("survives a dict that is full", function()
    with_nginx({ workers = 1 }, function(nginx)
      put(1)
      assert.is_true((nginx:run([[
        local options, project = ...
        local dict, size = ngx.shared.evs, 4096
        for i = 1, 1e6 do
          if not dict:safe_set("x" .. i, ("x"):rep(size)) then size = math.floor(size / 2) end
          if size == 0 then break end
        end
        dict.add, dict.set = dict.safe_add, dict.safe_set
        dict.incr = function() return nil, "no memory" end
        return evs.new(options):delete_snapshot(project, "s0001")]],
        options_of { shared = "evs" }, project)))
    end)
  end)

  it("survives a dict that holds nonsense", function()
    with_nginx({ workers = 1 }, function(nginx)
      put(3)
      local first, second = nginx:run([[
        local options, project = ...
        local dict = ngx.shared.evs
        local client = evs.new(options)
        local key = client.core:key(0, 0).name
        dict:set("evs:" .. key .. ":state", "{nonsense")
        local first = client:delete_snapshot(project, "s0001")
        dict:set("evs:" .. key .. ":state", "[]")
        local second = evs.new(options):delete_snapshot(project, "s0002")
        return first, second
      ]], options_of { shared = "evs" }, project)
      assert.is_true(first)
      assert.is_true(second)
    end)
  end)
end)

describe("a client of nginx that goes away", function()
  it("takes the call with it, and no socket is left behind", function()
    with_nginx({}, function(nginx)
      put(20)
      nginx:run(DELETE, options_of(), project, "s0001")
      emulator:misbehave { times = -1, delay = 3 }
      local before = nginx:descriptors()
      local pending = {}
      for i = 1, 10 do
        local id = ("s%04d"):format(i + 1)
        pending[i] = nginx:begin_at("/aborting", DELETE, options_of(), project, id)
      end
      socket.sleep(0.3)
      assert.is_true(nginx:descriptors() >= before + 10)
      for i = 1, 10 do pending[i]:leave() end
      socket.sleep(0.2)
      assert.is_true(nginx:descriptors() <= before, nginx:descriptors() .. " after " .. before)
    end)
  end)

  it("does not disturb the call where nginx does not look", function()
    with_nginx({}, function(nginx)
      put(1)
      emulator:misbehave { delay = 0.3 }
      nginx:begin(DELETE, options_of(), project, "s0001"):leave()
      socket.sleep(0.6)
      assert.same({}, emulator:snapshots())
    end)
  end)
end)

describe("a reload of nginx", function()
  it("loses no call that was sent, and crashes nothing", function()
    with_nginx({ workers = 2 }, function(nginx)
      put(60)
      emulator:misbehave { times = -1, late = 0.3 }
      local pending = {}
      for round = 0, 2 do
        for i = 1, 20 do
          pending[#pending + 1] = nginx:begin(DELETE, options_of { shared = "evs" }, project,
            ("s%04d"):format(round * 20 + i))
        end
        socket.sleep(0.1)
        nginx:signal("HUP")
        socket.sleep(0.05)
      end
      for i = 1, 60 do
        local ok, err = pending[i]:finish()
        assert.is_true(ok, err and err.message)
      end
      assert.same({}, emulator:snapshots())
      assert.equal(60, emulator:count().DELETE)
      local log = nginx:log()
      assert.is_nil(log:find("exited on signal", 1, true))
      assert.is_nil(log:find("[alert]", 1, true))
    end)
  end)
end)

describe("nginx's error log at debug level", function()
  it("holds no SK, token, security token or signature, whatever happens", function()
    local secrets = { emulator.sk, emulator.temporary_sk, emulator.security_token, emulator.token,
      "wrongSecret/Of+Nobody=", "Signature=", "SDK-HMAC-SHA256 Access" }
    with_nginx({ level = "debug", environment = {
      EVS_METADATA_ENDPOINT = emulator.metadata_endpoint } }, function(nginx)
      put(20)
      local keys = {
        { ak = emulator.ak, sk = emulator.sk },
        { ak = emulator.temporary_ak, sk = emulator.temporary_sk,
          security_token = emulator.security_token },
        { token = emulator.token },
        { ak = emulator.ak, sk = "wrongSecret/Of+Nobody=", shared = "evs" },
        {},
      }
      for i, key in ipairs(keys) do
        for _, endpoint in ipairs { "endpoint", "tls_endpoint", "untrusted_endpoint" } do
          key.endpoint, key.retries = emulator[endpoint], 0
          nginx:run([[
            local options, project, id = ...
            local client = evs.new(options)
            client:show_snapshot(project, id)
            client:delete_snapshot(project, id)
            client:delete_snapshots(project, { id, "x" })
            client:list_snapshots(project)
            client:close()]], key, project, ("s%04d"):format(i))
        end
      end
      emulator:misbehave { times = -1, echo = true }
      nginx:run([[local options, project = ...
        local client = evs.new(options)
        client:delete_snapshot(project, "s0020")]], { endpoint = emulator.endpoint, ak =
        emulator.temporary_ak, sk = emulator.temporary_sk, security_token =
        emulator.security_token }, project)
      local log = nginx:log()
      assert.is_truthy(log:find("[debug]", 1, true))
      for _, secret in ipairs(secrets) do
        assert.is_nil(log:find(secret, 1, true), "in the log: " .. secret)
      end
    end)
  end)
end)

describe("libcurl", function()
  -- Writes a line for each call into libcurl, and goes on to the real one.
  local SHIM = [[
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <stdio.h>
    #include <stdlib.h>
    static void *note(const char *name)
    {
        FILE *file = fopen(getenv("EVS_SHIM_LOG"), "a");
        if (file) { fprintf(file, "%s\n", name); fclose(file); }
        return dlsym(dlopen("libcurl.so.4", RTLD_NOW | RTLD_NOLOAD), name);
    }
    int curl_global_init(long flags)
    { return ((int (*)(long))note("curl_global_init"))(flags); }
    void *curl_easy_init(void) { return ((void *(*)(void))note("curl_easy_init"))(); }
    void *curl_multi_init(void) { return ((void *(*)(void))note("curl_multi_init"))(); }
    void *curl_version_info(int age)
    { return ((void *(*)(int))note("curl_version_info"))(age); }
    char *curl_version(void) { return ((char *(*)(void))note("curl_version"))(); }
  ]]

  local function read(name)
    local file = io.open(name)
    local text = file and file:read("*a") or ""
    if file then file:close() end
    return text
  end

  it("is not called in a worker, until a blocking call is made", function()
    if os.getenv("EVS_NGINX_PRELOAD") then return end
    local name = os.tmpname()
    local source = assert(io.open(name .. ".c", "w"))
    source:write(SHIM)
    source:close()
    assert.is_true(process.succeeds(("${CC:-cc} -shared -fPIC -o %s.so %s.c -ldl"):format(name,
      name)))
    with_nginx({ preload = name .. ".so", environment = { EVS_SHIM_LOG = name } }, function(nginx)
      put(4)
      nginx:run([[
        local options, project = ...
        local client = evs.new(options)
        assert(client:delete_snapshot(project, "s0001"))
        assert(client:list_snapshots(project))
        assert(client:delete_snapshots(project, { "s0002" }))
        client:close()
        collectgarbage()]], options_of(), project)
      assert.equal("", read(name))
      assert.is_true(nginx:run([[
        local options, project = ...
        return require("evs").new(options):delete_snapshot(project, "s0003")]], options_of(),
        project))
      assert.matches("curl_global_init", read(name))
    end)
    os.execute(("rm -f %s %s.c %s.so"):format(name, name, name))
  end)
end)
