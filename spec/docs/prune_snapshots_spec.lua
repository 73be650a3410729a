-- Proves examples/prune_snapshots.lua: what it keeps, deletes and says, by the emulator's state.

local cjson = require "cjson"
local process = require "spec.support.process"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

local VARIANT = os.getenv("EVS_SPEC_VARIANT")
local IS_INSTRUMENTED = VARIANT == "asan" or VARIANT == "valgrind"

-- The whole size with one interpreter, a tenth with the others.
local VOLUMES = VARIANT == "5.4" and 200 or 20
local OF_EACH = 25
local KEEP, OLDER = 5, 60

local SCRIPT = assert(io.open("examples/prune_snapshots.lua")):read("*a")

local function environment(changes)
  local all = { HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk,
    EVS_ENDPOINT = emulator.endpoint }
  for name, value in pairs(changes or {}) do all[name] = value end
  return all
end

local function run(arguments, changes)
  local quoted = {}
  for word in arguments:gmatch("%S+") do quoted[#quoted + 1] = ("%q"):format(word) end
  return process.run(("arg = { [0] = 'prune', %q, %s }\n%s"):format(project,
    table.concat(quoted, ", "), SCRIPT), environment(changes))
end

local function date(days)
  return os.date("!%Y-%m-%dT%H:%M:%S.000000", os.time() - days * 86400 - 3600)
end

-- Each volume has snapshots of every fourth day, a tenth of them of backups: by name and by mark.
local function populate(volumes)
  local all, backups = {}, 0
  for volume = 1, volumes do
    for i = 0, OF_EACH - 1 do
      local snapshot = { id = ("v%d-%d"):format(volume, i), volume_id = "volume-" .. volume,
        name = "daily " .. i, created_at = date(i * 4) }
      if (volume + i) % 10 == 0 then
        backups = backups + 1
        if backups % 2 == 0 then
          local origin = backups % 4 == 0 and "manual" or "auto"
          snapshot.name = origin .. "bk_snapshot_vbs_" .. i
        else
          snapshot.metadata = { ["__system__enableActive"] = "true" }
        end
      end
      all[#all + 1] = snapshot
    end
  end
  emulator:put(all)
end

-- What must go, as a set of ids: counted per volume from the youngest on.
local function expected(volumes)
  local ids, count = {}, 0
  for volume = 1, volumes do
    local kept = 0
    for i = 0, OF_EACH - 1 do
      if (volume + i) % 10 ~= 0 then
        if kept >= KEEP and i * 4 >= OLDER then
          ids[("v%d-%d"):format(volume, i)] = true
          count = count + 1
        end
        kept = kept + 1
      end
    end
  end
  return ids, count
end

local function existing()
  local ids = {}
  for _, snapshot in ipairs(emulator:snapshots()) do ids[snapshot.id] = true end
  return ids
end

-- Checks that `said`, id = word, is about `wanted` and nothing else, and true to the emulator's
-- state: what was accepted is gone, all else is there. Returns how often each word came.
local function assert_true_to_state(said, wanted, volumes)
  local there, sums = existing(), { accepted = 0, failed = 0, unknown = 0 }
  for volume = 1, volumes do
    for i = 0, OF_EACH - 1 do
      local id = ("v%d-%d"):format(volume, i)
      assert.equal(wanted[id] or false, said[id] ~= nil, id)
      assert.equal(said[id] ~= "accepted", there[id] or false, id)
      if said[id] then sums[said[id]] = sums[said[id]] + 1 end
    end
  end
  return sums
end

-- The words of lines such as `accepted  v1-20  daily 20`, by id; an id may come once.
local function read_lines(text)
  local said = {}
  for word, id in ("\n" .. text):gmatch("\n([%a ]-)  (v%d+%-%d+)  ") do
    assert.is_nil(said[id], id)
    said[id] = word
  end
  return said
end

-- One in a hundred deletions is refused, and one in a hundred requests has to be sent again.
local function fail_some()
  emulator:misbehave({
    { method = "DELETE", probability = 0.01, status = 403 },
    { probability = 0.01, status = 503 },
  }, 4)
end

local OPTIONS = ("--keep %d --older-than %dd "):format(KEEP, OLDER)

before_each(function() emulator:reset() end)

describe("prune_snapshots", function()
  it("deletes exactly what is old and beyond the newest, and says so, in a pipe", function()
    populate(VOLUMES)
    fail_some()
    local wanted, count = expected(VOLUMES)

    local result = run(OPTIONS .. "--yes")

    assert.equal("", result.stderr)
    local sums = assert_true_to_state(read_lines(result.stdout), wanted, VOLUMES)
    assert.equal(count, sums.accepted + sums.failed + sums.unknown)
    assert.is_true(VOLUMES < 200 or sums.failed > 0)
    local last = ("\n%d accepted or gone, %d failed, %d unknown, 0 unsent, %d kept\n"):format(
      sums.accepted, sums.failed, sums.unknown, VOLUMES * OF_EACH - count)
    assert.equal(last, result.stdout:sub(-#last))
    assert.is_nil(result.stdout:find("[\r\27]"))
    -- A 503 and then a 403 leave open what the first one did.
    assert.equal(sums.unknown > 0 and 3 or sums.failed > 0 and 1 or 0, result.status)
  end)

  it("shows what would go without --yes, and deletes nothing", function()
    populate(4)
    local wanted, count = expected(4)

    local result = run(OPTIONS)

    assert.equal(0, result.status)
    for id, word in pairs(read_lines(result.stdout)) do
      assert.equal("would go", word)
      wanted[id] = nil
    end
    assert.same({}, wanted)
    assert.is_truthy(result.stdout:find(("\n%d of 100 would go; "):format(count), 1, true))
    assert.equal(0, emulator:count().DELETE)
  end)

  it("writes an audit trail with --json, and nothing else to its output", function()
    populate(20)
    emulator:misbehave { { method = "DELETE", skip = 10, times = 3, status = 403 },
      { method = "DELETE", skip = 10, status = 200, html = true } }
    local wanted = expected(20)
    local words = { accepted = "accepted", refused = "failed", unknown = "unknown" }
    local said, count = {}, 0

    local result = run(OPTIONS .. "--yes --json")

    assert.equal(3, result.status)
    for line in result.stdout:gmatch("([^\n]*)\n") do
      local entry = cjson.decode(line)
      said[entry.id], count = entry.result, count + 1
      assert.equal(words[entry.outcome], entry.result)
      assert.equal("volume-" .. entry.id:match("^v(%d+)"), entry.volume_id)
      assert.equal("daily " .. entry.id:match("%d+$"), entry.name)
      assert.is_true(#entry.request_id > 0)
      assert.equal(entry.outcome ~= "accepted", entry.code ~= nil and entry.message ~= nil)
      if entry.result == "unknown" then said[entry.id] = "failed" end -- it did not happen
    end
    local sums = assert_true_to_state(said, wanted, 20)
    assert.equal(4, sums.failed)
    assert.equal(count, sums.accepted + sums.failed)
    assert.is_truthy(result.stderr:find("3 failed, 1 unknown, 0 unsent", 1, true))
  end)

  it("says gone, not accepted, of what was gone before it came, or was waited for", function()
    populate(1)
    emulator:misbehave { method = "DELETE", status = 404,
      body = { itemNotFound = { code = 404, message = "no" } } }

    local result = run(OPTIONS .. "--yes --json")

    local words = { accepted = 0, gone = 0 }
    for line in result.stdout:gmatch("([^\n]*)\n") do
      local entry = cjson.decode(line)
      assert.equal(entry.result, entry.outcome)
      words[entry.result] = words[entry.result] + 1
    end
    local _, count = expected(1)
    assert.same({ accepted = count - 1, gone = 1 }, words)
    populate(1)
    assert.is_truthy(run(OPTIONS .. "--yes --wait").stdout:find(
      ("\n%d gone, 0 failed, "):format(count), 1, true))
  end)

  it("draws a bar on a terminal, with failures above it", function()
    if IS_INSTRUMENTED or not io.open("/usr/bin/script") then return end
    populate(20)
    emulator:misbehave { { method = "DELETE", skip = 10, times = 3, status = 403 } }
    local wanted, count = expected(20)

    local result = process.run(([[
      local command = ("%%s examples/prune_snapshots.lua %%s"):format(arg[-1], %q)
      local ok = os.execute(("script -qec %%q /dev/null"):format(command))
      os.exit(ok == true and 0 or 1)]]):format(project .. " " .. OPTIONS .. "--yes"),
      environment())

    local screen = result.stdout:gsub("\r\n", "\n")
    local failed = 0
    for _ in screen:gmatch("\r\27%[Kfailed  v%d+%-%d+  daily %d+  HTTP%.403: [^\n\r]+\n") do
      failed = failed + 1
    end
    assert.equal(3, failed)
    local bar = ("[########################] %d/%d  "):format(count, count)
    assert.is_truthy(screen:find("\r\27[K" .. bar, 1, true), screen)
    assert.is_truthy(screen:find("  3 failed  0:00 left\n", 1, true))
    assert.is_truthy(screen:find(("\n%d accepted or gone, 3 failed, "):format(count - 3), 1, true))
    for id in pairs(existing()) do
      if wanted[id] then failed = failed - 1 end
    end
    assert.equal(0, failed)
  end)

  it("keeps the newest by number alone, older ones by date alone", function()
    populate(1)
    emulator:put { { id = "broken", volume_id = "volume-1", status = "error",
      created_at = date(-1) }, { id = "busy", volume_id = "volume-1", status = "creating",
      created_at = date(99) } }

    assert.equal(0, run("--keep 3 --yes").status)
    local there = existing()
    -- The broken one does not count as kept, is as new as they are, and stays with them.
    for _, id in ipairs { "broken", "busy", "v1-0", "v1-1", "v1-2", "v1-9" } do
      assert.is_true(there[id], id)
    end
    assert.is_nil(there["v1-3"])
    assert.equal(0, run("--older-than 5d --yes").status)
    there = existing()
    assert.is_nil(there["v1-2"])
    assert.is_true(there["v1-1"] and there["v1-9"])
  end)

  it("looks only at what its filters let through", function()
    populate(2)

    local result = run("--keep 0 --volume-id volume-2 --yes")

    assert.equal(0, result.status)
    for id in pairs(existing()) do
      assert.is_true(id:find("^v1%-") ~= nil or id == "v2-8" or id == "v2-18", id)
    end
  end)

  it("says what a stop left unsent, and ends with 1", function()
    populate(2)
    emulator:misbehave { { method = "DELETE", skip = 3, times = -1, status = 401,
      body = { error_code = "APIGW.0304", error_msg = "in arrears" } } }
    local _, count = expected(2)

    local result = run(OPTIONS .. "--yes --concurrency 1")

    assert.equal(1, result.status)
    local words = { accepted = 0, failed = 0, unsent = 0 }
    for _, word in pairs(read_lines(result.stdout)) do words[word] = words[word] + 1 end
    assert.same({ accepted = 3, failed = 1, unsent = count - 4 }, words)
    assert.is_truthy(result.stderr:find("Stopped: APIGW.0304", 1, true))
  end)

  it("ends with 0 when there is nothing to do, 1 without a list, 2 for a wrong line", function()
    assert.equal(0, run("--keep 3 --yes").status)
    assert.equal(1, run("--keep 3 --yes", { HUAWEICLOUD_SDK_SK = "wrong" }).status)
    local before = #emulator:log()
    for _, line in ipairs { "--yes", "--keep x", "--older-than 3y", "--keep 1 --rate much",
      "--keep 1 --concurrency 0", "--speed 3" } do
      assert.equal(2, run(line).status, line)
    end
    assert.equal(before, #emulator:log())
  end)
end)
