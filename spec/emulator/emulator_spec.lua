-- Proves the emulator itself: that it accepts what is rightly signed and nothing else, that its
-- snapshots behave, that it misbehaves as told, and that its log tells what happened.

local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"
local signature = require "spec.emulator.signature"
local socket = require "socket"

local emulator = require("spec.support.emulator").start()

local function read_vectors()
  local file = assert(io.open("spec/vectors.json"))
  local vectors = cjson.decode(file:read("*a"))
  file:close()
  return vectors
end

local function sdk_date(offset)
  return os.date("!%Y%m%dT%H%M%SZ", os.time() + (offset or 0))
end

local function path_of(id)
  return "/v2/" .. emulator.project_id .. "/cloudsnapshots/" .. id
end

-- The headers of a signed request. `with`: ak, sk, algorithm, scope, offset (seconds), headers,
-- signed.
local function sign(method, target, with)
  with = with or {}
  local headers = {
    ["x-sdk-date"] = sdk_date(with.offset),
    host = emulator.endpoint:match("//(.*)$"),
  }
  for name, value in pairs(with.headers or {}) do headers[name] = value end
  headers.authorization = signature.authorization(
    { method = method, target = target, headers = headers, signed = with.signed },
    { ak = with.ak or emulator.ak, sk = with.sk or emulator.sk, algorithm = with.algorithm,
      scope = with.scope })
  return headers
end

-- Sends a request. Returns status, decoded (or plain) body, headers; or nil and the reason.
local function send(method, target, headers)
  local parts = {}
  local done, status, answer_headers = http.request {
    method = method, url = emulator.endpoint .. target, headers = headers,
    sink = ltn12.sink.table(parts), redirect = false,
  }
  if not done then return nil, status end
  local text = table.concat(parts)
  local decoded, value = pcall(cjson.decode, text)
  return status, decoded and value or text, answer_headers
end

local function call(method, id, with)
  local target = path_of(id)
  return send(method, target, sign(method, target, with))
end

-- Whether a Date header tells the time `offset` seconds from now, give or take some seconds.
local function is_date(date, offset)
  for late = -1, 5 do
    if date == os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + offset - late) then return true end
  end
  return false
end

before_each(function() emulator:reset() end)

describe("signature.lua", function()
  for _, vector in ipairs(read_vectors()) do
    it("agrees with Huawei's signers on " .. vector.id, function()
      local signed, headers = {}, {}
      for _, pair in ipairs(vector.signed_headers_input) do
        signed[#signed + 1] = pair[1]:lower()
        headers[pair[1]:lower()] = pair[2]
      end
      table.sort(signed)
      local request = {
        method = vector.method, body = vector.body, headers = headers, signed = signed,
        target = vector.url:match("^%a+://[^/?]+(.*)$"):gsub("^%f[?%z]", "/"),
        payload_hash = headers["x-sdk-content-sha256"] or headers["x-sdk-content-sm3"],
      }
      local scope = vector.algorithm == "V11-HMAC-SHA256"
        and ("%s/%s/%s"):format(vector.date:sub(1, 8), vector.region, vector.service)
      -- The SDKs' own unit tests publish the Authorization only.
      if type(vector.canonical_request) == "string" then
        assert.equal(vector.canonical_request,
          signature.canonical_request(request, vector.algorithm))
      end
      assert.equal(vector.authorization, signature.authorization(request,
        { ak = vector.ak, sk = vector.sk, algorithm = vector.algorithm, scope = scope }))
    end)
  end

  it("takes an Authorization header apart, and says nil to what is none", function()
    local parsed = signature.parse(
      "V11-HMAC-SHA256 Credential=AK/20260821/r/s, SignedHeaders=host;x-sdk-date, Signature=0f")
    assert.same({ algorithm = "V11-HMAC-SHA256", ak = "AK", scope = "20260821/r/s",
      signed = { "host", "x-sdk-date" }, signature = "0f" }, parsed)
    assert.is_nil(signature.parse("Basic dXNlcg=="))
    assert.is_nil(signature.parse("SDK-HMAC-SHA256 Access=AK, Signature=0f"))
  end)
end)

describe("authentication", function()
  before_each(function() emulator:put { id = "a" } end)

  it("accepts all three algorithms", function()
    local scope = sdk_date():sub(1, 8) .. "/" .. emulator.region .. "/evs"
    assert.equal(200, (call("GET", "a")))
    assert.equal(200, (call("GET", "a", { algorithm = "SDK-HMAC-SM3" })))
    assert.equal(200, (call("GET", "a", { algorithm = "V11-HMAC-SHA256", scope = scope })))
  end)

  it("accepts an encoded query however it is escaped", function()
    emulator:put { id = "b", name = "a b+c/é" }
    local target = path_of("detail") .. "?name=a%20b+c%2f%C3%A9"
    local status, body = send("GET", target, sign("GET", target))
    assert.equal(200, status)
    assert.equal(1, body.count)
  end)

  local function refused(message, with)
    local status, body = call("GET", "a", with)
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
    local headers = sign("GET", path_of("a"), { headers = { ["x-extra"] = "1" } })
    headers["x-extra"] = nil
    local status, body = send("GET", path_of("a"), headers)
    assert.equal(401, status)
    assert.matches("signed header x-extra is missing", body.error_msg, 1, true)
  end)

  it("refuses a time more than 15 minutes off its own clock, which can be shifted", function()
    assert.equal(200, (call("GET", "a", { offset = -14 * 60 })))
    refused("signature expired", { offset = -16 * 60 })
    refused("signature expired", { offset = 16 * 60 })
    emulator:clock(3600)
    refused("signature expired")
    local status, _, headers = call("GET", "a", { offset = 3600 })
    assert.equal(200, status)
    assert.is_true(is_date(headers.date, 3600))
  end)

  it("wants the security token of a temporary key, and the right one", function()
    local with = { ak = emulator.temporary_ak, sk = emulator.temporary_sk }
    refused("decrypt token fail", with)
    with.headers = { ["x-security-token"] = "another" }
    refused("decrypt token fail", with)
    with.headers = { ["x-security-token"] = emulator.security_token }
    assert.equal(200, (call("GET", "a", with)))
  end)

  it("wants x-project-id to be the URL's project", function()
    assert.equal(200, (call("GET", "a", { headers = { ["x-project-id"] = emulator.project_id } })))
    refused("x-project-id", { headers = { ["x-project-id"] = "another" } })
  end)

  it("locks an AK for five minutes after more than five wrong signatures in a row", function()
    for _ = 1, 5 do call("GET", "a", { sk = "wrong" }) end
    assert.equal(200, (call("GET", "a")))
    assert.equal(0, emulator:keys()[emulator.ak].failures)
    for _ = 1, 6 do refused("verify aksk signature fail", { sk = "wrong" }) end
    assert.is_true(emulator:keys()[emulator.ak].locked)
    refused("AK access failed to reach the limit")
    emulator:clock(299)
    refused("AK access failed to reach the limit", { offset = 299 })
    emulator:clock(302)
    assert.equal(200, (call("GET", "a", { offset = 302 })))
  end)

  it("knows keys and tokens that are added, and their projects", function()
    emulator:keys { { ak = "new", sk = "s", projects = { "other" } }, { token = "T" } }
    local status, body = call("GET", "a", { ak = "new", sk = "s" })
    assert.equal(403, status)
    assert.equal("EVS.0003", body.error.code)
    assert.equal(200, (send("GET", path_of("a"), { ["x-auth-token"] = "T" })))
  end)

  it("takes an IAM token for its project only", function()
    local with = { ["x-auth-token"] = emulator.token }
    assert.equal(200, (send("GET", path_of("a"), with)))
    local status, body = send("GET", "/v2/another/cloudsnapshots/a", with)
    assert.equal(400, status)
    assert.equal("Malformed request url", body.badRequest.message)
    status, body = send("GET", path_of("a"), { ["x-auth-token"] = "wrong" })
    assert.equal(401, status)
    assert.equal("Unauthorized", body.error.title)
  end)

  it("refuses a request without credentials", function()
    local status, body = send("GET", path_of("a"))
    assert.equal(401, status)
    assert.equal("APIGW.0301", body.error_code)
  end)
end)

describe("a deletion", function()
  it("is accepted with an empty 202, and the snapshot is gone", function()
    emulator:put { { id = "a" }, { id = "b", status = "error" }, { id = "c" } }
    local status, body, headers = call("DELETE", "a")
    assert.equal(202, status)
    assert.equal("", body)
    assert.equal("0", headers["content-length"])
    assert.equal("text/html; charset=UTF-8", headers["content-type"])
    assert.matches("^%x+$", headers["x-request-id"])
    assert.matches("^req%-%x+%-", headers["x-openstack-request-id"])
    assert.equal(202, (call("DELETE", "b")))
    status, body = call("GET", "a")
    assert.equal(404, status)
    assert.equal("Snapshot a could not be found.", body.itemNotFound.message)
    assert.equal(1, #emulator:snapshots())
    assert.equal("c", emulator:snapshots()[1].id)
  end)

  it("takes the time it is told to take", function()
    emulator:put { id = "a", deleting_after = 0.2, delete_seconds = 0.2 }
    assert.equal(202, (call("DELETE", "a")))
    assert.equal("available", emulator:snapshot("a").status)
    socket.sleep(0.25)
    assert.equal("deleting", emulator:snapshot("a").status)
    local status, body = call("DELETE", "a")
    assert.equal(400, status)
    assert.equal("EVS.1047", body.error.code)
    socket.sleep(0.2)
    assert.is_nil(emulator:snapshot("a"))
  end)

  it("ends as it is told to end", function()
    emulator:put {
      { id = "never", after_delete = "never" },
      { id = "back", after_delete = "available", delete_seconds = 0.1 },
      { id = "stuck", after_delete = "error_deleting" },
    }
    for _, id in ipairs { "never", "back", "stuck" } do assert.equal(202, (call("DELETE", id))) end
    assert.equal("deleting", emulator:snapshot("back").status)
    socket.sleep(0.15)
    assert.equal("deleting", emulator:snapshot("never").status)
    assert.equal("available", emulator:snapshot("back").status)
    assert.equal("error_deleting", emulator:snapshot("stuck").status)
    local status, body = call("DELETE", "stuck")
    assert.equal(500, status)
    assert.equal("EVS.2019", body.error.code)
  end)

  it("is refused in every state but available and error", function()
    for _, state in ipairs { "creating", "deleting", "rollbacking", "backing-up" } do
      emulator:put { id = state, status = state }
      local status, body = call("DELETE", state)
      assert.equal(400, status)
      assert.equal("EVS.1047", body.error.code)
    end
    emulator:settings { wrong_state = "openstack", missing = "evs" }
    local status, body = call("DELETE", "creating")
    assert.equal(400, status)
    assert.equal(400, body.badRequest.code)
    status, body = call("DELETE", "no-such")
    assert.equal(404, status)
    assert.equal("EVS.5404", body.error.code)
  end)

  it("of a backup's snapshot is done: the guard is the client's", function()
    emulator:reset(true)
    assert.equal(202, (call("DELETE", emulator.backup_id)))
    assert.is_nil(emulator:snapshot(emulator.backup_id))
  end)

  it("does not reach another project's snapshot", function()
    emulator:put { id = "a", project_id = "another" }
    assert.equal(404, (call("DELETE", "a")))
    assert.equal(1, #emulator:snapshots("another"))
  end)
end)

describe("what is shown", function()
  it("has the fields of EVS, and can be bent", function()
    emulator:put { { id = "a", name = "n", metadata = { k = "v" }, size = 3 },
      { id = "b", fields = { name = cjson.null, extra = 1 }, without = { "metadata" } } }
    local _, body = call("GET", "a")
    local shown = body.snapshot
    assert.same({ k = "v" }, shown.metadata)
    assert.equal("n", shown.name)
    assert.equal(3, shown.size)
    assert.equal(cjson.null, shown.updated_at)
    assert.equal(emulator.project_id, shown["os-extended-snapshot-attributes:project_id"])
    _, body = call("GET", "b")
    assert.equal(cjson.null, body.snapshot.name)
    assert.is_nil(body.snapshot.metadata)
    assert.equal(1, body.snapshot.extra)
  end)

  local function list(query)
    local target = path_of("detail") .. query
    return send("GET", target, sign("GET", target))
  end

  it("is listed page by page, youngest first, with links that lead to the end", function()
    local snapshots = {}
    for i = 1, 25 do snapshots[i] = { id = "id-" .. i, status = i % 2 == 0 and "error" or nil } end
    emulator:put(snapshots)
    local seen, target = {}, path_of("detail") .. "?limit=10"
    while target do
      local status, body = send("GET", target, sign("GET", target))
      assert.equal(200, status)
      assert.equal(25, body.count)
      for _, snapshot in ipairs(body.snapshots) do seen[#seen + 1] = snapshot.id end
      target = body.snapshots_links and body.snapshots_links[1].href:match("//[^/]+(.*)$")
    end
    assert.equal(25, #seen)
    assert.equal("id-25", seen[1])
    assert.equal("id-1", seen[25])
    local _, body = list("?status=error&offset=10")
    assert.equal(12, body.count)
    assert.equal(2, #body.snapshots)
  end)

  it("is listed without links and in small pages when told so, and an empty list is []", function()
    emulator:put { {}, {}, {} }
    emulator:settings { links = false, page_size = 2 }
    local _, body = list("")
    assert.equal(2, #body.snapshots)
    assert.is_nil(body.snapshots_links)
    emulator:reset()
    local target = path_of("detail")
    local parts = {}
    http.request { url = emulator.endpoint .. target, headers = sign("GET", target),
      sink = ltn12.sink.table(parts) }
    assert.matches('"snapshots":[]', table.concat(parts), 1, true)
  end)

  it("refuses limits outside 1 to 1000", function()
    for _, query in ipairs { "?limit=0", "?limit=1001", "?limit=x", "?offset=-1" } do
      assert.equal(400, (list(query)))
    end
  end)

  it("answers unknown paths as OpenStack or as the gateway does", function()
    local status, body = call("PATCH", "a")
    assert.equal(404, status)
    assert.matches("The resource could not be found", body)
    emulator:settings { unknown_path = "gateway" }
    status, body = call("PATCH", "a")
    assert.equal(404, status)
    assert.equal("APIGW.0101", body.error_code)
  end)

  it("holds 5,000 snapshots put at once", function()
    local snapshots = {}
    for i = 1, 5000 do snapshots[i] = { id = "id-" .. i } end
    emulator:put(snapshots)
    assert.equal(5000, #emulator:snapshots())
  end)
end)

describe("misbehaviour", function()
  before_each(function() emulator:put { id = "a" } end)

  it("can answer in place of EVS, with and without the effect", function()
    emulator:misbehave { { status = 503, headers = { ["Retry-After"] = "7" }, html = true },
      { status = 500, effect = true, body = { error = { code = "EVS.2002", message = "m" } } } }
    local status, body, headers = call("DELETE", "a")
    assert.equal(503, status)
    assert.equal("7", headers["retry-after"])
    assert.matches("<h1>503 Service Temporarily Unavailable</h1>", body, 1, true)
    assert.is_table(emulator:snapshot("a"))
    status, body = call("DELETE", "a")
    assert.equal(500, status)
    assert.equal("EVS.2002", body.error.code)
    assert.is_nil(emulator:snapshot("a"))
    assert.equal(404, (call("DELETE", "a")))
  end)

  it("can cut the connection before and after the effect", function()
    emulator:misbehave { { cut = "before" }, { cut = "after" } }
    assert.is_nil((call("DELETE", "a")))
    assert.is_table(emulator:snapshot("a"))
    assert.is_nil((call("DELETE", "a")))
    assert.is_nil(emulator:snapshot("a"))
    local log = emulator:log()
    assert.equal("cut", log[1].status)
    assert.equal("cut=after", log[2].misbehaviour)
  end)

  it("can reset the connection", function()
    emulator:misbehave { cut = "before", reset = true }
    assert.is_nil((call("DELETE", "a")))
    assert.equal("cut", emulator:log()[1].status)
  end)

  local function exchange(method, id)
    local connection = assert(socket.tcp())
    connection:settimeout(5)
    assert(connection:connect(emulator.endpoint:match("//(.*):(%d+)$")))
    local lines = { method .. " " .. path_of(id) .. " HTTP/1.1" }
    for name, value in pairs(sign(method, path_of(id))) do
      lines[#lines + 1] = name .. ": " .. value
    end
    assert(connection:send(table.concat(lines, "\r\n") .. "\r\n\r\n"))
    return connection
  end

  it("can cut an answer in the middle of its body", function()
    emulator:misbehave { cut = "body", status = 202, body = "part", promise = 10, effect = true }
    local connection = exchange("DELETE", "a")
    local text = connection:receive("*a")
    connection:close()
    assert.matches("^HTTP/1.1 202 Accepted\r\n", text)
    assert.matches("\r\nContent%-Length: 10\r\n", text)
    assert.matches("\r\n\r\npart$", text)
    assert.is_nil(emulator:snapshot("a"))
  end)

  it("can send any bytes", function()
    emulator:misbehave { raw = "HTTP/1.1 banana\r\n\r\n" }
    local connection = exchange("GET", "a")
    assert.equal("HTTP/1.1 banana\r\n\r\n", connection:receive("*a"))
    connection:close()
  end)

  it("can cut a connection when it is used again, and only then", function()
    emulator:misbehave { reused = true, cut = "before" }
    local connection = exchange("GET", "a")
    local length
    repeat
      local line = assert(connection:receive("*l"))
      length = length or line:match("^Content%-Length: (%d+)")
    until line == ""
    connection:receive(tonumber(length))
    connection:send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    local _, problem, rest = connection:receive("*l")
    connection:close()
    assert.equal("closed", problem)
    assert.equal("", rest)
    local log = emulator:log()
    assert.equal(log[1].connection, log[2].connection)
    assert.equal(2, log[2].connection_requests)
  end)

  it("can close a connection after an answer that says so", function()
    emulator:misbehave { close = true }
    local status, _, headers = call("GET", "a")
    assert.equal(200, status)
    assert.equal("close", headers.connection)
  end)

  it("can be slow before the effect, after it, in the body, and for ever", function()
    local function took(rule)
      emulator:misbehave(rule)
      local start = socket.gettime()
      local status = call("GET", "a")
      return socket.gettime() - start, status
    end
    for _, rule in ipairs { { delay = 0.2 }, { late = 0.2 },
        { slow_body = 0.05, piece = 10, status = 200, body = ("x"):rep(50) } } do
      local seconds, status = took(rule)
      assert.equal(200, status)
      assert.is_true(seconds >= 0.19 and seconds < 2)
    end
    local seconds, status = took { hang = 0.2 }
    assert.is_nil(status)
    assert.is_true(seconds >= 0.19)
  end)

  it("that slows a request down gives it no effect on what is put after a reset", function()
    emulator:put { id = "a" }
    emulator:misbehave { delay = 0.3 }
    local socket_of_one = assert(socket.connect(emulator.endpoint:match("//([^:]+):(%d+)")))
    local headers = sign("DELETE", path_of("a"))
    local lines = { "DELETE " .. path_of("a") .. " HTTP/1.1" }
    for name, value in pairs(headers) do lines[#lines + 1] = name .. ": " .. value end
    socket_of_one:send(table.concat(lines, "\r\n") .. "\r\n\r\n")
    socket.sleep(0.1)
    emulator:reset()
    emulator:put { id = "a" }
    assert.is_nil((socket_of_one:receive("*l")))
    assert.equal("available", emulator:snapshot("a").status)
  end)

  it("can shift the Date of an answer", function()
    emulator:misbehave { skew = -86400 }
    local _, _, headers = call("GET", "a")
    assert.is_true(is_date(headers.date, -86400))
  end)

  it("can send 200 MB", function()
    emulator:misbehave { big_body = 200e6 }
    local received = 0
    http.request { url = emulator.endpoint .. path_of("a"), headers = sign("GET", path_of("a")),
      sink = function(chunk)
        received = received + (chunk and #chunk or 0)
        return 1
      end }
    assert.equal(200e6, received)
  end)

  it("can refuse a right signature with the canonical request echoed", function()
    emulator:misbehave { echo = true }
    local status, body = call("GET", "a", { headers = { ["x-security-token"] = "s3cret" } })
    assert.equal(401, status)
    assert.matches("|x-security-token:s3cret|", body.error_msg, 1, true)
    assert.equal(0, emulator:keys()[emulator.ak].failures)
  end)

  it("chooses by method, path, text, skip and times; the first rule wins", function()
    emulator:put { id = "b" }
    emulator:misbehave {
      { method = "DELETE", status = 501 },
      { contains = "/b", skip = 1, times = 2, status = 502 },
      { path = "/a$", times = -1, status = 503 },
    }
    local function get(id) return (call("GET", id)) end
    assert.same({ 503, 200, 502, 502, 200, 503 },
      { get("a"), get("b"), get("b"), get("b"), get("b"), get("a") })
    assert.equal(501, (call("DELETE", "b")))
    assert.equal(0, emulator:rules()[2].times)
  end)

  it("repeats its chances with the same seed", function()
    local function run(seed)
      emulator:misbehave({ probability = 0.5, status = 500 }, seed)
      local statuses = {}
      for i = 1, 20 do statuses[i] = call("GET", "a") end
      return table.concat(statuses, " ")
    end
    local first = run(7)
    assert.equal(first, run(7))
    assert.not_equal(first, run(8))
    assert.matches("500", first)
    assert.matches("200", first)
  end)

  it("refuses a rule that it does not understand", function()
    assert.error_matches(function() emulator:misbehave { metod = "GET" } end, "no such field")
    assert.error_matches(function() emulator:misbehave { cut = "off" } end, "cut must be")
    assert.error_matches(function() emulator:misbehave { delay = "1" } end, "must be a number")
  end)
end)

describe("the limiter", function()
  it("answers 429 beyond so many requests in a second, as the gateway or as nginx", function()
    emulator:rate { per_second = 2, retry_after = 3 }
    local with = { ["x-auth-token"] = emulator.token }
    assert.equal(404, (send("GET", path_of("a"), with)))
    assert.equal(404, (send("GET", path_of("a"), with)))
    local status, body, headers = send("GET", path_of("a"), with)
    assert.equal(429, status)
    assert.equal("APIGW.0308", body.error_code)
    assert.equal("3", headers["retry-after"])
    emulator:rate { per_second = 0, html = true }
    status, body = send("GET", path_of("a"), with)
    assert.equal(429, status)
    assert.matches("<h1>429 Too Many Requests</h1>", body, 1, true)
    emulator:rate(nil)
    assert.equal(404, (send("GET", path_of("a"), with)))
  end)
end)

describe("the log", function()
  it("tells of each request, in order", function()
    emulator:put { id = "a" }
    call("GET", "a", { headers = { ["x-project-id"] = emulator.project_id } })
    call("DELETE", "a")
    call("DELETE", "a", { sk = "wrong" })
    local log = emulator:log()
    assert.equal(3, #log)
    local first = log[1]
    assert.equal("GET", first.method)
    assert.equal(path_of("a"), first.uri)
    assert.equal(emulator.project_id, first.headers["x-project-id"])
    assert.equal(emulator.endpoint:match("//(.*)$"), first.host)
    assert.equal(1.1, first.http_version)
    assert.is_false(first.tls)
    assert.is_true(first.authenticated)
    assert.is_true(math.abs(first.time - os.time()) < 5)
    assert.same({ 200, 202, 401 }, { log[1].status, log[2].status, log[3].status })
    assert.is_false(log[3].authenticated)
    local count = emulator:count()
    assert.same({ 1, 2, 0 }, { count.GET, count.DELETE, count.PUT })
  end)

  it("keeps counts only when told so", function()
    emulator:clear_log(0)
    call("GET", "a")
    assert.equal(1, emulator:count().GET)
    assert.equal(0, #emulator:log())
  end)
end)

describe("the metadata service", function()
  local function ask(method, path, headers)
    local parts = {}
    local _, status = http.request { method = method, url = emulator.metadata_endpoint .. path,
      headers = headers, sink = ltn12.sink.table(parts) }
    return status, table.concat(parts)
  end

  local function ask_keys(session)
    local status, text = ask("GET", "/openstack/latest/securitykey",
      { ["x-metadata-token"] = session })
    return status, status == 200 and cjson.decode(text).credential or text
  end

  it("gives a session token and keys that work", function()
    local status, session = ask("PUT", "/meta-data/latest/api/token",
      { ["x-metadata-token-ttl-seconds"] = "60", ["content-length"] = "0" })
    assert.equal(200, status)
    emulator:metadata { require_token = true }
    assert.equal(401, (ask_keys()))
    local _, key = ask_keys(session)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d+Z$", key.expires_at)
    emulator:put { id = "a" }
    assert.equal(200, (call("GET", "a", { ak = key.access, sk = key.secret,
      headers = { ["x-security-token"] = key.securitytoken } })))
    local count = emulator:count()
    assert.same({ 1, 2, 1 }, { count["metadata.PUT"], count["metadata.GET"], count.GET })
  end)

  it("fails, rotates and misbehaves as told", function()
    emulator:metadata { token_status = 404, key_status = 503 }
    assert.equal(404, (ask("PUT", "/meta-data/latest/api/token", { ["content-length"] = "0" })))
    assert.equal(503, (ask_keys()))
    emulator:metadata { rotate = true }
    local _, first = ask_keys()
    local _, second = ask_keys()
    assert.not_equal(first.access, second.access)
    emulator:misbehave { service = "metadata", status = 200, body = "<html>" }
    local status, text = ask("GET", "/openstack/latest/securitykey")
    assert.equal(200, status)
    assert.equal("<html>", text)
  end)
end)

describe("the TLS ports", function()
  -- What OpenSSL makes of a port's certificate, checked against ca.crt for "localhost".
  local function verify(endpoint)
    local host, port = endpoint:match("//(.*):(%d+)$")
    local pipe = io.popen(("openssl s_client -connect 127.0.0.1:%s -servername %s -CAfile '%s' "
      .. "-verify_hostname %s </dev/null 2>&1"):format(port, host, emulator.ca_file, host))
    local text = pipe:read("*a")
    pipe:close()
    return text:match("Verif[%w ]+: ([^\n]+)")
  end

  it("have one good certificate, and one for each way of being bad", function()
    assert.equal("OK", verify(emulator.tls_endpoint))
    assert.equal("certificate has expired", verify(emulator.expired_endpoint))
    assert.matches("ostname mismatch", verify(emulator.wrong_host_endpoint))
    assert.matches("self.signed certificate", verify(emulator.untrusted_endpoint))
  end)
end)

describe("the process", function()
  it("ends with its parent and leaves nothing behind", function()
    -- The shell is the parent; it dies without a word to its emulator.
    local pipe = io.popen("sh -c 'spec/emulator/start --parent $$ & sleep 1; kill -9 $$' 2>&1")
    local text = pipe:read("*a")
    pipe:close()
    local directory = text:match("directory=(%S+)")
    assert.matches("ready", text)
    assert.is_nil(io.open(directory .. "/nginx.conf"))
  end)
end)
