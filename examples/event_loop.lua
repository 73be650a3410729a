-- Deletes snapshots from another event loop than the module's own: cqueues, with luaossl for TLS.
-- Each deletion is a coroutine, and all of them are under way at the same time.
--
--   lua examples/event_loop.lua PROJECT ID...
--
-- The module decides, this script carries: `client:start` gives a machine, which says what to send
-- and how long to sleep, and is told what came. Keys and region come from the environment; the CAs
-- to trust are EVS_CA_FILE's or the system's. Ends with 0 when every deletion was accepted,
-- 1 when one was not, 2 for a wrong command line. It needs cqueues and luaossl.
local cqueues = require "cqueues"
local errno = require "cqueues.errno"
local socket = require "cqueues.socket"
local ssl_context = require "openssl.ssl.context"
local verify_param = require "openssl.x509.verify_param"
local x509_store = require "openssl.x509.store"
local evs = require "evs"

local BODY_LIMIT = 1024 * 1024 -- the module does not look further either

-- ---- one request over a connection of its own ---------------------------------------------------

-- A context that takes only certificates which verify, and only for this host.
local function verifying(host)
  local context, store, param = ssl_context.new("TLS", false), x509_store.new(), verify_param.new()
  local ca_file = os.getenv("EVS_CA_FILE")
  if ca_file then store:add(ca_file) else store:addDefaults() end
  param:setHost(host)
  context:setStore(store)
  context:setParam(param)
  context:setVerify(ssl_context.VERIFY_PEER)
  return context
end

local function left_until(deadline)
  return math.max(deadline - cqueues.monotime(), 0.001)
end

local function describe(_, method, code)
  return method .. ": " .. errno.strerror(code)
end

-- A connection; or nil, and the code and text of what went wrong.
local function connect(scheme, authority, deadline)
  local host, port = authority:match("^%[?([^%]]-)%]?:?(%d*)$")
  if port == "" then port = scheme == "https" and "443" or "80" end
  local connection = socket.connect { host = host, port = port }
  connection:onerror(describe)
  connection:setmode("bn", "bf")
  local ok, why = connection:connect(left_until(deadline))
  if not ok then return nil, "Client.Connect", why end
  if scheme == "https" then
    ok, why = connection:starttls(verifying(host), left_until(deadline))
    if not ok then return nil, "Client.TLS", why end
  end
  return connection
end

-- All of the request's headers, and Host as in the URL.
local function head_of(request, authority, path)
  local lines = { request.method .. " " .. path .. " HTTP/1.1" }
  local headers = { Host = authority, Connection = "close" }
  for name, value in pairs(request.headers) do headers[name] = value end
  for name, value in pairs(headers) do lines[#lines + 1] = name .. ": " .. value end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- The readers return nil and a reason when the answer does not come whole, and in time. Nothing is
-- called by pcall or as an iterator: in Lua 5.1 a coroutine cannot yield through those.

local function read_headers(read)
  local headers = {}
  while true do
    local line, why = read("*l")
    if not line then return nil, why end
    local name, value = line:match("^([^:]+):%s*(.-)%s*$")
    if name then
      headers[name:lower()] = value
    elseif line == "" or line == "\r" then
      return headers
    end
  end
end

local function read_chunks(read)
  local parts, total = {}, 0
  while total <= BODY_LIMIT do
    local size = tonumber((read("*l") or ""):match("^%x+") or "", 16)
    if size == 0 then return table.concat(parts) end
    if not size then return nil, "a bad chunk" end
    local part, why = read(size)
    if not part then return nil, why end
    parts[#parts + 1], total = part, total + size
    read("*l")
  end
  return nil, "the answer is too long"
end

local function read_body(read, headers)
  if (headers["transfer-encoding"] or ""):lower() == "chunked" then return read_chunks(read) end
  local size = math.min(tonumber(headers["content-length"]) or 0, BODY_LIMIT)
  if size == 0 then return "" end
  return read(size)
end

-- The answer as status, headers, body; or nil and why there is none.
local function exchange(connection, head, deadline)
  local function read(format)
    connection:settimeout(left_until(deadline))
    local data, why = connection:read(format)
    -- At its end a connection gives what there was.
    local whole = data and (type(format) ~= "number" or #data == format)
    return whole and data or nil, why or "the connection was closed"
  end
  if not (connection:write(head) and connection:flush()) then return nil, "it was not sent" end
  while true do
    local line, why = read("*l")
    local status = tonumber((line or ""):match("^HTTP/1%.[01] (%d%d%d)"))
    if not status then return nil, line and "no HTTP" or why end
    local headers, body
    headers, why = read_headers(read)
    if not headers then return nil, why end
    if status >= 200 then
      body, why = read_body(read, headers)
      if not body then return nil, why end
      return status, headers, body
    end
  end
end

-- ---- one deletion -------------------------------------------------------------------------------

-- Carries a request of the machine's, and tells it what came of it.
local function carry(machine, request)
  local scheme, authority, path = request.url:match("^(https?)://([^/]+)(/.*)$")
  local connection, code, why = connect(scheme, authority, request.deadline)
  if connection and cqueues.monotime() >= request.deadline then
    connection:close()
    connection, code, why = nil, "Client.Timeout", "connecting took too long"
  end
  if not connection then
    machine:fail(code, why, false) -- not one byte of the request was written
    return
  end
  local status, headers, body = exchange(connection, head_of(request, authority, path),
    request.deadline)
  connection:close()
  if status then
    machine:reply(status, headers, body)
  else
    local late = cqueues.monotime() >= request.deadline
    machine:fail(late and "Client.Timeout" or "Client.Network", headers, "maybe")
  end
end

-- Runs a machine to its end, in a coroutine of the loop's.
local function run(machine)
  while true do
    local what, value, err = machine:next(cqueues.monotime(), os.time())
    if what == "send" then
      carry(machine, value)
    elseif what == "sleep" then
      cqueues.sleep(value)
    else
      return value, err
    end
  end
end

-- ---- all of them --------------------------------------------------------------------------------

if #arg < 2 then
  io.stderr:write("Usage: event_loop PROJECT ID...\n")
  os.exit(2)
end
local project = arg[1]
local client, err = evs.new()
if not client then error(tostring(err), 0) end
local loop, failed = cqueues.new(), 0
for i = 2, #arg do
  local id = arg[i]
  loop:wrap(function()
    local result, why = run(client:start("delete_snapshot", project, id))
    if result ~= true then failed = failed + 1 end
    print(id, result == true and "accepted" or tostring(why))
  end)
end
assert(loop:loop())
os.exit(failed == 0 and 0 or 1)
