-- Proves --project auto: IAM is asked for the region's project, once; what IAM refuses, and several
-- projects, end the command before anything is sent to EVS, and say what to do.

local command = require "spec.support.command"

local emulator = command.emulator

local AUTO = { HUAWEICLOUD_SDK_PROJECT_ID = "auto", HUAWEICLOUD_SDK_REGION = emulator.region,
  HUAWEICLOUD_SDK_IAM_ENDPOINT = emulator.iam_endpoint }

local PRUNE = "prune --keep-last 1 --yes"

local function run(words, changes)
  local environment = {}
  for name, value in pairs(AUTO) do environment[name] = value end
  for name, value in pairs(changes or {}) do environment[name] = value end
  return command.run(words, { environment = environment })
end

before_each(function() emulator:reset() end)

describe("--project auto", function()
  it("finds the region's project by one request, and the record names it", function()
    command.populate(1, 3)
    local audit = command.file("auto.jsonl")
    local result = run(PRUNE .. " --audit " .. audit)
    assert.same({ 0, "" }, { result.status, result.stderr })
    assert.equal(1, emulator:count()["iam.GET"])
    assert.equal(emulator.project_id, command.events(command.read(audit))[1].project_id)
    assert.same({ ["v1-0"] = true }, command.existing())
  end)

  it("is taken from the command line, too, and for every command", function()
    command.populate(1, 2)
    local by_variable = { HUAWEICLOUD_SDK_PROJECT_ID = "another" }
    for _, words in ipairs { "list", "show v1-0", "delete v1-1", "doctor" } do
      local result = run(words .. " --project auto", by_variable)
      assert.same({ 0, "" }, { result.status, result.stderr }, words)
    end
    assert.equal(4, emulator:count()["iam.GET"])
  end)

  it("holds the lock of the project that it found", function()
    command.populate(1, 2)
    emulator:misbehave { method = "DELETE", delay = 1 }
    local first = command.start(PRUNE .. " --project " .. emulator.project_id)
    while emulator:count().DELETE == 0 do os.execute("sleep 0.05") end
    assert.equal(5, run(PRUNE).status)
    assert.equal(0, first:wait().status)
  end)

  it("ends with 2 where there are several, lists them, and sends nothing to EVS", function()
    emulator:iam { projects = { { id = "p1", name = emulator.region },
      { id = "p2", name = emulator.region } } }
    local result = run(PRUNE)
    assert.equal(2, result.status)
    assert.matches("Client.NoProject", result.stderr, nil, true)
    local listed = ("p1 (%s), p2 (%s)"):format(emulator.region, emulator.region)
    assert.matches(listed, result.stderr, nil, true)
    assert.equal(0, emulator:count().GET)
  end)

  it("ends with 2 without a region, which the message names", function()
    local result = run(PRUNE, { HUAWEICLOUD_SDK_REGION = "" })
    assert.equal(2, result.status)
    assert.matches("HUAWEICLOUD_SDK_REGION", result.stderr, nil, true)
    assert.equal(0, #emulator:log())
  end)

  it("ends with 1 when IAM refuses, and shows the hint", function()
    emulator:iam { status = 403 }
    local result = run(PRUNE)
    assert.equal(1, result.status)
    assert.matches("; hint: [^\n]*iam:projects:listProjects", result.stderr)
    assert.equal(0, emulator:count().GET)
  end)

  it("is a step of evs doctor, which names the cure", function()
    assert.matches("\nok     project     " .. emulator.project_id .. "\n", run("doctor").stdout)
    emulator:iam { status = 403 }
    assert.matches("\nFAULT  project [^\n]*\n[^\n]*cure: grant iam:projects:listProjects",
      run("doctor").stdout)
    emulator:iam { projects = {} }
    assert.matches("\nFAULT  project [^\n]*\n[^\n]*cure: give %-%-project ID", run("doctor").stdout)
    local wrong = run("doctor", { HUAWEICLOUD_SDK_SK = "wrong" }).stdout
    assert.matches("\nFAULT  project [^\n]*\n[^\n]*cure: check the access key", wrong)
  end)
end)
