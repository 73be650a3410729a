--- The rules of retention written a second time, as plainly as can be: one rule after the other,
-- over the whole list each, with the C library's calendar.

local naive = {}

-- Seconds since 1970 of a date in UTC: os.date is asked until it shows the same.
local function find_seconds(text)
  local y, m, d, h, min, s, fraction = text:match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)(%.?%d*)")
  local days = 0
  for year = 1970, y - 1 do
    local leap = year % 4 == 0 and year % 100 ~= 0 or year % 400 == 0
    days = days + (leap and 366 or 365)
  end
  local guess = days * 86400
  while os.date("!%m-%d", guess) ~= m .. "-" .. d do guess = guess + 86400 end
  return guess + h * 3600 + min * 60 + s + (tonumber("0" .. fraction) or 0)
end

local known = {}

local function seconds_of(text)
  known[text] = known[text] or find_seconds(text)
  return known[text]
end

local FORMATS = { hourly = "!%Y-%m-%dT%H", daily = "!%Y-%m-%d", weekly = "!%G-W%V",
  monthly = "!%Y-%m", yearly = "!%Y" }

local UNITS = { h = 3600, d = 86400, w = 604800 }

local function is_spared(one, now)
  return one.name:find("^autobk_snapshot_") or one.status == "creating" or not one.created_at
    or seconds_of(one.created_at) > now or one.volume_id == ""
end

-- The judged snapshots of a volume, newest first.
local function judged_of(list, volume, now)
  local found = {}
  for _, one in ipairs(list) do
    if one.volume_id == volume and not is_spared(one, now) then found[#found + 1] = one end
  end
  table.sort(found, function(a, b)
    local at, bt = seconds_of(a.created_at), seconds_of(b.created_at)
    if at ~= bt then return at > bt end
    return a.id > b.id
  end)
  return found
end

local function add(reasons, one, reason)
  reasons[one.id] = reasons[one.id] or {}
  table.insert(reasons[one.id], reason)
end

local function keep_periods(reasons, available, rule, count)
  local seen, used = {}, 0
  for _, one in ipairs(available) do
    local period = os.date(FORMATS[rule], math.floor(seconds_of(one.created_at)))
    if not seen[period] and used < count then
      seen[period], used = true, used + 1
      add(reasons, one, rule .. " " .. period)
    end
  end
end

local function keep_of_volume(reasons, judged, policy)
  local available = {}
  for _, one in ipairs(judged) do
    if one.status == "available" then available[#available + 1] = one end
  end
  for i = 1, math.min(policy.last, #available) do
    add(reasons, available[i], ("last %d of %d"):format(i, policy.last))
  end
  for _, rule in ipairs { "hourly", "daily", "weekly", "monthly", "yearly" } do
    keep_periods(reasons, available, rule, policy[rule] or 0)
  end
  for _, one in ipairs(judged) do
    local number, unit = (policy.within or "0h"):match("(%d+)(%a)")
    if seconds_of(one.created_at) > policy.now - number * UNITS[unit] then
      add(reasons, one, "within " .. policy.within)
    end
    if policy.keep and policy.keep(one) then add(reasons, one, "keep") end
  end
  local newest = available[1]
  if newest and not reasons[newest.id] and not policy.empty_groups then
    add(reasons, newest, "newest")
  end
end

--- What becomes of each id: "deleted", "spared", or its reasons in one text.
function naive.plan(list, policy)
  local reasons, fates = {}, {}
  for _, volume in ipairs { "v1", "v2", "v3" } do
    keep_of_volume(reasons, judged_of(list, volume, policy.now), policy)
  end
  for _, one in ipairs(list) do
    local why = reasons[one.id]
    fates[one.id] = is_spared(one, policy.now) and "spared" or why and table.concat(why, ", ")
      or "deleted"
  end
  return fates
end

--- The same of a plan of evs.retention.
function naive.summary(plan)
  local fates = {}
  for _, one in ipairs(plan.delete) do fates[one.id] = "deleted" end
  for _, kept in ipairs(plan.keep) do fates[kept.snapshot.id] = table.concat(kept.reasons, ", ") end
  for _, one in ipairs(plan.spared) do fates[one.snapshot.id] = "spared" end
  return fates
end

return naive
