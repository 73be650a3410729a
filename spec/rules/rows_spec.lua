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
end)
