-- Proves how a batch shares its pace: in invented time, against servers that count.

local machines = require "spec.support.machine"

-- Valgrind takes its time, and has nothing to find in the third thousand.
local IS_SLOW = os.getenv("EVS_SPEC_VARIANT") == "valgrind"

-- A limiter as gateways have it: beyond `limit` requests in any second, 429. `headers` go with it.
local function limiter(limit, headers)
  local passed = {}
  return function(now)
    while passed[1] and passed[1] <= now - 1 do table.remove(passed, 1) end
    if #passed >= limit() then return 429, headers end
    passed[#passed + 1] = now
    return 202
  end
end

local function always(value)
  return function() return value end
end

-- Deletes `case.count` snapshots. `case.server(now)` gives status and headers of a request that
-- starts at `now`; the answer comes `case.latency` seconds later. Sleeps end `case.late` seconds
-- late. Returns the requests, { at =, status = } each, the summary and the seconds it all took.
local function run(case)
  local clock = machines.clock()
  local options = { guard = false, concurrency = 64 }
  for name, value in pairs(case.options or {}) do options[name] = value end
  local batch = assert(machines.client():start("delete_snapshots", machines.PROJECT, nil, options))
  local began, starts, answers, given = clock.mono, {}, {}, 0

  local function send(ticket)
    local status, headers = case.server(clock.mono - began)
    starts[#starts + 1] = { at = clock.mono - began, status = status }
    answers[#answers + 1] = { at = clock.mono + (case.latency or 0.05), ticket = ticket,
      status = status, headers = headers }
  end

  -- Goes on to the end of the sleep, or to the next answer if that is earlier.
  local function pass(seconds)
    seconds = seconds + (case.late or 0)
    if answers[1] and answers[1].at < clock.mono + seconds then
      seconds = math.max(answers[1].at - clock.mono, 0)
    end
    clock:advance(seconds)
    while answers[1] and answers[1].at <= clock.mono do
      local answer = table.remove(answers, 1)
      batch:reply(answer.ticket, answer.status, answer.headers or {}, "")
    end
  end

  while true do
    local what, value, ticket = batch:next(clock.mono, clock.wall)
    if what == "need" then
      given = given + 1
      if given > case.count then batch:finish() else batch:add("s" .. given) end
    elseif what == "send" then
      send(ticket)
    elseif what == "sleep" then
      assert.is_true(value > 0)
      pass(value)
    elseif what == "done" then
      return starts, value, clock.mono - began
    end
  end
end

-- The most requests that started within any `seconds`, of those from the number `from` on.
local function most_within(starts, seconds, from)
  local most, first = 0, from or 1
  for i = first, #starts do
    while starts[i].at - starts[first].at >= seconds do first = first + 1 end
    most = math.max(most, i - first + 1)
  end
  return most
end

-- Of the requests after `at`, the share that was refused.
local function refused_after(starts, at)
  local all, refused = 0, 0
  for _, start in ipairs(starts) do
    if start.at >= at then
      all = all + 1
      if start.status == 429 then refused = refused + 1 end
    end
  end
  return refused / all
end

describe("a rate", function()
  for _, case in ipairs { { 20, 20, 600 }, { 7, 7, 100 }, { 1, 1, 20 }, { 2.5, 2, 40 },
    { 300, 300, 5000 } } do
    local rate, most, count = case[1], case[2], case[3]
    if IS_SLOW then count = math.min(count, 4 * most) end

    it(("of %s lets at most %d start in any second, and uses it"):format(rate, most), function()
      local starts, summary = run { count = count, options = { rate = rate }, late = 0.001,
        server = always(202) }
      local seconds = starts[#starts].at

      assert.equal(count, summary.succeeded)
      assert.is_true(most_within(starts, 1.01) <= most)
      assert.is_true(#starts >= 0.98 * most * seconds, #starts .. " in " .. seconds)
    end)
  end

  it("below one is a pause", function()
    local starts = run { count = 4, options = { rate = 0.1 }, server = always(202) }

    for i = 2, 4 do
      local pause = starts[i].at - starts[i - 1].at
      assert.is_true(pause >= 10 and pause < 10.3, pause)
    end
  end)

  it("spreads requests, so that a second's worth is not sent at once", function()
    local starts = run { count = 100, options = { rate = 20 }, server = always(202) }

    assert.is_true(most_within(starts, 0.25) <= 7)
  end)

  it("is not waited for longer than a call has time", function()
    local WALL = machines.WALL
    local batch = machines.client():start("delete_snapshots", machines.PROJECT, nil,
      { rate = 0.1, timeout = 3, guard = false, retries = 1 })
    assert.equal("need", batch:next(1000, WALL))
    batch:add("a")
    local _, _, ticket = batch:next(1000, WALL)
    batch:fail(ticket, "Client.Connect", "refused", false)

    local _, pause = batch:next(1000, WALL)
    local what, seconds = batch:next(1000 + pause, WALL)
    assert.equal("sleep", what)
    assert.is_true(seconds <= 3 - pause)

    local told, id, err = batch:next(1003, WALL)
    assert.same({ "result", "a", "Client.Connect" }, { told, id, err.code })
  end)

  it("lets calls under way go before new ones: none runs out of time", function()
    local shown = '{"snapshot":{"id":"%s","name":"n","status":"available","metadata":{}}}'
    local clock, order = machines.clock(), {}
    local batch = machines.client():start("delete_snapshots", machines.PROJECT, nil,
      { rate = 0.2, timeout = 12 })
    local given = 0

    while true do
      local what, value, ticket = batch:next(clock.mono, clock.wall)
      if what == "need" then
        given = given + 1
        if given > 3 then batch:finish() else batch:add("s" .. given) end
      elseif what == "send" then
        local id = value.url:match("[^/]+$")
        order[#order + 1] = value.method .. " " .. id
        batch:reply(ticket, value.method == "GET" and 200 or 202,
          { ["Content-Type"] = "application/json" }, shown:format(id))
      elseif what == "sleep" then
        clock:advance(value)
      elseif what == "done" then
        assert.equal(3, value.succeeded)
        break
      end
    end

    assert.equal("GET s1 DELETE s1 GET s2 DELETE s2 GET s3 DELETE s3", table.concat(order, " "))
  end)

  it("does not wait when there is nothing more to send", function()
    local _, _, seconds = run { count = 1, options = { rate = 0.01 }, server = always(202) }

    assert.is_true(seconds < 0.1)
  end)
end)

describe("a server that answers 429 above a limit", function()
  for _, concurrency in ipairs { 4, 16, 64 } do
    it(("of 50 gets all deletions of %d at once, few in vain"):format(concurrency), function()
      if IS_SLOW then return end
      local starts, summary, seconds = run { count = 1000, options = { concurrency = concurrency },
        server = limiter(always(50)) }

      assert.equal(1000, summary.succeeded)
      assert.is_true(refused_after(starts, 3) < 0.02)
      assert.is_true(seconds < 35, seconds) -- 20 is the least
    end)
  end

  it("gets them when it says when to come back, and nobody comes before", function()
    local starts, summary = run { count = 300,
      server = limiter(always(50), { ["Retry-After"] = "3" }) }

    assert.equal(300, summary.succeeded)
    for i, start in ipairs(starts) do
      local after = starts[i + 1]
      if start.status == 429 and after and after.at > start.at + 0.06 then
        assert.is_true(after.at >= start.at + 3 - 0.06)
      end
    end
  end)

  it("is followed when the limit falls, and when it rises", function()
    if IS_SLOW then return end
    local limit, passed = 50, 0
    local check = limiter(function() return limit end)
    local starts, summary = run { count = 1500, server = function(now)
      passed = passed + 1
      if passed == 400 then limit = 10 end
      if passed == 700 then limit = 100 end
      return check(now)
    end }

    assert.equal(1500, summary.succeeded)
    assert.is_true(refused_after(starts, 3) < 0.1)
    assert.is_true(most_within(starts, 1, #starts - 200) > 55)
  end)

  it("costs no retries", function()
    local _, summary = run { count = 200, options = { retries = 0 }, server = limiter(always(20)) }

    assert.equal(200, summary.succeeded)
  end)

  it("and to every request ends each call at its timeout, not before", function()
    local _, summary, seconds = run { count = 8, server = always(429) }

    assert.equal(8, summary.failed)
    assert.equal("HTTP.429", summary.errors.s1.code)
    assert.is_true(seconds >= 30)
  end)
end)
