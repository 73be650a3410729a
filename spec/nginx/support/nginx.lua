--- An nginx for the specs of resty.evs, and what specs do with it.
--
--   local nginx = require("spec.nginx.support.nginx").start { workers = 4 }
--   local sum = nginx:run("return 1 + ...", 2)
--   nginx:stop()
--
-- run() sends Lua text to nginx, which runs it in a content handler (`evs` is resty.evs there), and
-- returns what it returned; numbers, strings, booleans, nil and tables of them cross. What was
-- raised there is raised here.

local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"
local service = require "spec.support.service"
local socket = require "socket"

local emulator = require("spec.support.emulator").start()

local Nginx = {}
Nginx.__index = Nginx

local module = {}

-- A value as Lua text; a function without upvalues as its bytecode, for nginx runs LuaJIT, too.
local function literal(value)
  if type(value) == "function" then
    return ("assert(loadstring(%q))"):format(string.dump(value))
  end
  if type(value) ~= "table" then
    return type(value) == "string" and ("%q"):format(value) or tostring(value)
  end
  local parts = {}
  for name, field in pairs(value) do
    parts[#parts + 1] = "[" .. literal(name) .. "]=" .. literal(field)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

module.literal = literal

local function from_json(value)
  if value == cjson.null then return nil end
  if type(value) ~= "table" then return value end
  local copy = {}
  for name, field in pairs(value) do copy[name] = from_json(field) end
  return copy
end

local function decode(text)
  local list = cjson.decode(text)
  local values = {}
  for i = 1, list.n do values[i] = from_json(list.values[tostring(i)]) end
  return list.ok, values, list.n
end

local function with_arguments(text, ...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = literal((select(i, ...))) end
  return ("return (function(...) %s end)(%s)"):format(text, table.concat(parts, ","))
end

--- Runs text at `location`, in place of /run.
function Nginx:run_at(location, text, ...)
  local parts = {}
  local body = with_arguments(text, ...)
  local _, status = http.request {
    method = "POST", url = self.url .. location, source = ltn12.source.string(body),
    headers = { ["Content-Length"] = #body }, sink = ltn12.sink.table(parts),
  }
  local answer = table.concat(parts)
  if status ~= 200 then error(("nginx: %s: %s"):format(tostring(status), answer), 2) end
  local ok, values, n = decode(answer)
  if not ok then error(values[1], 0) end
  return unpack(values, 1, n)
end

-- A request that was sent, and whose answer is read later.
local Pending = {}
Pending.__index = Pending

--- Waits for the answer, and returns what run() does.
function Pending:finish()
  local text = self.socket:receive("*a") or ""
  self.socket:close()
  local status, body = text:match("^HTTP/1.1 (%d+).-\r\n\r\n(.*)$")
  if status ~= "200" then error("nginx: " .. text, 2) end
  local ok, values, n = decode(body)
  if not ok then error(values[1], 0) end
  return unpack(values, 1, n)
end

--- Goes away before the answer has come.
function Pending:leave()
  self.socket:close()
end

--- Like run_at, without waiting: returns a pending answer.
function Nginx:begin_at(location, text, ...)
  local body = with_arguments(text, ...)
  local connection = assert(socket.connect("127.0.0.1", tonumber(self.port)))
  local head = ("POST %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n"):format(location, #body)
  assert(connection:send(head .. body))
  return setmetatable({ socket = connection }, Pending)
end

--- Like run, without waiting.
function Nginx:begin(text, ...)
  return self:begin_at("/run", text, ...)
end

--- How many descriptors the (one) worker has open.
function Nginx:descriptors()
  local pipe = io.popen("ls /proc/" .. self:run("return ngx.worker.pid()") .. "/fd | wc -l")
  local number = tonumber(pipe:read("*a"))
  pipe:close()
  return number
end

--- Runs text in a content handler.
function Nginx:run(text, ...)
  return self:run_at("/run", text, ...)
end

--- The error log so far.
function Nginx:log()
  local file = assert(io.open(self.directory .. "/error.log"))
  local text = file:read("*a")
  file:close()
  return text
end

--- Sends the master a signal, "HUP" for instance.
function Nginx:signal(name)
  os.execute(("kill -%s %s"):format(name, self.pid))
end

--- Ends it.
function Nginx:stop()
  service.stop(self)
end

local function command(options)
  local words = { "spec/nginx/support/start" }
  local lines = os.getenv("LINES_FOLDER")
  if lines then words[2] = ("--env 'LINES_FOLDER=%s'"):format(lines) end
  for name, value in pairs(options) do
    if name == "environment" then
      for variable, text in pairs(value) do
        words[#words + 1] = ("--env '%s=%s'"):format(variable, text)
      end
    else
      words[#words + 1] = ("--%s '%s'"):format(name, value)
    end
  end
  return table.concat(words, " ")
end

--- Starts one. Options: workers, level (of the error log), resolver, tls (its protocols),
-- environment (a table), ca.
function module.start(options)
  local all = {
    ca = emulator.ca_file,
    -- For a build with a sanitizer, which busted itself does not load.
    cpath = os.getenv("EVS_NGINX_CPATH") or package.cpath,
    preload = os.getenv("EVS_NGINX_PRELOAD") or "",
  }
  for name, value in pairs(options or {}) do all[name] = value end
  local facts = service.start(command(all), "nginx")
  facts.url = "http://127.0.0.1:" .. facts.port
  return setmetatable(facts, Nginx)
end

return module
