-- The key: more than five wrong signatures in a row lock it, so a client's calls share what one of
-- them has learned about it. Machines are driven by hand, with invented clocks.

local evs = require "evs"
local machines = require "spec.support.machine"

local client, shown, same_error = machines.client, machines.shown, machines.same_error
local gateway_error, evs_error = machines.gateway_error, machines.evs_error
local PROJECT, WALL, UNAUTHORIZED = machines.PROJECT, machines.WALL, machines.UNAUTHORIZED

local HTML = "<html><body>Some proxy's page</body></html>"
local FIVE_MINUTES = 300

local now -- of both clocks, in seconds after their beginning

before_each(function()
  now = 0
end)

local function start(a_client, id, options)
  local with = { guard = false }
  for name, value in pairs(options or {}) do
    with[name] = value
  end
  return a_client:start("delete_snapshot", PROJECT, id or machines.ID, with)
end

local function start_many(a_client, count, options)
  local started = {}
  for i = 1, count do
    started[i] = start(a_client, "snapshot-" .. i, options)
  end
  return started
end

local function step(machine)
  return machine:next(1000 + now, WALL + now)
end

local function sends(machine)
  local what, request = step(machine)
  assert.equal("send", what)
  return request
end

local function waits(machine)
  local what, seconds = step(machine)
  assert.equal("sleep", what)
  assert.is_truthy(seconds > 0 and seconds <= 1, "looks again after " .. seconds)
end

local function ends(machine)
  local what, result, err = step(machine)
  assert.equal("done", what)
  if err then
    machines.check_error(err)
  end
  return result, err
end

local function succeeds(machine)
  assert.is_true((ends(machine)))
end

-- The machine ends with an error of these fields.
local function fails(machine, expected)
  local result, err = ends(machine)
  same_error(expected, { result = result, err = err })
  return err
end

local function answer(machine, what)
  machines.answer(machine, what)
end

-- The machine sends, and gets this answer.
local function exchange(machine, what)
  local request = sends(machine)
  answer(machine, what)
  return request
end

local function prove(a_client)
  local machine = start(a_client)
  exchange(machine, { 202 })
  succeeds(machine)
end

local function refuse(a_client)
  local machine = start(a_client)
  exchange(machine, UNAUTHORIZED)
  fails(machine, { code = "APIGW.0301" })
end

-- A 401 for a wrong clock: the server's is `off` seconds ahead.
local function wrong_clock(off, code)
  return { 401, gateway_error(code or "APIGW.0301"),
    { Date = machines.date(math.floor(WALL + now + off)) } }
end

local LOOPBACK = { endpoint = "http://127.0.0.1:8080" }

describe("a key that nobody has tried", function()
  it("is tried by one request, while the others wait", function()
    local started = start_many(client(), 20)
    sends(started[1])
    for i = 2, 20 do
      waits(started[i])
    end
    now = 5
    for i = 2, 20 do
      waits(started[i])
    end
  end)

  it("lets everybody through when that was answered 202", function()
    local started = start_many(client(), 20)
    exchange(started[1], { 202 })
    for i = 2, 20 do
      sends(started[i])
    end
    for i = 2, 20 do
      answer(started[i], { 202 })
      succeeds(started[i])
    end
  end)

  it("is tried by a guard's GET or a show just as well", function()
    local a_client = client()
    local guarded = start(a_client, nil, { guard = true })
    local show = a_client:start("show_snapshot", PROJECT, machines.ID)
    local delete = start(a_client)
    assert.equal("GET", sends(guarded).method)
    waits(show)
    waits(delete)
    answer(guarded, shown())
    sends(show)
    sends(delete)
    assert.equal("DELETE", sends(guarded).method)
  end)

  it("that is wrong is sent once by twenty machines", function()
    local started = start_many(client(), 20)
    sends(started[1])
    for i = 2, 20 do
      waits(started[i])
    end
    answer(started[1], UNAUTHORIZED)
    fails(started[1], { code = "APIGW.0301", attempts = 1, outcome = "refused", status = 401,
      retryable = false })
    for i = 2, 20 do
      fails(started[i], { code = "APIGW.0301", attempts = 0, outcome = "not_sent", status = 401,
        retryable = false })
    end
  end)

  it("is each client's own matter", function()
    refuse(client())
    prove(client())
    local one, other = start(client()), start(client())
    sends(one)
    sends(other)
  end)
end)

describe("an answer", function()
  local proofs = {
    ["202"] = { 202 },
    ["202 with HTML"] = { 202, HTML },
    ["404 itemNotFound"] = machines.MISSING,
    ["404 EVS.5404"] = { 404, evs_error("EVS.5404") },
    ["400 EVS.1047"] = { 400, evs_error("EVS.1047") },
    ["400 badRequest"] = { 400, machines.cinder_error("badRequest", 400) },
    ["403 EVS.1027"] = { 403, evs_error("EVS.1027") },
    ["403 forbidden"] = { 403, machines.cinder_error("forbidden", 403) },
    ["409 conflict"] = { 409, machines.cinder_error("conflictingRequest", 409) },
  }
  for what, proof in pairs(proofs) do
    it(what .. " proves the key: nobody waits any more", function()
      local started = start_many(client(), 5)
      exchange(started[1], proof)
      for i = 2, 5 do
        sends(started[i])
      end
    end)
  end

  it("200 with a snapshot proves the key, too", function()
    local a_client = client()
    local show = a_client:start("show_snapshot", PROJECT, machines.ID)
    exchange(show, shown())
    for _, machine in ipairs(start_many(a_client, 3)) do
      sends(machine)
    end
  end)

  local no_proofs = {
    ["429"] = { 429 },
    ["429 in EVS's words"] = { 429, evs_error("EVS.1") },
    ["408"] = { 408 },
    ["500"] = { 500 },
    ["500 in EVS's words"] = { 500, evs_error("EVS.5500") },
    ["500 in Cinder's words"] = { 500, machines.cinder_error("computeFault", 500) },
    ["500 EVS.2019"] = { 500, evs_error("EVS.2019") },
    ["501"] = { 501 },
    ["502"] = { 502, HTML },
    ["503"] = { 503, HTML },
    ["504 of the gateway"] = { 504, gateway_error("APIGW.0203") },
    ["200 with a login page"] = { 200, HTML },
    ["307 to a login page"] = { 307, HTML },
    ["403 in HTML"] = { 403, HTML },
    ["404 in HTML"] = { 404, HTML },
    ["404 of the gateway"] = { 404, gateway_error("APIGW.0101") },
    ["400 of the gateway"] = { 400, gateway_error("APIGW.0201") },
    ["407"] = { 407, HTML },
    ["a cut"] = machines.lost(),
    ["a time-out"] = machines.lost("Client.Timeout"),
    ["no connection"] = machines.unsent(),
    ["a certificate that does not verify"] = machines.unsent("Client.TLS"),
  }
  for what, no_proof in pairs(no_proofs) do
    it(what .. " proves nothing: the next asker probes, never two at once", function()
      local started = start_many(client(), 5, { timeout = 1e6 })
      for i = 1, 4 do
        sends(started[i])
        for j = i + 1, 5 do
          waits(started[j])
        end
        answer(started[i], no_proof)
      end
      sends(started[5])
      -- Those who may try again wait, like everybody, for the one that is out.
      for _ = 1, 200 do
        now = now + 0.045
        for i = 1, 4 do
          assert.not_equal("send", (step(started[i])))
        end
      end
      answer(started[5], { 202 })
      succeeds(started[5])
    end)
  end

  it("is on time for those who wait for it", function()
    local a_client = client()
    local first = start(a_client, nil, { retries = 0 })
    local second = start(a_client, nil, { timeout = 4 })
    sends(first)
    now = 9
    waits(second)
    answer(first, { 503 })
    -- Time that passed before its own first request is not its own.
    assert.equal(1000 + 9 + 4, sends(second).deadline)
  end)

  it("is waited for no longer than the timeout of a call that has not sent yet", function()
    local a_client = client()
    local started = start_many(a_client, 100, { timeout = 30, attempt_timeout = 40 })
    sends(started[1])
    for i = 2, 100 do
      waits(started[i])
    end
    now = 29.9
    for i = 2, 100 do
      waits(started[i])
    end
    now = 30
    for i = 2, 100 do
      fails(started[i], { code = "Client.Timeout", outcome = "not_sent", attempts = 0 })
    end
  end)

  it("is waited for no longer than the call's own deadline", function()
    local a_client = client()
    local first = start(a_client, nil, { timeout = 4, retries = 9 })
    exchange(first, { 503, "", { ["Retry-After"] = "1" } })
    assert.equal("sleep", (step(first)))
    sends(start(a_client))
    now = 3.9
    waits(first)
    now = 4
    fails(first, { code = "HTTP.503", attempts = 1, outcome = "unknown" })
  end)
end)

describe("a refused key", function()
  it("is told with where it came from", function()
    local a_client = client()
    exchange(start(a_client), { 401, gateway_error("APIGW.0301", ("long "):rep(1000)) })
    local err = fails(start(a_client), { code = "APIGW.0301", attempts = 0 })
    assert.is_truthy(err.message:find("(keys from options)", 1, true))
  end)

  it("is not sent for five minutes, then by one probe", function()
    local a_client = client()
    refuse(a_client)
    for _, at in ipairs { 0, 1, 60, 200, FIVE_MINUTES - 1 } do
      now = at
      fails(start(a_client), { code = "APIGW.0301", attempts = 0, outcome = "not_sent",
        status = 401 })
    end
    now = FIVE_MINUTES + 1
    local started = start_many(a_client, 3)
    sends(started[1])
    waits(started[2])
    waits(started[3])
    answer(started[1], UNAUTHORIZED)
    fails(started[1], { attempts = 1 })
    fails(started[2], { attempts = 0 })
    now = 2 * FIVE_MINUTES
    fails(started[3], { attempts = 0 })
    now = 2 * FIVE_MINUTES + 2
    exchange(start(a_client), { 202 })
    sends(start(a_client))
    sends(start(a_client))
  end)

  it("is refused from its 401 on, not from the next call on", function()
    local a_client = client()
    refuse(a_client)
    now = FIVE_MINUTES + 1
    sends(start(a_client))
  end)

  it("is refused to every kind of call", function()
    local a_client = client()
    refuse(a_client)
    fails(a_client:start("show_snapshot", PROJECT, machines.ID),
      { code = "APIGW.0301", attempts = 0, outcome = "not_sent" })
    fails(start(a_client, nil, { guard = true }), { code = "APIGW.0301", attempts = 0 })
    fails(start(a_client, nil, { ignore_missing = true, wait = true }), { code = "APIGW.0301" })
  end)

  it("ends a call that was accepted and waits: accepted", function()
    local a_client = client()
    local waiting = start(a_client, nil, { wait = 60 })
    exchange(waiting, { 202 })
    step(waiting)
    refuse(a_client)
    now = 1
    fails(waiting, { code = "APIGW.0301", attempts = 1, outcome = "accepted" })
  end)

  it("ends a call that would try a lost DELETE again: unknown", function()
    local a_client = client()
    prove(a_client)
    local lost = start(a_client)
    exchange(lost, { 503, "", { ["Retry-After"] = "1" } })
    refuse(a_client)
    step(lost)
    now = 1.1
    fails(lost, { code = "APIGW.0301", attempts = 1, outcome = "unknown" })
  end)

  it("is refused by a token's 401, of any wording", function()
    for _, body in ipairs { "", HTML, machines.cinder_error("error", 401), evs_error("EVS.5401"),
        gateway_error("APIGW.0307") } do
      local a_client = client { ak = false, sk = false, token = machines.TOKEN }
      exchange(start(a_client), { 401, body })
      fails(start(a_client), { status = 401, attempts = 0, outcome = "not_sent" })
    end
  end)

  it("that had been good is refused again by one 401", function()
    local a_client = client()
    prove(a_client)
    local first, second = start(a_client), start(a_client)
    sends(first)
    sends(second)
    answer(first, UNAUTHORIZED)
    fails(first, { code = "APIGW.0301", attempts = 1 })
    fails(start(a_client), { attempts = 0 })
    -- What was out already is answered all the same, and opens nothing.
    answer(second, { 202 })
    succeeds(second)
    fails(start(a_client), { attempts = 0 })
  end)

  -- Three requests are out; the second answer refuses nothing new, and the third proves nothing.
  local function refused_whatever_comes_late(refusal)
    local a_client = client()
    prove(a_client)
    local started = start_many(a_client, 3)
    for _, machine in ipairs(started) do
      sends(machine)
    end
    for i, late in ipairs { refusal, UNAUTHORIZED, { 202 } } do
      answer(started[i], late)
      ends(started[i])
    end
    for at = 0, FIVE_MINUTES - 1, 23 do
      now = at
      fails(start(a_client), { attempts = 0, outcome = "not_sent" })
    end
    now = FIVE_MINUTES + 1
    sends(start(a_client))
  end

  it("stays refused when a 401 and then a 202 come late", function()
    refused_whatever_comes_late(UNAUTHORIZED)
  end)

  it("stays refused after APIGW.0302 when a 401 and then a 202 come late", function()
    refused_whatever_comes_late { 403, gateway_error("APIGW.0302") }
  end)

  it("is refused by a 401 whose call nobody drives any further", function()
    local a_client, left = client(), {}
    for i = 1, 8 do
      now = 14 * (i - 1) -- 98 seconds in all
      left[i] = start(a_client)
      local what, result, err = step(left[i])
      assert.equal(i == 1 and "send" or "done", what)
      if i == 1 then
        answer(left[i], UNAUTHORIZED)
      else
        same_error({ code = "APIGW.0301", attempts = 0 }, { result = result, err = err })
      end
    end
  end)

  it("is refused once, however many requests were out", function()
    local a_client = client()
    prove(a_client)
    local started = start_many(a_client, 10)
    for _, machine in ipairs(started) do
      sends(machine)
    end
    for _, machine in ipairs(started) do
      answer(machine, UNAUTHORIZED)
    end
    for _, machine in ipairs(started) do
      fails(machine, { code = "APIGW.0301", attempts = 1, outcome = "refused" })
    end
  end)

  for _, code in ipairs { "APIGW.0302", "APIGW.0304", "APIGW.0310", "APIGW.0802" } do
    it("is what 403 " .. code .. " makes of a key, a good one too", function()
      for _, good in ipairs { false, true } do
        local a_client = client()
        if good then
          prove(a_client)
        end
        local first = start(a_client)
        exchange(first, { 403, gateway_error(code) })
        fails(first, { code = code, status = 403, attempts = 1, outcome = "refused",
          retryable = false })
        for _ = 1, 10 do
          fails(start(a_client), { code = code, status = 403, attempts = 0,
            outcome = "not_sent" })
        end
      end
    end)
  end

  it("is not what any other 403 makes of it", function()
    for _, code in ipairs { "APIGW.0306", "APIGW.0401", "EVS.1027", "APIGW.9999" } do
      local a_client = client()
      exchange(start(a_client), { 403, code:find("^EVS") and evs_error(code)
        or gateway_error(code) })
      sends(start(a_client))
    end
  end)

  it("shows no secret in the error that every call gets", function()
    local a_client = client { security_token = machines.TOKEN }
    exchange(start(a_client), { 401, gateway_error("APIGW.0301",
      "canonicalRequest:x-security-token:" .. machines.TOKEN .. "|" .. machines.SK .. "|end") })
    local err = fails(start(a_client), { code = "APIGW.0301", attempts = 0 })
    assert.equal("canonicalRequest:x-security-token:***|***|end (keys from options)", err.message)
  end)
end)

describe("a 401 for a wrong clock", function()
  -- The call is healed: one more request, which carries the server's time.
  local function heals(a_client, off, code)
    local machine = start(a_client, nil, { retries = 0 })
    local first = exchange(machine, wrong_clock(off, code))
    assert.equal(machines.sdk_date(WALL + now), first.headers["X-Sdk-Date"])
    now = now + 2
    local second = sends(machine)
    assert.equal(machines.sdk_date(WALL + now + off), second.headers["X-Sdk-Date"])
    return machine
  end

  local function heals_not(a_client, a_401)
    local machine = start(a_client)
    exchange(machine, a_401)
    fails(machine, { status = 401, attempts = 1, outcome = "refused" })
    fails(start(a_client), { status = 401, attempts = 0 })
  end

  local trusted = {
    ["https that is verified"] = {},
    ["http to 127.0.0.1"] = LOOPBACK,
    ["http to localhost"] = { endpoint = "http://localhost" },
    ["http to ::1"] = { endpoint = "http://[::1]:8080" },
    ["https to loopback that is not verified"] =
      { endpoint = "https://127.0.0.1:8443", tls_verify = false },
    ["a security token over https"] = { security_token = machines.TOKEN },
  }
  for what, options in pairs(trusted) do
    it("is healed with the server's, over " .. what, function()
      for _, off in ipairs { 3600, -3600, 660, -660, 86400 * 365 } do
        now = 0
        local a_client = client(options)
        local machine = heals(a_client, off)
        answer(machine, { 202 })
        succeeds(machine)
        -- The offset is kept.
        local later = start(a_client)
        now = 1000
        local request = exchange(later, { 202 })
        assert.equal(machines.sdk_date(WALL + now + off), request.headers["X-Sdk-Date"])
        succeeds(later)
      end
    end)
  end

  it("is signed with the healed time, and right", function()
    local a_client = client()
    local machine = start(a_client)
    exchange(machine, wrong_clock(3600))
    local request = sends(machine)
    assert.equal(evs.sign({ method = "DELETE", url = machines.URL, ak = machines.AK,
      sk = machines.SK, headers = { ["X-Project-Id"] = PROJECT }, time = WALL + 3600 })
      .Authorization, request.headers.Authorization)
  end)

  it("is healed at a guard's GET, before the DELETE", function()
    local trace = machines.delete({}, { wrong_clock(3600), shown(), { 202 } })
    assert.is_true(trace.result)
    assert.equal("GET GET DELETE", trace:methods())
  end)

  it("is healed without a pause, and spends no retry", function()
    local trace = machines.delete({ guard = false, retries = 0 }, { wrong_clock(3600), { 202 } })
    assert.is_true(trace.result)
    assert.equal(0, trace.seconds)
    assert.equal(2, trace:count())
  end)

  it("is healed again, later, when a good clock has gone wrong", function()
    local a_client = client()
    local machine = heals(a_client, 3600)
    answer(machine, { 202 })
    succeeds(machine)
    machine = start(a_client)
    exchange(machine, wrong_clock(-3600))
    assert.equal(machines.sdk_date(WALL + now - 3600), sends(machine).headers["X-Sdk-Date"])
    answer(machine, { 202 })
    succeeds(machine)
  end)

  local untrusted = {
    ["https that is not verified"] = { tls_verify = false },
    ["http to another host"] = { endpoint = "http://evs.example.com", allow_http = true },
    ["http to a host named like loopback"] =
      { endpoint = "http://localhost.example.com", allow_http = true },
    ["http to a name that begins like loopback"] =
      { endpoint = "http://127.0.0.1.example.com", allow_http = true },
    ["an IAM token, which is not signed"] = { ak = false, sk = false, token = machines.TOKEN },
  }
  for what, options in pairs(untrusted) do
    it("is not healed over " .. what, function()
      heals_not(client(options), wrong_clock(3600))
    end)
  end

  it("is not healed when the clocks are less than 10 minutes apart", function()
    for _, off in ipairs { 0, 1, 300, -300, 590, -590 } do
      heals_not(client(), wrong_clock(off))
    end
  end)

  it("is not healed for another code", function()
    for _, code in ipairs { "APIGW.0303", "APIGW.0305", "APIGW.0307", "EVS.5401", "APIGW.03010" } do
      heals_not(client(), wrong_clock(3600, code))
    end
    heals_not(client(), { 401, HTML, { Date = machines.date(WALL + 3600) } })
  end)

  it("is not healed without a Date that can be read", function()
    for _, date in ipairs { "", "now", tostring(WALL + 3600), "Fri, 21 Aug 2026 02:02:03 +0100",
        "Friday, 21-Aug-26 02:02:03 GMT", "Fri, 21 Xxx 2026 02:02:03 GMT" } do
      heals_not(client(), { 401, gateway_error("APIGW.0301"), { Date = date } })
    end
    heals_not(client(), UNAUTHORIZED)
  end)

  it("that comes a second time refuses the key", function()
    for _, off in ipairs { 0, 3600, 7200 } do
      local a_client = client()
      local machine = start(a_client)
      exchange(machine, wrong_clock(3600))
      exchange(machine, wrong_clock(off))
      fails(machine, { code = "APIGW.0301", attempts = 2, outcome = "refused" })
      fails(start(a_client), { code = "APIGW.0301", attempts = 0, outcome = "not_sent" })
    end
  end)

  it("is healed by one re-send for all that were out, and all are done", function()
    local a_client = client()
    prove(a_client)
    local started = start_many(a_client, 8)
    for _, machine in ipairs(started) do
      sends(machine)
    end
    for i = 1, 5 do
      answer(started[i], wrong_clock(3600))
    end
    local request = sends(started[3])
    assert.equal(machines.sdk_date(WALL + 3600), request.headers["X-Sdk-Date"])
    for i = 1, 5 do
      if i ~= 3 then
        waits(started[i])
      end
    end
    waits(start(a_client))
    -- What was signed with the old clock comes in late: it heals nothing and refuses nothing.
    for i = 6, 8 do
      answer(started[i], wrong_clock(3600))
      waits(started[i])
    end
    answer(started[3], { 202 })
    for i = 1, 8 do
      if i ~= 3 then
        request = exchange(started[i], { 202 })
        assert.equal(machines.sdk_date(WALL + 3600), request.headers["X-Sdk-Date"])
      end
      succeeds(started[i])
    end
  end)

  it("is not proven healed by an answer to what was signed before", function()
    local a_client = client()
    prove(a_client)
    local first, second, third = start(a_client), start(a_client), start(a_client)
    sends(first)
    sends(second)
    answer(first, wrong_clock(3600))
    sends(first)
    answer(second, { 202 })
    succeeds(second)
    waits(third)
    answer(first, { 202 })
    sends(third)
  end)

  it("is healed once for each call, though others healed it again meanwhile", function()
    local a_client = client()
    local first, second, third = start(a_client), start(a_client), start(a_client)
    exchange(first, wrong_clock(3600))
    sends(first)
    now = 12
    waits(second)
    now = 13 -- first is given up
    exchange(second, { 202 })
    exchange(third, wrong_clock(7200))
    answer(first, wrong_clock(7200))
    fails(first, { code = "APIGW.0301", attempts = 2, outcome = "refused" })
    exchange(third, { 202 })
    succeeds(third)
  end)

  it("ends them all when the one re-send does not heal it", function()
    local a_client = client()
    prove(a_client)
    local started = start_many(a_client, 8)
    for _, machine in ipairs(started) do
      sends(machine)
    end
    for _, machine in ipairs(started) do
      answer(machine, wrong_clock(3600))
    end
    exchange(started[5], wrong_clock(3600))
    for i = 1, 8 do
      fails(started[i], { code = "APIGW.0301", attempts = i == 5 and 2 or 1,
        outcome = "refused" })
    end
  end)

  it("is healed once until a proof: a re-send that was throttled proves nothing", function()
    local a_client = client()
    local first, second = start(a_client), start(a_client)
    exchange(first, wrong_clock(3600))
    exchange(first, { 429, "", { ["Retry-After"] = "1" } })
    exchange(second, wrong_clock(7200))
    fails(second, { code = "APIGW.0301", attempts = 1 })
    step(first)
    now = 2
    fails(first, { code = "APIGW.0301", attempts = 2 })
  end)

  it("leaves a lost DELETE before it unknown", function()
    local a_client = client { tls_verify = false }
    local machine = start(a_client)
    exchange(machine, { 503, "", { ["Retry-After"] = "0" } })
    exchange(machine, wrong_clock(3600))
    fails(machine, { code = "APIGW.0301", attempts = 2, outcome = "unknown" })
  end)
end)

describe("the one that tries a key", function()
  it("leaves it to the next when it is cancelled", function()
    local a_client = client()
    local first, second, third = start(a_client), start(a_client), start(a_client)
    sends(first)
    waits(second)
    first:cancel()
    sends(second)
    waits(third)
  end)

  it("leaves it to the next when it is a batch that is abandoned, and then of no use", function()
    local a_client = client()
    local batch = assert(a_client:start("delete_snapshots", machines.PROJECT, nil,
      { guard = false }))
    assert.equal("need", batch:next(1000, 1800000000))
    batch:add("a")
    assert.equal("send", batch:next(1000, 1800000000))
    local second = start(a_client)
    waits(second)
    batch:abandon()
    sends(second)
    assert.has_error(function() batch:next(1000, 1800000000) end, "the batch was abandoned")
    batch:abandon()
  end)

  it("leaves it to the next when it is collected", function()
    local a_client = client()
    local first, second, third = start(a_client), start(a_client), start(a_client)
    sends(first)
    waits(second)
    first = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    sends(second)
    waits(third)
  end)

  it("keeps it when another is cancelled or collected", function()
    local a_client = client()
    local first, second, third = start(a_client), start(a_client), start(a_client)
    sends(first)
    waits(second)
    waits(third)
    second:cancel()
    third = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    waits(start(a_client))
    answer(first, { 202 })
    sends(start(a_client))
  end)

  it("is given up a little after its deadline when it never comes back", function()
    local a_client = client()
    local first, second, third = start(a_client, nil, { attempt_timeout = 4 }), start(a_client),
      start(a_client)
    assert.equal(1004, sends(first).deadline)
    now = 3.9
    waits(second)
    now = 6 -- the first look after it: the answer may lie there unread
    waits(second)
    now = 6.9
    waits(second)
    now = 7
    sends(second)
    waits(third)
    now = 18
    waits(third)
    now = 19
    sends(third)
  end)

  it("does no harm when it comes back after that", function()
    for _, late in ipairs { { 202 }, { 503 }, machines.lost(), machines.MISSING } do
      now = 0
      local a_client = client()
      local first, second, third = start(a_client), start(a_client), start(a_client)
      sends(first)
      now = 12
      waits(second)
      now = 13
      sends(second)
      waits(third)
      answer(first, late)
      if late[1] == 202 or late[1] == 404 then
        sends(third)
      else
        waits(third)
      end
      answer(second, { 202 })
      succeeds(second)
    end
  end)

  it("does not hold it while it waits for its own next try", function()
    local a_client = client()
    local first, second = start(a_client), start(a_client)
    exchange(first, { 503, "", { ["Retry-After"] = "5" } })
    assert.equal("sleep", (step(first)))
    sends(second)
    now = 5
    waits(first)
    answer(second, { 202 })
    sends(first)
  end)
end)

describe("calls that are given up while they try a key", function()
  -- Each may have met a 401 that nobody saw, so that many of them would lock the key.
  local function give_up(a_client, count)
    for _ = 1, count do
      local machine = start(a_client)
      sends(machine)
      machine:cancel()
    end
  end

  it("are five in any five minutes, then no request leaves", function()
    local a_client = client()
    give_up(a_client, 2)
    now = 100
    give_up(a_client, 3)
    local late = start(a_client, nil, { timeout = 1000 })
    waits(late)
    now = 299.9
    waits(late)
    now = 300 -- the places of the first two are free again
    give_up(a_client, 2)
    waits(late)
    now = 399.9
    waits(late)
    now = 400
    sends(late)
  end)

  it("are counted when nobody drives or collects them, too", function()
    local a_client = client()
    local machines_left = {}
    for i = 1, 5 do
      machines_left[i] = start(a_client, nil, { attempt_timeout = 1 })
      sends(machines_left[i])
      now = now + 2
      waits(start(a_client))
      now = now + 1
    end
    waits(start(a_client))
    answer(machines_left[2], { 503 })
    sends(start(a_client))
  end)

  it("are forgotten with an answer that proves the key", function()
    local a_client = client()
    give_up(a_client, 4)
    local good = start(a_client)
    exchange(good, { 202 })
    succeeds(good)
    give_up(a_client, 10)
  end)

  it("are forgotten with a proof that others have told of", function()
    local a_client = client()
    give_up(a_client, 5)
    a_client:key(1000 + now, WALL + now, { state = "proven", seconds = 60 })
    a_client:key(1000 + now, WALL + now, { state = "unproven" })
    give_up(a_client, 5)
    waits(start(a_client))
  end)

  it("count like answers that were lost: any of these may have been a 401", function()
    local a_client = client()
    for _ = 1, 5 do
      local machine = start(a_client, nil, { retries = 0 })
      exchange(machine, machines.lost())
      fails(machine, { outcome = "unknown" })
    end
    waits(start(a_client))
  end)

  -- How many requests leave at most in any five minutes of 1000 seconds, when each one comes to
  -- `what` after `seconds`.
  local function most_in_five_minutes(what, seconds, options)
    local a_client, left_at, most = client(), {}, 0
    local machine, due
    while now < 1000 do
      machine = machine or start(a_client, nil, options)
      local said = not due and step(machine)
      if said == "send" then
        table.insert(left_at, now)
        due = now + seconds
      elseif said == "done" then
        machine = nil
      elseif due and now >= due then
        answer(machine, what)
        due = nil
      end
      now = now + 0.1
    end
    for i = 1, #left_at do
      local count = 0
      for j = i, #left_at do
        count = count + (left_at[j] < left_at[i] + FIVE_MINUTES - 1e-6 and 1 or 0)
      end
      most = math.max(most, count)
    end
    return most
  end

  it("count when the gateway's 401 is slower than attempt_timeout, over many calls", function()
    assert.equal(5, most_in_five_minutes(machines.lost("Client.Timeout"), 1,
      { attempt_timeout = 1, timeout = 5 }))
  end)

  it("count when each answer is cut, over many calls", function()
    assert.equal(5, most_in_five_minutes(machines.lost(), 0.1, { timeout = 5 }))
  end)

  it("do not count where no byte was sent, or an answer was no 401", function()
    local a_client = client()
    for i = 1, 20 do
      local machine = start(a_client, nil, { retries = 0 })
      exchange(machine, i % 2 == 0 and machines.unsent() or { 503 })
      ends(machine)
    end
  end)

  it("leave those who wait with a word about the key when time is up", function()
    local a_client = client()
    give_up(a_client, 5)
    local late = start(a_client)
    waits(late)
    now = 31
    waits(start(a_client))
    local err = fails(late, { code = "Client.Timeout", outcome = "not_sent", attempts = 0 })
    assert.matches("no answer has proven the key", err.message, 1, true)
  end)
end)

describe("many calls on one client", function()
  -- A server that knows whether the key is good, and counts wrong signatures in a row.
  local function drive(started, respond)
    local out, open = {}, #started
    local wrong, requests = 0, 0
    for round = 1, 4000 do
      now = round * 0.05
      for i, machine in ipairs(started) do
        if out[i] and out[i].at <= now then
          answer(machine, out[i].with)
          out[i] = nil
        end
        if not out[i] and machine ~= false then
          local what, request = step(machine)
          if what == "send" then
            requests = requests + 1
            local with = respond(request, requests, i)
            wrong = wrong + (with[1] == 401 and 1 or 0)
            out[i] = { at = now + 0.05 * (1 + (i * 7 + requests) % 6), with = with }
          elseif what == "done" then
            started[i] = false
            open = open - 1
          end
        end
      end
      if open == 0 then
        return requests, wrong
      end
    end
    error("they do not end")
  end

  it("with a wrong key send it once", function()
    local requests, wrong = drive(start_many(client(), 50), function()
      return UNAUTHORIZED
    end)
    assert.equal(1, requests)
    assert.equal(1, wrong)
  end)

  it("with a wrong key behind a gateway that throttles, and fails, send it once", function()
    local _, wrong = drive(start_many(client(), 50, { timeout = 1e4, retries = 20 }),
      function(_, number)
        return number % 4 ~= 0 and ({ { 429 }, { 503 }, { 502 } })[number % 4] or UNAUTHORIZED
      end)
    assert.equal(1, wrong)
  end)

  it("with a wrong clock send it once, then all succeed", function()
    local done = 0
    local _, wrong = drive(start_many(client(), 50), function(request)
      if request.headers["X-Sdk-Date"] < machines.sdk_date(math.floor(WALL + now + 3000)) then
        return wrong_clock(3600)
      end
      done = done + 1
      return { 202 }
    end)
    assert.equal(1, wrong)
    assert.equal(50, done)
  end)

  it("with a good key all succeed, each with one request", function()
    local requests, wrong = drive(start_many(client(), 50), function()
      return { 202 }
    end)
    assert.equal(50, requests)
    assert.equal(0, wrong)
  end)
end)

describe("a key that a request of another process tries", function()
  it("is held after a refusal's five minutes as before", function()
    local a_client = client()
    a_client:key(1000, WALL, { state = "refused", seconds = 5,
      error = { code = "X.1", message = "no" } })
    now = 6
    a_client:key(1006, WALL + 6, { state = "held", seconds = 1 })
    waits(start(a_client))
    now = 7.1
    sends(start(a_client))
  end)

  it("is waited for no longer than a call's own time", function()
    local a_client = client()
    local machine = start(a_client, nil, { timeout = 1 })
    for _ = 1, 19 do
      a_client:key(1000 + now, WALL + now, { state = "held", seconds = 0.06 })
      waits(machine)
      now = now + 0.05
    end
    now = 1
    fails(machine, { code = "Client.Timeout", outcome = "not_sent" })
  end)
end)

describe("a key that others have told of", function()
  it("takes no status for one that is none", function()
    for _, status in ipairs { 1e300, -1e300, 0 / 0, 99, 1000, "401" } do
      local a_client = client()
      a_client:key(1000, WALL, { state = "refused", seconds = 5,
        error = { code = "APIGW.0301", message = "no", status = status } })
      local err = a_client:key(1001, WALL).error
      assert.same({ "APIGW.0301" }, { err.code, err.status })
    end
    local a_client = client()
    a_client:key(1000, WALL, { state = "refused", seconds = 5,
      error = { code = "APIGW.0301", message = "no", status = 401 } })
    assert.equal(401, a_client:key(1001, WALL).error.status)
    assert.is_nil(a_client:key(1006, WALL).error)
  end)

  it("is proven for as long as the others' proof holds", function()
    local a_client = client()
    a_client:key(1000, WALL, { state = "proven", seconds = 20 })
    now = 20
    sends(start(a_client))
    sends(start(a_client))
    now = 20.1
    sends(start(a_client))
    waits(start(a_client))
  end)
end)

describe("a proof", function()
  it("is over a minute after the departure of the request that gave it", function()
    local a_client = client()
    local first = start(a_client, nil, { attempt_timeout = 50, timeout = 60 })
    sends(first)
    now = 40
    answer(first, { 202 })
    now = 60
    prove(a_client)
    now = 120
    sends(start(a_client))
    now = 120.1
    sends(start(a_client)) -- goes first
    waits(start(a_client))
    waits(start(a_client))
  end)

  it("is over when the wall clock has moved by more than five minutes", function()
    for _, moved in ipairs { 301, -301 } do
      local a_client = client()
      prove(a_client)
      local started = start_many(a_client, 17)
      local out = 0
      for _, machine in ipairs(started) do
        out = out + (machine:next(1000 + now, WALL + now + moved) == "send" and 1 or 0)
      end
      assert.equal(1, out)
    end
  end)

  it("is over for a batch, too: one of its calls goes first when the clock has stepped", function()
    local a_client = client()
    prove(a_client)
    local batch = assert(a_client:start("delete_snapshots", PROJECT, nil,
      { guard = false, concurrency = 17 }))
    local said = {}
    for i = 1, 40 do
      said[i] = (batch:next(1000 + now, WALL + now + 7200))
      if said[i] == "need" then
        batch:add("snapshot-" .. i)
      elseif said[i] == "sleep" then
        now = now + 0.05
      end
    end
    local list = table.concat(said, " ")
    assert.equal(1, select(2, list:gsub("send", "")), list)
  end)

  it("stands while answers keep giving it, however long that goes on", function()
    local a_client = client()
    prove(a_client)
    for _ = 1, 20 do
      now = now + 50
      prove(a_client)
      sends(start(a_client))
      sends(start(a_client))
    end
  end)
end)

describe("a 401 of a hand that is not known", function()
  for _, body in ipairs { "", HTML, '{"message":"who are you?"}' } do
    it("refuses nothing on a proven key: it is its call's error (" .. #body .. " bytes)", function()
      local a_client = client()
      prove(a_client)
      local machine = start(a_client)
      exchange(machine, { 401, body })
      fails(machine, { code = "HTTP.401", attempts = 1, outcome = "refused" })
      sends(start(a_client))
      sends(start(a_client))
    end)
  end
end)
