--- The gateway's check of who is calling: AK/SK signature or IAM token.
--
-- `check` only judges. Whether the verdict counts against the AK is for the caller to say, with
-- `count`: a request that is answered by a misbehaviour never reaches the gateway's books.

local answers = require "emulator.answers"
local clock = require "emulator.clock"
local facts = require "emulator.facts"
local keys = require "emulator.keys"
local signature = require "emulator.signature"

local authenticate = {}

local TOLERANCE = 15 * 60
local PREFIX = "Incorrect IAM authentication information: "
local CONTENT_HEADERS = { "x-sdk-content-sha256", "x-sdk-content-sm3" }

local function refuse(message, ak)
  return { ok = false, ak = ak, answer = answers.gateway(401, "APIGW.0301", PREFIX .. message) }
end

local function contains(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then return true end
  end
  return false
end

local function unsignable(request, parsed)
  for _, name in ipairs(parsed.signed) do
    local value = request.headers[name]
    if value == nil then return "signed header " .. name .. " is missing" end
    if type(value) ~= "string" then return "signed header " .. name .. " comes more than once" end
  end
  if not contains(parsed.signed, "x-sdk-date") then return "x-sdk-date is not signed" end
  return nil
end

local function wrong_time(date)
  local time = clock.parse_sdk_date(date)
  if not time then return "X-Sdk-Date is not of the form YYYYMMDDTHHMMSSZ: " .. date end
  if math.abs(clock.now() - time) > TOLERANCE then
    return ("signature expired, signature time:%s, server time:%s"):format(
      date, clock.sdk_date(clock.now()))
  end
  return nil
end

local function wrong_scope(parsed, date, service)
  if not parsed.scope then return nil end
  local expected = ("%s/%s/%s"):format(date:sub(1, 8), facts.get("region"), service)
  return parsed.scope ~= expected and "credential scope must be " .. expected or nil
end

-- The hash that stands in the canonical request: the header's, if signed, and it must then be
-- that of the body.
local function payload_hash(request, parsed)
  local actual = signature.payload_hash(parsed.algorithm, request.body)
  for _, name in ipairs(CONTENT_HEADERS) do
    if contains(parsed.signed, name) then
      local given = request.headers[name]
      if given ~= actual and given ~= "UNSIGNED-PAYLOAD" then
        return nil, "the body does not match " .. name
      end
      return given
    end
  end
  return actual
end

local function canonical(request, parsed, hash)
  return signature.canonical_request({
    method = request.method, target = request.uri, headers = request.headers,
    signed = parsed.signed, payload_hash = hash, body = request.body,
  }, parsed.algorithm)
end

local function mismatch(canonical_request)
  return "verify aksk signature fail, canonicalRequest:" .. canonical_request:gsub("\n", "|")
end

local function check_token_and_project(request, key)
  local token = request.headers["x-security-token"]
  if token ~= key.security_token then return refuse("decrypt token fail", key.ak) end
  local project_id = request.headers["x-project-id"]
  if project_id and project_id ~= request.project_id then
    return refuse("x-project-id is not the project of the URL", key.ak)
  end
  if request.project_id and not keys.allows(key, request.project_id) then
    return { ok = false, proven = true, ak = key.ak, answer = answers.evs(403, "EVS.0003",
      "The user has no role in this project.") }
  end
  return { ok = true, proven = true, ak = key.ak }
end

local function check_signature(request, authorization)
  local parsed = signature.parse(authorization)
  if not parsed then return refuse("Authorization format is wrong") end
  local key = keys.get(parsed.ak)
  if not key then return refuse("AK not exist, ak:" .. parsed.ak) end
  if keys.locked(key.ak) then
    return refuse("AK access failed to reach the limit, forbidden, ak:" .. key.ak)
  end
  local problem = unsignable(request, parsed)
  if problem then return refuse(problem, key.ak) end
  local date = request.headers["x-sdk-date"]
  problem = wrong_time(date) or wrong_scope(parsed, date, request.service)
  if problem then return refuse(problem, key.ak) end
  local hash, hash_problem = payload_hash(request, parsed)
  if not hash then return refuse(hash_problem, key.ak) end
  local canonical_request = canonical(request, parsed, hash)
  local text = signature.string_to_sign(parsed.algorithm, date, canonical_request, parsed.scope)
  local expected = signature.compute(parsed.algorithm, key.ak, key.sk, text, parsed.scope)
  if parsed.signature ~= expected then return refuse(mismatch(canonical_request), key.ak) end
  return check_token_and_project(request, key)
end

local function check_token(request, token)
  local record = type(token) == "string" and keys.token(token)
  if not record then return { ok = false, answer = answers.keystone() } end
  if request.project_id and not keys.allows(record, request.project_id) then
    return { ok = false, answer = answers.openstack(400, "badRequest", "Malformed request url") }
  end
  return { ok = true }
end

--- Judges a request's credentials.
-- @return { ok, ak, proven, answer }: `answer` is what to send when not ok; `proven` says that the
-- signature itself was right
function authenticate.check(request)
  local authorization = request.headers["authorization"]
  if type(authorization) == "string" then return check_signature(request, authorization) end
  local token = request.headers["x-auth-token"]
  if token then return check_token(request, token) end
  if request.generation.anonymous == "keystone" then
    return { ok = false, answer = answers.keystone() }
  end
  return refuse("the request carries no credentials")
end

--- Lets a verdict count for or against the AK.
function authenticate.count(verdict)
  if not verdict.ak then return end
  if verdict.proven then keys.succeeded(verdict.ak)
  elseif not keys.locked(verdict.ak) then keys.failed(verdict.ak) end
end

--- The 401 of a wrong signature, echoing the canonical request of whatever was signed.
function authenticate.echo(request)
  local authorization = request.headers["authorization"]
  local parsed = type(authorization) == "string" and signature.parse(authorization)
    or { algorithm = "SDK-HMAC-SHA256", signed = {} }
  return refuse(mismatch(canonical(request, parsed))).answer
end

return authenticate
