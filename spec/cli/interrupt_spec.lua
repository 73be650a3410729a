-- Proves how a run of evs ends early: by a signal, by two, by kill -9; and that evs resume settles
-- what was left open.

local command = require "spec.support.command"

local emulator = command.emulator
local run = command.run

local COUNT = 120
local PRUNE = "prune --keep-last 1 --yes --max 100% --concurrency 4 --audit "

before_each(function() emulator:reset() end)

local function count_deletions()
  return emulator:count().DELETE
end

-- Waits until so many deletions were asked for.
local function await_deletions(count)
  for _ = 1, 500 do
    if count_deletions() >= count then return end
    os.execute("sleep 0.01")
  end
  error("there were not enough deletions")
end

-- The results of all ends, by id; fails for an id with an end that was not open.
local function read_audit(path)
  local open, results, events = {}, {}, command.events((command.read(path):gsub("[^\n]*$", "")))
  for _, event in ipairs(events) do
    if event.event == "intent" then
      assert.is_nil(open[event.id], event.id)
      open[event.id] = true
    elseif event.event == "end" then
      assert.is_true(open[event.id], event.id)
      open[event.id], results[event.id] = nil, event.result
    end
  end
  return results, open, events
end

-- Every snapshot that is gone has its intent, and every end is true.
local function assert_true_to_state(path)
  local results, open = read_audit(path)
  local there = command.existing()
  for i = 0, COUNT - 1 do
    local id = "v1-" .. i
    if not there[id] then
      assert.is_true(open[id] or results[id] == "accepted" or results[id] == "gone", id)
    elseif results[id] then
      assert.equal("unsent", results[id], id)
    end
  end
  return results, open
end

for _, signal in ipairs { "INT", "TERM", "HUP" } do
  describe("SIG" .. signal, function()
    it("starts nothing new, waits for what was sent, and tells each end", function()
      command.populate(1, COUNT)
      emulator:misbehave { times = -1, delay = 0.02 }
      local path = command.file("audit")
      local process = command.start(PRUNE .. path)
      await_deletions(10)
      process:kill(signal)
      local result = process:wait()
      local sent = count_deletions()

      assert.equal(1, result.status)
      assert.matches("stopped: interrupted by SIG" .. signal, result.stderr, nil, true)
      local results, open = assert_true_to_state(path)
      assert.same({}, open)
      local accepted = 0
      for _, word in pairs(results) do accepted = accepted + (word == "accepted" and 1 or 0) end
      assert.equal(sent, accepted)
      assert.is_true(sent < 40, sent)
      assert.matches(("\n%d accepted, 0 gone, 0 failed, 0 unknown, %d unsent\n$"):format(accepted,
        COUNT - 1 - accepted), result.stdout)
    end)
  end)
end

describe("a signal", function()
  it("is waited for until answers come; a second one does not wait, and the exit code is 3",
    function()
      command.populate(1, COUNT)
      emulator:misbehave { method = "DELETE", times = -1, skip = 4, delay = 8 }
      local path = command.file("audit")
      local process = command.start(PRUNE .. path)
      await_deletions(8)
      process:kill("TERM")
      os.execute("sleep 0.3")
      local began = os.time()
      process:kill("TERM")
      local result = process:wait()

      assert.is_true(os.time() - began <= 2)
      assert.equal(3, result.status)
      local results, open = read_audit(path)
      assert.same({}, open)
      local sums = { accepted = 0, unknown = 0 }
      for _, word in pairs(results) do sums[word] = sums[word] + 1 end
      assert.same({ accepted = 4, unknown = 4 }, sums)
    end)

  it("ends a list at once, with 1: nothing was deleted", function()
    command.populate(1, COUNT)
    emulator:misbehave { method = "GET", hang = 5 }
    local process = command.start(PRUNE .. command.file("audit"))
    for _ = 1, 200 do
      if emulator:count().GET > 0 then break end
      os.execute("sleep 0.01")
    end
    process:kill("INT")
    local result = process:wait()
    assert.equal(1, result.status)
    assert.equal("evs: interrupted by SIGINT, nothing was deleted\n", result.stderr)
    assert.equal(0, count_deletions())
  end)
end)

describe("kill -9", function()
  it("leaves an intent for all that may be gone; evs resume gives each its end", function()
    local path = command.file("audit")
    for round = 1, 4 do
      emulator:reset()
      command.populate(1, COUNT)
      emulator:misbehave { times = -1, delay = 0.02 }
      os.remove(path)
      local process = command.start(PRUNE .. path)
      await_deletions(7 * round)
      process:kill("KILL")
      process:wait()
      os.execute("sleep 0.1")
      assert_true_to_state(path)

      local result = run("resume " .. path)
      local results, open = assert_true_to_state(path)
      assert.same({}, open)
      local left = 0
      for _, word in pairs(results) do left = left + (word == "unsent" and 1 or 0) end
      assert.equal(left > 0 and 1 or 0, result.status)

      local before = count_deletions()
      assert.equal(0, run("resume --yes " .. path).status)
      assert.equal(before + left, count_deletions())
      local settled = assert_true_to_state(path)
      for id, word in pairs(settled) do assert.not_equal("unsent", word, id) end
    end
  end)

  it("once, with resume --yes at once: each open one has one end", function()
    command.populate(1, COUNT)
    emulator:misbehave { times = -1, delay = 0.02 }
    local path = command.file("audit")
    local process = command.start(PRUNE .. path)
    await_deletions(9)
    process:kill("KILL")
    process:wait()
    os.execute("sleep 0.1")
    local _, open = read_audit(path)
    assert.is_truthy(next(open))
    assert.equal(0, run("resume --yes " .. path).status)
    local results, _, events = read_audit(path)
    local ends = {}
    for _, event in ipairs(events) do
      if event.event == "end" then ends[event.id] = (ends[event.id] or 0) + 1 end
    end
    local there = command.existing()
    for id in pairs(open) do
      assert.equal(1, ends[id], id)
      assert.is_true(results[id] == "accepted" or results[id] == "gone")
      assert.is_nil(there[id])
    end
  end)
end)
