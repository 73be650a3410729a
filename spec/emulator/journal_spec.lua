-- Proves that the emulator's log tells what happened.

local emulator = require("spec.support.emulator").start()
local signed = require("spec.support.signed").to(emulator)

before_each(function() emulator:reset() end)

describe("the log", function()
  it("tells of each request, in order", function()
    emulator:put { id = "a" }
    signed:call("GET", "a", { headers = { ["x-project-id"] = emulator.project_id } })
    signed:call("DELETE", "a")
    signed:call("DELETE", "a", { sk = "wrong" })
    local log = emulator:log()
    assert.equal(3, #log)
    local first = log[1]
    assert.equal("GET", first.method)
    assert.equal(signed:path("a"), first.uri)
    assert.equal(emulator.project_id, first.headers["x-project-id"])
    assert.equal(emulator.endpoint:match("//(.*)$"), first.host)
    assert.equal(1.1, first.http_version)
    assert.is_false(first.tls)
    assert.is_true(first.authenticated)
    assert.is_true(math.abs(first.time - os.time()) < 5)
    assert.same({ 200, 202, 401 }, { log[1].status, log[2].status, log[3].status })
    assert.is_false(log[3].authenticated)
    local count = emulator:count()
    assert.same({ 1, 2, 0 }, { count.GET, count.DELETE, count.PUT })
  end)

  it("keeps counts only when told so", function()
    emulator:clear_log(0)
    signed:call("GET", "a")
    assert.equal(1, emulator:count().GET)
    assert.equal(0, #emulator:log())
  end)
end)
