-- Machines driven by hand: what they send and when, which answers they try again, what they make of
-- them, the guard, lost answers and waiting. The key gate has a spec of its own.

local cjson = require "cjson"
local evs = require "evs"
local machines = require "spec.support.machine"

local client, clock, snapshot, shown = machines.client, machines.clock, machines.snapshot,
  machines.shown
local evs_error, gateway_error, cinder_error = machines.evs_error, machines.gateway_error,
  machines.cinder_error
local lost, unsent, same_error = machines.lost, machines.unsent, machines.same_error
local AK, SK, TOKEN = machines.AK, machines.SK, machines.TOKEN
local PROJECT, ID, URL, WALL = machines.PROJECT, machines.ID, machines.URL, machines.WALL
local ABSENT, MISSING = machines.ABSENT, machines.MISSING

local HTML = "<html><head><title>no</title></head><body><h1>Some proxy's page</h1></body></html>"

-- So much time that no deadline takes part.
local AGES = 1e6

local function merge(...)
  local merged = {}
  for _, part in ipairs { ... } do
    for name, value in pairs(part) do
      merged[name] = value
    end
  end
  return merged
end

-- A deletion without guard.
local function delete(script, options, a_client, id)
  return machines.delete(merge({ guard = false }, options or {}), script, a_client, id)
end

-- A deletion with guard; the script begins with the GET's answer.
local function guarded(script, options, a_client, id)
  return machines.delete(options, script, a_client, id)
end

local function start(options, a_client)
  return (a_client or client()):start("delete_snapshot", PROJECT, ID, options)
end

-- A machine whose first request, a DELETE, is out.
local function sent(options, a_client)
  local machine = start(merge({ guard = false }, options or {}), a_client)
  assert.equal("send", (machine:next(0, WALL)))
  return machine
end

describe("a request", function()
  local function first_request(options, a_client)
    local step, request = start(options, a_client):next(5000, WALL)
    assert.equal("send", step)
    return request
  end

  -- What evs.sign says about the same request.
  local function signed(method, keys)
    return evs.sign(merge({
      method = method, url = URL, headers = { ["X-Project-Id"] = PROJECT }, ak = AK, sk = SK,
      time = WALL,
    }, keys or {}))
  end

  it("is a GET of the snapshot with the guard on, which it is by default", function()
    local request = first_request()
    assert.equal("GET", request.method)
    assert.equal(URL, request.url)
  end)

  it("is a DELETE of the snapshot with the guard off", function()
    local request = first_request { guard = false }
    assert.equal("DELETE", request.method)
    assert.equal(URL, request.url)
  end)

  it("goes to the region's endpoint", function()
    local of_region = assert(evs.new { region = "ap-southeast-1", ak = AK, sk = SK })
    assert.equal("https://evs.ap-southeast-1.myhuaweicloud.com/v2/" .. PROJECT
      .. "/cloudsnapshots/" .. ID, first_request({}, of_region).url)
  end)

  for _, method in ipairs { "GET", "DELETE" } do
    it("as " .. method .. " is signed as evs.sign signs it", function()
      local request = first_request { guard = method == "GET" }
      local expected = signed(method)
      assert.equal(expected.Authorization, request.headers.Authorization)
      assert.equal(expected["X-Sdk-Date"], request.headers["X-Sdk-Date"])
      assert.equal(PROJECT, request.headers["X-Project-Id"])
    end)
  end

  it("has host, x-project-id and x-sdk-date signed, and nothing else", function()
    assert.equal("host;x-project-id;x-sdk-date",
      first_request().headers.Authorization:match("SignedHeaders=([^,]+),"))
  end)

  it("with a security token has it sent and signed, too", function()
    local request = first_request({}, client { security_token = TOKEN })
    assert.equal("host;x-project-id;x-sdk-date;x-security-token",
      request.headers.Authorization:match("SignedHeaders=([^,]+),"))
    assert.equal(TOKEN, request.headers["X-Security-Token"])
    assert.equal(signed("GET", { security_token = TOKEN }).Authorization,
      request.headers.Authorization)
  end)

  it("is signed with V11-HMAC-SHA256 where that is asked for", function()
    local keys = { algorithm = "V11-HMAC-SHA256", region = "eu-west-101" }
    local a_client = client(keys)
    keys.service = "evs"
    for _ = 1, 2 do -- the second by the day's key of the first
      local trace = delete({ { 202 } }, { guard = false }, a_client)
      assert.equal(signed("DELETE", keys).Authorization, trace.requests[1].headers.Authorization)
    end
  end)

  it("has no slash behind the host that the endpoint may have", function()
    local request = first_request({}, client { endpoint = machines.ENDPOINT .. "/" })
    assert.equal(URL, request.url)
  end)

  it("has a port that is the scheme's own neither in the URL nor signed", function()
    local request = first_request({}, client { endpoint = machines.ENDPOINT .. ":443" })
    assert.equal(URL, request.url)
    assert.equal(signed("GET").Authorization, request.headers.Authorization)
  end)

  it("has another port in both", function()
    local request = first_request({}, client { endpoint = machines.ENDPOINT .. ":8443" })
    local url = URL:gsub("example%.com", "%0:8443")
    assert.equal(url, request.url)
    assert.equal(signed("GET", { url = url }).Authorization, request.headers.Authorization)
  end)

  it("with an IAM token carries the token and no signature", function()
    local headers = first_request({}, client { ak = false, sk = false, token = TOKEN }).headers
    assert.equal(TOKEN, headers["X-Auth-Token"])
    for _, name in ipairs { "Authorization", "X-Sdk-Date", "X-Security-Token" } do
      assert.is_nil(headers[name])
    end
  end)

  it("always says what it sends, wants and is", function()
    for _, a_client in ipairs { client(), client { ak = false, sk = false, token = TOKEN } } do
      local headers = first_request({}, a_client).headers
      assert.equal("application/json", headers["Content-Type"])
      assert.equal("application/json", headers.Accept)
      assert.equal("lua-evs/" .. evs._VERSION:match("[%d.]+"), headers["User-Agent"])
    end
    local named = first_request({}, client { user_agent = "tool/2" })
    assert.equal("tool/2", named.headers["User-Agent"])
  end)

  it("never carries the secret key", function()
    for _, value in pairs(first_request().headers) do
      assert.is_nil(value:find(SK, 1, true))
    end
  end)

  it("is signed anew, with its own time, on every try", function()
    local trace = delete({ { 503, after = 5 }, { 202 } })
    local first, second = trace.requests[1], trace.requests[2]
    assert.equal(machines.sdk_date(first.wall), first.headers["X-Sdk-Date"])
    assert.equal(machines.sdk_date(math.floor(second.wall)), second.headers["X-Sdk-Date"])
    assert.not_equal(first.headers.Authorization, second.headers.Authorization)
  end)

  it("is given up after attempt_timeout", function()
    assert.equal(5010, first_request().deadline)
    assert.equal(5002.5, first_request({ attempt_timeout = 2.5 }).deadline)
  end)

  it("is given up at the end of timeout, if that is sooner", function()
    assert.equal(5004, first_request({ timeout = 4 }).deadline)
  end)

  it("has the time of the client, or of the call where both are given", function()
    local a_client = client { timeout = 4 }
    assert.equal(5004, first_request({}, a_client).deadline)
    a_client = client { timeout = 4 }
    assert.equal(5003, first_request({ timeout = 3 }, a_client).deadline)
  end)
end)

describe("a deletion", function()
  it("answered 202 is true", function()
    local trace = delete({ { 202 } })
    assert.is_true(trace.result)
    assert.equal("DELETE", trace:methods())
  end)

  it("is true whatever the body and the headers of the 202 are", function()
    for _, body in ipairs { "", HTML, evs_error("EVS.1047"), "{", "\0", ("x"):rep(2 ^ 21) } do
      assert.is_true(delete({ { 202, body, { ["Content-Type"] = "text/html" } } }).result)
    end
  end)

  it("looks first, then deletes", function()
    local trace = guarded({ shown(), { 202 } })
    assert.is_true(trace.result)
    assert.equal("GET DELETE", trace:methods())
    assert.equal(URL, trace.requests[2].url)
  end)

  it("tells of itself through client:last()", function()
    local a_client = client()
    delete({ { 503 }, { 202, "", { ["X-Request-Id"] = "abc" } } }, {}, a_client)
    assert.same({ attempts = 2, status = 202, request_id = "abc" }, a_client:last())
    delete({ { 404, HTML, { ["x-request-id"] = "def" } } }, {}, a_client)
    assert.same({ attempts = 1, status = 404, request_id = "def" }, a_client:last())
    delete({ rest = unsent() }, {}, a_client)
    assert.same({ attempts = 0 }, a_client:last())
  end)
end)

-- Every answer and failure that rules 1, 4 and 5 name: how it is treated as the answer to a DELETE.
-- `again` says that it is tried again, `later` that a script may try. {what, answer, code, outcome,
-- again, later, kind}
local ANSWERS = {
  { "200 with a login page", { 200, HTML }, "Client.BadResponse", "unknown" },
  { "200 with JSON", { 200, "{}" }, "Client.BadResponse", "unknown" },
  { "200 with the snapshot", shown(), "Client.BadResponse", "unknown" },
  { "200 with an error in JSON", { 200, evs_error("EVS.1") }, "Client.BadResponse", "unknown" },
  { "201", { 201 }, "Client.BadResponse", "unknown" },
  { "203", { 203 }, "Client.BadResponse", "unknown" },
  { "204", { 204 }, "Client.BadResponse", "unknown" },
  { "205", { 205 }, "Client.BadResponse", "unknown" },
  { "206", { 206 }, "Client.BadResponse", "unknown" },

  { "404 itemNotFound", MISSING, "404", "refused", kind = "itemNotFound" },
  { "404 itemNotFound with a text as code", { 404, cinder_error("itemNotFound", "EVS.5404") },
    "EVS.5404", "refused", kind = "itemNotFound" },
  { "404 EVS.5404", { 404, evs_error("EVS.5404") }, "EVS.5404", "refused" },
  { "404 APIGW.0101", { 404, gateway_error("APIGW.0101") }, "APIGW.0101", "refused" },
  { "404 in plain text", { 404, "404 Not Found\n\nThe resource could not be found." },
    "HTTP.404", "refused" },
  { "404 in HTML", { 404, HTML }, "HTTP.404", "refused" },
  { "404 without a body", { 404 }, "HTTP.404", "refused" },
  { "410", { 410, cinder_error("itemNotFound", 410) }, "410", "refused", kind = "itemNotFound" },

  { "400 EVS.1047", { 400, evs_error("EVS.1047") }, "EVS.1047", "refused" },
  { "400 of Cinder", { 400, cinder_error("badRequest", 400) }, "400", "refused",
    kind = "badRequest" },
  { "401 APIGW.0301", machines.UNAUTHORIZED, "APIGW.0301", "refused" },
  { "401 of keystonemiddleware", { 401, cinder_error("error", 401) }, "401", "refused" },
  { "401 in HTML", { 401, HTML }, "HTTP.401", "refused" },
  { "403 EVS.1027", { 403, evs_error("EVS.1027") }, "EVS.1027", "refused" },
  { "403 of Cinder", { 403, cinder_error("forbidden", 403) }, "403", "refused",
    kind = "forbidden" },
  { "407", { 407, HTML }, "Client.Proxy", "refused" },
  { "408", { 408 }, "HTTP.408", "unknown", again = true },
  { "409", { 409, evs_error("EVS.2068") }, "EVS.2068", "refused" },
  { "413 overLimit", { 413, cinder_error("overLimit", 413) }, "413", "refused",
    kind = "overLimit" },
  { "429 in HTML", { 429, HTML }, "HTTP.429", "refused", again = true },
  { "429 APIGW.0308", { 429, gateway_error("APIGW.0308") }, "APIGW.0308", "refused", again = true },

  { "500", { 500 }, "HTTP.500", "unknown", again = true },
  { "500 EVS.2005", { 500, evs_error("EVS.2005") }, "EVS.2005", "unknown", again = true },
  { "500 EVS.2023", { 500, evs_error("EVS.2023") }, "EVS.2023", "unknown", again = true },
  { "500 computeFault", { 500, cinder_error("computeFault", 500) }, "500", "unknown",
    again = true, kind = "computeFault" },
  { "500 EVS.2010", { 500, evs_error("EVS.2010") }, "EVS.2010", "unknown" },
  { "500 EVS.2013", { 500, evs_error("EVS.2013") }, "EVS.2013", "unknown" },
  { "500 EVS.2014", { 500, evs_error("EVS.2014") }, "EVS.2014", "unknown" },
  { "500 EVS.2034", { 500, evs_error("EVS.2034") }, "EVS.2034", "unknown" },
  { "500 EVS.2035", { 500, evs_error("EVS.2035") }, "EVS.2035", "unknown" },
  { "500 EVS.2036", { 500, evs_error("EVS.2036") }, "EVS.2036", "unknown" },
  { "500 APIGW.0104", { 500, gateway_error("APIGW.0104") }, "APIGW.0104", "unknown" },
  { "500 EVS.2019", { 500, evs_error("EVS.2019") }, "EVS.2019", "refused" },
  { "503 EVS.2409", { 503, evs_error("EVS.2409") }, "EVS.2409", "unknown", later = true },
  { "500 EVS.2221", { 500, evs_error("EVS.2221") }, "EVS.2221", "unknown", later = true },
  { "400 EVS.2409", { 400, evs_error("EVS.2409") }, "EVS.2409", "refused", later = true },
  { "501", { 501 }, "HTTP.501", "refused" },
  { "502", { 502, HTML }, "HTTP.502", "unknown", again = true },
  { "502 APIGW.0202", { 502, gateway_error("APIGW.0202") }, "APIGW.0202", "unknown", again = true },
  { "503", { 503, HTML }, "HTTP.503", "unknown", again = true },
  { "503 EVS.5503", { 503, evs_error("EVS.5503") }, "EVS.5503", "unknown", again = true },
  { "504", { 504, HTML }, "HTTP.504", "unknown", again = true },
  { "504 APIGW.0203", { 504, gateway_error("APIGW.0203") }, "APIGW.0203", "unknown", again = true },
  { "505", { 505 }, "HTTP.505", "refused" },
  { "506", { 506 }, "HTTP.506", "unknown" },
  { "507", { 507 }, "HTTP.507", "unknown" },
  { "511", { 511, HTML }, "HTTP.511", "unknown" },

  { "no address", unsent("Client.Resolve"), "Client.Resolve", "not_sent", again = true },
  { "no connection", unsent("Client.Connect"), "Client.Connect", "not_sent", again = true },
  { "a time-out before a byte was sent", unsent("Client.Timeout"), "Client.Timeout", "not_sent",
    again = true },
  { "a cut before a byte was sent", unsent("Client.Network"), "Client.Network", "not_sent",
    again = true },
  { "a certificate that does not verify", unsent("Client.TLS"), "Client.TLS", "not_sent" },
  { "a proxy's refusal", unsent("Client.Proxy"), "Client.Proxy", "not_sent" },
  { "a time-out", lost("Client.Timeout"), "Client.Timeout", "unknown", again = true },
  { "a cut", lost("Client.Network"), "Client.Network", "unknown", again = true },
  { "an answer that is no HTTP", lost("Client.BadResponse"), "Client.BadResponse", "unknown",
    again = true },
  { "a TLS failure under way", lost("Client.TLS"), "Client.TLS", "unknown", again = true },
}

for _, status in ipairs { 300, 301, 302, 303, 304, 305, 307, 308 } do
  ANSWERS[#ANSWERS + 1] = { tostring(status), { status, HTML, { Location = "https://elsewhere/" } },
    "HTTP." .. status, "refused" }
end
for _, status in ipairs { 400, 402, 403, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418,
    421, 422, 423, 424, 425, 426, 428, 431, 451, 494, 499 } do
  ANSWERS[#ANSWERS + 1] = { status .. " in HTML", { status, HTML }, "HTTP." .. status, "refused" }
end

local function is_retryable(case) return case.again or case.later or false end

local function attempts_of(answer, sends)
  return answer.sent == false and 0 or sends
end

describe("the answer to a DELETE", function()
  for _, case in ipairs(ANSWERS) do
    local what, answer, code, outcome = case[1], case[2], case[3], case[4]
    local again = case.again or false

    local ending = again and "tried again three times" or case.later and "for another try later"
      or "final"

    it(("%s is %s, %s, and %s"):format(what, code, outcome, ending), function()
      local trace = delete({ rest = answer }, { timeout = AGES })
      local sends = again and 4 or 1
      assert.equal(sends, trace:count("DELETE"))
      assert.equal(sends, trace:count())
      same_error({
        code = code, outcome = outcome, retryable = is_retryable(case),
        kind = case.kind, status = answer[1], attempts = attempts_of(answer, sends),
      }, trace)
      assert.equal(case.kind, trace.err.kind)
      assert.equal(answer[1], trace.err.status)
    end)

    if again then
      it(what .. " is true when the next try is answered 202", function()
        local trace = delete({ answer, answer, { 202 } }, { timeout = AGES })
        assert.is_true(trace.result)
        assert.equal(3, trace:count("DELETE"))
      end)

      it(what .. " is final with retries=0", function()
        local trace = delete({ answer }, { retries = 0 })
        same_error({ code = code, outcome = outcome, retryable = true,
          attempts = attempts_of(answer, 1) }, trace)
      end)
    end
  end

  it("410 and every 404 but the two that mean it is never missing", function()
    for _, case in ipairs(ANSWERS) do
      local answer = case[2]
      local missing = answer[1] == 404 and (case.kind == "itemNotFound" or case[3] == "EVS.5404")
      local trace = delete({ rest = answer }, { timeout = AGES, ignore_missing = true })
      assert.equal(missing, trace.result == true, case[1])
    end
  end)

  it("missing is one request and true with ignore_missing", function()
    local trace = delete({ MISSING }, { ignore_missing = true })
    assert.is_true(trace.result)
    assert.equal(1, trace:count())
  end)

  it("gives up with the last failure, not the first", function()
    local trace = delete({ { 503 }, lost(), { 429 }, { 502 } }, { timeout = AGES })
    same_error({ code = "HTTP.502", status = 502, attempts = 4 }, trace)
    trace = delete({ { 503 }, { 502 }, { 500 }, lost("Client.Timeout") }, { timeout = AGES })
    same_error({ code = "Client.Timeout", attempts = 4 }, trace)
    assert.is_nil(trace.err.status)
    assert.is_nil(trace.err.request_id)
  end)

  it("leaves the outcome unknown after one lost answer, whatever comes after it", function()
    for _, last in ipairs { { 403 }, { 429 }, { 501 }, { 307 }, { 407 }, machines.UNAUTHORIZED,
        unsent("Client.TLS"), MISSING } do
      assert.equal("unknown", delete({ lost(), last }, { retries = 1 }).err.outcome)
    end
  end)

  it("that was unsent is no attempt and leaves nothing open", function()
    same_error({ code = "HTTP.403", outcome = "refused", attempts = 1 },
      delete({ unsent(), unsent(), { 403 } }))
    assert.is_true(delete({ unsent(), { 202 } }).result)
  end)

  it("429 spends the retries, and leaves nothing open", function()
    same_error({ outcome = "refused", attempts = 3 },
      delete({ rest = { 429 } }, { retries = 2, timeout = AGES }))
  end)

  it("counts retries from the client, or from the call where both are given", function()
    assert.equal(2, delete({ rest = { 503 } }, {}, client { retries = 1 }):count())
    assert.equal(3, delete({ rest = { 503 } }, { retries = 2, timeout = AGES },
      client { retries = 1 }):count())
  end)
end)

describe("the answer to the guard's GET", function()
  for _, case in ipairs(ANSWERS) do
    local what, answer, code = case[1], case[2], case[3]

    if not answer[1] or answer[1] >= 300 then
      it(what .. " is the call's error, and nothing was deleted", function()
        local trace = guarded({ rest = answer }, { timeout = AGES })
        local sends = case.again and 4 or 1
        assert.equal(sends, trace:count("GET"))
        assert.equal(0, trace:count("DELETE"))
        same_error({ code = code, outcome = "not_sent", retryable = is_retryable(case),
          attempts = attempts_of(answer, sends) }, trace)
        assert.equal(case.kind, trace.err.kind)
      end)
    end
  end

  it("403 says in its message that guard=false exists", function()
    for _, body in ipairs { "", HTML, cinder_error("forbidden", 403), evs_error("EVS.5403") } do
      local trace = guarded({ { 403, body } })
      assert.is_truthy(trace.err.message:find("guard=false", 1, true))
    end
    assert.is_nil(guarded({ { 400 } }).err.message:find("guard=false", 1, true))
  end)

  it("403 says so when its own message is as long as a message can be", function()
    local trace = guarded({ { 403, evs_error("EVS.5403", ("long "):rep(1000)) } })
    assert.is_truthy(trace.err.message:find("guard=false", 1, true))
  end)

  it("missing is an error, and true with ignore_missing, without a DELETE", function()
    same_error({ code = "404", kind = "itemNotFound", outcome = "not_sent" }, guarded({ MISSING }))
    for _, answer in ipairs { MISSING, { 404, evs_error("EVS.5404") } } do
      local trace = guarded({ answer }, { ignore_missing = true })
      assert.is_true(trace.result)
      assert.equal("GET", trace:methods())
    end
  end)

  it("of a gateway or a proxy is not missing, with ignore_missing either", function()
    for _, answer in ipairs { { 404 }, { 404, HTML }, { 404, gateway_error("APIGW.0101") },
        { 410, cinder_error("itemNotFound", 410) } } do
      local trace = guarded({ answer }, { ignore_missing = true })
      same_error({ status = answer[1], outcome = "not_sent", attempts = 1 }, trace)
    end
  end)

  it("is tried again, and has retries of its own", function()
    local down = { 503 }
    local trace = guarded({ down, down, down, shown(), down, down, down, { 202 } },
      { timeout = AGES })
    assert.is_true(trace.result)
    assert.equal("GET GET GET GET DELETE DELETE DELETE DELETE", trace:methods())
  end)

  it("that is lost leaves nothing open of the DELETE that is never sent", function()
    same_error({ outcome = "not_sent", code = "Client.Protected", attempts = 2 },
      guarded({ lost(), shown { name = "autobk_snapshot_1" } }))
    same_error({ outcome = "refused", code = "EVS.1047", attempts = 3 },
      guarded({ lost(), shown(), { 400, evs_error("EVS.1047") } }))
  end)
end)

describe("the guard", function()
  local function protects(changes, options)
    local trace = guarded({ shown(changes) }, options)
    assert.equal("GET", trace:methods())
    same_error({ code = "Client.Protected", outcome = "not_sent", retryable = false, attempts = 1 },
      trace)
    assert.is_nil(trace.err.status)
  end

  for _, prefix in ipairs { "autobk_snapshot_", "manualbk_snapshot_" } do
    it("protects a snapshot whose name begins with " .. prefix, function()
      protects { name = prefix }
      protects { name = prefix .. "2026", status = "error" }
      protects { name = prefix .. "vbs_1" }
      protects { name = prefix .. "csbs_1" }
    end)
  end

  it("lets pass a name that only contains it, or writes it otherwise", function()
    for _, name in ipairs { "my autobk_snapshot_1", "AUTOBK_snapshot_1", "autobk_snapshot", "",
      "my_manualbk_snapshot_1", "Manualbk_snapshot_1", "manualbk_snapshot", "bk_snapshot_1" } do
      assert.is_true(guarded({ shown { name = name }, { 202 } }).result)
    end
  end)

  it("protects a snapshot with __system__enableActive, whatever its value is", function()
    for _, value in ipairs { "true", "false", "", false, true, 0, cjson.null, {} } do
      protects { metadata = { __system__enableActive = value, other = "1" } }
    end
  end)

  it("lets pass other metadata", function()
    assert.is_true(guarded({ shown { metadata = { ["__system__enableactive"] = "1" } },
      { 202 } }).result)
  end)

  it("protects what the option 'protect' gives a reason for, and nothing else", function()
    protects({}, { protect = function() return "a legal hold" end })
    protects({}, { protect = function() return true end })
    for _, reason in ipairs { false, "nil" } do
      local protect = function() if reason ~= "nil" then return reason end end
      assert.is_true(guarded({ shown(), { 202 } }, { protect = protect }).result)
    end
  end)

  it("is not talked out of it by other options", function()
    protects({ name = "autobk_snapshot_1" }, { ignore_missing = true, wait = true, retries = 0 })
  end)

  for status, retryable in pairs { creating = true, deleting = true, ["backing-up"] = true,
      rollbacking = true, error_deleting = false, unknown = false, Available = false,
      [" available"] = false, restoring = false } do
    it(("refuses the status '%s', which is %sretryable"):format(status, retryable and "" or "not "),
      function()
        local trace = guarded({ shown(status) })
        assert.equal("GET", trace:methods())
        same_error({ code = "Client.WrongState", outcome = "not_sent", retryable = retryable,
          attempts = 1 }, trace)
        assert.is_truthy(trace.err.message:find(status:match("%S+"), 1, true))
      end)
  end

  for _, status in ipairs { "available", "error" } do
    it("lets pass the status " .. status, function()
      assert.equal("GET DELETE", guarded({ shown(status), { 202 } }):methods())
    end)
  end

  it("protects a backup's snapshot before it looks at the status", function()
    protects { name = "autobk_snapshot_1", status = "backing-up" }
  end)

  it("takes a name that is null", function()
    assert.is_true(guarded({ shown { name = cjson.null }, { 202 } }).result)
  end)

  it("takes an answer that does not tell the project, and null for it", function()
    for _, project in ipairs { ABSENT, cjson.null } do
      assert.is_true(guarded({
        shown { ["os-extended-snapshot-attributes:project_id"] = project }, { 202 } }).result)
    end
  end)

  local project_field = "os-extended-snapshot-attributes:project_id"
  for what, answer in pairs {
    ["another id"] = shown { id = "11111111-2222-3333-4444-555555555555" },
    ["an id in other case"] = shown { id = ID:upper() },
    ["no id"] = shown { id = ABSENT },
    ["a null as id"] = shown { id = cjson.null },
    ["no status"] = shown { status = ABSENT },
    ["a null as status"] = shown { status = cjson.null },
    ["an empty status"] = shown { status = "" },
    ["a number as status"] = shown { status = 1 },
    ["no name"] = shown { name = ABSENT },
    ["a number as name"] = shown { name = 5 },
    ["an object as name"] = shown { name = { "autobk_snapshot_1" } },
    ["no metadata"] = shown { metadata = ABSENT },
    ["a null as metadata"] = shown { metadata = cjson.null },
    ["a text as metadata"] = shown { metadata = "__system__enableActive" },
    ["another project"] = shown { [project_field] = "fedcba9876543210fedcba9876543210" },
    ["an empty project"] = shown { [project_field] = "" },
    ["a number as project"] = shown { [project_field] = 7 },
    ["no snapshot"] = { 200, "{}" },
    ["a null as snapshot"] = { 200, '{"snapshot":null}' },
    ["the snapshot without its envelope"] = { 200, cjson.encode(snapshot()) },
    ["an array of snapshots"] = { 200, cjson.encode { snapshot = { snapshot() } } },
    ["a login page"] = { 200, HTML },
    ["nothing"] = { 200 },
    ["a body cut in the middle"] = { 200, cjson.encode({ snapshot = snapshot() }):sub(1, -3) },
    ["something after the snapshot"] = { 200, cjson.encode { snapshot = snapshot() } .. "x" },
    ["201"] = { 201, cjson.encode { snapshot = snapshot() } },
    ["202"] = { 202, cjson.encode { snapshot = snapshot() } },
    ["203"] = { 203, cjson.encode { snapshot = snapshot() } },
    ["204"] = { 204 },
    ["206"] = { 206, cjson.encode { snapshot = snapshot() } },
  } do
    it("does not take " .. what .. " for a look at the snapshot", function()
      for _, options in ipairs { {}, { ignore_missing = true } } do
        local trace = guarded({ answer }, options)
        assert.equal("GET", trace:methods())
        same_error({ code = "Client.BadResponse", outcome = "not_sent", status = answer[1],
          attempts = 1 }, trace)
      end
    end)
  end
end)

describe("a snapshot passed in place of its id", function()
  local function given(changes, script, options)
    return machines.delete(options, script, nil, snapshot(changes))
  end

  it("counts as seen: no GET is made", function()
    for _, changes in ipairs { {}, { name = cjson.null }, { name = ABSENT },
        { status = "error" }, { ["os-extended-snapshot-attributes:project_id"] = ABSENT } } do
      local trace = given(changes, { { 202 } })
      assert.is_true(trace.result)
      assert.equal("DELETE", trace:methods())
      assert.equal(URL, trace.requests[1].url)
    end
  end)

  it("is guarded without a request", function()
    for _, value in ipairs { "true", "", false, cjson.null } do
      same_error({ code = "Client.Protected", attempts = 0, outcome = "not_sent" },
        given({ metadata = { __system__enableActive = value } }, {}))
    end
    same_error({ code = "Client.Protected", attempts = 0, outcome = "not_sent" },
      given({ name = "autobk_snapshot_1" }, {}))
    same_error({ code = "Client.WrongState", attempts = 0, outcome = "not_sent", retryable = true },
      given({ status = "creating" }, {}))
  end)

  it("is not guarded with guard=false", function()
    for _, changes in ipairs { { name = "autobk_snapshot_1" }, { status = "creating" },
        { metadata = { __system__enableActive = "true" } }, { status = ABSENT } } do
      local trace = given(changes, { { 202 } }, { guard = false })
      assert.is_true(trace.result)
      assert.equal("DELETE", trace:methods())
    end
  end)

  for what, changes in pairs {
    ["no status"] = { status = ABSENT },
    ["a status that is no text"] = { status = 5 },
    ["a name that is no text"] = { name = false },
    ["a name that is a number"] = { name = 5 },
    ["no metadata"] = { metadata = ABSENT },
    ["metadata that is no table"] = { metadata = "none" },
    ["null as metadata"] = { metadata = cjson.null },
    ["another project"] = {
      ["os-extended-snapshot-attributes:project_id"] = "fedcba9876543210fedcba9876543210" },
    ["an empty project"] = { ["os-extended-snapshot-attributes:project_id"] = "" },
    ["a number as project"] = { ["os-extended-snapshot-attributes:project_id"] = 7 },
  } do
    it("with " .. what .. " is looked at, and the backup behind it is not deleted", function()
      local trace = given(changes, { shown { name = "autobk_snapshot_1" } })
      assert.equal("GET", trace:methods())
      same_error({ code = "Client.Protected" }, trace)
      assert.is_true(given(changes, { shown(), { 202 } }).result)
    end)
  end

  for what, veil in pairs {
    ["the snapshot"] = function(given_one) return setmetatable(given_one, {}) end,
    ["its metadata"] = function(given_one)
      setmetatable(given_one.metadata, { __index = { __system__enableActive = "true" } })
      return given_one
    end,
  } do
    it("is looked at when it may have more to it than the table holds: a metatable of " .. what,
      function()
        local trace = machines.delete({}, { shown { name = "autobk_snapshot_1" } }, nil,
          veil(snapshot()))
        assert.equal("GET", trace:methods())
        same_error({ code = "Client.Protected" }, trace)
      end)
  end

  it("is the one that show_snapshot gave, metadata's null and all", function()
    local a_client = client()
    local shown_one = machines.show({}, { shown { name = cjson.null,
      metadata = { __system__enableActive = cjson.null } } }, a_client).result
    same_error({ code = "Client.Protected", attempts = 0 },
      machines.delete({}, {}, a_client, shown_one))
    shown_one = machines.show({}, { shown { name = cjson.null } }, a_client).result
    assert.equal("DELETE", machines.delete({}, { { 202 } }, a_client, shown_one):methods())
  end)

  it("without an id, or with a bad one, is no argument", function()
    for _, id in ipairs { ABSENT, "", "a/b", ".." } do
      same_error({ code = "Client.InvalidArgument", attempts = 0, outcome = "not_sent" },
        given({ id = id }, {}))
    end
    assert.error_matches(function() given({ id = 5 }, {}) end, "id must be a string")
  end)
end)

describe("show_snapshot", function()
  it("gives the snapshot, and nil for every JSON null", function()
    local trace = machines.show({}, { shown { name = cjson.null, description = cjson.null,
      metadata = { a = cjson.null, b = "c" }, tags = { { key = cjson.null } } } })
    assert.equal("GET", trace:methods())
    assert.equal(ID, trace.result.id)
    assert.equal("available", trace.result.status)
    assert.is_nil(trace.result.name)
    assert.is_nil(trace.result.description)
    assert.same({ b = "c" }, trace.result.metadata)
    assert.same({ {} }, trace.result.tags)
  end)

  it("gives a backup's snapshot, too: looking needs no guard", function()
    assert.equal("autobk_snapshot_1",
      machines.show({}, { shown { name = "autobk_snapshot_1" } }).result.name)
  end)

  it("fails with the server's error, and nothing was deleted", function()
    for _, case in ipairs(ANSWERS) do
      local answer = case[2]
      if not answer[1] or answer[1] >= 300 then
        same_error({ code = case[3], outcome = "not_sent", retryable = is_retryable(case) },
          machines.show({ timeout = AGES }, { rest = answer }))
      end
    end
  end)

  it("wants a 200 with this very snapshot", function()
    for _, answer in ipairs { { 200 }, { 200, HTML }, { 200, "{}" }, { 202 }, { 204 },
        shown { id = "other" }, shown { status = ABSENT } } do
      same_error({ code = "Client.BadResponse", status = answer[1], outcome = "not_sent",
        attempts = 1 }, machines.show({}, { answer }))
    end
  end)

  it("says of a missing one that it is missing, with ignore_missing as well", function()
    same_error({ code = "404", kind = "itemNotFound" },
      machines.show({ ignore_missing = true }, { MISSING }))
  end)
end)

describe("an error's text", function()
  local function told(status, body, headers)
    return delete({ rest = { status, body, headers } }, { retries = 0 }).err
  end

  -- {what, body, code, message, kind, request_id}
  local shapes = {
    { "the gateway's", '{"error_msg":"No.","error_code":"APIGW.0201","request_id":"r1"}',
      "APIGW.0201", "No.", request_id = "r1" },
    { "the service's", '{"error":{"message":"No.","code":"EVS.1047"}}', "EVS.1047", "No." },
    { "OpenStack's with a number", '{"badRequest":{"message":"No.","code":400}}', "400", "No.",
      kind = "badRequest" },
    { "OpenStack's with a text", '{"forbidden":{"message":"No.","code":"EVS.1027"}}', "EVS.1027",
      "No.", kind = "forbidden" },
    { "a bare one", '{"code":"EVS.5400","message":"No."}', "EVS.5400", "No." },
    { "IAM's", '{"error":{"code":401,"message":"No.","title":"Unauthorized"}}', "401", "No." },
    { "IAM's other", '{"error_code":"IAM.0011","error_msg":"No."}', "IAM.0011", "No." },
    { "one with an encoded authorization message",
      '{"error_code":"EVS.2056","error_msg":"No.","encoded_authorization_message":"XyZ"}',
      "EVS.2056", "No." },
    { "one with an encoded authorization message inside",
      '{"error":{"code":"EVS.2056","message":"No.","encoded_authorization_message":"XyZ"}}',
      "EVS.2056", "No." },
    { "one with details",
      '{"error_code":"EVS.1","error_msg":"No.","details":[{"error_code":"X","error_msg":"y"}]}',
      "EVS.1", "No." },
    { "one with details inside",
      '{"error":{"code":"EVS.1","message":"No.","details":[{"code":"X","message":"y"}]}}',
      "EVS.1", "No." },
    { "one in camel case", '{"errorCode":"EVS.2","errorMsg":"No."}', "EVS.2", "No." },
    { "one with a request id in the body alone",
      '{"error":{"code":"EVS.3","message":"No."},"request_id":"r2"}', "EVS.3", "No.",
      request_id = "r2" },
    { "one with blanks around it", ' \r\n\t{"code":"EVS.4","message":"No."}\n', "EVS.4", "No." },

    { "one with null as code", '{"error":{"code":null,"message":"No."}}', "HTTP.400", "No." },
    { "one with a boolean as code", '{"error":{"code":true,"message":"No."}}', "HTTP.400", "No." },
    { "one with an array as code", '{"error":{"code":["a"],"message":"No."}}', "HTTP.400", "No." },
    { "one with an empty code", '{"error":{"code":"","message":"No."}}', "HTTP.400", "No." },
    { "one with a code of 65 characters",
      '{"error":{"code":"' .. ("x"):rep(65) .. '","message":"No."}}', "HTTP.400", "No." },
    { "one with a code of 64 characters",
      '{"error":{"code":"' .. ("x"):rep(64) .. '","message":"No."}}', ("x"):rep(64), "No." },
    { "one with a blank in its code", '{"error":{"code":"EVS 1","message":"No."}}', "HTTP.400",
      "No." },
    { "one with a line end in its code", '{"error":{"code":"EVS\\n1","message":"No."}}',
      "HTTP.400", "No." },
    { "one with a code of ours", '{"error":{"code":"Client.Protected","message":"No."}}',
      "HTTP.400", "No." },
    { "one with a fraction as code", '{"error":{"code":400.5,"message":"No."}}', "400.5", "No." },
    { "one with a message only", '{"error":{"message":"No."}}', "HTTP.400", "No." },
    { "one with a text as error", '{"error":"No."}', "HTTP.400", nil },
    { "one with null as message", '{"error":{"code":"EVS.5","message":null}}', "EVS.5", nil },
    { "one with null as error", '{"error":null}', "HTTP.400", nil },
    { "two errors under two names",
      '{"itemNotFound":{"code":404,"message":"a"},"forbidden":{"code":403,"message":"b"}}',
      "HTTP.400", nil },
    { "an array", '[{"code":"EVS.6","message":"No."}]', "HTTP.400", nil },
    { "an error in an array in an object", '{"errors":[{"code":"EVS.6","message":"No."}]}',
      "HTTP.400", nil },
    { "a text", '"EVS.6"', "HTTP.400", nil },
    { "an empty object", "{}", "HTTP.400", nil },
    { "nothing", "", "HTTP.400", nil },
    { "a body cut in the middle", '{"error":{"code":"EVS.1047","mess', "HTTP.400", nil },
    { "HTML", HTML, "HTTP.400", nil },
    { "a number", "12", "HTTP.400", nil },
    { "NaN", "nan", "HTTP.400", nil },
    { "two documents", '{"code":"a","message":"b"}{"code":"c","message":"d"}', "HTTP.400", nil },
  }

  for _, shape in ipairs(shapes) do
    it("is read from " .. shape[1], function()
      local err = told(400, shape[2])
      assert.equal(shape[3], err.code)
      if shape[4] then
        assert.equal(shape[4], err.message)
      else
        assert.is_truthy(err.message:find("400", 1, true) or err.message == shape[3])
      end
      assert.equal(shape.kind, err.kind)
      assert.equal(shape.request_id, err.request_id)
      assert.equal(400, err.status)
    end)
  end

  it("has the status's reason and the first readable words of a body that is no JSON", function()
    assert.equal("502 Bad Gateway: no Some proxy's page", told(502, HTML).message)
    assert.equal("502 Bad Gateway", told(502, "").message)
    assert.equal("502 Bad Gateway", told(502, "<script>var a = 1;</script><style>b{}</style>")
      .message)
    assert.is_truthy(told(599, "").message:find("599", 1, true))
    assert.is_truthy(#told(502, ("word "):rep(10000)).message < 400)
  end)

  it("survives arrays and objects 10,000 deep", function()
    for _, bomb in ipairs { ("["):rep(10000), ('{"a":'):rep(10000) .. "1" .. ("}"):rep(10000),
        '{"error":' .. ("["):rep(10000) .. ("]"):rep(10000) .. "}" } do
      assert.equal("HTTP.500", told(500, bomb).code)
    end
  end)

  it("is free of control characters, NUL, broken UTF-8 and line ends", function()
    local err = told(400, cjson.encode { error = { code = "EVS.7",
      message = "a\0b\27[31mc\r\nd\te\127f\194\155g\226\128\168h  i" } })
    assert.equal("EVS.7", err.code)
    assert.equal("a b [31mc d e f g h i", err.message)
    err = told(502, "a\0b\255\254c\237\160\128d\192\175e\27]0;title\7f")
    assert.is_nil(err.message:find("[%z\1-\31\127-\255]"))
    assert.is_truthy(err.message:find("502 Bad Gateway: a b", 1, true))
  end)

  it("keeps what is written in other scripts", function()
    assert.equal("快照状态必须为 available ✓ 🙂",
      told(400, evs_error("EVS.1047", "快照状态必须为 available ✓ 🙂")).message)
  end)

  it("of 900 KB is bounded to 2 KiB, between characters", function()
    local err = told(400, evs_error("EVS.8", ("快"):rep(300000)))
    assert.equal("EVS.8", err.code)
    assert.is_truthy(#err.message <= 2048 and #err.message > 2000)
    assert.equal(0, #err.message % 3)
  end)

  it("of 3 MB is no JSON any more, and bounded", function()
    local err = told(400, evs_error("EVS.8", ("x"):rep(3e6)))
    assert.equal("HTTP.400", err.code)
    assert.is_truthy(#err.message <= 2048)
    err = told(400, "plain " .. ("x"):rep(3e6))
    assert.is_truthy(#err.message <= 2048)
  end)

  it("has no kind or request id that is too long or not visible ASCII", function()
    local err = told(400, cjson.encode { [("k"):rep(65)] = { code = 1, message = "m" },
      request_id = ("r"):rep(1000) })
    assert.is_nil(err.kind)
    assert.is_nil(err.request_id)
    err = told(400, cjson.encode { ["bad kind\n"] = { code = 1, message = "m" },
      request_id = "a\nb" })
    assert.is_nil(err.kind)
    assert.is_nil(err.request_id)
  end)

  it("has the request id of the header, in any case, before the body's", function()
    local body = gateway_error("APIGW.0201")
    for _, name in ipairs { "X-Request-Id", "x-request-id", "X-REQUEST-ID",
        "X-Openstack-Request-Id", "x-openstack-request-id" } do
      assert.equal("h1", told(400, body, { [name] = "h1" }).request_id)
      assert.equal("h1", told(400, body, { [name] = { "h1", "h2" } }).request_id)
      assert.equal("h1", told(502, HTML, { [name] = "h1" }).request_id)
    end
    assert.equal("h1", told(400, body,
      { ["x-openstack-request-id"] = "h2", ["x-request-id"] = "h1" }).request_id)
    assert.equal("0a1b2c3d4e5f", told(400, body).request_id)
  end)

  it("puts code, message, status, request id, attempts, outcome, hint in one line", function()
    local err = told(400, evs_error("EVS.1047", "must be available"), { ["X-Request-Id"] = "8f3c" })
    assert.equal("EVS.1047: must be available (HTTP 400, request 8f3c, 1 attempt, refused); "
      .. "hint: " .. err.hint, tostring(err))
  end)
end)

describe("a signature that a server repeats", function()
  local HEX = ("0123456789abcdef"):rep(4)
  local VALUE = "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature=" .. HEX

  for written, expected in pairs {
    ["Authorization: " .. VALUE] = "Authorization: ***",
    ["authorization:" .. VALUE .. "|host:x"] = "authorization:***|host:x",
    ["Proxy-Authorization: Basic dXNlcjpwYXNz\r\nHost: x"] = "Proxy-Authorization: *** Host: x",
    ['{"Authorization": "' .. VALUE .. '", "Host": "x"}'] =
      '{"Authorization": "***", "Host": "x"}',
    ["wrong: Signature=" .. HEX .. ", so no"] = "wrong: Signature=***, so no",
    ["V11-HMAC-SHA256 Credential=AK/20260101/r/evs, signature=" .. HEX] =
      "V11-HMAC-SHA256 Credential=AK/20260101/r/evs, signature=***",
    ["the Authorization header is missing; Signature= is empty"] =
      "the Authorization header is missing; Signature= is empty",
  } do
    it("becomes ***: " .. expected, function()
      local err = delete({ rest = { 400, evs_error("EVS.1", written) } }, { retries = 0 }).err
      assert.equal(expected, err.message)
    end)
  end
end)

describe("a secret", function()
  -- The parts of SK and token that are the same in every escaping.
  local parts = { "SKexample", "0000000001", "gQpjbi1ub3J0aC00", "Zm9vYmFy" }

  local function keeps_secrets(err)
    local texts = { tostring(err) }
    for _, value in pairs(err) do
      texts[#texts + 1] = tostring(value)
    end
    for _, text in ipairs(texts) do
      for _, part in ipairs(parts) do
        assert.is_nil(text:find(part, 1, true), text)
      end
    end
  end

  local function replace(pattern, form)
    return function(text)
      return (text:gsub(pattern, function(char)
        return form:format(char:byte())
      end))
    end
  end

  local ways = {
    ["as it is"] = function(text) return text end,
    ["with percent escapes"] = replace("[^%w]", "%%%02X"),
    ["with percent escapes in lower case"] = replace("[^%w]", "%%%02x"),
    ["all in percent escapes"] = replace(".", "%%%02X"),
    ["with \\u003d"] = replace("[^%w]", "\\u%04x"),
    ["with backslashes"] = function(text) return (text:gsub("/", "\\/")) end,
    ["with decimal entities"] = replace("[^%w]", "&#%d;"),
    ["with hexadecimal entities"] = replace("[^%w]", "&#x%x;"),
  }

  local clients = {
    ["the secret key"] = { SK, function() return client() end },
    ["the security token"] = { TOKEN, function() return client { security_token = TOKEN } end },
    ["the IAM token"] = { TOKEN, function()
      return client { ak = false, sk = false, token = TOKEN }
    end },
  }

  for whose, case in pairs(clients) do
    local secret, new = case[1], case[2]

    local function told(status, body, headers)
      local err = delete({ rest = { status, body, headers } }, { retries = 0 }, new()).err
      keeps_secrets(err)
      return err
    end

    for how, written in pairs(ways) do
      it(("%s %s becomes *** in JSON, HTML and text, what is around it stays"):format(whose, how),
        function()
          local echo = "before|x-token:" .. written(secret) .. "|after"
          assert.equal("before|x-token:***|after (keys from options)",
            told(401, gateway_error("APIGW.0301", echo)).message)
          assert.equal("403 Forbidden: before|x-token:***|after",
            told(403, "<p>" .. echo .. "</p>").message)
          assert.equal("502 Bad Gateway: before|x-token:***|after", told(502, echo).message)
        end)
    end

    it(whose .. " is cut out of every place, as often as it stands there", function()
      local err = told(400, evs_error("EVS.1", secret .. " and " .. secret .. secret))
      assert.equal("*** and ******", err.message)
      told(400, cjson.encode { error = { code = secret, message = "m" } })
      told(400, cjson.encode { [secret] = { code = secret, message = secret } })
      told(400, cjson.encode { code = "EVS.1", message = "m", request_id = secret })
      told(400, evs_error("EVS.1"), { ["X-Request-Id"] = secret })
      told(200, "<p>" .. secret .. "</p>")
      told(307, secret, { Location = secret })
      told(400, "{" .. secret)
    end)

    it(whose .. " that was cut in the middle is cut out, too", function()
      assert.equal("403 Forbidden: token ***",
        told(403, "token " .. secret:sub(1, #secret - 3)).message)
      assert.equal("403 Forbidden: token ***|and",
        told(403, "token " .. secret:sub(1, 12) .. "|and").message)
      -- Cut by our own limits on what is read and shown.
      for back = 0, 40, 8 do
        told(502, ("x"):rep(2 ^ 20 - back) .. secret)
        told(502, ("x"):rep(2 ^ 16 - back) .. secret)
        told(502, ("x"):rep(300 - back) .. secret)
        told(400, evs_error("EVS.1", ("x"):rep(2048 - back) .. secret))
      end
    end)

    it(whose .. " is not put together again by what cleaning drops", function()
      for _, dropped in ipairs { "\255", "\192\128", "\237\160\128", "\0", "\27", "<b>",
          "\194\133" } do
        for _, at in ipairs { 1, 5, 8, 11 } do
          local broken = secret:sub(1, at) .. dropped .. secret:sub(at + 1)
          for _, answer in ipairs { { 502, broken }, { 400, evs_error("EVS.1", broken) } } do
            local err = delete({ rest = answer }, { retries = 0 }, new()).err
            assert.is_nil(tostring(err):find(secret, 1, true))
          end
        end
      end
    end)

    it(whose .. " is in no message of a carrier", function()
      local failure = { fail = "Client.Network", sent = "maybe",
        message = "cannot send 'X: " .. secret .. "' to it" }
      local err = delete({ failure }, { retries = 0 }, new()).err
      keeps_secrets(err)
      assert.equal("cannot send 'X: ***' to it", err.message)
    end)

    it(whose .. " is in no error about a snapshot that shows it", function()
      for _, back in ipairs { 0, 4, 11, 20, 30, 52, 54, 60 } do
        local status = ("s"):rep(back) .. secret
        keeps_secrets(guarded({ shown(status) }, {}, new()).err)
        keeps_secrets(guarded({ shown { id = status } }, {}, new()).err)
        keeps_secrets(delete({ { 202 }, rest = shown(status) }, { wait = 15 }, new()).err)
        keeps_secrets(delete({ { 202 }, rest = shown(status) }, { wait = 5 }, new()).err)
        keeps_secrets(delete({ { 202 }, shown("deleting"), shown(status) }, { wait = 5 },
          new()).err)
      end
    end)

    it(whose .. " is in no request id that client:last() tells", function()
      local a_client = new()
      delete({ { 202, "", { ["X-Request-Id"] = secret } } }, {}, a_client)
      assert.is_nil(a_client:last().request_id)
      delete({ { 400, "", { ["X-Request-Id"] = secret } } }, {}, a_client)
      assert.is_nil(a_client:last().request_id)
    end)

    it(whose .. " in an answer that comes after client:close() is in no error", function()
      for _, body in ipairs { gateway_error("APIGW.0301", "x " .. secret), secret } do
        local a_client = new()
        local machine = sent({}, a_client)
        a_client:close()
        machine:reply(401, {}, body)
        local _, _, err = machine:next(1, WALL)
        keeps_secrets(err)
      end
      local a_client = new()
      local machine = sent({ retries = 0 }, a_client)
      a_client:close()
      machine:fail("Client.Network", "x " .. secret, "maybe")
      local _, _, err = machine:next(1, WALL)
      keeps_secrets(err)
    end)
  end
end)

describe("the pause before another try", function()
  -- The pauses before retries 1 to `retries`, for many calls: pauses[retry] is a list.
  local function pauses(answer, retries, calls)
    local found = {}
    for _ = 1, calls do
      local trace = delete({ rest = answer }, { timeout = AGES, retries = retries })
      for i = 1, retries do
        found[i] = found[i] or {}
        table.insert(found[i], trace:gap(i))
      end
    end
    return found
  end

  local function is_full_jitter(list, ceiling)
    local sum, least, most = 0, math.huge, 0
    for _, pause in ipairs(list) do
      sum, least, most = sum + pause, math.min(least, pause), math.max(most, pause)
    end
    assert.is_truthy(most <= ceiling + 1e-6, most .. " is over " .. ceiling)
    assert.is_truthy(least < ceiling / 4 and most > ceiling * 3 / 4)
    assert.is_truthy(math.abs(sum / #list - ceiling / 2) < ceiling * 0.15)
  end

  it("is anywhere from 0 to 0.2 s, then twice that each time, up to 10 s", function()
    local found = pauses({ 503 }, 9, 150)
    for i, ceiling in ipairs { 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10 } do
      is_full_jitter(found[i], ceiling)
    end
  end)

  it("is that after a failure without an answer, too", function()
    for _, failure in ipairs { lost(), unsent() } do
      local found = pauses(failure, 2, 150)
      is_full_jitter(found[1], 0.2)
      is_full_jitter(found[2], 0.4)
    end
  end)

  it("is anywhere from 0 to 2 s after a 429, then twice that each time, up to 10 s", function()
    local found = pauses({ 429 }, 5, 150)
    for i, ceiling in ipairs { 2, 4, 8, 10, 10 } do
      is_full_jitter(found[i], ceiling)
    end
  end)

  it("differs between clients", function()
    local seen, different = {}, 0
    for _ = 1, 20 do
      local gap = delete({ { 503 }, { 202 } }):gap(1)
      different = different + (seen[gap] and 0 or 1)
      seen[gap] = true
    end
    assert.is_truthy(different >= 19)
  end)

  local function retry_after(value, more)
    return { more and more.status or 503, "", merge({ ["Retry-After"] = value },
      more and more.headers or {}) }
  end

  local function near(expected, found)
    assert.is_truthy(math.abs(expected - found) < 1e-6, ("%s, not %s"):format(found, expected))
  end

  it("is what Retry-After says in seconds, be it more or less than our own", function()
    for _, seconds in ipairs { 0, 1, 7, 25 } do
      for _, status in ipairs { 429, 500, 503 } do
        near(seconds, delete({ retry_after(tostring(seconds), { status = status }), { 202 } })
          :gap(1))
      end
    end
  end)

  it("is the time from the answer's own Date to Retry-After's, whatever our clock says", function()
    for _, off in ipairs { 0, -86400, 3600 } do
      local date = WALL + off
      near(7, delete({ retry_after(machines.date(date + 7),
        { headers = { Date = machines.date(date) } }), { 202 } }):gap(1))
      near(0, delete({ retry_after(machines.date(date - 7),
        { headers = { Date = machines.date(date) } }), { 202 } }):gap(1))
    end
  end)

  it("is our own when Retry-After cannot be read, or is a date and the answer has none", function()
    for _, value in ipairs { "", "soon", "-5", "1.5", "10s", "0x10", machines.date(WALL + 7) } do
      local gap = delete({ retry_after(value), { 202 } }):gap(1)
      assert.is_truthy(gap <= 0.2)
    end
  end)

  it("is our own when Retry-After is nearly a date", function()
    local date = machines.date(WALL + 7)
    for _, wrong in ipairs { date:gsub("GMT", "UTC"), date:gsub("%d%d:", "2x:", 1),
      date:gsub("%d%d:", "24:", 1), date:gsub(" %a%a%a ", " Abc "), date:sub(1, -2) } do
      local gap = delete({ retry_after(wrong, { headers = { Date = machines.date(WALL) } }),
        { 202 } }):gap(1)
      assert.is_truthy(gap <= 0.2, wrong)
    end
  end)

  it("is Retry-After's in any case of the name, and of a list the first", function()
    for _, headers in ipairs { { ["retry-after"] = "3" }, { ["RETRY-AFTER"] = "3" },
        { ["Retry-After"] = { "3", "9" } } } do
      near(3, delete({ { 503, "", headers }, { 202 } }):gap(1))
    end
  end)

  it("is Retry-After's when a script's HTTP client has made it a number", function()
    for _, headers in ipairs { { ["retry-after"] = 3 }, { ["Retry-After"] = { 3, 9 } } } do
      near(3, delete({ { 503, "", headers }, { 202 } }):gap(1))
    end
  end)

  it("is not waited for when Retry-After ends past the deadline: the server's error at once",
    function()
      for _, value in ipairs { "31", "3600", "99999999999999999999", "1" .. ("0"):rep(400) } do
        for status, outcome in pairs { [429] = "refused", [503] = "unknown" } do
          local trace = delete({ retry_after(value, { status = status }) })
          same_error({ code = "HTTP." .. status, outcome = outcome, retryable = true,
            attempts = 1 }, trace)
          assert.equal(0, trace.seconds)
        end
      end
    end)

  it("counts time already gone against that deadline", function()
    local answer = retry_after("7")
    answer.after = 5
    assert.equal(2, delete({ answer, { 202 } }, { timeout = 13 }):count())
    assert.equal(1, delete({ answer }, { timeout = 11 }):count())
  end)

  it("counts from the next that follows the answer", function()
    local machine = sent()
    machine:reply(503, { ["Retry-After"] = "3" }, "")
    local step, seconds = machine:next(5, WALL + 5)
    assert.equal("sleep", step)
    near(3, seconds)
    step, seconds = machine:next(6, WALL + 6)
    assert.equal("sleep", step)
    near(2, seconds)
    step, seconds = machine:next(7.5, WALL + 7.5)
    assert.equal("sleep", step)
    near(0.5, seconds)
    assert.equal("send", (machine:next(8, WALL + 8)))
  end)

  it("does not hang on the wall clock", function()
    local machine = sent()
    machine:reply(503, { ["Retry-After"] = "3" }, "")
    machine:next(5, WALL)
    assert.equal("send", (machine:next(8, WALL - 1e6)))
  end)
end)

describe("the deadline", function()
  it("runs from the first request, not from the start", function()
    local machine = start { guard = false, timeout = 4 }
    local step, request = machine:next(1000, WALL)
    assert.equal("send", step)
    assert.equal(1004, request.deadline)
    machine:reply(503, { ["Retry-After"] = "0" }, "")
    step, request = machine:next(1003, WALL)
    assert.equal("send", step)
    assert.equal(1004, request.deadline)
  end)

  it("spans the guard, the tries, the pauses and the settling", function()
    local slow = { 503, "", { ["Retry-After"] = "2" }, after = 3 }
    local a_shown = shown()
    a_shown.after = 9
    local refused = { 400, evs_error("EVS.1047"), after = 3 }
    local trace = guarded({ a_shown, slow, slow, refused, shown("deleting") },
      { timeout = 30 })
    assert.is_true(trace.result)
    assert.equal("GET DELETE DELETE DELETE GET", trace:methods())
    for i, deadline in ipairs { 10, 19, 24, 29, 30 } do
      assert.is_truthy(math.abs(trace.requests[i].deadline - trace.began - deadline) < 1e-6)
    end
    trace = guarded({ a_shown, slow, slow, refused }, { timeout = 22 })
    same_error({ code = "EVS.1047", outcome = "unknown", attempts = 4 }, trace)
  end)

  it("that ends between the guard and the DELETE is Client.Timeout, not sent", function()
    local a_shown = shown()
    a_shown.after = 30
    local trace = guarded({ a_shown }, { attempt_timeout = 60 })
    same_error({ code = "Client.Timeout", outcome = "not_sent", attempts = 1, retryable = true },
      trace)
  end)

  it("ends a call that nobody answers with its last failure, in time", function()
    local trace = delete({ rest = { fail = "Client.Timeout", sent = "maybe", after = 0.5 } },
      { timeout = 1.5, attempt_timeout = 0.5 })
    same_error({ code = "Client.Timeout", outcome = "unknown" }, trace)
    assert.is_truthy(trace.seconds <= 1.5 + 1e-6)
    assert.is_truthy(trace:count() >= 2)
    trace = delete({ rest = { 503 } }, { timeout = 5, retries = 100 })
    same_error({ code = "HTTP.503", status = 503, outcome = "unknown", retryable = true }, trace)
    assert.is_truthy(trace.seconds <= 5 + 1e-6)
    trace = delete({ rest = unsent() }, { timeout = 5, retries = 100 })
    same_error({ code = "Client.Connect", outcome = "not_sent", attempts = 0 }, trace)
    assert.is_truthy(trace.seconds <= 5 + 1e-6)
  end)

  it("is never passed by a request, nor by a request's own deadline", function()
    for i = 1, 150 do
      local timeout, attempt = 0.2 + i % 7, 0.1 + i % 3
      local choice = { { 503 }, { 429 }, lost(), unsent(), { 503, "", { ["Retry-After"] = "1" } },
        { 400 }, shown(), { 202 }, MISSING, shown("deleting"), { 500 }, { 502 } }
      local options = { timeout = timeout, attempt_timeout = attempt, retries = 50 }
      local trace = machines.delete(options, {
        rest = function(request, now, number)
          assert.is_truthy(request.deadline <= now.mono + attempt + 1e-6)
          assert.is_truthy(request.deadline <= 5000 + timeout + 1e-6)
          local answer = choice[(i * 31 + number * 17 + i * number * number) % #choice + 1]
          return merge(answer, { after = (request.deadline - now.mono) * ((i + number) % 5) / 4 })
        end,
      })
      assert.is_truthy(trace.seconds <= timeout + 0.1)
    end
  end)
end)

describe("a lost DELETE", function()
  local losses = {
    ["a cut"] = lost(), ["a time-out"] = lost("Client.Timeout"), ["an answer that is no HTTP"] =
      lost("Client.BadResponse"), ["408"] = { 408 }, ["500"] = { 500 }, ["502"] = { 502, HTML },
    ["503"] = { 503 }, ["504"] = { 504 }, ["500 EVS.2005"] = { 500, evs_error("EVS.2005") },
  }
  local no_losses = {
    ["429"] = { 429 }, ["no connection"] = unsent(), ["no address"] = unsent("Client.Resolve"),
  }

  for what, loss in pairs(losses) do
    it("by " .. what .. " has worked when the snapshot, seen before, is missing then", function()
      local trace = guarded({ shown(), loss, MISSING })
      assert.is_true(trace.result)
      assert.equal("GET DELETE DELETE", trace:methods())
      assert.is_true(machines.delete({}, { loss, MISSING }, nil, snapshot()).result)
      assert.is_true(delete({ loss, MISSING }, {}, nil, snapshot()).result)
    end)

    it("by " .. what .. " leaves unknown what a missing snapshot means that was never seen",
      function()
        same_error({ code = "404", kind = "itemNotFound", status = 404, outcome = "unknown",
          attempts = 2 }, delete({ loss, MISSING }))
        assert.is_true(delete({ loss, MISSING }, { ignore_missing = true }).result)
        -- A snapshot passed by the script that tells too little was not seen.
        same_error({ code = "404", outcome = "unknown" },
          delete({ loss, MISSING }, {}, nil, snapshot { status = ABSENT }))
      end)

    it("by " .. what .. " is settled by a GET when the next is refused", function()
      local trace = delete({ loss, { 400, evs_error("EVS.1047") }, shown("deleting") })
      assert.is_true(trace.result)
      assert.equal("DELETE DELETE GET", trace:methods())
    end)
  end

  for what, no_loss in pairs(no_losses) do
    it("is not what " .. what .. " is: a refusal after it needs no GET, and missing is missing",
      function()
        local trace = guarded({ shown(), no_loss, { 400, evs_error("EVS.1047") } })
        same_error({ code = "EVS.1047", outcome = "refused" }, trace)
        same_error({ code = "404", kind = "itemNotFound", outcome = "refused" },
          guarded({ shown(), no_loss, MISSING }))
      end)
  end

  it("was none: a first answer is never settled", function()
    for _, answer in ipairs { { 400, evs_error("EVS.1047") }, { 409 },
        { 500, evs_error("EVS.2019") }, MISSING } do
      local trace = guarded({ shown(), answer })
      assert.equal("GET DELETE", trace:methods())
      same_error({ outcome = "refused", status = answer[1], attempts = 2 }, trace)
    end
  end)

  local refusals = {
    ["400"] = { 400, evs_error("EVS.1047") }, ["Cinder's 400"] = { 400,
      cinder_error("badRequest", 400) }, ["409"] = { 409, HTML },
    ["EVS.2019"] = { 500, evs_error("EVS.2019") },
  }
  local codes = { ["400"] = "EVS.1047", ["Cinder's 400"] = "400", ["409"] = "HTTP.409",
    ["EVS.2019"] = "EVS.2019" }

  for what, refusal in pairs(refusals) do
    local original = { code = codes[what], status = refusal[1] }

    local function settled(look, options)
      local trace = guarded({ shown(), lost(), refusal, look }, options)
      assert.equal("GET DELETE DELETE GET", trace:methods())
      return trace
    end

    it("then " .. what .. " and a missing snapshot is true if it was seen before", function()
      assert.is_true(settled(MISSING).result)
      assert.is_true(settled({ 404, evs_error("EVS.5404") }).result)
      assert.is_true(delete({ lost(), refusal, MISSING }, {}, nil, snapshot()).result)
      same_error({ code = "404", kind = "itemNotFound", outcome = "unknown", attempts = 3 },
        delete({ lost(), refusal, MISSING }))
      assert.is_true(delete({ lost(), refusal, MISSING }, { ignore_missing = true }).result)
    end)

    it("then " .. what .. " and the status deleting is true", function()
      assert.is_true(settled(shown("deleting")).result)
      assert.is_true(delete({ lost(), refusal, shown("deleting") }).result)
    end)

    it("then " .. what .. " and the status error_deleting is Client.NotDeleted", function()
      local trace = settled(shown("error_deleting"))
      same_error({ code = "Client.NotDeleted", retryable = false, attempts = 4 }, trace)
      assert.not_equal("not_sent", trace.err.outcome)
      assert.not_equal("refused", trace.err.outcome)
      assert.matches("the answer to the deletion was lost", trace.err.message, 1, true)
    end)

    it("then " .. what .. " and another status is the original error, unknown", function()
      for _, status in ipairs { "available", "error", "creating", "backing-up", "rollbacking" } do
        same_error(merge(original, { outcome = "unknown", attempts = 4 }), settled(shown(status)))
      end
    end)

    for how, look in pairs {
      ["is forbidden"] = { 403, cinder_error("forbidden", 403) },
      ["shows another snapshot"] = shown { id = "other", status = "available" },
      ["shows no snapshot"] = { 200, "{}" },
      ["gets a login page"] = { 200, HTML },
      ["gets a gateway's 404"] = { 404, gateway_error("APIGW.0101") },
      ["gets a proxy's 404"] = { 404, HTML },
      ["gets a 410"] = { 410, cinder_error("itemNotFound", 410) },
      ["gets a 204"] = { 204 },
      ["gets a 202"] = { 202 },
      ["is redirected"] = { 302 },
      ["is refused with EVS.2019"] = { 500, evs_error("EVS.2019") },
      ["is refused for the key"] = machines.UNAUTHORIZED,
    } do
      it(("then %s and a GET that %s is the original error, unknown"):format(what, how), function()
        same_error(merge(original, { outcome = "unknown", attempts = 4 }), settled(look))
        same_error(merge(original, { outcome = "unknown", attempts = 4 }),
          settled(look, { ignore_missing = true }))
      end)
    end

    it("then " .. what .. " and a GET that fails is tried again, then the original error, unknown",
      function()
        for _, failure in ipairs { lost(), unsent(), { 503 }, { 429 } } do
          local trace = guarded({ shown(), lost(), refusal, rest = failure }, { timeout = AGES })
          assert.equal("GET DELETE DELETE GET GET GET GET", trace:methods())
          same_error(merge(original, { outcome = "unknown" }), trace)
          assert.is_true(guarded({ shown(), lost(), refusal, failure, failure,
            shown("deleting") }, { timeout = AGES }).result)
        end
      end)
  end

  it("then a refusal, and a client that was closed, is the original error, unknown", function()
    local a_client = client()
    local machine = sent({}, a_client)
    machines.answer(machine, lost())
    machine:next(0, WALL) -- its pause begins
    machine:next(10, WALL)
    machines.answer(machine, { 400, evs_error("EVS.1047") })
    a_client:close()
    local step, result, err = machine:next(10, WALL)
    assert.same({ "done" }, { step, result })
    assert.same({ "EVS.1047", "unknown", 2 }, { err.code, err.outcome, err.attempts })
  end)

  it("then 403 is 403, unknown, without a GET", function()
    local trace = guarded({ shown(), lost(), { 403, evs_error("EVS.5403") } })
    assert.equal("GET DELETE DELETE", trace:methods())
    same_error({ code = "EVS.5403", outcome = "unknown", attempts = 3 }, trace)
  end)

  it("is not settled by a gateway's or a proxy's 404", function()
    for _, answer in ipairs { { 404 }, { 404, HTML }, { 404, gateway_error("APIGW.0101") },
        { 410, cinder_error("itemNotFound", 410) } } do
      same_error({ status = answer[1], outcome = "unknown" }, guarded({ shown(), lost(), answer },
        { ignore_missing = true }))
    end
  end)

  it("is forgotten when a later one is accepted", function()
    assert.is_true(delete({ lost(), { 503 }, { 202 } }).result)
  end)

  it("is the last failure, unknown, when the retries run out", function()
    same_error({ code = "HTTP.429", outcome = "unknown", attempts = 2 },
      delete({ lost(), { 429 } }, { retries = 1 }))
    same_error({ code = "Client.Connect", outcome = "unknown", attempts = 1 },
      delete({ lost(), unsent() }, { retries = 1 }))
  end)

  it("goes on to wait: the snapshot is gone, or deleting and then gone", function()
    local trace = guarded({ shown(), lost(), MISSING }, { wait = true })
    assert.is_true(trace.result)
    assert.equal("GET DELETE DELETE", trace:methods())
    local refused = { 400, evs_error("EVS.1047") }
    trace = delete({ lost(), refused, shown("deleting"), shown("deleting"), MISSING },
      { wait = true })
    assert.is_true(trace.result)
    assert.equal("DELETE DELETE GET GET GET", trace:methods())
    same_error({ code = "Client.NotDeleted" },
      delete({ lost(), refused, shown("deleting"), shown("available") }, { wait = true }))
    same_error({ code = "Client.NotDeleted" },
      delete({ lost(), refused, shown("deleting"), shown("error_deleting") }, { wait = true }))
    same_error({ code = "Client.WaitTimeout" },
      delete({ lost(), refused, rest = shown("deleting") }, { wait = 5 }))
  end)
end)

describe("waiting", function()
  local function waited(script, options, a_client)
    local all = { { 202 }, rest = script.rest }
    for i, answer in ipairs(script) do
      all[i + 1] = answer
    end
    return delete(all, merge({ wait = 15 }, options or {}), a_client)
  end

  -- A script that answers by what time it is, in seconds since the 202: {until, answer}...
  local function timeline(steps)
    return { rest = function(_, now)
      for _, step in ipairs(steps) do
        if now.mono - 5000 < step[1] then
          return step[2]
        end
      end
    end }
  end

  it("is true when the snapshot is gone", function()
    local trace = waited({ shown("deleting"), shown("deleting"), MISSING })
    assert.is_true(trace.result)
    assert.equal("DELETE GET GET GET", trace:methods())
    assert.equal(URL, trace.requests[2].url)
    assert.is_true(waited({ { 404, evs_error("EVS.5404") } }).result)
    assert.equal("GET DELETE GET", guarded({ shown(), { 202 }, MISSING }, { wait = 15 }):methods())
  end)

  it("is not done without wait", function()
    assert.equal("DELETE", delete({ { 202 } }, { wait = false }):methods())
  end)

  it("does not look at a snapshot that was missing from the beginning", function()
    assert.equal("DELETE", delete({ MISSING }, { wait = 15, ignore_missing = true }):methods())
    assert.equal("GET", guarded({ MISSING }, { wait = 15, ignore_missing = true }):methods())
    same_error({ outcome = "refused" }, delete({ MISSING }, { wait = 15 }))
  end)

  it("takes its first look half a second after the 202", function()
    for _ = 1, 30 do
      local gap = waited({ MISSING }):gap(1)
      assert.is_truthy(gap >= 0.4 and gap <= 0.6, gap)
    end
  end)

  it("looks ever more rarely, up to every 10 s, and never in step with others", function()
    local trace = waited({ rest = shown("deleting") }, { wait = 600 })
    local gaps = {}
    for i = 2, #trace.requests - 12 do
      gaps[#gaps + 1] = trace:gap(i)
      assert.is_truthy(gaps[#gaps] <= 11)
    end
    assert.is_truthy(gaps[1] < 1.2)
    for i = 12, #gaps do
      assert.is_truthy(gaps[i] >= 8.9)
      assert.not_equal(gaps[i], gaps[i - 1])
    end
    assert.is_truthy(#trace.requests < 600 / 9 + 25)
  end)

  it("has a clock of its own, that starts with the 202", function()
    local trace = delete({ { 202, after = 29 }, rest = shown("deleting") },
      { wait = 60, attempt_timeout = 30 })
    same_error({ code = "Client.WaitTimeout", outcome = "accepted" }, trace)
    assert.is_truthy(math.abs(trace.seconds - 89) < 0.1)
    trace = delete({ { 202 }, rest = shown("deleting") }, { wait = 60, timeout = 2 })
    assert.is_truthy(math.abs(trace.seconds - 60) < 0.1)
  end)

  for _, wait in ipairs { 0.2, 0.5, 1, 5, 15, 300, true } do
    it(("for %s ends in time with Client.WaitTimeout"):format(tostring(wait)), function()
      local seconds = wait == true and 180 or wait
      for _, answer in ipairs { shown("deleting"), { 503 }, lost(), unsent() } do
        local trace = waited({ rest = answer }, { wait = wait })
        same_error({ code = "Client.WaitTimeout", outcome = "accepted", retryable = true }, trace)
        assert.is_truthy(math.abs(trace.seconds - seconds) < 0.1, trace.seconds)
      end
    end)
  end

  it("gives no look more time than is left", function()
    local trace = waited({ rest = function(request, now)
      assert.is_truthy(request.deadline <= 5015 + 1e-6)
      return { fail = "Client.Timeout", sent = "maybe", after = request.deadline - now.mono }
    end })
    same_error({ code = "Client.WaitTimeout", outcome = "accepted" }, trace)
    assert.is_truthy(trace.seconds <= 15 + 1e-6)
  end)

  it("ends with Client.NotDeleted at error_deleting", function()
    for _, before in ipairs { shown("deleting"), shown("available"), { 503 } } do
      local trace = waited({ before, shown("error_deleting") })
      same_error({ code = "Client.NotDeleted", outcome = "accepted", retryable = false,
        attempts = 3 }, trace)
      assert.is_truthy(trace.err.message:find("error_deleting", 1, true))
    end
  end)

  it("ends with Client.NotDeleted when deleting is over and the snapshot is back", function()
    for _, status in ipairs { "available", "error", "creating", "backing-up" } do
      local trace = waited({ shown("deleting"), { 503 }, shown(status) })
      same_error({ code = "Client.NotDeleted", outcome = "accepted", attempts = 4 }, trace)
      assert.is_truthy(trace.err.message:find(status, 1, true))
    end
  end)

  it("takes no notice of available for a while, then deleting, then gone", function()
    assert.is_true(waited(timeline { { 2, shown("available") }, { 6, shown("deleting") },
      { 99, MISSING } }).result)
    assert.is_true(waited(timeline { { 9.9, shown("available") }, { 20, shown("deleting") },
      { 99, MISSING } }, { wait = 60 }).result)
  end)

  it("ends with Client.NotDeleted after two looks that agree, 10 s or more after the 202",
    function()
      for _, status in ipairs { "available", "error", ("state"):rep(30) } do
        local trace = waited({ rest = shown(status) }, { wait = 180 })
        same_error({ code = "Client.NotDeleted", outcome = "accepted" }, trace)
        local last = #trace.requests
        assert.is_truthy(trace:sent_after(last - 1) >= 10)
        assert.is_truthy(trace:sent_after(last - 2) < 10)
        assert.is_truthy(trace.seconds < 32)
      end
    end)

  it("goes on while looks disagree", function()
    local flip = false
    same_error({ code = "Client.WaitTimeout", outcome = "accepted" }, waited({ rest = function()
      flip = not flip
      return shown(flip and "available" or "error")
    end }, { wait = 60 }))
  end)

  for what, answer in pairs { ["408"] = { 408 }, ["429"] = { 429 }, ["500"] = { 500 },
      ["502"] = { 502, HTML }, ["503"] = { 503 }, ["504"] = { 504 }, ["a cut"] = lost(),
      ["a time-out"] = lost("Client.Timeout"), ["no connection"] = unsent(),
      ["no address"] = unsent("Client.Resolve") } do
    it("rides out " .. what .. ", alternating and in a row", function()
      assert.is_true(waited({ answer, shown("deleting"), answer, shown("deleting"), answer,
        MISSING }).result)
      assert.is_true(waited({ answer, answer, answer, answer, answer, answer, MISSING },
        { wait = 180, retries = 0 }).result)
    end)
  end

  it("looks again no sooner than Retry-After says, where that leaves time", function()
    for _, status in ipairs { 429, 503 } do
      local throttled = { status, "", { ["Retry-After"] = "9" } }
      local trace = waited({ throttled, MISSING })
      assert.is_true(trace.result)
      assert.is_truthy(trace:gap(2) >= 9 - 1e-6, "after " .. trace:gap(2))
      trace = waited({ throttled, MISSING }, { wait = 180 })
      assert.is_truthy(trace:gap(2) >= 9 - 1e-6, "after " .. trace:gap(2))
    end
  end)

  for what, case in pairs {
    ["400"] = { { 400, evs_error("EVS.5400") }, "EVS.5400" },
    ["401"] = { machines.UNAUTHORIZED, "APIGW.0301" },
    ["403"] = { { 403, cinder_error("forbidden", 403) }, "403" },
    ["a gateway's 404"] = { { 404, gateway_error("APIGW.0101") }, "APIGW.0101" },
    ["a proxy's 404"] = { { 404, HTML }, "HTTP.404" },
    ["407"] = { { 407 }, "Client.Proxy" },
    ["410"] = { { 410, cinder_error("itemNotFound", 410) }, "410" },
    ["418"] = { { 418 }, "HTTP.418" },
  } do
    it("ends with " .. what .. ", and the deletion was accepted", function()
      for _, options in ipairs { {}, { ignore_missing = true } } do
        local trace = waited({ shown("deleting"), case[1] }, options)
        same_error({ code = case[2], status = case[1][1], outcome = "accepted", attempts = 3 },
          trace)
      end
    end)
  end

  it("learns nothing from an answer that shows no snapshot, or another", function()
    for _, answer in ipairs { { 200 }, { 200, HTML }, { 200, "{}" }, { 204 },
        shown { id = "other", status = "error_deleting" } } do
      assert.is_true(waited({ shown("deleting"), answer, MISSING }).result)
      same_error({ code = "Client.WaitTimeout", outcome = "accepted" }, waited({ rest = answer }))
    end
  end)

  it("counts every look as an attempt", function()
    same_error({ attempts = 6 }, guarded({ shown(), { 503 }, { 202 }, shown("deleting"), unsent(),
      { 503 }, { 403 } }, { wait = 60 }))
  end)

  it("counts its pauses from the next that follows the 202", function()
    local machine = sent { wait = 10 }
    machine:reply(202, {}, "")
    local step, seconds = machine:next(100, WALL)
    assert.equal("sleep", step)
    assert.is_truthy(seconds >= 0.4 and seconds <= 0.6)
    step = machine:next(101, WALL)
    assert.equal("send", step)
    machine:reply(200, {}, shown("deleting")[2])
    local _, _, err = machine:next(110.01, WALL)
    assert.equal("Client.WaitTimeout", err.code)
  end)
end)

describe("cancel", function()
  local function cancelled(machine)
    machine:cancel()
    local step, result, err = machine:next(1e5, WALL)
    assert.equal("done", step)
    assert.is_nil(result)
    machines.check_error(err)
    machine:cancel()
    step, result, err = machine:next(1e5 + 1, WALL)
    assert.equal("done", step)
    assert.is_nil(result)
    assert.error_matches(function() machine:reply(202, {}, "") end, "no request is out")
    assert.error_matches(function() machine:fail("Client.Network", "m", "maybe") end,
      "no request is out")
    return err
  end

  -- A machine that got these answers; its last `next` is left to do unless `more` is given.
  local function after(options, answers, more)
    local machine, a_clock = start(options), clock()
    local number = 1
    while number <= #answers or more do
      local step, value = machine:next(a_clock.mono, a_clock.wall)
      assert.not_equal("done", step)
      if number > #answers then
        if step == more then
          return machine
        end
        assert.equal("sleep", step)
        a_clock:advance(value)
      elseif step == "sleep" then
        a_clock:advance(value)
      else
        machines.answer(machine, answers[number])
        number = number + 1
      end
    end
    return machine
  end

  local refused = { 400, evs_error("EVS.1047") }
  -- {when, options, answers, the last step, outcome, attempts}
  for _, case in ipairs {
    { "before anything is sent", {}, {}, nil, "not_sent", 0 },
    { "while the guard's GET is out", {}, {}, "send", "not_sent", 1 },
    { "while the guard waits for another try", {}, { { 503 } }, "sleep", "not_sent", 1 },
    { "between guard and DELETE", {}, { shown() }, nil, "not_sent", 1 },
    { "while the DELETE is out", { guard = false }, {}, "send", "unknown", 1 },
    { "while the guarded DELETE is out", {}, { shown() }, "send", "unknown", 2 },
    { "after an unsent DELETE", { guard = false }, { unsent() }, "sleep", "not_sent", 0 },
    { "after a lost DELETE", { guard = false }, { lost() }, "sleep", "unknown", 1 },
    { "after a 503", { guard = false }, { { 503 } }, "sleep", "unknown", 1 },
    { "after a 429", { guard = false }, { { 429 } }, "sleep", "refused", 1 },
    { "while the DELETE after a 429 is out", { guard = false }, { { 429 } }, "send", "unknown", 2 },
    { "before settling", { guard = false }, { lost(), refused }, nil, "unknown", 2 },
    { "while settling", { guard = false }, { lost(), refused }, "send", "unknown", 3 },
    { "before waiting", { guard = false, wait = 15 }, { { 202 } }, nil, "accepted", 1 },
    { "while waiting", { guard = false, wait = 15 }, { { 202 } }, "sleep", "accepted", 1 },
    { "while a look is out", { guard = false, wait = 15 }, { { 202 } }, "send", "accepted", 2 },
    { "while waiting after settling", { guard = false, wait = 15 },
      { lost(), refused, shown("deleting") }, "sleep", "accepted", 3 },
  } do
    it(("%s is Client.Stopped, %s"):format(case[1], case[5]), function()
      local err = cancelled(after(case[2], case[3], case[4]))
      assert.equal("Client.Stopped", err.code)
      assert.equal(case[5], err.outcome)
      assert.equal(case[6], err.attempts)
    end)
  end

  it("of a show is Client.Stopped, not_sent", function()
    local machine = client():start("show_snapshot", PROJECT, ID)
    machine:next(0, WALL)
    local err = cancelled(machine)
    assert.equal("Client.Stopped", err.code)
    assert.equal("not_sent", err.outcome)
  end)

  it("after the end changes nothing", function()
    local machine = sent()
    machine:reply(202, {}, "")
    machine:cancel()
    local step, result = machine:next(0, WALL)
    assert.equal("done", step)
    assert.is_true(result)
    machine = sent()
    machine:reply(403, {}, "")
    machine:cancel()
    local _, _, err = machine:next(0, WALL)
    assert.equal("HTTP.403", err.code)
  end)
end)

describe("client:close()", function()
  local function closed(a_client, machine, outcome)
    a_client:close()
    local step, result, err = machine:next(1e5, WALL)
    assert.equal("done", step)
    assert.is_nil(result)
    machines.check_error(err)
    assert.equal("Client.Closed", err.code)
    assert.equal(outcome, err.outcome)
    assert.is_false(err.retryable)
  end

  it("ends a machine that has sent nothing", function()
    local a_client = client()
    closed(a_client, start({}, a_client), "not_sent")
  end)

  it("ends a machine started after it", function()
    local a_client = client()
    a_client:close()
    closed(a_client, start({}, a_client), "not_sent")
  end)

  it("ends a machine that waits for another try", function()
    local a_client = client()
    local machine = sent({}, a_client)
    machine:reply(503, {}, "")
    machine:next(0, WALL)
    closed(a_client, machine, "unknown")
  end)

  it("ends a machine between guard and DELETE", function()
    local a_client = client()
    local machine = start({}, a_client)
    machine:next(0, WALL)
    a_client:close()
    machine:reply(200, {}, shown()[2])
    closed(a_client, machine, "not_sent")
  end)

  it("ends a machine that waits until the snapshot is gone", function()
    local a_client = client()
    local machine = sent({ wait = 15 }, a_client)
    machine:reply(202, {}, "")
    machine:next(0, WALL)
    closed(a_client, machine, "accepted")
  end)

  it("does not unsay a 202 that is under way", function()
    local a_client = client()
    local machine = sent({}, a_client)
    a_client:close()
    machine:reply(202, {}, "")
    local step, result = machine:next(0, WALL)
    assert.equal("done", step)
    assert.is_true(result)
  end)

  it("may be called twice, and its tostring says so", function()
    local a_client = client()
    a_client:close()
    a_client:close()
    assert.is_truthy(tostring(a_client):find("closed", 1, true))
  end)
end)

describe("what ends a machine's reply from outside", function()
  -- Runs `reply` with a hook that raises when the decoder is called.
  local function interrupted(message)
    local machine = sent()
    local inside = false
    debug.sethook(function()
      if inside then
        debug.sethook()
        error(message, 0)
      end
      inside = debug.getinfo(2, "f").func == machine.reply
    end, "c")
    local told = { pcall(machine.reply, machine, 400, {}, '{"code":"EVS.7","message":"m"}') }
    debug.sethook()
    return told
  end

  it("is raised on, and not taken for a body that is no JSON: Ctrl-C", function()
    assert.same({ false, "interrupted!" }, interrupted("interrupted!"))
    assert.same({ false, "script.lua:7: interrupted!" }, interrupted("script.lua:7: interrupted!"))
  end)
end)

describe("a call out of order", function()
  it("is next while a request is out", function()
    local machine = sent()
    assert.error_matches(function() machine:next(1, WALL) end, "a request is out")
    machine:reply(202, {}, "")
    assert.equal("done", (machine:next(1, WALL)))
  end)

  it("is reply or fail before a request", function()
    local machine = start()
    assert.error_matches(function() machine:reply(202, {}, "") end, "reply")
    assert.error_matches(function() machine:fail("Client.Network", "m", false) end, "fail")
    assert.equal("send", (machine:next(1, WALL)))
  end)

  it("is a second reply or fail", function()
    local machine = sent()
    machine:reply(503, {}, "")
    assert.error_matches(function() machine:reply(202, {}, "") end, "no request is out")
    assert.error_matches(function() machine:fail("Client.Network", "m", false) end,
      "no request is out")
  end)

  it("is reply while the machine sleeps", function()
    local machine = sent()
    machine:reply(503, { ["Retry-After"] = "5" }, "")
    assert.equal("sleep", (machine:next(0, WALL)))
    assert.error_matches(function() machine:reply(202, {}, "") end, "no request is out")
  end)

  it("is reply after the end", function()
    local machine = sent()
    machine:reply(202, {}, "")
    machine:next(0, WALL)
    assert.error_matches(function() machine:reply(202, {}, "") end, "no request is out")
  end)

  it("leaves the machine as it was", function()
    local machine = sent()
    for _ = 1, 3 do
      assert.is_false(pcall(machine.next, machine, 1, WALL))
      assert.is_false(pcall(machine.reply, machine, "202"))
      assert.is_false(pcall(machine.fail, machine, "Client.Nothing", "m", false))
    end
    machine:reply(202, {}, "")
    assert.same({ "done", true }, { machine:next(1, WALL) })
  end)
end)

describe("a wrong argument raises", function()
  local function raises(words, call, ...)
    local ok, message = pcall(call, ...)
    assert.is_false(ok)
    assert.is_string(message)
    assert.is_truthy(message:find(words, 1, true), message)
  end

  it("of start", function()
    local a_client = client()
    raises("unknown operation 'delete'", a_client.start, a_client, "delete", PROJECT, ID)
    raises("operation", a_client.start, a_client, nil, PROJECT, ID)
    raises("operation", a_client.start, a_client, 5, PROJECT, ID)
    raises("project_id", a_client.start, a_client, "delete_snapshot", nil, ID)
    raises("project_id", a_client.start, a_client, "delete_snapshot", 5, ID)
    raises("snapshot_id", a_client.start, a_client, "delete_snapshot", PROJECT, nil)
    raises("snapshot_id", a_client.start, a_client, "delete_snapshot", PROJECT, 5)
    raises("snapshot_id", a_client.start, a_client, "delete_snapshot", PROJECT, true)
    raises("evs.client", a_client.start, {}, "delete_snapshot", PROJECT, ID)
  end)

  for words, options in pairs {
    ["unknown option 'gard'"] = { gard = false },
    ["option 'region' belongs to evs.new"] = { region = "cn-north-4" },
    ["option 'sk' belongs to evs.new"] = { sk = SK },
    ["option 'guard': boolean expected, got string"] = { guard = "false" },
    ["option 'ignore_missing': boolean expected, got number"] = { ignore_missing = 1 },
    ["option 'timeout': number expected, got string"] = { timeout = "30" },
    ["option 'attempt_timeout': number expected, got boolean"] = { attempt_timeout = true },
    ["option 'retries': number expected, got table"] = { retries = {} },
    ["option 'wait': boolean or number expected, got string"] = { wait = "15" },
    ["option 'on_attempt': function expected, got string"] = { on_attempt = "print" },
  } do
    it("of start's options: " .. words, function()
      local a_client = client()
      raises(words, a_client.start, a_client, "delete_snapshot", PROJECT, ID, options)
    end)
  end

  it("of start's options: anything but a table", function()
    local a_client = client()
    raises("table expected", a_client.start, a_client, "delete_snapshot", PROJECT, ID, "wait")
    raises("option", a_client.start, a_client, "delete_snapshot", PROJECT, ID, { "wait" })
  end)

  it("of next", function()
    local machine = start()
    for _, bad in ipairs { "1", {}, true, 0 / 0, math.huge, -math.huge } do
      assert.is_false(pcall(machine.next, machine, bad, WALL))
      assert.is_false(pcall(machine.next, machine, 1, bad))
    end
    assert.is_false(pcall(machine.next, machine))
    assert.is_false(pcall(machine.next, machine, 1))
    assert.is_false(pcall(machine.next, {}, 1, WALL))
    assert.equal("send", (machine:next(1, WALL)))
  end)

  it("of reply", function()
    local machine = sent()
    for _, bad in ipairs { "202", 0, 100, 199, 1000, 202.5, -1, 0 / 0, math.huge, {}, true } do
      assert.is_false(pcall(machine.reply, machine, bad, {}, ""))
    end
    assert.is_false(pcall(machine.reply, machine))
    for _, bad in ipairs { "X: y", 5, true } do
      assert.is_false(pcall(machine.reply, machine, 202, bad, ""))
    end
    for _, bad in ipairs { 5, {}, true } do
      assert.is_false(pcall(machine.reply, machine, 202, {}, bad))
    end
    assert.is_false(pcall(machine.reply, client(), 202, {}, ""))
    machine:reply(202)
    assert.equal("done", (machine:next(1, WALL)))
  end)

  it("of fail", function()
    local machine = sent()
    for _, bad in ipairs { "Client.Protected", "Client.Closed", "Client.InvalidArgument",
        "HTTP.502", "EVS.1", "", 5, true, {} } do
      assert.is_false(pcall(machine.fail, machine, bad, "m", false))
    end
    for _, bad in ipairs { 5, true, {} } do
      assert.is_false(pcall(machine.fail, machine, "Client.Network", bad, false))
    end
    for _, bad in ipairs { true, "yes", "false", 0, {} } do
      assert.is_false(pcall(machine.fail, machine, "Client.Network", "m", bad))
    end
    assert.is_false(pcall(machine.fail, machine, "Client.Network", "m"))
    assert.is_false(pcall(machine.fail, machine))
    machine:fail("Client.TLS", "m", false)
    assert.equal("done", (machine:next(1, WALL)))
  end)

  it("and headers of no use do not", function()
    for _, headers in ipairs { { "X: y", 5, true }, { ["Retry-After"] = 5 }, { [1.5] = "x" },
        { ["Retry-After"] = {} }, { ["X-Request-Id"] = { 5 } }, { ["retry-after"] = true } } do
      local machine = sent({ retries = 0 })
      machine:reply(503, headers, "")
      local _, _, err = machine:next(1, WALL)
      assert.equal("HTTP.503", err.code)
    end
  end)
end)

describe("a wrong value ends the machine before anything is sent", function()
  local function refused(project, id, options, words, a_client)
    a_client = a_client or client()
    local trace = machines.run(a_client:start("delete_snapshot", project, id, options), {})
    same_error({ code = "Client.InvalidArgument", outcome = "not_sent", attempts = 0,
      retryable = false }, trace)
    assert.is_nil(trace.err.status)
    assert.is_truthy(trace.err.message:find(words, 1, true))
  end

  for _, bad in ipairs { "", ".", "..", "a/b", "a?b", "a#b", "a%b", "a\rb", "a\nb", "a\0b", "a b",
      " a", "a ", "\195\169", "a:b", "a,b", "a*b", "a+b", "../x", ("a"):rep(256) } do
    it(("with an id like %q"):format(#bad > 20 and "256 characters" or bad):gsub("\\\n", "\\n"),
      function()
        for _, guard in ipairs { true, false } do
          refused(PROJECT, bad, { guard = guard }, "snapshot_id")
          refused(bad, ID, { guard = guard }, "project_id")
        end
      end)
  end

  it("but not with an id of 255 characters, nor with one of odd ones", function()
    for _, good in ipairs { ("a"):rep(255), "a", "...", ".a", "A-Z_0.9~" } do
      local machine = client():start("delete_snapshot", good, good)
      assert.equal("send", (machine:next(0, WALL)))
    end
  end)

  for option, values in pairs { timeout = { 0, -1, 1e300, 0 / 0, math.huge },
      attempt_timeout = { 0, -1, 0 / 0 }, retries = { -1, 1.5, 1e9, 0 / 0, math.huge },
      wait = { 0, -1, 0 / 0, math.huge, 1e300 } } do
    it("with the option " .. option, function()
      for _, value in ipairs(values) do
        refused(PROJECT, ID, { [option] = value }, option)
      end
    end)
  end

  it("without keys, which is Client.NoCredentials", function()
    -- The metadata service, the last place where keys may be, is not there.
    local trace = machines.delete({}, { rest = unsent() }, client { ak = false, sk = false })
    same_error({ code = "Client.NoCredentials", outcome = "not_sent", attempts = 0 }, trace)
    assert.equal(0, trace:count("DELETE"))
  end)
end)

describe("a machine", function()
  it("says how it ended as often as it is asked", function()
    local machine = sent()
    machine:reply(403, {}, evs_error("EVS.1027", "no"))
    local texts = {}
    for i = 1, 3 do
      local step, result, err = machine:next(i, WALL)
      assert.equal("done", step)
      assert.is_nil(result)
      texts[i] = tostring(err)
    end
    assert.equal(texts[1], texts[2])
    assert.equal(texts[1], texts[3])
  end)

  it("fails in the same way under evs.safe", function()
    local a_client = require("evs.safe").new { endpoint = machines.ENDPOINT, ak = AK, sk = SK }
    same_error({ code = "HTTP.403" }, delete({ { 403 } }, {}, a_client))
    assert.is_true(delete({ { 202 } }, {}, a_client).result)
  end)

  it("keeps its client alive", function()
    local machine = start { guard = false }
    collectgarbage()
    collectgarbage()
    assert.equal("send", (machine:next(0, WALL)))
    collectgarbage()
    machine:reply(202, {}, "")
    collectgarbage()
    assert.is_true(select(2, machine:next(0, WALL)))
  end)

  it("may be dropped at any point", function()
    for _ = 1, 50 do
      sent()
      start()
      local machine = sent { wait = true }
      machine:reply(202, {}, "")
      machine:next(0, WALL)
    end
    collectgarbage()
    collectgarbage()
  end)

  it("knows no end of the clocks", function()
    for _, wall in ipairs { 0, 1, 946684800, 4102444800, 253402300799 } do
      local machine = start()
      local step, request = machine:next(-1e6, wall)
      assert.equal("send", step)
      assert.is_truthy(request.headers["X-Sdk-Date"]:match("^%d%d%d%d%d%d%d%dT%d%d%d%d%d%dZ$"))
    end
  end)
end)

describe("what a machine tells at reply and fail", function()
  it("is what on_attempt would be told, but for the seconds", function()
    local machine = machines.client():start("delete_snapshot", machines.PROJECT, machines.ID,
      { guard = false })
    assert.equal("send", (machine:next(1000, machines.WALL)))
    local told = machine:reply(503, { ["Retry-After"] = "3", ["X-Request-Id"] = "r" }, "")
    assert.same({ method = "DELETE", host = "evs.example.com", status = 503, code = "HTTP.503",
      path = "/v2/" .. machines.PROJECT .. "/cloudsnapshots/" .. machines.ID, request_id = "r",
      attempt = 1, resend = true, pause = 3 }, told)
    machine:next(1000, machines.WALL)
    assert.equal("send", (machine:next(1003, machines.WALL)))
    told = machine:fail("Client.TLS", "no", false)
    assert.same({ "Client.TLS", 1, false }, { told.code, told.attempt, told.resend })
    assert.is_nil(told.status)
    assert.is_nil(told.request_id)
  end)
end)

describe("the request that a machine wants sent", function()
  local function request_of(operation, what)
    local limited = machines.client { connect_timeout = 2.5 }
    local machine = limited:start(operation, machines.PROJECT, what)
    return select(2, machine:next(1000, machines.WALL))
  end

  it("has all of its limits: deadline, connect_timeout, limit", function()
    local request = request_of("delete_snapshot", machines.ID)
    assert.same({ 1010, 2.5, 2 ^ 20 },
      { request.deadline, request.connect_timeout, request.limit })
    assert.equal(2 ^ 24, request_of("list_snapshots").limit)
  end)
end)

describe("a page of each_snapshot", function()
  local PAGE = cjson.encode { snapshots = { machines.snapshot { id = "1" },
    machines.snapshot { id = "2" } } }

  local function started()
    local machine = machines.client():start("each_snapshot", machines.PROJECT, { limit = 2 })
    assert.equal("send", (machine:next(1000, machines.WALL)))
    return machine
  end

  it("is told, then the next one is asked for", function()
    local machine = started()
    machine:reply(200, {}, PAGE)
    local what, rows = machine:next(1000, machines.WALL)
    assert.same({ "page", 2 }, { what, #rows })
    assert.equal("send", (machine:next(1000, machines.WALL)))
  end)

  it("that was read and not told is not told after cancel: the list has stopped", function()
    local machine = started()
    machine:reply(200, {}, PAGE)
    machine:cancel()
    local what, result, err = machine:next(1000, machines.WALL)
    assert.same({ "done", "Client.Stopped" }, { what, err and err.code })
    assert.is_nil(result)
  end)

  it("that is the last one is told after cancel as well: the list had ended", function()
    local machine = started()
    machine:reply(200, {}, PAGE)
    machine:next(1000, machines.WALL)
    machine:next(1000, machines.WALL)
    machine:reply(200, {}, cjson.encode { snapshots = { machines.snapshot { id = "2" } } })
    machine:cancel()
    assert.same({ "done", true }, { machine:next(1000, machines.WALL) })
  end)
end)

describe("a machine whose __gc a script has called", function()
  it("raises, and does not crash", function()
    for _, operation in ipairs { "show_snapshot", "delete_snapshots" } do
      local machine = machines.client():start(operation, machines.PROJECT,
        operation == "show_snapshot" and machines.ID or nil)
      getmetatable(machine).__gc(machine)
      assert.is_false(pcall(machine.next, machine, 1000, machines.WALL))
      getmetatable(machine).__gc(machine)
    end
  end)
end)
