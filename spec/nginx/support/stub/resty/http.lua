--- Stands in for lua-resty-http, of which Debian has no package: the part of it that
-- examples/resty_http_transport.lua uses, with results that a spec has put into `http.script`.

local http = { script = {}, calls = {} }

local Client = {}
Client.__index = Client

local function note(name, value)
  http.calls[#http.calls + 1] = { name = name, value = value }
end

function http.new()
  return setmetatable({}, Client)
end

function Client.set_timeouts(_, connect)
  note("set_timeouts", connect)
end

function Client.connect(_, options)
  note("connect", options)
  if http.script.connect_seconds then ngx.sleep(http.script.connect_seconds) end
  return http.script.connected, http.script.connect_error
end

function Client.get_reused_times()
  return http.script.reused or 0
end

function Client.request(_, options)
  note("request", options)
  if http.script.request_error then return nil, http.script.request_error end
  local position = 0
  local parts = http.script.parts or {}
  return {
    status = http.script.status, headers = http.script.headers or {}, has_body = parts[1] ~= nil,
    body_reader = function()
      position = position + 1
      return parts[position], position > #parts and http.script.body_error or nil
    end,
  }
end

function Client.set_keepalive()
  note("set_keepalive")
  return 1
end

function Client.close()
  note("close")
end

return http
