--- Servers for what the emulator cannot do, each in a process of its own.
--
--   local server = require "spec.support.server"
--   local proxy = server.proxy()                     -- carries CONNECT
--   local proxy = server.proxy("HTTP/1.1 407 Nothing Doing\r\n\r\n")   -- refuses everybody
--   local talker = server.talker(first, unasked, later)
--   local forwarder = server.forwarder(port, number, text)
--   local flooder = server.flooder(first, piece)
--   proxy.url, proxy:log(), proxy:stop()
--
-- A talker answers its first request with `first`, sends `unasked` a little later on the same
-- connection, and answers all other requests with `later`. A forwarder carries connections to a
-- port of this host, but for one: the connection of that number gets `text` and its end. A flooder
-- answers every request with `first`, and then with `piece` again and again. The log has of each
-- request (of a proxy: of each connection) the lines of the head. They end with stop(), or by
-- themselves when nobody has spoken to them for a minute: a failed test may not have stopped them,
-- and a Lua state that closes waits for the processes it has started.

local process = require "spec.support.process"
local socket = require "socket"

local server = {}

-- ---- the server's side ------------------------------------------------------------------------

local CARRIED = "HTTP/1.1 200 Connection established\r\n\r\n"

-- Seconds without a connection, a byte or a wish.
local IDLE_LIMIT = 60

-- The lines of a request's head, or nil at the end of the connection.
local function read_head(connection)
  connection:settimeout(5)
  local lines = {}
  while true do
    local line = connection:receive("*l")
    if not line then return nil end
    if line == "" then return lines end
    lines[#lines + 1] = line
  end
end

local function send_all(connection, text)
  connection:settimeout(5)
  connection:send(text)
end

local function note(state, head)
  state.log[#state.log + 1] = table.concat(head, "; ")
end

-- A server has two functions: `accepted(connection, state)` and `readable(connection, state)`.
-- `state.open` has as keys all connections to listen to.
local servers = { proxy = {}, talker = {}, forwarder = {}, flooder = {} }

function servers.proxy.accepted(connection, state)
  local head = read_head(connection) or {}
  note(state, head)
  local host, port = (head[1] or ""):match("^CONNECT (%S+):(%d+) HTTP/1%.[01]$")
  local target = host and state.texts[1] == "" and socket.connect(host, tonumber(port))
  if not target then
    send_all(connection, state.texts[1])
    connection:close()
    return
  end
  send_all(connection, CARRIED)
  state.open[connection], state.open[target] = target, connection
end

function servers.proxy.readable(connection, state)
  local peer = state.open[connection]
  connection:settimeout(0)
  local text, reason, part = connection:receive(65536)
  text = text or part
  if text and text ~= "" then send_all(peer, text) end
  if reason ~= "closed" then return end
  state.open[connection], state.open[peer] = nil, nil
  connection:close()
  peer:close()
end

function servers.forwarder.accepted(connection, state)
  note(state, { "connection" })
  if #state.log ~= tonumber(state.texts[2]) then
    local target = assert(socket.connect("127.0.0.1", tonumber(state.texts[1])))
    state.open[connection], state.open[target] = target, connection
    return
  end
  connection:settimeout(0.1)
  connection:receive(65536) -- what is left unread at the end would make that a reset
  send_all(connection, state.texts[3])
  connection:close()
end

servers.forwarder.readable = servers.proxy.readable

function servers.talker.accepted(connection, state)
  state.open[connection] = true
end

function servers.talker.readable(connection, state)
  local head = read_head(connection)
  if not head then
    state.open[connection] = nil
    connection:close()
    return
  end
  note(state, head)
  if #state.log > 1 then
    send_all(connection, state.texts[3])
  else
    send_all(connection, state.texts[1])
    socket.sleep(0.02)
    send_all(connection, state.texts[2])
  end
end

servers.flooder.accepted = servers.talker.accepted

function servers.flooder.readable(connection, state)
  local head = read_head(connection)
  if head then
    note(state, head)
    local many = state.texts[2]:rep(math.ceil(65536 / #state.texts[2]))
    send_all(connection, state.texts[1])
    repeat until not connection:send(many)
  end
  state.open[connection] = nil
  connection:close()
end

-- Answers the specs: "log" or "stop". Returns true when it is to stop.
local function obey(control, state)
  local connection = control:accept()
  local wish = connection:receive("*l")
  if wish == "log" then send_all(connection, table.concat(state.log, "\n")) end
  connection:close()
  return wish == "stop"
end

local function port_of(listener)
  local _, port = listener:getsockname()
  return port
end

--- Runs in the child: serves until told to stop.
function server.serve(kind, ...)
  local listener, control = assert(socket.bind("127.0.0.1", 0)), assert(socket.bind("127.0.0.1", 0))
  local state = { texts = { ... }, log = {}, open = {} }
  io.write(port_of(listener), "\n", port_of(control), "\n")
  io.flush()
  while true do
    local all = { listener, control }
    for connection in pairs(state.open) do all[#all + 1] = connection end
    local able = socket.select(all, nil, IDLE_LIMIT)
    if #able == 0 then return end
    for _, ready in ipairs(able) do
      if ready == listener then
        servers[kind].accepted(listener:accept(), state)
      elseif ready == control then
        if obey(control, state) then return end
      elseif state.open[ready] then
        servers[kind].readable(ready, state)
      end
    end
  end
end

-- ---- the specs' side --------------------------------------------------------------------------

local Server = {}
Server.__index = Server

function Server:ask(wish)
  local connection = assert(socket.connect("127.0.0.1", self.control))
  connection:send(wish .. "\n")
  local text = connection:receive("*a")
  connection:close()
  return text or ""
end

--- What it was asked: the lines of each head, joined by "; ".
function Server:log()
  local lines = {}
  for line in self:ask("log"):gmatch("[^\n]+") do lines[#lines + 1] = line end
  return lines
end

--- Ends it.
function Server:stop()
  self:ask("stop")
  return self.process:wait()
end

--- Starts a child that calls `module`.serve(...), which prints its port and that of its control.
function server.start(module, ...)
  local parts = {}
  for i, text in ipairs { ... } do parts[i] = ("%q"):format(text) end
  local child = process.start(("require(%q).serve(%s)"):format(module, table.concat(parts, ", ")))
  local port = assert(child:read())
  return setmetatable({ process = child, url = "http://127.0.0.1:" .. port,
    port = tonumber(port), control = tonumber(child:read()) }, Server)
end

local function start(...)
  return server.start("spec.support.server", ...)
end

--- A proxy that carries CONNECT, or gives everybody `answer`.
function server.proxy(answer)
  return start("proxy", answer or "")
end

--- A server that carries connections to a port of this host, but for one.
function server.forwarder(port, number, text)
  return start("forwarder", tostring(port), tostring(number), text)
end

--- A server that never comes to an end.
function server.flooder(first, piece)
  return start("flooder", first, piece)
end

--- A server that says more than it was asked.
function server.talker(first, unasked, later)
  return start("talker", first, unasked, later)
end

return server
