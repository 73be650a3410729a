--- Runs Lua scripts in processes of their own, under the interpreter that runs the specs.
--
--   local process = require "spec.support.process"
--   local result = process.run("print(os.getenv 'EVS_TOKEN')", { EVS_TOKEN = "t" })
--   -- result.status, result.stdout, result.stderr
--
-- A script sees the module paths of the specs, and of the environment's variables that concern
-- lua-evs only those that it is given.

local process = {}

local Process = {}
Process.__index = Process

-- The names of the user's own variables that must take no part.
local function read_names()
  local names = {}
  local pipe = assert(io.popen("env"))
  for line in pipe:lines() do
    local name = line:match("^([%a_][%w_]*)=") or ""
    if name:find("^HUAWEICLOUD_") or name:find("^EVS_") or name:upper():find("_PROXY$") then
      names[#names + 1] = name
    end
  end
  pipe:close()
  return names
end

local unwanted

--- A line for a shell: loads what a module built with AddressSanitizer needs in front of it. The
-- environment does not have it any more: tools/noclose.c took it out.
function process.preload()
  if os.getenv("EVS_SPEC_VARIANT") ~= "asan" then return "" end
  return 'export LD_PRELOAD="$(${CC:-cc} -print-file-name=libasan.so) $PWD/build/noclose.so"\n'
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function interpreter()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  return arg[first]
end

local function write(text)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  assert(file:write(text))
  file:close()
  return name
end

local function read(name)
  local file = assert(io.open(name))
  local text = file:read("*a")
  file:close()
  return text
end

--- The interpreter that runs the specs, as lines of a shell script whose arguments are its own.
function process.interpreter()
  return process.preload() .. "exec " .. quote(interpreter()) .. ' "$@"\n'
end

-- The first line is the script's process id, told before the script says anything, and the last its
-- exit status.
local function command(script, errors, environment, shell)
  unwanted = unwanted or read_names()
  local parts = { #unwanted > 0 and "unset " .. table.concat(unwanted, " ") .. "\n" or "" }
  for name, value in pairs(environment or {}) do
    parts[#parts + 1] = ("export %s=%s\n"):format(name, quote(value))
  end
  parts[#parts + 1] = process.preload()
  parts[#parts + 1] = (shell.before or "") .. "\n"
  parts[#parts + 1] = ([[
exec 9>&1
sh -c 'echo $$ >&9; exec "$0" "$1" 9>&-' %s %s 2>%s </dev/null %s &
wait $!
echo "status $?"
]]):format(quote(interpreter()), quote(script), quote(errors), shell.redirections or "")
  return table.concat(parts)
end

--- Starts a script (its text) with `environment`, a table of variables. `shell` may have `before`,
-- commands that run first, and `redirections`, both as the shell takes them. Returns a process:
-- `pid`, and the methods read, kill and wait.
function process.start(script, environment, shell)
  local self = setmetatable({ script = write(script), errors = os.tmpname() }, Process)
  self.pipe = assert(io.popen(
    command(self.script, self.errors, environment, shell or {}), "r"))
  self.pid = assert(tonumber(self.pipe:read("*l")))
  return self
end

--- The next line that the script prints, which has to flush it.
function Process:read()
  return self.pipe:read("*l")
end

--- Sends a signal, such as "INT".
function Process:kill(signal)
  os.execute(("kill -%s %d"):format(signal, self.pid))
end

--- Waits for the end. Returns { status =, stdout =, stderr = }; a signal's status is 128 and its
-- number, stdout lacks what read() took.
function Process:wait()
  local output = self.pipe:read("*a")
  self.pipe:close()
  local stdout, status = output:match("^(.*)status (%d+)\n$")
  local result = { status = tonumber(status), stdout = stdout, stderr = read(self.errors) }
  os.remove(self.script)
  os.remove(self.errors)
  return result
end

--- Whether a line of the shell's ends well. Lua 5.1 gives its exit status, others true.
function process.succeeds(line)
  local result = os.execute(line)
  return result == 0 or result == true
end

--- Runs a script to its end; what wait() returns.
function process.run(script, environment, shell)
  return process.start(script, environment, shell):wait()
end

return process
