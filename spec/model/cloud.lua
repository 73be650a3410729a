--- The model cloud: the real state of snapshots and of the key, and what a request does to it.
--
-- Times are true seconds since the run's start. A snapshot changes by DELETEs, by other actors, and
-- by itself: after a DELETE it is gone, or stuck in error_deleting, or back, or `deleting` for
-- ever.
-- With a lag, GETs show its old status for a while after a DELETE was accepted.
--
-- The gateway counts wrong signatures in a row; more than five lock the key for five minutes. A
-- pause of five minutes ends a row: that is the model's assumption, without which a script that
-- tries once in five minutes would lock any wrong key in half an hour whatever it did.

local Service = require "spec.model.metadata"
local answers = require "spec.model.answers"
local evs = require "evs"

local Cloud = {}
Cloud.__index = Cloud

local LOCK_SECONDS = 300
local WRONG_IN_A_ROW = 5
local TOLERANCE = 900

-- --- snapshots -----------------------------------------------------------------------------------

local NAMES = {
  8, { json = "null" },
  8, { json = '"nightly"', text = "nightly" },
  2, { json = '"autobk_snapshot"', text = "autobk_snapshot" },
  2, { json = '"my_autobk_snapshot_1"', text = "my_autobk_snapshot_1" },
  1, { json = '""', text = "" },
  2, { json = '"autobk_snapshot_1"', text = "autobk_snapshot_1", backup = true },
  1, { json = '"autobk_snapshot_"', text = "autobk_snapshot_", backup = true },
  1, { json = '"\\u0061utobk_snapshot_2"', text = "autobk_snapshot_2", backup = true },
  1, { json = '"manualbk_snapshot"', text = "manualbk_snapshot" },
  2, { json = '"manualbk_snapshot_vbs_1"', text = "manualbk_snapshot_vbs_1", backup = true },
  1, { json = '"manualbk_snapshot_"', text = "manualbk_snapshot_", backup = true },
}

local METADATA = {
  12, { json = "{}" },
  6, { json = '{"team":"a","enableActive":"true"}', fields = { team = "a" } },
  2, { json = '{"__system__enableActive":"true"}', mark = "true" },
  1, { json = '{"a":"b","__system__enableActive":null}', mark = "" },
  1, { json = '{"__system__enableActive":false}', mark = false },
}

local STATUSES = {
  70, "available", 8, "error", 6, "error_deleting", 4, "creating", 4, "backing-up",
  2, "rollbacking", 2, "deleting", 1, "unmanaging",
}

--- A cloud with `plan.snapshots` snapshots, and the key that `plan` says; see model.lua.
function Cloud.new(random, plan)
  local cloud = setmetatable({
    random = random, plan = plan, snapshots = {}, books = {},
    service = plan.agency and Service.new(random, plan) or nil,
  }, Cloud)
  for i = 1, plan.snapshots do
    cloud.snapshots[i] = cloud:make_snapshot(i)
  end
  return cloud
end

function Cloud:make_snapshot(index)
  local random = self.random
  local name, metadata = random:weighted(NAMES), random:weighted(METADATA)
  local snapshot = {
    id = ("3fa85f64-5717-4562-b3fc-2c963f66af%02d"):format(index),
    name_json = name.json, name = name.text,
    metadata_json = metadata.json, metadata_fields = metadata.fields, metadata_mark = metadata.mark,
    backup = name.backup or metadata.mark ~= nil,
    status = random:weighted(STATUSES), exists = true, deletions = {},
  }
  if random:chance(0.06) then
    snapshot.exists = false
    snapshot.deletions[1] = { at = -1, shown_at = -1, ends_at = -1, ending = "gone" }
  elseif snapshot.status == "deleting" then
    snapshot.status = "available"
    self:accept(snapshot, nil, 0)
  end
  return snapshot
end

-- EVS takes a DELETE on, `call`'s or (nil) somebody else's.
function Cloud:accept(snapshot, call, now)
  local random = self.random
  local delay = random:scale(0.02, random:chance(0.2) and 120 or 12)
  local lag = self.plan.lag and math.min(random:scale(0.01, 3), delay * 0.9) or 0
  local deletion = { call = call, at = now, shown_at = now + lag, ends_at = now + delay }
  deletion.ending = random:weighted({ 75, "gone", 9, "error_deleting", 9, "back", 7, "stuck" })
  snapshot.deletions[#snapshot.deletions + 1] = deletion
  snapshot.before, snapshot.status, snapshot.current = snapshot.status, "deleting", deletion
end

-- Lets what was to happen until `now` happen.
local function advance(snapshot, now)
  local current = snapshot.current
  if not current or now < current.ends_at or current.ending == "stuck" then
    return
  end
  snapshot.current = nil
  if current.ending == "gone" then
    snapshot.exists = false
    return
  end
  current.back_at = current.ends_at
  snapshot.status = current.ending == "back" and snapshot.before or "error_deleting"
end

--- What is so: "gone" or the status.
function Cloud.truth(_, snapshot, now)
  advance(snapshot, now)
  return snapshot.exists and snapshot.status or "gone"
end

--- What a GET shows: the truth, but for the lag.
function Cloud:visible(snapshot, now)
  local truth = self:truth(snapshot, now)
  local current = snapshot.current
  return truth == "deleting" and current and now < current.shown_at and snapshot.before or truth
end

local function deletable(status)
  return status == "available" or status == "error"
end

--- Another actor: deletes it, or does something else with it that its status allows.
function Cloud:interfere(snapshot, now)
  local truth = self:truth(snapshot, now)
  if deletable(truth) and self.random:chance(0.5) then
    self:accept(snapshot, nil, now)
  elseif deletable(truth) then
    snapshot.status = self.random:pick({ "backing-up", "error", "rollbacking", "available" })
  elseif truth ~= "gone" and truth ~= "deleting" then
    snapshot.status = "available"
  end
end

local function show(cloud, snapshot, now)
  local visible = cloud:visible(snapshot, now)
  if visible == "gone" then
    return answers.missing(cloud.random, snapshot.id)
  end
  return answers.shown(cloud.random, snapshot, cloud.plan.project, visible)
end

local function delete(cloud, snapshot, call, now)
  local truth = cloud:truth(snapshot, now)
  if truth == "gone" then
    return answers.missing(cloud.random, snapshot.id)
  elseif deletable(truth) then
    cloud:accept(snapshot, call, now)
    return answers.accepted(cloud.random)
  elseif truth == "error_deleting" and cloud.random:chance(0.6) then
    return answers.error("evs", 500, "EVS.2019", "The snapshot is in error_deleting.")
  end
  return answers.wrong_state(cloud.random)
end

-- --- the key -------------------------------------------------------------------------------------

-- Days from 1970-01-01, of "YYYYMMDD"; a run sees one or two of them.
local days_of = setmetatable({}, { __index = function(cache, date)
  local year, month = tonumber(date:sub(1, 4)), tonumber(date:sub(5, 6))
  local y = month <= 2 and year - 1 or year
  local day_of_year = math.floor((153 * ((month + 9) % 12) + 2) / 5) + tonumber(date:sub(7, 8)) - 1
  local days = y * 365 + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
    + day_of_year - 719468
  cache[date] = days
  return days
end })

--- Seconds since 1970 of an X-Sdk-Date; nil when it is none.
function Cloud.signing_time(text)
  local date, hour, minute, second = (text or ""):match("^(%d%d%d%d%d%d%d%d)T(%d%d)(%d%d)(%d%d)Z$")
  return date and days_of[date] * 86400 + hour * 3600 + minute * 60 + second
end

-- What the server computes over the bytes it got, with the key that it knows.
local function signature(key, request, time)
  return evs.sign({
    method = request.method, url = request.url, ak = key.ak, sk = key.sk,
    security_token = key.security_token, time = time,
    headers = { ["X-Project-Id"] = request.headers["X-Project-Id"] },
  }).Authorization
end

--- The key that a request names, as the server knows it: { ak, sk, security_token, dies }.
function Cloud:key_of(request)
  if self.service then
    return self.service:find(request.headers.Authorization)
  end
  self.key = self.key or {
    ak = self.plan.ak, sk = self.plan.server_sk, security_token = self.plan.security_token,
    dies = self.plan.key_ends_at, wrong = 0,
  }
  return self.key
end

-- The gateway's book about a key.
function Cloud:book(key)
  local book = self.books[key]
  if not book then
    book = { wrong = 0, wrong_at = -math.huge, locked_until = -math.huge }
    self.books[key] = book
  end
  return book
end

function Cloud:server_time(now)
  return self.plan.epoch + now
end

local ECHO = "Incorrect IAM authentication information: verify aksk signature fail, "
  .. "canonicalRequest:"

-- The gateway's 401. It may repeat what was signed.
function Cloud:unauthorized(now, why)
  local answer = answers.error("gateway", 401, "APIGW.0301", why)
  answer.time = self:server_time(now)
  answer.headers.Date = answers.http_date(answer.time)
  return answer
end

local function count_wrong(book, request, now)
  book.wrong = now - book.wrong_at < LOCK_SECONDS and book.wrong + 1 or 1
  book.wrong_at = now
  if book.wrong > WRONG_IN_A_ROW then
    book.locked_until = now + LOCK_SECONDS
  end
  request.wrong_signature = true
end

-- Why a request is not signed by the key as it is now; nil when it is. Second, what is wrong with
-- the request itself though key and clock are right, for there must be nothing.
function Cloud:judge_signature(request, key, now)
  local time = Cloud.signing_time(request.headers["X-Sdk-Date"])
  if not time then
    return "no date", "its X-Sdk-Date is no date"
  elseif now >= key.dies then
    return "AK has expired"
  elseif math.abs(time - self:server_time(now)) > TOLERANCE then
    return "signature expired"
  elseif request.headers.Authorization == signature(key, request, time) then
    return nil
  end
  local echo = ECHO .. request.method .. "|" .. request.url .. "|"
  return echo .. table.concat(self.plan.secrets, "|"),
    not self.plan.wrong_key and "its signature is wrong"
end

-- The 401 for a request; nil when there is no reason for one.
function Cloud:check_signature(request, now)
  local key = self:key_of(request)
  if not key then
    return self:unauthorized(now, "AK not exist"), "it names no key"
  end
  local book = self:book(key)
  request.key = key
  if now < book.locked_until then
    return self:unauthorized(now, "AK access failed to reach the limit, forbidden")
  end
  local why, fault = self:judge_signature(request, key, now)
  if not why then
    book.wrong = 0
    return nil
  end
  count_wrong(book, request, now)
  return self:unauthorized(now, why), fault
end

function Cloud:check_token(request, now)
  if request.headers["X-Auth-Token"] == self.plan.server_token and now < self.plan.key_ends_at then
    return nil
  elseif self.random:chance(0.3) then
    return self:unauthorized(now, "decrypt token fail")
  end
  return answers.openstack("error", 401, "The request you have made requires authentication.")
end

--- What the cloud does with a request and answers; second, a fault of the request itself if there
-- is one, which the run must not have.
function Cloud:handle(request, now)
  local plan = self.plan
  local refusal, fault
  if plan.token then
    refusal = self:check_token(request, now)
  else
    refusal, fault = self:check_signature(request, now)
  end
  if refusal then
    return refusal, fault
  elseif request.url ~= request.call.url then
    return answers.page(404), "its URL is wrong: " .. request.url
  elseif plan.banned then
    return answers.error("gateway", 403, plan.banned, "No permission for you.")
  end
  local snapshot = request.call.snapshot
  if request.method == "DELETE" then
    return delete(self, snapshot, request.call, now)
  end
  return show(self, snapshot, now)
end

return Cloud
