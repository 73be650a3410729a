-- Proves evs.info and evs._VERSION.

local evs = require "evs"

local function read(name)
  local file = assert(io.open(name))
  local text = file:read("*a")
  file:close()
  return text
end

describe("evs._VERSION", function()
  it("is the version of the sources, as major.minor.patch", function()
    assert.equal(read("src/client/client.h"):match('#define EVS_VERSION "([^"]+)"'), evs._VERSION)
    assert.matches("^%d+%.%d+%.%d+$", evs._VERSION)
  end)
end)

describe("evs.info", function()
  it("tells the versions of everything that takes part", function()
    local info = evs.info()
    assert.equal(evs._VERSION, info.version)
    assert.matches("^%d+%.%d+", info.libcurl)
    assert.matches("^%a+/%d", info.tls)
    assert.matches("^%d+%.%d+", info.nettle)
    assert.equal(_VERSION, info.lua)
  end)

  it("lists the algorithms that can sign", function()
    local listed = {}
    for _, name in ipairs(evs.info().algorithms) do listed[name] = true end
    assert.is_true(listed["SDK-HMAC-SHA256"])
    assert.is_true(listed["V11-HMAC-SHA256"])
    listed["SDK-HMAC-SHA256"], listed["V11-HMAC-SHA256"], listed["SDK-HMAC-SM3"] = nil, nil, nil
    assert.same({}, listed)
    for _, name in ipairs(evs.info().algorithms) do
      assert.is_truthy(evs.new { region = "cn-north-4", algorithm = name })
    end
  end)

  it("gives a table of its own to each caller", function()
    local info = evs.info()
    info.version, info.algorithms[1] = "changed", "changed"
    assert.equal(evs._VERSION, evs.info().version)
    assert.equal("SDK-HMAC-SHA256", evs.info().algorithms[1])
  end)
end)
