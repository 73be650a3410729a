-- `evs resume`: says what became of the snapshots that an interrupted run left open, and with --yes
-- deletes those that are still there.

local failure = require "evs.cli.failure"
local history = require "evs.cli.history"
local json = require "evs.cli.json"
local output = require "evs.cli.output"
local plans = require "evs.cli.plan"
local recheck = require "evs.cli.recheck"
local runs = require "evs.cli.run"
local sessions = require "evs.cli.session"

local STDOUT, STDERR = 1, 2

-- The project of all events; ends the command when there are several, or when it is not the run's.
local function project_of(args, events)
  local named = args.project or os.getenv("HUAWEICLOUD_SDK_PROJECT_ID")
  if named == "" or named == "auto" then named = nil end
  for _, event in ipairs(events) do
    named = named or event.project_id
    if event.project_id ~= named then
      failure.raise(failure.USAGE, "%s was begun in the project %s, not in %s", event.id,
        tostring(event.project_id), named)
    end
  end
  return named
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
  local wanted = args.yes and past.unsent or {}
  if #past.open + #wanted == 0 then return say_nothing_open(args) end
  args.project = project_of(args, past.open)
  args.project = project_of(args, wanted)
  args.audit = args.file
  local session = sessions.open(args, true)
  session:record_start { counts = { open = #past.open, unsent = #wanted } }
  local settled, items = settle(session, past.open)
  for _, event in ipairs(wanted) do items[#items + 1] = item_of(event, false) end
  return session:run { settled = settled, next_item = plans.feed(items),
    total = #settled + #items, ignore_missing = true }
end
