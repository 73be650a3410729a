-- Proves the option read_ahead: what a function gives before its turn, and that lists look at it.

local cjson = require "cjson"
local failure = require "spec.support.failure"
local machines = require "spec.support.machine"

local emulator = require("spec.support.emulator").start()
local connect = require("spec.support.connect").with { retries = 0 }

local project = emulator.project_id

local function names(count)
  local list = {}
  for i = 1, count do list[i] = ("s%05d"):format(i) end
  return list
end

local function put(list)
  local snapshots = {}
  for i, id in ipairs(list) do snapshots[i] = { id = id } end
  emulator:put(snapshots)
end

-- Requests so far: lists, single looks, DELETEs.
local function requests()
  local lists, looks, deletes = 0, 0, 0
  for _, record in ipairs(emulator:log()) do
    if record.method == "DELETE" then
      deletes = deletes + 1
    elseif record.uri:find("/detail?", 1, true) then
      lists = lists + 1
    else
      looks = looks + 1
    end
  end
  return { lists, looks, deletes }
end

local function sums(summary)
  return { summary.succeeded, summary.failed, summary.unknown, summary.unsent }
end

-- A function that gives these entries; what is a function in them is called and gives the entry. In
-- `state`: how many were `given`, and how many `begun` (`protect` counts them); `most` ahead.
local function source(list)
  local state = { given = 0, begun = 0, most = 0 }
  function state.next()
    local entry = list[state.given + 1]
    if type(entry) == "function" then return entry() end
    if entry == nil then return nil end
    state.given = state.given + 1
    state.most = math.max(state.most, state.given - state.begun)
    return entry
  end
  function state.protect() state.begun = state.begun + 1 end
  return state
end

-- Deletes what a source gives.
local function sweep(state, options, client)
  local opts = { protect = options.guard ~= false and state.protect or nil }
  for name, value in pairs(options) do opts[name] = value end
  return assert((client or connect()):delete_snapshots(project, state.next, opts))
end

before_each(function() emulator:reset() end)

describe("read_ahead", function()
  for _, ahead in ipairs { 0, 1, 2, 10 } do
    it(("keeps a snapshot as it was given, however the table is used after that: %d"):format(ahead),
      function()
        put { "s1", "s2", "s3" }
        local row, given = { name = "n", status = "available", metadata = {} }, 0
        local function refill()
          given = given + 1
          if given > 3 then return nil end
          row.id = "s" .. given
          row.metadata.__system__enableActive = given == 2 and "true" or nil
          return row
        end

        local summary = assert(connect():delete_snapshots(project, refill,
          { read_ahead = ahead, concurrency = 1 }))

        assert.same({ 2, 1, 0, 0 }, sums(summary))
        failure.check(summary.errors.s2, { code = "Client.Protected", outcome = "not_sent" })
        assert.equal("s2", emulator:snapshots()[1].id)
      end)
  end

  it("keeps the chains of a snapshot, and that it has a metatable, as they were given", function()
    local function mutable(list)
      local given = 0
      return function()
        given = given + 1
        if list[given - 1] then list[given - 1].spoil() end
        return list[given] and list[given].snapshot
      end
    end
    local client = connect { api = "v5" }
    local chained = { id = "s1", name = "n", status = "available", category = "standard",
      snapshot_chains = { { category = "backup" } } }
    local veiled = setmetatable({ id = "s2", name = "n", status = "available",
      category = "standard" }, {})
    emulator:put { { id = "s1", generation = "standard" },
      { id = "s2", generation = "standard", name = "autobk_snapshot_vbs_1" } }

    local summary = assert(client:delete_snapshots(project, mutable {
      { snapshot = chained,
        spoil = function() chained.snapshot_chains[1].category = "standard" end },
      { snapshot = veiled, spoil = function() setmetatable(veiled, nil) end },
    }, { read_ahead = 10, concurrency = 1 }))

    failure.check(summary.errors.s1, { code = "Client.Protected", attempts = 0 })
    failure.check(summary.errors.s2, { code = "Client.Protected" })
  end)

  it("lets lists of sixty look at what a function gives", function()
    put(names(300))
    local state = source(names(300))
    local summary = sweep(state, { read_ahead = 120 })
    assert.same({ 300, 0, 0, 0 }, sums(summary))
    assert.same({ 5, 0, 300 }, requests())
    assert.same({}, emulator:snapshots())
  end)

  for ahead, lists in pairs { [2] = 60, [20] = 8, [60] = 4 } do
    it(("never reads more than %d ahead, and makes the most of it"):format(ahead), function()
      put(names(120))
      local state = source(names(120))
      local summary = sweep(state, { read_ahead = ahead, concurrency = 4 })
      assert.same({ 120, 0, 0, 0 }, sums(summary))
      assert.equal(ahead, state.most)
      assert.is_true(requests()[1] <= lists, requests()[1] .. " lists")
      assert.equal(0, requests()[2])
    end)
  end

  for what, options in pairs { ["without the option"] = {}, ["of 1"] = { read_ahead = 1 },
    ["without a guard"] = { read_ahead = 50, guard = false } } do
    it("reads an id when its turn has come: " .. what, function()
      put(names(30))
      local state = source(names(30))
      options.concurrency = 2
      sweep(state, options)
      assert.equal(0, requests()[1])
      assert.equal(30, requests()[3])
      if options.guard ~= false then assert.is_true(state.most <= 2) end
    end)
  end

  it("reads one by one with an api that has no lists of ids", function()
    put(names(10))
    local state = source(names(10))
    sweep(state, { read_ahead = 50, concurrency = 1 }, connect { api = "cinder" })
    assert.same({ 0, 10, 10 }, requests())
    assert.is_true(state.most <= 2, state.most .. " ahead")
  end)

  it("deals with answers between two calls of a function that is slow", function()
    local socket = require "socket"
    put(names(40))
    local first, state = nil, source(names(40))
    local quick = state.next
    function state.next()
      socket.sleep(0.01)
      return quick()
    end
    local summary = sweep(state, { read_ahead = 8, on_result = function()
      first = first or state.given
    end })
    assert.same({ 40, 0, 0, 0 }, sums(summary))
    assert.is_true(first < 40, first .. " were given before the first result")
    assert.equal(8, state.most)
  end)

  it("deletes an id once that is there several times, and takes snapshots as well", function()
    put(names(4))
    local list = assert(connect():list_snapshots(project))
    emulator:clear_log()
    local state = source { "s00001", list[3], "s00001", "s00003", "s00003", list[4].id, "s00004" }
    assert.equal("s00002", list[3].id)
    assert.same({ 4, 0, 0, 0 }, sums(sweep(state, { read_ahead = 10 })))
    assert.same({ 1, 0, 4 }, requests())
  end)

  it("has a malformed id fail by itself, and asks no list for it", function()
    put(names(3))
    local state = source { "s00001", "a b", "", "s00002", ("x"):rep(300), "a\0b", "s00003" }
    local summary = sweep(state, { read_ahead = 10 })
    assert.same({ 3, 4, 0, 0 }, sums(summary))
    failure.check(summary.errors["a b"], { code = "Client.InvalidArgument", attempts = 0 })
    assert.same({ 1, 0, 3 }, requests())
    assert.same(names(3), emulator:log()[1].query.id)
  end)

  it("looks at what a list has not shown, and spares what it shows as a backup's", function()
    emulator:put { { id = "a", listed = { times = 0 } }, { id = "b", name = "autobk_snapshot_b" },
      { id = "c" } }
    local summary = sweep(source { "a", "b", "c", "none" }, { read_ahead = 10 })
    assert.same({ 2, 2, 0, 0 }, sums(summary))
    assert.equal("Client.Protected", summary.errors.b.code)
    assert.equal(404, summary.errors.none.status)
    assert.same({ 1, 2, 2 }, requests())
  end)
end)

describe("read_ahead and the end of a function", function()
  it("nothing that was only read is sent when it raises, and the error goes on", function()
    put(names(5))
    local list = names(5)
    list[6] = function() error("mine", 0) end
    local ran, problem = pcall(sweep, source(list), { read_ahead = 10 })
    assert.same({ false, "mine" }, { ran, problem })
    assert.same({ 0, 0, 0 }, requests())
    assert.equal(5, #emulator:snapshots())
  end)

  it("what was read is unsent when it gives an error", function()
    put(names(5))
    local list = names(5)
    list[6] = function() return nil, "broken" end
    local summary = sweep(source(list), { read_ahead = 10 })
    assert.same({ 0, 0, 0, 5 }, sums(summary))
    assert.equal("broken", summary.stopped)
    assert.same({ 0, 0, 0 }, requests())
  end)

  it("max counts what was begun: one more is read then, is unsent, and stops the batch", function()
    put(names(5))
    local state = source(names(5))
    local summary = sweep(state, { read_ahead = 10, max = 3 })
    assert.same({ 3, 0, 0, 1 }, sums(summary))
    assert.equal("Client.TooMany", summary.stopped.code)
    assert.equal(4, state.given)
    assert.equal(2, #emulator:snapshots())
  end)

  it("what was read is unsent after a stop, and it is not called again", function()
    put(names(100))
    local state = source(names(100))
    local summary = sweep(state, { read_ahead = 40, concurrency = 1,
      on_result = function() return false end })
    assert.equal(state.given, summary.succeeded + summary.unsent)
    assert.is_true(summary.succeeded >= 1 and summary.succeeded <= 2)
    assert.is_true(state.given <= 42)
    assert.equal(100 - summary.succeeded, #emulator:snapshots())
    assert.same({}, summary.errors)
  end)

  it("nothing, and one id, are as without it", function()
    assert.same({ 0, 0, 0, 0 }, sums(sweep(source {}, { read_ahead = 10 })))
    assert.same({ 0, 0, 0 }, requests())
    put(names(1))
    assert.same({ 1, 0, 0, 0 }, sums(sweep(source(names(1)), { read_ahead = 10 })))
    assert.same({ 0, 1, 1 }, requests())
  end)
end)

describe("a batch of a script's own loop with read_ahead", function()
  local function batch_of(options)
    return assert(machines.client():start("delete_snapshots", machines.PROJECT, nil, options))
  end

  local function shown(ids)
    local rows = {}
    for i, id in ipairs(ids) do rows[i] = machines.snapshot { id = id } end
    return cjson.encode { snapshots = rows }
  end

  it("says need as often as it reads ahead, and looks by a list", function()
    local batch, ids = batch_of { read_ahead = 5 }, names(5)
    for _, id in ipairs(ids) do
      assert.equal("need", (batch:next(0, machines.WALL)))
      batch:add(id)
    end
    local what, request, ticket = batch:next(0, machines.WALL)
    assert.equal("send", what)
    assert.matches("?id=s00001&id=s00002&id=s00003&id=s00004&id=s00005&limit=", request.url, 1,
      true)
    batch:reply(ticket, 200, {}, shown(ids))
    what, request = batch:next(0, machines.WALL)
    assert.same({ "send", "DELETE", "s00001" }, { what, request.method,
      request.url:match("[^/]+$") })
  end)

  it("begins what it was given when it is told that there is no more", function()
    local batch, deleted, ids = batch_of { read_ahead = 50 }, {}, names(3)
    for _, id in ipairs(ids) do
      assert.equal("need", (batch:next(0, machines.WALL)))
      batch:add(id)
    end
    assert.equal("need", (batch:next(0, machines.WALL)))
    batch:finish()
    while true do
      local what, request, ticket = batch:next(0, machines.WALL)
      if what == "done" then break end
      if what == "send" and request.method == "GET" then
        batch:reply(ticket, 200, {}, shown(ids))
      elseif what == "send" then
        deleted[#deleted + 1] = request.url:match("[^/]+$")
        batch:reply(ticket, 202, {}, "")
      else
        assert.equal("result", what)
      end
    end
    assert.same(ids, deleted)
  end)

  it("has nothing to begin after a stop: what it was given is unsent", function()
    local batch = batch_of { read_ahead = 50 }
    for _, id in ipairs(names(3)) do
      assert.equal("need", (batch:next(0, machines.WALL)))
      batch:add(id)
    end
    assert.equal("need", (batch:next(0, machines.WALL)))
    batch:stop()
    batch:add("late")
    local what, summary = batch:next(0, machines.WALL)
    assert.equal("done", what)
    assert.same({ 0, 0, 0, 4 }, sums(summary))
  end)
end)
