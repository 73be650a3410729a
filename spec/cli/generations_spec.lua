-- Proves evs prune with standard snapshots and with Cinder's paths, on the emulator's demonstration
-- set: what goes, what is spared and why, and what --include does.

local command = require "spec.support.command"
local standard = require "spec.support.standard"

local emulator = command.emulator

local PRUNE = "prune --keep-last 1 --max 100% --api "

-- The demonstration set's ids by their names, and its names by their ids.
local ids, names

before_each(function()
  emulator:reset(true)
  ids, names = emulator:call("GET", "").seed, {}
  for name, id in pairs(ids) do names[id] = name end
end)

-- The names of the lines of a plan that begin with `word`, and the text of each line.
local function planned(options, word)
  local result, found, lines = command.run(PRUNE .. options), {}, {}
  assert.same({ 0, "" }, { result.status, result.stderr })
  for line in result.stdout:gmatch("[^\n]+") do
    local said, id = line:match("^(%a+) +%S+ +%S+ +(%S+) ")
    if said == word then
      local name = assert(names[id], line)
      found[#found + 1], lines[name] = name, line
    end
  end
  table.sort(found)
  return table.concat(found, " "), lines
end

-- The names of those of the demonstration set that `options` delete.
local function deleted(options)
  local before, found = command.existing(), {}
  local result = command.run(PRUNE .. options .. " --yes")
  assert.same({ 0, "" }, { result.status, result.stderr })
  local after = command.existing()
  for id in pairs(before) do
    if not after[id] then found[#found + 1] = names[id] end
  end
  table.sort(found)
  return table.concat(found, " ")
end

describe("evs prune --api v5", function()
  it("spares each kind with its reason, and what belongs to a backup", function()
    local _, lines = planned("v5", "spared")
    for name, reason in pairs { auto_id = "(auto)", copy_id = "(copy)", frozen_id = "(frozen)",
      member_id = "(group)", other_member_id = "(group)", category_id = "category",
      chain_id = "chain", standard_backup_id = "autobk_snapshot_",
      standard_creating_id = "its status is creating" } do
      assert.matches(reason, assert(lines[name], name), nil, true)
      lines[name] = nil
    end
    assert.same({}, lines)
  end)

  it("deletes standard snapshots that no rule keeps, and no others", function()
    assert.equal("standard_error_id standard_id", planned("v5", "goes"))
    assert.equal("standard_error_id standard_id", deleted("v5"))
  end)

  it("judges the kinds that --include names, and those alone", function()
    local own = "standard_error_id standard_id"
    assert.equal("auto_id " .. own, planned("v5 --include auto", "goes"))
    assert.equal("copy_id " .. own, planned("v5 --include copy", "goes"))
    assert.equal("flash_id " .. own, planned("v5 --include frozen", "goes"))
    assert.equal("flash_id " .. own, planned("v5 --include group", "goes"))
    assert.equal("auto_id copy_id flash_id member_id " .. own,
      deleted("v5 --include auto,copy,frozen,group,unknown"))
  end)

  it("spares a snapshot_type that is not known, unless unknown is included", function()
    emulator:put { { id = "odd", generation = "standard", snapshot_type = "odd", volume_id = "v" },
      { id = "p", generation = "standard", volume_id = "v" } }
    names.odd, names.p = "odd", "p"
    local _, lines = planned("v5 --volume-id v", "spared")
    assert.matches("its snapshot_type is odd (unknown)", lines.odd, nil, true)
    assert.equal("odd", planned("v5 --volume-id v --include unknown", "goes"))
  end)
end)

describe("evs prune --api v5", function()
  it("takes the reference's own snapshots as they are", function()
    emulator:settings { any_snapshot = true }
    emulator:misbehave { { method = "GET", contains = "/detail", times = -1,
      body = standard.list() } }
    local result = command.run("prune --api v5 --keep-within 30d --empty-groups --yes --project "
      .. standard.PROJECT)
    assert.same({ 0, "" }, { result.status, result.stderr })
    for _, text in ipairs(standard.ALL) do
      assert.matches(standard.id(text), result.stdout, 1, true)
    end
    assert.equal(3, emulator:count().DELETE)
  end)

  it("deletes nothing in a region without v5, and says what the gateway said", function()
    emulator:settings { v5 = false }
    local result = command.run(PRUNE .. "v5 --yes")
    assert.equal(1, result.status)
    assert.matches("APIGW.0101", result.stderr, 1, true)
    assert.same({ GET = 1 }, emulator:call("GET", "log?count=1"))
  end)
end)

describe("evs prune --api cinder", function()
  it("deletes what a policy lets go, spares backups, and sees no standard snapshot", function()
    local _, lines = planned("cinder", "spared")
    for _, name in ipairs { "backup_id", "manual_backup_id", "enabled_backup_id", "creating_id",
      "deleting_id", "error_deleting_id", "rollbacking_id", "backing_up_id" } do
      assert.is_string(lines[name], name)
      lines[name] = nil
    end
    assert.same({}, lines)
    assert.equal("error_id snapshot_id", deleted("cinder --include auto"))
  end)
end)
