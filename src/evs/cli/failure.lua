-- Exit codes, and errors that end a command with one of them.

local failure = {
  NOT_DELETED = 1, -- something was not deleted, or nothing could be done
  USAGE = 2,       -- the command line, or the environment, is wrong
  UNKNOWN = 3,     -- something may have happened
  EMPTY = 4,       -- nothing matched
  BELT = 5,        -- a belt held
}

local Failure = {}
Failure.__index = Failure
Failure.__tostring = function(self) return self.message end

--- Ends the command with an exit code and a message.
function failure.raise(code, message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  error(setmetatable({ code = code, message = message }, Failure), 0)
end

--- Whether `err` came from raise.
function failure.is(err)
  return getmetatable(err) == Failure
end

--- The exit code for an error of the library that ended a command before it deleted.
function failure.code_of(err)
  local mistakes = { ["Client.InvalidArgument"] = true, ["Client.NoEndpoint"] = true,
    ["Client.NoProject"] = true }
  return mistakes[err.code] and failure.USAGE or failure.NOT_DELETED
end

--- The value, or the end of the command with the library's error.
function failure.check(value, err)
  if value ~= nil then return value end
  error(err, 0)
end

return failure
