--- The key gate over a lua_shared_dict: what one worker learns of a key, all workers know.
--
-- Each client has a gate of its own, in C, which lets one request at a time try a key that is not
-- proven. Here the right to do so is a lock in the dict; proof, refusal and the clock's offset are
-- published there, and how many requests that tried a key nobody has seen the end of. Keys are not:
-- they stay in the clients, and the dict's names are keyed hashes.

local cjson = require "cjson.safe"
local clock = require "resty.evs.clock"

local PREFIX = "evs:"
local LOCK_SECONDS = 2 -- until the request is out; from then on the lock is good until its deadline
local LOCK_GRACE = 1
local HOLD_SECONDS = 0.05
local TRIES_MOST, TRIES_SECONDS = 3, 300 -- as each client's own gate has it

local count = 0

local Gate = {}
Gate.__index = Gate

local function new_token()
  count = count + 1
  return ngx.worker.pid() .. ":" .. count
end

-- Looks at the client's own gate.
function Gate:look()
  local gate = self.client:gate(clock.now())
  if gate.key ~= self.key then
    self:unlock()
    self.key, self.text, self.last = gate.key, nil, nil
  end
  return gate
end

local function differs(gate, last)
  return gate.state ~= last.state or gate.clock_offset ~= last.clock_offset
    or gate.healed ~= last.healed
end

function Gate:change(change)
  self.client:gate(clock.now(), change)
end

-- What was there has ended or was thrown out: the key has to be proven anew.
function Gate:forget(gate)
  self.text, self.last = nil, nil
  if gate.state ~= "proven" then return gate end
  self:change { state = "unproven", clock_offset = gate.clock_offset }
  self.last = self:look()
  return self.last
end

-- Takes over what others have published since the last look.
function Gate:learn(gate)
  local name = PREFIX .. self.key .. ":state"
  local text = self.dict:get(name)
  if text == self.text then return gate end
  if not text then return self:forget(gate) end
  self.text = text
  local told = cjson.decode(text)
  if type(told) ~= "table" then return gate end
  if told.state == "refused" then told.seconds = self.dict:ttl(name) or 0 end
  -- Others can write to the dict, too: what makes no sense changes nothing.
  if not pcall(self.change, self, told) then return gate end
  self.last = self:look()
  return self.last
end

-- Publishes what this client has found out, if it has. No two tellings are the same text, or the
-- second refusal in a row would be no news.
function Gate:publish(gate)
  local last = self.last or { state = "unproven", clock_offset = 0, healed = false }
  if not differs(gate, last) then return end
  local seconds = gate.seconds or 0
  gate.seconds, gate.told = nil, new_token()
  self.text, self.last = cjson.encode(gate), gate
  self.dict:set(PREFIX .. self.key .. ":state", self.text, seconds)
  if gate.state == "proven" then self.dict:delete(PREFIX .. self.key .. ":tries") end
end

function Gate:owns_lock()
  return self.token ~= nil and clock.now() < self.locked_until
end

function Gate:lock()
  if self:owns_lock() then return true end
  local token = new_token()
  local added, reason = self.dict:add(PREFIX .. self.key .. ":lock", token, LOCK_SECONDS)
  -- Without memory for a lock there is none; the workers' own gates still hold.
  if not added and reason == "exists" then return false end
  self.token, self.locked_until, self.carried = token, clock.now() + LOCK_SECONDS, nil
  return true
end

function Gate:unlock()
  if not self.token then return end
  local name = PREFIX .. self.key .. ":lock"
  if self.dict:get(name) == self.token then self.dict:delete(name) end
  self.token, self.carried = nil, nil
end

-- A request leaves that tries the key. It counts until its end is seen: that of a light thread that
-- was killed, with its visitor gone, never is.
function Gate:count(request)
  local name = PREFIX .. self.key .. ":tries"
  request.counted = name
  -- The five minutes begin with the first of them.
  if (self.dict:incr(name, 1, 0) or 1) <= 1 then self.dict:set(name, 1, TRIES_SECONDS) end
end

function Gate:uncount(request)
  if request.counted then self.dict:incr(request.counted, -1) end
  request.counted = nil
end

function Gate:is_exhausted()
  return (tonumber(self.dict:get(PREFIX .. self.key .. ":tries")) or 0) >= TRIES_MOST
end

--- Before a machine's next: brings its gate up to date; without the lock, it may not try the key.
function Gate:before_next()
  local gate = self:look()
  if not gate.key then return end
  gate = self:learn(gate)
  if gate.state ~= "unproven" then return end
  if not self:lock() then return self:change { state = "held", seconds = HOLD_SECONDS } end
  -- Whoever had the lock before may have told something.
  if self:learn(gate).state ~= "unproven" then return end
  local barred = self:is_exhausted()
  self:change { state = "held", seconds = barred and HOLD_SECONDS or 0, barred = barred }
end

--- After a machine's next: the lock goes with the request that tries the key.
function Gate:after_next(request)
  if not self.token then return end
  if not request or request.metadata then
    if not self.carried then self:unlock() end
    return
  end
  local tries = self:look().state == "unproven"
  -- A second request that tries the key: the call of the first one is gone.
  if not self.token or self.carried and not tries then return end
  if tries then self:count(request) end
  local seconds = math.max(request.deadline - clock.now(), 0) + LOCK_GRACE
  self.carried, self.locked_until = request, clock.now() + seconds
  self.dict:set(PREFIX .. self.key .. ":lock", self.token, seconds)
end

--- Before a machine is given its answer: a request that was signed by an old clock, or with a key
-- that others have seen refused since, is judged by what is known now.
function Gate:before_answer()
  local gate = self:look()
  if gate.key then self:learn(gate) end
end

--- After a machine was given the answer to `request`.
function Gate:after_answer(request)
  if self.carried == request then self.carried = nil end
  self:uncount(request)
  local gate = self:look()
  if gate.key then self:publish(gate) end
end

--- Instead of the answer to `request`, or of what was to follow it: the call was given up.
function Gate:drop(request)
  local gate = self:look()
  if gate.key then self:publish(gate) end
  if not self.carried or self.carried == request then self:unlock() end
end

local module = {}

--- A gate between the client and the workers' other clients, over the shared dict of this name.
function module.new(client, name)
  local dict = ngx.shared[name]
  if not dict then error("option 'shared': there is no lua_shared_dict '" .. name .. "'", 3) end
  return setmetatable({ client = client, dict = dict }, Gate)
end

return module
