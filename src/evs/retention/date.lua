-- Dates as EVS writes them, and the calendar that retention counts in: days since 1970, in UTC.

local floor, sub = math.floor, string.sub

local date = {}

local MONTHS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

-- Days from 1970-01-01 to a day. The year begins in March here, so that the leap day ends it.
local function days_from_civil(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + floor(year / 4) - floor(year / 100) + floor(year / 400)
    + floor((153 * (month - 3) + 2) / 5) + day - 719469
end

--- The year, month and day of `days` after 1970-01-01 (before it when negative).
function date.civil(days)
  days = days + 719468
  local era = floor(days / 146097) -- of 400 years
  local of_era = days - era * 146097
  local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524)
    - floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + floor(year / 4) - floor(year / 100))
  local month = floor((5 * of_year + 2) / 153)
  local day = of_year - floor((153 * month + 2) / 5) + 1
  month = month < 10 and month + 3 or month - 9
  return year + era * 400 + (month <= 2 and 1 or 0), month, day
end

--- The ISO week of a day: the year that the week belongs to, and its number from 1 to 53.
function date.iso_week(days)
  local thursday = days - (days + 3) % 7 + 3 -- of the same week, in the year that has the week
  local year = date.civil(thursday)
  return year, floor((thursday - days_from_civil(year, 1, 1)) / 7) + 1
end

-- The day of `YYYY`, `MM`, `DD`; nil when the calendar has none.
local function day_of(year, month, day)
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  if month < 1 or month > 12 or day < 1 then return nil end
  local last = month == 2 and is_leap(year) and 29 or MONTHS[month]
  if day > last then return nil end
  return days_from_civil(year, month, day)
end

-- What stands behind the seconds of a date, in seconds: its fraction less its zone's distance from
-- UTC; nil when the zone is neither `Z`, nor one such as `+08:00`, nor left out.
local function tail_of(text)
  local digits, zone = text:match("^%.(%d+)(.*)$")
  local fraction = digits and tonumber("0." .. digits) or 0
  zone = zone or text
  if zone == "" or zone == "Z" then return fraction end
  local sign, hours, minutes = zone:match("^([+-])(%d%d):(%d%d)$")
  if not sign or hours > "23" or minutes > "59" then return nil end
  local ahead = tonumber(hours) * 3600 + tonumber(minutes) * 60
  return sign == "+" and fraction - ahead or fraction + ahead
end

-- The seconds since 1970 at which an hour begins that is written `YYYY-MM-DDTHH`.
local function hour_of(text)
  local day, hour = text:match("^(%d%d%d%d%-%d%d%-%d%d)T(%d%d)$")
  if not day or hour > "23" then return nil end
  local number = day_of(day:match("^(%d+)%-(%d+)%-(%d+)$"))
  return number and number * 86400 + tonumber(hour) * 3600
end

-- A table that holds what `of` gives for a text, and asks it once for each.
local function remember(of)
  return setmetatable({}, { __index = function(known, text)
    local value = of(text) or false
    known[text] = value
    return value
  end })
end

-- The seconds of `:MM:SS`.
local function minutes_of(text)
  local minutes, seconds = text:match("^:([0-5]%d):([0-5]%d)$")
  return minutes and tonumber(minutes) * 60 + tonumber(seconds)
end

--- A function that gives the seconds since 1970 of `YYYY-MM-DDTHH:MM:SS`, with a fraction and a
-- zone behind it or without; false for all else. It remembers parts: a long list has few of them.
function date.reader()
  local hours, minutes, tails = remember(hour_of), remember(minutes_of), remember(tail_of)
  return function(text)
    local hour, minute = hours[sub(text, 1, 13)], minutes[sub(text, 14, 19)]
    local tail = tails[sub(text, 20)]
    return hour and minute and tail and hour + minute + tail
  end
end

return date
