-- `evs list`: snapshots as a table, or as lines of JSON.

local clients = require "evs.cli.client"
local failure = require "evs.cli.failure"
local filters = require "evs.cli.filters"
local json = require "evs.cli.json"
local output = require "evs.cli.output"
local tables = require "evs.cli.table"
local terminal = require "evs.cli.terminal"

local STDOUT = 1

local function table_lines(list)
  local rows = { { "ID", "STATUS", "CREATED", "SIZE", "VOLUME", "NAME" } }
  for _, one in ipairs(list) do
    rows[#rows + 1] = { terminal.word(one.id), terminal.word(one.status), tables.date(one),
      tables.size(one), terminal.word(one.volume_id), terminal.word(one.name) }
  end
  return tables.lines(rows)
end

local function json_lines(list)
  local lines = {}
  for i, one in ipairs(list) do lines[i] = json.encode(one) end
  return lines
end

return function(args)
  local client = clients.new(args)
  local all = failure.check(client:list_snapshots(clients.project(args, client)))
  local passes, list = filters.new(args), {}
  for _, one in ipairs(all) do
    if passes(one) then list[#list + 1] = one end
  end
  if args.json then
    output.lines(STDOUT, json_lines(list))
  elseif #list == 0 then
    output.lines(STDOUT, { ("none of %d snapshots"):format(#all) })
  else
    output.lines(STDOUT, table_lines(list))
  end
  return 0
end
