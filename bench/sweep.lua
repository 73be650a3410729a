-- A guarded sweep of the emulator: sweep.lua HOW COUNT SECONDS_UNTIL_GONE [OPTION=NUMBER...]
-- HOW is `lists`, or `alone`: then the emulator refuses lists of ids, and each id is looked at by
-- itself. Prints the seconds that the sweep took, the CPU's seconds among them, and its requests as
-- the emulator counted them. The emulator is this process's own.
package.path = "./?.lua;" .. package.path
local evs = require "evs"
local gettime = require("socket").gettime

local how, count, until_gone = arg[1], tonumber(arg[2]), tonumber(arg[3])
local options = { concurrency = 64 }
for i = 4, #arg do
  local name, value = arg[i]:match("^([%w_]+)=(.+)$")
  options[name] = tonumber(value)
end

local emulator = require("spec.support.emulator").start()
emulator:reset()
emulator:settings { id_lists = how == "lists" and "all" or "refuse" }
local ids, page = {}, {}
for i = 1, count do
  ids[i] = ("00000000-0000-4000-8000-%012d"):format(i)
  page[#page + 1] = { id = ids[i], delete_seconds = until_gone }
  if #page == 1000 or i == count then
    emulator:put(page)
    page = {}
  end
end
emulator:clear_log(0)

local client = assert(evs.new { endpoint = emulator.endpoint, ak = emulator.ak, sk = emulator.sk })
local began, cpu = gettime(), os.clock()
local summary = assert(client:delete_snapshots(emulator.project_id, ids, options))
local took, busy = gettime() - began, os.clock() - cpu
assert(summary.succeeded == count, tostring(summary.stopped or select(2, next(summary.errors))))
local requests = 0
for _, number in pairs(emulator:call("GET", "log?count=1")) do requests = requests + number end
print(("%.6f %.6f %d"):format(took, busy, requests))
