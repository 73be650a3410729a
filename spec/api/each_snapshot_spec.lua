-- Proves each_snapshot: the same snapshots as list_snapshots, one page in memory at a time; an
-- error comes as nil, err and stays; deleting while iterating misses nothing.

local failure = require "spec.support.failure"
local machines = require "spec.support.machine"
local paging = require "spec.support.paging"
local process = require "spec.support.process"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

local DETAIL = "/v2/" .. project .. "/cloudsnapshots/detail"

local connect = require("spec.support.connect").with { retries = 0 }

-- Puts `count` snapshots, listed as row-001, row-002, ...
local function put(count, fields)
  local rows = {}
  for i = 1, count do
    rows[i] = { id = ("row-%03d"):format(count + 1 - i) }
    for name, value in pairs(fields or {}) do rows[i][name] = value end
  end
  emulator:put(rows)
end

local function id(number)
  return ("row-%03d"):format(number)
end

-- Takes all that is left in an iterator: the ids, and the error at the end.
local function drain(iterator)
  local found = {}
  while true do
    local snapshot, err = iterator()
    if snapshot == nil then return found, err end
    found[#found + 1] = snapshot.id
  end
end

local function assert_rows(first, last, found)
  for i = first, last do assert.equal(id(i), found[i - first + 1]) end
  assert.equal(last - first + 1, #found)
end

-- The iterator is at its end; only the first call may have to ask whether there is more.
local function assert_ended(iterator)
  local requests
  for _ = 1, 3 do
    local snapshot, err = iterator()
    assert.is_nil(snapshot)
    assert.is_nil(err)
    requests = requests or #emulator:log()
  end
  assert.equal(requests, #emulator:log())
end

-- The iterator fails with the same error as often as it is asked, and asks nobody.
local function assert_failed(expected, iterator)
  local first
  local requests = nil
  for _ = 1, 3 do
    local snapshot, err = iterator()
    assert.is_nil(snapshot)
    expected.outcome = "not_sent"
    failure.check(err, expected)
    first = first or err
    assert.equal(first.message, err.message)
    requests = requests or #emulator:log()
  end
  assert.equal(requests, #emulator:log())
  return first
end

before_each(function() emulator:reset() end)

describe("each_snapshot", function()
  it("gives every snapshot once, in EVS's order, in a for loop", function()
    put(25)
    local found = {}
    for snapshot in connect():each_snapshot(project, { limit = 10 }) do
      found[#found + 1] = snapshot.id
    end
    assert_rows(1, 25, found)
  end)

  it("gives what list_snapshots gives", function()
    put(5, { name = "nightly", metadata = { owner = "ops" } })
    local client = connect()
    local rows = client:list_snapshots(project)
    local iterator = client:each_snapshot(project)
    for _, row in ipairs(rows) do assert.same(row, (iterator())) end
    assert_ended(iterator)
  end)

  it("of nothing ends at once, after one request", function()
    local iterator = connect():each_snapshot(project)
    assert_ended(iterator)
    assert.equal(1, #emulator:log())
  end)

  it("asks nothing before it is called, and a page only when it is needed", function()
    put(9)
    local iterator = connect():each_snapshot(project, { limit = 4 })
    assert.same({}, emulator:log())
    for row, requests in ipairs { 1, 1, 1, 1, 2, 2, 2, 3, 3 } do
      assert.equal(id(row), iterator().id)
      assert.equal(requests, #emulator:log())
    end
    assert_ended(iterator)
    assert.equal(4, #emulator:log())
    for i, record in ipairs(emulator:log()) do
      assert.equal(("%s?limit=4&offset=%d"):format(DETAIL, ({ 0, 3, 6, 8 })[i]), record.uri)
      assert.is_true(record.authenticated)
    end
  end)

  for _, links in ipairs { true, false } do
    it("is whole whatever the server's pages are, links " .. (links and "on" or "off"), function()
      put(12)
      for page_size = 2, 14 do
        emulator:settings { page_size = page_size, links = links }
        assert_rows(1, 12, (drain(connect():each_snapshot(project))))
      end
    end)
  end

  it("heeds filters, on every page", function()
    put(7, { name = "a b+c&d=\195\169%" })
    emulator:put { id = "other" }
    local found = drain(connect():each_snapshot(project, { name = "a b+c&d=\195\169%", limit = 3 }))
    assert_rows(1, 7, found)
    for _, record in ipairs(emulator:log()) do
      assert.is_truthy(record.uri:find("&name=a%20b%2Bc%26d%3D%C3%A9%25&offset=", 1, true))
      assert.is_true(record.authenticated)
    end
  end)

  it("may run beside others on one client", function()
    put(12)
    local client = connect()
    local slow, fast = client:each_snapshot(project, { limit = 5 }),
      client:each_snapshot(project, { limit = 3 })
    for row = 1, 12 do
      assert.equal(id(row), slow().id)
      if row <= 6 then
        assert.equal(id(2 * row - 1), fast().id)
        assert.equal(id(2 * row), fast().id)
      end
      if row == 7 then assert.equal(12, #client:list_snapshots(project)) end
    end
    assert_ended(slow)
    assert_ended(fast)
  end)

  it("may be called from any coroutine", function()
    put(9)
    local iterator = connect():each_snapshot(project, { limit = 4 })
    local found = {}
    for _ = 1, 9 do
      local resumed, snapshot = coroutine.resume(coroutine.create(function() return iterator() end))
      assert.is_true(resumed)
      found[#found + 1] = snapshot.id
    end
    assert_rows(1, 9, found)
  end)

  it("takes no notice of its arguments, which a for loop gives it", function()
    put(3)
    local iterator = connect():each_snapshot(project, { limit = 2 })
    assert.equal(id(1), iterator(nil, nil).id)
    assert.equal(id(2), iterator("x", 5, {}).id)
    assert.equal(id(3), iterator(nil, {}).id)
  end)
end)

describe("what it holds", function()
  it("is one page at a time", function()
    put(300)
    local alive = setmetatable({}, { __mode = "k" })
    local most, count = 0, 0
    for snapshot in connect():each_snapshot(project, { limit = 30 }) do
      alive[snapshot] = true
      count = count + 1
      if count % 30 == 15 then
        collectgarbage()
        local living = 0
        for _ in pairs(alive) do living = living + 1 end
        most = math.max(most, living)
      end
    end
    assert.equal(300, count)
    assert.is_true(most <= 31, most .. " snapshots were alive")
  end)

  -- A stale slot of a stack may keep an iterator alive, and so do LuaJIT's compiled loops: not ten.
  it("is given back when a loop is left, and the client goes on", function()
    put(9)
    local client = connect()
    local held = setmetatable({}, { __mode = "k" })
    local function leave_at(last)
      for snapshot in client:each_snapshot(project, { limit = 4 }) do
        held[snapshot] = true
        if snapshot.id == last then break end
      end
    end
    local jit = rawget(_G, "jit")
    if jit then jit.off(leave_at) end
    for _ = 1, 10 do leave_at(id(4)) end
    collectgarbage()
    collectgarbage()
    local alive = 0
    for _ in pairs(held) do alive = alive + 1 end
    assert.is_true(alive <= 8, alive .. " of 40 snapshots are alive")
    assert_rows(1, 9, (drain(client:each_snapshot(project, { limit = 4 }))))
  end)

  it("keeps its client alive", function()
    put(9)
    local iterator = connect():each_snapshot(project, { limit = 4 })
    for row = 1, 9 do
      collectgarbage()
      assert.equal(id(row), iterator().id)
    end
    collectgarbage()
    assert_ended(iterator)
  end)

  it("may all be garbage at any point", function()
    put(9)
    for taken = 0, 10 do
      local iterator = connect():each_snapshot(project, { limit = 4 })
      for _ = 1, taken do iterator() end
      iterator = nil -- luacheck: ignore 311
      collectgarbage()
    end
  end)
end)

describe("deleting while iterating", function()
  it("reaches every snapshot, and needs no GET for any", function()
    put(23)
    local client = connect()
    for snapshot in client:each_snapshot(project, { limit = 5 }) do
      assert.is_true(client:delete_snapshot(project, snapshot))
    end
    assert.same({}, emulator:snapshots())
    assert.equal(23, emulator:count().DELETE)
    for _, record in ipairs(emulator:log()) do
      if record.method == "GET" then assert.equal(DETAIL, record.uri:match("^[^?]*")) end
    end
  end)

  for _, links in ipairs { true, false } do
    for _, every in ipairs { 2, 3, 7 } do
      it(("some of them, one in %d, misses none; links %s"):format(every, links and "on" or "off"),
        function()
          put(40)
          emulator:settings { links = links, page_size = 6 }
          local client, found = connect(), {}
          for snapshot in client:each_snapshot(project) do
            found[#found + 1] = snapshot.id
            if #found % every == 0 then
              assert.is_true(client:delete_snapshot(project, snapshot))
            end
          end
          assert_rows(1, 40, found)
          assert.equal(math.floor(40 / every), emulator:count().DELETE)
        end)
    end
  end

  it("what takes its time to go gives each snapshot once", function()
    put(12, { delete_seconds = 3600 })
    local client, found = connect(), {}
    for snapshot in client:each_snapshot(project, { limit = 4 }) do
      found[#found + 1] = snapshot.id
      assert.is_true(client:delete_snapshot(project, snapshot))
    end
    assert_rows(1, 12, found)
    assert.equal(12, emulator:count().DELETE)
  end)

  it("leaves backups alone, from the list alone", function()
    put(6, { name = "autobk_snapshot_x" })
    local client = connect()
    for snapshot in client:each_snapshot(project, { limit = 4 }) do
      failure.check(client:delete_snapshot(project, snapshot), { code = "Client.Protected",
        attempts = 0 })
    end
    assert.equal(6, #emulator:snapshots())
    assert.is_nil(rawget(emulator:count(), "DELETE"))
  end)

  it("with new ones coming in still misses none and repeats none", function()
    put(30)
    local client, found, new = connect(), {}, 0
    for snapshot in client:each_snapshot(project, { limit = 7 }) do
      if snapshot.id:match("^row") then found[#found + 1] = snapshot.id end
      if #found % 4 == 0 then
        client:delete_snapshot(project, snapshot)
        new = new + 1
        emulator:put { id = "new-" .. new }
      end
      assert.is_true(new < 30)
    end
    assert_rows(1, 30, found)
  end)
end)

describe("an error", function()
  it("comes as nil, err after the snapshots that were read, and again at every call", function()
    put(9)
    emulator:misbehave { path = "offset=3", status = 403, times = 1,
      body = machines.evs_error("EVS.0004", "not yours") }
    local iterator = connect():each_snapshot(project, { limit = 4 })
    for row = 1, 4 do assert.equal(id(row), iterator().id) end
    assert_failed({ code = "EVS.0004", status = 403, attempts = 2, retryable = false }, iterator)
    assert.equal(2, #emulator:log())
  end)

  it("on the first page is all there is", function()
    put(3)
    emulator:misbehave { status = 200, body = "<html>Please log in</html>" }
    assert_failed({ code = "Client.BadResponse", status = 200, attempts = 1 },
      connect():each_snapshot(project))
  end)

  it("ends a for loop, like the end of the list", function()
    put(9)
    emulator:misbehave { path = "offset=3", status = 400, times = -1, body = "no" }
    local found = {}
    for snapshot in connect():each_snapshot(project, { limit = 4 }) do
      found[#found + 1] = snapshot.id
    end
    assert_rows(1, 4, found)
  end)

  it("that passes is ridden out on each page by itself", function()
    put(9)
    emulator:misbehave { status = 503, headers = { ["Retry-After"] = "0" }, times = 2 }
    local client = connect { retries = 2 }
    local iterator = client:each_snapshot(project, { limit = 4 })
    for row = 1, 4 do assert.equal(id(row), iterator().id) end
    emulator:misbehave { status = 429, headers = { ["Retry-After"] = "0" }, times = 2 }
    local found, err = drain(iterator)
    assert.is_nil(err)
    assert_rows(5, 9, found)
    assert.equal(8, #emulator:log())
    assert.equal(8, client:last().attempts)
  end)

  it("of a row without an id ends it, too: no page is given in part", function()
    emulator:misbehave { status = 200, body = '{"snapshots":[{"id":"a"},{"name":"b"}]}' }
    assert_failed({ code = "Client.BadResponse", attempts = 1 }, connect():each_snapshot(project))
  end)

  it("Client.BadResponse ends pages that have no end", function()
    emulator:misbehave { status = 200, times = -1, body = paging.page { "a", "b", "c" } }
    local found, err = drain(connect():each_snapshot(project))
    assert.same({ "a", "b", "c" }, found)
    failure.check(err, { code = "Client.BadResponse" })
  end)

  it("Client.Closed comes after the page that was read when the client is closed then", function()
    put(9)
    local client = connect()
    local iterator = client:each_snapshot(project, { limit = 4 })
    assert.equal(id(1), iterator().id)
    client:close()
    local found, err = drain(iterator)
    assert_rows(2, 1 + #found, found)
    assert.is_true(#found <= 3)
    failure.check(err, { code = "Client.Closed", attempts = 1, outcome = "not_sent" })
    assert_failed({ code = "Client.Closed", attempts = 1 }, iterator)
  end)

  it("Client.Closed comes at once from a client that is closed before", function()
    local client = connect()
    local iterator = client:each_snapshot(project)
    client:close()
    assert_failed({ code = "Client.Closed", attempts = 0 }, iterator)
    assert_failed({ code = "Client.Closed", attempts = 0 }, client:each_snapshot(project))
  end)

  it("about an argument comes at the first call", function()
    local client = connect()
    assert_failed({ code = "Client.InvalidArgument", attempts = 0 },
      client:each_snapshot("not/a/project"))
    assert_failed({ code = "Client.InvalidArgument", attempts = 0 },
      client:each_snapshot(project, { name = "" }))
    assert_failed({ code = "Client.InvalidArgument", attempts = 0 },
      client:each_snapshot(project, {}, { timeout = -1 }))
    assert.same({}, emulator:log())
  end)

  it("that is the program's raises before anything is iterated", function()
    local client = connect()
    assert.has_error(function() client:each_snapshot() end)
    assert.has_error(function() client:each_snapshot(project, { nmae = "x" }) end)
    assert.has_error(function() client:each_snapshot(project, {}, { limit = 5 }) end)
  end)
end)

describe("client:last and on_attempt", function()
  it("tell of each page as it is read", function()
    put(5)
    local seen = {}
    local client = connect()
    assert.is_nil(client:last())
    local iterator = client:each_snapshot(project, { limit = 3 },
      { on_attempt = function(info) seen[#seen + 1] = info end })
    assert.is_nil(client:last())
    for row, attempts in ipairs { 1, 1, 1, 2, 2 } do
      assert.equal(id(row), iterator().id)
      assert.equal(attempts, #seen)
      assert.equal(attempts, client:last().attempts)
      assert.equal(200, client:last().status)
    end
    assert_ended(iterator)
    assert.equal(3, #seen)
    assert.is_string(client:last().request_id)
    for i, info in ipairs(seen) do
      assert.equal("GET", info.method)
      assert.equal(DETAIL, info.path)
      assert.equal(200, info.status)
      assert.equal(i, info.attempt)
    end
  end)

  it("of the client is told, too", function()
    put(5)
    local count = 0
    drain(connect({ on_attempt = function() count = count + 1 end })
      :each_snapshot(project, { limit = 3 }))
    assert.equal(3, count)
  end)

  it("cannot call the iterator whose page they are told of: no row is lost", function()
    put(9)
    local iterator, problem
    local client = connect({ on_attempt = function()
      local _, raised = pcall(iterator)
      problem = problem or raised
    end })
    iterator = client:each_snapshot(project, { limit = 3 })
    assert.equal(9, #drain(iterator))
    assert.equal("this iterator's request is out: it cannot be called from within itself", problem)
  end)

  -- Iterates with an on_attempt that raises on one page, and goes on after that. Returns the ids,
  -- the error at the end, and how often it raised.
  local function drain_raising(failing)
    local pages, found, raised = 0, {}, 0
    local iterator = connect():each_snapshot(project, { limit = 3 }, { on_attempt = function()
      pages = pages + 1
      if pages == failing then error("enough", 0) end
    end })
    while true do
      local fine, snapshot, err = pcall(iterator)
      if not fine then
        raised = raised + 1
      elseif snapshot then
        found[#found + 1] = snapshot.id
      else
        return found, err, raised
      end
    end
  end

  for _, count in ipairs { 5, 1 } do
    it(("that raises loses no snapshot without an error, of %d"):format(count), function()
      put(count)
      for failing = 1, count == 1 and 1 or 3 do
        local found, err, raised = drain_raising(failing)
        assert.equal(1, raised)
        if not err then assert_rows(1, count, found) end
      end
    end)
  end
end)

describe("the plain functions", function()
  it("iterate with what the environment says, in both modules", function()
    put(5)
    local script = ([[
      for _, name in ipairs { "evs", "evs.safe" } do
        local count = 0
        for snapshot in require(name).each_snapshot(%q, { limit = 2 }) do count = count + 1 end
        print(count)
        local snapshot, err = require(name).each_snapshot(%q, { name = "" })()
        print(snapshot, err.code)
      end
    ]]):format(project, project)
    local result = process.run(script, { EVS_ENDPOINT = emulator.endpoint,
      HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk })
    assert.equal(("5\nnil\tClient.InvalidArgument\n"):rep(2), result.stdout)
  end)

  it("give nil, Client.NoEndpoint at every call when it says nothing", function()
    local result = process.run([[
      local iterator = require("evs").each_snapshot("p")
      for _ = 1, 2 do
        local snapshot, err = iterator()
        print(snapshot, err.code, err.outcome, err.attempts)
      end
    ]])
    assert.equal(("nil\tClient.NoEndpoint\tnot_sent\t0\n"):rep(2), result.stdout)
  end)
end)
