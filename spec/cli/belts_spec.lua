-- Proves the belts of evs: each holds before anything is sent, and says how it is loosened.

local command = require "spec.support.command"

local emulator = command.emulator
local run = command.run

-- Nothing but lists may have been asked for.
local function assert_held(result, said, cure)
  assert.equal(5, result.status, result.stderr)
  assert.matches(said, result.stderr, nil, true)
  assert.matches(cure, result.stderr, nil, true)
  assert.equal(0, emulator:count().DELETE)
end

before_each(function() emulator:reset() end)

describe("the belt", function()
  it("holds the plan back, too: evs apply would carry it out", function()
    command.populate(5, 20)
    local path = command.file("plan")
    for _, way in ipairs { "--plan " .. path, "--json" } do
      local result = run("prune --keep-last 8 " .. way)
      assert_held(result, "60 of 100 snapshots would go", "give --max 60")
      assert.is_nil(result.stdout:find('"event"', 1, true))
    end
    assert.is_nil(io.open(path))
    assert.equal(0, run("prune --keep-last 8 --max 60 --plan " .. path).status)
    assert.equal(0, run("apply " .. path).status)
  end)

  it("--max holds a policy that takes 60 %, in a dry run too", function()
    command.populate(5, 20)
    for _, yes in ipairs { "", " --yes" } do
      assert_held(run("prune --keep-last 8" .. yes),
        "60 of 100 snapshots would go, at most 50 may; nothing was sent", "give --max 60")
    end
    assert.equal(0, run("prune --keep-last 8 --max 60").status)
    assert.equal(5, run("prune --keep-last 8 --max 59").status)
    assert.equal(0, run("prune --keep-last 8 --max 60%").status)
    assert.equal(5, run("prune --keep-last 8 --max 59%").status)
    assert.equal(0, run("prune --keep-last 8 --max 60 --yes").status)
    assert.equal(60, emulator:count().DELETE)
  end)

  it("--max lets ten go by itself, and counts what the policy judged, not the filters", function()
    command.populate(1, 12)
    assert.equal(0, run("prune --keep-last 2").status)
    assert.equal(5, run("prune --keep-last 1").status)
    command.populate(2, 40)
    assert.equal(0, run("prune --keep-last 5 --volume-id volume-1").status)
    assert_held(run("prune --keep-last 5"), "70 of 80", "--max 70")
  end)

  it("--empty-groups holds --keep-last 0", function()
    command.populate(2, 3)
    assert_held(run("prune --keep-last 0 --yes"), "--keep-last 0 would empty volumes",
      "--empty-groups")
    assert.equal(0, #emulator:log())
    assert.equal(0, run("prune --keep-last 0 --empty-groups --yes").status)
    assert.same({}, command.existing())
  end)

  it("keeps the newest of a volume, whatever the policy says, without --empty-groups", function()
    command.populate(2, 3, function(one) one.created_at = "2020" .. one.created_at:sub(5) end)
    assert.equal(0, run("prune --older-than 1d --yes").status)
    assert.same({ ["v1-0"] = true, ["v2-0"] = true }, command.existing())
    assert.equal(0, run("prune --older-than 1d --yes --empty-groups").status)
    assert.same({}, command.existing())
  end)

  it("on the clock holds when this machine's is far from the server's", function()
    command.populate(2, 3)
    for skew, said in pairs { [-315360000] = "3650 days fast", [1200] = "20 minutes slow" } do
      emulator:clock(skew)
      assert_held(run("prune --keep-within 1h --yes"), said, "--any-clock")
    end
    assert.equal(0, run("prune --keep-within 1h --any-clock --yes").status)
    assert.equal(4, emulator:count().DELETE)
  end)

  it("on the clock holds where no signature is refused for it: with a token, and by 12 minutes",
    function()
      command.populate(2, 3)
      local token = { HUAWEICLOUD_SDK_AK = "", HUAWEICLOUD_SDK_SK = "", EVS_TOKEN = emulator.token }
      emulator:clock(-864000)
      assert_held(run("prune --keep-within 3d --yes", { environment = token }), "10 days fast",
        "--any-clock")
      emulator:clock(720)
      assert_held(run("prune --keep-within 3d --yes"), "12 minutes slow", "--any-clock")
      emulator:clock(0)
      assert.equal(0, run("prune --keep-within 3d --yes", { environment = token }).status)
    end)

  it("on the clock holds when all dates are after now", function()
    command.populate(2, 3, function(one) one.created_at = "2126" .. one.created_at:sub(5) end)
    assert_held(run("prune --keep-last 1 --yes"), "6 snapshots have a date after now",
      "--any-clock")
    local result = run("prune --keep-last 1 --any-clock --yes")
    assert.equal(0, result.status)
    assert.equal(0, emulator:count().DELETE)
  end)

  it("lets one run on a project go at a time", function()
    command.populate(1, 3)
    emulator:misbehave { { method = "GET", delay = 4 } }
    local first = command.start("prune --keep-last 2 --yes")
    local waited = 0
    while emulator:count().GET == 0 and waited < 200 do
      os.execute("sleep 0.02")
      waited = waited + 1
    end
    assert_held(run("prune --keep-last 2 --yes"), "another run on the project", "--no-lock")
    assert_held(run("delete v1-2"), "is locked", "--no-lock")
    assert.equal(0, run("prune --keep-last 2").status)
    assert.equal(0, run("delete v1-1 --no-lock").status) -- not the one that the first may delete
    assert.equal(0, first:wait().status)
  end)

  it("says what to do where no lock can be made", function()
    local result = run("delete v1-2", { environment = { XDG_RUNTIME_DIR = "/nonexistent" } })
    assert.equal(1, result.status)
    assert.matches("no lock file can be made: /nonexistent/evs-", result.stderr, nil, true)
    assert.equal(0, #emulator:log())
  end)
end)
