--- Two clocks for the machines; the one that nginx has jumps when somebody sets it.

local ffi = require "ffi"

local clock = {}

-- Names of our own: somebody else in the worker may have declared clock_gettime, too.
pcall(ffi.cdef, [[
struct evs_resty_time { long seconds; long nanoseconds; };
int evs_resty_clock(int clock, struct evs_resty_time *time) __asm__("clock_gettime");
]])

local WALL, MONOTONIC = 0, ({ OSX = 6, BSD = 4 })[ffi.os] or 1
local time = ffi.new("struct evs_resty_time")

local function read(which)
  ffi.C.evs_resty_clock(which, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

--- Seconds of a clock that never jumps.
function clock.now()
  return read(MONOTONIC)
end

--- Seconds since 1970.
function clock.wall()
  return read(WALL)
end

--- Whole milliseconds for nginx, at least one: a wait of 0 would not wait, or not end.
function clock.milliseconds(seconds)
  return math.max(1, math.ceil(seconds * 1000))
end

--- Lets nginx do what is due: a turn of its event loop. ngx.sleep(0) would be logged by each nginx
-- that lacks a patch of OpenResty's.
function clock.give_way()
  ngx.sleep(0.001)
end

return clock
