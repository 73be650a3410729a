-- Tables for people: columns as wide as their widest value.

local terminal = require "evs.cli.terminal"

local tables = {}

local function widths_of(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, value in ipairs(row) do
      widths[i] = math.max(widths[i] or 0, terminal.columns(value))
    end
  end
  return widths
end

--- The lines of a table; `rows` are arrays of texts that were made fit to be shown.
function tables.lines(rows)
  local widths, lines = widths_of(rows), {}
  for i, row in ipairs(rows) do
    local cells = {}
    for j, value in ipairs(row) do
      cells[j] = j < #row and terminal.pad(value, widths[j]) or value
    end
    lines[i] = table.concat(cells, "  ")
  end
  return lines
end

--- The size of a snapshot's disk, for people.
function tables.size(snapshot)
  return tonumber(snapshot.size) and ("%g GiB"):format(snapshot.size) or "-"
end

--- A snapshot's date without its fraction.
function tables.date(snapshot)
  return (terminal.word(snapshot.created_at):gsub("%.%d+", ""))
end

return tables
