-- What an audit says of the past: of which snapshots it is not known what became.

local failure = require "evs.cli.failure"
local json = require "evs.cli.json"

local history = {}

local function note_intent(state, event, order)
  event.start = state.starts[event.run] or {}
  state.open[event.id] = { event = event, order = order }
  state.unsent[event.id] = nil
end

-- An unknown end is none: a look can tell.
local function note_end(state, event)
  if event.result == "unknown" then return end
  local intent = state.open[event.id]
  state.open[event.id] = nil
  if intent and event.result == "unsent" then state.unsent[event.id] = intent end
end

-- A new run's unsent ones are its own: what an earlier run did not send is for its successor on the
-- same project.
local function note_start(state, event)
  state.starts[event.run] = event
  if event.command == "resume" then return end
  for id, intent in pairs(state.unsent) do
    if intent.event.project_id == event.project_id then state.unsent[id] = nil end
  end
end

local function note(state, event, order)
  if event.event == "start" then
    note_start(state, event)
  elseif type(event.id) == "string" and event.event == "intent" then
    note_intent(state, event, order)
  elseif type(event.id) == "string" and event.event == "end" then
    note_end(state, event)
  end
end

local function in_order(entries)
  local list, events = {}, {}
  for _, entry in pairs(entries) do list[#list + 1] = entry end
  table.sort(list, function(a, b) return a.order < b.order end)
  for i, entry in ipairs(list) do events[i] = entry.event end
  return events
end

--- Reads an audit: `open`, the intents without an end that is known, and `unsent`, those that their
-- project's last run did not send; both in the file's order, each with the first event of its run
-- as `start`. A line that was cut is passed over: its event did not happen, or is open. Ends the
-- command when the file is no audit.
function history.read(path)
  local file, err = io.open(path)
  if not file then failure.raise(failure.USAGE, "cannot read the audit: %s", err) end
  local state, order, known = { open = {}, unsent = {}, starts = {} }, 0, 0
  for line in file:lines() do
    local event = json.decode(line)
    order = order + 1
    if event and event.event and event.run then
      known = known + 1
      note(state, event, order)
    end
  end
  file:close()
  if known == 0 then failure.raise(failure.USAGE, "%s is no audit: it has no events", path) end
  return { open = in_order(state.open), unsent = in_order(state.unsent) }
end

return history
