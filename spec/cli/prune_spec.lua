-- Proves evs prune: what it deletes, keeps and says, by the emulator's state.

local cjson = require "cjson"
local command = require "spec.support.command"

local emulator = command.emulator
local run = command.run

-- The whole size with one interpreter, a tenth with the others.
local VOLUMES = os.getenv("EVS_SPEC_VARIANT") == "5.4" and 200 or 20
local OF_EACH = 25

local POLICY = "prune --keep-last 5 --older-than 60d --max 100% "

-- A list of many ids is refused, and then each is looked at by itself.
local LOOKS_ONE_BY_ONE = { method = "GET", path = "detail%?.*id=", status = 400 }

-- A tenth of each volume's snapshots are backups', by name and by mark.
local function mark_backups(one, volume, i)
  if (volume + i) % 10 ~= 0 then return end
  if i % 2 == 0 then
    one.name = "autobk_snapshot_" .. i
  else
    one.metadata = { ["__system__enableActive"] = "true" }
  end
end

-- What must go, as a set of ids: counted per volume from the youngest on.
local function expected(volumes)
  local ids, count = {}, 0
  for volume = 1, volumes do
    local kept = 0
    for i = 0, OF_EACH - 1 do
      if (volume + i) % 10 ~= 0 then
        if kept >= 5 and i * 4 >= 60 then
          ids[("v%d-%d"):format(volume, i)], count = true, count + 1
        end
        kept = kept + 1
      end
    end
  end
  return ids, count
end

-- The words of lines such as `accepted  v1-20  daily 20`, by id; an id may come once.
local function read_lines(text)
  local said = {}
  for word, id in ("\n" .. text):gmatch("\n(%a+) +(v%d+%-%d+)  ") do
    assert.is_nil(said[id], id)
    said[id] = word
  end
  return said
end

-- Checks that what was said of each id is about `wanted` alone, and true; the sums of the words.
local function assert_true_to_state(said, wanted, volumes)
  local there, sums = command.existing(), { accepted = 0, failed = 0, unknown = 0 }
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

before_each(function() emulator:reset() end)

describe("evs prune", function()
  it("deletes exactly what no rule keeps, and says so, in a pipe", function()
    command.populate(VOLUMES, OF_EACH, mark_backups)
    emulator:misbehave({ { method = "DELETE", probability = 0.01, status = 403 },
      { probability = 0.01, status = 503 } }, 4)
    local wanted, count = expected(VOLUMES)

    local result = run(POLICY .. "--yes --max-errors 1000")

    local sums = assert_true_to_state(read_lines(result.stdout), wanted, VOLUMES)
    local untold = sums.unknown > 0 and ("evs: of %d it is not recorded what became: "
      .. "evs show looks at one; with --audit evs resume would look at each\n"):format(sums.unknown)
    assert.equal(untold or "", result.stderr)
    assert.matches(("%d of %d snapshots go, "):format(count, VOLUMES * OF_EACH), result.stdout, 1,
      true)
    assert.equal(count, sums.accepted + sums.failed + sums.unknown)
    assert.is_true(VOLUMES < 200 or sums.failed > 0)
    local last = ("\n%d accepted, 0 gone, %d failed, %d unknown, 0 unsent\n"):format(sums.accepted,
      sums.failed, sums.unknown)
    assert.equal(last, result.stdout:sub(-#last))
    assert.is_nil(result.stdout:find("[\r\27]"))
    assert.equal(sums.unknown > 0 and 3 or sums.failed > 0 and 1 or 0, result.status)
  end)

  it("shows what goes, stays and is spared without --yes, with reasons and sums", function()
    command.populate(2, OF_EACH, mark_backups)
    local wanted, count = expected(2)

    local result = run(POLICY)

    assert.equal(0, result.status)
    for word, id in result.stdout:gmatch("(%a+) +volume%-%d  %S+ +(v%d%-%d+) ") do
      assert.equal(wanted[id] and "goes" or word, word)
      if word == "goes" then wanted[id] = nil end
    end
    assert.same({}, wanted)
    assert.matches("stays +volume%-1  %S+ +v1%-0 +40 GiB  daily 0 +last 1 of 5, within 60d\n",
      result.stdout)
    assert.matches("spared +volume%-1 .- autobk_snapshot_", result.stdout)
    assert.matches("\nVOLUME +GO +STAY +SPARED +OF DISKS\nvolume%-1 ", result.stdout)
    assert.matches(("\n%d of 50 snapshots go, %%d+ stay, %%d+ are spared\n"):format(count),
      result.stdout)
    assert.matches("nothing was deleted; add %-%-yes\n$", result.stdout)
    assert.equal(0, emulator:count().DELETE)
  end)

  it("takes filters for what may go, and the whole group for what counts", function()
    command.populate(2, 6, function(one, _, i)
      one.status = i == 1 and "error" or "available"
      one.metadata = i % 2 == 1 and { by = "nightly" } or {}
    end)
    for filter, ids in pairs {
      ["--volume-id volume-2 --exclude v2-5"] = "v2-3 v2-4",
      ["--status error"] = "v1-1 v2-1", -- it holds no data, and so no place among the last
      ["--metadata by=nightly"] = "v1-1 v1-3 v1-5 v2-1 v2-3 v2-5",
      ["--name-match ^%a+.[45]$ --volume-id volume-1 --volume-id x"] = "v1-4 v1-5",
      ["--name-prefix daily --volume-id volume-1 --status available"] = "v1-3 v1-4 v1-5",
    } do
      local found = {}
      for id in run("prune --keep-last 2 " .. filter).stdout:gmatch("goes +%S+  %S+  (%S+)") do
        found[#found + 1] = id
      end
      table.sort(found)
      if filter:find("volume-id volume-2", 1, true) then ids = "v2-1 " .. ids end
      assert.equal(ids, table.concat(found, " "), filter)
    end
  end)

  it("says that a filter matches nothing, with 4 under --fail-if-empty", function()
    command.populate(1, 3)
    local result = run("prune --keep-last 1 --volume-id volume-l --yes")
    assert.equal(0, result.status)
    assert.matches("the filters match none of 3 snapshots", result.stdout)
    assert.equal(4, run("prune --keep-last 1 --volume-id volume-l --yes --fail-if-empty").status)
    assert.equal(0, run("prune --keep-last 9 --yes --fail-if-empty").status)
    assert.equal(0, emulator:count().DELETE)
  end)

  it("refuses a filter with nothing in it, as of a shell's variable, and 0 errors", function()
    command.populate(2, 3)
    for _, option in ipairs { "--name-prefix", "--name-match", "--volume-id", "--status",
      "--exclude" } do
      local result = run { "prune", "--keep-last", "1", "--yes", option, "" }
      assert.equal(2, result.status)
      assert.matches("evs: " .. option .. ": the value is empty", result.stderr, nil, true)
    end
    assert.equal(2, run({ "delete", "--name", "" }).status)
    local result = run("prune --keep-last 1 --yes --max-errors 0")
    assert.equal(2, result.status)
    assert.matches('--max-errors: "0" is no whole number from 1 on', result.stderr, nil, true)
    assert.equal(0, #emulator:log())
  end)

  it("warns when the policy can judge nothing, as with a mistyped --group-by", function()
    command.populate(2, 3)
    local result = run("prune --keep-last 1 --group-by volume --yes")
    assert.equal(0, result.status)
    assert.equal("evs: none of 6 snapshots can be judged; of the first: it has no volume\n",
      result.stderr)
    assert.equal("", run("prune --keep-last 9").stderr)
  end)

  it("says that one is gone when it went of itself, and with --wait", function()
    command.populate(1, 4)
    emulator:misbehave { LOOKS_ONE_BY_ONE, { method = "GET", path = "/v1%-3$", status = 404,
      body = { itemNotFound = { code = 404, message = "x" } } } }
    local result = run("prune --keep-last 2 --yes")
    assert.same({ ["v1-2"] = "accepted", ["v1-3"] = "gone" }, read_lines(result.stdout))
    emulator:misbehave {}
    result = run("prune --keep-last 1 --yes --wait")
    assert.same({ ["v1-1"] = "gone", ["v1-3"] = "gone" }, read_lines(result.stdout))
    assert.equal(0, result.status)
  end)

  it("looks at each once more before it deletes: a backup's meanwhile stays", function()
    command.populate(1, 4)
    for said, name in pairs { ["autobk_snapshot_"] = "autobk_snapshot_1",
      ['changed: its name was "daily 3" and is "mine"'] = "mine" } do
      command.populate(1, 4)
      emulator:misbehave { LOOKS_ONE_BY_ONE, { method = "GET", path = "/v1%-3$", status = 200,
        body = { snapshot = { id = "v1-3", status = "available", name = name,
          volume_id = "volume-1", created_at = emulator:snapshot("v1-3").created_at,
          metadata = { a = "b" } } } } }
      local result = run("prune --keep-last 2 --yes")
      assert.same({ ["v1-2"] = "accepted", ["v1-3"] = "failed" }, read_lines(result.stdout))
      assert.matches("Client.Protected", result.stdout, nil, true)
      assert.matches(said, result.stdout, nil, true)
      assert.equal(1, result.status)
      assert.is_true(command.existing()["v1-3"])
    end
  end)

  it("stops at --max-errors", function()
    command.populate(1, 40)
    emulator:misbehave { { method = "DELETE", times = -1, status = 403 } }
    local result = run("prune --keep-last 1 --yes --max 100% --max-errors 3 --concurrency 1")
    assert.equal(1, result.status)
    assert.matches("3 have failed, and --max-errors is 3", result.stderr, nil, true)
    assert.matches("0 accepted, 0 gone, 3 failed, 0 unknown, 36 unsent", result.stdout, nil, true)
    assert.equal(3, emulator:count().DELETE)
  end)

  it("says in one line that a refused key stops the rest", function()
    command.populate(1, 10)
    emulator:misbehave { { method = "DELETE", skip = 3, times = -1, status = 401,
      body = { error_code = "APIGW.0304", error_msg = "in arrears" } } }
    local result = run("prune --keep-last 1 --yes --concurrency 1")
    assert.equal(1, result.status)
    assert.matches("3 accepted, 0 gone, 1 failed, 0 unknown, 5 unsent", result.stdout, nil, true)
    assert.matches("evs: stopped: APIGW.0304", result.stderr, nil, true)
  end)

  it("includes standard snapshots that are named, and spares the others", function()
    command.populate(1, 6, function(one, _, i)
      local made = { { snapshot_type = "auto" }, { snapshot_type = "copy" }, { frozen = true } }
      one.fields = made[i]
    end)
    local function goes(options)
      local found = {}
      for id in run("prune --keep-last 1 " .. options).stdout:gmatch("goes +%S+  %S+  (%S+)") do
        found[#found + 1] = id
      end
      table.sort(found)
      return table.concat(found, " ")
    end
    assert.equal("v1-4 v1-5", goes(""))
    assert.equal("v1-1 v1-3 v1-4 v1-5", goes("--include auto,frozen"))
  end)

  it("gives the plan in lines of JSON with --json, and nothing else to its output", function()
    command.populate(1, 4)
    local result = run("prune --keep-last 3 --json")
    local events = command.events(result.stdout)
    assert.equal("plan", events[1].event)
    assert.equal(emulator.project_id, events[1].project_id)
    assert.same({ "delete", "v1-3", "volume-1", 40 }, { events[2].event, events[2].id,
      events[2].volume_id, events[2].size })
    assert.same({ "last 3 of 3" }, events[3].reasons)
    assert.equal(5, #events)
    assert.is_string(cjson.encode(events[1].policy))
    assert.equal("nothing was deleted; add --yes\n", result.stderr)
  end)

  it("writes names that would steer a terminal as what they are", function()
    emulator:put { { id = "a", volume_id = "v", name = "x\27[31m\r\n\194\155y", created_at =
      command.date(2) }, { id = "b", volume_id = "v", created_at = command.date(1) } }
    local result = run("prune --keep-last 1")
    assert.matches("x\\x1b[31m\\x0d\\x0a\\xc2\\x9by", result.stdout, nil, true)
    assert.is_nil(result.stdout:find("[%z\1-\9\11-\31]"))
  end)

  it("ends with 1 without a list, 2 for a wrong line, before anything is sent", function()
    assert.equal(0, run("prune --keep-last 3 --yes").status)
    local wrong = { environment = { HUAWEICLOUD_SDK_SK = "x" } }
    assert.equal(1, run("prune --keep-last 3", wrong).status)
    local before = #emulator:log()
    for line, said in pairs {
      ["prune --yes"] = "no policy", ["prune --keep-last x"] = '"x" is no whole number',
      ["prune --keep-last -1"] = "-1", ["prune --older-than 3y"] = '"3y" is no age',
      ["prune --keep-last 1 --rate much"] = '"much"', ["prune --keep-last 1 --concurrency 0"] =
      "concurrency", ["prune --keep-last 1 --speed 3"] = "--speed",
      ["prune --keep-last 1 --max 101%"] = '"101%"', ["prune --keep-last 1 --metadata x"] = '"x"',
      ["prune --keep-last 1 --name-match %"] = "pattern", ["prune --keep-last 1 --include a"] =
      '"a"', ["prune --keep-last 1 --project a/b"] = "project_id", ["prune --keep-daily 0"] =
      "no rule", ["prune --keep-last 1 --profile no"] = "--profile no", ["frobnicate"] =
      "frobnicate", [""] = "command", ["prune --keep-last 1 --keep-within 1d --older-than 1d"] =
      "can not be used", ["prune --keep-last 1\27[31m"] = "\\x1b",
    } do
      local result = run(line)
      assert.equal(2, result.status, line)
      assert.matches(said, result.stderr, nil, true)
    end
    assert.equal(2, run("prune --keep-last 1", { environment = { HUAWEICLOUD_SDK_PROJECT_ID = "" }
      }).status)
    assert.equal(2, run("prune --keep-last 1", { environment = { EVS_ENDPOINT = "" } }).status)
    assert.equal(before, #emulator:log())
  end)
end)
