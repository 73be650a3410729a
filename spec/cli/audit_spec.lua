-- Proves the audit of evs: what its lines have, and that no deletion is sent without its intent.

local command = require "spec.support.command"
local process = require "spec.support.process"

local emulator = command.emulator
local run = command.run

before_each(function() emulator:reset() end)

-- Intents and ends by id; an id may have one of each.
local function by_id(events)
  local intents, ends = {}, {}
  for _, event in ipairs(events) do
    local set = event.event == "intent" and intents or event.event == "end" and ends
    if set then
      assert.is_nil(set[event.id], event.id)
      set[event.id] = event
    end
  end
  return intents, ends
end

-- The ids of the deletions that the emulator was asked for.
local function deletions()
  local ids = {}
  for _, record in ipairs(emulator:log()) do
    if record.method == "DELETE" then ids[#ids + 1] = record.uri:match("([^/]+)$") end
  end
  return ids
end

describe("evs --audit", function()
  it("has start, an intent and an end for each, and stop", function()
    command.populate(2, 5)
    emulator:misbehave { { method = "DELETE", status = 403, path = "/v1%-4$" },
      { method = "DELETE", status = 200, html = true, path = "/v1%-3$" } }
    local path = command.file("audit")

    local result = run("prune --keep-last 3 --volume-id volume-1 --yes --region cn-north-4 "
      .. "--endpoint " .. emulator.endpoint .. " --audit " .. path)

    assert.equal(3, result.status)
    local events = command.events(command.read(path))
    local intents, ends = by_id(events)
    local start, stop = events[1], events[#events]
    assert.equal("start", start.event)
    assert.same({ last = 3, group = "volume_id" }, start.policy)
    assert.same({ volume_id = { "volume-1" } }, start.filters)
    assert.same({ total = 10, judged = 10, delete = 2, keep = 3, spared = 0 }, start.counts)
    assert.same({ "v1-3", "daily 3", "volume-1", 40, emulator.project_id, "cn-north-4",
      { "no rule keeps it: last 3" } }, { intents["v1-3"].id, intents["v1-3"].name,
        intents["v1-3"].volume_id, intents["v1-3"].size, intents["v1-3"].project_id,
        intents["v1-3"].region, intents["v1-3"].reasons })
    assert.equal(command.date(12):sub(1, 10), intents["v1-3"].created_at:sub(1, 10))
    assert.same({ "failed", "refused", "unknown", "unknown" }, { ends["v1-4"].result,
      ends["v1-4"].outcome, ends["v1-3"].result, ends["v1-3"].outcome })
    assert.is_true(ends["v1-4"].attempts == 1 and ends["v1-4"].seconds >= 0
      and #ends["v1-4"].request_id > 0 and #ends["v1-4"].code > 0 and #ends["v1-4"].message > 0)
    assert.same({ "stop", 0, 0, 1, 1, 0, "all done" }, { stop.event, stop.accepted, stop.gone,
      stop.failed, stop.unknown, stop.unsent, stop.reason })
    for _, event in ipairs(events) do
      assert.equal(start.run, event.run)
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", event.time)
    end
  end)

  it("goes on at the end of the file, and ends a line that was cut", function()
    command.populate(1, 3)
    local path = command.file("audit")
    command.write(path, '{"event":"start","run":"x"}\n{"event":"int')
    assert.equal(0, run("prune --keep-last 2 --yes --audit " .. path).status)
    assert.equal(0, run("prune --keep-last 2 --yes --audit " .. path).status)
    local text = command.read(path)
    assert.matches('^{"event":"start","run":"x"}\n{"event":"int\n{"time":', text)
    local events = command.events((text:gsub('^.-"int\n', "")))
    assert.equal("start intent end stop start stop", table.concat({ events[1].event,
      events[2].event, events[3].event, events[4].event, events[5].event, events[6].event }, " "))
  end)

  it("goes to standard output with --json, and people's words do not", function()
    command.populate(1, 3)
    local result = run("prune --keep-last 1 --yes --json")
    assert.equal(0, result.status)
    local intents = by_id(command.events(result.stdout))
    assert.is_table(intents["v1-2"])
    assert.equal("2 of 3 snapshots go, 1 stay, 0 are spared\n"
      .. "2 accepted, 0 gone, 0 failed, 0 unknown, 0 unsent\n", result.stderr)
  end)

  it("stops the run before anything is sent when it cannot be written from the start", function()
    command.populate(1, 5)
    for _, place in ipairs { "/dev/full", "/nonexistent/audit", "/" } do
      local result = run("prune --keep-last 1 --yes --audit " .. place)
      assert.equal(1, result.status)
      assert.matches(place, result.stderr, nil, true)
    end
    local result = run("prune --keep-last 1 --yes --json", {
      shell = { redirections = ">/dev/full" } })
    assert.equal(1, result.status)
    assert.matches("standard output: No space left on device", result.stderr, nil, true)
    assert.equal(0, emulator:count().DELETE)
  end)

  it("stops the run when its pipe is closed; what was sent has its intent", function()
    command.populate(1, 200)
    emulator:misbehave { { times = -1, delay = 0.01 } }
    local path = command.file("head")
    local reader = ("| head -n 20 >'%s'"):format(path)
    -- The shell's status is that of the reader: the command tells its own through a file.
    local status = command.file("status")
    local tell = ("local exit = os.exit; os.exit = function(code) local f = io.open(%q, 'w') "
      .. "f:write(tostring(code)) f:close() exit(code) end"):format(status)
    run("prune --keep-last 1 --yes --max 100% --json --concurrency 4", {
      shell = { redirections = reader }, before = tell })
    local waited = 0
    while not io.open(status) and waited < 200 do
      os.execute("sleep 0.02")
      waited = waited + 1
    end
    os.execute("sleep 0.05")
    local code = tonumber(command.read(status))
    assert.is_true(code == 1 or code == 3, code)
    local intents = by_id(command.events(command.read(path)))
    local sent = deletions()
    assert.is_true(#sent > 0 and #sent < 40, #sent)
    local untold = 0
    for _, id in ipairs(sent) do untold = untold + (intents[id] and 0 or 1) end
    -- head ends with its 20th line; lines behind it that the pipe took are nobody's.
    assert.is_true(untold <= 8, untold)
  end)

  it("takes a line that was written in part for one that was not", function()
    local result = process.run(([[
      local system = require "evs.cli.system"
      local descriptor = system.append(%q)
      print(system.write(descriptor, ("x"):rep(512)))
      print(system.write(descriptor, ("y"):rep(512)))
    ]]):format(command.file("small")), {}, { before = "trap '' XFSZ; ulimit -f 1; exec 2>&1" })
    assert.matches("^true\nnil\t[%w ]+\n$", result.stdout)
    result = process.run(([[
      local system = require "evs.cli.system"
      print(system.write(system.append(%q), ("x"):rep(600)))
    ]]):format(command.file("small")), {}, { before = "trap '' XFSZ; ulimit -f 1" })
    assert.equal("nil\tNo space left on device\n", result.stdout)
  end)

  it("stops the run on a full disk: at most --concurrency deletions after it, each with intent",
    function()
      command.populate(1, 300)
      emulator:misbehave { { times = -1, delay = 0.005 } }
      local path = command.file("audit")
      -- A limit on the size of files, in half KiB, stands in for a small disk.
      local result = run("prune --keep-last 1 --yes --max 100% --concurrency 4 --audit " .. path, {
        shell = { before = "trap '' XFSZ; ulimit -f 128" } })
      assert.is_true(result.status == 1 or result.status == 3, result.status)
      assert.matches("cannot write to", result.stderr, nil, true)
      local intents, ends = by_id(command.events((command.read(path):gsub("[^\n]*$", ""))))
      local told, sent = 0, deletions()
      for _ in pairs(ends) do told = told + 1 end
      assert.is_true(told > 50 and #sent < 299, #sent)
      for _, id in ipairs(sent) do assert.is_table(intents[id], id) end
      assert.is_true(#sent <= told + 4, #sent - told)
      assert.equal(#sent > told and 3 or 1, result.status)
    end)
end)
