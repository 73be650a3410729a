-- Deletes one snapshot; keys and region come from the environment, as the README says.
--
--   lua examples/delete_snapshot.lua PROJECT ID [--wait [SECONDS]] [--ignore-missing] [--no-guard]
--
-- Ends with 0 when the snapshot is gone or its deletion accepted, 1 when it was not deleted, 2 for
-- a wrong command line, 3 when it may be gone or is on its way: look before you go on.
-- It needs argparse.
local argparse = require "argparse"
local evs = require "evs"

local function parse()
  local parser = argparse("delete_snapshot", "Deletes a snapshot of Huawei Cloud EVS.")
  parser:argument("project", "project_id")
  parser:argument("id", "snapshot_id")
  parser:option("--wait", "Wait until it is gone, at most SECONDS (180)."):args("?")
    :argname("SECONDS")
  parser:flag("--ignore-missing", "A snapshot that does not exist is success.")
  parser:flag("--no-guard", "Do not look at it first: backups' snapshots are not spared.")

  local ok, args = parser:pparse()
  if not ok then
    io.stderr:write(parser:get_usage(), "\n\nError: ", args, "\n")
    os.exit(2)
  end
  return args
end

local function seconds(wait)
  if wait == nil then return false end
  local text = wait[1]
  if text == nil then return true end
  local value = tonumber(text)
  if value then return value end
  io.stderr:write("Error: --wait takes seconds, not '", text, "'\n")
  os.exit(2)
end

local args = parse()
local result = evs.delete_snapshot(args.project, args.id, {
  wait = seconds(args.wait),
  ignore_missing = args.ignore_missing or false,
  guard = not args.no_guard,
})

if result == true then
  local accepted = args.ignore_missing and "accepted, or gone before" or "accepted"
  print(args.id .. ": " .. (args.wait and "gone" or accepted))
  os.exit(0)
end
io.stderr:write(args.id, ": ", tostring(result), "\n")
local under_way = result.outcome == "unknown" or result.outcome == "accepted"
os.exit(under_way and 3 or 1)
