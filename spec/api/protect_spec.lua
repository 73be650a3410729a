-- Proves the option `protect`: what the script keeps is kept, and nothing it does lets a snapshot
-- go that the guard would keep.

local cjson = require "cjson"
local evs = require "evs"
local failure = require "spec.support.failure"
local machines = require "spec.support.machine"
local socket = require "socket"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id
local connect = require("spec.support.connect").with { retries = 0 }

local function methods()
  local words = {}
  for i, record in ipairs(emulator:log()) do words[i] = record.method end
  return table.concat(words, " ")
end

-- A function that notes what it is asked about and returns `answer`.
local function noting(answer)
  local asked = {}
  return function(...)
    asked[#asked + 1] = { count = select("#", ...), snapshot = (...) }
    return answer
  end, asked
end

local function assert_kept(err, attempts)
  failure.check(err, { code = "Client.Protected", outcome = "not_sent", retryable = false,
    attempts = attempts or 1, status = failure.none, hint = failure.none })
  assert.equal(0, emulator:count().DELETE)
  return err
end

before_each(function() emulator:reset() end)

describe("protect", function()
  for what, answer in pairs { ["a legal hold"] = "a legal hold", ["it returned true"] = true,
    ["it returned an empty string"] = "" } do
    it("keeps the snapshot with the words: " .. what, function()
      emulator:put { id = "a" }
      local err = assert_kept(connect { protect = function() return answer end }
        :delete_snapshot(project, "a"))
      assert.equal("the option 'protect' keeps the snapshot: " .. what, err.message)
    end)
  end

  for _, answer in ipairs { "nil", "false" } do
    it("lets the snapshot go with " .. answer, function()
      emulator:put { id = "a" }
      assert.is_true(connect { protect = function() return answer == "false" and false or nil end }
        :delete_snapshot(project, "a"))
      assert.equal("GET DELETE", methods())
    end)
  end

  it("may return nothing at all", function()
    emulator:put { id = "a" }
    assert.is_true(connect { protect = function() end }:delete_snapshot(project, "a"))
  end)

  it("is asked once, about the snapshot as the server shows it now", function()
    emulator:put { id = "a", name = cjson.null, size = 40, metadata = { team = "x" } }
    local protect, asked = noting(nil)
    local client = connect { protect = protect }
    assert.is_true(client:delete_snapshot(project, { id = "a", name = "old" }))
    assert.equal(1, #asked)
    assert.equal(1, asked[1].count)
    local snapshot = asked[1].snapshot
    assert.same({ "a", nil, "x", "40" }, { snapshot.id, snapshot.name, snapshot.metadata.team,
      tostring(snapshot.size) })
  end)

  it("is asked about a passed snapshot that counts as seen, and no request is sent", function()
    emulator:put { id = "a" }
    local protect, asked = noting("no")
    local client = connect()
    local snapshot = assert(client:show_snapshot(project, "a"))
    emulator:clear_log()
    assert_kept(client:delete_snapshot(project, snapshot, { protect = protect }), 0)
    assert.equal("", methods())
    assert.equal(1, #asked)
    assert.equal(snapshot, asked[1].snapshot)
  end)

  it("is not asked about what a rule keeps anyway, nor about what nobody has seen", function()
    local protect, asked = noting(nil)
    local client = connect { protect = protect }
    emulator:put { { id = "a", name = "manualbk_snapshot_1" }, { id = "b" } }
    failure.check(client:delete_snapshot(project, "a"), { code = "Client.Protected" })
    failure.check(client:delete_snapshot(project, "missing"), { kind = "itemNotFound" })
    emulator:misbehave { method = "GET", body = { snapshot = { id = "c", status = "available",
      name = "n", metadata = { x = "y" } } } }
    failure.check(client:delete_snapshot(project, "b"), { code = "Client.BadResponse" })
    emulator:misbehave { method = "GET", body = { snapshot = { id = "b", status = "available" } } }
    failure.check(client:delete_snapshot(project, "b"), { code = "Client.BadResponse" })
    assert.equal(0, #asked)
  end)

  it("is asked before the status is judged", function()
    emulator:put { id = "a", status = "creating" }
    assert_kept(connect { protect = function() return "mine" end }:delete_snapshot(project, "a"))
  end)

  it("of the client is asked at each deletion, but for those that have their own", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local client = connect { protect = function() return "client's" end }
    assert.matches("client's$", client:delete_snapshot(project, "a").message)
    local own = { protect = function(snapshot) return snapshot.id == "a" and "call's" end }
    assert.matches("call's$", client:delete_snapshot(project, "a", own).message)
    assert.is_true(client:delete_snapshot(project, "b", own))
    assert.matches("client's$", client:delete_snapshot(project, "a").message)
  end)

  it("may be a table that can be called, and nothing else", function()
    emulator:put { id = "a" }
    local callable = setmetatable({}, { __call = function() return "called" end })
    assert.matches("called$", connect { protect = callable }:delete_snapshot(project, "a").message)
    for _, bad in ipairs { "reason", 5, true, {} } do
      assert.error_matches(function() connect { protect = bad } end, "option 'protect': function")
    end
  end)

  it("and guard = false are Client.InvalidArgument, wherever they meet", function()
    local function protect() return nil end
    local client, err = evs.new { endpoint = emulator.endpoint, ak = "a", sk = "s", guard = false,
      protect = protect }
    assert.is_nil(client)
    failure.check(err, { code = "Client.InvalidArgument", outcome = "not_sent", attempts = 0 })
    assert.matches("'protect' needs the guard", err.message)
    for new, call in pairs { [{ protect = protect }] = { guard = false },
      [{ guard = false }] = { protect = protect } } do
      failure.check(connect(new):delete_snapshot(project, "a", call),
        { code = "Client.InvalidArgument", attempts = 0 })
      local _, problem = connect(new):delete_snapshots(project, { "a" }, call)
      failure.check(problem, { code = "Client.InvalidArgument", attempts = 0 })
    end
    assert.equal("", methods())
  end)

  it("deletes nothing when it raises: the error goes on, the client stays usable", function()
    emulator:put { id = "a" }
    local problem = { "its own" }
    local client = connect()
    for _ = 1, 3 do
      local ran, raised = pcall(client.delete_snapshot, client, project, "a",
        { protect = function() error(problem) end })
      assert.same({ false, true }, { ran, rawequal(problem, raised) })
    end
    local snapshot = assert(client:show_snapshot(project, "a"))
    assert.is_false(pcall(client.delete_snapshot, client, project, snapshot,
      { protect = function() error(problem) end }))
    assert.equal(0, emulator:count().DELETE)
    local began = socket.gettime()
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.is_true(socket.gettime() - began < 5) -- the key was proven by the looks
  end)

  it("raises when it returns what is neither a reason nor none", function()
    emulator:put { id = "a" }
    local client = connect()
    for _, bad in ipairs { 5, {}, print } do
      assert.error_matches(function()
        client:delete_snapshot(project, "a", { protect = function() return bad end })
      end, "option 'protect' must return a string, true, false or nil, not a " .. type(bad))
    end
    assert.equal(0, emulator:count().DELETE)
  end)

  it("cannot talk the guard out of anything by changing the snapshot", function()
    local long = ("x"):rep(100)
    emulator:put { id = "a", name = "n" .. long, status = "creating" }
    local function empty(snapshot)
      for name in pairs(snapshot) do snapshot[name] = nil end
      snapshot.status, snapshot.metadata = "available", {}
      for _ = 1, 20 do collectgarbage() end
    end
    local client = connect { protect = empty }
    failure.check(client:delete_snapshot(project, "a"), { code = "Client.WrongState" })
    failure.check(client:delete_snapshot(project, { id = "a" .. "", status = "creating",
      name = "n" .. long, metadata = {} }), { code = "Client.WrongState", attempts = 0 })
  end)

  it("may use the client, and close it", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local client = connect()
    assert.is_true(client:delete_snapshot(project, "a", { protect = function(snapshot)
      assert.equal("b", client:show_snapshot(project, "b").id)
      assert.is_true(client:delete_snapshot(project, "b"))
      return snapshot.id ~= "a"
    end }))
    emulator:put { id = "a" }
    failure.check(client:delete_snapshot(project, "a", { protect = function() client:close() end }),
      { code = "Client.Closed", outcome = "not_sent" })
    assert.is_table(emulator:snapshot("a"))
  end)

  it("shows no secret in the reason", function()
    emulator:put { id = "a" }
    local function protect() return "x " .. emulator.sk .. "\n y" end
    local err = assert_kept(connect { protect = protect }:delete_snapshot(project, "a"))
    assert.matches(": x %*%*%* y$", err.message)
  end)
end)

describe("protect in a batch", function()
  local function put(count)
    local ids, snapshots = {}, {}
    for i = 1, count do
      ids[i] = ("s%03d"):format(i)
      snapshots[i] = { id = ids[i], metadata = i % 3 == 0 and { hold = "yes" } or {} }
    end
    emulator:put(snapshots)
    return ids
  end

  local function hold(snapshot) return snapshot.metadata.hold and "on hold" end

  it("keeps its own and lets the rest go: ids, snapshots, a function of ids", function()
    for how, source in pairs {
      ids = function(_, ids) return ids end,
      snapshots = function(client) return (client:list_snapshots(project)) end,
      each = function(client) return client:each_snapshot(project) end,
    } do
      emulator:reset()
      local ids = put(30)
      local client = connect()
      local summary = assert(client:delete_snapshots(project, source(client, ids),
        { protect = hold, concurrency = 4 }))
      assert.same({ 20, 10, 0, 0 }, { summary.succeeded, summary.failed, summary.unknown,
        summary.unsent }, how)
      failure.check(summary.errors.s003, { code = "Client.Protected" })
      assert.matches(": on hold$", summary.errors.s003.message)
      assert.equal(10, #emulator:snapshots())
    end
  end)

  it("ends the batch when it raises, and nothing that was not judged is deleted", function()
    local ids = put(10)
    local client = connect { concurrency = 1 }
    local asked = 0
    local ran, problem = pcall(client.delete_snapshots, client, project, ids, {
      protect = function()
        asked = asked + 1
        if asked == 3 then error("stop", 0) end
      end })
    assert.same({ false, "stop" }, { ran, problem })
    assert.equal(8, #emulator:snapshots())
    assert.is_true(client:delete_snapshot(project, "s003"))
  end)
end)

describe("protect in a machine", function()
  local SHOWN = cjson.encode { snapshot = { id = machines.ID, status = "available", name = "n",
    metadata = { team = "x" } } }

  local function sent(protect)
    local machine = machines.client():start("delete_snapshot", machines.PROJECT, machines.ID,
      { protect = protect })
    assert.equal("send", (machine:next(0, machines.WALL)))
    return machine
  end

  it("is asked by reply", function()
    local machine = sent(function(snapshot) return snapshot.metadata.team end)
    machine:reply(200, {}, SHOWN)
    local step, result, err = machine:next(1, machines.WALL)
    assert.same({ "done", nil }, { step, result })
    assert.equal("the option 'protect' keeps the snapshot: x", err.message)
  end)

  it("ends the call when it raises", function()
    local machine = sent(function() error("no", 0) end)
    local ran, problem = pcall(machine.reply, machine, 200, {}, SHOWN)
    assert.same({ false, "no" }, { ran, problem })
    local _, _, err = machine:next(1, machines.WALL)
    assert.same({ "Client.Protected", "not_sent" }, { err.code, err.outcome })
    assert.matches("it raised an error$", err.message)
  end)

  it("may call no method of the machine, or of the batch, that asks it", function()
    local client, machine, batch = machines.client()
    local names = { "next", "reply", "fail", "cancel", "add", "finish", "stop", "abandon" }
    local refused = {}
    local function protect()
      for _, name in ipairs(names) do
        local subject = batch or machine
        local ran, problem = pcall(subject[name], subject, 1, 200, {}, "")
        if not ran and tostring(problem):find("'protect' is being asked") then
          refused[#refused + 1] = name
        end
      end
    end
    machine = client:start("delete_snapshot", machines.PROJECT, machines.ID, { protect = protect })
    machine:next(0, machines.WALL)
    machine:reply(200, {}, SHOWN)
    assert.equal("next reply fail cancel", table.concat(refused, " "))
    local step, request = machine:next(1, machines.WALL)
    assert.same({ "send", "DELETE" }, { step, request.method })
    refused = {}
    batch = client:start("delete_snapshots", machines.PROJECT, nil, { protect = protect })
    assert.equal("need", (batch:next(2, machines.WALL)))
    batch:add { id = machines.ID, status = "available", metadata = {} }
    assert.equal("next reply fail add finish stop abandon", table.concat(refused, " "))
  end)

  it("cannot yield", function()
    local machine = sent(function() coroutine.yield() end)
    local thread = coroutine.create(function() machine:reply(200, {}, SHOWN) end)
    local ran, problem = coroutine.resume(thread)
    assert.is_false(ran)
    assert.matches("attempt to yield", tostring(problem))
  end)

  it("is asked by start about a passed snapshot", function()
    local asked = {}
    local machine = machines.client():start("delete_snapshot", machines.PROJECT,
      { id = machines.ID, status = "available", metadata = {} },
      { protect = function(snapshot) asked[1] = snapshot.id return "kept" end })
    local _, _, err = machine:next(0, machines.WALL)
    assert.same({ machines.ID }, asked)
    assert.matches("kept$", err.message)
  end)
end)
