-- Proves list_snapshots: all pages or an error, never a part; no snapshot twice and none missed
-- that was there all the time, however the list changes between pages; filters as EVS reads them.

local cjson = require "cjson"
local evs = require "evs"
local failure = require "spec.support.failure"
local machines = require "spec.support.machine"
local paging = require "spec.support.paging"
local process = require "spec.support.process"
local random = require "spec.model.random"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id
local page = paging.page

local DETAIL = "/v2/" .. project .. "/cloudsnapshots/detail"

local connect = require("spec.support.connect").with { retries = 0 }

local function ids(snapshots)
  local found = {}
  for i, snapshot in ipairs(snapshots) do found[i] = snapshot.id end
  return found
end

-- Puts snapshots with these ids, so that they are listed in this order.
local function put(names, fields)
  local rows = {}
  for i = #names, 1, -1 do
    local row = { id = names[i] }
    for name, value in pairs(fields or {}) do row[name] = value end
    rows[#rows + 1] = row
  end
  emulator:put(rows)
end

local function assert_fails(expected, rows, err)
  assert.is_nil(rows)
  expected.outcome = "not_sent"
  return failure.check(err, expected)
end

-- Runs a list on a machine; `script` as in machines.run.
local function list(script, filter, options, client)
  client = client or machines.client()
  return machines.run(client:start("list_snapshots", machines.PROJECT, filter, options), script)
end

-- Runs a list whose server gives these pages one after the other, and the last one again and again.
local function list_pages(pages, options)
  return list({ rest = function(_, _, number)
    return { 200, pages[math.min(number, #pages)] }
  end }, nil, options)
end

-- The offsets that were asked for, and the markers as they stand in the URL.
local function positions(trace)
  local found = {}
  for i, request in ipairs(trace.requests) do
    found[i] = request.url:match("[?&]marker=([^&]*)")
      or tonumber(request.url:match("[?&]offset=(%d+)"))
  end
  return found
end

before_each(function() emulator:reset() end)

describe("a list", function()
  it("of nothing is an empty array, for one request", function()
    local client = connect()
    local rows, none = client:list_snapshots(project)
    assert.same({}, rows)
    assert.is_nil(none)
    assert.equal(1, #emulator:log())
    assert.equal(1, client:last().attempts)
  end)

  it("asks EVS's own path for the largest pages", function()
    connect():list_snapshots(project)
    local request = emulator:log()[1]
    assert.equal("GET", request.method)
    assert.equal(DETAIL .. "?limit=1000&offset=0", request.uri)
    assert.equal(0, request.body_bytes)
    assert.equal("application/json", request.headers.accept)
    assert.equal("application/json", request.headers["content-type"])
    assert.equal(project, request.headers["x-project-id"])
    assert.is_true(request.authenticated)
  end)

  it("gives snapshots as show_snapshot does, in EVS's order", function()
    put({ "a", "b", "c" }, { metadata = { owner = "ops" }, name = "nightly", size = 40 })
    local client = connect()
    local rows = client:list_snapshots(project)
    assert.same({ "a", "b", "c" }, ids(rows))
    for _, row in ipairs(rows) do
      assert.same(client:show_snapshot(project, row.id), row)
    end
  end)

  it("has only this project's", function()
    put { "a" }
    emulator:put { id = "b", project_id = ("f"):rep(32) }
    assert.same({ "a" }, ids(connect():list_snapshots(project)))
  end)

  it("has JSON's nulls left out, at every depth", function()
    emulator:put { { id = "a", name = cjson.null,
      fields = { x = { y = cjson.null, z = { { cjson.null, w = cjson.null, v = 1 } } } } } }
    local row = connect():list_snapshots(project)[1]
    assert.is_nil(row.name)
    assert.is_nil(row.description)
    assert.same({ z = { { v = 1 } } }, row.x)
  end)

  it("gives plain tables, which the script may keep and change", function()
    put { "a", "b" }
    local client = connect()
    local first, second = client:list_snapshots(project), client:list_snapshots(project)
    client:close()
    first[1].id, first[3] = "changed", {}
    assert.same({ "a", "b" }, ids(second))
    assert.is_nil(getmetatable(second))
    assert.is_nil(getmetatable(second[1]))
  end)

  it("over TLS and HTTP/2 is the same", function()
    put { "a", "b", "c", "d", "e" }
    local client = connect { endpoint = emulator.tls_endpoint, ca_file = emulator.ca_file }
    assert.same({ "a", "b", "c", "d", "e" }, ids(client:list_snapshots(project, { limit = 2 })))
    for _, record in ipairs(emulator:log()) do assert.equal(2, record.http_version) end
  end)

  it("with an IAM token is the same", function()
    put { "a", "b" }
    local client = assert(evs.new { endpoint = emulator.endpoint, token = emulator.token })
    assert.same({ "a", "b" }, ids(client:list_snapshots(project)))
  end)

  it("is what the machines give", function()
    local trace = list { { 200, page { "a", "b" } }, { 200, page { "b" } } }
    assert.same({ { id = "a" }, { id = "b" } }, trace.result)
    assert.equal("GET GET", trace:methods())
    assert.equal(machines.ENDPOINT .. "/v2/" .. machines.PROJECT
      .. "/cloudsnapshots/detail?limit=1000&offset=0", trace.requests[1].url)
  end)

  it("of a project that is no project_id is refused unsent", function()
    for _, wrong in ipairs { "", ".", "..", "a/b", "a b", ("x"):rep(256) } do
      local rows, err = connect():list_snapshots(wrong)
      assert_fails({ code = "Client.InvalidArgument", attempts = 0 }, rows, err)
      assert.matches("project_id", err.message)
    end
    assert.same({}, emulator:log())
  end)
end)

describe("what a script gets wrong raises:", function()
  local client = connect()

  local function assert_raises(pattern, ...)
    for _, name in ipairs { "list_snapshots", "each_snapshot" } do
      local fine, message = pcall(client[name], client, ...)
      assert.is_false(fine)
      assert.matches(pattern, message)
    end
    local fine, message = pcall(client.start, client, "list_snapshots", ...)
    assert.is_false(fine)
    assert.matches(pattern, message)
  end

  after_each(function() assert.same({}, emulator:log()) end)

  it("a project_id that is no string", function()
    assert_raises("project_id: string expected, got n[io]")
    assert_raises("project_id: string expected, got number", 5)
    assert_raises("project_id: string expected, got table", {})
  end)

  it("a filter that is no table", function()
    assert_raises("table expected, got string", project, "nightly")
    assert_raises("table expected, got boolean", project, true)
  end)

  it("an unknown filter, which it names", function()
    assert_raises("unknown filter 'nmae'", project, { nmae = "x" })
    assert_raises("unknown filter 'Name'", project, { Name = "x" })
    assert_raises("filter names are strings, not number", project, { "x" })
  end)

  it("offset and marker, which are the library's own", function()
    assert_raises("unknown filter 'offset'", project, { offset = 5 })
    assert_raises("unknown filter 'marker'", project, { marker = "x" })
  end)

  it("a filter of the wrong type, which it names", function()
    assert_raises("filter 'name': string expected, got number", project, { name = 5 })
    assert_raises("filter 'status': string expected, got boolean", project, { status = true })
    assert_raises("filter 'id': string expected, got number", project, { id = 5 })
    assert_raises("filter 'id'%[2%]: string expected, got number", project, { id = { "a", 5 } })
    assert_raises("filter 'tags': table expected, got string", project, { tags = "x" })
    assert_raises("filter 'tags': names and values are strings", project, { tags = { a = 1 } })
    assert_raises("filter 'limit': number expected, got string", project, { limit = "5" })
  end)

  it("options of the wrong type, unknown, or of evs.new", function()
    assert_raises("table expected, got string", project, {}, "x")
    assert_raises("unknown option 'limit'", project, {}, { limit = 5 })
    assert_raises("option 'timeout': number expected", project, {}, { timeout = "5" })
    assert_raises("option 'region' belongs to evs.new", project, {}, { region = "x" })
  end)

  it("also in the plain functions, which have no client yet", function()
    local plain = {
      "pcall(evs.list_snapshots, 'p', { name = 'kept', nmae = 'x' })",
      "pcall(evs.each_snapshot, 'p', { name = 'kept', limit = 'x' })",
      "pcall(evs.list_snapshots)",
    }
    local script = "local evs = require 'evs'\nprint(" .. table.concat(plain, ")\nprint(") .. ")"
    local lines = process.run(script).stdout
    assert.matches("^false\t[^\n]*unknown filter 'nmae'\nfalse\t[^\n]*filter 'limit': number "
      .. "expected[^\n]*\nfalse\t[^\n]*project_id: string expected[^\n]*\n$", lines)
  end)
end)

describe("a value that cannot be used is Client.InvalidArgument, unsent:", function()
  local function assert_refused(pattern, filter, options)
    local rows, err = connect():list_snapshots(project, filter, options)
    assert_fails({ code = "Client.InvalidArgument", attempts = 0 }, rows, err)
    assert.matches(pattern, err.message)
    assert.same({}, emulator:log())
  end

  for _, name in ipairs { "availability_zone", "dedicated_storage_id", "dedicated_storage_name",
    "enterprise_project_id", "id", "name", "service_type", "status", "volume_id" } do
    it("an empty " .. name, function()
      assert_refused("filter '" .. name .. "' is empty", { [name] = "" })
    end)
  end

  it("a limit that leaves no room for a next page, or that EVS does not know", function()
    for _, limit in ipairs { 1, 0, -1, 1001, 2.5, 1 / 0, 0 / 0 } do
      assert_refused("filter 'limit' must be a whole number from 2 to 1000", { limit = limit })
    end
  end)

  it("an option", function()
    assert_refused("option 'timeout'", {}, { timeout = -1 })
    assert_refused("option 'attempt_timeout'", nil, { attempt_timeout = 0 })
  end)
end)

describe("a filter", function()
  local AWKWARD = " nightly a+b c&d=e%f?g#h/i~j*k'l\"m<n>\195\169\228\184\173\0z "
  local ESCAPED = "%20nightly%20a%2Bb%20c%26d%3De%25f%3Fg%23h%2Fi~j%2Ak%27l%22m%3Cn%3E"
    .. "%C3%A9%E4%B8%AD%00z%20"

  it("is given to EVS, which applies it", function()
    put({ "a", "c" }, { name = "nightly", volume_id = "v1" })
    put({ "b", "d" }, { name = "weekly", volume_id = "v1", status = "error" })
    local client = connect()
    assert.same({ "a", "c" }, ids(client:list_snapshots(project, { name = "nightly" })))
    assert.same({ "b", "d" }, ids(client:list_snapshots(project, { status = "error" })))
    assert.same({ "d" }, ids(client:list_snapshots(project, { id = "d", volume_id = "v1" })))
    assert.same({}, client:list_snapshots(project, { name = "nightly", status = "error" }))
  end)

  it("with blanks, signs and letters of any kind is encoded as it is signed", function()
    local name = AWKWARD:gsub("%z", "")
    put({ "a", "b", "c" }, { name = name })
    put { "d" }
    local client = connect()
    local rows, err = client:list_snapshots(project, { name = name, limit = 2 })
    assert.is_nil(err)
    assert.same({ "a", "b", "c" }, ids(rows))
    for i, record in ipairs(emulator:log()) do
      assert.is_true(record.authenticated)
      assert.equal(("%s?limit=2&name=%s&offset=%d"):format(DETAIL, ESCAPED:gsub("%%00", ""), i - 1),
        record.uri)
    end
  end)

  it("of every name stands in the order of a canonical query, on every page", function()
    local filter = { limit = 2 }
    for _, name in ipairs { "availability_zone", "dedicated_storage_id", "dedicated_storage_name",
      "enterprise_project_id", "id", "name", "service_type", "status", "volume_id" } do
      filter[name] = name:upper() .. " 1"
    end
    local trace = list({ { 200, page { "a", "b" } }, { 200, page { "b" } } }, filter)
    for i, request in ipairs(trace.requests) do
      assert.equal(("availability_zone=AVAILABILITY_ZONE%201&dedicated_storage_id=DEDICATED_STORAGE"
        .. "_ID%201&dedicated_storage_name=DEDICATED_STORAGE_NAME%201&enterprise_project_id=ENTERPR"
        .. "ISE_PROJECT_ID%201&id=ID%201&limit=2&name=NAME%201&offset=") .. i - 1
        .. "&service_type=SERVICE_TYPE%201&status=STATUS%201&volume_id=VOLUME_ID%201",
        request.url:match("%?(.*)$"))
    end
  end)

  for _, name in ipairs { "name", "volume_id", "availability_zone" } do
    it("is signed as evs.sign signs that URL: " .. name, function()
      local trace = list({ { 200, page {} } }, { [name] = AWKWARD, limit = 7 })
      local request = trace.requests[1]
      assert.is_truthy(request.url:find(name .. "=" .. ESCAPED, 1, true))
      local expected = evs.sign { method = "GET", url = request.url, ak = machines.AK,
        sk = machines.SK, headers = { ["X-Project-Id"] = machines.PROJECT }, time = machines.WALL }
      assert.equal(expected.Authorization, request.headers.Authorization)
    end)
  end

  it("limit is the rows of a page, not of the list", function()
    put { "a", "b", "c", "d", "e" }
    local rows = connect():list_snapshots(project, { limit = 3 })
    assert.same({ "a", "b", "c", "d", "e" }, ids(rows))
    assert.equal(DETAIL .. "?limit=3&offset=0", emulator:log()[1].uri)
  end)

  it("table is only read", function()
    local filter = { name = "x", limit = 5 }
    connect():list_snapshots(project, filter)
    assert.same({ name = "x", limit = 5 }, filter)
  end)
end)

describe("2,500 snapshots", function()
  -- Put once: each spec's reset is followed by this.
  local rows = {}
  for i = 1, 2500 do rows[i] = { id = ("row-%04d"):format(2501 - i) } end
  rows = cjson.encode(rows)

  local function assert_complete(found)
    assert.equal(2500, #found)
    for i, row in ipairs(found) do
      if row.id ~= ("row-%04d"):format(i) then error("row " .. i .. " is " .. row.id) end
    end
  end

  before_each(function() emulator:put(rows) end)

  for _, links in ipairs { true, false } do
    for _, how in ipairs { { filter = {} }, { filter = { limit = 400 } },
      { filter = { limit = 1000 }, page_size = 250 } } do
      it(("are listed whole, links %s, limit %s, the server's pages %s"):format(
        links and "on" or "off", how.filter.limit or "none", how.page_size or 1000), function()
        emulator:settings { links = links, page_size = how.page_size or 1000 }
        local client = connect()
        local found, err = client:list_snapshots(project, how.filter)
        assert.is_nil(err)
        assert_complete(found)
        local size = math.min(how.filter.limit or 1000, how.page_size or 1000)
        local pages = math.ceil(2499 / (size - 1))
        assert.is_true(#emulator:log() <= pages + 1)
        assert.equal(#emulator:log(), client:last().attempts)
      end)
    end
  end

  it("fail as a whole when the last page does", function()
    emulator:misbehave { path = "offset=1998", status = 403, times = -1,
      body = machines.gateway_error("APIGW.0303", "no") }
    local found, err = connect():list_snapshots(project)
    assert_fails({ code = "APIGW.0303", status = 403, attempts = 3 }, found, err)
  end)

  it("of which rows vanish between pages lack nothing that stayed", function()
    local list_of_rows = paging.new { rows = 2500 }
    local trace = list_of_rows:run(machines.client(), {}, function(number)
      for _ = 1, 130 do list_of_rows:remove(number % 2 == 0 and 1 or #list_of_rows.rows - 3) end
    end)
    assert.is_nil(trace.err)
    list_of_rows:check(trace.result)
  end)
end)

describe("a page", function()
  it("shorter than was asked for is not the end", function()
    local trace = list_pages { page { "a", "b" }, page { "b", "c" }, page { "c" } }
    assert.same({ "a", "b", "c" }, ids(trace.result))
    assert.same({ 0, 1, 2 }, positions(trace))
  end)

  for _, links in ipairs { true, false } do
    for page_size = 2, 5 do
      it(("has %d rows at most, links %s, and the list is whole"):format(page_size,
        links and "on" or "off"), function()
        emulator:settings { page_size = page_size, links = links }
        local names = { "a", "b", "c", "d", "e", "f", "g" }
        put(names)
        assert.same(names, ids(connect():list_snapshots(project)))
      end)
    end
  end

  it("of one row with a link to the next is not the end: it cannot overlap, so it may be an error",
    function()
      emulator:settings { page_size = 1 }
      put { "a", "b", "c" }
      local rows, err = connect():list_snapshots(project)
      if err then
        assert_fails({ code = "Client.BadResponse" }, rows, err)
      else
        assert.same({ "a", "b", "c" }, ids(rows))
      end
    end)

  it("begins with the last row of the one before it", function()
    local rows = paging.new { rows = 25 }
    local trace = rows:run(machines.client(), { limit = 10 })
    rows:check(trace.result)
    assert.same({ 0, 9, 18, 24 }, positions(trace))
  end)

  it("that does not is asked for again further up, and doubles are dropped", function()
    local trace = list_pages { page { "a", "b", "c" }, page { "e", "f" },
      page { "b", "c", "d", "e", "f" }, page { "f" } }
    assert.same({ "a", "b", "c", "d", "e", "f" }, ids(trace.result))
    assert.same({ 0, 2, 0, 4 }, positions(trace))
  end)

  it("that is empty where rows were is no end, either", function()
    local trace = list_pages { page { "a", "b", "c" }, page {}, page { "c", "d" }, page { "d" } }
    assert.same({ "a", "b", "c", "d" }, ids(trace.result))
  end)

  it("with a row twice gives it once", function()
    local trace = list_pages { page { "a", "b", "a", "b", "c" }, page { "c" } }
    assert.same({ "a", "b", "c" }, ids(trace.result))
  end)

  it("with rows pushed down by new ones gives them once", function()
    local trace = list_pages { page { "a", "b", "c" }, page { "a", "b", "c" }, page { "c", "d" },
      page { "d" } }
    assert.same({ "a", "b", "c", "d" }, ids(trace.result))
  end)

  it("may be longer than other answers, and not over 16 MiB", function()
    local function long(size)
      local body = page({ "a" }, ',"x":"'):sub(1, -2)
      return body .. ("x"):rep(size - #body - 2) .. '"}'
    end
    assert.same({ { id = "a" } }, list_pages({ long(2 ^ 22) }).result)
    machines.same_error({ code = "Client.BadResponse", status = 200, attempts = 1 },
      list_pages { long(2 ^ 24 + 1) })
  end)
end)

describe("a next link", function()
  local function link(href, rel)
    return ',"snapshots_links":' .. cjson.encode { { rel = "prev", href = "http://h/p?marker=no" },
      { rel = rel or "next", href = href } }
  end

  it("with a marker is followed, and the last page has none", function()
    local trace = list_pages { page({ "a", "b" }, link "https://h/p?limit=2&marker=b"),
      page({ "c", "d" }, link "https://h/p?marker=d&limit=2"), page { "e" } }
    assert.same({ "a", "b", "c", "d", "e" }, ids(trace.result))
    assert.same({ 0, "b", "d" }, positions(trace))
    for i = 2, 3 do assert.is_nil(trace.requests[i].url:find("offset", 1, true)) end
  end)

  it("never leads to another host, scheme, path, project or query", function()
    for _, href in ipairs { "https://evil.example/v2/x?marker=b&limit=5", "?marker=b",
      "http://169.254.169.254/openstack/latest/securitykey?marker=b",
      "//evil.example/?x=1&marker=b",
      "https://user:pass@evil.example/../..?marker=b&name=other#marker=c" } do
      local trace = list_pages { page({ "a", "b" }, link(href)), page { "c" } }
      assert.same({ "a", "b", "c" }, ids(trace.result))
      assert.equal(machines.ENDPOINT .. "/v2/" .. machines.PROJECT
        .. "/cloudsnapshots/detail?limit=1000&marker=b", trace.requests[2].url)
    end
  end)

  it("has its marker decoded and encoded anew", function()
    local trace = list_pages { page({ "a" }, link "https://h/p?marker=%2f%c3%a9+%7E~&limit=1"),
      page { "b" } }
    assert.same({ "a", "b" }, ids(trace.result))
    local request = trace.requests[2]
    assert.equal("%2F%C3%A9%2B~~", request.url:match("marker=(.*)$"))
    assert.equal(evs.sign { method = "GET", url = request.url, ak = machines.AK, sk = machines.SK,
      headers = { ["X-Project-Id"] = machines.PROJECT }, time = machines.WALL }.Authorization,
      request.headers.Authorization)
  end)

  it("keeps the filters", function()
    local trace = list({ { 200, page({ "a" }, link "https://h/p?marker=a") }, { 200, page {} } },
      { name = "a b", limit = 5, volume_id = "v" })
    assert.equal("limit=5&marker=a&name=a%20b&volume_id=v", trace.requests[2].url:match("%?(.*)$"))
  end)

  for what, links in pairs {
    ["no array"] = ',"snapshots_links":"next"', ["null"] = ',"snapshots_links":null',
    ["an array of nulls"] = ',"snapshots_links":[null,1,"x",[]]',
    ["without href"] = ',"snapshots_links":[{"rel":"next"}]',
    ["with a href that is no text"] = ',"snapshots_links":[{"rel":"next","href":{"marker":"b"}}]',
    ["without a query"] = ',"snapshots_links":[{"rel":"next","href":"https://h/marker=b"}]',
    ["of another kind"] = ',"snapshots_links":[{"rel":"self","href":"https://h/?marker=b"}]',
  } do
    it("is none when it is " .. what, function()
      local trace = list_pages { page({ "a", "b" }, links), page { "b" } }
      assert.same({ "a", "b" }, ids(trace.result))
      assert.same({ 0, 1 }, positions(trace))
    end)
  end

  it("whose marker has vanished does not make the list a part of itself", function()
    local rows = paging.new { rows = 12, links = "marker", marker = "strict" }
    local trace = rows:run(machines.client(), { limit = 5 }, function(number)
      if number == 2 then rows:remove(5) end
    end)
    if trace.result then
      rows:check(trace.result)
    else
      machines.same_error({ status = 404, outcome = "not_sent" }, trace)
    end
  end)
end)

-- Rows vanish and appear at random between pages; a seed repeats a run.
describe("a list that changes between pages", function()
  -- Valgrind sees no more memory in a thousand of them, and takes its time.
  local SEED, RUNS = 20260821, os.getenv("EVS_SPEC_VARIANT") == "valgrind" and 100 or 1000

  -- Some rows: one anywhere, the newest, the page just read, everything up to somewhere, all.
  local function vanish(rows, dice)
    local count = #rows.rows
    local how = dice:upto(6)
    if count == 0 then return end
    local first = how == 1 and dice:upto(count) or 1
    if how == 2 then first = math.max(1, count - dice:upto(5)) end
    local last = how <= 2 and first + dice:upto(3) - 1 or how <= 5 and dice:upto(count) or count
    if how == 6 and not dice:chance(0.1) then last = first end
    for _ = first, last do rows:remove(first) end
  end

  local function appear(rows, dice)
    local anywhere = dice:chance(0.2)
    for _ = 1, dice:upto(dice:chance(0.1) and 30 or 3) do
      rows:insert(anywhere and dice:upto(#rows.rows + 1) or 1)
    end
  end

  local client = machines.client()

  local function run(links, number)
    local dice = random.new(SEED, number)
    local rows = paging.new { rows = dice:upto(60) - 1, links = links,
      page_size = dice:chance(0.5) and dice:upto(10) + 1 or nil }
    local unrest, changes = dice:unit(), dice:upto(12)
    local trace = rows:run(client, { limit = dice:upto(12) + 1 }, function()
      if changes > 0 and dice:chance(unrest) then
        changes = changes - 1
        if dice:chance(0.6) then vanish(rows, dice) else appear(rows, dice) end
      end
    end)
    if trace.err then error(tostring(trace.err)) end
    rows:check(trace.result)
  end

  for links, name in pairs { [false] = "offsets", offset = "links", marker = "markers" } do
    it("has no row twice and misses none that stayed: by " .. name, function()
      for number = 1, RUNS do
        local fine, message = pcall(run, links, number)
        if not fine then error(("seed %d, run %d: %s"):format(SEED, number, tostring(message))) end
      end
    end)
  end

  it("by many rows, in small pages, is read to its end", function()
    for _, change in ipairs { 1, 5, 20, 100 } do
      for _, limit in ipairs { 2, 3, 10 } do
        local rows = paging.new { rows = 300 }
        local trace = rows:run(machines.client(), { limit = limit }, function(number)
          if number == 20 then for _ = 1, change do rows:remove(1) end end
          if number == 25 then for _ = 1, change do rows:insert(1) end end
        end)
        assert(trace.result, ("%d rows, limit %d: %s"):format(change, limit, tostring(trace.err)))
        rows:check(trace.result)
      end
    end
  end)

  it("far down, in small pages, is read again without an end to patience", function()
    local rows = paging.new { rows = 1500 }
    local trace = rows:run(machines.client(), { limit = 2 }, function(number)
      if number == 1000 then for _ = 1, 100 do rows:remove(1) end end
    end)
    assert(trace.result, tostring(trace.err))
    rows:check(trace.result)
  end)
end)

describe("pages without end are an error, not a loop:", function()
  local function assert_endless(answer)
    local trace = list { rest = function(request, _, number)
      assert(number < 5000, "5,000 requests")
      return { 200, answer(request, number) }
    end }
    machines.same_error({ code = "Client.BadResponse", status = 200, outcome = "not_sent" }, trace)
    assert.equal(trace:count(), trace.err.attempts)
  end

  it("a server that does not heed offset", function()
    assert_endless(function() return page { "a", "b", "c" } end)
  end)

  it("a server whose pages go round", function()
    local pages = { page { "a", "b" }, page { "b", "c" }, page { "c", "a" } }
    assert_endless(function(_, number) return pages[(number - 1) % 3 + 1] end)
  end)

  it("a link that leads to the same page", function()
    local again = page({ "a", "b" }, ',"snapshots_links":[{"rel":"next","href":"/?marker=b"}]')
    assert_endless(function() return again end)
  end)

  it("a marker that is given again and again, and never found", function()
    local trace = list { rest = function(request, _, number)
      assert(number < 5000, "5,000 requests")
      if request.url:find("marker=", 1, true) then return { 404, machines.MISSING[2] } end
      return { 200, page({ "a" },
        ',"snapshots_links":[{"rel":"next","href":"/?marker=' .. number .. '"}]') }
    end }
    machines.same_error({ code = "404", kind = "itemNotFound", outcome = "not_sent" }, trace)
    assert.equal(trace:count(), trace.err.attempts)
  end)

  it("links that lead to each other", function()
    assert_endless(function(request)
      local here = request.url:match("marker=(%w+)") or "a"
      local there = here == "a" and "b" or "a"
      return page({ here }, ',"snapshots_links":[{"rel":"next","href":"/?marker=' .. there .. '"}]')
    end)
  end)
end)

describe("an answer that is no page", function()
  for _, body in ipairs { "", "{}", "[]", "null", "x", "<html>Please log in</html>",
    '{"snapshot":[]}', '{"snapshots":null}', '{"snapshots":"a"}', '{"snapshots":5}',
    '{"snapshots":{"id":"a"}}', '{"snapshots":{"1":{"id":"a"}}}', '{"snapshots":[null]}',
    '{"snapshots":[{"id":"a"},null]}',
    '{"snapshots":["a"]}', '{"snapshots":[{}]}', '{"snapshots":[{"id":5}]}',
    '{"snapshots":[{"id":null}]}', '{"snapshots":[{"id":"a"},{"name":"b"}]}',
    '{"snapshots":[{"id":"a"}]', '{"snapshots":[[{"id":"a"}]]}', '[{"id":"a"}]' } do
    it("is Client.BadResponse: " .. body, function()
      local trace = list { { 200, body } }
      machines.same_error({ code = "Client.BadResponse", status = 200, attempts = 1,
        outcome = "not_sent" }, trace)
      trace = list { { 200, page { "b", "a" } }, { 200, body } }
      machines.same_error({ code = "Client.BadResponse", attempts = 2 }, trace)
    end)
  end

  for _, status in ipairs { 201, 202, 203, 204, 206 } do
    it("is Client.BadResponse: a page under a " .. status, function()
      machines.same_error({ code = "Client.BadResponse", status = status, outcome = "not_sent" },
        list { { status, page { "a" } } })
    end)
  end

  it("through a real socket is the same", function()
    put { "a" }
    emulator:misbehave { status = 200, body = "<html>Please log in</html>", times = 2 }
    local rows, err = connect():list_snapshots(project)
    assert_fails({ code = "Client.BadResponse", status = 200, attempts = 1 }, rows, err)
    assert.matches("Please log in", err.message)
  end)
end)

describe("an error", function()
  local SECOND = "offset=1"

  local function assert_second_page_fails(rule, expected, options)
    put { "a", "b", "c" }
    rule.path, rule.times = SECOND, rule.times or -1
    emulator:misbehave(rule)
    local client = connect(options)
    local rows, err = client:list_snapshots(project, { limit = 2 })
    err = assert_fails(expected, rows, err)
    assert.equal(err.attempts, client:last().attempts)
    return err
  end

  it("of the server ends the list with the server's words", function()
    local err = assert_second_page_fails({ status = 400, headers = { ["X-Request-Id"] = "r-7" },
      body = machines.evs_error("EVS.1000", "marker is odd") },
      { code = "EVS.1000", status = 400, attempts = 2, request_id = "r-7", retryable = false })
    assert.matches("marker is odd", err.message)
  end)

  for _, status in ipairs { 301, 401, 403, 404, 407, 410, 501 } do
    it("of status " .. status .. " is not tried again, and no list", function()
      assert_second_page_fails({ status = status, html = true }, { status = status, attempts = 2,
        retryable = false }, { retries = 3 })
    end)
  end

  for _, status in ipairs { 408, 429, 500, 502, 503, 504 } do
    it("of status " .. status .. " is tried again on its page", function()
      put { "a", "b", "c" }
      emulator:misbehave { path = SECOND, status = status, times = 2,
        headers = { ["Retry-After"] = "0" } }
      local client = connect { retries = 2 }
      assert.same({ "a", "b", "c" }, ids(client:list_snapshots(project, { limit = 2 })))
      assert.equal(5, client:last().attempts)
      assert.equal(5, #emulator:log())
    end)
  end

  it("that stays ends the list after the page's retries", function()
    assert_second_page_fails({ status = 503, headers = { ["Retry-After"] = "0" } },
      { code = "HTTP.503", status = 503, attempts = 4, retryable = true }, { retries = 2 })
  end)

  it("of the network is tried again, too", function()
    put { "a", "b", "c" }
    emulator:misbehave { path = SECOND, cut = "before", times = 1 }
    local client = connect { retries = 1 }
    assert.same({ "a", "b", "c" }, ids(client:list_snapshots(project, { limit = 2 })))
    assert_second_page_fails({ cut = "body", promise = 500, status = 200, body = page { "b" } },
      { code = "Client.Network", attempts = 2 })
  end)

  it("leaves the retries of later pages alone", function()
    local answers = {}
    for i = 1, 4 do
      answers[#answers + 1] = { 503, "", { ["Retry-After"] = "0" } }
      answers[#answers + 1] = machines.lost()
      answers[#answers + 1] = { 200, page { "r" .. i, "r" .. i + 1 } }
    end
    answers[#answers + 1] = { 200, page { "r5" } }
    local trace = list(answers, nil, { retries = 2 })
    assert.same({ "r1", "r2", "r3", "r4", "r5" }, ids(trace.result))
  end)

  it("Client.Timeout comes when one page takes longer than timeout, not all together", function()
    local slow = {}
    for i = 1, 5 do slow[i] = { 200, page { "r" .. i, "r" .. i + 1 }, after = 9 } end
    slow[6] = { 200, page { "r6" }, after = 9 }
    local trace = list(slow, nil, { timeout = 10 })
    assert.equal(6, #trace.result)
    assert.equal(54, trace.seconds)
    slow[4].after = 11
    trace = list(slow, nil, { timeout = 10, attempt_timeout = 20, retries = 0 })
    machines.same_error({ code = "Client.Timeout", attempts = 4, outcome = "not_sent" }, trace)
    assert.equal(37, trace.seconds)
  end)

  it("without a connection has no attempts", function()
    local rows, err = connect({ endpoint = "http://127.0.0.1:1" }):list_snapshots(project)
    assert_fails({ code = "Client.Connect", attempts = 0, status = failure.none }, rows, err)
  end)

  it("of a closed client is Client.Closed", function()
    local client = connect()
    client:close()
    local rows, err = client:list_snapshots(project)
    assert_fails({ code = "Client.Closed", attempts = 0 }, rows, err)
    client = machines.client()
    local machine = client:start("list_snapshots", machines.PROJECT)
    machine:next(0, machines.WALL)
    client:close()
    machine:reply(200, {}, page { "a", "b" })
    local step, result, closed = machine:next(1, machines.WALL)
    assert.equal("done", step)
    assert.is_nil(result)
    assert.equal("Client.Closed", closed.code)
  end)

  it("of a cancelled machine is Client.Stopped, with what was sent", function()
    local machine = machines.client():start("list_snapshots", machines.PROJECT)
    machine:next(0, machines.WALL)
    machine:reply(200, {}, page { "a", "b" })
    assert.equal("send", (machine:next(0, machines.WALL)))
    machine:cancel()
    local step, result, err = machine:next(0, machines.WALL)
    assert.equal("done", step)
    assert.is_nil(result)
    assert.equal("Client.Stopped", err.code)
    assert.equal(2, err.attempts)
    assert.equal("not_sent", err.outcome)
  end)

  it("shows no secret that the answer echoes", function()
    local client = machines.client { security_token = machines.TOKEN }
    local text = "got " .. machines.SK .. "|" .. machines.TOKEN
    local echo = machines.gateway_error("APIGW.0301", text)
    for _, answer in ipairs { { 403, echo }, { 200, echo }, { 200, "x" .. machines.SK },
      { 500, machines.TOKEN } } do
      local trace = list({ { 200, page { "a", "b" } }, answer }, nil, { retries = 0 }, client)
      for name, value in pairs(trace.err) do
        value = tostring(value)
        assert.is_nil(value:find(machines.SK, 1, true), name)
        assert.is_nil(value:find(machines.TOKEN, 1, true), name)
      end
    end
  end)
end)

describe("a snapshot from a list", function()
  it("is deleted without another look", function()
    put({ "a", "b", "c" }, { metadata = { owner = "ops" } })
    local client = connect()
    for _, snapshot in ipairs(client:list_snapshots(project)) do
      assert.is_true(client:delete_snapshot(project, snapshot))
    end
    local count = emulator:count()
    assert.equal(3, count.DELETE)
    assert.equal(2, count.GET) -- the list's
    assert.same({}, emulator:snapshots())
  end)

  it("without a name is, too", function()
    emulator:put { { id = "a", fields = { name = cjson.null } } }
    local client = connect()
    assert.is_true(client:delete_snapshot(project, client:list_snapshots(project)[1]))
    assert.equal(1, emulator:count().GET)
  end)

  for what, fields in pairs {
    ["by its name"] = { name = "autobk_snapshot_x" },
    ["by its metadata"] = { metadata = { ["__system__enableActive"] = "true" } },
    ["by its metadata, null"] = { metadata = { ["__system__enableActive"] = cjson.null } },
  } do
    it("that is a backup's is refused from the list alone: " .. what, function()
      put({ "a" }, fields)
      local client = connect()
      local snapshot = client:list_snapshots(project)[1]
      failure.check(client:delete_snapshot(project, snapshot),
        { code = "Client.Protected", attempts = 0, outcome = "not_sent" })
      assert.equal(1, #emulator:log())
      assert.is_not_nil(emulator:snapshot("a"))
    end)
  end

  it("that is in the wrong state is refused from the list alone", function()
    put({ "a" }, { status = "creating" })
    local client = connect()
    failure.check(client:delete_snapshot(project, client:list_snapshots(project)[1]),
      { code = "Client.WrongState", attempts = 0, retryable = true })
    assert.equal(1, #emulator:log())
  end)

  it("that lacks what the guard must see is looked at first", function()
    emulator:put { id = "a", without = { "metadata" } }
    local client = connect()
    local snapshot = client:list_snapshots(project)[1]
    emulator:put { id = "a", name = "autobk_snapshot_x" }
    failure.check(client:delete_snapshot(project, snapshot), { code = "Client.Protected" })
    assert.equal(2, emulator:count().GET)
  end)
end)

describe("client:last and on_attempt", function()
  it("tell of all pages", function()
    put { "a", "b", "c" }
    local seen = {}
    local client = connect { on_attempt = function(info) seen[#seen + 1] = info end }
    client:list_snapshots(project, { limit = 2 })
    local last = client:last()
    assert.equal(3, last.attempts)
    assert.equal(200, last.status)
    assert.is_string(last.request_id)
    assert.equal(3, #seen)
    for i, info in ipairs(seen) do
      assert.equal("GET", info.method)
      assert.equal(DETAIL, info.path)
      assert.equal(200, info.status)
      assert.equal(i, info.attempt)
      assert.equal("number", type(info.seconds))
    end
  end)

  it("tell of a call that failed", function()
    put { "a", "b", "c" }
    emulator:misbehave { path = "offset=1", status = 404, body = "no" }
    local client = connect()
    client:list_snapshots(project, { limit = 2 })
    assert.equal(2, client:last().attempts)
    assert.equal(404, client:last().status)
  end)

  it("may raise, which abandons the list and leaves the client fit", function()
    put { "a", "b", "c" }
    local client = connect()
    local fine, message = pcall(client.list_snapshots, client, project, { limit = 2 },
      { on_attempt = function() error("enough", 0) end })
    assert.is_false(fine)
    assert.equal("enough", message)
    assert.same({ "a", "b", "c" }, ids(client:list_snapshots(project, { limit = 2 })))
  end)
end)

describe("the plain functions", function()
  it("list with what the environment says, and give nil, err in both modules", function()
    put { "a", "b" }
    local script = ([[
      for _, name in ipairs { "evs", "evs.safe" } do
        local rows, err = require(name).list_snapshots(%q, { limit = 2 })
        print(#rows, rows[1].id, rows[2].id, err)
        rows, err = require(name).list_snapshots(%q, { name = "" })
        print(rows, err.code)
      end
    ]]):format(project, project)
    local result = process.run(script, { EVS_ENDPOINT = emulator.endpoint,
      HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk })
    assert.equal(("2\ta\tb\tnil\nnil\tClient.InvalidArgument\n"):rep(2), result.stdout)
  end)

  it("give nil, Client.NoEndpoint when it says nothing", function()
    local result = process.run([[
      local rows, err = require("evs").list_snapshots("p")
      print(rows, err.code, err.outcome, err.attempts)
    ]])
    assert.equal("nil\tClient.NoEndpoint\tnot_sent\t0\n", result.stdout)
  end)
end)
