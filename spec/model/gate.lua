--- The key gate as design and operators understand it, to hold the real one against.
--
-- With keys of an agency it looks the other way but for counting wrong signatures: who visits the
-- metadata service when, and what that heals, is not modelled; see model_metadata for what is.
--
-- It is told of every request and answer in the order in which the client sees them, and says when
-- a request must not have been sent.

local Gate = {}
Gate.__index = Gate

local REFUSED_SECONDS = 300
local WRONG_IN_A_ROW = 5
local HOLDER_GRACE = 1
local CLOCK_TOLERANCE = 600
local UNSEEN_MOST, UNSEEN_SECONDS = 3, 300

--- `trusted`: the server's Date may be believed; `signs`: AK/SK are in use, so a clock matters.
-- Ends are kept in monotonic seconds, as the client has them, so that both round alike.
function Gate.new(plan)
  return setmetatable({
    state = "unproven", epoch = 0, healed = false, trusted = plan.trusted, signs = not plan.token,
    offset = 0, agency = plan.agency, heals = 0, heals_proven = 0, unseen = 0, mono = plan.mono,
  }, Gate)
end

--- Whether calls are told that the key is refused: for five minutes from the answer that said so.
function Gate:refused(now)
  return self.state == "refused" and self.mono + now < self.refused_until
end

--- Whether so many probes were given up before their end was seen that no other may leave for now.
function Gate:exhausted(now)
  return self.state == "unproven" and self.unseen >= UNSEEN_MOST
    and self.mono + now < self.unseen_since + UNSEEN_SECONDS
end

--- Whether somebody else's probe keeps `call` from sending.
function Gate:busy(call, now)
  local holder = self.holder
  return self.state ~= "proven" and holder ~= nil and holder.call ~= call
    and (not holder.call.abandoned or self.mono + now < holder.until_mono + HOLDER_GRACE)
end

-- A probe leaves.
function Gate:probe(request, now)
  if self.unseen == 0 or self.unseen >= UNSEEN_MOST then
    self.unseen, self.unseen_since = 0, self.mono + now
  end
  self.unseen = self.unseen + 1
  self.holder, request.probes = request, true
end

--- What came of a request is known: an answer, or that there is none.
function Gate:see(request)
  if request.probes and request.epoch == self.epoch and self.unseen > 0 then
    self.unseen = self.unseen - 1
  end
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
  if self:refused(now) then
    return "a request was sent with a refused key"
  elseif self.state == "refused" then
    self.state, self.healed, self.holder, self.epoch = "unproven", false, nil, self.epoch + 1
    self.unseen = 0
  end
  if self:exhausted(now) then
    return "a request tries a key though three were given up unseen"
  elseif self:busy(request.call, now) then
    return "two requests probe an unproven key at once"
  end
  request.epoch = self.epoch
  if self.state == "unproven" then
    self:probe(request, now)
  end
  return nil
end

--- `call`'s request came back, or the call gave up.
function Gate:release(call)
  if self.holder and self.holder.call == call then
    self.holder = nil
  end
end

local function refuse(self, answer, now)
  self.state, self.refused_until, self.holder = "refused", self.mono + now + REFUSED_SECONDS, nil
  self.code = answer.code
end

local function clock_heals(self, request, answer)
  return self.signs and self.trusted and answer.code == "APIGW.0301" and answer.time ~= nil
    and math.abs(math.floor(answer.time) - request.signed_at) > CLOCK_TOLERANCE
end

-- A 401: true when the call may send once more.
local function reject(self, request, answer, now)
  if request.epoch ~= self.epoch then
    return true
  end
  local heals = clock_heals(self, request, answer) and request.call.resends == 0
  if heals and not self.healed and self.state ~= "refused" then
    self.state, self.healed, self.epoch = "unproven", true, self.epoch + 1
    self.offset = math.floor(answer.time) - request.wall
    return true
  end
  refuse(self, answer, now)
  return false
end

--- An answer arrives; returns whether it is a 401 after which the call may send once more.
function Gate:reply(request, answer, now)
  self:see(request)
  self:release(request.call)
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
  elseif answer.refuses then
    refuse(self, answer, now)
  elseif answer.evs and request.epoch == self.epoch and self.state ~= "refused" then
    self.state, self.healed, self.unseen = "proven", false, 0
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
