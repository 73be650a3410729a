--- The way of a request to EVS or to the metadata service: into the journal, past the
-- misbehaviours, and to its answer.

local answers = require "emulator.answers"
local authenticate = require "emulator.authenticate"
local evs = require "emulator.evs"
local generations = require "emulator.generations"
local iam = require "emulator.iam"
local journal = require "emulator.journal"
local limiter = require "emulator.limiter"
local metadata = require "emulator.metadata"
local misbehave = require "emulator.misbehave"
local mischief = require "emulator.mischief"
local refusals = require "emulator.refusals"

local front = {}

local function read_headers()
  local headers = {}
  -- Plain pairs: the table's metatable would turn "_" in a name into "-".
  for name, value in pairs(ngx.req.get_headers(0)) do headers[name] = value end
  return headers
end

local function read_request(service)
  ngx.req.read_body()
  local uri = ngx.var.request_uri
  local path, query = uri:match("^([^?]*)%??(.*)$")
  local generation, rest = generations.of(path)
  return {
    service = service,
    method = ngx.req.get_method(),
    uri = uri,
    path = path,
    query = query,
    headers = read_headers(),
    body = ngx.req.get_body_data() or "",
    project_id = path:match("^/v[0-9.]+/([^/]+)/"),
    generation = generation,
    rest = rest,
    connection_requests = tonumber(ngx.var.connection_requests),
  }
end

-- What EVS would say: the gateway's limit, the gateway's check of the caller, the operation.
local function evs_answer(request)
  local limited = limiter.check()
  if limited then return limited end
  local operation, whose = evs.route(request)
  if whose == "gateway" then return refusals.unpublished() end
  authenticate.count(request.verdict)
  if not request.verdict.ok then return request.verdict.answer end
  if not operation then return answers.unrouted() end
  return operation(request)
end

local function iam_answer(request)
  authenticate.count(request.verdict)
  return request.verdict.ok and iam.answer(request) or request.verdict.answer
end

local REAL = { evs = evs_answer, iam = iam_answer, metadata = metadata.answer }

--- Serves the request at hand for "evs", "iam" or "metadata".
function front.serve(service)
  local request = read_request(service)
  journal.arrived(request)
  if service ~= "metadata" then
    request.verdict = authenticate.check(request)
    journal.authenticated(request.verdict.ok)
  end
  local rule = misbehave.pick(request)
  if not rule then return answers.send(REAL[service](request)) end
  journal.misbehaved(misbehave.describe(rule))
  return mischief.perform(rule, request, REAL[service])
end

return front
