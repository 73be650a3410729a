-- Five deletions, and what each comes to; run by `make demo` against the emulator.
local evs = require "evs"

local project, snapshot, backup, missing = arg[1], arg[2], arg[3], arg[4]
-- The emulator's snapshot that is still being created.
local creating = "e5e5e5e5-0000-4000-8000-000000000005"

local surprises = 0

local function show(what, expected, result)
  print(("%-36s %s"):format(what, tostring(result)))
  local code = result == true or result.code
  if code ~= expected then
    surprises = surprises + 1
    print(("%-36s this was to be %s"):format("", tostring(expected)))
  end
  return result
end

print("deleting from " .. os.getenv("EVS_ENDPOINT"))
show("a snapshot", true, evs.delete_snapshot(project, snapshot))
show("a backup's snapshot", "Client.Protected", evs.delete_snapshot(project, backup))

local gone = show("one that does not exist", "404", evs.delete_snapshot(project, missing))
print(("%-36s kind=%s status=%s outcome=%s retryable=%s"):format("",
  tostring(gone.kind), tostring(gone.status), gone.outcome, tostring(gone.retryable)))

show("one that is being created", "Client.WrongState", evs.delete_snapshot(project, creating))
show("the same, without the guard's look", "EVS.1047",
  evs.delete_snapshot(project, creating, { guard = false }))

os.exit(surprises == 0 and 0 or 1)
