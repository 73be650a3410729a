-- The shell scripts of the pages run as they stand, but for their port.

if os.getenv("EVS_SPEC_VARIANT") ~= "5.4" then return end -- they call lua5.4

local documents = require "spec.support.documents"
local process = require "spec.support.process"

local emulator = require("spec.support.emulator").start()

-- What the emulator says to export.
local EXPORTED = { HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk,
  HUAWEICLOUD_SDK_PROJECT_ID = emulator.project_id, EVS_ENDPOINT = emulator.tls_endpoint,
  EVS_CA_FILE = emulator.ca_file }

-- Runs shell text, in which files stand for others: { ["delete.lua"] = its text }.
local function run(text, files, environment)
  local names = {}
  text = text:gsub("http://127%.0%.0%.1:8080", emulator.endpoint)
  for name, content in pairs(files or {}) do
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(content)
    file:close()
    names[#names + 1] = path
    text = text:gsub(name:gsub("%.", "%%."), path)
  end
  local script = os.tmpname()
  local file = assert(io.open(script, "w"))
  file:write(text)
  file:close()
  names[#names + 1] = script
  local result = process.run(("os.exit(os.execute(%q) == true)"):format(
    "exec sh -eu " .. script), environment)
  for _, name in ipairs(names) do os.remove(name) end
  return result
end

before_each(function() emulator:reset(true) end)

describe("the shell scripts of the pages", function()
  it("delete a first snapshot, with what the emulator says to export", function()
    local result = run(documents.block("README.md", "emulator.sh"),
      { ["delete.lua"] = documents.block("README.md", "delete.lua") }, EXPORTED)

    assert.equal("", result.stderr)
    assert.equal(0, result.status)
    assert.equal(emulator.snapshot_id .. ": accepted\n", result.stdout)
    assert.is_nil(emulator:snapshot(emulator.snapshot_id))
  end)

  it("make the emulator misbehave by hand", function()
    local result = run(documents.block("docs/testing.md", "by_hand.sh"))

    assert.equal("", result.stderr)
    assert.equal(0, result.status)
    assert.is_truthy(result.stdout:find(emulator.snapshot_id .. ": accepted", 1, true))
    assert.equal(2, emulator:count().DELETE)
  end)
end)
