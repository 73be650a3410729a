-- A plan for people: a line for each snapshot, then the sums by volume.

local output = require "evs.cli.output"
local tables = require "evs.cli.table"
local terminal = require "evs.cli.terminal"

local planview = {}

local function rows_of(rows, word, entries, reasons)
  for _, entry in ipairs(entries) do
    local one = entry.snapshot
    rows[#rows + 1] = { word, terminal.word(one.volume_id), tables.date(one),
      terminal.word(one.id), tables.size(one), terminal.word(one.name),
      reasons and terminal.word(table.concat(entry.reasons, ", ")) or "" }
  end
end

-- Oldest first within a volume, volumes by name.
local function by_volume(a, b)
  for i = 2, 4 do
    if a[i] ~= b[i] then return a[i] < b[i] end
  end
  return false
end

local function snapshot_lines(plan, paint)
  local rows = {}
  rows_of(rows, "goes", plan.go, false)
  rows_of(rows, "stays", plan.stay, true)
  rows_of(rows, "spared", plan.spared, true)
  table.sort(rows, by_volume)
  local lines = tables.lines(rows)
  for i, row in ipairs(rows) do
    lines[i] = lines[i]:gsub("%s+$", "")
    if row[1] == "goes" then lines[i] = paint("red", lines[i]) end
  end
  return lines
end

-- How many of each volume go, stay and are spared, and the sizes of the disks of what goes.
local function sums_of(plan)
  local volumes, order = {}, {}
  local function add(entries, what)
    for _, entry in ipairs(entries) do
      local name = terminal.word(entry.snapshot.volume_id)
      local sum = volumes[name]
      if not sum then
        sum = { name = name, go = 0, stay = 0, spared = 0, size = 0 }
        volumes[name], order[#order + 1] = sum, sum
      end
      sum[what] = sum[what] + 1
      if what == "go" then sum.size = sum.size + (tonumber(entry.snapshot.size) or 0) end
    end
  end
  add(plan.go, "go")
  add(plan.stay, "stay")
  add(plan.spared, "spared")
  table.sort(order, function(a, b) return a.name < b.name end)
  return order
end

local function sum_lines(plan)
  local rows, size = { { "VOLUME", "GO", "STAY", "SPARED", "OF DISKS" } }, 0
  for _, sum in ipairs(sums_of(plan)) do
    size = size + sum.size
    rows[#rows + 1] = { sum.name, tostring(sum.go), tostring(sum.stay), tostring(sum.spared),
      ("%g GiB"):format(sum.size) }
  end
  rows[#rows + 1] = { "all", tostring(#plan.go), tostring(#plan.stay), tostring(#plan.spared),
    ("%g GiB"):format(size) }
  return tables.lines(rows)
end

--- A plan in one line.
function planview.summary(plan)
  local others = plan.total - plan.matched
  local rest = others > 0 and (", %d others do not pass the filters"):format(others) or ""
  return ("%d of %d snapshots go, %d stay, %d are spared%s"):format(#plan.go, plan.total,
    #plan.stay, #plan.spared, rest)
end

--- Shows a plan on a descriptor.
function planview.show(plan, descriptor)
  local paint = terminal.painter(descriptor)
  if plan.matched > 0 then
    output.lines(descriptor, snapshot_lines(plan, paint))
    output.lines(descriptor, { "" })
    output.lines(descriptor, sum_lines(plan))
    output.lines(descriptor, { "" })
  end
  output.lines(descriptor, { planview.summary(plan) })
end

return planview
