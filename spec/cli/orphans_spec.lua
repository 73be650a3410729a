-- Proves evs prune --orphans: standard snapshots whose disk is gone go by their age alone, and a
-- list of disks that does not tell all makes no snapshot one of them.

local cjson = require "cjson"
local command = require "spec.support.command"

local emulator = command.emulator

local PRUNE = "prune --api v5 --orphans --keep-within 30d "

-- Standard snapshots: "kept-N" of disks that exist, "old-N" and "young-N" of disks that are gone.
local function populate()
  local all = {}
  local function put(id, disk, days, fields)
    local one = { id = id, name = id, volume_id = disk, created_at = command.date(days),
      generation = "standard", orphan = disk:find("^gone") ~= nil }
    for name, value in pairs(fields or {}) do one[name] = value end
    all[#all + 1] = one
  end
  for i = 1, 4 do put("kept-" .. i, "disk-" .. i % 2, 100 + i) end
  put("old-1", "gone-1", 40)
  put("old-2", "gone-1", 50)
  put("old-3", "gone-2", 60)
  put("young-1", "gone-2", 10)
  put("auto-1", "gone-3", 90, { snapshot_type = "auto" })
  put("backup-1", "gone-3", 90, { name = "autobk_snapshot_1" })
  emulator:put(all)
end

local function left()
  local ids = {}
  for id in pairs(command.existing()) do ids[#ids + 1] = id end
  table.sort(ids)
  return table.concat(ids, " ")
end

local ALL = "auto-1 backup-1 kept-1 kept-2 kept-3 kept-4 old-1 old-2 old-3 young-1"

-- Runs it with --yes; nothing may be deleted, and it must end so.
local function deletes_nothing(status, text, words)
  local result = command.run((words or PRUNE) .. "--max 100% --yes")
  assert.equal(status, result.status, result.stderr)
  assert.matches(text, result.stderr, 1, true)
  assert.equal(ALL, left())
  assert.equal(0, emulator:count().DELETE)
end

before_each(function()
  emulator:reset()
  populate()
end)

describe("evs prune --orphans", function()
  it("deletes what is old and without a disk, the newest of a disk as well, and no more", function()
    local result = command.run(PRUNE .. "--max 100% --yes")
    assert.same({ 0, "" }, { result.status, result.stderr })
    assert.equal("auto-1 backup-1 kept-1 kept-2 kept-3 kept-4 young-1", left())
    assert.matches("6 of 10 snapshots are without a disk; there are 2 disks", result.stdout, 1,
      true)
  end)

  it("shows a plan, in which those that are spared have their reason", function()
    local result = command.run(PRUNE .. "--max 100%")
    assert.equal(0, result.status)
    assert.matches("3 of 6 snapshots go, 1 stay, 2 are spared", result.stdout, 1, true)
    assert.matches("made it (auto)", result.stdout, 1, true)
    assert.matches("autobk_snapshot_", result.stdout, 1, true)
    assert.is_nil(result.stdout:find("kept-", 1, true))
    assert.equal(ALL, left())
  end)

  it("reads all pages of the disks, after the snapshots", function()
    emulator:volumes { { id = "another" }, { id = "one more" } }
    emulator:settings { page_size = 2 }
    assert.equal(0, command.run(PRUNE .. "--max 100% --yes").status)
    assert.equal("auto-1 backup-1 kept-1 kept-2 kept-3 kept-4 young-1", left())
    local disks = 0
    for _, record in ipairs(emulator:log()) do
      if record.uri:find("/cloudvolumes/", 1, true) then disks = disks + 1 end
      local all = record.uri:find("/snapshots/detail", 1, true) and not record.query.ids
      if all then assert.equal(0, disks) end
    end
    assert.is_true(disks > 1)
  end)

  it("leaves a record of what it was asked for", function()
    local audit = command.file("orphans.jsonl")
    command.run(PRUNE .. "--max 100% --yes --audit " .. audit)
    local start = command.events(command.read(audit))[1]
    assert.equal("start", start.event)
    assert.is_true(start.filters.orphans)
  end)

  for what, rule in pairs {
    ["is refused"] = { status = 403, body = { error = { code = "EVS.0001", message = "no" } } },
    ["is not there"] = { status = 404, body = { error_code = "APIGW.0101", error_msg = "no" } },
    ["is a login page"] = { status = 200, body = "<html>Please log in</html>" },
    ["is cut"] = { status = 200, body = '{"volumes":[{"id":"disk-0"}', cut = "body" },
    ["has no array"] = { status = 200, body = "{}" },
    ["has a disk without an id"] = { status = 200, body = '{"volumes":[{"name":"x"}]}' },
  } do
    it("ends with the error of a list of disks that " .. what, function()
      rule.path, rule.times = "cloudvolumes", -1
      emulator:misbehave(rule)
      deletes_nothing(1, "evs: ")
    end)
  end

  it("ends with the error of the disks' second page", function()
    emulator:volumes { { id = "another" }, { id = "one more" } }
    emulator:settings { page_size = 2 }
    emulator:misbehave { path = "cloudvolumes", skip = 1, times = -1, status = 501 }
    deletes_nothing(1, "HTTP.501")
  end)

  it("is held by a list without any disk, and says so", function()
    emulator:misbehave { path = "cloudvolumes", times = -1, body = '{"volumes":[],"count":0}' }
    deletes_nothing(5, "the list of disks is empty")
  end)

  it("is held by a list that has the disk of no snapshot", function()
    emulator:misbehave { path = "cloudvolumes", times = -1,
      body = cjson.encode { volumes = { { id = "another" } } } }
    deletes_nothing(5, "none of 1 disks is that of a snapshot")
  end)

  it("does not believe a list without a disk of the snapshot's enterprise project", function()
    emulator:put { id = "hers", generation = "standard", created_at = command.date(90),
      volume_id = "gone-9", orphan = true, enterprise_project_id = "e-1" }
    assert.equal(0, command.run(PRUNE .. "--max 100% --yes").status)
    assert.is_true(command.existing().hers)
    emulator:volumes { id = "disk-9", enterprise_project_id = "e-1" }
    assert.equal(0, command.run(PRUNE .. "--max 100% --yes").status)
    assert.is_nil(command.existing().hers)
  end)

  it("takes --keep-within and no other rule", function()
    deletes_nothing(2, "--orphans go by their age alone", "prune --api v5 --orphans --keep-last 1 ")
    deletes_nothing(2, "--orphans go by their age alone", PRUNE .. "--keep-daily 3 ")
  end)

  for _, api in ipairs { "v2", "cinder" } do
    it("is refused with --api " .. api .. ", where snapshots go with their disks", function()
      deletes_nothing(2, "give --api v5", "prune --orphans --keep-within 30d --api " .. api .. " ")
    end)
  end

  it("is held by --max as ever, whose share is that of the snapshots without a disk", function()
    local result = command.run(PRUNE .. "--max 50% --yes")
    assert.equal(5, result.status)
    assert.matches("3 of 4 snapshots would go, at most 2 may", result.stderr, 1, true)
    assert.equal(ALL, left())
  end)
end)
