-- `evs delete`: deletes the snapshots that are named.

local failure = require "evs.cli.failure"
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

-- The distinct ids as items.
local function named_items(ids)
  local items, known = {}, {}
  for _, id in ipairs(ids) do
    if not known[id] then
      known[id] = true
      items[#items + 1] = { id = id, reasons = { "named on the command line" } }
    end
  end
  return items
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

-- A function that gives each id of standard input once, as an item; at the end nil, or nil and an
-- error.
local function read_items()
  local known = {}
  return function()
    local id, err
    repeat id, err = read_input() until not id or not known[id]
    if not id then return nil, err end
    known[id] = true
    return { id = id, reasons = { "named on standard input" } }
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
    fields.items = find_named(session, args.name)
  elseif reads then
    fields.next_item = read_items()
  else
    fields.items = named_items(args.id)
  end
  session:record_start { counts = { delete = fields.items and #fields.items } }
  return session:run(fields)
end
