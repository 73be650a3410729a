--- What examples/nginx.conf runs: DELETE /snapshots/{id}, and a sweep every night.

local cjson = require "cjson"
local evs = require "resty.evs"

local snapshots = {}

local DAY = 24 * 60 * 60
local KEPT_SECONDS = 30 * DAY

-- The allow-list: of all snapshots only those with such a name are deleted from here.
local MAY_BE_DELETED = { "^nightly", "^tmp%-", "^broken" }

local project_id = os.getenv("EVS_PROJECT_ID")
local client

--- In the master. Does no I/O: the workers that are forked later make the connections. nginx does
-- not start with settings that cannot be used, and says why.
function snapshots.init()
  local err
  client, err = evs.new { shared = "evs", timeout = 20 }
  if not client then error(tostring(err), 0) end
end

local function is_allowed(snapshot)
  for _, pattern in ipairs(MAY_BE_DELETED) do
    if (snapshot.name or ""):find(pattern) then return true end
  end
  return false
end

local function answer(status, value)
  ngx.status = status
  ngx.header["Content-Type"] = "application/json"
  ngx.say(cjson.encode(value))
  return ngx.exit(status)
end

-- What our own caller is told: whether to come again, and what is known of the deletion.
local function answer_error(err)
  ngx.log(ngx.WARN, "snapshot: ", tostring(err))
  -- Not any 404: a gateway's is about something else.
  local missing = err.kind == "itemNotFound" or err.code == "EVS.5404"
  local status = missing and 404 or err.code == "Client.WrongState" and 409
    or err.code == "Client.Protected" and 403 or 502
  return answer(status, { code = err.code, outcome = err.outcome, retryable = err.retryable })
end

--- Serves DELETE /snapshots/{id}: 202 when EVS has accepted it.
function snapshots.serve(snapshot_id)
  local snapshot, err = client:show_snapshot(project_id, snapshot_id)
  if not snapshot then return answer_error(err) end
  if not is_allowed(snapshot) then return answer(403, { code = "not on the list" }) end
  -- The snapshot stands for its id: the guard need not look again.
  local ok, failure = client:delete_snapshot(project_id, snapshot)
  if not ok then return answer_error(failure) end
  return answer(202, { id = snapshot_id })
end

-- "2026-08-21T01:02:03.000000", in UTC, without a time zone.
local function age(snapshot)
  local year, month, day = (snapshot.created_at or ""):match("^(%d+)-(%d+)-(%d+)T")
  if not year then return 0 end
  return os.time() - os.time { year = year, month = month, day = day, hour = 12 }
end

-- Those that are old enough and on the list, one by one as pages come in.
local function each_old(next_snapshot)
  return function()
    while true do
      local snapshot, err = next_snapshot()
      if not snapshot then return nil, err end
      if is_allowed(snapshot) and age(snapshot) > KEPT_SECONDS then return snapshot end
    end
  end
end

local function sweep()
  local all = client:each_snapshot(project_id, { status = "available" })
  local summary, err = client:delete_snapshots(project_id, each_old(all), {
    concurrency = 8, rate = 20, ignore_missing = true,
    on_result = function(id, result)
      if result ~= true then ngx.log(ngx.WARN, "snapshot ", id, ": ", tostring(result)) end
    end,
  })
  if not summary then return ngx.log(ngx.ERR, "sweep: ", tostring(err)) end
  ngx.log(ngx.NOTICE, "sweep: ", summary.succeeded, " accepted, ", summary.failed, " failed, ",
    summary.unknown, " unknown, stopped: ", tostring(summary.stopped))
end

-- Seconds until the next time that clocks show `moment`, "hh:mm:ss".
local function seconds_until(moment)
  local hour, minute, second = moment:match("^(%d+):(%d+):(%d+)$")
  local now = os.date("*t")
  local left = (hour - now.hour) * 3600 + (minute - now.min) * 60 + second - now.sec
  return left > 0 and left or left + DAY
end

--- In each worker; one of them does it.
function snapshots.every_night(moment)
  if ngx.worker.id() ~= 0 then return end
  local function run(premature)
    if premature then return end
    assert(ngx.timer.at(seconds_until(moment), run)) -- first: also when this night's raises
    sweep()
  end
  assert(ngx.timer.at(seconds_until(moment), run))
end

return snapshots
