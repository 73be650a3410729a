--- The key as design and operators understand it, to hold the real one against.
--
-- With keys of an agency it looks the other way but for counting wrong signatures: who visits the
-- metadata service when, and what that heals, is not modelled; see metadata.lua for what is.
--
-- It is told of every request and answer in the order in which the client sees them, and says when
-- a request must not have been sent.

local Gate = {}
Gate.__index = Gate

local REFUSED_SECONDS, PROOF_SECONDS, DRIFT_MOST = 300, 60, 300
local WRONG_IN_A_ROW = 5
local PROBE_GRACE = 1
local CLOCK_TOLERANCE = 600
local NOTES_MOST, NOTE_SECONDS = 5, 300

--- `trusted`: the server's Date may be believed; `signs`: AK/SK are in use, so a clock matters.
-- Ends are kept in monotonic seconds, as the client has them, so that both round alike.
function Gate.new(plan)
  return setmetatable({
    state = "unproven", epoch = 0, healed = false, trusted = plan.trusted, signs = not plan.token,
    offset = 0, agency = plan.agency, heals = 0, heals_proven = 0, notes = {}, mono = plan.mono,
    plan = plan,
  }, Gate)
end

-- The wall clock minus the monotonic one.
function Gate:drift(now)
  local plan = self.plan
  local skew = now >= plan.clock_steps_at and plan.clock_step or plan.skew
  return plan.epoch + now - skew - (self.mono + now)
end

--- The client looks at its clocks for a call that is ready to send.
function Gate:look(now)
  local mono, probe = self.mono + now, self.probe
  if self.state == "refused" and mono >= self.refused_until then
    self.state, self.healed, self.probe, self.epoch = "unproven", false, nil, self.epoch + 1
  elseif self.state == "proven" and (mono - self.proven_at > PROOF_SECONDS
      or math.abs(self:drift(now) - self.proven_drift) > DRIFT_MOST) then
    self.state = "unproven"
  end
  if probe and mono > probe.until_mono and not probe.given_up then
    probe.given_up = mono + PROBE_GRACE
  end
end

--- Whether calls are told that the key is refused: for five minutes from the answer that said so.
function Gate:refused(now)
  return self.state == "refused" and self.mono + now < self.refused_until
end

--- Whether so many requests may have met a 401 that no other may leave for now.
function Gate:exhausted(now)
  local count = 0
  for _, until_mono in pairs(self.notes) do
    if self.mono + now < until_mono then count = count + 1 end
  end
  return self.state == "unproven" and count >= NOTES_MOST
end

--- Whether somebody else's probe keeps `call` from sending.
function Gate:busy(call, now)
  local probe = self.probe
  return self.state ~= "proven" and probe ~= nil and probe.call ~= call
    and not (probe.given_up and self.mono + now >= probe.given_up)
end

--- It is known that a request met no 401.
function Gate:strike(request)
  self.notes[request] = nil
end

--- A request leaves; returns what is wrong with that.
function Gate:send(request, now)
  if self.agency then
    if request.call.unhealed then
      self.heals = self.heals + 1
    end
    request.epoch = self.heals
    return nil
  end
  self:look(now)
  if self:refused(now) then
    return "a request was sent with a refused key"
  elseif self:exhausted(now) then
    return "a request tries a key though five may have met a 401"
  elseif self:busy(request.call, now) then
    return "two requests probe an unproven key at once"
  end
  request.epoch = self.epoch
  request.drift = self:drift(now)
  if self.state == "unproven" then
    self.notes[request] = self.mono + now + NOTE_SECONDS
    self.probe = request
  end
  return nil
end

--- `call`'s request came back, or the call gave up.
function Gate:release(call)
  if self.probe and self.probe.call == call then
    self.probe = nil
  end
end

local function refuse(self, answer, now)
  self.state, self.refused_until, self.probe = "refused", self.mono + now + REFUSED_SECONDS, nil
  self.code = answer.code
end

local function clock_heals(self, request, answer)
  return self.signs and self.trusted and answer.code == "APIGW.0301" and answer.time ~= nil
    and math.abs(math.floor(answer.time) - request.signed_at) > CLOCK_TOLERANCE
end

-- A 401: true when the call may send once more.
local function reject(self, request, answer, now)
  if self.state == "refused" then
    return false
  elseif request.epoch ~= self.epoch then
    return true
  elseif self.state == "proven" and not answer.known then
    return false -- of nobody we know: it says nothing of the key
  elseif clock_heals(self, request, answer) and not self.healed then
    self.state, self.healed, self.epoch, self.probe = "unproven", true, self.epoch + 1, nil
    self.offset = math.floor(answer.time) - request.wall
    return true
  end
  refuse(self, answer, now)
  return false
end

local function prove(self, request)
  local departed = self.mono + request.sent_at
  if self.state == "proven" and departed <= self.proven_at then
    return
  end
  self.state, self.healed, self.notes = "proven", false, {}
  self.proven_at, self.proven_drift = departed, request.drift
end

--- An answer arrives; returns whether it is a 401 after which the call may send once more.
function Gate:reply(request, answer, now)
  self:release(request.call)
  if answer.status ~= 401 then
    self:strike(request)
  end
  if self.agency then
    if answer.status == 401 or answer.refuses then
      self.code = answer.code
      self.banned = self.banned or answer.refuses
    elseif answer.evs and request.epoch == self.heals then
      self.heals_proven = self.heals
    end
    return false
  end
  if answer.status == 401 then
    return reject(self, request, answer, now) and request.call.resends == 0
  elseif request.epoch ~= self.epoch or self.state == "refused" then
    return false
  elseif answer.refuses then
    refuse(self, answer, now)
  elseif answer.evs then
    prove(self, request)
  end
  return false
end

-- A wrong signature is seen: the first of a row, or that of a request which left after the first
-- was seen. Those that were in flight then do not count: no client can call them back.
local function count_wrong(key, request, now)
  if key.wrong == 0 or now - key.wrong_at >= REFUSED_SECONDS then
    key.row, key.wrong = (key.row or 0) + 1, 1
  elseif request.row == key.row then
    key.wrong = key.wrong + 1
  end
  key.wrong_at = now
end

--- A request leaves with its key; what it then knows of wrong signatures.
function Gate.mark(request)
  request.row = request.key and request.key.row
end

--- Counts what the client knows of wrong signatures; returns what is wrong with their number.
function Gate.count(request, answer, now)
  local key = request.key
  if not key then
    return nil
  elseif answer.status == 401 and request.wrong_signature then
    count_wrong(key, request, now)
    if key.wrong > WRONG_IN_A_ROW then
      return "the key would be locked: " .. key.wrong .. " wrong signatures in a row"
    end
  elseif answer.evs then
    key.wrong = 0
  end
  return nil
end

return Gate
