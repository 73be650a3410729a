-- Proves evs.safe: as evs, but delete_snapshot gives true, or nil and the error.

local clients = require "spec.support.connect"
local evs = require "evs"
local failure = require "spec.support.failure"
local process = require "spec.support.process"
local safe = require "evs.safe"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

local function connect(module, options)
  return clients.with({ retries = 0 }, module)(options)
end

before_each(function() emulator:reset() end)

describe("evs.safe", function()
  it("has the functions of evs and no other", function()
    for name, value in pairs(evs) do assert.equal(type(value), type(safe[name]), name) end
    for name, value in pairs(safe) do assert.equal(type(value), type(evs[name]), name) end
    assert.equal(evs._VERSION, safe._VERSION)
    assert.is_not.equal(evs.delete_snapshot, safe.delete_snapshot)
  end)

  it("gives true alone for a deletion", function()
    emulator:put { id = "a" }
    local client = connect(safe)
    assert.equal(1, select("#", client:delete_snapshot(project, "a")))
    emulator:put { id = "a" }
    assert.is_true((client:delete_snapshot(project, "a")))
    assert.is_nil(emulator:snapshot("a"))
  end)

  it("gives nil and the error that evs gives alone", function()
    emulator:misbehave { times = -1, status = 409, headers = { ["X-Request-Id"] = "r" },
      body = { error = { code = "EVS.2068", message = "locked" } } }
    local function pack(...) return { n = select("#", ...), ... } end
    local from_evs = pack(connect(evs):delete_snapshot(project, "a"))
    local from_safe = pack(connect(safe):delete_snapshot(project, "a"))
    assert.equal(1, from_evs.n)
    assert.equal(2, from_safe.n)
    assert.is_nil(from_safe[1])
    failure.check(from_safe[2], { code = "EVS.2068" })
    assert.same(from_evs[1], from_safe[2])
    assert.equal(tostring(from_evs[1]), tostring(from_safe[2]))
    assert.equal(getmetatable(from_evs[1]), getmetatable(from_safe[2]))
  end)

  it("gives nil and the error for everything that fails before a request", function()
    local client = connect(safe)
    for _, call in ipairs {
      function() return client:delete_snapshot(project, "a/b") end,
      function() return client:delete_snapshot(project, "a", { timeout = -1 }) end,
      function() return safe.new { endpoint = "nowhere" } end,
      function() return client:show_snapshot(project, "") end,
      function() return safe.delete_snapshot(project, "a") end,
      function() return safe.show_snapshot(project, "a") end,
      function()
        client:close()
        return client:delete_snapshot(project, "a")
      end,
    } do
      local result, err = call()
      assert.is_nil(result)
      failure.check(err, { attempts = 0, outcome = "not_sent" })
    end
  end)

  it("leaves the clients of evs as they are, and the other way round", function()
    local plain, careful = connect(evs), connect(safe)
    assert.is_table((plain:delete_snapshot(project, "gone")))
    assert.is_nil((careful:delete_snapshot(project, "gone")))
    assert.is_table((plain:delete_snapshot(project, "gone")))
  end)

  it("raises for mistakes in the program, as evs does", function()
    local client = connect(safe)
    for _, call in ipairs {
      function() client:delete_snapshot(project, 5) end,
      function() client:delete_snapshot(project, "a", { gaurd = true }) end,
      function() safe.new { gaurd = true } end,
      function() safe.new(5) end,
    } do
      assert.is_false((pcall(call)))
    end
  end)

  it("gives machines that end alike in both flavours", function()
    for _, module in ipairs { evs, safe } do
      local machine = connect(module):start("delete_snapshot", project, "a/b")
      local step, result, err = machine:next(0, 0)
      assert.equal("done", step)
      assert.is_nil(result)
      failure.check(err, { code = "Client.InvalidArgument" })
    end
  end)

  it("can be loaded before evs, after it, and alone", function()
    local script = [[
      local first = require %q
      assert(package.loaded[%q] == nil)
      assert(type(first.delete_snapshot) == "function" and type(first.new) == "function")
      local second = require %q
      assert(first ~= second and first._VERSION == second._VERSION)
      local client = assert(first.new { endpoint = %q, ak = %q, sk = %q })
      print(select("#", client:delete_snapshot(%q, "gone")))
    ]]
    for _, names in ipairs { { "evs.safe", "evs", "2\n" }, { "evs", "evs.safe", "1\n" } } do
      local result = process.run(script:format(names[1], names[2], names[2], emulator.endpoint,
        emulator.ak, emulator.sk, project))
      assert.same({ status = 0, stdout = names[3], stderr = "" }, result)
    end
  end)
end)
