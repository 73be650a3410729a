-- Proves that the emulator's control API names what is wrong, and then changes nothing.

local emulator = require("spec.support.emulator").start()
local signed = require("spec.support.signed").to(emulator)

before_each(function() emulator:reset() end)

describe("the control API", function()
  local function refused(problem, method, ...)
    local done, problem_told = pcall(emulator[method], emulator, ...)
    assert.is_false(done)
    assert.matches("400 ", problem_told, 1, true)
    assert.matches(problem, problem_told, 1, true)
  end

  it("names what is wrong with a snapshot, and puts none", function()
    local good = { id = "a" }
    refused("element 2: a snapshot is an object", "put", { good, 1 })
    refused("element 2: id must be a string", "put", { good, { id = 1 } })
    refused("element 2: generation must be one of: legacy, standard", "put",
      { good, { generation = "v5" } })
    refused("element 2: after_delete must be one of: gone,", "put", { good, {
      after_delete = "x" } })
    refused("element 2: created_at must be a string", "put", { good, { created_at = 1 } })
    refused("element 2: listed must be a table", "put", { good, { listed = 2 } })
    refused("element 2: no such field: time", "put", { good, { listed = { time = 2 } } })
    refused("element 2: times must be a number", "put", { good, { listed = { times = "2" } } })
    refused("element 2: snapshot_chains must be an array", "put", { good, {
      snapshot_chains = { "c" } } })
    assert.equal(0, #emulator:snapshots())
  end)

  it("names what is wrong with a disk or a key, and puts none", function()
    refused("element 2: a disk has an id", "volumes", { { id = "v" }, { size = 1 } })
    refused("element 2: id must be a string", "volumes", { { id = "v" }, { id = 1 } })
    assert.equal(0, #emulator:volumes())
    local new = { ak = "new", sk = "s" }
    refused("element 2: a key is an object", "keys", { new, "x" })
    refused("element 2: a key has ak and sk, or token", "keys", { new, { ak = "x" } })
    refused("element 2: projects must be a table", "keys", { new, { token = "t", projects = "p" } })
    assert.is_nil(emulator:keys().new)
  end)

  it("names what is wrong with a setting, and changes none", function()
    refused("no such setting: mising", "settings", { missing = "evs", mising = "evs" })
    refused("missing must be a string", "settings", { missing = 1 })
    refused("missing must be one of: own, openstack, evs", "settings", { missing = "evss" })
    refused("v5 must be a boolean", "settings", { v5 = "no" })
    local _, body = signed:call("DELETE", "a")
    assert.is_table(body.itemNotFound)
  end)

  it("names what is wrong with a limit, a log, a clock and rules", function()
    refused("per_second must be a number", "rate", { per_second = "x" })
    refused("no such field: per_minute", "rate", { per_minute = 1 })
    refused("keep must be a number", "clear_log", "x")
    refused("skew must be a number", "clock", "x")
    refused("rules must be a table", "call", "POST", "misbehave", { rules = 1 })
    refused("seed must be a number", "call", "POST", "misbehave", { rules = { {} }, seed = "x" })
    assert.equal(404, (signed:call("GET", "a")))
  end)

  it("refuses what is no call and what is no JSON", function()
    assert.error_matches(function() emulator:call("GET", "banana") end, "404 .*no such call")
    assert.error_matches(function() emulator:call("PUT", "snapshots") end, "404 .*no such call")
    refused("the body is not a JSON object or array", "call", "POST", "snapshots", "{")
    refused("the body is not a JSON object or array", "call", "POST", "reset", "1")
  end)
end)
