-- Proves the machine of a batch, as other event loops drive it: every answer goes to the request it
-- answers, and after a stop nothing more begins.

local machines = require "spec.support.machine"

local MONO, WALL = 1000, 1800000000

-- How long big batches are: under valgrind all takes twenty times as long.
local SCALE = os.getenv("EVS_SPEC_VARIANT") == "valgrind" and 0.05 or 1

local function batch_of(options, client)
  return assert((client or machines.client()):start("delete_snapshots", machines.PROJECT, nil,
    options or { guard = false }))
end

local function next_of(batch) return batch:next(MONO, WALL) end

-- Adds an id and returns the ticket of its request.
local function send(batch, id)
  assert.equal("need", next_of(batch))
  batch:add(id)
  local what, request, ticket = next_of(batch)
  assert.equal("send", what)
  assert.equal(id, request.url:match("[^/]+$"))
  return ticket
end

local function accept(batch, ticket) batch:reply(ticket, 202, {}, "") end

-- The id and the result that the batch tells next.
local function result_of(batch)
  local what, id, result = next_of(batch)
  assert.equal("result", what)
  return id, result
end

-- A batch whose key is proven: its requests need not wait for each other.
local function proven_batch()
  local batch = batch_of()
  accept(batch, send(batch, "first"))
  assert.same({ "first", true }, { result_of(batch) })
  return batch
end

local function summary_of(batch)
  local what, summary = next_of(batch)
  assert.equal("done", what)
  return summary
end

local function sums(summary)
  return { summary.succeeded, summary.failed, summary.unknown, summary.unsent }
end

describe("a ticket", function()
  it("is of one request, and not of the next of the same call", function()
    local batch = batch_of()
    local old = send(batch, "a")
    batch:reply(old, 503, { ["Retry-After"] = "0" }, "")
    local what, _, new = next_of(batch)
    assert.equal("send", what)

    assert.has_error(function() accept(batch, old) end, "no request is out under this ticket")

    batch:reply(new, 404, {}, '{"itemNotFound":{"code":404,"message":"gone"}}')
    local _, err = result_of(batch)
    assert.equal("unknown", err.outcome)
  end)

  it("of a call that is over is not that of another: a late answer makes nothing true", function()
    local batch = proven_batch()
    local late = send(batch, "a")
    batch:reply(late, 403, {}, '{"error_code":"EVS.1","error_msg":"no"}')
    result_of(batch)
    local other = send(batch, "b")

    assert.has_error(function() accept(batch, late) end, "no request is out under this ticket")
    assert.has_error(function() batch:fail(late, "Client.Network", "cut", "maybe") end,
      "no request is out under this ticket")

    batch:fail(other, "Client.TLS", "no", false)
    local id, err = result_of(batch)
    assert.same({ "b", "Client.TLS", "not_sent" }, { id, err.code, err.outcome })
  end)

  it("is a whole number that was given", function()
    local batch = proven_batch()
    local ticket, second = send(batch, "a"), send(batch, "b")

    for _, wrong in ipairs { 0, -1, ticket + 0.5, second + 0.5, second + 1, 1e300, -1e300,
      0 / 0 } do
      assert.has_error(function() accept(batch, wrong) end, "no request is out under this ticket")
    end
    assert.has_error(function() accept(batch, tostring(ticket)) end)
    accept(batch, ticket)
    assert.same({ "a", true }, { result_of(batch) })
  end)
end)

describe("a batch that was stopped", function()
  it("begins nothing with the id it had asked for: that is unsent", function()
    local batch = proven_batch()
    assert.equal("need", next_of(batch))
    batch:stop("enough")

    batch:add("b")

    local summary = summary_of(batch)
    assert.same({ 1, 0, 0, 1 }, sums(summary))
    assert.same({ "Client.Stopped", "enough" }, { summary.stopped.code, summary.stopped.message })
  end)

  it("needs no answer to a look, and is told of deletions that have left", function()
    local batch = batch_of { guard = true }
    local first = send(batch, "a")
    batch:reply(first, 200, {}, machines.shown({ id = "a" })[2])
    local what, _, delete = next_of(batch)
    assert.equal("send", what)
    accept(batch, delete)
    assert.same({ "a", true }, { result_of(batch) })
    local look = send(batch, "b")
    batch:stop()

    batch:reply(look, 200, {}, machines.shown({ id = "b" })[2])

    assert.same({ 1, 0, 0, 1 }, sums(summary_of(batch)))
    assert.has_error(function() batch:reply(look + 1, 200, {}, "") end,
      "no request is out under this ticket")
  end)
end)

describe("the request id of an answer", function()
  local function info_of(batch)
    local _, _, _, info = next_of(batch)
    return info
  end

  it("is told with the result", function()
    local batch = batch_of()
    batch:reply(send(batch, "a"), 202, { ["X-Request-Id"] = "r1" }, "")
    assert.equal("r1", info_of(batch).request_id)
  end)

  it("is not told of a client that was closed: it may be a secret, and those are forgotten",
    function()
      local client = machines.client()
      local batch = batch_of(nil, client)
      local ticket = send(batch, "a")
      client:close()
      batch:reply(ticket, 202, { ["X-Request-Id"] = machines.SK }, "")
      assert.is_nil(info_of(batch).request_id)
    end)
end)

describe("an id", function()
  it("is given when it is asked for, and not otherwise", function()
    local batch = batch_of()
    assert.has_error(function() batch:add("a") end,
      'no id is awaited: add follows a next that said "need"')
    assert.has_error(function() batch:finish() end,
      'no id is awaited: finish follows a next that said "need"')
    assert.equal("need", next_of(batch))
    assert.has_error(function() next_of(batch) end,
      "an id is awaited: call add or finish before next")
    batch:finish()
    assert.same({ 0, 0, 0, 0 }, sums(summary_of(batch)))
  end)

  it("whose source failed ends the batch with that error", function()
    local batch = proven_batch()
    assert.equal("need", next_of(batch))
    batch:finish("the file cannot be read")

    local summary = summary_of(batch)
    assert.same({ 1, 0, 0, 0 }, sums(summary))
    assert.equal("the file cannot be read", summary.stopped)
  end)
end)

describe("a batch of an array", function()
  it("asks for no id: it takes each of the array once, and tells the rest as unsent", function()
    local batch = assert(machines.client():start("delete_snapshots", machines.PROJECT,
      { "a", "b", "a", { id = "c" } }, { guard = false }))
    local what, request, ticket = next_of(batch)
    assert.equal("send", what)
    assert.equal("a", request.url:match("[^/]+$"))
    accept(batch, ticket)
    assert.same({ "a", true }, { result_of(batch) })
    local tickets = {}
    for i, id in ipairs { "b", "c" } do
      what, request, tickets[i] = next_of(batch)
      assert.same({ "send", id }, { what, request.url:match("[^/]+$") })
    end
    batch:reply(tickets[1], 403, {}, '{"error_code":"EVS.1","error_msg":"no"}')
    assert.equal("b", (result_of(batch)))
    accept(batch, tickets[2])
    assert.same({ "c", true }, { result_of(batch) })

    local summary = summary_of(batch)
    assert.same({ 2, 1, 0, 0 }, sums(summary))
    assert.equal("EVS.1", summary.errors.b.code)
  end)

  it("that was stopped tells the rest as unsent", function()
    local batch = assert(machines.client():start("delete_snapshots", machines.PROJECT,
      { "a", "b", "c", "b" }, { guard = false }))
    local _, _, ticket = next_of(batch)
    batch:stop()
    accept(batch, ticket)
    assert.same({ "a", true }, { result_of(batch) })
    assert.same({ 1, 0, 0, 2 }, sums(summary_of(batch)))
  end)

  it("with a malformed id, or too many of them, is nil and the error", function()
    local client = machines.client()
    local batch, err = client:start("delete_snapshots", machines.PROJECT, { "a", "x y" })
    assert.is_nil(batch)
    assert.equal("Client.InvalidArgument", err.code)
    batch, err = client:start("delete_snapshots", machines.PROJECT, { "a", "b" }, { max = 1 })
    assert.is_nil(batch)
    assert.equal("Client.TooMany", err.code)
    assert.has_error(function()
      client:start("delete_snapshots", machines.PROJECT, function() end)
    end)
  end)
end)

describe("the options of a batch whose ids are added", function()
  it("max: the id that is too many is unsent, and the batch is stopped", function()
    local batch = batch_of { guard = false, max = 1 }
    accept(batch, send(batch, "a"))
    assert.same({ "a", true }, { result_of(batch) })
    assert.equal("need", next_of(batch))
    batch:add("b")
    local summary = summary_of(batch)
    assert.same({ 1, 0, 0, 1 }, sums(summary))
    assert.equal("Client.TooMany", summary.stopped.code)
  end)

  it("max_errors: stops at the last one allowed, and what has left is told", function()
    local batch = batch_of { guard = false, max_errors = 1, retries = 0 }
    accept(batch, send(batch, "first"))
    result_of(batch)
    local lost, later = send(batch, "a"), send(batch, "b")
    batch:fail(lost, "Client.Network", "cut", "maybe")
    local id, err = result_of(batch)
    assert.same({ "a", "unknown" }, { id, err.outcome })
    accept(batch, later)
    assert.same({ "b", true }, { result_of(batch) })
    local summary = summary_of(batch)
    assert.same({ 2, 0, 1, 0 }, sums(summary))
    assert.equal("Client.Stopped", summary.stopped.code)
  end)
end)

-- ---- a batch and its time -----------------------------------------------------------------------

-- A cloud in which every answer takes about `latency` seconds and a snapshot is gone `gone_after`
-- seconds after its 202. `told` has of each id: result, `at` (when), `accepted` (when its 202 came)
-- and `looks` (when it was looked at after that, by itself or by a list). `sent` counts requests:
-- DELETEs, GETs and lists. `list(one, id)` is the status that a list shows of a snapshot, false
-- where it leaves it out; `lists()` is a list's own status.
local Cloud = {}
Cloud.__index = Cloud

local function new_cloud(latency, gone_after, changes)
  local cloud = setmetatable({
    latency = latency, gone_after = gone_after, mono = 0, out = {}, told = {},
    sent = { all = 0, DELETE = 0, GET = 0, list = 0 },
  }, Cloud)
  for name, value in pairs(changes or {}) do cloud[name] = value end
  return cloud
end

function Cloud:one(id)
  self.told[id] = self.told[id] or { looks = {} }
  return self.told[id]
end

function Cloud:status(id)
  local one = self:one(id)
  if not one.accepted then return "available" end
  one.looks[#one.looks + 1] = self.mono
  return self.mono < one.accepted + self.gone_after and "deleting" or nil
end

function Cloud:row(id)
  local status = self:status(id)
  if status and self.list then status = self.list(self:one(id), id) end
  return status and ('{"id":"%s","name":"n","status":"%s","metadata":{}}'):format(id, status)
end

function Cloud:list_of(url)
  local status = self.lists and self.lists(self) or 200
  if status ~= 200 then return status, '{"badRequest":{"code":400,"message":"no"}}' end
  local rows = {}
  for id in url:gmatch("[?&]id=([^&]*)") do rows[#rows + 1] = self:row(id) or nil end
  return 200, '{"snapshots":[' .. table.concat(rows, ",") .. "]}"
end

function Cloud:answer_of(one)
  if one.what == "list" then return self:list_of(one.url) end
  local id = one.url:match("[^/]+$")
  if one.what == "DELETE" then
    self:one(id).accepted = self.mono
    return 202, ""
  end
  local status = self:status(id)
  if status then return 200, machines.shown({ id = id, status = status })[2] end
  return 404, machines.MISSING[2]
end

function Cloud:send(request, ticket)
  local what = request.url:find("/detail?", 1, true) and "list" or request.method
  self.sent[what], self.sent.all = self.sent[what] + 1, self.sent.all + 1
  local answered = self.mono + self.latency * (0.8 + 0.4 * (self.sent.all * 0.618 % 1))
  local at = math.min(answered, request.deadline)
  self.out[#self.out + 1] = { at = at, url = request.url, ticket = ticket, what = what,
    late = at < answered }
end

function Cloud:deliver(batch)
  for i = #self.out, 1, -1 do
    local one = self.out[i]
    if one.at <= self.mono then
      table.remove(self.out, i)
      if one.late then
        batch:fail(one.ticket, "Client.Timeout", "too late", "maybe")
      else
        local status, body = self:answer_of(one)
        batch:reply(one.ticket, status, {}, body)
      end
    end
  end
end

function Cloud:wait(seconds, batch)
  self.mono = self.mono + seconds
  for _, one in ipairs(self.out) do self.mono = math.min(self.mono, one.at) end
  self:deliver(batch)
end

-- Runs a batch of so many ids, an array. Returns the cloud's `told`, the summary, and `sent`.
local function simulate(count, options, latency, gone_after, changes)
  local ids, cloud = {}, new_cloud(latency, gone_after, changes)
  for i = 1, count do ids[i] = "s" .. i end
  local batch = assert(machines.client():start("delete_snapshots", machines.PROJECT, ids, options))
  while true do
    local what, value, more = batch:next(cloud.mono, WALL + cloud.mono)
    if what == "done" then return cloud.told, value, cloud.sent end
    if what == "send" then
      cloud:send(value, more)
    elseif what == "result" then
      cloud:one(value).result, cloud:one(value).at = more, cloud.mono
    else
      cloud:wait(value, batch)
    end
  end
end

describe("a batch that waits until its snapshots are gone", function()
  it("looks when a look is due, before it begins with new ids", function()
    local _, summary = simulate(60, { concurrency = 2, wait = 10 }, 0.5, 1)

    assert.same({ 60, 0, 0, 0 }, sums(summary))
  end)

  it("sees all of 2,000 go, sixteen at a time, when every answer takes two seconds", function()
    local many = 2000 * SCALE
    local _, summary = simulate(many, { wait = true }, 2, 5)

    assert.same({ many, 0, 0, 0 }, sums(summary))
  end)

  for _, concurrency in ipairs { 1, 2, 16 } do
    it("tells in time that its time is up, with " .. concurrency .. " at a time", function()
      local told = simulate(40, { guard = false, concurrency = concurrency, wait = 3 }, 0.7, 1e9)

      local timed_out = 0
      for id, one in pairs(told) do
        assert.equal("Client.WaitTimeout", one.result.code)
        local late = one.at - (one.accepted + 3)
        assert.is_true(late < 0.1, id .. " was told " .. late .. " s late")
        timed_out = timed_out + 1
      end
      assert.equal(40, timed_out)
    end)
  end
end)

describe("a batch that waits looks for its snapshots by lists:", function()
  local POLLS = { 0.5, 0.75, 1.125, 1.6875, 2.53125, 3.796875, 5.6953125, 8.54296875, 10, 10, 10 }

  -- Without a guard, so that no list is for anything else.
  local function wait(count, gone_after, changes, options)
    local opts = { guard = false, wait = true, concurrency = 64 }
    for name, value in pairs(options or {}) do opts[name] = value end
    return simulate(count, opts, 0.05, gone_after, changes)
  end

  for _, count in ipairs { 1000, 10000 * SCALE } do
    it(count .. " deletions of a minute cost at most 2.5 requests each", function()
      local _, summary, sent = simulate(count, { wait = true }, 0.05, 60)
      assert.same({ count, 0, 0, 0 }, sums(summary))
      assert.is_true(sent.all <= 2.5 * count, sent.all / count .. " requests each")
    end)
  end

  it("none is looked for later than one that waits alone, or a quarter sooner", function()
    local told = wait(200, 40)
    for id, one in pairs(told) do
      for i, at in ipairs(one.looks) do
        local before = i > 1 and one.looks[i - 1] or one.accepted
        local pause = at - before
        local least, most = POLLS[i] * 0.9 * 0.75, POLLS[i] * 1.1 + 0.25
        -- The last one may be the GET that confirms what the list before it has not shown.
        local confirms = i == #one.looks and pause < 0.25
        assert.is_true(confirms or (pause >= least and pause <= most),
          ("%s: look %d after %g s"):format(id, i, pause))
      end
    end
  end)

  it("one that waits alone is looked for by a GET", function()
    local _, summary, sent = wait(1, 10)
    assert.same({ 1, 0, 0, 0 }, sums(summary))
    assert.same({ 0, 1 }, { sent.list, sent.DELETE })
  end)

  it("that a list has no row is no proof: a GET confirms it", function()
    local _, summary, sent = wait(100, 10)
    assert.same({ 100, 0, 0, 0 }, sums(summary))
    assert.is_true(sent.GET >= 100 and sent.GET < 150, sent.GET .. " GETs")
  end)

  it("one that a list leaves out while it is there is not gone: it looks by itself", function()
    local told, summary, sent = wait(100, 10, {
      list = function(_, id) return id ~= "s7" and "deleting" end,
    })
    assert.same({ 100, 0, 0, 0 }, sums(summary))
    assert.is_true(told.s7.at >= told.s7.accepted + 10)
    assert.is_true(sent.GET > 100 and sent.GET < 150, sent.GET .. " GETs")
  end)

  it("a row that says error_deleting ends the wait of that one", function()
    local told, summary = wait(100, 10, {
      list = function(_, id) return id == "s7" and "error_deleting" or "deleting" end,
    })
    assert.same({ 99, 1, 0, 0 }, sums(summary))
    assert.same({ "Client.NotDeleted", "accepted" },
      { told.s7.result.code, told.s7.result.outcome })
    assert.is_true(told.s7.at < told.s7.accepted + 5)
  end)

  it("a row that is back to another status after deleting ends it, too", function()
    local told, summary = wait(100, 10, {
      list = function(one, id)
        return id == "s7" and #one.looks > 1 and "available" or "deleting"
      end,
    })
    assert.same({ 99, 1, 0, 0 }, sums(summary))
    assert.equal("Client.NotDeleted", told.s7.result.code)
    assert.is_true(#told.s7.looks >= 2 and told.s7.at < told.s7.accepted + 5)
  end)

  it("rows of the old status end it when two of them left 10 s or more after the 202", function()
    local told, summary = wait(20, 1e9, {
      status = function(cloud, id) return Cloud.status(cloud, id) and "available" end,
    })
    assert.same({ 0, 20, 0, 0 }, sums(summary))
    for _, one in pairs(told) do
      assert.equal("Client.NotDeleted", one.result.code)
      -- Answers come at most 0.06 s after their requests left.
      local looks, accepted = one.looks, one.accepted
      assert.is_true(looks[#looks - 1] - accepted >= 10)
      assert.is_true(#looks < 3 or looks[#looks - 2] - accepted < 10.06)
    end
  end)

  for _, status in ipairs { 400, 403, 404 } do
    it("a list that is refused with " .. status .. " is the last one", function()
      local _, summary, sent = wait(50, 10, { lists = function() return status end },
        { concurrency = 1 })
      assert.same({ 50, 0, 0, 0 }, sums(summary))
      assert.equal(1, sent.list)
    end)
  end

  it("a first list that shows none of those that are there is the last one", function()
    local _, summary, sent = wait(50, 10, { list = function() return false end },
      { concurrency = 1 })
    assert.same({ 50, 0, 0, 0 }, sums(summary))
    assert.equal(1, sent.list)
  end)

  it("a list that fails is ridden out, and two in a row are the last ones", function()
    local failures = 0
    local function fail_some(cloud)
      failures = failures + 1
      return failures <= cloud.some and 503 or 200
    end
    local _, summary, sent = wait(50, 10, { some = 1, lists = fail_some }, { concurrency = 1 })
    assert.same({ 50, 0, 0, 0 }, sums(summary))
    assert.is_true(sent.list > 5 and sent.GET < 100, sent.GET .. " GETs")
    failures = 0
    _, summary, sent = wait(50, 10, { some = 2, lists = fail_some }, { concurrency = 1 })
    assert.same({ 50, 0, 0, 0 }, sums(summary))
    assert.equal(2, sent.list)
  end)

  it("a list is no attempt of a deletion", function()
    local told, _, sent = wait(50, 1e9, nil, { wait = 20 })
    local attempts = 0
    for _, one in pairs(told) do attempts = attempts + one.result.attempts end
    assert.equal(sent.all - sent.list, attempts)
    assert.is_true(sent.list > 5)
  end)

  it("a list that is out when all time is up keeps nobody waiting", function()
    local told, summary = wait(50, 1e9, {
      lists = function() error("no list is answered in time") end,
      send = function(cloud, request, ticket)
        local seconds = cloud.latency
        if request.url:find("/detail?", 1, true) then cloud.latency = 100 end
        Cloud.send(cloud, request, ticket)
        cloud.latency = seconds
      end,
    }, { wait = 3 })
    assert.same({ 0, 50, 0, 0 }, sums(summary))
    for _, one in pairs(told) do
      assert.equal("Client.WaitTimeout", one.result.code)
      assert.is_true(one.at - one.accepted < 3.1)
    end
  end)

  it("lists count under the rate", function()
    local starts = {}
    wait(100, 10, {
      send = function(cloud, request, ticket)
        starts[#starts + 1] = cloud.mono
        Cloud.send(cloud, request, ticket)
      end,
    }, { rate = 20 })
    for i = 21, #starts do assert.is_true(starts[i] - starts[i - 20] >= 1 - 1e-9) end
  end)
end)

describe("the timeout of a call in a batch", function()
  it("is kept while another call tries a key that was healed", function()
    local batch = batch_of { guard = false, timeout = 5, concurrency = 2 }
    local mono = MONO
    local function step() return batch:next(mono, WALL) end
    accept(batch, send(batch, "first"))
    result_of(batch)
    local early = send(batch, "early")
    assert.equal("need", step())
    mono = MONO + 4
    batch:add("late")
    local what, _, late = step()
    assert.equal("send", what)
    batch:reply(late, 401, { Date = machines.date(WALL + 3600) }, machines.UNAUTHORIZED[2])
    assert.equal("send", (step())) -- once more, with the server's clock: its answer takes long
    mono = MONO + 4.5
    batch:reply(early, 503, {}, "")

    local id, err
    for _ = 1, 200 do
      local seconds
      what, seconds, err = step()
      if what == "result" then
        id = seconds
        break
      end
      assert.equal("sleep", what)
      mono = mono + seconds
    end

    assert.same({ "early", 503, "unknown" }, { id, err.status, err.outcome })
    assert.is_true(mono - MONO < 5.1, "told at " .. mono - MONO)
  end)
end)
