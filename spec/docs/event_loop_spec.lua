-- Proves examples/event_loop.lua: another event loop carries deletions, and they overlap in time.

local process = require "spec.support.process"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

local SCRIPT = assert(io.open("examples/event_loop.lua")):read("*a")

-- Runs the example with ids; its lines by id, and the whole result.
local function run(ids, changes)
  local environment = { HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk,
    EVS_ENDPOINT = emulator.endpoint }
  for name, value in pairs(changes or {}) do environment[name] = value end
  local result = process.run(("arg = { [0] = 'event_loop', %q, '%s' }\n%s"):format(project,
    table.concat(ids, "', '"), SCRIPT), environment)
  local said = {}
  for id, text in result.stdout:gmatch("(%S+)\t([^\n]+)\n") do said[id] = text end
  return said, result
end

-- For how long the requests of a method for two ids were open at the same time, by the log.
local function overlap(method, one, other)
  local spans = {}
  for _, request in ipairs(emulator:log()) do
    if request.method == method then
      spans[request.uri:match("[^/]+$")] = { request.time, request.time + request.seconds }
    end
  end
  return math.min(spans[one][2], spans[other][2]) - math.max(spans[one][1], spans[other][1])
end

local CUT_CHUNK = "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nx"

before_each(function()
  emulator:reset()
  emulator:put { { id = "a" }, { id = "b" }, { id = "c" } }
end)

describe("event_loop", function()
  it("has two deletions under way at the same time", function()
    emulator:misbehave { { method = "DELETE", times = -1, delay = 0.4 } }

    local said, result = run { "a", "b" }

    assert.equal("", result.stderr)
    assert.same({ a = "accepted", b = "accepted" }, said)
    assert.equal(0, result.status)
    assert.is_true(overlap("DELETE", "a", "b") > 0.2)
  end)

  it("goes on with one while another sleeps before its retry", function()
    emulator:misbehave { { method = "GET", contains = "/a", status = 503,
      headers = { ["Retry-After"] = "1" } } }

    local said = run { "a", "b", "c" }

    assert.same({ a = "accepted", b = "accepted", c = "accepted" }, said)
    local log = emulator:log()
    assert.equal("/a", log[#log].uri:match("/%w$"))
    assert.is_true(log[#log].time - log[#log - 2].time > 0.9)
  end)

  it("tells the machines of answers that were cut, and of none", function()
    emulator:misbehave {
      { method = "DELETE", contains = "/a", cut = "after" },
      { method = "DELETE", contains = "/b", status = 202, body = "x", cut = "body" },
      { method = "GET", path = "/c$", raw = "what?\r\n\r\n" },
      { method = "DELETE", path = "/c$", raw = CUT_CHUNK },
    }

    assert.same({ a = "accepted", b = "accepted", c = "accepted" }, (run { "a", "b", "c" }))
    assert.same({}, emulator:snapshots())
    local deletes = {}
    for _, request in ipairs(emulator:log()) do
      if request.method == "DELETE" then
        local id = request.uri:match("%w$")
        deletes[id] = (deletes[id] or 0) + 1
      end
    end
    -- That of a had worked, as the next look shows; the 202s of b and c were not whole.
    assert.same({ a = 2, b = 2, c = 2 }, deletes)
  end)

  it("says what failed, and ends with 1", function()
    local said, result = run { "a", "none" }

    assert.equal("accepted", said.a)
    assert.is_truthy(said.none:find("^404: "))
    assert.equal(1, result.status)
  end)

  it("speaks https, and only with the right server", function()
    local trusting = { EVS_ENDPOINT = emulator.tls_endpoint, EVS_CA_FILE = emulator.ca_file }
    assert.same({ a = "accepted", b = "accepted" }, (run({ "a", "b" }, trusting)))

    for _, name in ipairs { "untrusted_endpoint", "wrong_host_endpoint", "expired_endpoint" } do
      trusting.EVS_ENDPOINT = emulator[name]
      local said = run({ "c" }, trusting)
      assert.is_truthy(said.c:find("^Client%.TLS: .*, not_sent%)"), name)
    end
    assert.equal(1, #emulator:snapshots())
  end)
end)
