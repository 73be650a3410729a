--- The emulator's clock: the machine's, moved by the skew that POST /emulator/clock sets.

local state = require "emulator.state"

local clock = {}

--- Seconds since 1970 by the emulator's clock.
function clock.now()
  return ngx.now() + clock.skew()
end

--- Seconds by which the emulator's clock is ahead of the machine's.
function clock.skew()
  return state.get("skew") or 0
end

--- A time in the form of X-Sdk-Date, 20260821T010203Z.
function clock.sdk_date(seconds)
  return os.date("!%Y%m%dT%H%M%SZ", math.floor(seconds))
end

--- A time in the form of snapshots' times, 2026-08-21T01:02:03.000000.
function clock.iso(seconds)
  local whole = math.floor(seconds)
  local micros = math.floor((seconds - whole) * 1e6 + 0.5)
  return os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (".%06d"):format(micros)
end

-- Days from 1970-01-01 to a date of the Gregorian calendar.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local leaps = math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
  return 365 * year + leaps + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

--- The seconds since 1970 of an X-Sdk-Date, or nil when it is not one.
function clock.parse_sdk_date(text)
  local year, month, day, hour, minute, second =
    text:match("^(%d%d%d%d)(%d%d)(%d%d)T(%d%d)(%d%d)(%d%d)Z$")
  if not year then return nil end
  return days(tonumber(year), tonumber(month), tonumber(day)) * 86400
    + hour * 3600 + minute * 60 + second
end

return clock
