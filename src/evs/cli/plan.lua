-- The plan of a prune: what goes, what stays and why, what is spared and why.

local filters = require "evs.cli.filters"
local policies = require "evs.cli.policy"
local retention = require "evs.retention"

local plan = {}

-- Why a snapshot goes, for the record: the rules, none of which keeps it.
local function reasons_to_go(policy)
  local rules = {}
  for name, value in pairs(policies.given(policy)) do
    if name ~= "group" then rules[#rules + 1] = name .. " " .. value end
  end
  table.sort(rules)
  return { "no rule keeps it: " .. table.concat(rules, ", ") }
end

-- Those of `entries` that pass the filters.
local function chosen(entries, passes)
  local found = {}
  for _, entry in ipairs(entries) do
    if passes(entry.snapshot) then found[#found + 1] = entry end
  end
  return found
end

local function wrap(snapshots, reasons)
  local entries = {}
  for i, snapshot in ipairs(snapshots) do
    entries[i] = { snapshot = snapshot, reasons = reasons }
  end
  return entries
end

--- The plan for a list and a policy of evs.retention: `go`, `stay` and `spared`, arrays of
-- { snapshot =, reasons = } of what passes the filters of `args`; `judged`, how many the policy
-- judged of all; `total`; `matched`, how many pass; `retention`, the plan without filters.
function plan.make(list, policy, args)
  local made = retention.plan(list, policy)
  local passes = filters.new(args)
  for _, entry in ipairs(made.spared) do entry.reasons = { entry.reason } end
  local result = {
    go = chosen(wrap(made.delete, reasons_to_go(policy)), passes),
    stay = chosen(made.keep, passes),
    spared = chosen(made.spared, passes),
    judged = #made.delete + #made.keep,
    total = #list,
    retention = made,
  }
  result.matched = #result.go + #result.stay + #result.spared
  return result
end

--- The entries of `go` as items of a run.
function plan.items(entries)
  local items = {}
  for i, entry in ipairs(entries) do
    items[i] = { id = entry.snapshot.id, snapshot = entry.snapshot, reasons = entry.reasons }
  end
  return items
end

return plan
