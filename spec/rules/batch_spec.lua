-- Proves the machine of a batch, as other event loops drive it: every answer goes to the request it
-- answers, and after a stop nothing more begins.

local machines = require "spec.support.machine"

local MONO, WALL = 1000, 1800000000

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
    local ticket = send(batch, "a")

    for _, wrong in ipairs { 0, -1, ticket + 0.5, ticket + 1, 1e300, -1e300, 0 / 0 } do
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

-- Runs a batch against a cloud in which every answer takes about `latency` seconds and a snapshot
-- is gone `gone_after` seconds after its 202. Returns what was told of each id: result, `at`
-- (when), and `accepted` (when its 202 came).
local function simulate(count, options, latency, gone_after)
  local batch, told = batch_of(options), {}
  local mono, given, sent, out = 0, 0, 0, {}

  local function answer_of(id, method)
    local one = told[id]
    if method == "DELETE" then
      one.accepted = mono
      return 202, ""
    end
    if not one.accepted then return 200, machines.shown({ id = id })[2] end
    if mono >= one.accepted + gone_after then
      return 404, machines.MISSING[2]
    end
    return 200, machines.shown({ id = id, status = "deleting" })[2]
  end

  local function send_request(request, ticket)
    local id = request.url:match("[^/]+$")
    told[id] = told[id] or {}
    sent = sent + 1
    local answered = mono + latency * (0.8 + 0.4 * (sent * 0.618 % 1))
    local at = math.min(answered, request.deadline)
    out[#out + 1] = { at = at, id = id, ticket = ticket, method = request.method,
      late = at < answered }
  end

  local function deliver()
    for i = #out, 1, -1 do
      local one = out[i]
      if one.at <= mono then
        table.remove(out, i)
        if one.late then
          batch:fail(one.ticket, "Client.Timeout", "too late", "maybe")
        else
          local status, body = answer_of(one.id, one.method)
          batch:reply(one.ticket, status, {}, body)
        end
      end
    end
  end

  local function wait(seconds)
    local until_ = mono + seconds
    for _, one in ipairs(out) do until_ = math.min(until_, one.at) end
    mono = until_
    deliver()
  end

  while true do
    local what, value, more = batch:next(mono, WALL + mono)
    if what == "done" then return told, value end
    if what == "send" then
      send_request(value, more)
    elseif what == "result" then
      told[value].result, told[value].at = more, mono
    elseif what == "sleep" then
      wait(value)
    elseif given == count then
      batch:finish()
    else
      given = given + 1
      batch:add("s" .. given)
    end
  end
end

describe("a batch that waits until its snapshots are gone", function()
  it("looks when a look is due, before it begins with new ids", function()
    local _, summary = simulate(60, { concurrency = 2, wait = 10 }, 0.5, 1)

    assert.same({ 60, 0, 0, 0 }, sums(summary))
  end)

  it("sees all of 2,000 go, sixteen at a time, when every answer takes two seconds", function()
    local _, summary = simulate(2000, { wait = true }, 2, 5)

    assert.same({ 2000, 0, 0, 0 }, sums(summary))
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
