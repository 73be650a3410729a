-- Proves the error object: its fields from every shape of body, its text, and what is_error takes.

local cjson = require "cjson"
local evs = require "evs"
local failure = require "spec.support.failure"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id
local none = failure.none

-- The error of a DELETE that is answered like this.
local function answered(rule)
  emulator:misbehave(rule)
  local client = assert(evs.new { endpoint = emulator.endpoint, ak = emulator.ak,
    sk = emulator.sk, retries = 0, guard = false })
  local err = client:delete_snapshot(project, "a")
  client:close()
  return failure.check(err, { status = rule.status, attempts = 1 })
end

before_each(function() emulator:reset() end)

describe("an error's code, kind and message", function()
  local SHAPES = {
    { "the gateway's", { error_code = "APIGW.0201", error_msg = "m", request_id = "r-1" },
      { code = "APIGW.0201", message = "m", kind = none } },
    { "EVS's", { error = { code = "EVS.2045", message = "m" } },
      { code = "EVS.2045", message = "m", kind = none } },
    { "OpenStack's, with a number", { badRequest = { code = 400, message = "m" } },
      { code = "400", message = "m", kind = "badRequest" } },
    { "OpenStack's, with text", { computeFault = { code = "EVS.2002", message = "m" } },
      { code = "EVS.2002", message = "m", kind = "computeFault" } },
    { "the plain one", { code = "EVS.1", message = "m" },
      { code = "EVS.1", message = "m", kind = none } },
    { "IAM's, with a number", { error = { code = 401, message = "m", title = "Unauthorized" } },
      { code = "401", message = "m", kind = none } },
    { "camel case", { errorCode = "A.1", errorMsg = "m" },
      { code = "A.1", message = "m", kind = none } },
    { "the gateway's, with a number", { error_code = 17, error_msg = "m" },
      { code = "17", message = "m" } },
    { "with details beside", { error_code = "EVS.2056", error_msg = "m", details = { { a = 1 } },
      encoded_authorization_message = "xyz" }, { code = "EVS.2056", message = "m" } },
  }
  for _, shape in ipairs(SHAPES) do
    it("come from a body: " .. shape[1], function()
      for _, status in ipairs { 400, 403, 500 } do
        failure.check(answered { status = status, body = shape[2] }, shape[3])
      end
    end)
  end

  local NOT_READ = {
    { "null members", '{"error":{"code":null,"message":null}}' },
    { "null", "null" },
    { "a null error", '{"error":null}' },
    { "an empty object", "{}" },
    { "an empty list", "[]" },
    { "a list of errors", '[{"error":{"code":"EVS.1","message":"m"}}]' },
    { "an empty code and message", '{"error":{"code":"","message":""}}' },
    { "codes of wrong types", '{"error":{"code":{},"message":[]}}' },
    { "cut JSON", '{"error":{"code":"EVS.1","mess' },
    { "two documents", '{"error":{"code":"EVS.1"}}{"error":{"code":"EVS.2"}}' },
    { "a depth bomb", ('{"error":'):rep(50000) },
    { "a depth bomb that ends", ("["):rep(20000) .. ("]"):rep(20000) },
    { "no body", "" },
    { "blanks", " \r\n\t " },
    { "text", "upstream connect error" },
    { "bytes", "\0\1\2\255\254" },
  }
  for _, case in ipairs(NOT_READ) do
    it("come from the status when the body is " .. case[1], function()
      local err = failure.check(answered { status = 400, body = case[2] }, { code = "HTTP.400" })
      assert.matches("^400 Bad Request", err.message)
    end)
  end

  it("come from the status and the first words of a page", function()
    local err = failure.check(answered { status = 502, html = true }, { code = "HTTP.502" })
    assert.matches("^502 Bad Gateway: .*502 Bad Gateway.*nginx", err.message)
    assert.is_nil(err.message:find("[<>]"))
    err = answered { status = 503, body = "<html><style>p{color:red}</style><script>f()</script>"
      .. "<p>Down for\n\n  maintenance</p>" }
    assert.matches("Down for maintenance", err.message, 1, true)
    assert.is_nil(err.message:find("color", 1, true))
    assert.is_nil(err.message:find("f()", 1, true))
  end)

  it("are never ours, nor longer or stranger than documented", function()
    for _, code in ipairs { "Client.Protected", "Client.X", ("x"):rep(65), "a b", "a\nb", "a:b",
      "\195\169", "<b>", "" } do
      failure.check(answered { status = 400, body = { error = { code = code, message = "m" } } },
        { code = "HTTP.400", message = "m" })
    end
    failure.check(answered { status = 400, body = { error = { code = ("x"):rep(64),
      message = "m" } } }, { code = ("x"):rep(64) })
  end)

  it("hold no control characters and no more than 2 KiB", function()
    local err = answered { status = 400, body = { error = { code = "EVS.1",
      message = "one\r\ntwo\0\27[31mthree\127" .. "\194\155" .. "four" } } }
    assert.is_nil(err.message:find("[%c\127]"))
    assert.is_nil(err.message:find("\194\155", 1, true))
    assert.matches("^one two", err.message)
    err = answered { status = 400, body = { error = { code = "EVS.1",
      message = ("\195\169"):rep(5000) } } }
    assert.is_true(#err.message <= 2048 and #err.message > 1900)
    assert.equal("\195\169", err.message:sub(-2))
  end)

  it("hold no bytes that are not UTF-8", function()
    for _, bytes in ipairs { "\195(", "\195\195", "\192\175", "\224\159\191", "\237\160\128",
      "\240\143\191\191", "\244\144\128\128", "\245\128\128\128", "\226\130(", "\255" } do
      local err = answered { status = 400, body = '{"error_code":"EVS.1","error_msg":"one '
        .. bytes .. ' two"}' }
      assert.matches("^one [ (]*two$", err.message, 1)
    end
  end)

  it("name a status nobody has heard of by its number", function()
    failure.check(answered { status = 599, body = "" }, { code = "HTTP.599", message = "599" })
  end)
end)

describe("an error's request id", function()
  it("comes from the first header that has it, else from the body", function()
    local body = { error_code = "APIGW.0201", error_msg = "m", request_id = "in-body" }
    assert.equal("in-header", answered { status = 400, body = body,
      headers = { ["X-Request-Id"] = "in-header" } }.request_id)
    assert.equal("of-openstack", answered { status = 400, body = body,
      headers = { ["X-Request-Id"] = "", ["X-Openstack-Request-Id"] = "of-openstack" } }.request_id)
    assert.equal("in-body", answered { status = 400, body = body,
      headers = { ["X-Request-Id"] = "" } }.request_id)
  end)

  it("is left out when there is none, or none that can be shown", function()
    for _, id in ipairs { "", ("x"):rep(300), "a b" } do
      assert.is_nil(answered { status = 400, headers = { ["X-Request-Id"] = id } }.request_id)
    end
  end)
end)

describe("an error's text", function()
  it("tells code, message, status, request, attempts and outcome", function()
    local err = answered { status = 400, headers = { ["X-Request-Id"] = "8f3c" },
      body = { error = { code = "EVS.1047", message = "snapshot status must be available" } } }
    assert.equal("EVS.1047: snapshot status must be available "
      .. "(HTTP 400, request 8f3c, 1 attempt, refused); hint: " .. err.hint, tostring(err))
  end)

  it("leaves out what is not known", function()
    local client = assert(evs.new { endpoint = "http://127.0.0.1:1", ak = "a", sk = "s",
      retries = 0 })
    local err = client:delete_snapshot(project, "")
    assert.equal("Client.InvalidArgument: " .. err.message .. " (0 attempts, not_sent)",
      tostring(err))
    err = answered { status = 502, headers = { ["X-Request-Id"] = "" }, body = "" }
    assert.equal("HTTP.502: 502 Bad Gateway (HTTP 502, 1 attempt, unknown)", tostring(err))
  end)

  it("counts attempts in the plural", function()
    emulator:put { id = "a" }
    emulator:misbehave { method = "DELETE", status = 409, headers = { ["X-Request-Id"] = "r" },
      body = { error = { code = "EVS.2068", message = "locked" } } }
    local client = assert(evs.new { endpoint = emulator.endpoint, ak = emulator.ak,
      sk = emulator.sk })
    assert.equal("EVS.2068: locked (HTTP 409, request r, 2 attempts, refused)",
      tostring(client:delete_snapshot(project, "a")))
  end)

  it("can be made of what a script changed", function()
    local err = answered { status = 502, html = true }
    err.message, err.status = "changed", nil
    assert.matches("^HTTP.502: changed %(request", tostring(err))
    for name in pairs { code = 1, message = 1, attempts = 1, outcome = 1, request_id = 1 } do
      err[name] = nil
    end
    assert.is_string(tostring(err))
  end)
end)

describe("an error's hint", function()
  it("is the last of its text, and not there where nobody knows what to do", function()
    local err = answered { status = 401, body = { error_code = "APIGW.0301",
      error_msg = "Incorrect IAM authentication information: verify aksk signature fail" } }
    assert.equal("check the secret key", err.hint)
    assert.matches("; hint: check the secret key$", tostring(err))
    assert.is_nil(answered { status = 502, html = true }.hint)
    err.hint = nil
    assert.matches("refused%)$", (tostring(err)))
  end)

  it("comes without the canonical request that the gateway repeats", function()
    emulator:misbehave { times = -1, echo = true }
    local client = assert(evs.new { endpoint = emulator.endpoint, ak = emulator.ak,
      sk = emulator.sk })
    local err = client:delete_snapshot(project, "a")
    assert.equal("Incorrect IAM authentication information: verify aksk signature fail "
      .. "(keys from options)", err.message)
    assert.equal("check the secret key", err.hint)
  end)
end)

describe("an error in a concatenation", function()
  it("is its text, on both sides, beside strings, numbers and errors", function()
    local err = answered { status = 502, html = true }
    assert.equal("Error: " .. tostring(err), "Error: " .. err)
    assert.equal(tostring(err) .. "\n", err .. "\n")
    assert.equal("1" .. tostring(err), 1 .. err)
    assert.equal(tostring(err) .. tostring(err), err .. err)
  end)

  it("raises beside anything else, as Lua does", function()
    local err = answered { status = 502, html = true }
    for _, other in ipairs { true, {}, print, setmetatable({}, {}) } do
      assert.error_matches(function() return err .. other end, "attempt to concatenate a")
      assert.error_matches(function() return other .. err end, "attempt to concatenate a")
    end
    assert.error_matches(function() return err .. nil end, "attempt to concatenate a nil value")
  end)
end)

describe("an error's outcome", function()
  for status, outcome in pairs { [400] = "refused", [401] = "refused", [403] = "refused",
    [404] = "refused", [409] = "refused", [429] = "refused", [501] = "refused", [505] = "refused",
    [408] = "unknown", [500] = "unknown", [502] = "unknown", [503] = "unknown", [504] = "unknown",
    [200] = "unknown", [204] = "unknown", [307] = "refused" } do
    it(("of a DELETE answered %d is %s"):format(status, outcome), function()
      assert.equal(outcome, answered { status = status }.outcome)
    end)
  end

  it("is retryable for what passes", function()
    for status, retryable in pairs { [400] = false, [403] = false, [404] = false, [307] = false,
      [501] = false, [505] = false, [408] = true, [429] = true, [500] = true, [502] = true,
      [503] = true, [504] = true } do
      assert.equal(retryable, answered { status = status }.retryable, status)
    end
    for _, code in ipairs { "EVS.2010", "EVS.2013", "EVS.2014", "EVS.2034", "EVS.2035", "EVS.2036",
      "EVS.2019", "APIGW.0104" } do
      assert.is_false(answered { status = 500, body = { error = { code = code,
        message = "m" } } }.retryable, code)
    end
  end)
end)

describe("is_error", function()
  it("knows an error, and a copy of it that has lost its metatable", function()
    local err = answered { status = 502, html = true }
    assert.is_true(evs.is_error(err))
    local copy = {}
    for name, value in pairs(err) do copy[name] = value end
    assert.is_true(evs.is_error(copy))
    assert.is_true(evs.is_error(cjson.decode(cjson.encode(copy))))
    assert.is_true(require("evs.safe").is_error(copy))
  end)

  it("says no to everything else", function()
    for _, other in ipairs { true, false, "Client.Timeout", "", 5, print, {}, { code = "x" },
      { message = "x" }, { code = 5, message = "x", outcome = "refused" },
      { code = "", message = "x", outcome = "refused" }, io.stdout, { "x" },
      { id = "a", status = "available", name = "n", metadata = {} } } do
      assert.is_false(evs.is_error(other))
    end
    assert.is_false(evs.is_error(nil))
    assert.is_false(evs.is_error(setmetatable({}, { __index = function() return "x" end })))
  end)
end)
