--- Runs machines (`client:start`) by hand: no network, and both clocks are invented.
--
--   local machines = require "spec.support.machine"
--   local trace = machines.delete({ guard = false }, { { 503 }, { 202 } })
--   assert.is_true(trace.result)
--
-- Every run is watched: a request after the end or past a deadline, a sleep of no time, an error
-- without code, message or outcome fails the spec whatever it is about.

local cjson = require "cjson"
local evs = require "evs"
-- luassert's, by its own name: a module is outside the environment that busted gives to specs.
local assert = require "luassert"

local M = {
  AK = "AKIDEXAMPLE000000001",
  SK = "SKexample/0000+000000000000000000000001=",
  TOKEN = "gQpjbi1ub3J0aC00/token+of+a+role/Zm9vYmFy==",
  PROJECT = "0123456789abcdef0123456789abcdef",
  ID = "32c9db23-7632-48cf-bfba-a48cdb37e65b",
  ENDPOINT = "https://evs.example.com",
  WALL = 1787274123, -- 2026-08-21 01:02:03 UTC
}

M.URL = M.ENDPOINT .. "/v2/" .. M.PROJECT .. "/cloudsnapshots/" .. M.ID

--- A client with keys of its own; `changes` are laid over its options, `false` takes one away.
function M.client(changes)
  local options = { endpoint = M.ENDPOINT, ak = M.AK, sk = M.SK }
  for name, value in pairs(changes or {}) do
    options[name] = value
  end
  for _, name in ipairs { "ak", "sk" } do
    options[name] = options[name] or nil
  end
  return assert(evs.new(options))
end

--- Two clocks that stand still until they are told.
local Clock = {}
Clock.__index = Clock

function M.clock()
  return setmetatable({ mono = 5000, wall = M.WALL }, Clock)
end

function Clock:advance(seconds)
  self.mono = self.mono + seconds
  self.wall = self.wall + seconds
end

--- The Date header of a moment in seconds since 1970.
function M.date(seconds)
  return os.date("!%a, %d %b %Y %H:%M:%S GMT", seconds)
end

--- The X-Sdk-Date header of a moment in seconds since 1970.
function M.sdk_date(seconds)
  return os.date("!%Y%m%dT%H%M%SZ", seconds)
end

-- Bodies -------------------------------------------------------------------------------------

--- An error as EVS itself words it.
function M.evs_error(code, message)
  return cjson.encode { error = { code = code, message = message or "EVS says no." } }
end

--- An error of the API gateway.
function M.gateway_error(code, message)
  return cjson.encode { error_code = code, error_msg = message or "The gateway says no.",
    request_id = "0a1b2c3d4e5f" }
end

--- An error as Cinder words it, `kind` is the envelope's name.
function M.cinder_error(kind, status, message)
  return cjson.encode { [kind] = { code = status, message = message or "Cinder says no." } }
end

--- What Cinder answers about a snapshot that is not there.
M.MISSING = { 404, M.cinder_error("itemNotFound", 404, "Snapshot could not be found.") }

--- What the gateway answers to a wrong signature.
M.UNAUTHORIZED = { 401, M.gateway_error("APIGW.0301", "Incorrect IAM authentication information") }

--- Takes a field away, in `snapshot` and `shown`.
M.ABSENT = {}

--- A snapshot's table; `changes` are laid over it.
function M.snapshot(changes)
  local snapshot = {
    id = M.ID, name = "nightly", status = "available", metadata = {}, volume_id = "v", size = 10,
    ["os-extended-snapshot-attributes:project_id"] = M.PROJECT,
  }
  for name, value in pairs(changes or {}) do
    snapshot[name] = value
  end
  for name, value in pairs(snapshot) do
    if value == M.ABSENT then
      snapshot[name] = nil
    end
  end
  return snapshot
end

--- The answer to a GET that shows such a snapshot; a string is its status.
function M.shown(changes)
  if type(changes) == "string" then
    changes = { status = changes }
  end
  return { 200, cjson.encode { snapshot = M.snapshot(changes) } }
end

--- The failure of a request that left, or may have left, and got no answer.
function M.lost(code)
  return { fail = code or "Client.Network", sent = "maybe" }
end

--- The failure of a request of which not a byte was sent.
function M.unsent(code)
  return { fail = code or "Client.Connect", sent = false }
end

-- Driving ------------------------------------------------------------------------------------

--- Give a machine that has said "send" its answer: `{status, body, headers}` or
--- `{fail = code, sent = false or "maybe", message =}`.
function M.answer(machine, answer)
  if answer.fail then
    machine:fail(answer.fail, answer.message or "the carrier says why", answer.sent)
  else
    machine:reply(answer[1], answer[3] or {}, answer[2] or "")
  end
end

--- What every error must have, whatever it is about.
function M.check_error(err)
  assert.is_true(evs.is_error(err))
  assert.is_truthy(#err.code <= 64 and err.code:match("^[%w._-]+$"), "code: " .. err.code)
  assert.is_truthy(#err.message > 0 and #err.message <= 2048, "message of " .. #err.message)
  assert.is_nil(err.message:find("%c"))
  assert.is_truthy(({ not_sent = 1, refused = 1, unknown = 1, accepted = 1 })[err.outcome])
  assert.equal("boolean", type(err.retryable))
  assert.equal("number", type(err.attempts))
  assert.is_truthy(tostring(err):find(err.code, 1, true))
end

local Trace = {}
Trace.__index = Trace

--- How many requests had this method; without one, how many there were.
function Trace:count(method)
  local count = 0
  for _, request in ipairs(self.requests) do
    if not method or request.method == method then
      count = count + 1
    end
  end
  return count
end

--- The methods in their order, as in "GET DELETE".
function Trace:methods()
  local methods = {}
  for i, request in ipairs(self.requests) do
    methods[i] = request.method
  end
  return table.concat(methods, " ")
end

--- When the request number `i` was sent, in seconds after the run began.
function Trace:sent_after(i)
  return self.requests[i].at - self.began
end

--- The seconds between the answer to request `i` and the sending of the next one.
function Trace:gap(i)
  return self.requests[i + 1].at - self.requests[i].answered
end

local function check_done(trace, machine, clock)
  if trace.result == nil then
    M.check_error(trace.err)
  else
    assert.is_nil(trace.err)
  end
  for _, later in ipairs { 0, 1, 1e6 } do
    local step, result, err = machine:next(clock.mono + later, clock.wall + later)
    assert.equal("done", step)
    assert.equal(trace.result == nil, result == nil)
    assert.equal(trace.err and trace.err.code, err and err.code)
  end
end

-- Carries one request: the answer is the next in the script, or the script's `rest`.
local function carry(trace, machine, request, script, clock)
  local number = #trace.requests + 1
  local answer = script[number] or script.rest
  assert(answer, "unexpected request " .. number .. ": " .. request.method)
  assert.is_truthy(request.deadline > clock.mono, "sent past its deadline")
  if type(answer) == "function" then
    answer = answer(request, clock, number)
  end
  request.at, request.wall = clock.mono, clock.wall
  trace.requests[number] = request
  if (answer.after or 0) > request.deadline - clock.mono then
    answer = { fail = "Client.Timeout", sent = answer.sent == nil and "maybe" or answer.sent,
      after = request.deadline - clock.mono }
  end
  clock:advance(answer.after or 0)
  M.answer(machine, answer)
  request.answered = clock.mono
end

--- Run a machine to its end. `script` is the list of answers, in the order of the requests; with
--- `rest` for all that follow; each may have `after`, the seconds until it comes (past the
--- request's deadline it is a time-out), or be a function(request, clock, number) that returns it.
--- `clock` may be given, to be looked at or shared.
--- Returns what happened: `result`, `err`, `requests` (with `at`, `wall`, `answered`), `sleeps`,
--- `seconds` (from begin to end).
function M.run(machine, script, clock)
  clock = clock or M.clock()
  local trace = setmetatable({ requests = {}, sleeps = {}, began = clock.mono }, Trace)
  for _ = 1, 20000 do
    local step, value, err = machine:next(clock.mono, clock.wall)
    if step == "done" then
      trace.result, trace.err, trace.seconds = value, err, clock.mono - trace.began
      check_done(trace, machine, clock)
      return trace
    elseif step == "sleep" then
      assert.is_truthy(value > 0, "sleeps for no time")
      trace.sleeps[#trace.sleeps + 1] = value
      clock:advance(value)
    else
      assert.equal("send", step)
      carry(trace, machine, value, script, clock)
    end
  end
  error("the machine does not end")
end

--- Run one delete_snapshot of the snapshot `id` (or a snapshot's table) on `client`, each with a
--- default.
function M.delete(options, script, client, id, clock)
  client = client or M.client()
  local machine = client:start("delete_snapshot", M.PROJECT, id or M.ID, options)
  return M.run(machine, script, clock)
end

--- Run one show_snapshot.
function M.show(options, script, client, clock)
  client = client or M.client()
  return M.run(client:start("show_snapshot", M.PROJECT, M.ID, options), script, clock)
end

--- Fails the spec unless the error has these fields.
function M.same_error(expected, trace)
  assert.is_nil(trace.result)
  for name, value in pairs(expected) do
    local found = trace.err[name]
    assert(found == value, ("%s: expected %s, got %s in: %s"):format(name, tostring(value),
      tostring(found), tostring(trace.err)))
  end
end

return M
