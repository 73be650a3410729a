-- Deletes COUNT snapshots whose ids an iterator makes: memory.lua URL COUNT [all fail]
local evs = require "evs"

local url, count, all_fail = arg[1], tonumber(arg[2]), arg[3]
local client = assert(evs.new {
  endpoint = url, guard = false, retries = 0,
  ak = "AKEXAMPLE0123456789", sk = "an-example-secret-key",
})
local number = 0
local summary = assert(client:delete_snapshots("0123456789abcdef0123456789abcdef", function()
  if number == count then return nil end
  number = number + 1
  return ("00000000-0000-4000-8000-%012d"):format(number)
end))
assert(not summary.stopped, summary.stopped)
assert(summary[all_fail and "failed" or "succeeded"] == count)
