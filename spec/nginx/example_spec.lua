-- Proves that examples/nginx.conf works as it stands, but for its port and its hour.

if os.getenv("EVS_SPEC_VARIANT") ~= "jit" then return end

local http = require "socket.http"
local ltn12 = require "ltn12"
local socket = require "socket"

local emulator = require("spec.support.emulator").start()
local process = require "spec.support.process"

local directory, url

local function read(name)
  local file = assert(io.open(name))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(name, text)
  local file = assert(io.open(name, "w"))
  assert(file:write(text))
  file:close()
end

local function free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return port
end

-- Starts nginx in the background, as the comment in the example says; it ends with its pid file.
-- Returns whether it began.
local function start(hour, endpoint)
  local name, port = os.tmpname(), free_port()
  os.remove(name)
  directory, url = name .. ".evs", "http://127.0.0.1:" .. port
  os.execute("mkdir " .. directory)
  local conf = read("examples/nginx.conf"):gsub("8089", tostring(port)):gsub("02:30:00", hour)
  write(directory .. "/nginx.conf", conf)
  local environment = {
    EVS_ENDPOINT = endpoint or emulator.endpoint, EVS_PROJECT_ID = emulator.project_id,
    HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk,
    LUA_PATH = package.path .. ";./examples/?.lua", LUA_CPATH = package.cpath,
  }
  local words = {}
  for variable, text in pairs(environment) do
    words[#words + 1] = ("%s='%s'"):format(variable, text)
  end
  local command = ("%s PATH=$PATH:/usr/sbin nginx -p %s/ -c %s/nginx.conf -e %s/error.log"):format(
    table.concat(words, " "), directory, directory, directory)
  return process.succeeds(command .. " 2>/dev/null") -- the log has it, too
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

local function ask(method, path)
  local parts = {}
  local _, status = http.request { method = method, url = url .. path,
    sink = ltn12.sink.table(parts) }
  return status, table.concat(parts)
end

describe("examples/nginx.conf", function()
  setup(function()
    assert.is_true(start(os.date("%H:%M:%S", os.time() + 3)))
    -- The sweep of that hour must find something old, and something young.
    emulator:reset()
    emulator:put {
      { id = "old", name = "nightly", created_at = "2020-01-01T00:00:00.000000" },
      { id = "old-other", name = "database", created_at = "2020-01-01T00:00:00.000000" },
      { id = "old-backup", name = "autobk_snapshot_1", created_at = "2020-01-01T00:00:00.000000" },
      { id = "young", name = "nightly", created_at = os.date("!%Y-%m-%dT%H:%M:%S.000000") },
    }
  end)
  teardown(stop)

  it("sweeps at its hour what is old and on the list", function()
    for _ = 1, 150 do
      if not emulator:snapshot("old") then break end
      socket.sleep(0.05)
    end
    socket.sleep(0.2)
    assert.is_nil(emulator:snapshot("old"))
    for _, id in ipairs { "old-other", "old-backup", "young" } do
      assert.is_table(emulator:snapshot(id))
    end
    assert.matches("sweep: 1 accepted, 0 failed, 0 unknown", read(directory .. "/error.log"))
  end)

  it("deletes for a caller what is on the list, and nothing else", function()
    assert.equal(202, (ask("DELETE", "/snapshots/young")))
    assert.is_nil(emulator:snapshot("young"))
    local status, text = ask("DELETE", "/snapshots/old-other")
    assert.equal(403, status)
    assert.matches("not on the list", text)
    assert.is_table(emulator:snapshot("old-other"))
  end)

  it("tells a caller what went wrong", function()
    assert.equal(404, (ask("DELETE", "/snapshots/nothing")))
    emulator:misbehave { status = 404, body = { error_code = "APIGW.0101", error_msg = "no API" } }
    assert.equal(502, (ask("DELETE", "/snapshots/nothing")))
    emulator:put { id = "busy", name = "nightly", status = "creating" }
    local status, text = ask("DELETE", "/snapshots/busy")
    assert.equal(409, status)
    assert.matches('"retryable":true', text)
    assert.equal(403, (ask("GET", "/snapshots/old-other")))
    assert.equal(404, (ask("DELETE", "/snapshots/a%20b")))
  end)

  it("logs no secret", function()
    assert.is_nil(read(directory .. "/error.log"):find(emulator.sk, 1, true))
  end)
end)

describe("examples/nginx.conf with an endpoint that is none", function()
  teardown(function() os.execute("rm -rf " .. directory) end)

  it("does not start, and says why", function()
    assert.is_false(start("02:30:00", "nonsense"))
    assert.matches("init_by_lua error: Client%.InvalidArgument: ", read(directory .. "/error.log"))
  end)
end)
