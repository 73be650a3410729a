--- A key over a lua_shared_dict: what one worker learns of a key, all workers know.
--
-- Each client knows in C whether its key is good, and lets one request at a time try it. Here the
-- right to try it is a lock in the dict; what was learned is published there; and each note of a
-- request that may have met a 401 has a place there, of five in all. Keys are not published: they
-- stay in the clients, and the dict's names are keyed hashes.

local cjson = require "cjson.safe"
local clock = require "resty.evs.clock"

local PREFIX = "evs:"
local LOCK_SECONDS = 2 -- until the request is out; from then on the lock is good until its deadline
local LOCK_GRACE = 1
local HOLD_SECONDS = 0.05
local NOTES_MOST, NOTE_SECONDS = 5, 300
local DOUBT_SECONDS = 300
local PROOF_STEP = 20 -- seconds by which a proof must be younger to be told again

local count = 0

local Shared = {}
Shared.__index = Shared

local function new_token()
  count = count + 1
  return ngx.worker.pid() .. ":" .. count
end

function Shared:name(what)
  return PREFIX .. self.key .. ":" .. what
end

-- ---- notes --------------------------------------------------------------------------------------

-- A place for one more note; where none is free, or no memory, the client's own has to do.
function Shared:take_place()
  local token = new_token()
  for i = 1, NOTES_MOST do
    local name = self:name("note" .. i)
    if self.dict:add(name, token, NOTE_SECONDS) then return { name = name, token = token } end
  end
  return {}
end

function Shared:leave_place(place)
  if place.name and self.dict:get(place.name) == place.token then self.dict:delete(place.name) end
end

-- Has as many places in the dict as the client has notes.
function Shared:mirror(notes)
  while #self.places < notes do self.places[#self.places + 1] = self:take_place() end
  while #self.places > notes do self:leave_place(table.remove(self.places, 1)) end
end

function Shared:is_exhausted()
  for i = 1, NOTES_MOST do
    if not self.dict:get(self:name("note" .. i)) then return false end
  end
  return true
end

-- ---- what is known of the key -------------------------------------------------------------------

-- Looks at the client's key.
function Shared:look()
  local news = self.client:key(clock.now(), clock.wall())
  if news.name ~= self.key then
    if self.key then self:unlock() end
    self.key, self.text, self.last, self.places = news.name, nil, nil, {}
  end
  return news
end

function Shared:tell_client(news)
  self.client:key(clock.now(), clock.wall(), news)
end

-- What was there has ended or was thrown out: the key has to be proven anew.
function Shared:forget(news)
  self.text, self.last = nil, nil
  if news.state ~= "proven" then return news end
  self:tell_client { state = "unproven", clock_offset = news.clock_offset }
  self.last = self:look()
  return self.last
end

-- Takes over what others have published since the last look.
function Shared:learn(news)
  local name = self:name("state")
  local text = self.dict:get(name)
  if text == self.text then return news end
  if not text then return self:forget(news) end
  self.text = text
  local told = cjson.decode(text)
  if type(told) ~= "table" then return news end
  told.seconds = self.dict:ttl(name) or 0
  -- Others can write to the dict, too: what makes no sense changes nothing.
  if not pcall(self.tell_client, self, told) then return news end
  self.last = self:look()
  self.proof_ends = clock.now() + self.last.seconds
  return self.last
end

-- Whether others should know. That a proof is over they see by themselves.
function Shared:is_news(news)
  local last = self.last or { state = "unproven", clock_offset = 0, healed = false }
  if news.clock_offset ~= last.clock_offset or news.healed ~= last.healed then return true end
  if news.state == "proven" and last.state == "proven" then
    return clock.now() + news.seconds - (self.proof_ends or 0) > PROOF_STEP
  end
  return news.state ~= "unproven" and news.state ~= last.state
end

-- Publishes what this client has found out, if it has. No two tellings are the same text, or the
-- second refusal in a row would be no news.
function Shared:publish(news)
  if not self:is_news(news) then return end
  local seconds = news.state == "doubted" and DOUBT_SECONDS or news.seconds
  news.told = new_token()
  self.text, self.last, self.proof_ends = cjson.encode(news), news, clock.now() + news.seconds
  self.dict:set(self:name("state"), self.text, seconds)
  if news.state ~= "proven" then return end
  for i = 1, NOTES_MOST do self.dict:delete(self:name("note" .. i)) end
end

-- ---- the right to try the key -------------------------------------------------------------------

function Shared:owns_lock()
  return self.token ~= nil and clock.now() < self.locked_until
end

function Shared:lock()
  if self:owns_lock() then return true end
  local token = new_token()
  local added, reason = self.dict:add(self:name("lock"), token, LOCK_SECONDS)
  -- Without memory for a lock there is none; the clients' own turns still hold.
  if not added and reason == "exists" then return false end
  self.token, self.locked_until, self.probe = token, clock.now() + LOCK_SECONDS, nil
  return true
end

function Shared:unlock()
  if not self.token then return end
  local name = self:name("lock")
  if self.dict:get(name) == self.token then self.dict:delete(name) end
  self.token, self.probe = nil, nil
end

-- ---- around a machine's steps -------------------------------------------------------------------

--- Before a machine's next: brings its key up to date; without the lock, it may not try the key.
function Shared:before_next()
  local news = self:look()
  if not news.name then return end
  self:mirror(news.notes)
  news = self:learn(news)
  if news.state ~= "unproven" then return end
  if not self:lock() then
    return self:tell_client { state = "held", seconds = HOLD_SECONDS }
  end
  -- Whoever had the lock before may have told something.
  if self:learn(news).state ~= "unproven" then return end
  self:tell_client { state = "held", seconds = self:is_exhausted() and HOLD_SECONDS or 0 }
end

--- After a machine's next: the lock goes with the request that tries the key.
function Shared:after_next(request)
  if not self.token then return end
  if not request or request.metadata then
    if not self.probe then self:unlock() end
    return
  end
  local news = self:look()
  local tries = news.state == "unproven"
  -- A second request that tries the key: the call of the first one is gone.
  if not self.token or self.probe and not tries then return end
  self:mirror(news.notes)
  local seconds = math.max(request.deadline - clock.now(), 0) + LOCK_GRACE
  self.probe, self.locked_until = request, clock.now() + seconds
  self.dict:set(self:name("lock"), self.token, seconds)
end

--- Before a machine is given its answer: a request that was signed by an old clock, or with a key
-- that others have seen refused since, is judged by what is known now.
function Shared:before_answer()
  local news = self:look()
  if news.name then self:learn(news) end
end

--- After a machine was given the answer to `request`.
function Shared:after_answer(request)
  if self.probe == request then self.probe = nil end
  local news = self:look()
  if not news.name then return end
  self:mirror(news.notes)
  self:publish(news)
end

--- Instead of the answer to `request`, or of what was to follow it: the call was given up.
function Shared:drop(request)
  local news = self:look()
  if news.name then self:publish(news) end
  if not self.probe or self.probe == request then self:unlock() end
end

local module = {}

--- What the client shares with the workers' other clients, over the shared dict of this name.
function module.new(client, name)
  local dict = ngx.shared[name]
  if not dict then error("option 'shared': there is no lua_shared_dict '" .. name .. "'", 3) end
  return setmetatable({ client = client, dict = dict, places = {} }, Shared)
end

return module
