--- Says which snapshots a policy keeps and which may go. Pure: nothing is sent, read or written.
--
--   local plan = require("evs.retention").plan(snapshots, { last = 7, daily = 14, within = "2d" })
--   for _, snapshot in ipairs(plan.delete) do ... end
--
-- Types and all that a policy may hold: library/evs/retention.lua.

local judges = require "evs.retention.judge"
local policies = require "evs.retention.policy"
local rules = require "evs.retention.rules"

local floor = math.floor

local retention = {}

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

-- The states of groups, by name; each begins when it is asked for.
local function make_states(policy)
  return setmetatable({}, { __index = function(states, group)
    states[group] = rules.begin(policy)
    return states[group]
  end })
end

-- Judges a list. Of what is judged, arrays beside the list have the times, the states of the groups
-- and what is in error (a table for each snapshot would take twice the time), and the array of each
-- hour has keys: millisecond of the hour * span + place in the list.
local function split(snapshots, policy)
  local judge, groups, seen, spared = judges.new(policy), make_states(policy), {}, {}
  local times, states, in_error, hours, span = {}, {}, {}, {}, #snapshots + 1
  for i = 1, #snapshots do
    local snapshot = snapshots[i]
    local id = type(snapshot) == "table" and snapshot.id
    if type(id) ~= "string" or seen[id] then refuse_entry(snapshot, i) end
    seen[id] = true
    local time, group = judge(snapshot)
    if time then
      times[i], states[i] = time, groups[group]
      if snapshot.status == "error" then in_error[i] = true end
      local hour = floor(time / 3600)
      local key = floor((time - hour * 3600) * 1000) * span + i
      local keys = hours[hour]
      if keys then keys[#keys + 1] = key else hours[hour] = { key } end
    else
      spared[#spared + 1] = { snapshot = snapshot, reason = group }
    end
  end
  return { snapshots = snapshots, times = times, states = states, in_error = in_error,
    hours = hours, span = span }, spared
end

-- ---- the order ----------------------------------------------------------------------------------

-- Sorts some of an array of places, from one to another.
local function sort_part(places, from, to, is_older)
  local part = {}
  for i = from, to do part[#part + 1] = places[i] end
  table.sort(part, is_older)
  for i = from, to do places[i] = part[i - from + 1] end
end

-- Makes of an hour's keys its places, oldest first; of equal times the lesser id is older. Keys are
-- plain numbers: Lua sorts them several times as fast as with a function that compares, which is
-- left to those of one millisecond.
local function sort(keys, span, is_older)
  table.sort(keys)
  local begin, millisecond = 1, nil
  for i = 1, #keys do
    local place = keys[i] % span
    local other = keys[i] - place
    keys[i] = place
    if other ~= millisecond then
      if i - begin > 1 then sort_part(keys, begin, i - 1, is_older) end
      begin, millisecond = i, other
    end
  end
  if #keys > begin then sort_part(keys, begin, #keys, is_older) end
end

-- A function that says whether the snapshot at one place is older than that at another.
local function make_comparison(judged)
  local times, snapshots = judged.times, judged.snapshots
  return function(a, b)
    if times[a] ~= times[b] then return times[a] < times[b] end
    return snapshots[a].id < snapshots[b].id
  end
end

-- The hours that have snapshots, oldest first.
local function hours_of(judged)
  local hours = {}
  for hour in pairs(judged.hours) do hours[#hours + 1] = hour end
  table.sort(hours)
  return hours
end

-- ---- the plan -----------------------------------------------------------------------------------

local function reverse(list)
  local count = #list
  for i = 1, floor(count / 2) do list[i], list[count + 1 - i] = list[count + 1 - i], list[i] end
  return list
end

-- What goes and what stays of what is judged; both oldest first.
local function decide(judged, policy)
  local delete, keep, hours, is_older = {}, {}, hours_of(judged), make_comparison(judged)
  local snapshots, times, states = judged.snapshots, judged.times, judged.states
  local in_error = judged.in_error
  for h = #hours, 1, -1 do
    local places, periods = judged.hours[hours[h]], rules.periods(hours[h])
    sort(places, judged.span, is_older)
    for i = #places, 1, -1 do
      local place = places[i]
      local reasons = rules.reasons(policy, states[place], snapshots[place],
        not in_error[place], times[place], periods)
      if reasons then
        keep[#keep + 1] = { snapshot = snapshots[place], reasons = reasons }
      else
        delete[#delete + 1] = snapshots[place]
      end
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
  local delete, keep = decide(judged, checked)
  return { delete = delete, keep = keep, spared = spared }
end

--- The snapshots whose disk is gone, see library/. Raises for an empty array of disks.
retention.orphans = require "evs.retention.orphans"

return retention
