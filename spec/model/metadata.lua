--- The model's ECS metadata service: temporary keys that change, for runs without keys of their
-- own.
--
-- Keys come one after the other; each dies some time around the moment the next one appears, and a
-- key that died before the next appeared is still handed out. A visit is a PUT for a session token
-- (or not, on old services) and a GET for the keys. The service can be away, refuse and stutter.

local answers = require "spec.model.answers"

local Service = {}
Service.__index = Service

local VISIT_SECONDS = 3
local HANDED = "secret-of-the-agency-"

--- Draws the keys of a run.
function Service.new(random, plan)
  local service = setmetatable({
    random = random, plan = plan, keys = {}, visits = 0,
    modern = random:chance(0.8), away = random:chance(0.1),
    trouble = random:weighted({ 3, 0, 2, 0.15, 1, 0.6 }),
  }, Service)
  local from = -1
  for i = 1, random:upto(4) do
    local lasts = random:weighted({ 2, random:scale(0.1, 40), 1, 7200 })
    local key = { ak = "ASMODEL00000000" .. ("%d"):format(i), from = from, wrong = 0 }
    key.sk = HANDED .. ("%d"):format(i) .. "/" .. key.ak
    key.security_token = "token-of-the-agency-" .. ("%d"):format(i) .. "/" .. key.ak .. "=="
    from = from + lasts
    key.dies = from + random:weighted({ 3, random:scale(0.01, 30), 1, -random:unit(), 1, 0 })
    key.expires = plan.epoch + key.dies + random:weighted({ 3, 86400, 1, 3000, 1, 600 })
    service.keys[i] = key
  end
  service.keys[#service.keys].dies = random:chance(0.8) and math.huge or from
  return service
end

--- The key that an Authorization header names.
function Service:find(authorization)
  local ak = (authorization or ""):match(" Access=([^,]+),")
  for _, key in ipairs(self.keys) do
    if key.ak == ak then
      return key
    end
  end
  return nil
end

local function current(service, now)
  local found
  for _, key in ipairs(service.keys) do
    if key.from <= now then
      found = key
    end
  end
  return found
end

-- Its secrets are the client's business from now on.
local function hand_out(service, key)
  if not key.handed then
    key.handed = true
    local secrets = service.plan.secrets
    secrets[#secrets + 1] = key.sk
    secrets[#secrets + 1] = key.security_token
  end
end

local function keys_answer(service, now)
  local key = current(service, now)
  hand_out(service, key)
  local answer = answers.json(200, '{"credential":{"access":"' .. key.ak .. '","secret":"' .. key.sk
    .. '","securitytoken":"' .. key.security_token .. '","expires_at":"'
    .. os.date("!%Y-%m-%dT%H:%M:%S.000000Z", math.floor(key.expires)) .. '"}}')
  answer.hands = key
  return answer
end

local function troubled(random)
  local form = random:upto(7)
  if form == 1 then
    return answers.page(500)
  elseif form == 2 then
    return answers.page(401, "")
  elseif form == 3 then
    return answers.page(404, "404 - Not Found")
  elseif form == 4 then
    return answers.json(200, '{"credential":{"access":"x"}}')
  elseif form == 5 then
    return answers.page(200, "")
  end
  return nil
end

--- What a request to the service comes to: { finish, answer } or { finish, failure }.
function Service:fate(request, now)
  local random = self.random
  local finish = now + random:unit() * random:unit() * (request.deadline - now)
  if self.away then
    return { finish = finish, failure = { "Client.Connect", "No route to host", false } }
  end
  local answer
  if random:chance(self.trouble) then
    answer = troubled(random)
    if not answer then
      local failure = { "Client.Timeout", "Operation timed out", "maybe" }
      return { finish = request.deadline, failure = failure }
    end
  elseif request.method == "PUT" then
    answer = self.modern and answers.page(200, "session-token-of-the-server\n") or answers.page(404)
  else
    answer = keys_answer(self, now)
  end
  return { finish = finish, answer = answer }
end

--- A request to the service leaves; returns what is wrong with it.
function Service:send(request, now)
  local headers = request.headers
  if not request.url:find("http://169.254.169.254/", 1, true) then
    return "keys are asked for at " .. request.url
  elseif headers.Authorization or headers["X-Auth-Token"] or headers["X-Security-Token"] then
    return "a request for keys carries keys"
  elseif request.seconds <= 0 or request.seconds > VISIT_SECONDS + 1e-6 then
    return "a request for keys has " .. request.seconds .. " s"
  elseif self.visitor and not self.visitor.abandoned and self.visitor ~= request.call then
    return "two calls ask for keys at once"
  end
  self.visits = self.visits + 1
  if self.visits > 8 + (now + 1) * 2 then
    return "the metadata service is asked without end"
  end
  self.visitor = request.call
  return nil
end

--- The visitor's request is over.
function Service:release(call)
  if self.visitor == call then
    self.visitor = nil
  end
end

return Service
