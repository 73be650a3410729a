-- `evs prune`: shows what a policy does to a project's snapshots, and with --yes does it.

local belts = require "evs.cli.belts"
local failure = require "evs.cli.failure"
local filters = require "evs.cli.filters"
local output = require "evs.cli.output"
local planfile = require "evs.cli.planfile"
local plans = require "evs.cli.plan"
local planview = require "evs.cli.planview"
local policies = require "evs.cli.policy"
local sessions = require "evs.cli.session"
local terminal = require "evs.cli.terminal"

local STDOUT, STDERR = 1, 2

local function about_plan(session, policy)
  return { project = session.project, region = session.region, api = session.api,
    policy = policies.given(policy), filters = filters.given(session.args) }
end

local function say(args, text)
  output.lines(args.json and STDERR or STDOUT, { text })
end

-- What people see: all of it when it is only looked at.
local function show(plan, args)
  if args.yes then
    say(args, planview.summary(plan))
  elseif not args.json then
    planview.show(plan, STDOUT)
  end
end

-- Gives the plan away, for evs apply. That has no belts: what a belt holds is no plan.
local function hand_out(plan, session, policy)
  local args = session.args
  if args.json and not args.yes then
    output.lines(STDOUT, planfile.lines(plan, about_plan(session, policy)))
  end
  if args.plan then planfile.write(args.plan, plan, about_plan(session, policy)) end
end

local function check_belts(plan, session)
  local args = session.args
  if not args.any_clock then
    belts.check_offset(session.clock_offset)
    belts.check_dates(plan.retention)
  end
  belts.check_max(args.max, plan.judged, #plan.go)
end

-- Says that nothing matched; the exit code then, or nil.
local function check_matched(plan, args)
  if plan.matched > 0 then return nil end
  say(args, plan.total == 0 and "there are no snapshots"
    or ("the filters match none of %d snapshots"):format(plan.total))
  return args.fail_if_empty and failure.EMPTY or nil
end

-- Warns where the policy is for nothing, night after night, as with a mistyped --group-by.
local function check_judged(plan)
  local first = plan.retention.spared[1]
  if plan.judged > 0 or not first then return end
  output.lines(STDERR, { ("evs: none of %d snapshots can be judged; of the first: %s"):format(
    plan.total, terminal.word(first.reason)) })
end

local function carry_out(plan, session, policy)
  local about = about_plan(session, policy)
  about.counts = { total = plan.total, judged = plan.judged, delete = #plan.go, keep = #plan.stay,
    spared = #plan.spared }
  session:record_start(about)
  return session:run { items = plans.items(plan.go), ignore_missing = true }
end

-- All snapshots of the project that the policy is for; with --orphans it says how many those are.
local function list(session)
  local args, all = session.args, session:list()
  if not args.orphans then return all end
  local found, volumes = session:orphans(all)
  say(args, ("%d of %d snapshots are without a disk; there are %d disks"):format(#found, #all,
    volumes))
  return found
end

return function(args)
  local policy = policies.of(args, os.time())
  local session = sessions.open(args, args.yes)
  local plan = plans.make(list(session), policy, args)
  show(plan, args)
  check_belts(plan, session)
  hand_out(plan, session, policy)
  check_judged(plan)
  local empty = check_matched(plan, args)
  if empty then return empty end
  if args.yes then return carry_out(plan, session, policy) end
  if #plan.go > 0 then say(args, "nothing was deleted; add --yes") end
  return 0
end
