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
