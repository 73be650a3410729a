-- luacheck: ignore 212 241

--- Says which snapshots a policy keeps and which may go. Plain Lua: nothing is sent, read or
--- written, and no clock is looked at but `now`.
---@meta evs.retention

--- What to keep. At least one of the rules from `last` to `within` must be more than 0.
---
--- A snapshot stays if any rule wants it. Rules that count take the newest of each of so many
--- periods that have one, in UTC; weeks are ISO weeks. A snapshot in status `error` holds no data:
--- it stands for no place and no period, and only `within` and `keep` keep it.
---
--- A flood of new snapshots pushes old ones out of `last` and of the current day: `within` is what
--- keeps them.
---@class (exact) evs.Policy
---@field last? integer how many of the newest to keep
---@field hourly? integer the newest of each of so many hours
---@field daily? integer
---@field weekly? integer
---@field monthly? integer
---@field yearly? integer
---@field within? string|integer everything younger than `36h`, `30d`, `8w`, or so many seconds
---@field group? string|fun(snapshot: evs.Snapshot): string? what has a policy each (default `volume_id`)
---@field keep? fun(snapshot: evs.Snapshot): string|boolean|nil a reason to keep this one, or true
---@field now? number seconds since 1970 (default `os.time()`)
---@field empty_groups? boolean let a policy delete the newest available one of a group, too
---@field include? evs.Included standard snapshots to judge that are spared otherwise

--- Kinds of standard snapshots.
---@class (exact) evs.Included
---@field auto? boolean made by an automatic policy
---@field copy? boolean copied from elsewhere
---@field frozen? boolean
---@field group? boolean members of a snapshot group
---@field unknown? boolean of a `snapshot_type` that is not known

--- A reason begins with its rule's name: `last 3 of 7`, `daily 2026-11-20`, `within 30d`,
--- `keep: legal hold`, `newest`.
---@class (exact) evs.Kept
---@field snapshot evs.Snapshot
---@field reasons string[]

--- What is not judged: it is protected; of a kind that is not included; neither `available` nor
--- `error`; without a date that can be used; without a group.
---@class (exact) evs.Spared
---@field snapshot evs.Snapshot
---@field reason string

---@class (exact) evs.Plan
---@field delete evs.Snapshot[] oldest first
---@field keep evs.Kept[] oldest first
---@field spared evs.Spared[] in the list's order

---@class evs.retention
local retention = {}

--- What a policy does to a list of snapshots, of any order. Every snapshot is in exactly one of the
--- plan's three arrays. The newest of those with the same date is the one with the greatest id.
---
--- Raises for a policy without a rule, for a rule that is negative, fractional or unknown, for an
--- entry without an id, and for an id that comes twice.
---@param snapshots evs.Snapshot[]
---@param policy evs.Policy
---@return evs.Plan plan
function retention.plan(snapshots, policy) end

--- The snapshots whose disk is gone: none of `volumes`, all the disks of the project, has their
--- `volume_id`. A snapshot without one is not among them, nor is one whose `enterprise_project_id` no
--- disk has: a list shows the disks that its user may see.
---
--- Raises for an empty array of disks, by which every snapshot would be without its disk.
---@param snapshots evs.Snapshot[]
---@param volumes evs.Volume[]
---@return evs.Snapshot[] orphans in the list's order
function retention.orphans(snapshots, volumes) end

return retention
