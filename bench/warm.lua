-- Warm deletions as a script makes them: warm.lua URL COUNT [CA_FILE] Every call has another id
-- than the one before; guard is off, all other options are as they are by default.
local evs = require "evs"

local url, count, ca_file = arg[1], tonumber(arg[2]), arg[3]
local project = "0123456789abcdef0123456789abcdef"
local client = assert(evs.new {
  endpoint = url, ca_file = ca_file, guard = false,
  ak = "AKEXAMPLE0123456789", sk = "an-example-secret-key",
})

-- Made beforehand, and as many for any COUNT: making strings is the script's own work.
local ids = {}
for i = 0, 255 do
  ids[i] = ("%08x-0000-4000-8000-000000000000"):format(i)
end

for i = 1, count do
  local result = client:delete_snapshot(project, ids[i % 256])
  if result ~= true then error(tostring(result)) end
end
