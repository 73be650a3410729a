-- Proves that the pages' handlers for nginx work as they stand, with the pages' configuration.

if os.getenv("EVS_SPEC_VARIANT") ~= "jit" then return end

local documents = require "spec.support.documents"
local http = require "socket.http"
local process = require "spec.support.process"
local socket = require "socket"

local emulator = require("spec.support.emulator").start()

local directory, url

-- What metrics.lua uses of nginx-lua-prometheus, as its manual has it.
local PROMETHEUS = [[
  local told = {}
  local function metric(name, labels, method)
    return { [method] = function(_, value, values)
      assert(type(value) == "number" and #values == #labels)
      told[#told + 1] = name .. "{" .. table.concat(values, ",") .. "}"
    end }
  end
  return { init = function(dict)
    assert(type(dict) == "string")
    return {
      counter = function(_, name, _, labels) return metric(name, labels, "inc") end,
      histogram = function(_, name, _, labels) return metric(name, labels, "observe") end,
      collect = function() return told end,
    }
  end, told = told }
]]

local function write(name, text)
  local file = assert(io.open(directory .. "/" .. name, "w"))
  assert(file:write(text))
  file:close()
end

local function free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return port
end

-- The two blocks of docs/openresty.md, in what every nginx.conf has around them.
local function configuration(port)
  local blocks = {}
  for _, block in ipairs(documents.blocks("docs/openresty.md")) do
    if block.language == "nginx" then blocks[#blocks + 1] = block.text end
  end
  assert.equal(2, #blocks)
  return table.concat({
    "load_module /usr/lib/nginx/modules/ndk_http_module.so;",
    "load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;",
    "pid nginx.pid;", "env EVS_ENDPOINT;", blocks[1], "events { }", "http {", "access_log off;",
    "client_body_temp_path body;", "proxy_temp_path proxy;", "fastcgi_temp_path fastcgi;",
    "uwsgi_temp_path uwsgi;", "scgi_temp_path scgi;", (blocks[2]:gsub("8089", port)), "}",
  }, "\n")
end

local function start(handler)
  local name, port = os.tmpname(), free_port()
  os.remove(name)
  directory, url = name .. ".evs", "http://127.0.0.1:" .. port
  os.execute("mkdir " .. directory)
  write("handler.lua", handler)
  write("nginx.conf", configuration(port))
  local command = ("EVS_ENDPOINT='%s' HUAWEICLOUD_SDK_AK='%s' HUAWEICLOUD_SDK_SK='%s' "
    .. "LUA_PATH='%s/?.lua;%s' LUA_CPATH='%s' PATH=$PATH:/usr/sbin "
    .. "nginx -p %s/ -c nginx.conf -e error.log"):format(emulator.endpoint, emulator.ak,
    emulator.sk, directory, package.path, package.cpath, directory)
  assert.is_true(process.succeeds(command))
end

local function stop()
  os.execute("kill $(cat " .. directory .. "/nginx.pid)")
  for _ = 1, 100 do
    local file = io.open(directory .. "/nginx.pid")
    if not file then break end
    file:close()
    socket.sleep(0.02)
  end
  os.execute("rm -rf " .. directory)
end

local function ask(id)
  local _, status = http.request(("%s/%s/%s"):format(url, emulator.project_id, id))
  return status
end

for _, page in ipairs { "README.md", "docs/openresty.md" } do
  describe("handler.lua of " .. page, function()
    setup(function()
      emulator:reset(true)
      start(documents.block(page, "handler.lua"))
    end)
    teardown(stop)

    it("deletes a snapshot, and says so", function()
      assert.equal(202, ask(emulator.snapshot_id))
      assert.is_nil(emulator:snapshot(emulator.snapshot_id))
    end)

    it("spares a backup's, and logs why", function()
      assert.equal(502, ask(emulator.backup_id))
      assert.is_table(emulator:snapshot(emulator.backup_id))
      local log = documents.read(directory .. "/error.log")
      assert.is_truthy(log:find("Client.Protected", 1, true))
    end)
  end)
end

describe("metrics.lua of docs/openresty.md", function()
  local nginx = require("spec.nginx.support.nginx").start()
  teardown(function() nginx:stop() end)

  it("counts and times each request", function()
    emulator:reset(true)
    emulator:misbehave { status = 503, method = "DELETE" }
    local told = nginx:run([[
      local library, page, options, project, id = ...
      package.loaded.prometheus = loadstring(library)()
      local metrics = loadstring(page)()
      options.on_attempt = metrics.on_attempt
      assert(assert(evs.new(options)):delete_snapshot(project, id))
      metrics.collect()
      return package.loaded.prometheus.told]], PROMETHEUS,
      documents.block("docs/openresty.md", "metrics.lua"),
      { endpoint = emulator.endpoint, ak = emulator.ak, sk = emulator.sk },
      emulator.project_id, emulator.snapshot_id)
    assert.same({ "evs_requests_total{GET,200}", "evs_request_seconds{GET}",
      "evs_requests_total{DELETE,503}", "evs_request_seconds{DELETE}",
      "evs_requests_total{DELETE,202}", "evs_request_seconds{DELETE}" }, told)
  end)
end)
