--- A transport over lua-resty-http, for what resty.evs.http does not: proxies, client certificates.
--
--   local transport = require "resty_http_transport"
--   local client = evs.new {
--     transport = transport.new { proxy_opts = { https_proxy = "http://proxy.example:3128" } },
--   }
--
-- lua-resty-http reads answers less strictly than resty.evs.http does.

local clock = require "resty.evs.clock"
local http = require "resty.evs.http"

local transport = {}

local PIECE = 64 * 1024

local function set_time(client, request)
  local left = clock.milliseconds(request.deadline - clock.now())
  client:set_timeouts(math.min(clock.milliseconds(request.connect_timeout), left), left, left)
end

local function connect_code(reason)
  -- About the moment, so that it is tried again.
  if reason:find("proxy: 50[234]") then return "Client.Connect" end
  if reason:find("proxy", 1, true) then return "Client.Proxy" end
  if reason:find("certificate", 1, true) or reason:find("handshake", 1, true) then
    return "Client.TLS"
  end
  return http.connect_code(reason)
end

local function connect(client, where, request, options)
  local all = {}
  for name, value in pairs(options) do all[name] = value end
  all.scheme, all.port = where.scheme, where.port
  all.host = where.host == "localhost" and "127.0.0.1" or where.host
  all.ssl_server_name, all.ssl_verify = where.host, request.tls_verify
  all.ssl_reused_session = false
  local done, reason = client:connect(all)
  -- A connection that is closed by now has a certificate that does not verify; see http.lua.
  if done and client:get_reused_times() then return true end
  reason = done and "the certificate does not verify" or tostring(reason)
  return nil, connect_code(reason), reason
end

-- A name server, a proxy and a handshake have each a time-out of their own.
local function connect_in_time(client, where, request, options)
  local left = math.min(request.deadline - clock.now(), request.connect_timeout)
  local done, code, reason = http.in_time(math.max(left, 0), function()
    return connect(client, where, request, options)
  end)
  if done and clock.now() < request.deadline then return true end
  if done or code == "timeout" then return nil, "Client.Timeout", "connecting took too long" end
  return nil, code, reason
end

-- The body, up to `limit` bytes and one more, and whether that was all; or nil and the reason.
local function read_body(answer, limit)
  local parts, length = {}, 0
  if not answer.has_body then return "", true end
  local headers = answer.headers
  local to_the_end = not headers["Content-Length"] and not headers["Transfer-Encoding"]
  while true do
    local part, reason = answer.body_reader(PIECE)
    parts[#parts + 1] = part
    length = length + #(part or "")
    if length > limit then return table.concat(parts):sub(1, limit + 1), false end
    if reason and not (to_the_end and reason == "closed") then return nil, reason end
    if not part or reason then return table.concat(parts), not to_the_end end
  end
end

local function lost(reason)
  if reason:find("timeout", 1, true) then return nil, "Client.Timeout", reason, "maybe" end
  if reason:find("parse", 1, true) then return nil, "Client.BadResponse", reason, "maybe" end
  return nil, "Client.Network", reason, "maybe"
end

local function exchange(client, where, request)
  local headers = { Host = where.authority }
  for name, value in pairs(request.headers) do headers[name] = value end
  local answer, reason = client:request {
    method = request.method, path = where.target, headers = headers,
  }
  if not answer then return lost(tostring(reason)) end
  if answer.status < 200 then return nil, "Client.BadResponse", "an answer of 1xx", "maybe" end
  local body, whole = read_body(answer, request.limit)
  if not body then return lost(tostring(whole)) end
  if not (whole and client:set_keepalive()) then client:close() end
  return answer.status, answer.headers, body
end

--- A transport for resty.evs. `options` are added to those of lua-resty-http's connect.
function transport.new(options)
  local resty_http = require "resty.http"
  return function(request)
    local where = http.split(request.url)
    local client = resty_http.new()
    set_time(client, request)
    local done, code, reason = connect_in_time(client, where, request, options or {})
    if not done then
      client:close()
      return nil, code, reason, false
    end
    local left = math.max(request.deadline - clock.now(), 0)
    local status, headers, body, sent = http.in_time(left, function()
      return exchange(client, where, request)
    end)
    if status then return status, headers, body end
    client:close()
    if sent then return nil, headers, body, sent end
    return lost(headers)
  end
end

return transport
