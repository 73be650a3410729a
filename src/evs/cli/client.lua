-- The client of a run, and its project, from the command line and the environment.

local evs = require "evs"
local failure = require "evs.cli.failure"
local profile = require "evs.cli.profile"
local system = require "evs.cli.system"

local client = {}

-- Options that come from the command line under the same name.
local FROM_ARGUMENTS = { "region", "endpoint", "api", "concurrency", "rate", "wait" }

--- A client for `args`; its keys are the environment's, unless --profile names others.
function client.new(args)
  local options = args.profile and profile.read(args.profile) or {}
  for _, name in ipairs(FROM_ARGUMENTS) do options[name] = args[name] end
  return failure.check(evs.new(options))
end

--- The project's id; where the command line says `auto`, `made` asks IAM for it.
function client.project(args, made)
  local project = args.project or os.getenv("HUAWEICLOUD_SDK_PROJECT_ID")
  if project == nil or project == "" then
    failure.raise(failure.USAGE, "no project: give --project ID, or set HUAWEICLOUD_SDK_PROJECT_ID")
  end
  if project == "auto" then return failure.check(made:project_id()) end
  return project
end

--- The region for records; nil when only an endpoint is known.
function client.region(args)
  local region = args.region or os.getenv("HUAWEICLOUD_SDK_REGION")
  return region ~= "" and region or nil
end

--- The generation of the API that a run talks to. What is missing in one may be there in another.
function client.api(args)
  local variable = os.getenv("EVS_API")
  return args.api or variable ~= "" and variable or "v2"
end

--- The endpoint of a client.
function client.endpoint(made)
  return tostring(made):match("%((%S+),") or tostring(made)
end

--- Options for a call that watch the server's clock; and a function that gives how far it was ahead
-- of this machine's at the last answer, in seconds: 0 until one has told.
function client.watch_clock()
  local offset = 0
  local options = { on_attempt = function(attempt)
    if attempt.date then offset = attempt.date - system.now() end
  end }
  return options, function() return offset end
end

return client
