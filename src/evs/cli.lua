-- The command `evs`: finds out what is wanted, does it, and gives the exit code.

local arguments = require "evs.cli.arguments"
local evs = require "evs"
local failure = require "evs.cli.failure"
local system = require "evs.cli.system"
local terminal = require "evs.cli.terminal"

local cli = {}

local function complain(text)
  io.stderr:write("evs: ", terminal.escape(text), "\n")
end

-- What an error that ended a command comes to. Commands that delete deal with their own, so that
-- nothing was deleted that is not told.
local function code_of(err)
  if failure.is(err) then
    complain(err.message)
    return err.code
  elseif evs.is_error(err) then
    complain(tostring(err))
    return failure.code_of(err)
  elseif system.caught() then
    complain("interrupted by " .. system.caught() .. ", nothing was deleted")
    return failure.NOT_DELETED
  end
  io.stderr:write("evs: a fault of this program, please report it: ", tostring(err), "\n")
  return failure.NOT_DELETED
end

-- Adds where it happened to an error that nobody expects.
local function traced(err)
  if type(err) == "table" or system.caught() then return err end
  return debug.traceback(tostring(err), 2)
end

--- Runs the command line `words` and gives the exit code.
function cli.main(words)
  local args, message = arguments.parse(words)
  if not args then
    complain(message .. "\nevs: see evs --help, or evs COMMAND --help")
    return failure.USAGE
  end
  system.catch(1)
  local ok, result = xpcall(function()
    args.program = words[0] or "evs"
    return require("evs.cli.commands." .. args.command)(args)
  end, traced)
  return ok and result or code_of(result)
end

return cli
