-- Proves evs.retention: what a policy keeps, spares and lets go, rule by rule, at the calendar's
-- edges, and against a second, naive writing of the rules.

local naive = require "spec.support.naive_retention"
local evs = require "evs"
local retention = require "evs.retention"

local NOW = 1795514400 -- 2026-11-24T10:00:00Z

-- A snapshot of volume "v" that is available; `id` doubles as its name.
local function snapshot(id, created_at, changes)
  local made = { id = id, name = id, status = "available", volume_id = "v", metadata = {},
    created_at = created_at }
  for name, value in pairs(changes or {}) do made[name] = value end
  return made
end

local function ids(list)
  local found = {}
  for i, entry in ipairs(list) do found[i] = (entry.snapshot or entry).id end
  return table.concat(found, " ")
end

local function plan(list, policy)
  if not policy.now then policy.now = NOW end
  return retention.plan(list, policy)
end

-- "id: reason, reason" for each that is kept, oldest first.
local function reasons(list, policy)
  local found = {}
  for i, entry in ipairs(plan(list, policy).keep) do
    found[i] = entry.snapshot.id .. ": " .. table.concat(entry.reasons, ", ")
  end
  return table.concat(found, "; ")
end

local function spared(changes, policy, created_at)
  policy = policy or { last = 1 }
  local list = { snapshot("a", created_at or "2026-11-01T00:00:00", changes) }
  local entry = plan(list, policy).spared[1]
  return entry and entry.reason
end

describe("evs.retention: rules", function()
  it("last keeps the newest of each group, whatever the list's order", function()
    local list = { snapshot("b", "2026-11-02T00:00:00"), snapshot("d", "2026-11-04T00:00:00"),
      snapshot("a", "2026-11-01T00:00:00"), snapshot("c", "2026-11-03T00:00:00"),
      snapshot("x", "2026-10-01T00:00:00", { volume_id = "w" }) }
    assert.equal("a b", ids(plan(list, { last = 2 }).delete))
    assert.equal("x: last 1 of 2; c: last 2 of 2; d: last 1 of 2", reasons(list, { last = 2 }))
  end)

  it("hourly, daily, monthly and yearly keep the newest of each of the newest with one", function()
    local list = { snapshot("a", "2024-12-31T23:59:59"), snapshot("b", "2025-01-01T00:00:00"),
      snapshot("c", "2026-10-31T23:59:59"), snapshot("d", "2026-11-01T00:00:00"),
      snapshot("e", "2026-11-01T00:59:59"), snapshot("f", "2026-11-01T01:00:00") }
    assert.equal("e: hourly 2026-11-01T00; f: hourly 2026-11-01T01", reasons(list, { hourly = 2 }))
    assert.equal("c: daily 2026-10-31; f: daily 2026-11-01", reasons(list, { daily = 2 }))
    assert.equal("b: monthly 2025-01; c: monthly 2026-10; f: monthly 2026-11",
      reasons(list, { monthly = 3 }))
    assert.equal("a: yearly 2024; b: yearly 2025; f: yearly 2026", reasons(list, { yearly = 9 }))
  end)

  it("weekly takes ISO weeks: from Monday on, over the turn of the year, 53 in some", function()
    local list = { snapshot("a", "2020-12-27T23:59:59"), snapshot("b", "2020-12-28T00:00:00"),
      snapshot("c", "2021-01-03T23:59:59"), snapshot("d", "2021-01-04T00:00:00"),
      snapshot("e", "2024-12-29T12:00:00"), snapshot("f", "2024-12-30T12:00:00"),
      snapshot("g", "2025-01-05T12:00:00"), snapshot("h", "2016-01-03T12:00:00") }
    assert.equal("h: weekly 2015-W53; a: weekly 2020-W52; c: weekly 2020-W53; d: weekly 2021-W01; "
      .. "e: weekly 2024-W52; g: weekly 2025-W01", reasons(list, { weekly = 99 }))
  end)

  it("within counts from now, and keeps what is younger", function()
    local list = { snapshot("a", "2026-11-22T22:00:00"), snapshot("b", "2026-11-22T22:00:01"),
      snapshot("c", "2026-11-23T10:00:00") }
    assert.equal("b: within 36h; c: within 36h", reasons(list, { within = "36h" }))
    assert.equal("c: within 86401s", reasons(list, { within = 86401 }))
    assert.equal("a: within 2d; b: within 2d; c: within 2d", reasons(list, { within = "2d" }))
    assert.equal("", ids(plan(list, { within = "1w" }).delete))
  end)

  it("a snapshot stays if any rule wants it, and says all that do, in order", function()
    local list = { snapshot("a", "2026-11-24T09:00:00") }
    assert.equal("a: last 1 of 2, hourly 2026-11-24T09, daily 2026-11-24, weekly 2026-W48, "
      .. "monthly 2026-11, yearly 2026, within 30d, keep: it is mine", reasons(list, { last = 2,
        hourly = 1, daily = 1, weekly = 1, monthly = 1, yearly = 1, within = "30d",
        keep = function() return "it is mine" end }))
  end)

  it("keep is asked of each that is judged, and may raise", function()
    local asked = {}
    local list = { snapshot("a", "2026-11-01T00:00:00"), snapshot("b", "2026-11-02T00:00:00"),
      snapshot("c", nil) }
    local policy = { last = 1, keep = function(one) asked[one.id] = true return one.id == "a" end }
    assert.equal("a: keep; b: last 1 of 1", reasons(list, policy))
    assert.same({ a = true, b = true }, asked)
    assert.has_error(function() plan(list, { last = 1, keep = function() error("no", 0) end }) end,
      "no")
    assert.error_matches(function() plan(list, { last = 1, keep = function() return 7 end }) end,
      "keep: a string, true or nil expected, got a number")
  end)

  it("of equal times the greater id is newer; fractions count", function()
    local list = { snapshot("b", "2026-11-01T00:00:00.5"), snapshot("a", "2026-11-01T00:00:00.50"),
      snapshot("c", "2026-11-01T00:00:00.500"), snapshot("z", "2026-11-01T00:00:00.499999") }
    assert.equal("z a b", ids(plan(list, { last = 1 }).delete))
  end)

  it("times within one millisecond are told apart, however they are written", function()
    local list = { snapshot("a", "2026-11-01T08:00:00.000900+08:00"),
      snapshot("x", "2026-11-01T00:00:00.000100"), snapshot("d", "2026-11-01T00:00:00.0001"),
      snapshot("c", "2026-11-01T00:00:00.00090001Z"), snapshot("b", "2026-11-01T00:00:00.000900"),
      snapshot("z", "2026-11-01T00:00:00Z"), snapshot("y", "2026-11-01T00:00:00.000001") }
    assert.equal("z y d x a b", ids(plan(list, { last = 1 }).delete))
  end)

  it("group may be any field, or a function", function()
    local list = { snapshot("a", "2026-11-01T00:00:00"),
      snapshot("b", "2026-11-02T00:00:00", { volume_id = "w" }) }
    assert.equal("", ids(plan(list, { last = 1 }).delete))
    assert.equal("a", ids(plan(list, { last = 1, group = "status" }).delete))
    assert.equal("a", ids(plan(list, { last = 1, group = function() return "all" end }).delete))
  end)
end)

describe("evs.retention: what always stays", function()
  it("the newest available one of a group, unless empty_groups", function()
    local list = { snapshot("a", "2020-01-01T00:00:00"), snapshot("b", "2020-01-02T00:00:00"),
      snapshot("c", "2020-01-03T00:00:00", { status = "error" }) }
    assert.equal("b: newest", reasons(list, { within = "1d" }))
    assert.equal("a b c", ids(plan(list, { within = "1d", empty_groups = true }).delete))
  end)

  it("one in error stands for no place and no period; within and keep alone keep it", function()
    local broken = { status = "error" }
    local list = { snapshot("a", "2026-11-23T00:00:00"),
      snapshot("b", "2026-11-23T01:00:00", broken) }
    assert.equal("a: last 1 of 1, daily 2026-11-23", reasons(list, { last = 1, daily = 1 }))
    assert.equal("a: within 2d; b: within 2d", reasons(list, { within = "2d" }))
    assert.equal("a: last 1 of 1; b: keep", reasons(list, { last = 1,
      keep = function(one) return one.id == "b" end }))
    assert.equal("b", ids(plan({ list[2] }, { last = 3 }).delete))
  end)
end)

describe("evs.retention: what is spared", function()
  it("snapshots of backups, with the reason of evs.protected", function()
    for _, name in ipairs { "autobk_snapshot_1", "manualbk_snapshot_vbs_1" } do
      local reason = spared { name = name }
      assert.equal(evs.protected(snapshot("a", "x", { name = name })), reason)
      assert.is_string(reason)
    end
    assert.is_string(spared { metadata = { ["__system__enableActive"] = "true" } })
  end)

  it("every status but available and error", function()
    for _, status in ipairs { "creating", "deleting", "error_deleting", "backing-up", "new" } do
      assert.equal("its status is " .. status, spared { status = status })
    end
    assert.equal("its status is false", spared { status = false })
    assert.is_nil(spared { status = "error" })
  end)

  it("no date, a date that is none, a date after now", function()
    local no_date = snapshot("a", nil)
    assert.equal("it has no date", plan({ no_date }, { last = 1 }).spared[1].reason)
    for _, text in ipairs { "2026-02-30T00:00:00", "2025-02-29T00:00:00", "1900-02-29T00:00:00",
      "2026-00-10T00:00:00", "2026-13-10T00:00:00", "2026-04-31T00:00:00", "2026-01-00T00:00:00",
      "2026-01-01T24:00:00", "2026-01-01T00:60:00", "2026-01-01T00:00:60", "2026-01-01", "",
      "2026-01-01 00:00:00", "2026-01-01T00:00:00z", "2026-01-01T00:00:00.", "yesterday",
      "2026-01-01T00:00:00+0800", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+08:60",
      "2026-01-01T00:00:00.1.2", "2026-01-01T00:00:00 ", " 2026-01-01T00:00:00",
      "2026-01-01T0a:00:00", "2026-1-01T00:00:00" } do
      assert.equal("its date is none: " .. text, spared({}, nil, text))
    end
    assert.equal("its date is none: 5", spared({ created_at = 5 }))
    assert.equal("its date is after now: 2026-11-24T10:00:00.1",
      spared({}, nil, "2026-11-24T10:00:00.1"))
    assert.is_nil(spared({}, nil, "2026-11-24T10:00:00"))
    assert.is_nil(spared({}, nil, "2024-02-29T00:00:00"))
    assert.is_nil(spared({}, nil, "2000-02-29T00:00:00"))
  end)

  it("reads zones: Z, +08:00, or none, which is UTC", function()
    assert.is_nil(spared({}, nil, "2026-11-24T10:00:00Z"))
    assert.is_nil(spared({}, nil, "2026-11-24T18:00:00+08:00"))
    assert.is_string(spared({}, nil, "2026-11-24T18:00:01+08:00"))
    assert.is_nil(spared({}, nil, "2026-11-24T06:30:00.000-03:30"))
    assert.is_string(spared({}, nil, "2026-11-24T06:30:00.001-03:30"))
    assert.equal("a: daily 2026-10-31; b: daily 2026-11-01", reasons({
      snapshot("a", "2026-11-01T07:59:59+08:00"), snapshot("b", "2026-10-31T23:00:00-01:00") },
      { daily = 9 }))
  end)

  it("no group: no string, or an empty one", function()
    assert.equal("it has no volume_id", spared { volume_id = "" })
    assert.equal("it has no volume_id", spared { volume_id = 7 })
    assert.equal("it has no group", spared({}, { last = 1, group = function() end }))
  end)

  it("the first that holds is the reason, in this order", function()
    local one = { name = "autobk_snapshot_1", status = "creating", created_at = "no",
      volume_id = "" }
    assert.is_truthy(spared(one):find("autobk_snapshot_", 1, true))
    one.name = "mine"
    assert.equal("its status is creating", spared(one))
    one.status = "available"
    assert.equal("its date is none: no", spared(one))
    one.created_at = "2026-11-01T00:00:00"
    assert.equal("it has no volume_id", spared(one))
  end)

  it("is not there for rules: a spared one is no newest and takes no place", function()
    local list = { snapshot("a", "2026-11-01T00:00:00"), snapshot("b", "2026-11-02T00:00:00"),
      snapshot("c", "2026-11-03T00:00:00", { name = "autobk_snapshot_1" }) }
    assert.equal("b: last 1 of 1", reasons(list, { last = 1 }))
  end)

  it("standard snapshots that others made, unless they are included", function()
    local cases = { auto = { snapshot_type = "auto" }, copy = { snapshot_type = "copy" },
      unknown = { snapshot_type = "other" }, frozen = { snapshot_type = "user", frozen = true },
      group = { snapshot_group_id = "g" } }
    for kind, fields in pairs(cases) do
      assert.is_truthy(spared(fields):find("(" .. kind .. ")", 1, true), kind)
      assert.is_nil(spared(fields, { last = 1, include = { [kind] = true } }), kind)
      assert.is_string(spared(fields, { last = 1, include = { [kind] = false } }), kind)
    end
    assert.is_nil(spared { snapshot_type = "user", frozen = false, snapshot_group_id = "" })
  end)
end)

describe("evs.retention: mistakes raise and are named", function()
  local LIST = { snapshot("a", "2026-11-01T00:00:00") }

  it("a policy without a rule", function()
    for _, policy in ipairs { {}, { last = 0 }, { keep = function() end }, { within = "0d" },
      { last = 0, daily = 0, within = 0 }, { group = "status" } } do
      assert.error_matches(function() retention.plan(LIST, policy) end, "no rule says what to keep")
    end
  end)

  it("a rule that is negative, fractional, of another type, or unknown", function()
    for _, name in ipairs { "last", "hourly", "daily", "weekly", "monthly", "yearly", "within" } do
      for _, value in ipairs { -1, 1.5, 0 / 0, math.huge, true, {}, "three", "7" } do
        local ok, message = pcall(retention.plan, LIST, { [name] = value })
        assert.is_false(ok, name)
        assert.is_truthy(message:find("retention: " .. name .. ": ", 1, true), message)
      end
    end
    for _, age in ipairs { "30", "30m", "d", "1.5d", "-3d", "30d ", "30D" } do
      assert.error_matches(function() retention.plan(LIST, { within = age }) end, "36h, 30d, 8w")
    end
    assert.error_matches(function() retention.plan(LIST, { dayly = 3, last = 1 }) end, '"dayly"')
    assert.error_matches(function() retention.plan(LIST, { last = 1, now = "x" }) end, "now")
    assert.error_matches(function() retention.plan(LIST, { last = 1, group = 3 }) end, "group")
    assert.error_matches(function() retention.plan(LIST, { last = 1, keep = 3 }) end, "keep")
    assert.error_matches(function() retention.plan(LIST, { last = 1, empty_groups = 1 }) end,
      "empty_groups")
    local odd = { last = 1, include = { odd = true } }
    assert.error_matches(function() retention.plan(LIST, odd) end, '"odd"')
    assert.error_matches(function() retention.plan(LIST, "last") end, "policy: a table expected")
  end)

  it("an id that comes twice, an entry without one, and no list", function()
    assert.error_matches(function() retention.plan({ LIST[1], LIST[1] }, { last = 1 }) end,
      "snapshots%[2%]: the id a comes twice")
    assert.error_matches(function() retention.plan({ { id = 3 } }, { last = 1 }) end,
      "snapshots%[1%]: a snapshot with an id expected")
    assert.error_matches(function() retention.plan({ LIST[1], "b" }, { last = 1 }) end,
      "snapshots%[2%]")
    assert.error_matches(function() retention.plan(nil, { last = 1 }) end, "an array expected")
  end)

  it("and point to the caller", function()
    local _, message = pcall(function() retention.plan(LIST, {}) end)
    assert.is_truthy(message:find("retention_spec.lua", 1, true), message)
    _, message = pcall(function() retention.plan({ LIST[1], LIST[1] }, { last = 1 }) end)
    assert.is_truthy(message:find("retention_spec.lua", 1, true), message)
  end)
end)

-- ---- against a second writing -------------------------------------------------------------------

-- The same numbers on every Lua: a generator of its own.
local function generator(seed)
  return function(n)
    seed = (seed * 16807) % 2147483647
    return seed % n + 1
  end
end

local STATUS = { "available", "available", "available", "available", "error", "creating" }
local STARTS = { NOW, 1709251200, 1609459200, 1735689600 } -- beside leap days and turns of years

local function random_list(random)
  local list, start = {}, STARTS[random(#STARTS)]
  local span = ({ 7200, 200000, 3000000, 150000000 })[random(4)]
  for i = 1, random(60) do
    local date = os.date("!%Y-%m-%dT%H:%M:%S", start - random(span))
    list[i] = snapshot(("%03d"):format((i * 7) % 101), date .. ({ "", ".5", "Z" })[random(3)],
      { volume_id = "v" .. random(3), status = STATUS[random(6)] })
    if random(20) == 1 then list[i].created_at = nil end
    if random(20) == 1 then list[i].volume_id = "" end
    if random(20) == 1 then list[i].name = "autobk_snapshot_" .. i end
  end
  return list, start
end

local function random_policy(random, start)
  local policy = { now = start - random(1000) + 500 }
  for _, rule in ipairs { "last", "hourly", "daily", "weekly", "monthly", "yearly" } do
    if random(2) == 1 then policy[rule] = random(6) - 1 end
  end
  if random(3) == 1 then policy.within = random(100) .. ({ "h", "d", "w" })[random(3)] end
  if random(4) == 1 then policy.empty_groups = true end
  if random(4) == 1 then policy.keep = function(one) return tonumber(one.id) % 7 == 0 end end
  policy.last = policy.last or 1
  if policy.last == 0 then policy.last = 1 end
  return policy
end

describe("evs.retention: random lists and policies", function()
  it("come to what a naive writing of the rules says, and to the same in any order", function()
    for seed = 1, 300 do
      local random = generator(seed)
      local list, start = random_list(random)
      local policy = random_policy(random, start)
      local got = retention.plan(list, policy)
      assert.same(naive.plan(list, policy), naive.summary(got), "seed " .. seed)
      for i = #list, 2, -1 do
        local j = random(i)
        list[i], list[j] = list[j], list[i]
      end
      local again = retention.plan(list, policy)
      assert.equal(ids(got.delete), ids(again.delete), "seed " .. seed)
      assert.equal(ids(got.keep), ids(again.keep), "seed " .. seed)
    end
  end)
end)

describe("retention.orphans", function()
  local function orphans(snapshots, volumes)
    return ids(retention.orphans(snapshots, volumes))
  end

  it("are the snapshots of no disk that is listed, in their order", function()
    local list = { snapshot("a"), snapshot("b", nil, { volume_id = "w" }), snapshot("c") }
    assert.equal("a c", orphans(list, { { id = "w" }, { id = "x" } }))
    assert.equal("", orphans(list, { { id = "w" }, { id = "v" } }))
  end)

  it("are none that have no disk's id, or one that is no text", function()
    for _, disk in ipairs { "", 7, true, {} } do
      assert.equal("", orphans({ snapshot("a", nil, { volume_id = disk }) }, { { id = "w" } }))
    end
    local bare = snapshot("a")
    bare.volume_id = nil
    assert.equal("", orphans({ bare }, { { id = "w" } }))
  end)

  it("are none of an enterprise project of which the list has no disk", function()
    local list = { snapshot("a", nil, { enterprise_project_id = "0" }),
      snapshot("b", nil, { enterprise_project_id = "e" }), snapshot("c") }
    assert.equal("a c", orphans(list, { { id = "w", enterprise_project_id = "0" } }))
    assert.equal("a c", orphans(list, { { id = "w" } }))
    assert.equal("b", orphans(list, { { id = "w", enterprise_project_id = "e" } }))
  end)

  it("raises for an empty list of disks, and for disks without an id", function()
    for _, volumes in ipairs { {}, { {} }, { "w" }, { { id = 1 } }, "w" } do
      assert.has_error(function() retention.orphans({ snapshot("a") }, volumes) end)
    end
    assert.has_error(function() retention.orphans(nil, { { id = "w" } }) end)
  end)
end)
