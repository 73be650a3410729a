-- Proves that the emulator goes wrong as told, and only then.

local http = require "socket.http"
local socket = require "socket"

local emulator = require("spec.support.emulator").start()
local signed = require("spec.support.signed").to(emulator)

before_each(function() emulator:reset() end)

describe("misbehaviour", function()
  before_each(function() emulator:put { id = "a" } end)

  it("can answer in place of EVS, with and without the effect", function()
    emulator:misbehave { { status = 503, headers = { ["Retry-After"] = "7" }, html = true },
      { status = 500, effect = true, body = { error = { code = "EVS.2002", message = "m" } } } }
    local status, body, headers = signed:call("DELETE", "a")
    assert.equal(503, status)
    assert.equal("7", headers["retry-after"])
    assert.matches("<h1>503 Service Temporarily Unavailable</h1>", body, 1, true)
    assert.is_table(emulator:snapshot("a"))
    status, body = signed:call("DELETE", "a")
    assert.equal(500, status)
    assert.equal("EVS.2002", body.error.code)
    assert.is_nil(emulator:snapshot("a"))
    assert.equal(404, (signed:call("DELETE", "a")))
  end)

  it("can cut the connection before and after the effect", function()
    emulator:misbehave { { cut = "before" }, { cut = "after" } }
    assert.is_nil((signed:call("DELETE", "a")))
    assert.is_table(emulator:snapshot("a"))
    assert.is_nil((signed:call("DELETE", "a")))
    assert.is_nil(emulator:snapshot("a"))
    local log = emulator:log()
    assert.equal("cut", log[1].status)
    assert.equal("cut=after", log[2].misbehaviour)
  end)

  it("can reset the connection", function()
    emulator:misbehave { cut = "before", reset = true }
    assert.is_nil((signed:call("DELETE", "a")))
    assert.equal("cut", emulator:log()[1].status)
  end)

  local function exchange(method, id)
    local connection = assert(socket.tcp())
    connection:settimeout(5)
    assert(connection:connect(emulator.endpoint:match("//(.*):(%d+)$")))
    local lines = { method .. " " .. signed:path(id) .. " HTTP/1.1" }
    for name, value in pairs(signed:sign(method, signed:path(id))) do
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
    local status, _, headers = signed:call("GET", "a")
    assert.equal(200, status)
    assert.equal("close", headers.connection)
  end)

  it("can be slow before the effect, after it, in the body, and for ever", function()
    local function took(rule)
      emulator:misbehave(rule)
      local start = socket.gettime()
      local status = signed:call("GET", "a")
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
    local headers = signed:sign("DELETE", signed:path("a"))
    local lines = { "DELETE " .. signed:path("a") .. " HTTP/1.1" }
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
    local _, _, headers = signed:call("GET", "a")
    assert.is_true(signed.is_date(headers.date, -86400))
  end)

  it("can send 200 MB", function()
    emulator:misbehave { big_body = 200e6 }
    local received = 0
    local target = signed:path("a")
    http.request { url = emulator.endpoint .. target, headers = signed:sign("GET", target),
      sink = function(chunk)
        received = received + (chunk and #chunk or 0)
        return 1
      end }
    assert.equal(200e6, received)
  end)

  it("can refuse a right signature with the canonical request echoed", function()
    emulator:misbehave { echo = true }
    local status, body = signed:call("GET", "a", { headers = { ["x-security-token"] = "s3cret" } })
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
    local function get(id) return (signed:call("GET", id)) end
    assert.same({ 503, 200, 502, 502, 200, 503 },
      { get("a"), get("b"), get("b"), get("b"), get("b"), get("a") })
    assert.equal(501, (signed:call("DELETE", "b")))
    assert.equal(0, emulator:rules()[2].times)
  end)

  it("repeats its chances with the same seed", function()
    local function run(seed)
      emulator:misbehave({ probability = 0.5, status = 500 }, seed)
      local statuses = {}
      for i = 1, 20 do statuses[i] = signed:call("GET", "a") end
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
    assert.equal(404, (signed:send("GET", signed:path("a"), with)))
    assert.equal(404, (signed:send("GET", signed:path("a"), with)))
    local status, body, headers = signed:send("GET", signed:path("a"), with)
    assert.equal(429, status)
    assert.equal("APIGW.0308", body.error_code)
    assert.equal("3", headers["retry-after"])
    emulator:rate { per_second = 0, html = true }
    status, body = signed:send("GET", signed:path("a"), with)
    assert.equal(429, status)
    assert.matches("<h1>429 Too Many Requests</h1>", body, 1, true)
    emulator:rate(nil)
    assert.equal(404, (signed:send("GET", signed:path("a"), with)))
  end)
end)
