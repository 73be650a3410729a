--- A client whose calls are machines and batches (`client:start`), carried by LuaSocket over plain
-- HTTP, a connection for each request. each_snapshot gives an array.

local http = require "socket.http"
local ltn12 = require "ltn12"
local socket = require "socket"

local carried = {}

local now = socket.gettime

-- A socket whose every wait ends by `deadline`, however the bytes drip.
local function connection(deadline)
  return function()
    local made = socket.tcp()
    http.TIMEOUT = math.max(deadline - now(), 0.001)
    made:settimeout(http.TIMEOUT, "t")
    return made
  end
end

local CODES = { timeout = "Client.Timeout", closed = "Client.Network" }

-- The answer to a request as status, headers and body; or nil and what `fail` is told.
local function send(request)
  local body = {}
  local sent, status, headers = http.request {
    method = request.method, url = request.url, headers = request.headers, redirect = false,
    create = connection(request.deadline), sink = ltn12.sink.table(body),
  }
  if sent then return status, headers, table.concat(body) end
  if status == "connection refused" then return nil, "Client.Connect", status, false end
  return nil, CODES[status] or "Client.BadResponse", status, "maybe"
end

-- Carries a request of a machine, and tells it what came; one of a batch has a ticket.
local function carry(machine, request, ticket)
  local status, headers, body, departed = send(request)
  local tell, news = machine.reply, { status, headers, body }
  if not status then tell, news = machine.fail, { headers, body, departed } end
  if ticket then return tell(machine, ticket, news[1], news[2], news[3]) end
  return tell(machine, news[1], news[2], news[3])
end

-- Runs a machine to its next page or its end.
local function run(machine)
  while true do
    local step, value, more = machine:next(now(), os.time())
    if step == "send" then
      carry(machine, value, more)
    elseif step == "sleep" then
      socket.sleep(value)
    elseif step ~= "result" then
      return value, more, step
    end
  end
end

local Client = {}
Client.__index = Client

for _, operation in ipairs { "delete_snapshot", "show_snapshot", "list_snapshots",
  "delete_snapshots" } do
  Client[operation] = function(self, project, what, opts)
    local machine, err = self.client:start(operation, project, what, opts)
    if not machine then return nil, err end
    local result, problem = run(machine)
    return result, problem
  end
end

function Client:list_volumes(project, opts)
  local rows, err = run(self.client:start("list_volumes", project, nil, opts))
  return rows, err
end

function Client:each_snapshot(project, filter, opts)
  local machine, rows = self.client:start("each_snapshot", project, filter, opts), {}
  while true do
    local page, err, step = run(machine)
    if step == "done" then return not err and rows or nil, err end
    for _, row in ipairs(page) do rows[#rows + 1] = row end
  end
end

function Client:close()
  self.client:close()
end

--- The client that carries the calls of `client`, one of evs.safe.
function carried.by(client)
  return setmetatable({ client = client }, Client)
end

return carried
