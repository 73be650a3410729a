-- What a process may do around the module: fork, start programs, have many clients.
local core_probe = require "core_probe"
local evs = require "evs"
local emulator = require("spec.support.emulator").start()

local function new(options)
  options.endpoint = options.endpoint or emulator.tls_endpoint
  options.ca_file = emulator.ca_file
  options.ak, options.sk = emulator.ak, emulator.sk
  return assert(evs.new(options))
end

-- Runs `body` in a child; its exit code is 0 when body returned true.
local function in_child(body)
  local pid = core_probe.fork()
  if not pid then
    local ok, result = pcall(body)
    core_probe.exit(ok and result == true and 0 or 1)
  end
  return pid
end

describe("a process with clients", function()
  before_each(function()
    emulator:reset()
    emulator:put{
      { id = "first", status = "available" }, { id = "child", status = "available" },
      { id = "parent", status = "available" }, { id = "last", status = "available" },
    }
  end)

  local function delete(client, id)
    return client:delete_snapshot(emulator.project_id, id, { guard = false })
  end

  it("goes on in parent and child after a fork, each on connections of its own", function()
    local client = new{}
    assert.is_true(delete(client, "first"))
    local pid = in_child(function() return delete(client, "child") end)
    assert.is_true(delete(client, "parent"))
    assert.equal(0, core_probe.wait(pid))
    assert.is_true(delete(client, "last"))

    local connection = {}
    for _, entry in ipairs(emulator:log()) do
      connection[entry.uri:match("[^/]+$")] = entry.connection
    end
    assert.equal(connection.first, connection.parent)
    assert.equal(connection.first, connection.last)
    assert.is_not.equal(connection.first, connection.child)
  end)

  it("keeps the parent's connection when a child closes or drops its client", function()
    local client = new{}
    assert.is_true(delete(client, "first"))
    local closed = in_child(function() client:close() return true end)
    assert.equal(0, core_probe.wait(closed))
    local dropped = in_child(function()
      client = nil
      collectgarbage()
      collectgarbage()
      return true
    end)
    assert.equal(0, core_probe.wait(dropped))
    assert.is_true(delete(client, "parent"))
    local log = emulator:log()
    assert.equal(log[1].connection, log[#log].connection)
    assert.equal(2, #log)
  end)

  it("lets a child of a child use the client too", function()
    local client = new{}
    assert.is_true(delete(client, "first"))
    local pid = in_child(function()
      local inner = in_child(function() return delete(client, "child") end)
      return core_probe.wait(inner) == 0 and delete(client, "parent")
    end)
    assert.equal(0, core_probe.wait(pid))
  end)

  it("may fork in a hook while a request is out: the answer is the parent's, the child asks again",
    function()
      if os.getenv("EVS_SPEC_VARIANT") == "valgrind" then return end
      local client, pid = new { retries = 2 }, nil
      assert.is_true(delete(client, "first"))
      emulator:misbehave { { method = "DELETE", contains = "parent", delay = 0.6 } }
      core_probe.on_alarm(0.2, function() pid = core_probe.fork() or 0 end)

      local result = client:delete_snapshot(emulator.project_id, "parent",
        { guard = false, ignore_missing = true })
      if pid == 0 then
        core_probe.exit(result == true and client:last().attempts == 2 and 0 or 1)
      end

      assert.is_true(result)
      assert.equal(1, client:last().attempts)
      assert.equal(0, core_probe.wait(pid))
      local connections, count = {}, 0
      for _, entry in ipairs(emulator:log()) do
        if entry.uri:find("parent", 1, true) then
          connections[entry.connection], count = true, count + 1
        end
      end
      assert.equal(2, count)
      assert.is_not_nil(next(connections, (next(connections))))
    end)

  it("does not hand its connections to programs it starts", function()
    local client = new{ endpoint = emulator.endpoint }
    assert.is_true(delete(client, "first"))
    local port = ("%04X"):format(emulator.endpoint:match("%d+$"))
    local pipe = assert(io.popen("ls -l /proc/self/fd; cat /proc/self/net/tcp"))
    local output = pipe:read("*a")
    pipe:close()
    local connections = 0
    for inode in output:gmatch(" [%x]+:%x+ [%x]+:" .. port .. " 01 %S+ %S+ %S+ +%d+ +%d+ (%d+)") do
      connections = connections + 1
      assert.is_nil(output:find("socket:[" .. inode .. "]", 1, true))
    end
    assert.is_true(connections >= 1)
  end)

  it("can have a hundred clients, and closing them leaves no descriptor", function()
    local function descriptors()
      local count = 0
      for _ in require("lfs").dir("/proc/self/fd") do count = count + 1 end
      return count
    end
    collectgarbage()
    collectgarbage()
    local before = descriptors()
    local clients = {}
    for i = 1, 100 do
      emulator:put{ { id = "s" .. i, status = "available" } }
      clients[i] = new{ endpoint = emulator.endpoint }
      assert.is_true(delete(clients[i], "s" .. i))
    end
    assert.is_true(descriptors() >= before + 100)
    for _, client in ipairs(clients) do client:close() end
    assert.equal(before, descriptors())
  end)
end)
