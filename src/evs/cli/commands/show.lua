-- `evs show`: all that EVS tells of snapshots.

local clients = require "evs.cli.client"
local failure = require "evs.cli.failure"
local json = require "evs.cli.json"
local output = require "evs.cli.output"
local tables = require "evs.cli.table"
local terminal = require "evs.cli.terminal"

local STDOUT = 1

-- Fields one below the other, by name; what is a table in JSON.
local function field_lines(snapshot)
  local rows = {}
  for name, value in pairs(snapshot) do
    local text = type(value) == "table" and json.encode(value) or value
    rows[#rows + 1] = { terminal.word(name), terminal.word(text) }
  end
  table.sort(rows, function(a, b) return a[1] < b[1] end)
  local lines = tables.lines(rows)
  lines[#lines + 1] = ""
  return lines
end

return function(args)
  local client = clients.new(args)
  local project, code = clients.project(args, client), 0
  for _, id in ipairs(args.id) do
    local one, err = client:show_snapshot(project, id)
    if one then
      output.lines(STDOUT, args.json and { json.encode(one) } or field_lines(one))
    else
      io.stderr:write("evs: ", terminal.word(id), ": ", terminal.escape(tostring(err)), "\n")
      code = failure.NOT_DELETED
    end
  end
  return code
end
