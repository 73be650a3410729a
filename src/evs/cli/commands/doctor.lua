-- `evs doctor`: tries what a run needs, step by step; names each fault and its cure.

local clients = require "evs.cli.client"
local cures = require "evs.cli.cures"
local evs = require "evs"
local failure = require "evs.cli.failure"
local output = require "evs.cli.output"
local runs = require "evs.cli.run"
local terminal = require "evs.cli.terminal"

local STDOUT = 1
local NO_SNAPSHOT = "00000000-0000-0000-0000-000000000000"
local CLOCK = 10 * 60 -- seconds that a prune forgives

local Doctor = {}
Doctor.__index = Doctor

local function line(word, step, text)
  return ("%s  %s  %s"):format(word, terminal.pad(step, 10), terminal.escape(text))
end

function Doctor:well(step, text)
  output.lines(STDOUT, { line(self.paint("green", "ok   "), step, text) })
end

function Doctor:fault(step, text, cure)
  self.faults = self.faults + 1
  output.lines(STDOUT, { line(self.paint("red", "FAULT"), step, text),
    line("     ", "", "cure: " .. cure) })
end

function Doctor:untried(step, why)
  output.lines(STDOUT, { line(self.paint("dim", "-    "), step, why) })
end

-- ---- steps --------------------------------------------------------------------------------------

function Doctor:versions()
  local info = evs.info()
  self:well("program", ("lua-evs %s, %s, libcurl %s, %s, nettle %s"):format(info.version, info.lua,
    info.libcurl, info.tls, info.nettle))
end

-- A client, or nil when there can be none.
function Doctor:setup(args)
  local ok, client = pcall(clients.new, args)
  if ok then
    self.is_plain = tostring(client):find("(http:", 1, true) ~= nil
    self:well("endpoint", tostring(client))
    self:well("keys", "from " .. cures.keys_from(args))
    return client
  end
  local step, cure = cures.of(client)
  self:fault(step, tostring(client), cure)
  return nil
end

-- What helps where no project is known, or where IAM could not be asked for it.
local function project_cure(err)
  if err.status == 403 then
    return "grant iam:projects:listProjects to the user, or give --project ID in place of auto"
  end
  return evs.is_error(err) and select(2, cures.of(err)) or "give --project, or set "
    .. "HUAWEICLOUD_SDK_PROJECT_ID; the console shows the ids under My Credentials, Projects"
end

function Doctor:project(args, client)
  local ok, project = pcall(clients.project, args, client)
  if ok then
    self:well("project", project)
    return project
  end
  self:fault("project", tostring(project), project_cure(project))
  return nil
end

-- The way to EVS and the signature, told by the first request; whether it was answered by EVS.
function Doctor:reach(err)
  local step, cure = cures.of(err)
  for _, earlier in ipairs(cures.STEPS) do
    if earlier == step then break end
    if earlier == "TLS" and self.is_plain then
      self:untried(earlier, "none: the endpoint is http")
    else
      self:well(earlier, "works")
    end
  end
  if step then self:fault(step, tostring(err), cure) end
  return step == nil
end

function Doctor:clock(offset)
  if math.abs(offset) < CLOCK then return self:well("clock", "good enough") end
  self:fault("clock", ("this machine's clock is %d minutes %s"):format(
    math.floor(math.abs(offset) / 60 + 0.5), offset > 0 and "slow" or "fast"),
    "set the clock: timedatectl set-ntp true")
end

-- What a user may do; `err` is what came of the request, if it failed.
function Doctor:right(name, err)
  if not err or runs.is_missing(err) then return self:well("rights", name .. ": allowed") end
  self:fault("rights", ("%s: %s"):format(name, tostring(err)), err.status == 403
    and ("grant %s to the user in this project"):format(name) or (select(2, cures.of(err))
    or "try again later"))
end

function Doctor:rights(client, project, snapshot, list_error)
  self:right("evs:snapshots:list", list_error)
  local _, err = client:show_snapshot(project, snapshot and snapshot.id or NO_SNAPSHOT)
  self:right("evs:snapshots:get", err)
  self:untried("rights", "evs:snapshots:delete: only a deletion could tell")
end

function Doctor:examine(args)
  self:versions()
  local client = self:setup(args)
  local project = client and self:project(args, client)
  if not project then return end
  local options, offset = clients.watch_clock()
  options.retries = 0
  local snapshot, err = client:each_snapshot(project, { limit = 2 }, options)()
  if not self:reach(err) then return self:untried("rights", "not reached") end
  self:clock(offset())
  self:rights(client, project, snapshot, err)
end

return function(args)
  local doctor = setmetatable({ faults = 0, paint = terminal.painter(STDOUT) }, Doctor)
  doctor:examine(args)
  output.lines(STDOUT, { doctor.faults == 0 and "all is well"
    or ("%d faults"):format(doctor.faults):gsub("^1 faults", "1 fault") })
  return doctor.faults == 0 and 0 or failure.NOT_DELETED
end
