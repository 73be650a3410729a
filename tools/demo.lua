-- Five deletions, and what each comes to; run by `make demo` against the emulator. Ends badly when
-- one of them is not what it should be.
local evs = require "evs"

local project, snapshot, backup, missing = arg[1], arg[2], arg[3], arg[4]
-- The emulator's snapshot that is still being created.
local creating = "e5e5e5e5-0000-4000-8000-000000000005"

local surprises = 0

local function expect(what, wanted, got)
  if got == wanted then return end
  surprises = surprises + 1
  print(("    NOT AS IT SHOULD BE: %s is %s, and should be %s"):format(
    what, tostring(got), tostring(wanted)))
end

local function one_line(err)
  local parts = { err.code }
  if err.kind then parts[#parts + 1] = err.kind end
  if err.status then parts[#parts + 1] = "HTTP " .. err.status end
  parts[#parts + 1] = err.outcome
  return table.concat(parts, ", ")
end

-- Deletes, prints, and compares with the code, kind and outcome that are wanted.
local function delete(what, id, opts, code, kind, outcome)
  local result = evs.delete_snapshot(project, id, opts)
  local err = result ~= true and result or {}
  io.write(("  %-30s  "):format(what))
  print(result == true and "true" or one_line(err))
  if err.message then print(("  %-30s    %s"):format("", err.message)) end
  expect("the result", code == true, result == true)
  if code ~= true then
    expect("code", code, err.code)
    expect("kind", kind, err.kind)
    expect("outcome", outcome, err.outcome)
  end
end

local function exists(id)
  local shown, err = evs.show_snapshot(project, id)
  return shown ~= nil or (err.kind ~= "itemNotFound" and err.code or false)
end

print("lua-evs " .. evs._VERSION .. " deletes from " .. os.getenv("EVS_ENDPOINT") .. ":")
delete("a snapshot", snapshot, nil, true)
delete("a backup's snapshot", backup, nil, "Client.Protected", nil, "not_sent")
delete("one that does not exist", missing, nil, "404", "itemNotFound", "not_sent")
delete("one that is being created", creating, nil, "Client.WrongState", nil, "not_sent")
delete("the same with guard=false", creating, { guard = false }, "EVS.1047", nil, "refused")

expect("the first one's existence", false, exists(snapshot))
expect("the backup's existence", true, exists(backup))
expect("the last one's existence", true, exists(creating))
print(surprises == 0 and "Of these only the first is gone." or "This is not as it should be.")
os.exit(surprises == 0 and 0 or 1)
