-- The table: rows are added as they are measured and printed at the end.
-- luacheck: std lua54
local statistics = require "statistics"

local rows = { list = {} }

--- Add a row; all but `what` may be missing.
---@param row { what: string, peer?: string, ours?: string, ratio?: string, bound?: string,
---             reached?: string }
function rows.add(row)
  rows.list[#rows.list + 1] = row
end

--- Add a row for two series of numbers that were measured in turns, the peer's and ours.
---@param row { what: string, peer: number[], ours: number[], unit: string, bound?: number }
function rows.add_pairs(row)
  local ratio = statistics.ratio(row.ours, row.peer)
  rows.add {
    what = row.what,
    peer = row.unit:format(statistics.spread(row.peer).median),
    ours = row.unit:format(statistics.spread(row.ours).median),
    ratio = statistics.text(ratio),
    bound = row.bound and ("<= %.2f"):format(row.bound),
    reached = row.bound and statistics.verdict(ratio, row.bound),
  }
end

function rows.print()
  print("| what | floor or peer | lua-evs | ratio | bound | reached |")
  print("|---|---|---|---|---|---|")
  for _, row in ipairs(rows.list) do
    print(("| %s | %s | %s | %s | %s | %s |"):format(row.what, row.peer or "", row.ours or "",
      row.ratio or "", row.bound or "", row.reached or ""))
  end
end

return rows
