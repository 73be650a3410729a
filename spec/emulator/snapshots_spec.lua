-- Proves that the emulator's snapshots are deleted as those of EVS are.

local socket = require "socket"

local emulator = require("spec.support.emulator").start()
local signed = require("spec.support.signed").to(emulator)

before_each(function() emulator:reset() end)

describe("a deletion", function()
  it("is accepted with an empty 202, and the snapshot is gone", function()
    emulator:put { { id = "a" }, { id = "b", status = "error" }, { id = "c" } }
    local status, body, headers = signed:call("DELETE", "a")
    assert.equal(202, status)
    assert.equal("", body)
    assert.equal("0", headers["content-length"])
    assert.equal("text/html; charset=UTF-8", headers["content-type"])
    assert.matches("^%x+$", headers["x-request-id"])
    assert.matches("^req%-%x+%-", headers["x-openstack-request-id"])
    assert.equal(202, (signed:call("DELETE", "b")))
    status, body = signed:call("GET", "a")
    assert.equal(404, status)
    assert.equal("Snapshot a could not be found.", body.itemNotFound.message)
    assert.equal(1, #emulator:snapshots())
    assert.equal("c", emulator:snapshots()[1].id)
  end)

  it("takes the time it is told to take", function()
    emulator:put { id = "a", deleting_after = 0.2, delete_seconds = 0.2 }
    assert.equal(202, (signed:call("DELETE", "a")))
    assert.equal("available", emulator:snapshot("a").status)
    socket.sleep(0.25)
    assert.equal("deleting", emulator:snapshot("a").status)
    local status, body = signed:call("DELETE", "a")
    assert.equal(400, status)
    assert.equal("EVS.1047", body.error.code)
    socket.sleep(0.2)
    assert.is_nil(emulator:snapshot("a"))
  end)

  it("ends as it is told to end", function()
    emulator:put {
      { id = "never", after_delete = "never" },
      { id = "back", after_delete = "available", delete_seconds = 0.1 },
      { id = "stuck", after_delete = "error_deleting" },
    }
    for _, id in ipairs { "never", "back", "stuck" } do
      assert.equal(202, (signed:call("DELETE", id)))
    end
    assert.equal("deleting", emulator:snapshot("back").status)
    socket.sleep(0.15)
    assert.equal("deleting", emulator:snapshot("never").status)
    assert.equal("available", emulator:snapshot("back").status)
    assert.equal("error_deleting", emulator:snapshot("stuck").status)
    local status, body = signed:call("DELETE", "stuck")
    assert.equal(500, status)
    assert.equal("EVS.2019", body.error.code)
  end)

  it("is refused in every state but available and error", function()
    for _, state in ipairs { "creating", "deleting", "rollbacking", "backing-up" } do
      emulator:put { id = state, status = state }
      local status, body = signed:call("DELETE", state)
      assert.equal(400, status)
      assert.equal("EVS.1047", body.error.code)
    end
    emulator:settings { wrong_state = "openstack", missing = "evs" }
    local status, body = signed:call("DELETE", "creating")
    assert.equal(400, status)
    assert.equal(400, body.badRequest.code)
    status, body = signed:call("DELETE", "no-such")
    assert.equal(404, status)
    assert.equal("EVS.5404", body.error.code)
  end)

  it("of a backup's snapshot is done: the guard is the client's", function()
    emulator:reset(true)
    assert.equal(202, (signed:call("DELETE", emulator.backup_id)))
    assert.is_nil(emulator:snapshot(emulator.backup_id))
  end)

  it("does not reach another project's snapshot", function()
    emulator:put { id = "a", project_id = "another" }
    assert.equal(404, (signed:call("DELETE", "a")))
    assert.equal(1, #emulator:snapshots("another"))
  end)
end)
