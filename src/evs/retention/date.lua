-- Dates as EVS writes them, and the calendar that retention counts in: days since 1970, in UTC.

local floor = math.floor
local byte, find, sub = string.byte, string.find, string.sub

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

-- Days from 1970-01-01 to the day of the number `YYYYMMDD`; false when the calendar has none.
local function day_of(number)
  local year, month, day = floor(number / 10000), floor(number / 100) % 100, number % 100
  if month < 1 or month > 12 or day < 1 then return false end
  local last = month == 2 and is_leap(year) and 29 or MONTHS[month]
  return day <= last and days_from_civil(year, month, day)
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

local SECONDS = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d"
local MICROSECONDS = SECONDS .. "%.%d%d%d%d%d%d$" -- as EVS writes it

-- What digits make too much when their bytes are taken for them: two digits, six, eight.
local TWO, SIX, EIGHT = 48 * 11, 48 * 111111, 48 * 11111111

-- The fraction of a date in the form MICROSECONDS.
local function fraction_of(text)
  local a, b, c, d, e, f = byte(text, 21, 26)
  return ((((((a * 10 + b) * 10 + c) * 10 + d) * 10 + e) * 10 + f) - SIX) / 1000000
end

-- A function that gives the whole seconds of a date in the form SECONDS; false when there is none
-- such. It remembers days: a long list has few of them.
local function make_counter()
  local days = {}
  return function(text)
    local a, b, c, d, _, e, f, _, g, h, _, h1, h2, _, m1, m2, _, s1, s2 = byte(text, 1, 19)
    local number = (((((((a * 10 + b) * 10 + c) * 10 + d) * 10 + e) * 10 + f) * 10 + g) * 10 + h)
      - EIGHT
    local day = days[number]
    if day == nil then
      day = day_of(number)
      days[number] = day
    end
    local hour, minute, second = h1 * 10 + h2 - TWO, m1 * 10 + m2 - TWO, s1 * 10 + s2 - TWO
    return day and hour < 24 and minute < 60 and second < 60
      and day * 86400 + hour * 3600 + minute * 60 + second
  end
end

--- A function that gives the seconds since 1970 of `YYYY-MM-DDTHH:MM:SS`, with a fraction and a
-- zone behind it or without; false for all else. It reads bytes: to cut a text into pieces takes
-- several times as long.
function date.reader()
  local seconds_of = make_counter()
  return function(text)
    if find(text, MICROSECONDS) then
      local seconds = seconds_of(text)
      return seconds and seconds + fraction_of(text)
    end
    local tail = find(text, SECONDS) and tail_of(sub(text, 20))
    local seconds = tail and seconds_of(text)
    return seconds and seconds + tail
  end
end

return date
