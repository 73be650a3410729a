-- The rules of a policy: why a snapshot stays.

local date = require "evs.retention.date"

local floor = math.floor

local rules = {}

-- The rules that keep the newest of each of so many periods, in the order of their reasons, and how
-- the number of a period is written.
local PERIODS = {
  { rule = "hourly", name = function(hour)
    local year, month, day = date.civil(floor(hour / 24))
    return ("hourly %04d-%02d-%02dT%02d"):format(year, month, day, hour % 24)
  end },
  { rule = "daily", name = function(day)
    return ("daily %04d-%02d-%02d"):format(date.civil(day))
  end },
  { rule = "weekly", name = function(week)
    return ("weekly %04d-W%02d"):format(date.iso_week(week * 7))
  end },
  { rule = "monthly", name = function(month)
    return ("monthly %04d-%02d"):format(floor(month / 12), month % 12 + 1)
  end },
  { rule = "yearly", name = function(year) return ("yearly %04d"):format(year) end },
}

--- The periods that an hour (of those since 1970) is in: their numbers, in the order of PERIODS.
function rules.periods(hour)
  local day = floor(hour / 24)
  local year, month = date.civil(day)
  return { hour, day, floor((day + 3) / 7), year * 12 + month - 1, year }
end

--- What a group's rules have left to keep, and the last period of each; `open` has the places in
-- PERIODS of those with something left.
function rules.begin(policy)
  local state = { last = policy.last or 0, left = {}, period = {}, open = {} }
  for i, period in ipairs(PERIODS) do
    state.left[i] = policy[period.rule] or 0
    if state.left[i] > 0 then state.open[#state.open + 1] = i end
  end
  return state
end

local function add(reasons, reason)
  reasons = reasons or {}
  reasons[#reasons + 1] = reason
  return reasons
end

-- The reason of a period, which is kept in `periods`: many groups have the same.
local function period_reason(periods, i)
  local known = periods.reasons or {}
  periods.reasons = known
  known[i] = known[i] or PERIODS[i].name(periods[i])
  return known[i]
end

-- Takes rules off `open` that have nothing left.
local function close(state)
  local open = {}
  for _, i in ipairs(state.open) do
    if state.left[i] > 0 then open[#open + 1] = i end
  end
  state.open = open
end

local function add_periods(reasons, state, periods)
  local last, open = state.period, state.open
  for j = 1, #open do
    local i = open[j]
    local number = periods[i]
    if number ~= last[i] then
      last[i], state.left[i] = number, state.left[i] - 1
      if state.left[i] == 0 then close(state) end
      reasons = add(reasons, period_reason(periods, i))
    end
  end
  return reasons
end

-- The reasons of the rules that count; nil when there are none.
local function counted_reasons(policy, state, periods)
  local reasons
  if state.last > 0 then
    state.last = state.last - 1
    reasons = add(nil, ("last %d of %d"):format(policy.last - state.last, policy.last))
  end
  return add_periods(reasons, state, periods)
end

-- The reason of the policy's own function, if it has one.
local function own_reason(policy, snapshot)
  local reason = policy.keep(snapshot)
  if not reason then return nil end
  if reason ~= true and type(reason) ~= "string" then
    error(("retention: keep: a string, true or nil expected, got a %s"):format(type(reason)), 0)
  end
  return (reason == true or reason == "") and "keep" or "keep: " .. reason
end

--- Why the policy keeps a snapshot; nil when it does not. `state` is its group's, `time` and
-- `periods` are its own. To be asked from the group's newest on. One that is not available holds no
-- data: it stands for no place and no period.
function rules.reasons(policy, state, snapshot, is_available, time, periods)
  local reasons
  if is_available then reasons = counted_reasons(policy, state, periods) end
  if policy.within and policy.now - time < policy.within then
    reasons = add(reasons, policy.within_reason)
  end
  local own = policy.keep and own_reason(policy, snapshot)
  if own then reasons = add(reasons, own) end
  if is_available and not state.newest then
    state.newest = true
    if not reasons and not policy.empty_groups then reasons = { "newest" } end
  end
  return reasons
end

return rules
