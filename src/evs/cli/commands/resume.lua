-- `evs resume`: says what became of the snapshots that an interrupted run left open, and with --yes
-- deletes those that are still there.

local failure = require "evs.cli.failure"
local history = require "evs.cli.history"
local json = require "evs.cli.json"
local output = require "evs.cli.output"
local recheck = require "evs.cli.recheck"
local runs = require "evs.cli.run"
local sessions = require "evs.cli.session"
local terminal = require "evs.cli.terminal"

local STDOUT, STDERR = 1, 2

local function refuse(event, what, was, is)
  failure.raise(failure.USAGE, "%s was begun in the %s %s, not in %s", event.id, what,
    tostring(was), tostring(is))
end

-- What the environment or the command line says, if it says anything.
local function named(argument, variable)
  local value = argument or os.getenv(variable)
  return value ~= "" and value ~= "auto" and value or nil
end

-- The events of the project that is named, else of the first one's. Others wait for a run of their
-- own; where the project has none, it is a mistake.
local function choose_project(args, past)
  local first = past.open[1] or past.unsent[1]
  local project = named(args.project, "HUAWEICLOUD_SDK_PROJECT_ID") or first.project_id
  local chosen, other = {}, nil
  for name, events in pairs(past) do
    chosen[name] = {}
    for _, event in ipairs(events) do
      if event.project_id == project then table.insert(chosen[name], event) else other = event end
    end
  end
  if not (chosen.open[1] or chosen.unsent[1]) then
    refuse(first, "project", first.project_id, project)
  elseif other then
    output.lines(STDERR, { ("evs: some are of other projects: when this is done, give --project %s")
      :format(terminal.word(other.project_id)) })
  end
  args.project = project
  return chosen
end

-- Takes the API from the events where the command line names none. A snapshot that is missing in
-- another project, at another endpoint or in another API is not gone.
local function check_api(args, events)
  local api = named(args.api, "EVS_API") or events[1].start.api
  for _, event in ipairs(events) do
    if event.start.api ~= api then refuse(event, "API", event.start.api, api) end
  end
  args.api = api
end

local function check_endpoint(session, events)
  for _, event in ipairs(events) do
    local was = event.start.endpoint
    if was ~= session.endpoint then refuse(event, "endpoint", was, session.endpoint) end
  end
end

local function item_of(event, recorded)
  return { id = event.id, snapshot = event, reasons = event.reasons and json.array(event.reasons),
    recorded = recorded }
end

local function kept(message)
  return { code = "Client.Kept", message = message, outcome = "not_sent" }
end

-- What became of an open one: "gone", "accepted", "unsent" with why it may not be deleted; nil when
-- it is still there; or false and an error when that cannot be told.
local function look(session, event)
  local now, err = session.client:show_snapshot(session.project, event.id)
  if not now then
    if runs.is_missing(err) then return "gone" end
    return false, err
  end
  if now.status == "deleting" then return "accepted" end
  local reason = recheck.reason(event, now)
  if reason then return "unsent", kept(reason) end
  return nil
end

-- Splits the open ones: entries whose end is known, and items that are still there.
local function settle(session, events)
  local settled, left = {}, {}
  for _, event in ipairs(events) do
    local word, err = look(session, event)
    local item = item_of(event, true)
    if word == nil and session.args.yes then
      left[#left + 1] = item
    else
      if word == nil then word, err = "unsent", kept("it is still there") end
      settled[#settled + 1] = { item = item, word = word, err = err }
    end
  end
  return settled, left
end

local function say_nothing_open(args)
  output.lines(args.json and STDERR or STDOUT, { "nothing is open in this audit" })
  return 0
end

return function(args)
  local past = history.read(args.file)
  if not args.yes then past.unsent = {} end
  if not (past.open[1] or past.unsent[1]) then return say_nothing_open(args) end
  past = choose_project(args, past)
  local all = {}
  for _, event in ipairs(past.open) do all[#all + 1] = event end
  for _, event in ipairs(past.unsent) do all[#all + 1] = event end
  check_api(args, all)
  args.audit = args.file
  local session = sessions.open(args, true)
  check_endpoint(session, all)
  session:record_start { counts = { open = #past.open, unsent = #past.unsent } }
  local settled, items = settle(session, past.open)
  for _, event in ipairs(past.unsent) do items[#items + 1] = item_of(event, false) end
  return session:run { settled = settled, items = items, ignore_missing = true }
end
