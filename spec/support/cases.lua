--- One list of cases for every driver and every generation: what a call must come to, whoever
-- carries its requests, and whichever API it speaks.
--
-- A case has a name and `call(client, project)`, which returns a result, or nil and an error; and
-- what is expected: `result`, or in `fails` the fields of the error. Before it, `put` are the
-- snapshots that there are, `rules` the emulator's misbehaviours, `prepare(emulator)` is all else,
-- and `options` are the client's, beside retries = 0. After it, `requests` are the methods that the
-- server saw, `left` the ids of the snapshots that still exist. `http1`: not over HTTP/2. `told`:
-- how the API at hand tells what the error is about, a name of GENERATIONS. `alone`: the result
-- where no list can stand for looks.
--
-- The client's delete_snapshot follows evs.safe, its each_snapshot gives an array.

local cjson = require "cjson"
local assert = require "luassert"

local cases = {}
local list = {}

local function case(fields)
  list[#list + 1] = fields
end

-- A call that deletes "a".
local function delete(opts, id)
  return function(client, project) return client:delete_snapshot(project, id or "a", opts) end
end

local A = { { id = "a" } }
local NOW = { ["Retry-After"] = "0" }

-- ---- 1: only 202 is success ---------------------------------------------------------------------

case { name = "a deletion looks first, then deletes", put = { { id = "a" }, { id = "b" } },
  call = delete(), result = true, requests = "GET DELETE", left = "b" }
case { name = "without guard it only deletes", put = A,
  call = delete { guard = false }, result = true, requests = "DELETE", left = "" }
for _, body in ipairs { "empty", "job", "no_job", "text" } do
  case { name = "a 202 is success whatever it has: " .. body, put = A,
    prepare = function(emulator) emulator:settings { accepted = body } end,
    call = delete(), result = true, requests = "GET DELETE", left = "" }
end
case { name = "a 202 is success with any body", put = A,
  rules = { { method = "DELETE", status = 202, body = "{{<html>" } },
  call = delete(), result = true, requests = "GET DELETE" }
for _, status in ipairs { 200, 201, 204, 206 } do
  case { name = "a " .. status .. " to a DELETE is no success", put = A,
    rules = { { method = "DELETE", status = status } },
    call = delete { guard = false }, requests = "DELETE", left = "a",
    fails = { code = "Client.BadResponse", status = status, outcome = "unknown", attempts = 1 } }
end
case { name = "a captive portal's page is no success", put = A,
  rules = { { times = -1, status = 200, body = "<html>Please log in</html>" } },
  call = delete(), requests = "GET", left = "a",
  fails = { code = "Client.BadResponse", outcome = "not_sent" } }

-- ---- 2: ids -------------------------------------------------------------------------------------

for _, id in ipairs { "", "a/b", ".", "..", "a b", ("x"):rep(256), "\228", "a\0" } do
  case { name = ("the id %q is refused unsent"):format(id), put = A, call = delete({}, id),
    requests = "", left = "a",
    fails = { code = "Client.InvalidArgument", outcome = "not_sent", attempts = 0 } }
end
case { name = "a project_id with a slash is refused unsent", put = A, requests = "",
  call = function(client) return client:delete_snapshot("../x", "a") end,
  fails = { code = "Client.InvalidArgument", outcome = "not_sent", attempts = 0 } }
case { name = "a value that no option can have is refused unsent", put = A, requests = "",
  call = delete { timeout = -1 }, fails = { code = "Client.InvalidArgument", attempts = 0 } }

-- ---- 3: the guard -------------------------------------------------------------------------------

for _, name in ipairs { "autobk_snapshot_1", "autobk_snapshot_vbs_1", "autobk_snapshot_csbs_1",
  "manualbk_snapshot_vbs_1", "manualbk_snapshot_csbs_1" } do
  case { name = "a backup's name protects: " .. name, put = { { id = "a", name = name } },
    call = delete(), requests = "GET", left = "a", says = name:match("^%l+bk_snapshot_"),
    fails = { code = "Client.Protected", outcome = "not_sent", attempts = 1, retryable = false } }
end
case { name = "a backup's mark protects, whatever its value",
  put = { { id = "a", metadata = { __system__enableActive = "false" } } },
  call = delete(), requests = "GET", left = "a",
  fails = { code = "Client.Protected", outcome = "not_sent" } }
case { name = "protect keeps with its reason", put = { { id = "a", name = "gold" } },
  call = delete { protect = function(snapshot) return snapshot.name .. " is kept" end },
  requests = "GET", left = "a", says = "gold is kept",
  fails = { code = "Client.Protected", outcome = "not_sent", attempts = 1, retryable = false } }
case { name = "protect of the client lets go with nil", put = A,
  options = { protect = function() end }, call = delete(), result = true,
  requests = "GET DELETE", left = "" }
case { name = "protect that raises deletes nothing", put = A, requests = "GET", left = "a",
  call = function(client, project)
    local ran, problem = pcall(client.delete_snapshot, client, project, "a",
      { protect = function() error("mine", 0) end })
    return not ran and problem
  end, result = "mine" }
case { name = "protect without the guard is refused unsent", put = A, requests = "", left = "a",
  call = delete { guard = false, protect = function() end },
  fails = { code = "Client.InvalidArgument", outcome = "not_sent", attempts = 0 } }
for status, passes in pairs { creating = true, deleting = true, ["backing-up"] = true,
  rollbacking = true, error_deleting = false } do
  case { name = "the status " .. status .. " is refused", put = { { id = "a", status = status } },
    call = delete(), requests = "GET", left = "a",
    fails = { code = "Client.WrongState", outcome = "not_sent", retryable = passes } }
end
case { name = "a wrong state without the guard is the server's 400", told = "wrong_state",
  put = { { id = "a", status = "creating" } }, call = delete { guard = false }, left = "a",
  requests = "DELETE", fails = { status = 400, outcome = "refused" } }
case { name = "the status error is deleted", put = { { id = "a", status = "error" } },
  call = delete(), result = true, requests = "GET DELETE", left = "" }
case { name = "a shown snapshot stands for a look", put = A,
  call = function(client, project)
    return client:delete_snapshot(project, assert(client:show_snapshot(project, "a")))
  end, result = true, requests = "GET DELETE", left = "" }
case { name = "a passed snapshot that says too little is looked at", put = A,
  call = function(client, project)
    return client:delete_snapshot(project, { id = "a", status = "available" })
  end, result = true, requests = "GET DELETE", left = "" }
case { name = "another snapshot's answer is not this one's", put = A,
  rules = { { method = "GET", body = { snapshot = { id = "b", status = "available", name = "n",
    metadata = { x = "y" } } } } },
  call = delete(), requests = "GET", left = "a",
  fails = { code = "Client.BadResponse", outcome = "not_sent" } }
case { name = "a 403 to the look says that there is guard=false", put = A,
  rules = { { method = "GET", status = 403, body = { error = { code = "EVS.0001",
    message = "no" } } } },
  call = delete(), requests = "GET", left = "a", says = "guard=false",
  fails = { code = "EVS.0001", status = 403, outcome = "not_sent" } }

-- ---- 4: missing ---------------------------------------------------------------------------------

case { name = "a missing snapshot is the server's 404", call = delete(), requests = "GET",
  told = "missing", fails = { status = 404, outcome = "not_sent" } }
case { name = "ignore_missing makes it success", call = delete { ignore_missing = true },
  result = true, requests = "GET" }
case { name = "ignore_missing without guard, too", result = true, requests = "DELETE",
  call = delete { ignore_missing = true, guard = false } }
for _, how in ipairs { "evs", "openstack" } do
  case { name = "what is missing may be told in two ways: " .. how, result = true, requests = "GET",
    prepare = function(emulator) emulator:settings { missing = how } end,
    call = delete { ignore_missing = true } }
end
for what, rule in pairs {
  ["the gateway's 404"] = { status = 404, body = { error_code = "APIGW.0101", error_msg = "no" } },
  ["a 404 in HTML"] = { status = 404, html = true },
  ["a 410"] = { status = 410, body = { itemNotFound = { code = 410, message = "gone" } } },
} do
  rule.times = -1
  case { name = what .. " is not missing", put = A, rules = { rule }, requests = "DELETE",
    left = "a", call = delete { ignore_missing = true, guard = false },
    fails = { status = rule.status, outcome = "refused" } }
end

-- A region without any of the APIs: the gateway knows no such path.
local function nowhere(emulator)
  emulator:settings { legacy = false, v5 = false, cinder = false }
end

case { name = "a region without the API has nothing that is missing", put = A, prepare = nowhere,
  call = delete { ignore_missing = true }, requests = "GET", left = "a",
  fails = { code = "APIGW.0101", status = 404, outcome = "not_sent" } }
case { name = "a region without the API refuses a deletion", put = A, prepare = nowhere,
  call = delete { ignore_missing = true, guard = false }, requests = "DELETE", left = "a",
  fails = { code = "APIGW.0101", status = 404, outcome = "refused" } }

-- ---- 5: attempts --------------------------------------------------------------------------------

for _, status in ipairs { 408, 429, 500, 502, 503, 504 } do
  case { name = "a " .. status .. " is tried again", put = A, options = { retries = 2 },
    rules = { { status = status, html = true, headers = NOW, times = 2 } },
    call = delete { guard = false }, result = true, requests = "DELETE DELETE DELETE", left = "" }
end
for status, outcome in pairs { [400] = "refused", [403] = "refused", [409] = "refused",
  [501] = "refused", [505] = "refused" } do
  case { name = "a " .. status .. " is not tried again", put = A, options = { retries = 3 },
    rules = { { times = -1, status = status, html = true } },
    call = delete { guard = false }, requests = "DELETE", left = "a",
    fails = { code = "HTTP." .. status, status = status, outcome = outcome, attempts = 1 } }
end
case { name = "EVS.2019 is an answer: not tried again", put = A, options = { retries = 3 },
  rules = { { times = -1, status = 500, body = { error = { code = "EVS.2019" } } } },
  call = delete { guard = false }, requests = "DELETE", left = "a",
  fails = { code = "EVS.2019", outcome = "refused", attempts = 1, retryable = false } }
case { name = "a redirect is not followed", put = A,
  rules = { { times = -1, status = 307, headers = { Location = "/elsewhere" } } },
  call = delete { guard = false }, requests = "DELETE", left = "a",
  fails = { code = "HTTP.307", status = 307, attempts = 1 } }
case { name = "a 407 is a proxy's", put = A, rules = { { times = -1, status = 407 } },
  call = delete { guard = false }, requests = "DELETE", left = "a",
  fails = { code = "Client.Proxy", status = 407, attempts = 1 } }
case { name = "a cut before the deletion is unknown", put = A,
  rules = { { method = "DELETE", cut = "before" } },
  call = delete { guard = false }, requests = "DELETE", left = "a",
  fails = { code = "Client.Network", outcome = "unknown", attempts = 1, retryable = true } }
case { name = "a cut after the deletion is unknown, too", put = A,
  rules = { { method = "DELETE", cut = "after" } },
  call = delete { guard = false }, requests = "DELETE", left = "",
  fails = { code = "Client.Network", outcome = "unknown", attempts = 1 } }
case { name = "a 202 with a cut body is lost", put = A,
  rules = { { method = "DELETE", status = 202, body = "x", cut = "body", promise = 100 } },
  call = delete { guard = false }, requests = "DELETE",
  fails = { code = "Client.Network", outcome = "unknown", attempts = 1 } }
case { name = "a 202 cut inside its head is lost", put = A, http1 = true,
  rules = { { method = "DELETE", raw = "HTTP/1.1 202 Accepted\r\nContent-Le" } },
  call = delete { guard = false }, requests = "DELETE",
  fails = { code = "Client.Network", outcome = "unknown", attempts = 1 } }
case { name = "what is no HTTP is Client.BadResponse", put = A, http1 = true,
  rules = { { method = "DELETE", raw = "HTTP/1.1 banana\r\n\r\n" } },
  call = delete { guard = false }, requests = "DELETE",
  fails = { code = "Client.BadResponse", outcome = "unknown", attempts = 1 } }
case { name = "silence is Client.Timeout", put = A, rules = { { method = "DELETE", hang = 5 } },
  call = delete { guard = false, attempt_timeout = 0.2 }, requests = "DELETE",
  fails = { code = "Client.Timeout", outcome = "unknown", attempts = 1, retryable = true },
  seconds = { 0.15, 0.6 } }
case { name = "a body that drips is Client.Timeout, too", put = A,
  rules = { { method = "DELETE", status = 202, body = ("x"):rep(100), slow_body = 0.05 } },
  call = delete { guard = false, timeout = 0.3 }, requests = "DELETE",
  fails = { code = "Client.Timeout", outcome = "unknown", attempts = 1 }, seconds = { 0.25, 0.6 } }
case { name = "a Retry-After past the end ends the call at once", put = A,
  options = { retries = 3 }, rules = { { times = -1, status = 503,
    headers = { ["Retry-After"] = "60" } } },
  call = delete { guard = false, timeout = 5 }, requests = "DELETE",
  fails = { code = "HTTP.503", outcome = "unknown", attempts = 1 }, seconds = { 0, 1 } }
case { name = "nobody there is Client.Connect, after all retries", requests = "",
  options = { endpoint = "http://127.0.0.1:1", retries = 1 }, call = delete(),
  fails = { code = "Client.Connect", outcome = "not_sent", attempts = 0, retryable = true } }

-- ---- 6: keys ------------------------------------------------------------------------------------

case { name = "a wrong secret is told once, and then not sent any more", put = A,
  options = { sk = "wrong" }, requests = "GET", left = "a",
  call = function(client, project)
    local _, first = client:delete_snapshot(project, "a")
    assert.equal(1, first.attempts)
    return client:delete_snapshot(project, "a")
  end,
  fails = { code = "APIGW.0301", status = 401, outcome = "not_sent", attempts = 0 } }
case { name = "a clock that is wrong by an hour heals once", put = A,
  prepare = function(emulator) emulator:clock(3600) end,
  call = delete(), result = true, requests = "GET GET DELETE", left = "" }
case { name = "an IAM token goes unsigned", put = A,
  options = function(emulator) return { ak = false, token = emulator.token } end,
  call = delete(), result = true, requests = "GET DELETE", left = "" }
case { name = "temporary keys sign with their token", put = A,
  options = function(emulator)
    return { ak = emulator.temporary_ak, sk = emulator.temporary_sk,
      security_token = emulator.security_token }
  end,
  call = delete(), result = true, requests = "GET DELETE", left = "" }
case { name = "a secret that the gateway echoes is not shown", put = A,
  options = function(emulator)
    return { ak = emulator.temporary_ak, sk = emulator.temporary_sk,
      security_token = emulator.security_token }
  end,
  rules = { { times = -1, echo = true } }, call = delete(), requests = "GET",
  fails = { status = 401, outcome = "not_sent", attempts = 1 } }

-- ---- 7: lost answers ----------------------------------------------------------------------------

case { name = "lost, then missing, is success when it was seen", put = A, options = { retries = 1 },
  rules = { { method = "DELETE", cut = "after" } },
  call = delete(), result = true, requests = "GET DELETE DELETE", left = "" }
case { name = "lost, then missing, is unknown when it was not", put = A, options = { retries = 1 },
  rules = { { method = "DELETE", cut = "after" } },
  call = delete { guard = false }, requests = "DELETE DELETE", left = "",
  fails = { status = 404, outcome = "unknown", attempts = 2 } }
case { name = "lost, then a wrong state, is success when it is being deleted",
  put = { { id = "a", delete_seconds = 5 } }, options = { retries = 1 },
  rules = { { method = "DELETE", cut = "after" } },
  call = delete(), result = true, requests = "GET DELETE DELETE GET" }
case { name = "lost, then a wrong state, is Client.NotDeleted when that failed",
  put = { { id = "a", after_delete = "error_deleting" } }, options = { retries = 1 },
  rules = { { method = "DELETE", cut = "after" } },
  call = delete(), requests = "GET DELETE DELETE GET",
  fails = { code = "Client.NotDeleted" } }

-- ---- 8: wait ------------------------------------------------------------------------------------

case { name = "wait ends when it is gone", put = { { id = "a", delete_seconds = 0.2 } },
  call = delete { wait = 10 }, result = true, left = "" }
case { name = "wait ends when it cannot be deleted",
  put = { { id = "a", delete_seconds = 0.2, after_delete = "error_deleting" } },
  call = delete { wait = 10 },
  fails = { code = "Client.NotDeleted", outcome = "accepted" } }
case { name = "wait ends with its time", put = { { id = "a", after_delete = "never" } },
  call = delete { wait = 0.8 },
  fails = { code = "Client.WaitTimeout", outcome = "accepted" }, seconds = { 0.7, 1.4 } }

-- ---- 9: lists -----------------------------------------------------------------------------------

local function many(count)
  local snapshots = {}
  for i = 1, count do snapshots[i] = { id = ("s%04d"):format(i), name = "n" .. i % 2 } end
  return snapshots
end

local function count_of(method, filter)
  return function(client, project)
    local rows, err = client[method](client, project, filter)
    if not rows then return nil, err end
    local seen = {}
    for _, row in ipairs(rows) do
      assert.is_nil(seen[row.id])
      seen[row.id] = true
    end
    return #rows
  end
end

for _, method in ipairs { "list_snapshots", "each_snapshot" } do
  case { name = method .. " has all pages", put = many(25), result = 25,
    call = count_of(method, { limit = 10 }) }
  case { name = method .. " of nothing is empty", result = 0, call = count_of(method),
    requests = "GET" }
  case { name = method .. " heeds filters", put = many(25), result = 12,
    call = count_of(method, { limit = 5, name = "n0" }) }
  case { name = method .. " passes over a page that failed once", put = many(25), result = 25,
    options = { retries = 2 }, rules = { { skip = 1, status = 503, headers = NOW, times = 2 } },
    call = count_of(method, { limit = 10 }) }
end
case { name = "a list in a region without the API is none", put = A, prepare = nowhere,
  call = count_of("list_snapshots"), requests = "GET",
  fails = { code = "APIGW.0101", status = 404, outcome = "not_sent" } }
case { name = "a list of which a page fails is none", put = many(25),
  rules = { { skip = 1, times = -1, status = 500, html = true } },
  call = count_of("list_snapshots", { limit = 10 }), requests = "GET GET",
  fails = { code = "HTTP.500", status = 500 } }
local LARGE = { id = "a", description = ("x"):rep(1200000) }
case { name = "a list's page may be larger than other answers", result = 1,
  rules = { { body = cjson.encode { snapshots = { LARGE } } } }, call = count_of("list_snapshots") }
case { name = "other answers are read up to 1 MiB", put = A,
  rules = { { body = cjson.encode { snapshot = LARGE } } }, call = delete(), requests = "GET",
  left = "a", fails = { code = "Client.BadResponse", outcome = "not_sent" } }
case { name = "list_volumes has the disks", result = 2,
  put = { { id = "a", volume_id = "v" }, { id = "b", volume_id = "w" },
    { id = "c", orphan = true } }, call = count_of("list_volumes") }
case { name = "list_volumes that is refused is none", put = A,
  rules = { { path = "volumes", status = 403, body = { error = { code = "EVS.0001" } } } },
  call = count_of("list_volumes"), requests = "GET", fails = { code = "EVS.0001", status = 403 } }
case { name = "show_snapshot shows", put = { { id = "a", name = "x" } }, result = "x",
  call = function(client, project)
    local snapshot, err = client:show_snapshot(project, "a")
    return snapshot and snapshot.name, err
  end, requests = "GET" }
case { name = "show_snapshot of a missing one is a 404",
  call = function(client, project) return client:show_snapshot(project, "a") end, requests = "GET",
  told = "missing", fails = { status = 404, outcome = "not_sent" } }

-- ---- 10: many -----------------------------------------------------------------------------------

local function ids_of(count)
  local ids = {}
  for i = 1, count do ids[i] = ("s%04d"):format(i) end
  return ids
end

-- The sums in one line.
local function sums(ids, opts)
  return function(client, project)
    local summary, err = client:delete_snapshots(project, ids, opts)
    if not summary then return nil, err end
    return ("%d %d %d %d %s"):format(summary.succeeded, summary.failed, summary.unknown,
      summary.unsent, summary.stopped and summary.stopped.code or "-")
  end
end

case { name = "delete_snapshots deletes many, each once", put = many(60), left = "",
  call = sums(ids_of(60)), result = "60 0 0 0 -" }
case { name = "delete_snapshots tells of those that failed", put = many(3), left = "",
  call = sums { "s0001", "no", "s0002", "none", "s0003", "s0001" }, result = "3 2 0 0 -" }
case { name = "delete_snapshots refuses an array with a malformed id", put = many(2),
  left = "s0001 s0002", requests = "", call = sums { "s0001", "a b", "s0002" },
  fails = { code = "Client.InvalidArgument", attempts = 0 }, says = "ids[2]" }
case { name = "delete_snapshots refuses more ids than max", put = many(2), left = "s0001 s0002",
  requests = "", call = sums({ "s0001", "s0002" }, { max = 1 }),
  fails = { code = "Client.TooMany", attempts = 0 } }
case { name = "delete_snapshots spares backups",
  put = { { id = "s0001" }, { id = "s0002", name = "autobk_snapshot_x" } }, left = "s0002",
  call = sums(ids_of(2)), result = "1 1 0 0 -" }
case { name = "delete_snapshots asks protect about each", put = many(12), left = "s0001 s0002",
  call = sums(ids_of(12), { protect = function(snapshot) return snapshot.id < "s0003" end }),
  result = "10 2 0 0 -" }
case { name = "delete_snapshots stops at a refused key", put = many(30), options = { sk = "wrong" },
  call = sums(ids_of(30)), result = "0 0 0 30 APIGW.0301", alone = "0 1 0 29 APIGW.0301",
  requests = "GET" }
case { name = "delete_snapshots rides out 429", put = many(10), left = "",
  rules = { { skip = 4, times = 2, status = 429, headers = NOW } },
  call = sums(ids_of(10)), result = "10 0 0 0 -" }
case { name = "delete_snapshots of nothing is nothing", call = sums {}, result = "0 0 0 0 -",
  requests = "" }
case { name = "delete_snapshots of a closed client is nothing but an error", put = many(2),
  call = function(client, project)
    client:close()
    return sums(ids_of(2))(client, project)
  end, requests = "", left = "s0001 s0002",
  fails = { code = "Client.Closed", outcome = "not_sent", attempts = 0 } }
case { name = "delete_snapshots of a snapshot, not of an array of them, raises", put = A,
  call = function(client, project)
    local ran, problem = pcall(sums { id = "a", name = "n" }, client, project)
    assert.matches("function expected, got a table without [1]", tostring(problem), 1, true)
    return ran
  end, result = false, requests = "", left = "a" }

-- ---- generations --------------------------------------------------------------------------------

-- What a generation has of its own: the kind of its snapshots, how it tells what is wrong, and
-- `alone`: whether its lists cannot be asked for certain ids.
local GENERATIONS = {
  { api = "v2", kind = "legacy",
    told = { missing = { kind = "itemNotFound" }, wrong_state = { code = "EVS.1047" } } },
  { api = "v5", kind = "standard",
    told = { missing = { code = "EVS.5404" }, wrong_state = { code = "EVS.1047" } } },
  { api = "cinder", kind = "legacy", alone = true,
    told = { missing = { kind = "itemNotFound" }, wrong_state = { kind = "badRequest" } } },
}

-- ---- running ------------------------------------------------------------------------------------

local function methods(emulator)
  local words = {}
  for i, record in ipairs(emulator:log()) do words[i] = record.method end
  return table.concat(words, " ")
end

local function ids_left(emulator)
  local ids = {}
  for i, snapshot in ipairs(emulator:snapshots()) do ids[i] = snapshot.id end
  table.sort(ids)
  return table.concat(ids, " ")
end

local function options_of(given, emulator, api)
  local options = { ak = emulator.ak, sk = emulator.sk, retries = 0, api = api }
  if type(given) == "function" then given = given(emulator) end
  for name, value in pairs(given or {}) do options[name] = value end
  if options.ak == false then options.ak, options.sk = nil, nil end
  return options
end

local SECRETS = { "sk", "temporary_sk", "security_token", "token" }

local function check_error(fields, err, emulator)
  assert.is_table(err)
  for name, value in pairs(fields) do
    assert.equal(value, err[name], name .. " of " .. cjson.encode(err))
  end
  for _, secret in ipairs(SECRETS) do
    assert.is_nil(err.message:find(emulator[secret]:sub(1, 24), 1, true))
  end
end

local function check_result(this, result, err, emulator, generation)
  if this.fails then
    assert.is_nil(result)
    check_error(this.fails, err, emulator)
    if this.told then check_error(generation.told[this.told], err, emulator) end
    if this.says then assert.matches(this.says, err.message, 1, true) end
  else
    local expected = generation.alone and this.alone or this.result
    assert.equal(expected, result, cjson.encode(err or {}))
  end
end

-- The snapshots of a case, as those of a kind.
local function put(snapshots, emulator, kind)
  for _, snapshot in ipairs(snapshots) do snapshot.generation = kind end
  emulator:put(snapshots)
end

local function run(this, driver, emulator, generation)
  local socket = require "socket"
  emulator:reset()
  if this.put then put(this.put, emulator, generation.kind) end
  if this.rules then emulator:misbehave(this.rules) end
  if this.prepare then this.prepare(emulator) end
  local client = driver.connect(options_of(this.options, emulator, generation.api))
  local began = socket.gettime()
  local result, err = this.call(client, emulator.project_id)
  local seconds = socket.gettime() - began
  check_result(this, result, err, emulator, generation)
  if this.requests then assert.equal(this.requests, methods(emulator)) end
  if this.left then assert.equal(this.left, ids_left(emulator)) end
  if this.seconds then
    assert.is_true(seconds >= this.seconds[1] and seconds <= this.seconds[2], seconds .. " s")
  end
end

--- Registers the cases that `driver` can do. It has `name`, `connect(options)`, where it speaks
-- HTTP/2 `http2`, and where it does not speak all generations `api`, the one that it does.
function cases.register(driver, emulator, it)
  for _, generation in ipairs(GENERATIONS) do
    local spoken = not driver.api or driver.api == generation.api
    for _, this in ipairs(spoken and list or {}) do
      if not (this.http1 and driver.http2) then
        it(("%s, %s: %s"):format(driver.name, generation.api, this.name), function()
          run(this, driver, emulator, generation)
        end)
      end
    end
  end
end

return cases
