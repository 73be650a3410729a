-- Proves examples/delete_snapshot.lua, and what all examples have in common.

local documents = require "spec.support.documents"
local process = require "spec.support.process"

local emulator = require("spec.support.emulator").start()

describe("the examples and the pages", function()
  -- Lua 5.1, Lua 5.2 and nginx do not show an error that is a table.
  it("let no assert hide an error", function()
    local files = documents.files "README.md docs/*.md spec/*/README.md examples/* tools/*.lua"
    for _, file in ipairs(files) do
      assert.is_nil(documents.read(file):find("assert%(%w*evs[.:]"), file)
      assert.is_nil(documents.read(file):find("assert%(client[.:]"), file)
    end
  end)

  it("say how they are called when they are called without arguments, and end badly", function()
    for _, name in ipairs { "delete_snapshot", "event_loop" } do
      local script = ("arg = { [0] = %q }\n%s"):format(name,
        documents.read("examples/" .. name .. ".lua"))
      local result = process.run(script, { EVS_ENDPOINT = emulator.endpoint })
      assert.equal(2, result.status, name)
      assert.is_truthy(result.stderr:lower():find("usage: ", 1, true), name)
      assert.equal("", result.stdout)
    end
  end)
end)

describe("examples/delete_snapshot.lua", function()
  local project = emulator.project_id

  local function run(...)
    local quoted = {}
    for i, argument in ipairs { ... } do quoted[i] = ("%q"):format(argument) end
    return process.run(("arg = { [0] = 'delete_snapshot.lua', %s }\n%s"):format(
      table.concat(quoted, ", "), documents.read("examples/delete_snapshot.lua")),
      { HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk,
        EVS_ENDPOINT = emulator.endpoint })
  end

  before_each(function() emulator:reset(true) end)

  it("deletes, waits, and ends with 0", function()
    local result = run(project, emulator.snapshot_id, "--wait", "20")

    assert.equal("", result.stderr)
    assert.equal(emulator.snapshot_id .. ": gone\n", result.stdout)
    assert.equal(0, result.status)
  end)

  it("ends with 0 for a missing one only with --ignore-missing", function()
    assert.equal(1, run(project, emulator.missing_id).status)
    assert.equal(0, run(project, emulator.missing_id, "--ignore-missing").status)
  end)

  it("ends with 1 for a backup's, which --no-guard deletes", function()
    assert.equal(1, run(project, emulator.backup_id).status)
    assert.is_truthy(emulator:snapshot(emulator.backup_id))
    assert.equal(0, run(project, emulator.backup_id, "--no-guard").status)
    assert.is_nil(emulator:snapshot(emulator.backup_id))
  end)

  it("ends with 2 for a wrong command line", function()
    assert.equal(2, run(project).status)
    assert.equal(2, run(project, "id", "--wait=soon").status)
    assert.equal(0, #emulator:log())
  end)

  it("ends with 3 when the deletion may have happened", function()
    emulator:misbehave { method = "DELETE", status = 200, html = true }

    assert.equal(3, run(project, emulator.snapshot_id).status)
  end)
end)
