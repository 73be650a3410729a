--- Inside the nginx of the specs: runs the Lua text that a request's body is, and sends back what
-- it returns. Only this machine can reach it.

local ffi = require "ffi"

local runner = {}

local ESRCH = 3
local TERM = 15
local WATCH_SECONDS = 0.5

ffi.cdef [[
int kill(int pid, int signal);
int getppid(void);
]]

local function alive(pid)
  return ffi.C.kill(pid, 0) == 0 or ffi.errno() ~= ESRCH
end

--- In the master: everything that workers inherit by the fork, `inherited` is a client, if
-- the environment makes one.
function runner.init()
  if os.getenv("LINES_FOLDER") then require "tools.lines" end
  runner.evs = require "resty.evs"
  runner.cjson = require "cjson"
  runner.inherited = runner.evs.new()
  local client = runner.inherited
  runner.call_in_init = client and select(2, pcall(client.show_snapshot, client, "p", "a"))
end

--- In each worker: says that it is ready, and sees to it that it does not outlive the specs.
function runner.watch(directory, pid, parent)
  local master = ffi.C.getppid()
  assert(ngx.timer.every(WATCH_SECONDS, function()
    if not alive(pid) then
      os.execute("rm -rf '" .. directory .. "'")
      ffi.C.kill(master, TERM)
    elseif parent and not alive(parent) then
      ffi.C.kill(pid, TERM)
    end
  end))
  local file = assert(io.open(directory .. "/ready", "w"))
  file:write("ready\n")
  file:close()
end

local function pack(...)
  return { n = select("#", ...), ... }
end

-- nil is JSON's null, functions and userdata are their text; objects lose their metatables.
local function plain(value)
  if value == nil then return runner.cjson.null end
  if type(value) == "table" then
    local copy = {}
    for name, field in pairs(value) do copy[name] = plain(field) end
    return copy
  end
  if type(value) == "function" or type(value) == "thread" then return tostring(value) end
  if type(value) == "userdata" and value ~= runner.cjson.null then return tostring(value) end
  return value
end

-- A list of what was returned, or of what was raised.
local function encode(results)
  local list = { ok = results[1], n = results.n - 1, values = {} }
  for i = 2, results.n do list.values[tostring(i - 1)] = plain(results[i]) end
  return runner.cjson.encode(list)
end

--- In any phase with cosockets: runs the body with `evs`, `cjson` and the arguments of the query.
function runner.run()
  ngx.req.read_body()
  local chunk, problem = loadstring(ngx.req.get_body_data() or "", "=spec")
  if not chunk then
    ngx.status = 500
    ngx.say(problem)
    return ngx.exit(500)
  end
  setfenv(chunk, setmetatable({ evs = runner.evs, cjson = runner.cjson, runner = runner },
    { __index = _G }))
  local text = encode(pack(pcall(chunk)))
  ngx.header["Content-Type"] = "application/json"
  ngx.print(text)
  return ngx.exit(200)
end

return runner
