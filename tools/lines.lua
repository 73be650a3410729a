-- Notes which lines of src run, for tools/coverage:
--   LUA_INIT=@tools/lines.lua LINES_FOLDER=folder lua ...
-- Each process writes a file of its own, `path:number` when a line runs for the first time.

local folder = os.getenv("LINES_FOLDER")
if not folder then return end

local name = os.tmpname()
os.remove(name)
local file = assert(io.open(folder .. "/" .. name:match("[^/]+$"), "a"))
file:setvbuf("line")

-- The seen lines of each source; false for those outside of src.
local seen = setmetatable({}, { __index = function(all, source)
  local path = source:match("^@.*%f[%w](src/.*%.lua)$")
  all[source] = path and { path = path } or false
  return all[source]
end })

-- Compiled code calls no hook.
local jit = rawget(_G, "jit")
if jit then jit.off() end

debug.sethook(function(_, line)
  local lines = seen[debug.getinfo(2, "S").source]
  if lines and not lines[line] then
    lines[line] = true
    file:write(lines.path, ":", ("%d"):format(line), "\n")
  end
end, "l")
