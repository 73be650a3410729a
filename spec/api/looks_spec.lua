-- Proves the looks of delete_snapshots: lists of sixty ids stand for the guard's GETs, and every
-- rule of the guard holds as with a look of one's own.

local failure = require "spec.support.failure"

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
  for i, entry in ipairs(list) do
    snapshots[i] = type(entry) == "table" and entry or { id = entry }
  end
  emulator:put(snapshots)
end

local function counts()
  local found = { lists = 0, looks = 0, deletes = 0 }
  for _, record in ipairs(emulator:log()) do
    local what = record.method == "DELETE" and "deletes"
      or record.uri:find("/detail?", 1, true) and "lists" or "looks"
    found[what] = found[what] + 1
  end
  return found
end

local function sums(summary)
  return { summary.succeeded, summary.failed, summary.unknown, summary.unsent }
end

-- Deletes, and compares the sums and the requests: lists, single looks, DELETEs.
local function sweep(ids, expected, requests, options)
  local summary = assert(connect():delete_snapshots(project, ids, options))
  assert.same(expected, sums(summary))
  local found = counts()
  assert.same(requests, { found.lists, found.looks, found.deletes })
  return summary
end

before_each(function() emulator:reset() end)

describe("a batch of ids", function()
  it("looks at sixty of them with one request", function()
    local ids = names(150)
    put(ids)
    sweep(ids, { 150, 0, 0, 0 }, { 3, 0, 150 })
    assert.same({}, emulator:snapshots())
  end)

  it("costs no more than 1.05 requests a deletion", function()
    local ids = names(1000)
    put(ids)
    sweep(ids, { 1000, 0, 0, 0 }, { 17, 0, 1000 }, { concurrency = 64 })
  end)

  it("of one looks by itself, as do an iterator and guard=false", function()
    put { "a", "b", "c" }
    sweep({ "a" }, { 1, 0, 0, 0 }, { 0, 1, 1 })
    emulator:reset()
    put { "a", "b" }
    local given, list = 0, { "a", "b" }
    sweep(function() given = given + 1 return list[given] end, { 2, 0, 0, 0 }, { 0, 2, 2 })
    emulator:reset()
    put { "a", "b" }
    sweep({ "a", "b" }, { 2, 0, 0, 0 }, { 0, 0, 2 }, { guard = false })
  end)

  it("asks for no snapshot that was passed", function()
    put { "a", "b", "c" }
    local passed = connect():list_snapshots(project)
    -- The first two are the pages that they are from.
    sweep({ passed[1], passed[2].id, passed[3].id }, { 3, 0, 0, 0 }, { 3, 0, 3 })
  end)

  it("spares a backup's, a busy one and one that is not there, as its own look would", function()
    put { { id = "auto", name = "autobk_snapshot_vbs_1" }, "good",
      { id = "mark", metadata = { __system__enableActive = "true" } },
      { id = "busy", status = "creating" } }
    local summary = sweep({ "auto", "good", "mark", "busy", "none" }, { 1, 4, 0, 0 }, { 1, 1, 1 })
    failure.check(summary.errors.auto, { code = "Client.Protected", outcome = "not_sent",
      attempts = 0 })
    failure.check(summary.errors.mark, { code = "Client.Protected" })
    failure.check(summary.errors.busy, { code = "Client.WrongState", retryable = true })
    failure.check(summary.errors.none, { status = 404, attempts = 1 })
  end)
end)

describe("a row", function()
  for what, listed in pairs {
    ["twice"] = { times = 2 },
    ["of another project"] = { fields = { ["os-extended-snapshot-attributes:project_id"] = "x" } },
    ["without metadata"] = { without = { "metadata" } },
    ["without a name"] = { without = { "name" } },
    ["without a status"] = { without = { "status" } },
    ["left out"] = { times = 0 },
  } do
    it(what .. " does not count: that id is looked at by itself", function()
      put { { id = "a", listed = listed }, "b" }
      sweep({ "a", "b" }, { 2, 0, 0, 0 }, { 1, 1, 2 })
    end)
  end

  it("that says available hides no backup: what it shows is what counts", function()
    local listed = { without = { "metadata" } }
    put { { id = "a", name = "manualbk_snapshot_vbs_1", listed = listed }, "b" }
    sweep({ "a", "b" }, { 1, 1, 0, 0 }, { 1, 1, 1 })
    assert.equal("a", emulator:snapshots()[1].id)
  end)
end)

describe("a server", function()
  for _, id_lists in ipairs { "refuse", "last", "first" } do
    it("that does this with lists of ids costs one request at most: " .. id_lists, function()
      emulator:settings { id_lists = id_lists }
      local ids = names(70)
      put(ids)
      local summary = assert(connect():delete_snapshots(project, ids))
      assert.same({ 70, 0, 0, 0 }, sums(summary))
      local found = counts()
      assert.equal(70, found.deletes)
      assert.is_true(found.lists <= 2)
      assert.equal(id_lists == "refuse" and 70 or 70 - found.lists, found.looks)
    end)
  end

  it("that shows none of the ids that were asked for is not asked by list again", function()
    local ids = names(130)
    for i, id in ipairs(ids) do ids[i] = { id = id, listed = { times = 0 } } end
    put(ids)
    sweep(names(130), { 130, 0, 0, 0 }, { 1, 130, 130 })
  end)
end)

-- ---- waiting ------------------------------------------------------------------------------------

describe("a batch that waits", function()
  -- Snapshots that take some seconds to go; `change(entry, i)` lays more over each.
  local function put_slow(count, seconds, change)
    local list = names(count)
    for i, id in ipairs(list) do
      list[i] = { id = id, delete_seconds = seconds }
      if change then change(list[i], i) end
    end
    put(list)
    return names(count)
  end

  local function wait(ids, options)
    local opts = { wait = 20, guard = false, concurrency = 64 }
    for name, value in pairs(options or {}) do opts[name] = value end
    local summary = assert(connect():delete_snapshots(project, ids, opts))
    return summary, counts()
  end

  it("looks for sixty with one request, and confirms each that is gone with one", function()
    local summary, found = wait(put_slow(240, 1.5), { guard = true })
    assert.same({ 240, 0, 0, 0 }, sums(summary))
    assert.same({}, emulator:snapshots())
    assert.is_true(found.lists < 0.25 * 240, found.lists .. " lists")
    assert.is_true(found.looks < 300, found.looks .. " looks")
  end)

  it("sees by a list what EVS could not delete", function()
    local ids = put_slow(60, 0.2, function(entry, i)
      if i == 7 then entry.after_delete = "error_deleting" end
    end)
    local summary = wait(ids)
    assert.same({ 59, 1, 0, 0 }, sums(summary))
    failure.check(summary.errors[ids[7]], { code = "Client.NotDeleted", outcome = "accepted" })
  end)

  for what, listed in pairs {
    ["left out"] = { times = 0 },
    ["without a status"] = { without = { "status" } },
    ["twice"] = { times = 2, fields = { status = "error_deleting" } },
  } do
    it("takes no word from a row that is " .. what, function()
      local ids = put_slow(60, 0.6, function(entry, i)
        if i == 7 then entry.listed = listed end
      end)
      assert.same({ 60, 0, 0, 0 }, sums((wait(ids))))
      assert.same({}, emulator:snapshots())
    end)
  end

  for _, id_lists in ipairs { "refuse", "first", "last" } do
    it("sees all of them go from a server that does this with lists: " .. id_lists, function()
      emulator:settings { id_lists = id_lists }
      local summary, found = wait(put_slow(30, 0.6), { concurrency = 2 })
      assert.same({ 30, 0, 0, 0 }, sums(summary))
      assert.same({}, emulator:snapshots())
      if id_lists == "refuse" then assert.is_true(found.lists <= 2) end
    end)
  end
end)

describe("a batch that is stopped while a list is out", function()
  it("tells what has left, and ends", function()
    local ids = names(130)
    put(ids)
    local connection, told = connect(), 0
    emulator:misbehave { { path = "/detail", skip = 1, delay = 0.3 },
      { method = "DELETE", skip = 40, times = -1, delay = 0.6 } }
    local summary = assert(connection:delete_snapshots(project, ids, { concurrency = 64,
      on_result = function() told = told + 1 return told < 5 end }))
    assert.equal(130, summary.succeeded + summary.failed + summary.unknown + summary.unsent)
    assert.equal(130 - #emulator:snapshots(), summary.succeeded)
    assert.equal(summary.succeeded, told)
  end)
end)
