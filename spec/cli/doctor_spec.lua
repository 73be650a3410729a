-- Proves evs doctor: all is well, or the fault is named, with its cure.

local command = require "spec.support.command"

local emulator = command.emulator

before_each(function() emulator:reset(true) end)

-- Runs it, and checks that it names a fault of `step`, and its cure.
local function assert_fault(step, cure, environment)
  local result = command.run("doctor", { environment = environment })
  assert.equal(1, result.status, result.stdout)
  assert.matches("\nFAULT  " .. step .. " ", "\n" .. result.stdout)
  assert.matches("cure: [^\n]*" .. cure, result.stdout)
  return result.stdout
end

local TLS = { EVS_ENDPOINT = emulator.tls_endpoint, EVS_CA_FILE = emulator.ca_file }

describe("evs doctor", function()
  it("says that all is well", function()
    local result = command.run("doctor", { environment = TLS })
    assert.equal(0, result.status)
    assert.matches("all is well\n$", result.stdout)
    for _, step in ipairs { "program", "endpoint", "keys", "project", "name", "connection", "TLS",
      "signature", "clock", "rights" } do
      assert.matches("\nok     " .. step, "\n" .. result.stdout)
    end
    assert.matches("evs:snapshots:list: allowed", result.stdout)
    assert.matches("evs:snapshots:get: allowed", result.stdout)
    assert.equal(0, emulator:count().DELETE)
  end)

  it("names a wrong secret, in one request", function()
    assert_fault("signature", "check the access key and the secret key",
      { HUAWEICLOUD_SDK_SK = "wrong" })
    assert.equal(1, #emulator:log())
  end)

  it("names a clock that is 20 minutes off", function()
    emulator:clock(1200)
    assert.matches("20 minutes slow", assert_fault("clock", "timedatectl"))
    emulator:clock(-1200)
    assert.matches("20 minutes fast", assert_fault("clock", "timedatectl"))
    assert.matches("20 minutes fast", assert_fault("clock", "timedatectl",
      { HUAWEICLOUD_SDK_AK = "", HUAWEICLOUD_SDK_SK = "", EVS_TOKEN = emulator.token }))
  end)

  it("names rights that are missing, and those that are there", function()
    emulator:misbehave { path = "/detail", times = -1, status = 403 }
    local said = assert_fault("rights", "grant evs:snapshots:list")
    assert.matches("ok     rights      evs:snapshots:get: allowed", said)
    emulator:misbehave { method = "GET", times = -1, skip = 1, status = 403 }
    said = assert_fault("rights", "grant evs:snapshots:get")
    assert.matches("ok     rights      evs:snapshots:list: allowed", said)
  end)

  it("names an unknown CA", function()
    assert_fault("TLS", "EVS_CA_FILE", { EVS_ENDPOINT = emulator.tls_endpoint, EVS_CA_FILE = "" })
  end)

  it("says of a certificate whether its time is over or its name another's", function()
    for name, cure in pairs { expired = "have it renewed", wrong_host = "is another host's" } do
      assert_fault("TLS", cure, { EVS_ENDPOINT = emulator[name .. "_endpoint"],
        EVS_CA_FILE = emulator.ca_file })
    end
  end)

  it("names a dead proxy", function()
    assert_fault("connection", "HTTPS_PROXY", { EVS_ENDPOINT = emulator.tls_endpoint,
      EVS_CA_FILE = emulator.ca_file, HTTPS_PROXY = "http://127.0.0.1:9" })
  end)

  it("names what is not set, and a name that is not known", function()
    assert_fault("endpoint", "HUAWEICLOUD_SDK_REGION", { EVS_ENDPOINT = "" })
    assert_fault("project", "HUAWEICLOUD_SDK_PROJECT_ID", { HUAWEICLOUD_SDK_PROJECT_ID = "" })
    assert_fault("name", "DNS", { EVS_ENDPOINT = "https://nosuch.invalid" })
    assert_fault("connection", "firewall", { EVS_ENDPOINT = "http://127.0.0.1:9" })
    assert_fault("options", "correct", { HUAWEICLOUD_SDK_PROJECT_ID = "a/b" })
    assert_fault("keys", "HUAWEICLOUD_SDK_AK", { HUAWEICLOUD_SDK_AK = "", HUAWEICLOUD_SDK_SK = "",
      HOME = "/nonexistent", EVS_METADATA_ENDPOINT = "http://127.0.0.1:9" })
  end)
end)
