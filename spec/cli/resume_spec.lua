-- Proves evs resume: what it says of each snapshot that an audit left open, and when it refuses.

local cjson = require "cjson"
local command = require "spec.support.command"

local emulator = command.emulator
local run = command.run

before_each(function() emulator:reset() end)

-- An audit of events with these fields; what has no project is in the emulator's.
local function write_audit(events)
  local lines = {}
  for i, event in ipairs(events) do
    event.run, event.time = event.run or "r1", "2026-11-24T10:00:00.000Z"
    if event.event ~= "end" then event.project_id = event.project_id or emulator.project_id end
    if event.event == "start" then
      event.api, event.endpoint = event.api or "v2", event.endpoint or emulator.endpoint
    end
    lines[i] = cjson.encode(event) .. "\n"
  end
  local path = command.file("audit")
  command.write(path, table.concat(lines))
  return path
end

local function intent(id, fields)
  local event = { event = "intent", id = id }
  for name, value in pairs(fields or {}) do event[name] = value end
  return event
end

-- The result and the message of each end in the file.
local function read_ends(path)
  local ends = {}
  for _, event in ipairs(command.events(command.read(path))) do
    if event.event == "end" then ends[event.id] = event.result .. " " .. (event.message or "") end
  end
  return ends
end

describe("evs resume", function()
  it("tells apart what is gone, on its way, changed, protected, busy, and still there", function()
    local created = command.date(3)
    emulator:put { { id = "there", name = "n", volume_id = "v", created_at = created },
      { id = "leaving", status = "deleting" }, { id = "renamed", name = "new" },
      { id = "backup", name = "autobk_snapshot_1" }, { id = "busy", status = "backing-up" } }
    local path = write_audit { { event = "start" }, intent("there", { name = "n", volume_id = "v",
      created_at = created }), intent("gone"), intent("leaving"),
      intent("renamed", { name = "old" }), intent("backup"), intent("busy"), intent("done"),
      { event = "end", id = "done", result = "accepted" } }

    local result = run("resume " .. path)

    assert.equal(1, result.status)
    local ends = read_ends(path)
    assert.same({ there = "unsent it is still there", gone = "gone ", leaving = "accepted ",
      done = "accepted ", busy = "unsent busy: its status is backing-up",
      renamed = 'unsent changed: its name was "old" and is "new"' },
      { there = ends.there, gone = ends.gone, leaving = ends.leaving, done = ends.done,
        busy = ends.busy, renamed = ends.renamed })
    assert.matches("^unsent protected: ", ends.backup)
    assert.equal(0, emulator:count().DELETE)
    assert.equal("nothing is open in this audit\n", run("resume " .. path).stdout)
  end)

  it("with --yes deletes what is still there, and what the last run did not send", function()
    emulator:put { { id = "a" }, { id = "b" }, { id = "old" } }
    local path = write_audit { { event = "start", run = "r0" }, intent("old", { run = "r0" }),
      { event = "end", id = "old", result = "unsent", run = "r0" }, { event = "start" },
      intent("a"), intent("b"), { event = "end", id = "b", result = "unsent" } }
    assert.equal(0, run("resume --yes " .. path).status)
    assert.same({ old = true }, command.existing())
    assert.same({ a = "accepted ", b = "accepted ", old = "unsent " }, read_ends(path))
  end)

  it("looks at what a run has left unknown, and says so when that run ends", function()
    command.populate(1, 4)
    local now = { ["Retry-After"] = "0" }
    emulator:misbehave { { method = "DELETE", path = "/v1%-3$", times = -1, status = 503,
      headers = now }, { method = "DELETE", path = "/v1%-2$", times = -1, status = 503,
      headers = now, effect = true } }
    local path = command.file("unknown")
    local result = run("prune --keep-last 2 --yes --audit " .. path)
    assert.equal(3, result.status)
    assert.matches("evs: of 2 it is not recorded what became: evs resume " .. path
      .. " looks at each\n", result.stderr, nil, true)

    emulator:misbehave {}
    assert.equal(1, run("resume " .. path).status)
    local ends = read_ends(path)
    assert.same({ "unsent it is still there", "gone " }, { ends["v1-3"], ends["v1-2"] })
    assert.equal("nothing is open in this audit\n", run("resume " .. path).stdout)
  end)

  it("settles one project of several, names another, and leaves that as it is", function()
    emulator:put { { id = "a" }, { id = "b", project_id = "other" } }
    local path = write_audit { { event = "start", run = "r0", project_id = "other" },
      intent("b", { run = "r0", project_id = "other" }), intent("c", { run = "r0",
        project_id = "other" }), { event = "end", run = "r0", id = "c", result = "unsent" },
      { event = "start" }, intent("a") }
    local result = run("resume " .. path)
    assert.equal(1, result.status)
    assert.matches("give --project other", result.stderr, nil, true)
    assert.same({ a = "unsent it is still there", c = "unsent " }, read_ends(path))
    result = run("resume --yes " .. path) -- what this project's run did not send is not hidden
    assert.equal(0, result.status)
    assert.equal("accepted ", read_ends(path).a)
    result = run("resume --yes " .. path)
    assert.equal(2, result.status)
    assert.matches("was begun in the project other", result.stderr, nil, true)
  end)

  it("leaves open what it cannot look at, with 3", function()
    emulator:put { { id = "a" } }
    emulator:misbehave { method = "GET", times = -1, status = 403 }
    local path = write_audit { { event = "start" }, intent("a") }
    local result = run("resume --yes " .. path)
    assert.equal(3, result.status)
    assert.matches("a cannot be looked at", result.stderr, nil, true)
    assert.same({}, read_ends(path))
  end)

  it("looks in the API that the run had: what is missing in another is not gone", function()
    emulator:put { { id = "a", generation = "standard" } }
    local path = write_audit { { event = "start", api = "v5" }, intent("a") }
    assert.equal(1, run("resume " .. path).status)
    assert.equal("unsent it is still there", read_ends(path).a)
  end)

  it("refuses what is no audit, and one of another project", function()
    local path = write_audit { { event = "start" }, intent("a", { project_id = "other" }) }
    local result = run("resume --yes " .. path)
    assert.equal(2, result.status)
    assert.matches("a was begun in the project other", result.stderr, nil, true)
    assert.equal(2, run("resume /nonexistent").status)
    for name, value in pairs { api = "v5", endpoint = "http://127.0.0.1:9" } do
      path = write_audit { { event = "start", [name] = value }, intent("a") }
      result = run("resume --yes --api v2 " .. path)
      assert.equal(2, result.status)
      assert.matches("a was begun in the %u*%l* " .. value:gsub("%p", "%%%0"), result.stderr)
    end
    command.write(path, "hello\n")
    assert.matches("is no audit", run("resume " .. path).stderr, nil, true)
    assert.equal(2, run("resume --audit x " .. path).status)
    assert.equal(0, #emulator:log())
  end)
end)
