-- `evs apply`: looks again at what a plan wants deleted, and with --yes deletes it.

local belts = require "evs.cli.belts"
local dates = require "evs.retention.date"
local failure = require "evs.cli.failure"
local output = require "evs.cli.output"
local planfile = require "evs.cli.planfile"
local plans = require "evs.cli.plan"
local recheck = require "evs.cli.recheck"
local sessions = require "evs.cli.session"
local tables = require "evs.cli.table"
local terminal = require "evs.cli.terminal"

local STDOUT, STDERR = 1, 2

local function hold(format, ...)
  failure.raise(failure.BELT, format .. "; nothing was sent", ...)
end

-- Holds a plan that is too young, or too old.
local function check_age(args, time)
  local made = dates.reader()(time)
  if not made then
    failure.raise(failure.USAGE, "the plan's time %s is none", terminal.quote(time))
  end
  local age = math.floor(os.time() - made)
  if args.not_before and age < args.not_before then
    hold("the belt --not-before held: the plan is of %s, %d seconds old; %d must have passed", time,
      age, args.not_before)
  end
  if args.not_after and age > args.not_after then
    hold("the belt --not-after held: the plan is of %s, %d seconds old; at most %d may have "
      .. "passed. Make a new one", time, age, args.not_after)
  end
end

-- The plan's project is the run's; another one on the command line is a mistake.
local function check_project(args, project)
  local named = args.project or os.getenv("HUAWEICLOUD_SDK_PROJECT_ID")
  if named and named ~= "" and named ~= "auto" and named ~= project then
    failure.raise(failure.USAGE, "the plan is for the project %s, not for %s", project, named)
  end
  args.project = project
end

-- So is its API: a snapshot of one is missing in another.
local function check_api(args, api)
  local named = args.api or os.getenv("EVS_API")
  if api and named and named ~= "" and named ~= api then
    failure.raise(failure.USAGE, "the plan is for the API %s, not for %s", api, named)
  end
  args.api = api or args.api
end

-- Splits the plan's entries: items that may go, and { entry =, reason = } of those that may not.
local function look_again(entries, list)
  local by_id, go, kept = {}, {}, {}
  for _, one in ipairs(list) do by_id[one.id] = one end
  for _, entry in ipairs(entries) do
    local reason = recheck.reason(entry, by_id[entry.id])
    if reason then
      kept[#kept + 1] = { entry = entry, reason = reason }
    else
      go[#go + 1] = { snapshot = by_id[entry.id], reasons = entry.reasons }
    end
  end
  return go, kept
end

-- What people read goes beside the record, which has standard output for itself.
local function descriptor_of(args)
  return args.json and STDERR or STDOUT
end

local function show(args, go, kept)
  local rows, descriptor = {}, descriptor_of(args)
  for _, entry in ipairs(args.yes and {} or go) do
    local one = entry.snapshot
    rows[#rows + 1] = { "goes", terminal.word(one.id), terminal.word(one.name) }
  end
  for _, one in ipairs(kept) do
    rows[#rows + 1] = { "stays", terminal.word(one.entry.id), terminal.word(one.entry.name),
      terminal.word(one.reason) }
  end
  output.lines(descriptor, tables.lines(rows))
  output.lines(descriptor, { ("%d of %d snapshots of the plan go, %d do not"):format(#go,
    #go + #kept, #kept) })
end

local function carry_out(session, go, kept)
  session:record_start { counts = { delete = #go, not_deleted = #kept } }
  local code = session:run { items = plans.items(go) }
  return code == 0 and #kept > 0 and failure.NOT_DELETED or code
end

return function(args)
  local head, entries = planfile.read(args.file)
  check_project(args, head.project_id)
  check_api(args, head.api)
  check_age(args, head.time)
  local session = sessions.open(args, args.yes)
  local all = session:list()
  if (args.not_before or args.not_after) and not args.any_clock then
    belts.check_offset(session.clock_offset)
  end
  local go, kept = look_again(entries, all)
  show(args, go, kept)
  if args.yes then return carry_out(session, go, kept) end
  if #go > 0 then output.lines(descriptor_of(args), { "nothing was deleted; add --yes" }) end
  return #kept > 0 and failure.NOT_DELETED or 0
end
