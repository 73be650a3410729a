-- One run on a project at a time.

local failure = require "evs.cli.failure"
local system = require "evs.cli.system"

local lock = {}

local function folder()
  local runtime = os.getenv("XDG_RUNTIME_DIR")
  return runtime and runtime ~= "" and runtime or "/run/lock"
end

--- Takes the project's lock, and holds it until the process ends. Ends the command when another run
-- has it, or when there is no place for it.
function lock.take(args, project)
  if args.no_lock then return end
  local path = ("%s/evs-%s.lock"):format(folder(), project:gsub("[^%w_.~-]", "_"))
  local descriptor, err, held = system.lock(path)
  if descriptor then return end
  if held then
    failure.raise(failure.BELT, "another run on the project %s is under way (%s is locked); "
      .. "nothing was sent. Wait for its end, or give --no-lock", project, path)
  end
  failure.raise(failure.NOT_DELETED, "no lock file can be made: %s: %s. Set XDG_RUNTIME_DIR to a "
    .. "folder of yours, or give --no-lock", path, err)
end

return lock
