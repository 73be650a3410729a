--- Says which snapshots a policy keeps and which may go. Pure: nothing is sent, read or written.
--
--   local plan = require("evs.retention").plan(snapshots, { last = 7, daily = 14, within = "2d" })
--   for _, snapshot in ipairs(plan.delete) do ... end
--
-- Types and all that a policy may hold: library/evs/retention.lua.

local date = require "evs.retention.date"
local policies = require "evs.retention.policy"

local floor = math.floor

local retention = {}

-- ---- what is not judged -------------------------------------------------------------------------

-- A JSON null, as other decoders give it, is as good as nothing.
local function present(value)
  if type(value) == "userdata" then return nil end
  return value
end

-- Why a standard snapshot of a kind that the policy does not include is spared.
local function kind_reason(snapshot, include)
  local made = present(snapshot.snapshot_type)
  if made == "auto" then
    if not include.auto then return "an automatic policy made it (auto)" end
  elseif made == "copy" then
    if not include.copy then return "it is a copy (copy)" end
  elseif made ~= nil and made ~= "user" and not include.unknown then
    return ("its snapshot_type is %s (unknown)"):format(tostring(made))
  end
  if present(snapshot.frozen) and not include.frozen then return "it is frozen (frozen)" end
  local group = present(snapshot.snapshot_group_id)
  if group and group ~= "" and not include.group then
    return ("it is in the snapshot group %s (group)"):format(tostring(group))
  end
  return nil
end

-- Why a date cannot be used; `time` is what was read in it, if it is one.
local function date_reason(text, time)
  if present(text) == nil then return "it has no date" end
  if not time then return ("its date is none: %s"):format(tostring(text)) end
  return ("its date is after now: %s"):format(text)
end

local function group_reason(group)
  return type(group) == "string" and "it has no " .. group or "it has no group"
end

-- A judge gives a snapshot's time and group, or nil and why it is spared.
local function make_judge(policy)
  local protected, read = require("evs").protected, date.reader()
  local now, include, field = policy.now, policy.include, policy.group
  local group_of = type(field) == "function" and field
  return function(snapshot)
    local reason = protected(snapshot)
    if not reason and (snapshot.snapshot_type or snapshot.frozen or snapshot.snapshot_group_id) then
      reason = kind_reason(snapshot, include)
    end
    if reason then return nil, reason end
    local status, text = snapshot.status, snapshot.created_at
    if status ~= "available" and status ~= "error" then
      return nil, ("its status is %s"):format(tostring(status))
    end
    local time = type(text) == "string" and read(text)
    if not time or time > now then return nil, date_reason(text, time) end
    local group
    if group_of then group = group_of(snapshot) else group = snapshot[field] end
    if type(group) ~= "string" or group == "" then return nil, group_reason(field) end
    return time, group
  end
end

-- ---- the list -----------------------------------------------------------------------------------

-- Raises for an entry without an id, and for one whose id was there before.
local function refuse_entry(snapshot, i)
  local id = type(snapshot) == "table" and snapshot.id
  if type(id) == "string" then
    error(("retention: snapshots[%d]: the id %s comes twice"):format(i, id), 4)
  end
  error(("retention: snapshots[%d]: a snapshot with an id expected, got %s"):format(i,
    type(snapshot) == "table" and "one whose id is a " .. type(id) or type(snapshot)), 4)
end

-- Splits a list: what is judged, as three arrays that go together (a table for each snapshot would
-- take twice the time), and what is spared.
local function split(snapshots, policy)
  local judge, seen, spared = make_judge(policy), {}, {}
  local judged, times, groups, count = {}, {}, {}, 0
  for i = 1, #snapshots do
    local snapshot = snapshots[i]
    local id = type(snapshot) == "table" and snapshot.id
    if type(id) ~= "string" or seen[id] then refuse_entry(snapshot, i) end
    seen[id] = true
    local time, group = judge(snapshot)
    if time then
      count = count + 1
      judged[count], times[count], groups[count] = snapshot, time, group
    else
      spared[#spared + 1] = { snapshot = snapshot, reason = group }
    end
  end
  return { snapshots = judged, times = times, groups = groups }, spared
end

-- The places of `judged`, oldest first; of equal times the lesser id is older. Plain numbers are
-- sorted, as Lua does that several times as fast as with a function that compares.
local function sort(judged)
  local times, first, following = {}, {}, {} -- places of one time are a chain
  for i = 1, #judged.times do
    local time = judged.times[i]
    if first[time] then following[i] = first[time] else times[#times + 1] = time end
    first[time] = i
  end
  table.sort(times)
  local snapshots, order = judged.snapshots, {}
  local function has_lesser_id(a, b) return snapshots[a].id < snapshots[b].id end
  for i = 1, #times do
    local place, begin = first[times[i]], #order
    if following[place] then
      local same = {}
      while place do same[#same + 1], place = place, following[place] end
      table.sort(same, has_lesser_id)
      for j = 1, #same do order[begin + j] = same[j] end
    else
      order[begin + 1] = place
    end
  end
  return order
end

-- ---- the rules ----------------------------------------------------------------------------------

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

-- A function that gives the numbers of a time's periods, in the order of PERIODS. It keeps those of
-- the last hour: times come in order.
local function make_calendar()
  local numbers = {}
  return function(time)
    local hour = floor(time / 3600)
    if hour ~= numbers[1] then
      local day = floor(hour / 24)
      local year, month = date.civil(day)
      numbers = { hour, day, floor((day + 3) / 7), year * 12 + month - 1, year }
    end
    return numbers
  end
end

-- What a group's rules have left to keep, and the last period of each.
local function new_state(policy)
  local state = { last = policy.last or 0, left = {}, period = {}, open = 0 }
  for i, period in ipairs(PERIODS) do
    state.left[i] = policy[period.rule] or 0
    if state.left[i] > 0 then state.open = state.open + 1 end
  end
  return state
end

local function add(reasons, reason)
  reasons = reasons or {}
  reasons[#reasons + 1] = reason
  return reasons
end

local function add_periods(reasons, state, numbers)
  local left, last = state.left, state.period
  for i = 1, #numbers do
    local number = numbers[i]
    if left[i] > 0 and number ~= last[i] then
      left[i], last[i] = left[i] - 1, number
      if left[i] == 0 then state.open = state.open - 1 end
      reasons = add(reasons, PERIODS[i].name(number))
    end
  end
  return reasons
end

-- The reasons of the rules that count; nil when there are none.
local function counted_reasons(policy, state, numbers)
  local reasons
  if state.last > 0 then
    state.last = state.last - 1
    reasons = add(nil, ("last %d of %d"):format(policy.last - state.last, policy.last))
  end
  if state.open > 0 then reasons = add_periods(reasons, state, numbers) end
  return reasons
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

-- Why the policy keeps a snapshot; nil when it does not. To be asked from the newest on. `calendar`
-- gives a time's periods. One in error holds no data and stands for no place and no period.
local function reasons_for(policy, state, snapshot, time, calendar)
  local available, reasons = snapshot.status == "available", nil
  if available and (state.last > 0 or state.open > 0) then
    reasons = counted_reasons(policy, state, calendar(time))
  end
  if policy.within and policy.now - time < policy.within then
    reasons = add(reasons, "within " .. policy.within_text)
  end
  local own = policy.keep and own_reason(policy, snapshot)
  if own then reasons = add(reasons, own) end
  if available and not state.newest then
    state.newest = true
    if not reasons and not policy.empty_groups then reasons = { "newest" } end
  end
  return reasons
end

-- ---- the plan -----------------------------------------------------------------------------------

local function reverse(list)
  local count = #list
  for i = 1, floor(count / 2) do list[i], list[count + 1 - i] = list[count + 1 - i], list[i] end
  return list
end

-- What goes and what stays of `judged`, whose places are in `order`; both oldest first.
local function decide(judged, order, policy)
  local states, delete, keep, calendar = {}, {}, {}, make_calendar()
  for i = #order, 1, -1 do
    local place = order[i]
    local snapshot, group = judged.snapshots[place], judged.groups[place]
    local time = judged.times[place]
    local state = states[group]
    if not state then
      state = new_state(policy)
      states[group] = state
    end
    local reasons = reasons_for(policy, state, snapshot, time, calendar)
    if reasons then
      keep[#keep + 1] = { snapshot = snapshot, reasons = reasons }
    else
      delete[#delete + 1] = snapshot
    end
  end
  return reverse(delete), reverse(keep)
end

--- What a policy does to a list of snapshots: { delete =, keep =, spared = }, see library/. Raises
-- for a policy or a list that cannot be used.
function retention.plan(snapshots, policy)
  local checked, message = policies.check(policy)
  if not checked then error(message, 2) end
  if type(snapshots) ~= "table" then
    error("retention: snapshots: an array expected, got a " .. type(snapshots), 2)
  end
  local judged, spared = split(snapshots, checked)
  local delete, keep = decide(judged, sort(judged), checked)
  return { delete = delete, keep = keep, spared = spared }
end

local DEFAULT_PROJECT = "0" -- the enterprise project of what names none

-- What the list of disks shows: the set of their ids, and that of their enterprise projects.
local function known_of(volumes)
  local ids, projects = {}, {}
  for i, volume in ipairs(volumes) do
    if type(volume) ~= "table" or type(volume.id) ~= "string" then
      error(("retention: volumes[%d]: a disk with an id expected"):format(i), 3)
    end
    ids[volume.id] = true
    projects[present(volume.enterprise_project_id) or DEFAULT_PROJECT] = true
  end
  return ids, projects
end

--- The snapshots whose disk is gone, see library/. Raises for an empty array of disks.
function retention.orphans(snapshots, volumes)
  if type(snapshots) ~= "table" or type(volumes) ~= "table" or #volumes == 0 then
    error("retention: orphans: an array of snapshots and one of all disks expected", 2)
  end
  local ids, projects = known_of(volumes)
  local found = {}
  for _, snapshot in ipairs(snapshots) do
    local disk = present(snapshot.volume_id)
    local seen = projects[present(snapshot.enterprise_project_id) or DEFAULT_PROJECT]
    if seen and type(disk) == "string" and disk ~= "" and not ids[disk] then
      found[#found + 1] = snapshot
    end
  end
  return found
end

return retention
