-- Many deletions at once: concurrent.lua URL COUNT CONCURRENCY KEY [CA_FILE]
-- Prints the seconds they took and the CPU's seconds among them. KEY is `proven`, by one call
-- before them, or `unproven`.
local evs = require "evs"
local gettime = require("socket").gettime

local url, count, concurrency = arg[1], tonumber(arg[2]), tonumber(arg[3])
local key, ca_file = arg[4], arg[5]
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
if key == "proven" then assert(client:delete_snapshot(project, ids[1]) == true) end
local began, cpu = gettime(), os.clock()
local summary = assert(client:delete_snapshots(project, ids))
print(("%.6f %.6f %d"):format(gettime() - began, os.clock() - cpu, summary.succeeded))
