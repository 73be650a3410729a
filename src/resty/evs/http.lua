--- Carries a request over nginx's cosockets. It decides nothing: no retries, no redirects.

local answer = require "resty.evs.answer"
local clock = require "resty.evs.clock"

local concat, find, match = table.concat, string.find, string.match

local M = {}

local IDLE_SECONDS = 30 -- a kept connection; load balancers close theirs after a minute
local POOL_SIZE = 64
local HANDSHAKE_SPACING = 0.002
local SESSION_SECONDS = 3600

local DEFAULT_PORTS = { http = 80, https = 443 }

--- The parts of a URL: scheme, host, port (a number), target, and the value for Host.
function M.split(url)
  local scheme, authority, target = match(url, "^(https?)://([^/?#@]+)(/[^#]*)$")
  if not scheme then return nil end
  local host, port = match(authority, "^(.+):(%d+)$")
  port = tonumber(port) or DEFAULT_PORTS[scheme]
  if port == DEFAULT_PORTS[scheme] then authority = host or authority end
  return { scheme = scheme, host = host or authority, port = port, target = target,
    authority = authority }
end

--- The code for what connecting fails with, and the one for what the TLS handshake fails with.
function M.connect_code(reason)
  if find(reason, "timeout$") then return "Client.Timeout" end
  if find(reason, "resolve", 1, true) then return "Client.Resolve" end
  return "Client.Connect"
end

function M.handshake_code(reason)
  if reason == "timeout" then return "Client.Timeout" end
  if reason == "closed" or find(reason, "reset", 1, true) then return "Client.Connect" end
  return "Client.TLS"
end

-- When the next handshake of this worker may begin.
local next_handshake = 0

-- A handshake costs up to half a millisecond of CPU. Fifty at once would be one pause of 25 ms for
-- all else that the worker does; so they begin one after the other. False when the turn comes after
-- `ends`.
local function await_turn(ends)
  local now = clock.now()
  local turn = math.max(next_handshake, now)
  if turn >= ends then return false end
  next_handshake = turn + HANDSHAKE_SPACING
  if turn > now then ngx.sleep(clock.milliseconds(turn - now) / 1000) end
  return clock.now() < ends
end

-- The TLS session of each pool's last new connection, and since when one has led to the next. To
-- resume it takes a third of the CPU of a whole handshake. The certificate in it was verified, and
-- its name is checked anew, but not its time and not who signed it: so not for ever.
local sessions = {}

local function session_of(pool)
  local kept = sessions[pool]
  if kept and clock.now() - kept.since > SESSION_SECONDS then
    sessions[pool], kept = nil, nil
  end
  return kept and kept.session or false
end

-- By TLS 1.3 a server sends what is needed to resume a session after the handshake; once there is
-- an answer it has come. Whatever asking for it may raise, the answer comes first.
local function keep_session(socket, where)
  local ran, session = pcall(socket.sslhandshake, socket, nil)
  local before = where.resumes and sessions[where.pool]
  sessions[where.pool] = ran and session
    and { session = session, since = before and before.since or clock.now() } or nil
end

-- The session, or true where there was none to resume; or nil and the reason.
local function shake_hands(socket, where, request)
  local kept = session_of(where.pool)
  where.resumes = kept and true
  local ran, session, reason = pcall(socket.sslhandshake, socket, kept, where.host,
    request.tls_verify ~= false)
  -- ngx_lua before June 2026 closes the connection of a certificate that does not verify, but says
  -- true, or trips over a session that is not there, when the handshake took no waiting.
  if not ran or session and not socket:getreusedtimes() then
    return nil, "the certificate does not verify"
  end
  return session, tostring(reason)
end

local function handshake(socket, where, request)
  local session, reason = shake_hands(socket, where, request)
  if session then return true end
  sessions[where.pool] = nil
  if where.resumes and reason == "handshake failed" then
    return nil, "Client.Connect", "resuming TLS with " .. where.host .. ": " .. reason
  end
  if find(reason, "^%d+: ") then
    reason = reason .. " (nginx trusts what lua_ssl_trusted_certificate holds)"
  end
  return nil, M.handshake_code(reason), "TLS with " .. where.host .. ": " .. reason
end

local function first_of(work, timer, ran, ...)
  ngx.thread.kill(timer)
  ngx.thread.kill(work)
  if not ran then error((...), 0) end
  return ...
end

--- What `work()` returns, or nil, "timeout" when it takes longer than that; it is ended then.
function M.in_time(seconds, work)
  local working = ngx.thread.spawn(work)
  local timer = ngx.thread.spawn(function()
    ngx.sleep(seconds)
    return nil, "timeout"
  end)
  return first_of(working, timer, ngx.thread.wait(working, timer))
end

-- nginx's resolver has a time-out of its own, which no socket's changes.
local function connect_in_time(socket, host, port, options, seconds)
  if find(host, "^[%d.]+$") or find(host, "^%[") then return socket:connect(host, port, options) end
  return M.in_time(seconds, function() return socket:connect(host, port, options) end)
end

local function connect(socket, where, request)
  local began = clock.now()
  local ends = math.min(request.deadline, began + (request.connect_timeout or 5))
  -- nginx's resolver does not know localhost, RFC 6761 does.
  local host = where.host == "localhost" and "127.0.0.1" or where.host
  socket:settimeout(clock.milliseconds(ends - began))
  local done, reason = connect_in_time(socket, host, where.port,
    { pool = where.pool, pool_size = request.pool_size or POOL_SIZE, backlog = request.backlog },
    ends - began)
  if done and (where.scheme == "http" or socket:getreusedtimes() > 0) then return true end
  if done and not await_turn(ends) then done, reason = nil, "its turn came too late: timeout" end
  if not done then
    reason = tostring(reason)
    return nil, M.connect_code(reason), "connecting to " .. where.authority .. ": " .. reason
  end
  socket:settimeout(clock.milliseconds(ends - clock.now()))
  return handshake(socket, where, request)
end

local function head_of(request, where)
  local lines = {
    request.method .. " " .. where.target .. " HTTP/1.1",
    "Host: " .. where.authority,
  }
  for name, value in pairs(request.headers) do lines[#lines + 1] = name .. ": " .. value end
  lines[#lines + 1] = "\r\n"
  return concat(lines, "\r\n")
end

-- nginx gives a pool its sizes when it makes it, and never again: other sizes are another pool.
local function pool_of(where, request)
  return concat({ "evs", where.scheme, where.host, where.port,
    request.tls_verify == false and "any" or "verified",
    request.pool_size or POOL_SIZE, request.backlog or "-" }, " ")
end

local function keep(socket, where, request)
  if where.scheme == "https" and socket:getreusedtimes() == 0 then keep_session(socket, where) end
  return socket:setkeepalive(clock.milliseconds(request.keepalive_timeout or IDLE_SECONDS),
    request.pool_size or POOL_SIZE)
end

local function exchange(socket, where, request)
  local reused = socket:getreusedtimes() > 0
  socket:settimeout(clock.milliseconds(request.deadline - clock.now()))
  local sent, reason = socket:send(head_of(request, where))
  if not sent then
    return nil, reason == "timeout" and "Client.Timeout" or "Client.Network",
      "sending the request: " .. tostring(reason)
  end
  local status, fields, body, kept = answer.read(socket, request.deadline, request.limit)
  if not status and reused then body = body .. " (the connection was a kept one)" end
  return status, fields, body, kept
end

--- Carries a request: method, url, headers, deadline (on the monotonic clock), limit (bytes of the
-- body), and connect_timeout, tls_verify where they are not 5 seconds and true; keepalive_timeout,
-- pool_size and backlog where the client's options have them.
-- @return status, headers, body; or nil, code, message, sent (false or "maybe")
function M.request(request)
  local where = M.split(request.url)
  if not where then return nil, "Client.Connect", "not a URL: " .. request.url, false end
  where.pool = pool_of(where, request)
  -- One turn of the event loop: kept connections that were closed, or have bytes that nobody asked
  -- for, are thrown out of the pool before one is taken from it.
  clock.give_way()
  local socket = ngx.socket.tcp()
  local done, code, message = connect(socket, where, request)
  -- The worker may have had other things to do.
  if done and clock.now() >= request.deadline then
    done, code, message = nil, "Client.Timeout", "no time was left to send the request"
  end
  if not done then
    socket:close()
    return nil, code, message, false
  end
  local status, fields, body, kept = exchange(socket, where, request)
  if not (status and kept and keep(socket, where, request)) then socket:close() end
  return status, fields, body, not status and "maybe" or nil
end

return M
