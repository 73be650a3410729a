-- Many deletions at once: concurrent.lua URL COUNT CONCURRENCY [CA_FILE]
-- Prints the seconds they took and the CPU's seconds among them, once one call has proven the key.
local evs = require "evs"
local gettime = require("socket").gettime

local url, count, concurrency, ca_file = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4]
local project = "0123456789abcdef0123456789abcdef"
local client = assert(evs.new {
  endpoint = url, ca_file = ca_file, guard = false,
  ak = "AKEXAMPLE0123456789", sk = "an-example-secret-key",
  concurrency = concurrency,
})
local ids = {}
for i = 1, count do
  ids[i] = ("00000000-0000-4000-8000-%012d"):format(i)
end
assert(client:delete_snapshot(project, ids[1]) == true)
local began, cpu = gettime(), os.clock()
local summary = assert(client:delete_snapshots(project, ids))
print(("%.6f %.6f %d"):format(gettime() - began, os.clock() - cpu, summary.succeeded))
