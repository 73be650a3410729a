-- Proves how long a row of a list is good for: a deletion goes by it within five seconds, or by a
-- look of its own.

local machines = require "spec.support.machine"

local function names(count)
  local list = {}
  for i = 1, count do list[i] = ("s%05d"):format(i) end
  return list
end

describe("a row of a batch that is driven by hand", function()
  local PROJECT, WALL = machines.PROJECT, machines.WALL

  local function rows_of(url)
    local rows = {}
    for id in url:gmatch("[?&]id=([^&]*)") do
      rows[#rows + 1] = '{"id":"' .. id .. '","name":"n","status":"available","metadata":{}}'
    end
    return '{"snapshots":[' .. table.concat(rows, ",") .. "]}"
  end

  -- Two ids at a time; each answer comes after `seconds`. Returns the requests' methods and ids.
  local function drive(count, seconds, options)
    local client = machines.client()
    local batch = assert(client:start("delete_snapshots", PROJECT, names(count), options))
    local now, log, out = 0, {}, {}
    for _ = 1, 10000 do
      local what, value, ticket = batch:next(now, WALL + now)
      if what == "done" then return log, value end
      if what == "send" then
        log[#log + 1] = value.method .. " " .. value.url:match("([^/?]+)[^/]*$")
        out[#out + 1] = { url = value.url, method = value.method, ticket = ticket,
          at = now + seconds }
      elseif what == "sleep" then
        table.sort(out, function(a, b) return a.at < b.at end)
        local first = out[1]
        if first and first.at <= now + value then
          table.remove(out, 1)
          now = math.max(now, first.at)
          if first.method == "DELETE" then
            batch:reply(first.ticket, 202, {}, "")
          elseif first.url:find("/detail?", 1, true) then
            batch:reply(first.ticket, 200, {}, rows_of(first.url))
          else
            batch:reply(first.ticket, 200, {}, machines.shown { id = first.url:match("[^/]+$") }[2])
          end
        else
          now = now + value
        end
      end
    end
    error("the batch does not end")
  end

  local function count(log, pattern)
    local found = 0
    for _, line in ipairs(log) do
      if line:find(pattern) then found = found + 1 end
    end
    return found
  end

  it("is used within five seconds, else that id is looked at again", function()
    -- Two rows are used in a second: of forty the last ones are too old.
    local log, summary = drive(40, 1, { concurrency = 2 })
    assert.equal(40, summary.succeeded)
    assert.equal(40, count(log, "^DELETE"))
    assert.is_true(count(log, "detail") >= 3, table.concat(log, ", "))
    assert.equal(0, count(log, "^GET s"))
  end)

  it("that is too old when its DELETE may leave at last is looked at by itself", function()
    local log, summary = drive(12, 0.1, { concurrency = 12, rate = 1 })
    assert.equal(12, summary.succeeded)
    assert.is_true(count(log, "^GET s") >= 1, table.concat(log, ", "))
  end)

  it("stands for the snapshot as it was when the list was read, for those five seconds", function()
    local log = drive(2, 1, { concurrency = 2 })
    assert.same({ "GET detail", "DELETE s00001", "DELETE s00002" }, log)
  end)

  -- A batch whose DELETEs take up to `most` seconds. Returns the greatest age of what a DELETE went
  -- by, from the departure of the request that showed it.
  local function greatest_age(total, most, options)
    local batch = assert(machines.client():start("delete_snapshots", PROJECT, names(total),
      options))
    local now, out, shown, greatest, random = 0, {}, {}, 0, 7
    local function answer(one)
      if one.method == "DELETE" then return batch:reply(one.ticket, 202, {}, "") end
      for id in one.url:gmatch("[?&]id=([^&]*)") do shown[id] = one.sent end
      if one.url:find("?", 1, true) then
        return batch:reply(one.ticket, 200, {}, rows_of(one.url))
      end
      local id = one.url:match("[^/]+$")
      shown[id] = one.sent
      batch:reply(one.ticket, 200, {}, machines.shown { id = id }[2])
    end
    while true do
      local what, value, ticket = batch:next(now, WALL + now)
      if what == "done" then return greatest, value end
      if what == "send" then
        local deletes = value.method == "DELETE"
        local seen = deletes and shown[value.url:match("[^/]+$")]
        if deletes then greatest = math.max(greatest, now - seen) end
        random = random * 16807 % 2147483647
        out[#out + 1] = { url = value.url, method = value.method, ticket = ticket, sent = now,
          at = now + (deletes and most * (0.2 + 0.8 * random / 2147483647) or 0.05) }
      elseif what == "sleep" then
        now = now + value
        for _, one in ipairs(out) do now = math.min(now, one.at) end
        for n = #out, 1, -1 do
          if out[n].at <= now then answer(table.remove(out, n)) end
        end
      end
    end
  end

  for _, concurrency in ipairs { 16, 60, 100, 150, 500 } do
    it("is used within five seconds of its list, so many at a time: " .. concurrency,
      function()
        local greatest, summary = greatest_age(1200, 9, { concurrency = concurrency })
        assert.equal(1200, summary.succeeded)
        assert.is_true(greatest <= 5.06, greatest .. " s")
      end)
  end

  it("counts from its list's deadline where the driver asks only long after that", function()
    local batch = assert(machines.client():start("delete_snapshots", PROJECT, names(2),
      { attempt_timeout = 10 }))
    local what, request, ticket = batch:next(0, WALL)
    assert.equal("send", what)
    batch:reply(ticket, 200, {}, rows_of(request.url))
    what, request = batch:next(60, WALL + 60)
    assert.equal("send", what)
    assert.equal("GET", request.method)
  end)
end)
