-- Proves option api: v5 (standard snapshots) and cinder beside v2. The calls are the same; paths,
-- paging, what a snapshot must have and what protects it differ.

local cjson = require "cjson"
local evs = require "evs"
local machines = require "spec.support.machine"
local paging = require "spec.support.paging"
local random = require "spec.model.random"
local retention = require "evs.retention"
local standard = require "spec.support.standard"

local PROJECT, ID = machines.PROJECT, machines.ID

local function client(api, changes)
  local options = { api = api }
  for name, value in pairs(changes or {}) do options[name] = value end
  return machines.client(options)
end

-- A standard snapshot as v5 shows it; `changes` are laid over it, machines.ABSENT takes away.
local function snapshot_with(changes)
  local snapshot = {
    id = ID, name = cjson.null, status = "available", project_id = PROJECT, size = 4,
    category = "standard", version = "v5", snapshot_type = "user", frozen = false, tags = {},
    snapshot_group_id = cjson.null, snapshot_chains = { { id = "c", category = "standard",
      capacity = 2.4648438, snapshot_count = 3 } },
  }
  for name, value in pairs(changes or {}) do
    snapshot[name] = value ~= machines.ABSENT and value or nil
  end
  return snapshot
end

local function shown(changes)
  return { 200, cjson.encode { snapshot = snapshot_with(changes) } }
end

local function delete(api, script, options, what)
  return machines.delete(options or {}, script, client(api), what)
end

describe("option api", function()
  it("that is none is Client.InvalidArgument, and names what there is", function()
    local made, err = evs.new { endpoint = machines.ENDPOINT, ak = "a", sk = "b", api = "v3" }
    assert.is_nil(made)
    assert.equal("Client.InvalidArgument", err.code)
    assert.matches("v2, v5 or cinder", err.message, 1, true)
  end)

  for api, path in pairs { v2 = "/v2/%s/cloudsnapshots/", v5 = "/v5/%s/snapshots/",
    cinder = "/v3/%s/snapshots/" } do
    it(api .. " has its own paths", function()
      local url = machines.ENDPOINT .. path:format(PROJECT)
      local look = api == "v5" and shown() or machines.shown()
      local trace = delete(api, { look, { 202 } })
      assert.is_true(trace.result)
      assert.equal(url .. ID, trace.requests[1].url)
      assert.equal(url .. ID, trace.requests[2].url)
      local list = machines.run(client(api):start("list_snapshots", PROJECT),
        { { 200, '{"snapshots":[]}' } })
      assert.same({}, list.result)
      assert.equal(url .. "detail", list.requests[1].url:match("^[^?]*"))
    end)
  end
end)

describe("the reference's own snapshots", function()
  for _, text in ipairs(standard.ALL) do
    local id, answer = standard.id(text), { 200, '{ "snapshot": ' .. text .. " }" }

    it("go through show and guard as they are: " .. id, function()
      local machine = client("v5"):start("show_snapshot", standard.PROJECT, id)
      local snapshot = machines.run(machine, { answer }).result
      assert.equal(id, snapshot.id)
      assert.is_nil(evs.protected(snapshot))
      machine = client("v5"):start("delete_snapshot", standard.PROJECT, id)
      assert.is_true(machines.run(machine, { answer, { 202, '{"job_id":"1"}' } }).result)
    end)
  end

  it("go through list, retention and deletion as they are, and need no look", function()
    local machine = client("v5"):start("list_snapshots", standard.PROJECT)
    local rows = machines.run(machine, { rest = { 200, standard.list() } }).result
    local plan = retention.plan(rows, { within = "30d", empty_groups = true,
      now = machines.WALL })
    assert.same({ {}, {} }, { plan.keep, plan.spared })
    assert.equal(3, #plan.delete)
    for _, snapshot in ipairs(plan.delete) do
      machine = client("v5"):start("delete_snapshot", standard.PROJECT, snapshot)
      assert.equal("DELETE", machines.run(machine, { { 202 } }):methods())
    end
  end)
end)

describe("a guard of v5", function()
  it("takes a snapshot of another version, and members that it does not know", function()
    assert.is_true(delete("v5", { shown { version = "v6", unknown = { 1 } }, { 202 } }).result)
  end)

  for what, changes in pairs {
    ["no name"] = { name = machines.ABSENT },
    ["an object as metadata"] = { metadata = { a = "b" } },
    ["the old member for its project"] = { project_id = machines.ABSENT,
      ["os-extended-snapshot-attributes:project_id"] = PROJECT },
    ["no category"] = { category = machines.ABSENT },
    ["a chain without category"] = { snapshot_chains = { { id = "c", category = cjson.null } } },
    ["snapshot_type auto, which an explicit id deletes"] = { snapshot_type = "auto" },
    ["a group"] = { snapshot_group_id = "g" },
  } do
    it("deletes a snapshot with " .. what, function()
      assert.is_true(delete("v5", { shown(changes), { 202 } }).result)
    end)
  end

  for what, changes in pairs {
    ["a number as name"] = { name = 7 },
    ["an array as name"] = { name = { "x" } },
    ["null metadata"] = { metadata = cjson.null },
    ["text as metadata"] = { metadata = "x" },
    ["another project_id"] = { project_id = "other" },
    ["two projects of which one is another"] = {
      ["os-extended-snapshot-attributes:project_id"] = "other" },
    ["another id"] = { id = "other" },
    ["no status"] = { status = machines.ABSENT },
  } do
    it("is Client.BadResponse for " .. what, function()
      local trace = delete("v5", { shown(changes) })
      machines.same_error({ code = "Client.BadResponse", outcome = "not_sent" }, trace)
    end)
  end

  for what, changes in pairs {
    ["a manual backup's name"] = { name = "manualbk_snapshot_csbs_1" },
    ["the mark of a backup"] = { metadata = { __system__enableActive = cjson.null } },
    ["the category backup"] = { category = "backup" },
    ["a chain of category server_backup"] = { snapshot_chains = { { category = "standard" },
      { category = "server_backup" } } },
  } do
    it("keeps a snapshot with " .. what, function()
      machines.same_error({ code = "Client.Protected", outcome = "not_sent" },
        delete("v5", { shown(changes) }))
      assert.is_string(evs.protected(snapshot_with(changes)))
    end)
  end

  it("looks itself when a passed snapshot has no category", function()
    local passed = snapshot_with { name = "n", snapshot_group_id = machines.ABSENT }
    assert.equal("DELETE", delete("v5", { { 202 } }, nil, passed):methods())
    passed.category = nil
    assert.equal("GET DELETE", delete("v5", { shown(), { 202 } }, nil, passed):methods())
  end)
end)

describe("a guard of cinder", function()
  it("is Client.BadResponse for a snapshot without metadata", function()
    machines.same_error({ code = "Client.BadResponse" },
      delete("cinder", { machines.shown { metadata = machines.ABSENT } }))
  end)
end)

describe("a 404 of a region without v5", function()
  it("is an error and never 'missing': delete, guard, wait, show and list", function()
    local absent = { 404, machines.gateway_error("APIGW.0101") }
    local expected = { code = "APIGW.0101", status = 404 }
    machines.same_error(expected, delete("v5", { absent }, { ignore_missing = true }))
    machines.same_error(expected, delete("v5", { absent }, { guard = false }))
    machines.same_error({ code = "APIGW.0101", outcome = "accepted" },
      delete("v5", { { 202 }, absent }, { guard = false, wait = true }))
    machines.same_error(expected, machines.run(client("v5"):start("show_snapshot", PROJECT, ID),
      { absent }))
    machines.same_error(expected, machines.run(client("v5"):start("list_snapshots", PROJECT),
      { absent }))
  end)
end)

describe("a deletion that EVS accepts and does not carry out", function()
  for api, look in pairs { v2 = machines.shown, v5 = shown, cinder = machines.shown } do
    for _, status in ipairs { "error_deleting", "available" } do
      it(("is Client.NotDeleted while %s waits, and shows it as %s"):format(api, status), function()
        local trace = delete(api, { { 202 }, look { status = "deleting" },
          look { status = status } }, { guard = false, wait = 60 })
        machines.same_error({ code = "Client.NotDeleted", outcome = "accepted" }, trace)
        assert.matches(status, trace.err.message, 1, true)
      end)
    end
  end
end)

describe("a filter", function()
  it("of another generation is Client.InvalidArgument, and nothing is sent", function()
    for api, filter in pairs { v2 = "snapshot_type", v5 = "service_type", cinder = "id" } do
      local machine = client(api):start("list_snapshots", PROJECT, { [filter] = "x" })
      local trace = machines.run(machine, {})
      machines.same_error({ code = "Client.InvalidArgument", attempts = 0 }, trace)
      assert.matches("filter '" .. filter .. "' is none of the api " .. api, trace.err.message, 1,
        true)
    end
  end)

  it("tags is a JSON object on the wire", function()
    local trace = machines.run(client("v5"):start("list_snapshots", PROJECT,
      { tags = { ["a b"] = 'c"d' } }), { { 200, '{"snapshots":[]}' } })
    assert.same({}, trace.result)
    assert.matches("tags=%7B%22a%20b%22%3A%22c%5C%22d%22%7D", trace.requests[1].url, 1, true)
    trace = machines.run(client("v5"):start("list_snapshots", PROJECT, { tags = {} }), {})
    machines.same_error({ code = "Client.InvalidArgument", attempts = 0 }, trace)
  end)
end)

describe("a list of certain ids", function()
  -- An answer that shows these ids.
  local function page_of(ids)
    local rows = {}
    for i, id in ipairs(ids) do rows[i] = { id = id, status = "available" } end
    return { 200, cjson.encode { snapshots = rows } }
  end

  local function page(...) return page_of { ... } end

  local function ask(api, ids, script)
    return machines.run(client(api):start("list_snapshots", PROJECT, { id = ids }), script)
  end

  local function ids_of(rows)
    local found = {}
    for i, row in ipairs(rows) do found[i] = row.id end
    return table.concat(found, " ")
  end

  it("asks in ascending order, each once: v2 by repeated keys, v5 by one", function()
    local trace = ask("v2", { "c", "a", "b", "a" }, { page("a", "c") })
    assert.equal("a c", ids_of(trace.result))
    assert.matches("?id=a&id=b&id=c&limit=1000$", trace.requests[1].url)
    trace = ask("v5", { "c", "a" }, { page("a", "c") })
    assert.matches("?ids=a%2Cc&limit=1000", trace.requests[1].url, 1, true)
  end)

  it("asks for sixty at a time, of any number", function()
    local ids, script = {}, {}
    for i = 1, 150 do ids[i] = ("id-%03d"):format(i) end
    for from = 1, 150, 60 do
      local asked = {}
      for i = from, math.min(from + 59, 150) do asked[#asked + 1] = ids[i] end
      script[#script + 1] = page_of(asked)
    end
    local trace = ask("v2", ids, script)
    assert.equal(3, #trace.requests)
    assert.equal(150, #trace.result)
    for i, request in ipairs(trace.requests) do
      local _, count = request.url:gsub("[?&]id=", "")
      assert.equal(i < 3 and 60 or 30, count)
    end
  end)

  it("takes no row of an id that was not asked for, and none twice", function()
    assert.equal("a", ids_of(ask("v2", { "a", "b" }, { page("x", "a", "y", "a") }).result))
  end)

  it("of a malformed id, or of none, is Client.InvalidArgument that names its place", function()
    local trace = ask("v2", { "a", "b c" }, {})
    machines.same_error({ code = "Client.InvalidArgument", attempts = 0 }, trace)
    assert.matches("filter 'id'[2]", trace.err.message, 1, true)
    machines.same_error({ code = "Client.InvalidArgument", attempts = 0 }, ask("v2", {}, {}))
  end)

  it("tells its pages in each_snapshot", function()
    local ids = {}
    for i = 1, 61 do ids[i] = ("id-%03d"):format(i) end
    local machine = client("v2"):start("each_snapshot", PROJECT, { id = ids })
    local counts = {}
    for _ = 1, 10 do
      local step, value = machine:next(0, machines.WALL)
      if step == "send" then
        machine:reply(200, {}, page(value.url:find("id-001", 1, true) and "id-001" or "id-061")[2])
      elseif step == "page" then
        counts[#counts + 1] = #value
      else
        break
      end
    end
    assert.same({ 1, 1 }, counts)
  end)
end)

describe("the job of a deletion", function()
  local function job_of(body, api)
    local a_client = client(api or "v5")
    assert.is_true(machines.delete({ guard = false }, { { 202, body } }, a_client).result)
    return a_client:last().job_id
  end

  it("is in last(): text, cleaned, at most 128 bytes, else nil", function()
    assert.equal("45dd412a-bc5c", job_of('{"job_id":"45dd412a-bc5c"}'))
    assert.equal(("x"):rep(128), job_of('{"job_id":"' .. ("x"):rep(128) .. '"}'))
    for _, body in ipairs { "", "{}", "no JSON", '{"job_id":7}', '{"job_id":null}',
      '{"job_id":"' .. ("x"):rep(129) .. '"}', '{"job_id":"a\\u0007b"}', "{",
      '{"job_id":"' .. machines.SK .. '"}' } do
      assert.is_nil(job_of(body), body)
    end
  end)

  it("is still there after a wait, and not of the call before", function()
    local a_client = client("v5")
    local missing = { 404, machines.evs_error("EVS.5404") }
    local trace = machines.delete({ guard = false, wait = 30 },
      { { 202, '{"job_id":"job-1"}' }, shown { status = "deleting" }, missing }, a_client)
    assert.is_true(trace.result)
    assert.equal("job-1", a_client:last().job_id)
    machines.delete({ guard = false }, { { 202 } }, a_client)
    assert.is_nil(a_client:last().job_id)
  end)

  it("is not looked for in v2", function()
    assert.is_nil(job_of('{"job_id":"1"}', "v2"))
  end)
end)

describe("a list of v5", function()
  local function list(options, between, filter)
    local rows = paging.new(options)
    local trace = rows:run(client("v5"), filter or {}, between and function(number)
      between(rows, number)
    end)
    return rows, trace
  end

  it("of nothing, one row, and one page is whole", function()
    for _, count in ipairs { 0, 1, 2, 999, 1000 } do
      local rows, trace = list { rows = count }
      assert.is_nil(trace.err)
      assert.equal(count, #trace.result)
      rows:check(trace.result)
    end
  end)

  it("asks for the last row again, by the one before it", function()
    local _, trace = list({ rows = 5 }, nil, { limit = 3 })
    assert.equal(5, #trace.result)
    assert.matches("limit=3$", trace.requests[1].url)
    assert.matches("limit=3&marker=row%-2$", trace.requests[2].url)
    assert.is_nil(trace.requests[2].url:find("offset"))
  end)

  for _, marker in ipairs { "strict", "restart", "place" } do
    it("lacks nothing and repeats nothing when rows vanish, a lost marker is: " .. marker,
      function()
        local dice = random.new(20261124, 5)
        for run = 1, 60 do
          local rows, trace = list({ rows = 40 + dice:upto(60), marker = marker }, function(rows)
            for _ = 1, dice:upto(4) do rows:remove(dice:upto(#rows.rows + 1)) end
            if dice:chance(0.3) then rows:insert(1) end
          end, { limit = 2 + dice:upto(9) })
          assert(not trace.err, run .. ": " .. tostring(trace.err))
          rows:check(trace.result)
        end
      end)
  end

  it("goes on while all that was read is deleted", function()
    for _, marker in ipairs { "strict", "restart", "place" } do
      local rows, trace = list({ rows = 95, marker = marker }, function(rows)
        for _ = 1, 10 do rows:remove(1) end
      end, { limit = 10 })
      assert.is_nil(trace.err)
      rows:check(trace.result)
    end
  end)

  it("whose rows change faster than they can be read is an error, and no part of it", function()
    local strangers = 0
    local function answer(request)
      if not request.url:find("marker=", 1, true) then return { 200, paging.page { "a", "b" } } end
      strangers = strangers + 1
      return { 200, paging.page { "c" .. strangers, "d" .. strangers } }
    end
    local trace = machines.run(client("v5"):start("list_snapshots", PROJECT), { rest = answer })
    assert.is_nil(trace.result)
    assert.equal("Client.BadResponse", trace.err.code)
    assert.matches("have no end", trace.err.message, 1, true)
  end)

  it("of a server that heeds no marker is whole when it fits a page, else an error", function()
    local rows, trace = list({ rows = 7, marker = "deaf" }, nil, { limit = 10 })
    assert.is_nil(trace.err)
    rows:check(trace.result)
    rows, trace = list({ rows = 70, marker = "deaf" }, nil, { limit = 10 })
    assert.equal(70, #rows.rows)
    assert.is_nil(trace.result)
    assert.equal("Client.BadResponse", trace.err.code)
  end)
end)
