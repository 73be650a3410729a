-- Prunes snapshots: keeps the newest of each volume, deletes what is old, never a backup's.
--
--   lua examples/prune_snapshots.lua PROJECT --keep 7 --older-than 30d        shows what would go
--   lua examples/prune_snapshots.lua PROJECT --keep 7 --older-than 30d --yes  deletes it
--
-- With --keep N a snapshot goes only if its volume has N newer ones that are available, with
-- --older-than only if it is older; with both, only if both say so. Filters narrow what is looked
-- at, and so what counts as newer. Keys and region come from the environment, as the README says.
--
-- A terminal gets a progress bar, a pipe a line for each snapshot, --json an object for each: an
-- audit trail with result, outcome and request_id, and for failures code and message.
--
-- For cron it ends with 0 when all is well, also when there was nothing to do; 1 when something was
-- not deleted that should be; 2 for a wrong command line; 3 when a deletion may have happened.
-- It needs argparse.
local argparse = require "argparse"
local cjson = require "cjson"
local evs = require "evs"

local SECONDS = { s = 1, m = 60, h = 3600, d = 86400, w = 7 * 86400 }
local BAR_WIDTH = 24

-- ---- the command line ---------------------------------------------------------------------------

local function age(text)
  local number, unit = text:match("^(%d+)([smhdw])$")
  if not number then return nil, "'" .. text .. "' is no age such as 36h, 30d, 8w" end
  return tonumber(number) * SECONDS[unit]
end

local function whole(text)
  if not text:find("^%d+$") then return nil, "'" .. text .. "' is no whole number" end
  return tonumber(text)
end

local function make_parser()
  local parser = argparse("prune_snapshots", "Deletes old snapshots of Huawei Cloud EVS.")
  parser:argument("project", "project_id")
  parser:option("--keep", "Keep the newest N of each volume."):argname("N"):convert(whole)
  parser:option("--older-than", "Delete only what is older: 36h, 30d, 8w.")
    :argname("AGE"):convert(age)
  parser:option("--name", "Look only at these."):argname("NAME")
  parser:option("--status", "Look only at these."):argname("STATUS")
  parser:option("--volume-id", "Look only at this volume's."):argname("ID")
  parser:option("--concurrency", "Deletions at a time (16)."):argname("N"):convert(whole)
  parser:option("--rate", "At most N requests a second."):argname("N"):convert(tonumber)
  parser:flag("--wait", "Wait until each is gone.")
  parser:flag("--yes", "Delete. Without it nothing is.")
  parser:flag("--json", "Report in lines of JSON.")
  return parser
end

local function parse()
  local parser = make_parser()
  local ok, args = parser:pparse()
  if ok and not (args.keep or args.older_than) then
    ok, args = false, "give --keep, --older-than, or both"
  end
  if ok then return args end
  io.stderr:write(parser:get_usage(), "\n\nError: ", args, "\n")
  os.exit(2)
end

-- What a call returned; the end of the script when that is nil and an error.
local function check(value, err)
  if value ~= nil then return value end
  io.stderr:write("Error: ", tostring(err), "\n")
  os.exit(err.code == "Client.InvalidArgument" and 2 or 1)
end

-- ---- what goes ----------------------------------------------------------------------------------

-- Busy ones cannot be deleted, and what has no date or volume is not judged.
local function is_prunable(snapshot)
  return not evs.protected(snapshot)
    and (snapshot.status == "available" or snapshot.status == "error")
    and type(snapshot.volume_id) == "string"
    and tostring(snapshot.created_at):find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d") ~= nil
end

-- What goes of all snapshots. EVS's dates are UTC, and sort as text.
local function choose(all, args)
  local before = os.date("!%Y-%m-%dT%H:%M:%S", os.time() - (args.older_than or 0))
  local keep, newer, chosen = args.keep or 0, {}, {}
  table.sort(all, function(a, b) return tostring(a.created_at) > tostring(b.created_at) end)
  for _, snapshot in ipairs(all) do
    if is_prunable(snapshot) then
      local volume = snapshot.volume_id
      local count = newer[volume] or 0
      if count >= keep and snapshot.created_at < before then chosen[#chosen + 1] = snapshot end
      if snapshot.status == "available" then newer[volume] = count + 1 end
    end
  end
  return chosen
end

-- ---- what is told -------------------------------------------------------------------------------

-- Reporters get a snapshot, a word for what became of it, and its error and info if there are any.

local function report_json(snapshot, word, err, info)
  local done = word == "accepted" or word == "gone"
  io.write(cjson.encode {
    id = snapshot.id, name = snapshot.name, volume_id = snapshot.volume_id,
    created_at = snapshot.created_at, result = word,
    outcome = done and word or err and err.outcome or "not_sent",
    request_id = info and info.request_id, code = err and err.code, message = err and err.message,
  }, "\n")
end

local function line_of(snapshot, word, err)
  local name = tostring(snapshot.name or ""):gsub("%c", "?")
  return ("%s  %s  %s%s"):format(word, snapshot.id, name, err and "  " .. tostring(err) or "")
end

local function report_line(snapshot, word, err)
  io.write(line_of(snapshot, word, err), "\n")
end

-- A bar that is drawn over itself; failures scroll by above it.
local function make_bar(total)
  local began, drawn, done, failures = os.time(), 0, 0, 0
  return function(snapshot, word, err)
    done = done + 1
    if err then
      failures = failures + 1
      io.write("\r\27[K", line_of(snapshot, word, err), "\n")
    end
    local now = os.time()
    if not err and done < total and now == drawn and done % 10 ~= 0 then return end
    drawn = now
    local rate = done / math.max(now - began, 1)
    local filled, left = math.floor(BAR_WIDTH * done / total), math.ceil((total - done) / rate)
    io.write(("\r\27[K[%s%s] %d/%d  %.0f/s  %d failed  %d:%02d left"):format(("#"):rep(filled),
      ("-"):rep(BAR_WIDTH - filled), done, total, rate, failures, math.floor(left / 60),
      left % 60), done == total and "\n" or "")
    io.flush()
  end
end

local function is_terminal()
  local result = os.execute("test -t 1")
  return result == true or result == 0 -- Lua 5.1 gives the number
end

local function make_reporter(args, total)
  if args.json then return report_json end
  return args.yes and is_terminal() and make_bar(total) or report_line
end

-- ---- all of it ----------------------------------------------------------------------------------

-- Deletes the chosen ones, reports each, and returns the sums.
local function delete(client, args, chosen, report)
  local untold = {}
  for _, snapshot in ipairs(chosen) do untold[snapshot.id] = snapshot end
  local function on_result(id, result, info)
    local snapshot = untold[id]
    untold[id] = nil
    if result == true then
      local gone = args.wait or info.status == 404 -- of itself, before we came
      report(snapshot, gone and "gone" or "accepted", nil, info)
    else
      report(snapshot, result.outcome == "unknown" and "unknown" or "failed", result, info)
    end
  end
  local summary = check(client:delete_snapshots(args.project, chosen, { on_result = on_result }))
  for _, snapshot in ipairs(chosen) do
    if untold[snapshot.id] then report(snapshot, "unsent", summary.stopped) end
  end
  return summary
end

local args = parse()
local client = check(evs.new { concurrency = args.concurrency, rate = args.rate, wait = args.wait,
  ignore_missing = true })
local all = check(client:list_snapshots(args.project,
  { name = args.name, status = args.status, volume_id = args.volume_id }))
local chosen = choose(all, args)
local report = make_reporter(args, #chosen)
local out = args.json and io.stderr or io.stdout -- the sums are no line of an audit trail
io.stdout:setvbuf("line")

if not args.yes then
  for _, snapshot in ipairs(chosen) do report(snapshot, "would go") end
  out:write(("%d of %d would go; nothing was deleted, add --yes\n"):format(#chosen, #all))
  os.exit(0)
end
local sums = delete(client, args, chosen, report)
out:write(("%d %s, %d failed, %d unknown, %d unsent, %d kept\n"):format(sums.succeeded,
  args.wait and "gone" or "accepted or gone", sums.failed, sums.unknown, sums.unsent,
  #all - #chosen))
if sums.stopped then io.stderr:write("Stopped: ", tostring(sums.stopped), "\n") end
os.exit(sums.unknown > 0 and 3 or sums.failed + sums.unsent > 0 and 1 or 0)
