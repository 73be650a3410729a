--- A server of HTTP/2 over TLS, whose frames are made by hand, for what no well-kept server does
-- when it is told to.
--
--   local server = require("spec.support.http2").start(directory, { "refuse", "accept" })
--   server.url, server:log(), server:stop()
--
-- DIRECTORY has server.crt and server.key. The requests that come, on whichever connection, are
-- answered by the actions in their order, the later ones by the last. The log has for each request
-- its connection's number, its stream's and its action.

local server = require "spec.support.server"

local http2 = {}

local unpack = table.unpack or unpack -- luacheck: ignore

-- ---- frames (RFC 9113) and what is in them ----------------------------------------------------

local DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
local ACK, END_STREAM, END_HEADERS = 1, 1, 4
local NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM = 0, 2, 7
local PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

local function number(value, bytes)
  local text = ""
  for _ = 1, bytes do
    text = string.char(value % 256) .. text
    value = math.floor(value / 256)
  end
  return text
end

local function frame(kind, flags, stream, payload)
  return number(#payload, 3) .. string.char(kind, flags) .. number(stream, 4) .. payload
end

-- A status by itself, or with JSON to follow: HPACK's fields without index and without Huffman.
local function head(stream, status, flags)
  return frame(HEADERS, END_HEADERS + flags, stream, "\8\3" .. status)
end

local function whole(stream, status, body)
  if not body then return head(stream, status, END_STREAM) end
  return head(stream, status, 0) .. frame(DATA, END_STREAM, stream, body)
end

local function reset(stream, code)
  return frame(RST_STREAM, 0, stream, number(code, 4))
end

local function goaway(last)
  return frame(GOAWAY, 0, 0, number(math.max(last, 0), 4) .. number(NO_ERROR, 4))
end

-- ---- actions: the bytes to send for a stream, and whether the connection ends -----------------

local AVAILABLE = '{"snapshot":{"id":"a","name":"x","status":"available","metadata":{}}}'
local MISSING = '{"itemNotFound":{"code":404,"message":"no such snapshot"}}'

local actions = {}

function actions.accept(stream) return whole(stream, "202") end
function actions.show(stream) return whole(stream, "200", AVAILABLE) end
function actions.missing(stream) return whole(stream, "404", MISSING) end
function actions.refuse(stream) return reset(stream, REFUSED_STREAM) end
function actions.break_stream(stream) return reset(stream, INTERNAL_ERROR) end
function actions.go_away_before(stream) return goaway(stream - 2) end
function actions.go_away_after(stream) return goaway(stream) .. whole(stream, "202") end
function actions.close() return "", true end
function actions.break_and_close(stream) return reset(stream, INTERNAL_ERROR), true end
function actions.go_away_and_close(stream) return goaway(stream - 2), true end
function actions.garble() return frame(DATA, END_STREAM, 0, "no stream has the number 0") end
function actions.garble_fields(stream)
  return frame(HEADERS, END_HEADERS, stream, "\255\255\255")
end
function actions.go_away_and_garble(stream) return goaway(stream) .. actions.garble() end
function actions.inform(stream) return head(stream, "103", 0):rep(101) end

-- The connection speaks HTTP/1 in place of it, and ends with the request.
local HTTP1 = "close_http1"

local function next_action(state)
  return state.actions[math.min(#state.log + 1, #state.actions)]
end

local function note(state, connection, stream)
  local name = next_action(state)
  state.log[#state.log + 1] = ("%d %d %s"):format(connection.number, stream, name)
  return actions[name]
end

-- ---- the server's side ------------------------------------------------------------------------

local function perform(state, connection, stream)
  local bytes, ends = note(state, connection, stream)(stream)
  connection.socket:write(bytes)
  connection.socket:flush()
  return not ends
end

local function read_frame(socket)
  local start = socket:read(9)
  if not start then return nil end
  local high, middle, low, kind, flags = start:byte(1, 5)
  local length = high * 65536 + middle * 256 + low
  local stream = 0
  for i = 6, 9 do stream = stream * 256 + start:byte(i) end
  if length > 0 then socket:read(length) end
  return kind, flags, stream
end

local function converse(state, connection)
  local socket = connection.socket
  local start = socket:read(#PREFACE)
  if start ~= PREFACE then
    if start then note(state, connection, 0) end
    return
  end
  socket:write(frame(SETTINGS, 0, 0, ""))
  -- No generic for: Lua 5.1 cannot yield in its iterator.
  local kind, flags, stream = read_frame(socket)
  while kind do
    if kind == SETTINGS and flags ~= ACK then
      socket:write(frame(SETTINGS, ACK, 0, ""))
      socket:flush()
    elseif kind == HEADERS and not perform(state, connection, stream) then
      return
    end
    kind, flags, stream = read_frame(socket)
  end
end

local function serve_connection(state, socket)
  state.connections = state.connections + 1
  socket:setmode("bn", "bf")
  socket:onerror(function(_, _, code) return code end)
  if not socket:starttls(state.context) then return socket:close() end
  converse(state, { socket = socket, number = state.connections })
  -- What is unread at the end would make that a reset.
  socket:shutdown("w")
  repeat until not socket:read(-4096)
  socket:close()
end

local function make_context(directory, choose_protocol)
  local context = require("openssl.ssl.context").new("TLS", true)
  local function read(name)
    local file = assert(io.open(directory .. "/" .. name))
    local text = file:read("*a")
    file:close()
    return text
  end
  context:setCertificate(require("openssl.x509").new(read "server.crt"))
  context:setPrivateKey(require("openssl.pkey").new(read "server.key"))
  context:setAlpnSelect(choose_protocol)
  return context
end

local function listen()
  local listener = require("cqueues.socket").listen { host = "127.0.0.1", port = 0 }
  assert(listener:listen())
  local _, _, port = listener:localname()
  io.write(port, "\n")
  return listener
end

-- Answers "log" and "stop"; true: it is to stop.
local function obey(state, control)
  local wish = control:read("*l")
  if wish == "log" then control:write(table.concat(state.log, "\n"), "\n") end
  control:close()
  return wish == "stop"
end

--- Runs in the child: serves until told to stop, a minute at most.
function http2.serve(directory, ...)
  local cqueues = require "cqueues"
  local loop = cqueues.new()
  local state = { actions = { ... }, log = {}, connections = 0 }
  state.context = make_context(directory, function()
    return next_action(state) == HTTP1 and "http/1.1" or "h2"
  end)
  local listener, control, stopped = listen(), listen(), false
  io.flush()
  loop:wrap(function()
    while true do loop:wrap(serve_connection, state, assert(listener:accept())) end
  end)
  loop:wrap(function()
    repeat stopped = obey(state, control:accept()) until stopped
  end)
  local ends = cqueues.monotime() + 60
  while not stopped and cqueues.monotime() < ends do loop:step(1) end
end

--- Starts one; `directory` is where the emulator has its certificates.
function http2.start(directory, list)
  local started = server.start("spec.support.http2", directory, unpack(list))
  started.url = "https://localhost:" .. started.port
  return started
end

return http2
