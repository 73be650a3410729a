-- Belts: what holds a run back before anything is sent. Each says how it is loosened.

local failure = require "evs.cli.failure"

local belts = {}

local LEAST = 10      -- so many may go without --max
local CLOCK = 10 * 60 -- seconds

--- How many may be deleted of `judged` snapshots.
function belts.limit(max, judged)
  if not max then return math.max(LEAST, math.floor(judged / 2)) end
  return max.number or math.floor(judged * max.percent / 100)
end

--- Holds a plan that would delete too much.
function belts.check_max(max, judged, count)
  local limit = belts.limit(max, judged)
  if count <= limit then return end
  failure.raise(failure.BELT, "the belt --max held: %d of %d snapshots would go, at most %d may; "
    .. "nothing was sent. Look at the plan; if it is right, give --max %d", count, judged, limit,
    count)
end

local WITHOUT = "; nothing was sent. If that is right, give --empty-groups in place of --orphans"

--- Holds what would make orphans of all of `count` snapshots, because no disk is to be seen.
function belts.check_volumes(volumes, count)
  if volumes > 0 or count == 0 then return end
  failure.raise(failure.BELT, "the belt on orphans held: the list of disks is empty, so that all "
    .. "%d snapshots would count as without a disk" .. WITHOUT, count)
end

--- Holds a run whose list of disks fits no snapshot at all: it may be of other disks.
function belts.check_orphans(found, count, volumes)
  if found < count then return end
  failure.raise(failure.BELT, "the belt on orphans held: none of %d disks is that of a snapshot, "
    .. "so that all %d snapshots would count as without a disk" .. WITHOUT, volumes, count)
end

-- A span of time in its greatest unit.
local function span(seconds)
  if seconds >= 2 * 86400 then return ("%d days"):format(math.floor(seconds / 86400 + 0.5)) end
  return ("%d minutes"):format(math.floor(seconds / 60 + 0.5))
end

local function hold_clock(format, ...)
  failure.raise(failure.BELT, "the belt on the clock held: " .. format .. "; nothing was sent. "
    .. "Set the clock of this machine, or give --any-clock", ...)
end

--- Holds a run by a wrong clock: `offset` is how far the server's is ahead, in seconds.
function belts.check_offset(offset)
  if math.abs(offset) < CLOCK then return end
  hold_clock("this machine's clock is %s %s", span(math.abs(offset)),
    offset > 0 and "slow" or "fast")
end

--- Holds a plan by which no snapshot can be judged, for all dates are after now.
function belts.check_dates(plan)
  local future = 0
  for _, entry in ipairs(plan.spared) do
    if entry.reason:find("^its date is after now") then future = future + 1 end
  end
  if future > 0 and #plan.keep == 0 and #plan.delete == 0 then
    hold_clock("%d snapshots have a date after now, and no other can be judged", future)
  end
end

return belts
