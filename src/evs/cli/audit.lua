-- The record of a run: one JSON object a line, each written by one write at the end of the file.

local failure = require "evs.cli.failure"
local json = require "evs.cli.json"
local system = require "evs.cli.system"

local audit = {}

local Audit = {}
Audit.__index = Audit

local STDOUT = 1

--- A name for a run that no other has.
local function new_run()
  local file = io.open("/dev/urandom", "rb")
  local bytes = file and file:read(8) or tostring(system.now())
  if file then file:close() end
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

--- The time now, in UTC, with milliseconds.
function audit.time()
  local now = system.now()
  local seconds = math.floor(now)
  return ("%s.%03dZ"):format(os.date("!%Y-%m-%dT%H:%M:%S", seconds),
    math.floor((now - seconds) * 1000))
end

-- Whether the file ends in the middle of a line: a run before was cut there.
local function ends_cut(path)
  local file = io.open(path, "rb")
  if not file then return false end
  local size = file:seek("end", -1)
  local last = size and file:read(1)
  file:close()
  return last ~= nil and last ~= "\n"
end

local function open_file(path)
  local descriptor, err = system.append(path)
  if not descriptor then
    failure.raise(failure.NOT_DELETED, "cannot write the audit %s: %s", path, err)
  end
  return { descriptor = descriptor, name = path, cut = ends_cut(path) }
end

--- The record of a run of `args`: to the file of --audit, and with --json to standard output.
function audit.open(args)
  local targets = {}
  if args.audit then targets[1] = open_file(args.audit) end
  if args.json then targets[#targets + 1] = { descriptor = STDOUT, name = "standard output" } end
  return setmetatable({ run = new_run(), targets = targets }, Audit)
end

-- Writes a line to a target. A line that was written in part is ended first.
local function write(target, line)
  local ok, err = system.write(target.descriptor, (target.cut and "\n" or "") .. line .. "\n")
  target.cut = not ok
  if ok then return true end
  return nil, ("cannot write to %s: %s"):format(target.name, err)
end

--- Records an event, with names and values as json.object takes them. True, or nil and why it could
-- not be written everywhere.
function Audit:record(event, ...)
  if #self.targets == 0 then return true end
  local line = json.line("time", audit.time(), "run", self.run, "event", event, ...)
  local written, failed = true, nil
  for _, target in ipairs(self.targets) do
    local ok, err = write(target, line)
    written, failed = written and ok, failed or err
  end
  return written, failed
end

--- Sees that the file survives the machine; nil and an error if it cannot be told.
function Audit:sync()
  for _, target in ipairs(self.targets) do
    if target.descriptor ~= STDOUT then
      local ok, err = system.sync(target.descriptor)
      if not ok then return nil, ("cannot sync %s: %s"):format(target.name, err) end
    end
  end
  return true
end

return audit
