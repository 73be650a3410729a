--- The model network: what becomes of one request on its way.
--
-- A fate is { arrivals, finish, reshape, failure, answer }:
--   arrivals  when the cloud handles it (true seconds): not at all, once, twice, before or after
--             the client has given up
--   finish    when the client's carrier has its result, never later than the request's deadline
--   reshape   what a broken proxy makes of an answer that shows the snapshot
--   failure   { code, message, sent } the carrier reports; else
--   answer    the answer that somebody on the way gave in place of the cloud's; else the cloud's
--             own to the first arrival
--
-- What no network can do to the client without lying is left out: nobody answers a plain no (4xx
-- other than 408) to a DELETE that the cloud has accepted, and of a duplicated request the first
-- copy's answer counts.

local answers = require "spec.model.answers"

local network = {}

-- Between these and the deadline an answer comes in time.
local function time_left(request)
  return request.deadline - request.sent_at
end

local function instant(random, request)
  return request.sent_at + random:unit() * time_left(request)
end

local LOST_MESSAGES = {
  "Recv failure: Connection reset by peer", "", "SSL_read: unexpected eof while reading",
  "Server returned nothing (no headers, no data)",
}

-- The carrier knows only that the request may have left.
local function lost(random, request)
  if random:chance(0.5) then
    local message = "Operation timed out after 10000 milliseconds"
    return request.deadline, { "Client.Timeout", message, "maybe" }
  end
  local code = random:weighted({ 8, "Client.Network", 1, "Client.BadResponse", 1, "Client.TLS" })
  return instant(random, request), { code, random:pick(LOST_MESSAGES), "maybe" }
end

-- --- texts from outside --------------------------------------------------------------------------

local CODES = {
  "EVS.1047", "EVS.5404x", "Client.Evil", "", ("x"):rep(65), "A B", "EVS.0001", "Ev\195\169",
}

local function hostile_text(random, plan)
  local secret = #plan.secrets > 0 and random:pick(plan.secrets) or "no secret"
  local form = random:upto(5)
  if form == 1 then
    return ("x"):rep(2040) .. secret .. "y"
  elseif form == 2 then
    return "\27[31m" .. secret .. "\0\r\nX: " .. secret .. secret
  elseif form == 3 then
    return ("\195\169"):rep(1200)
  elseif form == 4 then
    return "\255\254 " .. secret:sub(1, 20)
  end
  return ""
end

local function hostile_page(random, plan, status)
  return answers.page(status, "<p>" .. hostile_text(random, plan):rep(random:upto(3)))
end

local function hostile_error(random, plan, status)
  local form = random:pick({ "gateway", "evs", "bare", "camel" })
  return answers.error(form, status, random:pick(CODES), hostile_text(random, plan))
end

-- Somebody's error with this status, in any of the forms.
local function any_error(random, plan, status)
  local form = random:upto(6)
  if form == 1 then
    return hostile_page(random, plan, status)
  elseif form == 2 then
    return hostile_error(random, plan, status)
  elseif form == 3 then
    return answers.error("gateway", status, "APIGW.0201", "Backend timeout.")
  elseif form == 4 then
    return answers.page(status, "")
  end
  return answers.page(status)
end

local function throttle(random, plan, time)
  local answer = any_error(random, plan, random:weighted({ 3, 429, 1, 503 }))
  local seconds = random:weighted({ 5, random:upto(4) - 1, 2, random:upto(30), 1, 3600 })
  local form = random:upto(4)
  if form == 1 then
    answer.headers["retry-after"], answer.retry_after = ("%d"):format(seconds), seconds
  elseif form == 2 then
    answer.headers["Retry-After"] = answers.http_date(time + seconds)
    if random:chance(0.8) then
      answer.headers.Date, answer.retry_after = answers.http_date(time), seconds
    end
  end
  if not answer.retry then -- the error may have had one of the codes that stay
    answer.retry_after = nil
  end
  return answer
end

local PASSING = {
  4, 503, 3, 502, 3, 504, 3, 500, 2, 408,
}

local function broken(random, plan)
  if random:chance(0.15) then
    local code = random:pick({ "EVS.0001", "EVS.2010", "EVS.2034", "EVS.9999" })
    return answers.error("evs", 500, code, "An internal error.")
  elseif random:chance(0.1) then
    return answers.page(random:pick({ 507, 520, 599 }))
  end
  return any_error(random, plan, random:weighted(PASSING))
end

local PLAIN_NO = {
  4, 403, 2, 400, 2, 404, 1, 410, 1, 405, 1, 407, 1, 413, 1, 414, 2, 301, 1, 307, 1, 304, 1, 501,
  1, 505, 1, 401, 1, 409, 1, 402,
}

local function refusal(random, plan)
  local form = random:upto(12)
  if form == 1 then
    return answers.error("evs", 500, "EVS.2019", "Stuck in error_deleting.")
  elseif form == 2 then
    return answers.error("gateway", 403, random:pick({ "APIGW.0302", "APIGW.0802" }), "Forbidden.")
  elseif form == 3 then
    return answers.openstack("forbidden", 403, "Policy doesn't allow it to be performed.")
  elseif form == 4 then
    return answers.openstack("badRequest", 400, "Malformed request url")
  elseif form == 5 then
    return answers.openstack("error", 401, "The request you have made requires authentication.")
  end
  return any_error(random, plan, random:weighted(PLAIN_NO))
end

-- 404s and a 410 that say nothing about the snapshot.
local function not_found(random)
  local form = random:upto(6)
  if form == 1 then
    return answers.error("gateway", 404, "APIGW.0101", "The API does not exist")
  elseif form == 2 then
    return answers.page(404, "404 Not Found\n\nThe resource could not be found.\n\n   ")
  elseif form == 3 then
    return answers.page(404, '{"itemNotFound": {"code": 404, "message": "cu')
  elseif form == 4 then
    return answers.openstack("itemNotFound", 410, "It was here.")
  elseif form == 5 then
    return answers.error("bare", 404, "404", "itemNotFound")
  end
  return answers.page(404)
end

local function odd_success(random)
  local form = random:upto(6)
  if form == 1 then
    return answers.page(204, "")
  elseif form == 2 then
    return answers.page(200, "<html><title>Log in</title><form action=/login></form></html>")
  elseif form == 3 then
    return answers.json(200, '{"result":"ok"}')
  elseif form == 4 then
    return answers.page(201, "")
  elseif form == 5 then
    return answers.page(200, '[{"snapshot":1}]')
  end
  return answers.page(200, "")
end

-- A 200 for this snapshot that lacks something the guard needs, and may lack what wait and settling
-- need (then it shows nothing). `partial` says that it is not good enough for the guard.
local function odd_show(form, plan, snapshot, shown)
  local id, status = '"id":"' .. snapshot.id .. '"', '"status":"' .. shown .. '"'
  local name, metadata = '"name":"x"', '"metadata":{}'
  local project = '"os-extended-snapshot-attributes:project_id":"' .. plan.project .. '"'
  if form == 1 then
    id, shown = '"id":"' .. snapshot.id .. '0"', nil
  elseif form == 2 then
    metadata = '"metadata":null'
  elseif form == 3 then
    metadata = '"meta":{}'
  elseif form == 4 then
    name = '"nom":"x"'
  elseif form == 5 then
    name = '"name":7'
  elseif form == 6 then
    status, shown = '"status":null', nil
  elseif form == 7 then
    project = '"os-extended-snapshot-attributes:project_id":"somebody-else"'
  elseif form == 8 then
    return answers.page(200, '{"snapshot":{' .. id .. "," .. status .. "," .. metadata)
  else
    return answers.json(200, '{"snapshots":[{' .. id .. "," .. status .. "}]}")
  end
  local answer = answers.json(200, '{"snapshot":{' .. id .. "," .. status .. "," .. name .. ","
    .. metadata .. "," .. project .. "}}")
  answer.shown, answer.partial = shown, true
  return answer
end

-- --- fates ---------------------------------------------------------------------------------------

local function normal(random, request, world)
  local there = random:scale(0.002, world.plan.slow and 12 or 0.8)
  local back = random:scale(0.002, world.plan.slow and 3 or 0.3)
  local arrival, finish = request.sent_at + there, request.sent_at + there + back
  if finish < request.deadline then
    return { arrivals = { arrival }, finish = finish }
  end
  local failure = { "Client.Timeout", "Operation timed out", "maybe" }
  return { arrivals = { arrival }, finish = request.deadline, failure = failure }
end

local function instead(random, request, answer)
  return { arrivals = {}, finish = instant(random, request), answer = answer }
end

local UNSENT = {
  { "Client.Resolve", "Could not resolve host", false },
  { "Client.Connect", "Connection refused", false },
  { "Client.Timeout", "Connection timed out", false },
  { "Client.Network", "HTTP/2 REFUSED_STREAM", false },
  { "Client.TLS", "SSL certificate problem: self-signed certificate", false },
  { "Client.Proxy", "CONNECT tunnel failed, response 407", false },
}

local faults = {}

function faults.unsent(random, request)
  local failure = random:pick(UNSENT)
  if random:chance(0.6) then
    failure = UNSENT[2]
  end
  return { arrivals = {}, finish = instant(random, request), failure = failure }
end

function faults.lose_request(random, request)
  local finish, failure = lost(random, request)
  return { arrivals = {}, finish = finish, failure = failure }
end

function faults.lose_answer(random, request)
  local finish, failure = lost(random, request)
  return {
    arrivals = { random:between(request.sent_at, finish) }, finish = finish, failure = failure,
  }
end

function faults.late(random, request)
  local finish, failure = lost(random, request)
  return { arrivals = { finish + random:scale(0.01, 90) }, finish = finish, failure = failure }
end

function faults.twice(random, request, world)
  local fate = normal(random, request, world)
  fate.arrivals[2] = fate.arrivals[1] + random:scale(0.001, 40)
  return fate
end

function faults.throttle(random, request, world)
  local time = world.cloud:server_time(world.now)
  return instead(random, request, throttle(random, world.plan, time))
end

function faults.broken(random, request, world)
  return instead(random, request, broken(random, world.plan))
end

-- The cloud has done it, and a gateway on the way back says 504, or worse.
function faults.broken_after(random, request, world)
  local answer = broken(random, world.plan)
  if not answer.lost or random:chance(0.15) then
    answer = request.method == "DELETE" and odd_success(random) or answers.page(504)
  end
  local fate = instead(random, request, answer)
  fate.arrivals[1] = random:between(request.sent_at, fate.finish)
  return fate
end

function faults.refusal(random, request, world)
  return instead(random, request, refusal(random, world.plan))
end

function faults.not_found(random, request)
  return instead(random, request, not_found(random))
end

function faults.odd_success(random, request)
  return instead(random, request, odd_success(random))
end

function faults.odd_show(random, request, world)
  if request.method == "DELETE" then
    return faults.lose_answer(random, request)
  end
  local fate, form = normal(random, request, world), random:upto(9)
  function fate.reshape(shown)
    return odd_show(form, world.plan, request.call.snapshot, shown)
  end
  return fate
end

network.faults = {
  "unsent", "lose_request", "lose_answer", "late", "twice", "throttle", "broken", "broken_after",
  "refusal", "not_found", "odd_success", "odd_show",
}

--- The fate of a request that is sent now. The run's plan says how often which fault happens.
function network.fate(world, request)
  local random, plan = world.random, world.plan
  if random:chance(plan.fault_rate) then
    local kind = random:pick(plan.faults)
    local fate = faults[kind](random, request, world)
    fate.kind = kind
    return fate
  end
  return normal(random, request, world)
end

return network
