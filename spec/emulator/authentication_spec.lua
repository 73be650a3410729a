-- Proves that the emulator accepts what is rightly signed and nothing else.

local emulator = require("spec.support.emulator").start()
local signed = require("spec.support.signed").to(emulator)

before_each(function() emulator:reset() end)

describe("authentication", function()
  before_each(function() emulator:put { id = "a" } end)

  it("accepts all three algorithms", function()
    local scope = signed.date():sub(1, 8) .. "/" .. emulator.region .. "/evs"
    assert.equal(200, (signed:call("GET", "a")))
    assert.equal(200, (signed:call("GET", "a", { algorithm = "SDK-HMAC-SM3" })))
    assert.equal(200, (signed:call("GET", "a", { algorithm = "V11-HMAC-SHA256", scope = scope })))
  end)

  it("accepts an encoded query however it is escaped", function()
    emulator:put { id = "b", name = "a b+c/é" }
    local target = signed:path("detail") .. "?name=a%20b+c%2f%C3%A9"
    local status, body = signed:send("GET", target, signed:sign("GET", target))
    assert.equal(200, status)
    assert.equal(1, body.count)
  end)

  local function refused(message, with)
    local status, body = signed:call("GET", "a", with)
    assert.equal(401, status)
    assert.equal("APIGW.0301", body.error_code)
    assert.matches(message, body.error_msg, 1, true)
    assert.matches("^%x+$", body.request_id)
    return body.error_msg
  end

  it("refuses a wrong secret and echoes the canonical request it expected", function()
    local message = refused("verify aksk signature fail, canonicalRequest:GET|/v2/",
      { sk = "wrong", headers = { ["x-security-token"] = "secret-token" } })
    assert.matches("|x-security-token:secret-token|", message, 1, true)
  end)

  it("refuses an unknown AK", function() refused("AK not exist", { ak = "nobody" }) end)

  it("refuses a request that does not sign x-sdk-date", function()
    refused("x-sdk-date is not signed", { signed = { "host" } })
  end)

  it("refuses a signed header that is not there", function()
    local headers = signed:sign("GET", signed:path("a"), { headers = { ["x-extra"] = "1" } })
    headers["x-extra"] = nil
    local status, body = signed:send("GET", signed:path("a"), headers)
    assert.equal(401, status)
    assert.matches("signed header x-extra is missing", body.error_msg, 1, true)
  end)

  it("refuses a time more than 15 minutes off its own clock, which can be shifted", function()
    assert.equal(200, (signed:call("GET", "a", { offset = -14 * 60 })))
    refused("signature expired", { offset = -16 * 60 })
    refused("signature expired", { offset = 16 * 60 })
    emulator:clock(3600)
    refused("signature expired")
    local status, _, headers = signed:call("GET", "a", { offset = 3600 })
    assert.equal(200, status)
    assert.is_true(signed.is_date(headers.date, 3600))
  end)

  it("wants the security token of a temporary key, and the right one", function()
    local with = { ak = emulator.temporary_ak, sk = emulator.temporary_sk }
    refused("decrypt token fail", with)
    with.headers = { ["x-security-token"] = "another" }
    refused("decrypt token fail", with)
    with.headers = { ["x-security-token"] = emulator.security_token }
    assert.equal(200, (signed:call("GET", "a", with)))
  end)

  it("wants x-project-id to be the URL's project", function()
    local own = { ["x-project-id"] = emulator.project_id }
    assert.equal(200, (signed:call("GET", "a", { headers = own })))
    refused("x-project-id", { headers = { ["x-project-id"] = "another" } })
  end)

  it("locks an AK for five minutes after more than five wrong signatures in a row", function()
    for _ = 1, 5 do signed:call("GET", "a", { sk = "wrong" }) end
    assert.equal(200, (signed:call("GET", "a")))
    assert.equal(0, emulator:keys()[emulator.ak].failures)
    for _ = 1, 6 do refused("verify aksk signature fail", { sk = "wrong" }) end
    assert.is_true(emulator:keys()[emulator.ak].locked)
    refused("AK access failed to reach the limit")
    emulator:clock(299)
    refused("AK access failed to reach the limit", { offset = 299 })
    emulator:clock(302)
    assert.equal(200, (signed:call("GET", "a", { offset = 302 })))
  end)

  it("knows keys and tokens that are added, and their projects", function()
    emulator:keys { { ak = "new", sk = "s", projects = { "other" } }, { token = "T" } }
    local status, body = signed:call("GET", "a", { ak = "new", sk = "s" })
    assert.equal(403, status)
    assert.equal("EVS.0003", body.error.code)
    assert.equal(200, (signed:send("GET", signed:path("a"), { ["x-auth-token"] = "T" })))
  end)

  it("takes an IAM token for its project only", function()
    local with = { ["x-auth-token"] = emulator.token }
    assert.equal(200, (signed:send("GET", signed:path("a"), with)))
    local status, body = signed:send("GET", "/v2/another/cloudsnapshots/a", with)
    assert.equal(400, status)
    assert.equal("Malformed request url", body.badRequest.message)
    status, body = signed:send("GET", signed:path("a"), { ["x-auth-token"] = "wrong" })
    assert.equal(401, status)
    assert.equal("Unauthorized", body.error.title)
  end)

  it("refuses a request without credentials", function()
    local status, body = signed:send("GET", signed:path("a"))
    assert.equal(401, status)
    assert.equal("APIGW.0301", body.error_code)
  end)
end)
