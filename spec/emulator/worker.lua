--- The start of the worker process, and its watch over the processes that it must not outlive.

local ffi = require "ffi"
local control = require "emulator.control"
local facts = require "emulator.facts"
local state = require "emulator.state"

local worker = {}

local ESRCH = 3
local TERM = 15
local WATCH_SECONDS = 0.5

ffi.cdef [[
int kill(int pid, int signal);
int getppid(void);
]]

-- Whether a process has ended and only waits to be asked for its end. Where there is no /proc, that
-- cannot be told.
local function ended(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  if not file then return false end
  local text = file:read("*a") or ""
  file:close()
  return text:match("^.*%) (%a)") == "Z"
end

local function alive(pid)
  return (ffi.C.kill(pid, 0) == 0 or ffi.errno() ~= ESRCH) and not ended(pid)
end

-- `start` normally ends nginx and removes the directory. When it was killed outright, this does.
local function watch(premature)
  local given = facts.given
  if premature then return end
  if not alive(given.pid) then
    os.execute("rm -rf '" .. given.directory .. "'")
    ffi.C.kill(ngx.worker.pid(), TERM)
    ffi.C.kill(given.master, TERM)
  elseif given.parent and not alive(given.parent) then
    ffi.C.kill(given.pid, TERM)
  end
end

local function write_facts()
  local path = facts.given.directory .. "/facts"
  local file = assert(io.open(path .. ".new", "w"))
  assert(file:write(facts.lines()))
  file:close()
  assert(os.rename(path .. ".new", path))
end

--- Called once in each worker.
function worker.start()
  math.randomseed(ngx.time() * 1000 + ngx.worker.pid())
  facts.given.master = ffi.C.getppid()
  -- After a reload the state is still there.
  if not state.get("started") then control.reset(true) end
  write_facts()
  assert(ngx.timer.every(WATCH_SECONDS, watch))
end

return worker
