--- The EVS emulator for specs: starts one for each test process on first use.
--
--   local emulator = require("spec.support.emulator").start()
--   before_each(function() emulator:reset() end)
--
-- It is ended when the process ends; it also ends by itself when the process is killed. Where
-- EVS_EMULATOR names a file with the output of spec/emulator/start, that one is used; where there
-- is no such file yet, the emulator is started with its output there, for all who come later.

local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"
local service = require "spec.support.service"

local Emulator = {}
Emulator.__index = Emulator

-- The emulator of this process, once it was started.
local running

local function root()
  local source = debug.getinfo(1, "S").source:match("^@(.*)spec/support/emulator%.lua$")
  return source and source ~= "" and source or "./"
end

-- Calls the control API; raises when it says no.
function Emulator:call(method, path, value)
  local body = value ~= nil and (type(value) == "string" and value or cjson.encode(value)) or ""
  local parts = {}
  local _, status = http.request {
    method = method,
    url = self.endpoint .. "/emulator/" .. path,
    headers = { ["Content-Length"] = tostring(#body), ["Content-Type"] = "application/json" },
    source = ltn12.source.string(body),
    sink = ltn12.sink.table(parts),
  }
  local text = table.concat(parts)
  if status ~= 200 then
    error(("emulator: %s %s: %s %s"):format(method, path, tostring(status), text), 3)
  end
  return cjson.decode(text)
end

--- Back to the start: no snapshots, an empty log, own keys, no misbehaviours, the right time.
-- With `seeded` the demonstration set is put.
function Emulator:reset(seeded)
  self:call("POST", "reset", { seed = seeded or false })
end

--- Puts one snapshot or an array of them; fields as in spec/emulator/README.md.
function Emulator:put(snapshots)
  self:call("POST", "snapshots", snapshots)
end

--- The snapshots that exist now, youngest first; those of one project or of all.
function Emulator:snapshots(project_id)
  return self:call("GET", "snapshots" .. (project_id and "?project_id=" .. project_id or ""))
end

--- The snapshot of an id as it is now, or nil.
function Emulator:snapshot(id)
  for _, snapshot in ipairs(self:snapshots()) do
    if snapshot.id == id then return snapshot end
  end
  return nil
end

--- The requests since the reset, in order of arrival.
function Emulator:log()
  return self:call("GET", "log")
end

--- How many requests of each method came to EVS since the reset (to IAM: "iam.GET"); a method that
-- did not come counts 0.
function Emulator:count()
  return setmetatable(self:call("GET", "log?count=1"), { __index = function() return 0 end })
end

--- Empties the log; of the requests that follow `keep` records are kept (all of 50,000 when nil).
function Emulator:clear_log(keep)
  self:call("POST", "log", { keep = keep })
end

--- Replaces the misbehaviour rules by one rule or an array; `seed` for their random numbers.
function Emulator:misbehave(rules, seed)
  if rules[1] == nil and next(rules) ~= nil then rules = { rules } end
  self:call("POST", "misbehave", #rules == 0 and "[]" or { rules = rules, seed = seed })
end

--- The rules that are left.
function Emulator:rules()
  return self:call("GET", "misbehave")
end

--- Sets the emulator's clock `skew` seconds ahead of the machine's.
function Emulator:clock(skew)
  self:call("POST", "clock", { skew = skew })
end

--- Adds or replaces keys and tokens; without an argument returns what is known of every AK.
function Emulator:keys(keys)
  if keys == nil then return self:call("GET", "keys") end
  return self:call("POST", "keys", keys)
end

--- Limits requests: { per_second =, retry_after =, html = }; nil lifts the limit.
function Emulator:rate(limit)
  self:call("POST", "rate", limit or {})
end

--- Changes settings, for example { links = false, page_size = 10 }.
function Emulator:settings(settings)
  self:call("POST", "settings", settings)
end

--- Configures the metadata service, for example { token_status = 404, lifetime = 60 }.
function Emulator:metadata(configuration)
  self:call("POST", "metadata", configuration or {})
end

--- Configures IAM's list of projects, for example { projects = {} } or { status = 403 }.
function Emulator:iam(configuration)
  self:call("POST", "iam", configuration or {})
end

--- Puts a disk or an array of them; without an argument returns those that there are.
function Emulator:volumes(volumes)
  if volumes == nil then return self:call("GET", "volumes") end
  return self:call("POST", "volumes", volumes)
end

--- Ends an emulator that start() started; the next start() starts another.
function Emulator:stop()
  if not self.pipe then return end
  running = nil
  service.stop(self)
end

local module = {}

local function command()
  return "'" .. root() .. "spec/emulator/start'"
end

-- What the emulator says in a file; started now unless another spec of this run has done it.
local function join(name)
  local file = io.open(name)
  if not file then
    service.share(command(), name)
    file = assert(io.open(name))
  end
  local facts = assert(service.facts(file:lines()), "the emulator did not start")
  file:close()
  return facts
end

--- The emulator of this process; starts it on the first call.
function module.start()
  if not running then
    local shared = os.getenv("EVS_EMULATOR")
    local facts = shared and join(shared) or service.start(command(), "the emulator")
    running = setmetatable(facts, Emulator)
  end
  return running
end

return module
