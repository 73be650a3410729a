-- Proves delete_snapshot against a server: what is on the wire, what counts as deleted, and that
-- the guard keeps backups.

local cjson = require "cjson"
local evs = require "evs"
local failure = require "spec.support.failure"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

local PROJECT = "os-extended-snapshot-attributes:project_id"
local MARK = "__system__enableActive"

local connect = require("spec.support.connect").with { retries = 0 }

local function connect_with_token()
  return connect { ak = failure.none, sk = failure.none, token = emulator.token }
end

local function methods()
  local list = {}
  for i, record in ipairs(emulator:log()) do list[i] = record.method end
  return table.concat(list, " ")
end

local function sorted_names(headers)
  local names = {}
  for name in pairs(headers) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, " ")
end

-- What EVS would show of a snapshot, as the body of a made-up answer.
local function shown(fields)
  local snapshot = { id = "a", status = "available", name = "n", metadata = {} }
  for name, value in pairs(fields or {}) do snapshot[name] = value end
  return { snapshot = snapshot }
end

before_each(function() emulator:reset() end)

describe("a deletion", function()
  it("is true when EVS accepted it, and the snapshot is gone", function()
    emulator:put { { id = "a" }, { id = "b" } }
    assert.is_true(connect():delete_snapshot(project, "a"))
    assert.is_nil(emulator:snapshot("a"))
    assert.is_table(emulator:snapshot("b"))
  end)

  it("is one GET and one DELETE, or with guard=false the DELETE alone", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local client = connect()
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.equal("GET DELETE", methods())
    emulator:clear_log()
    assert.is_true(client:delete_snapshot(project, "b", { guard = false }))
    assert.equal("DELETE", methods())
  end)

  it("takes a snapshot in status error as well", function()
    emulator:put { id = "a", status = "error" }
    assert.is_true(connect():delete_snapshot(project, "a"))
    assert.is_nil(emulator:snapshot("a"))
  end)

  it("takes a snapshot that show_snapshot gave, and does not look again", function()
    emulator:put { id = "a", name = cjson.null }
    local client = connect()
    assert.is_true(client:delete_snapshot(project, assert(client:show_snapshot(project, "a"))))
    assert.equal("GET DELETE", methods())
    assert.is_nil(emulator:snapshot("a"))
  end)

  it("is true with any body that comes with the 202", function()
    emulator:misbehave { times = -1, method = "DELETE", status = 202, body = "{{<html>" }
    assert.is_true(connect():delete_snapshot(project, "a", { guard = false }))
    emulator:misbehave { times = -1, status = 202, body = { error = { code = "EVS.1047" } } }
    assert.is_true(connect():delete_snapshot(project, "a", { guard = false }))
  end)

  it("waits until the snapshot is gone", function()
    emulator:put { id = "a", delete_seconds = 0.2 }
    assert.is_true(connect():delete_snapshot(project, "a", { wait = 10 }))
    assert.is_nil(emulator:snapshot("a"))
    assert.matches("^GET DELETE GET", methods())
  end)

  it("is tried again after a 503", function()
    emulator:put { id = "a" }
    emulator:misbehave { times = 2, status = 503, html = true, headers = { ["Retry-After"] = "0" } }
    local client = connect { retries = 3 }
    assert.is_true(client:delete_snapshot(project, "a"))
    assert.equal("GET GET GET DELETE", methods())
    assert.equal(4, client:last().attempts)
  end)
end)

describe("the request", function()
  -- Deletes "a" and returns what the server saw of the DELETE.
  local function seen(client, project_id)
    emulator:put { id = "a", project_id = project_id }
    assert.is_true(client:delete_snapshot(project_id or project, "a", { guard = false }))
    local log = emulator:log()
    assert.equal(1, #log)
    return log[1]
  end

  it("has the documented path, no query and no body", function()
    local record = seen(connect())
    assert.equal("DELETE", record.method)
    assert.equal("/v2/" .. project .. "/cloudsnapshots/a", record.uri)
    assert.equal(0, record.body_bytes)
    assert.equal(emulator.endpoint:match("//(.*)$"), record.host)
  end)

  it("has these headers and no other", function()
    local headers = seen(connect()).headers
    assert.equal("accept authorization content-type host user-agent x-project-id x-sdk-date",
      sorted_names(headers))
    assert.equal("application/json", headers.accept)
    assert.equal("application/json", headers["content-type"])
    assert.equal("lua-evs/" .. evs._VERSION, headers["user-agent"])
    assert.equal(project, headers["x-project-id"])
    assert.matches("^%d%d%d%d%d%d%d%dT%d%d%d%d%d%dZ$", headers["x-sdk-date"])
    assert.matches("^SDK%-HMAC%-SHA256 Access=" .. emulator.ak
      .. ", SignedHeaders=host;x%-project%-id;x%-sdk%-date, Signature=%x+$", headers.authorization)
  end)

  it("looks the same over TLS and HTTP/2", function()
    local client = connect { endpoint = emulator.tls_endpoint, ca_file = emulator.ca_file }
    local record = seen(client)
    assert.is_true(record.tls)
    assert.equal(2, record.http_version)
    assert.equal("accept authorization content-type host user-agent x-project-id x-sdk-date",
      sorted_names(record.headers))
    assert.equal(emulator.tls_endpoint:match("//(.*)$"), record.host)
  end)

  it("signs the security token of a temporary key", function()
    local client = connect { ak = emulator.temporary_ak, sk = emulator.temporary_sk,
      security_token = emulator.security_token }
    local headers = seen(client).headers
    assert.equal(emulator.security_token, headers["x-security-token"])
    assert.matches("SignedHeaders=host;x-project-id;x-sdk-date;x-security-token,",
      headers.authorization, 1, true)
  end)

  it("carries an IAM token unsigned", function()
    local headers = seen(connect_with_token()).headers
    assert.equal(emulator.token, headers["x-auth-token"])
    assert.is_nil(headers.authorization)
    assert.is_nil(headers["x-sdk-date"])
    assert.is_nil(headers["x-security-token"])
  end)

  it("has the user agent that was asked for", function()
    assert.equal("cleaner/1.0 (nightly)",
      seen(connect { user_agent = "cleaner/1.0 (nightly)" }).headers["user-agent"])
  end)

  for _, algorithm in ipairs(evs.info().algorithms) do
    it("is accepted when signed with " .. algorithm, function()
      local record = seen(connect { algorithm = algorithm, region = emulator.region })
      assert.is_true(record.authenticated)
      assert.equal(algorithm, record.headers.authorization:match("^%S+"))
    end)
  end

  it("goes to the project it is told, and a key of another project is refused", function()
    local other = ("f"):rep(32)
    emulator:keys { { ak = "OTHERAK", sk = "otherSecret", projects = { other } } }
    local client = connect { ak = "OTHERAK", sk = "otherSecret" }
    assert.equal("/v2/" .. other .. "/cloudsnapshots/a", seen(client, other).uri)
    local err = client:delete_snapshot(project, "a", { guard = false })
    assert.is_true(err ~= true and err.status >= 401)
  end)

  it("is refused with a wrong secret, and nothing is deleted", function()
    emulator:put { id = "a" }
    local err = connect { sk = "wrong" }:delete_snapshot(project, "a", { guard = false })
    failure.check(err, { code = "APIGW.0301", status = 401, outcome = "refused", attempts = 1,
      retryable = false })
    assert.is_table(emulator:snapshot("a"))
  end)
end)

describe("a region", function()
  local REGIONS = [[
    eu-west-0 eu-west-101 af-south-1 af-north-1 cn-north-1 cn-north-2 cn-north-4 cn-north-9
    cn-north-11 cn-north-12 cn-east-2 cn-east-3 cn-east-4 cn-east-5 cn-south-1 cn-south-2 cn-south-4
    cn-southwest-2 cn-southwest-3 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4
    ap-southeast-5 sa-brazil-1 la-north-2 la-south-2 na-mexico-1 tr-west-1 ae-ad-1 me-east-1
    ru-moscow-1 ru-northwest-2 my-kualalumpur-1]]

  local function url_of(region)
    local client = connect { endpoint = failure.none, region = region }
    local step, request = client:start("delete_snapshot", "p", "s"):next(0, 1767225600)
    assert.equal("send", step)
    return request.url
  end

  it("leads to its endpoint, each of the 34", function()
    local count = 0
    for region in REGIONS:gmatch("%S+") do
      count = count + 1
      assert.equal("https://evs." .. region .. ".myhuaweicloud.com/v2/p/cloudsnapshots/s",
        url_of(region))
    end
    assert.equal(34, count)
  end)

  it("that is not known follows the same pattern", function()
    assert.equal("https://evs.xx-new-99.myhuaweicloud.com/v2/p/cloudsnapshots/s",
      url_of("xx-new-99"))
  end)
end)

describe("the guard", function()
  local function assert_protected(client, snapshot, options)
    failure.check(client:delete_snapshot(project, snapshot, options),
      { code = "Client.Protected", outcome = "not_sent", retryable = false, status = failure.none })
    assert.equal(0, emulator:count().DELETE)
    assert.is_table(emulator:snapshot("backup"))
  end

  for _, name in ipairs { "autobk_snapshot_2026", "autobk_snapshot_csbs_1",
    "manualbk_snapshot_vbs_1", "manualbk_snapshot_csbs_1" } do
    it("keeps a snapshot that is named like a backup's: " .. name, function()
      emulator:put { id = "backup", name = name }
      assert_protected(connect(), "backup")
      assert_protected(connect(), "backup", { ignore_missing = true, wait = true })
      local client = connect()
      assert_protected(client, assert(client:show_snapshot(project, "backup")))
    end)
  end

  for _, value in ipairs { "true", "false", "", 0, false, cjson.null, { 1 } } do
    it("keeps a snapshot marked for instant restore: " .. cjson.encode(value), function()
      emulator:put { id = "backup", metadata = { [MARK] = value } }
      assert_protected(connect(), "backup")
      local client = connect()
      assert_protected(client, assert(client:show_snapshot(project, "backup")))
    end)
  end

  it("lets names through that only resemble", function()
    emulator:put { { id = "a", name = "my_autobk_snapshot_" },
      { id = "b", name = "AUTOBK_SNAPSHOT_" }, { id = "c", metadata = { enableActive = "true" } } }
    for _, id in ipairs { "a", "b", "c" } do
      assert.is_true(connect():delete_snapshot(project, id))
    end
  end)

  it("can be left out by whoever takes the responsibility", function()
    emulator:put { id = "backup", name = "autobk_snapshot_2026" }
    assert.is_true(connect { guard = false }:delete_snapshot(project, "backup"))
    assert.is_nil(emulator:snapshot("backup"))
  end)

  for status, passes in pairs { creating = true, deleting = true, ["backing-up"] = true,
    rollbacking = true, error_deleting = false, ["in-use"] = false } do
    it("refuses a snapshot that is " .. status, function()
      emulator:put { id = "a", status = status }
      local err = failure.check(connect():delete_snapshot(project, "a"),
        { code = "Client.WrongState", outcome = "not_sent", attempts = 1, retryable = passes })
      assert.matches(status, err.message, 1, true)
      assert.equal("GET", methods())
    end)
  end

  local HOLLOW = {
    ["an id alone"] = {},
    ["no metadata"] = { status = "available", name = "x" },
    ["metadata of a wrong type"] = { status = "available", name = "x", metadata = "{}" },
    ["no status"] = { name = "x", metadata = {} },
    ["a status of a wrong type"] = { status = true, name = "x", metadata = {} },
    ["a number as status"] = { status = 1, name = "x", metadata = {} },
    ["a name of a wrong type"] = { status = "available", name = {}, metadata = {} },
    ["a number as name"] = { status = "available", name = 7, metadata = {} },
    ["another project"] = { status = "available", name = "x", metadata = {}, [PROJECT] = "other" },
  }
  for what, snapshot in pairs(HOLLOW) do
    it("looks itself when a snapshot was passed with " .. what, function()
      emulator:put { id = "backup", name = "autobk_snapshot_2026" }
      snapshot.id = "backup"
      assert_protected(connect(), snapshot)
      assert.equal("GET", methods())
    end)
  end

  it("sees a backup in a snapshot that was passed, without a request", function()
    emulator:put { id = "backup", name = "autobk_snapshot_2026" }
    local client = connect()
    local snapshot = client:show_snapshot(project, "backup")
    emulator:clear_log()
    assert_protected(client, snapshot)
    assert.equal("", methods())
    assert.equal(0, client:last().attempts)
  end)

  -- Each of these in answer to the GET: a backup stands behind it and must not be deleted.
  local ANSWERS = {
    ["another id"] = { body = shown { id = "other" } },
    ["no id"] = { body = { snapshot = { status = "available", name = "n", metadata = {} } } },
    ["no status"] = { body = { snapshot = { id = "backup", name = "n", metadata = {} } } },
    ["no name"] = { body = { snapshot = { id = "backup", status = "available", metadata = {} } } },
    ["no metadata"] = { body = { snapshot = { id = "backup", status = "available", name = "n" } } },
    ["null as metadata"] = { body = shown { id = "backup", metadata = cjson.null } },
    ["text as metadata"] = { body = shown { id = "backup", metadata = "none" } },
    ["another project"] = { body = shown { id = "backup", [PROJECT] = "other" } },
    ["a number as id"] = { body = shown { id = 1 } },
    ["no snapshot"] = { body = { snapshots = { shown { id = "backup" } } } },
    ["a list"] = { body = "[" .. cjson.encode(shown { id = "backup" }) .. "]" },
    ["a page"] = { body = "<html>Please log in</html>" },
    ["nothing"] = { body = "" },
    ["cut JSON"] = { body = '{"snapshot":{"id":"backup","status":"available"' },
    ["two documents"] = { body = cjson.encode(shown { id = "backup" }):rep(2) },
    ["201"] = { status = 201, body = shown { id = "backup" } },
    ["202"] = { status = 202, body = shown { id = "backup" } },
    ["204"] = { status = 204 },
  }
  for what, answer in pairs(ANSWERS) do
    it("does not take for a look at the snapshot: " .. what, function()
      emulator:put { id = "backup", name = "autobk_snapshot_2026" }
      answer.times, answer.status = -1, answer.status or 200
      emulator:misbehave(answer)
      failure.check(connect { retries = 3 }:delete_snapshot(project, "backup",
        { ignore_missing = true }),
        { code = "Client.BadResponse", outcome = "not_sent", attempts = 1, status = answer.status,
          retryable = false })
      assert.equal("GET", methods())
      assert.is_table(emulator:snapshot("backup"))
    end)
  end

  it("passes on why it could not look, and tells of guard=false after a 403", function()
    emulator:put { id = "a" }
    emulator:misbehave { { status = 403,
      body = { error = { code = "EVS.2056", message = "no rights" } } },
      { status = 500, html = true } }
    local err = failure.check(connect():delete_snapshot(project, "a"),
      { code = "EVS.2056", status = 403, outcome = "not_sent", attempts = 1 })
    assert.matches("no rights", err.message, 1, true)
    assert.matches("guard=false", err.message, 1, true)
    failure.check(connect():delete_snapshot(project, "a"),
      { code = "HTTP.500", status = 500, outcome = "not_sent", attempts = 1, retryable = true })
    assert.equal("GET GET", methods())
  end)

  it("of one client is no guard of another", function()
    emulator:put { id = "backup", name = "autobk_snapshot_2026" }
    local careless = connect { guard = false }
    assert_protected(connect(), "backup")
    assert_protected(careless, "backup", { guard = true })
  end)
end)

describe("a missing snapshot", function()
  for setting, expected in pairs { openstack = { code = "404", kind = "itemNotFound" },
    evs = { code = "EVS.5404", kind = failure.none } } do
    it("is an error of the server's, as " .. setting, function()
      emulator:settings { missing = setting }
      local err = failure.check(connect():delete_snapshot(project, "gone"), expected)
      failure.check(err, { status = 404, outcome = "not_sent", attempts = 1, retryable = false })
      assert.matches("gone could not be found", err.message, 1, true)
      err = connect():delete_snapshot(project, "gone", { guard = false })
      failure.check(err, { code = expected.code, outcome = "refused", attempts = 1 })
      assert.is_string(err.request_id)
    end)

    it("is true with ignore_missing, as " .. setting, function()
      emulator:settings { missing = setting }
      local client = connect { ignore_missing = true }
      assert.is_true(client:delete_snapshot(project, "gone"))
      assert.equal("GET", methods())
      assert.is_true(client:delete_snapshot(project, "gone", { guard = false }))
      assert.equal("GET DELETE", methods())
    end)
  end

  local OTHERS = {
    ["of the gateway"] = { status = 404,
      body = { error_code = "APIGW.0101", error_msg = "no API" } },
    ["in plain text"] = { status = 404,
      body = "404 Not Found\n\nThe resource could not be found." },
    ["in HTML"] = { status = 404, html = true },
    ["without a body"] = { status = 404 },
    ["of another kind"] = { status = 404, body = { notFound = { code = 404, message = "m" } } },
    ["that is a 410"] = { status = 410, body = { itemNotFound = { code = 410, message = "m" } } },
    ["that is a 400"] = { status = 400, body = { itemNotFound = { code = 404, message = "m" } } },
  }
  for what, answer in pairs(OTHERS) do
    it("is not seen in an answer " .. what, function()
      answer.times = -1
      emulator:misbehave(answer)
      for _, guard in ipairs { true, false } do
        failure.check(connect():delete_snapshot(project, "a",
          { ignore_missing = true, guard = guard }),
          { status = answer.status, outcome = guard and "not_sent" or "refused", attempts = 1 })
      end
      assert.equal("GET DELETE", methods())
    end)
  end
end)

describe("without the guard a wrong state", function()
  it("is EVS.1047, as EVS documents it", function()
    emulator:put { id = "a", status = "creating" }
    local err = failure.check(connect():delete_snapshot(project, "a", { guard = false }),
      { code = "EVS.1047", status = 400, outcome = "refused", attempts = 1, retryable = false,
        kind = failure.none })
    assert.matches("status must be available or error", err.message, 1, true)
    assert.equal("DELETE", methods())
  end)

  it("is badRequest, as Cinder has it", function()
    emulator:settings { wrong_state = "openstack" }
    emulator:put { id = "a", status = "creating" }
    failure.check(connect():delete_snapshot(project, "a", { guard = false }),
      { code = "400", kind = "badRequest", status = 400, outcome = "refused", attempts = 1 })
  end)

  it("is EVS.2019 for error_deleting: a 500 that is a plain no, not tried again", function()
    emulator:put { id = "a", status = "error_deleting" }
    failure.check(connect { retries = 3 }:delete_snapshot(project, "a", { guard = false }),
      { code = "EVS.2019", status = 500, outcome = "refused", attempts = 1, retryable = false })
    assert.equal("DELETE", methods())
  end)
end)

describe("an answer other than 202", function()
  local NOT_DELETED = {
    { status = 204 },
    { status = 200, body = "<html>Please log in</html>" },
    { status = 200 },
    { status = 200, body = { snapshot = { id = "a" } } },
    { status = 201 },
    { status = 203 },
    { status = 206, body = "x" },
  }
  for _, answer in ipairs(NOT_DELETED) do
    it(("is no deletion: %d with %q"):format(answer.status, cjson.encode(answer.body or "")),
      function()
        emulator:put { id = "a" }
        answer.method = "DELETE"
        emulator:misbehave(answer)
        failure.check(connect { retries = 3 }:delete_snapshot(project, "a"),
          { code = "Client.BadResponse", status = answer.status, outcome = "unknown", attempts = 2,
            retryable = false })
        assert.equal("GET DELETE", methods())
        assert.is_table(emulator:snapshot("a"))
      end)
  end

  for _, status in ipairs { 300, 301, 302, 303, 304, 307, 308 } do
    it("is not followed elsewhere: " .. status, function()
      emulator:put { id = "a" }
      local elsewhere = "/v2/" .. project .. "/cloudsnapshots/b"
      local rule = { status = status, headers = { Location = emulator.endpoint .. elsewhere } }
      emulator:misbehave { rule, rule }
      failure.check(connect { retries = 3 }:delete_snapshot(project, "a"),
        { code = "HTTP." .. status, status = status, outcome = "not_sent", attempts = 1,
          retryable = false })
      failure.check(connect { retries = 3 }:delete_snapshot(project, "a", { guard = false }),
        { code = "HTTP." .. status, status = status, outcome = "refused", attempts = 1 })
      assert.equal("GET DELETE", methods())
      for _, record in ipairs(emulator:log()) do assert.is_not.equal(elsewhere, record.uri) end
    end)
  end
end)

describe("ids", function()
  local BAD = {
    "", ".", "..", "a/b", "a?b", "a#b", "a%b", "a%2Fb", "a\rb", "a\nb", "a\0b", "a b", " a", "a ",
    "\tb", "a\127", "caf\195\169", "\255", ("a"):rep(256), "a\\b", "a;b", "a&b", "../backup", "a:b",
    "a@b", "a+b", "{a}", "",
  }

  local function assert_refused(err, name)
    failure.check(err, { code = "Client.InvalidArgument", outcome = "not_sent", attempts = 0,
      status = failure.none, retryable = false })
    assert.matches(name, err.message, 1, true)
  end

  it("that could mean something else in a URL are refused, and nothing is sent", function()
    local client = connect()
    for _, bad in ipairs(BAD) do
      for _, options in ipairs { { guard = true }, { guard = false, ignore_missing = true } } do
        assert_refused(client:delete_snapshot(project, bad, options), "snapshot_id")
        assert_refused(client:delete_snapshot(bad, "a", options), "project_id")
      end
      assert_refused(client:delete_snapshot(project, { id = bad, status = "available", name = "n",
        metadata = {} }), "snapshot_id")
      local snapshot, err = client:show_snapshot(project, bad)
      assert.is_nil(snapshot)
      assert_refused(err, "snapshot_id")
      assert_refused(select(2, client:show_snapshot(bad, "a")), "project_id")
    end
    assert.same({}, emulator:log())
  end)

  it("of unreserved characters are sent as they are", function()
    emulator:settings { any_snapshot = true }
    local client = connect { guard = false }
    for _, id in ipairs { "a", "~", "-", "...", "_.~-", "A1z", ("x"):rep(255) } do
      emulator:clear_log()
      assert.is_true(client:delete_snapshot(project, id))
      assert.equal("/v2/" .. project .. "/cloudsnapshots/" .. id, emulator:log()[1].uri)
    end
  end)

  it("may be missing in a table: then it is refused", function()
    assert_refused(connect():delete_snapshot(project, {}), "snapshot_id")
    assert.same({}, emulator:log())
  end)
end)

describe("mistakes in the program", function()
  -- Calls both flavours of the functions and of a client's methods.
  local function each_caller(check)
    local safe = require "evs.safe"
    local options = { endpoint = emulator.endpoint, ak = emulator.ak, sk = emulator.sk }
    for _, module in ipairs { evs, safe } do
      local client = module.new(options)
      for _, name in ipairs { "delete_snapshot", "show_snapshot" } do
        check(module[name])
        check(function(...) return client[name](client, ...) end)
      end
    end
    assert.same({}, emulator:log())
  end

  local function assert_raises(words, call, ...)
    local fine, message = pcall(call, ...)
    assert.is_false(fine)
    for _, word in ipairs(words) do assert.matches(word, message, 1, true) end
  end

  it("raise: an id or a project of a wrong type, numbers included", function()
    each_caller(function(call)
      for _, wrong in ipairs { 5, true, print } do
        assert_raises({ "snapshot_id", type(wrong) }, call, project, wrong)
        assert_raises({ "project_id", type(wrong) }, call, wrong, "a")
      end
      assert_raises({ "project_id", "table" }, call, {}, "a")
      assert_raises({ "snapshot_id", "nil" }, call, project, nil)
      assert_raises({ "snapshot_id", "nil" }, call, project)
      assert_raises({ "project_id", "nil" }, call, nil, "a")
      assert_raises({ "project_id" }, call)
      for _, wrong in ipairs { 5, true, {} } do
        assert_raises({ "id" }, call, project, { id = wrong })
      end
    end)
  end)

  it("raise with the number of the argument as the program wrote it", function()
    for _, module in ipairs { evs, require "evs.safe" } do
      assert_raises({ "bad argument #2 to" }, module.delete_snapshot, project, 5)
      assert_raises({ "bad argument #1 to" }, module.show_snapshot, 5, "a")
    end
  end)

  it("raise: options that are no table", function()
    each_caller(function(call)
      for _, wrong in ipairs { 5, "guard", true } do
        assert_raises({ "table" }, call, project, "a", wrong)
      end
    end)
    for _, wrong in ipairs { 5, "cn-north-4", true } do
      assert_raises({ "table" }, evs.new, wrong)
    end
  end)

  it("raise: an option of an unknown name", function()
    each_caller(function(call)
      for _, name in ipairs { "gaurd", "Guard", "timeOut", "", "id" } do
        assert_raises({ "'" .. name .. "'" }, call, project, "a", { [name] = true })
      end
      assert_raises({ "option" }, call, project, "a", { "guard" })
    end)
    assert_raises({ "'regoin'" }, evs.new, { regoin = "cn-north-4" })
    assert_raises({ "option" }, evs.new, { "cn-north-4" })
  end)

  it("raise: a connection's option at a call", function()
    each_caller(function(call)
      for name, value in pairs { region = "cn-north-4", endpoint = emulator.endpoint, ak = "a",
        sk = "s", security_token = "t", token = "t", algorithm = "SDK-HMAC-SHA256", ca_file = "f",
        tls_verify = false, allow_http = true, proxy = "", user_agent = "u",
        connect_timeout = 1 } do
        assert_raises({ "'" .. name .. "'", "evs.new" }, call, project, "a", { [name] = value })
      end
    end)
  end)

  local STRINGS = { "region", "endpoint", "ak", "sk", "security_token", "token", "algorithm",
    "ca_file", "proxy", "user_agent" }
  local BOOLEANS = { "tls_verify", "allow_http", "guard", "ignore_missing" }
  local NUMBERS = { "connect_timeout", "timeout", "attempt_timeout", "retries" }
  local AT_CALL = { timeout = true, attempt_timeout = true, retries = true, guard = true,
    ignore_missing = true, wait = true, on_attempt = true }

  local function each_wrong_type(check)
    local function try(names, values)
      for _, name in ipairs(names) do
        for _, value in ipairs(values) do check(name, value) end
      end
    end
    try(STRINGS, { 5, true, {}, print })
    try(BOOLEANS, { 1, "true", {}, print })
    try(NUMBERS, { "5", true, {}, print })
    try({ "wait" }, { "5", {}, print })
    try({ "on_attempt" }, { 5, "print", true, {} })
  end

  it("raise: an option of a wrong type, in evs.new", function()
    each_wrong_type(function(name, value)
      local options = { endpoint = emulator.endpoint }
      options[name] = value
      assert_raises({ "'" .. name .. "'", type(value) }, evs.new, options)
    end)
  end)

  it("raise: an option of a wrong type, at a call", function()
    each_caller(function(call)
      each_wrong_type(function(name, value)
        if not AT_CALL[name] then return end
        assert_raises({ "'" .. name .. "'", type(value) }, call, project, "a", { [name] = value })
      end)
    end)
  end)
end)

describe("values that cannot be used", function()
  local huge, nan = math.huge, 0 / 0

  local AT_CALL = {
    timeout = { 0, -1, huge, -huge, nan },
    attempt_timeout = { 0, -0.5, huge, nan },
    retries = { -1, 0.5, 101, 1e9, huge, nan },
    wait = { 0, -1, huge, nan },
  }

  local IN_NEW = {
    region = { "", "CN-NORTH-4", "cn north", "a.b", "a/b", ("r"):rep(65), "r\0" },
    endpoint = { "", "evs.example.com", "ftp://localhost", "http://", "https://", "https://a/b",
      "https://a?b", "https://a#b", "https://u@a", "https://u:p@a", "https://a:0",
      "https://a:65536", "https://a:x", "https://a:", "https://a b", "https://a\r\nX: y",
      "https://a\0b", "HTTP://a", "https://" .. ("a"):rep(254), "https://[::1", "//localhost",
      "https://[]", "https://[abc]", "https://[1:2]", "https://[1.2.3.4]", "https://[::1%lo]",
      "https://[::1\0]",
      "https://[" .. ("1:"):rep(60) .. "]" },
    ak = { "", "a b", "a\r\nb", "a,b", "\195\169" },
    sk = { "" },
    security_token = { "", "a b", "a\nb" },
    algorithm = { "", "SDK-HMAC-MD5", "sdk-hmac-sha256", "none",
      "V11-HMAC-SHA256" --[[there is no region]] },
    ca_file = { "", "a\0b" },
    user_agent = { "", "a\r\nX: y", "a\0", " a", "caf\195\169" },
    proxy = { "http://a b", "http://a\r\nb", "ftp://a", "socks6://a", "http://", "://a",
      "http://127.0.0.1:1" --[[the endpoint is http]] },
    connect_timeout = { 0, -1, huge, nan },
  }
  for name, values in pairs(AT_CALL) do IN_NEW[name] = values end

  local function assert_names(err, name)
    failure.check(err, { code = "Client.InvalidArgument", outcome = "not_sent", attempts = 0,
      retryable = false, status = failure.none })
    assert.matches(name, err.message, 1, true)
  end

  for name, values in pairs(IN_NEW) do
    it("are refused by evs.new: " .. name, function()
      for _, value in ipairs(values) do
        local options = { endpoint = emulator.endpoint, ak = "a", sk = "s" }
        if name == "region" then options.endpoint = nil end
        options[name] = value
        local client, err = evs.new(options)
        assert.is_nil(client, tostring(value))
        assert_names(err, name)
      end
    end)
  end

  for name, values in pairs(AT_CALL) do
    it("are refused at a call: " .. name, function()
      local client = connect()
      for _, value in ipairs(values) do
        assert_names(client:delete_snapshot(project, "a", { [name] = value }), name)
        local snapshot, err = client:show_snapshot(project, "a", { [name] = value })
        assert.is_nil(snapshot)
        assert_names(err, name)
      end
      assert.same({}, emulator:log())
    end)
  end

  it("are refused by evs.new: keys that do not go together", function()
    for name, keys in pairs {
      token = { token = "t", ak = "a", sk = "s" }, sk = { ak = "a" }, ak = { sk = "s" },
      security_token = { security_token = "t" },
    } do
      keys.endpoint = emulator.endpoint
      local client, err = evs.new(keys)
      assert.is_nil(client)
      assert_names(err, name)
    end
    assert_names(select(2, evs.new { endpoint = emulator.endpoint, token = "a b" }), "token")
  end)

  it("do not repeat a password in front of the endpoint's host", function()
    local _, err = evs.new { endpoint = "https://user:hunter2@a" }
    assert.is_nil(tostring(err):find("hunter2", 1, true))
  end)

  it("include http to a host that is not loopback", function()
    for _, host in ipairs { "evs.example.com", "10.0.0.1", "127.0.0.1.example.com", "128.0.0.1",
      "localhost.example.com", "0.0.0.0", "[::2]", "127.1", "2130706433" } do
      local client, err = evs.new { endpoint = "http://" .. host, ak = "a", sk = "s" }
      assert.is_nil(client, host)
      assert_names(err, "allow_http")
      assert.is_truthy(evs.new { endpoint = "http://" .. host, ak = "a", sk = "s",
        allow_http = true })
    end
    for _, host in ipairs { "localhost", "LOCALHOST", "127.0.0.1", "127.255.0.9:8080", "[::1]" } do
      assert.is_truthy(evs.new { endpoint = "http://" .. host, ak = "a", sk = "s" })
    end
  end)
end)

describe("secrets", function()
  local temporary = { ak = emulator.temporary_ak, sk = emulator.temporary_sk,
    security_token = emulator.security_token }

  it("are in no error when a 401 echoes the canonical request", function()
    emulator:misbehave { times = -1, echo = true }
    for _, guard in ipairs { true, false } do
      local err = failure.check(connect(temporary):delete_snapshot(project, "a", { guard = guard }),
        { code = "APIGW.0301", status = 401, outcome = guard and "not_sent" or "refused",
          attempts = 1 })
      assert.is_nil(err.message:find("x-security-token", 1, true))
    end
  end)

  it("are in no error that the refused key gives afterwards, and nothing is sent", function()
    emulator:misbehave { times = -1, echo = true }
    local client = connect(temporary)
    client:delete_snapshot(project, "a")
    emulator:clear_log()
    failure.check(client:delete_snapshot(project, "a"),
      { code = "APIGW.0301", outcome = "not_sent", attempts = 0 })
    assert.same({}, emulator:log())
  end)

  it("are in no error whatever the server repeats, wherever it does", function()
    local secrets = { emulator.temporary_sk, emulator.security_token }
    for _, secret in ipairs(secrets) do
      local escaped = secret:gsub(".", function(c) return ("\\u%04x"):format(c:byte()) end)
      local percent = secret:gsub(".", function(c) return ("%%%02X"):format(c:byte()) end)
      local headers = { ["X-Request-Id"] = secret }
      emulator:misbehave {
        { status = 400, headers = headers,
          body = { error = { code = "EVS.1", message = secret } } },
        { status = 400, headers = headers, body = { error = { code = secret, message = secret } } },
        { status = 400, body = { [secret] = { code = 400, message = secret } } },
        { status = 400, body = { request_id = secret, error_code = "A", error_msg = percent } },
        { status = 400, body = '{"error":{"code":"A","message":"' .. escaped .. '"}}' },
        { status = 502, headers = headers, body = "<html>" .. secret .. "</html>" },
        { status = 502, body = ("x"):rep(290) .. secret },
        { status = 400, body = { error = { message = ("x"):rep(2030) .. secret } } },
        { status = 200, headers = headers, body = secret },
      }
      for i = 1, 9 do
        failure.check(connect(temporary):delete_snapshot(project, "a", { guard = i % 2 == 0 }),
          { attempts = 1 })
      end
    end
  end)

  it("are in no error: an IAM token", function()
    emulator:misbehave { { status = 403, body = { error_code = "A", error_msg = emulator.token } },
      { status = 401, body = "X-Auth-Token: " .. emulator.token } }
    for _ = 1, 2 do
      local err = failure.check(connect_with_token():delete_snapshot(project, "a"))
      assert.matches("***", err.message, 1, true)
    end
  end)
end)
