-- What a command that deletes sets up: client, project, lock, record and report; and its run.

local audits = require "evs.cli.audit"
local belts = require "evs.cli.belts"
local clients = require "evs.cli.client"
local evs = require "evs"
local failure = require "evs.cli.failure"
local locks = require "evs.cli.lock"
local reports = require "evs.cli.report"
local retention = require "evs.retention"
local runs = require "evs.cli.run"

local session = {}

local Session = {}
Session.__index = Session

--- A session for `args`; with `deletes` it holds the project's lock.
function session.open(args, deletes)
  local client = clients.new(args)
  local self = setmetatable({ args = args, client = client }, Session)
  self.project = clients.project(args, client)
  self.region, self.api = clients.region(args), clients.api(args)
  self.endpoint = clients.endpoint(client)
  if deletes then locks.take(args, self.project) end
  return self
end

--- All snapshots of the project. From then on `clock_offset` is how far the server's clock is ahead
-- of this machine's, in seconds.
function Session:list()
  local options, offset = clients.watch_clock()
  local all = failure.check(self.client:list_snapshots(self.project, nil, options))
  self.clock_offset = offset()
  return all
end

--- Those of `list`, all snapshots of the project, whose disk is gone; and how many disks there are.
-- The disks are listed after the snapshots, so that one made meanwhile is not missed. A list of
-- disks that fails ends the command.
function Session:orphans(list)
  local volumes = failure.check(self.client:list_volumes(self.project))
  belts.check_volumes(#volumes, #list)
  if #list == 0 then return {}, #volumes end
  local found = retention.orphans(list, volumes)
  belts.check_orphans(#found, #list, #volumes)
  return found, #volumes
end

--- Begins the record; `about` are names and values that go into its first event.
function Session:record_start(about)
  self.audit = audits.open(self.args)
  local ok, err = self.audit:record("start", "command", self.args.command, "version", evs._VERSION,
    "project_id", self.project, "region", self.region, "api", self.api,
    "endpoint", self.endpoint, "policy", about.policy, "filters", about.filters,
    "counts", about.counts)
  if not ok then
    failure.raise(failure.NOT_DELETED, "%s: nothing was deleted", err)
  end
end

--- Carries out a run, see evs.cli.run for `fields`, and gives the exit code.
function Session:run(fields)
  fields.client, fields.project, fields.region = self.client, self.project, self.region
  fields.audit, fields.report = self.audit, reports.new(self.args)
  fields.wait, fields.max_errors = self.args.wait, self.args.max_errors
  return runs.carry(fields)
end

return session
