--- What a run of the model is made of, drawn at random.

local network = require "spec.model.network"

local plans = {}

local PROJECT = "0605767cfa8000c42f4dc0083cb1ab5b"
local AK = "AKMODEL000000001"
local SK = "sk+Model/0123456789abcdefghijklmnopqrstu"
local SECURITY_TOKEN = "stModel/ggpjbi1ub3J0aC00==0123456789"
local TOKEN = "tokenModel-MIIEzwYJKoZIhvcNAQcCoIIE"

local ENDPOINTS = {
  6, { url = "https://evs.model.test", trusted = true },
  1, { url = "https://evs.model.test:8443", trusted = false, tls_verify = false },
  2, { url = "http://127.0.0.1:8774", trusted = true },
  1, { url = "http://evs.model.test", trusted = false, allow_http = true },
}

local function draw_key(random, plan)
  plan.secrets = { SK }
  plan.key_ends_at = math.huge
  if random:chance(0.12) then
    plan.agency, plan.secrets = true, {}
    return
  elseif random:chance(0.15) then
    plan.token, plan.server_token, plan.secrets = TOKEN, TOKEN, { TOKEN }
  else
    plan.ak, plan.sk, plan.server_sk = AK, SK, SK
    if random:chance(0.2) then
      plan.security_token, plan.secrets = SECURITY_TOKEN, { SK, SECURITY_TOKEN }
    end
  end
  if random:chance(0.1) then
    plan.server_sk, plan.server_token = "sk+Other/0123456789abcdefghijklmnopqrstu", "other"
    plan.wrong_key = true
  elseif random:chance(0.08) then
    plan.key_ends_at = random:scale(0.1, 30)
  elseif random:chance(0.04) then
    plan.banned = random:pick({ "APIGW.0302", "APIGW.0304", "APIGW.0310", "APIGW.0802" })
  end
end

-- Seconds by which the server is ahead of the client. Around the limits (10 and 15 minutes) lies
-- room for what a slow network adds.
local function draw_skew(random)
  local sign = random:chance(0.5) and 1 or -1
  return sign * random:weighted({
    55, 0, 15, random:between(0, 500), 8, random:between(660, 800), 22, random:scale(1000, 1e6),
  })
end

local function draw_faults(random)
  local kinds = {}
  for _, kind in ipairs(network.faults) do
    if random:chance(0.4) then
      kinds[#kinds + 1] = kind
    end
  end
  if #kinds == 0 then
    kinds[1] = random:pick(network.faults)
  end
  return kinds
end

--- The plan of a run: endpoint, key, clocks, network, and how many of what.
function plans.draw(random)
  local plan = { project = PROJECT, epoch = 1.7e9 + random:between(0, 1e8), mono = 1000 }
  local endpoint = random:weighted(ENDPOINTS)
  plan.endpoint, plan.trusted = endpoint.url, endpoint.trusted
  plan.tls_verify, plan.allow_http = endpoint.tls_verify, endpoint.allow_http
  draw_key(random, plan)
  plan.skew = draw_skew(random)
  -- Not with temporary keys: a clock that jumps while they are fetched lets them look expired.
  plan.clock_steps_at = not plan.agency and random:chance(0.06) and random:scale(0.1, 20)
    or math.huge
  plan.clock_step = draw_skew(random)
  plan.snapshots = random:chance(0.8) and 1 or 2
  plan.lag = random:chance(0.2)
  plan.slow = random:chance(0.15)
  plan.machines = random:weighted({ 45, 1, 25, 2, 15, 3, 15, 4 })
  plan.impatience = 0.03 -- how likely a call is given up
  if not plan.agency and random:chance(0.02) then -- everybody leaves soon
    plan.impatience, plan.machines = 0.95, 8
  end
  plan.lateness = random:weighted({ 5, 0, 3, 0.03, 2, plan.machines > 1 and 0.7 or 0.2 })
  plan.fault_rate = random:weighted({ 2, 0, 3, 0.15, 3, 0.4, 2, 0.75 })
  plan.faults = draw_faults(random)
  plan.actors = random:chance(0.12)
  if random:chance(0.03) then -- a bad night: nothing but failures that are tried again
    plan.faults, plan.fault_rate, plan.patient = { "throttle", "broken", "unsent" }, 0.97, true
    plan.machines = 1
  end
  return plan
end

--- The options of a call.
function plans.options(random, plan)
  local options = {
    guard = not random:chance(0.4),
    ignore_missing = random:chance(0.35),
    wait = random:chance(0.35) and random:weighted({ 4, random:between(1, 40), 1, 180, 1, 0.3 }),
    retries = random:weighted({ 6, 3, 2, 0, 2, 1, 1, random:upto(12) }),
    timeout = random:weighted({ 4, 30, 3, random:between(0.5, 8), 1, 120, 1, 0.05 }),
    attempt_timeout = random:weighted({ 3, random:between(0.2, 3), 1, 10, 1, 60 }),
  }
  if plan.patient then
    options.retries, options.timeout = 4 + random:upto(8), 600
  end
  return options
end

--- The snapshot as a table, as a list would give it; second, the status it shows if it is complete.
function plans.passed(random, plan, snapshot, status)
  local metadata = {}
  for name, value in pairs(snapshot.metadata_fields or {}) do
    metadata[name] = value
  end
  metadata.__system__enableActive = snapshot.metadata_mark
  local passed = { id = snapshot.id, status = status, name = snapshot.name, metadata = metadata }
  local form = random:upto(8)
  if form == 1 then
    passed.metadata = nil
  elseif form == 2 then
    passed.status = nil
  elseif form == 3 then
    passed["os-extended-snapshot-attributes:project_id"] = "somebody-else"
  elseif form == 4 then
    passed.name = 7
  else
    if form == 5 then
      passed["os-extended-snapshot-attributes:project_id"] = plan.project
    end
    return passed, status
  end
  return passed, nil
end

return plans
