-- The policy of a command line.

local clients = require "evs.cli.client"
local failure = require "evs.cli.failure"
local retention = require "evs.retention.policy"

local policy = {}

-- `--keep-last 0` asks for the newest of a volume to go.
local function check_last(args)
  if args.keep_last ~= 0 or args.empty_groups then return end
  failure.raise(failure.BELT, "--keep-last 0 would empty volumes: nothing was sent; "
    .. "give --empty-groups as well if that is meant")
end

-- A snapshot whose disk is gone has no younger ones to come: its age alone says whether it goes.
local function check_orphans(args)
  if clients.api(args) ~= "v5" then
    failure.raise(failure.USAGE, "prune: --orphans is for standard snapshots, which outlive their "
      .. "disks: give --api v5")
  end
  local counts = false
  for _, rule in ipairs(retention.COUNTS) do counts = counts or args["keep_" .. rule] ~= nil end
  if args.keep_within and not counts then return end
  failure.raise(failure.USAGE, "prune: --orphans go by their age alone: give --keep-within, and no "
    .. "other rule")
end

--- What evs.retention is to be given: the rules, the group, the clock.
function policy.of(args, now)
  if args.orphans then check_orphans(args) else check_last(args) end
  local made = { group = args.group_by or "volume_id", now = now,
    empty_groups = args.empty_groups or args.orphans,
    within = args.keep_within, include = args.include }
  local rules = args.keep_within and 1 or 0
  for _, rule in ipairs(retention.COUNTS) do
    made[rule] = args["keep_" .. rule]
    rules = rules + (made[rule] and 1 or 0)
  end
  if rules == 0 then
    failure.raise(failure.USAGE, "prune: no policy: give --keep-last, --keep-hourly, "
      .. "--keep-daily, --keep-weekly, --keep-monthly, --keep-yearly or --keep-within")
  end
  -- Nothing but zeroes, and groups may be emptied: everything goes but what is made just now.
  if args.empty_groups and not retention.check(made) then made.within = 1 end
  local ok, message = retention.check(made)
  if not ok then failure.raise(failure.USAGE, message:gsub("^retention", "prune")) end
  return made
end

--- The policy for the record: its rules, by name.
function policy.given(made)
  local given = { within = made.within, group = made.group }
  for _, rule in ipairs(retention.COUNTS) do given[rule] = made[rule] end
  return given
end

return policy
