-- `evs delete`: deletes the snapshots that are named.

local failure = require "evs.cli.failure"
local plans = require "evs.cli.plan"
local sessions = require "evs.cli.session"
local terminal = require "evs.cli.terminal"

local function is_id(text)
  return #text <= 255 and text:find("^[%w_.~-]+$") ~= nil and text ~= "." and text ~= ".."
end

local function check_ids(ids)
  for _, id in ipairs(ids) do
    if not is_id(id) then
      failure.raise(failure.USAGE, "delete: %s is no snapshot id", terminal.quote(id))
    end
  end
end

-- A function that gives each id once, as an item; `read` gives the next id, or nil and an error. A
-- record has more than the id: for it each snapshot is looked at here, and not by the guard.
local function items(session, read, reason)
  local known = {}
  return function()
    local id, err = read()
    while id and known[id] do id, err = read() end
    if id == nil then return nil, err end
    known[id] = true
    local seen
    if session.audit:is_kept() then seen = session.client:show_snapshot(session.project, id) end
    return { id = id, snapshot = seen, seen = seen, reasons = { reason } }
  end
end

-- The next id of standard input, one a line; blank lines are none.
local function read_input()
  while true do
    local line, err = io.read("*l")
    if not line then return nil, err and "cannot read standard input: " .. err end
    local id = line:match("^%s*(.-)%s*$")
    if id ~= "" then return id end
  end
end

-- The one snapshot of a name, as an array of items; ends the command when it is not exactly one.
local function find_named(session, name)
  local found = {}
  for _, one in ipairs(session:list()) do
    if one.name == name then found[#found + 1] = one end
  end
  if #found == 0 then
    failure.raise(failure.EMPTY, "no snapshot has the name %s; nothing was sent",
      terminal.quote(name))
  elseif #found > 1 then
    failure.raise(failure.BELT, "%d snapshots have the name %s; nothing was sent. Give the id of "
      .. "the one that is meant", #found, terminal.quote(name))
  end
  return { { id = found[1].id, snapshot = found[1], reasons = { "its name was given" } } }
end

local function count_distinct(ids)
  local seen, count = {}, 0
  for _, id in ipairs(ids) do
    count, seen[id] = count + (seen[id] and 0 or 1), true
  end
  return count
end

-- Ids come from one place only.
local function check_source(args)
  local reads = args.id[1] == "-"
  if (args.name and args.id[1]) or (reads and args.id[2]) or not (args.name or args.id[1]) then
    failure.raise(failure.USAGE, "delete: give ids, or - alone, or --name alone")
  end
  if not reads then check_ids(args.id) end
  return reads
end

return function(args)
  local reads = check_source(args)
  local session = sessions.open(args, true)
  local fields = { ignore_missing = args.ignore_missing }
  if args.name then
    fields.next_item, fields.total = plans.feed(find_named(session, args.name)), 1
  elseif reads then
    fields.next_item = items(session, read_input, "named on standard input")
  else
    fields.next_item = items(session, plans.feed(args.id), "named on the command line")
    fields.total = count_distinct(args.id)
  end
  session:record_start { counts = { delete = fields.total } }
  return session:run(fields)
end
