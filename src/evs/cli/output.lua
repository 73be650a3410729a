-- What goes to standard output or standard error: every piece is written at once, and a pipe that
-- is closed or a disk that is full is noticed.

local failure = require "evs.cli.failure"
local system = require "evs.cli.system"

local output = {}

local PIECE = 64 * 1024

--- Writes lines to a descriptor, many at a time. Ends the command when they cannot be written.
function output.lines(descriptor, lines)
  local piece, size = {}, 0
  local function flush()
    local ok, err = system.write(descriptor, table.concat(piece))
    if not ok then failure.raise(failure.NOT_DELETED, "cannot write: %s", err) end
    piece, size = {}, 0
  end
  for _, line in ipairs(lines) do
    piece[#piece + 1] = line .. "\n"
    size = size + #line + 1
    if size >= PIECE then flush() end
  end
  if size > 0 then flush() end
end

return output
