--- Answers as plain tables { status, headers, body, content_type }, and putting them on the wire.

local cjson = require "cjson"
local clock = require "emulator.clock"

local answers = {}

local REASONS = {
  [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found",
  [405] = "Not Allowed", [408] = "Request Time-out", [410] = "Gone",
  [413] = "Request Entity Too Large", [429] = "Too Many Requests", [500] = "Internal Server Error",
  [502] = "Bad Gateway", [503] = "Service Temporarily Unavailable", [504] = "Gateway Time-out",
}

local function random_hex()
  local random = math.random
  return ("%06x%06x%06x%06x%06x%02x"):format(random(0, 0xffffff), random(0, 0xffffff),
    random(0, 0xffffff), random(0, 0xffffff), random(0, 0xffffff), random(0, 0xff))
end

-- 32 hex digits with the dashes of a UUID.
local function dashed(digits)
  return (digits:gsub("^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)", "%1-%2-%3-%4-"))
end

--- The request id of the request being served: 32 hex digits.
function answers.request_id()
  local ctx = ngx.ctx
  ctx.request_id = ctx.request_id or random_hex()
  return ctx.request_id
end

--- An array as JSON; cjson would write an empty one as {}.
function answers.array(list)
  local parts = {}
  for i, item in ipairs(list) do parts[i] = cjson.encode(item) end
  return "[" .. table.concat(parts, ",") .. "]"
end

--- A JSON answer; `value` is a table or JSON text.
function answers.json(status, value)
  local body = type(value) == "string" and value or cjson.encode(value)
  return { status = status, body = body, content_type = "application/json" }
end

--- An error of the gateway, code "APIGW.0301".
function answers.gateway(status, code, message)
  return answers.json(status,
    { error_msg = message, error_code = code, request_id = answers.request_id() })
end

--- An error of EVS, code "EVS.1047".
function answers.evs(status, code, message)
  return answers.json(status, { error = { message = message, code = code } })
end

--- An error in OpenStack's manner, kind "itemNotFound".
function answers.openstack(status, kind, message)
  local answer = answers.json(status, { [kind] = { code = status, message = message } })
  answer.openstack = true
  return answer
end

--- Keystone's 401.
function answers.keystone()
  local answer = answers.json(401, { error = {
    code = 401, title = "Unauthorized",
    message = "The request you have made requires authentication.",
  } })
  answer.openstack = true
  return answer
end

--- OpenStack's answer to a path that it does not route.
function answers.unrouted()
  return {
    status = 404, openstack = true, content_type = "text/plain; charset=UTF-8",
    body = "404 Not Found\n\nThe resource could not be found.\n\n   ",
  }
end

-- The bodies that the 202 of a deletion may have.
local ACCEPTED = {
  -- Nothing in it, and yet typed as HTML, as Cinder sends it.
  empty = function() return "", "text/html; charset=UTF-8" end,
  job = function()
    return cjson.encode { job_id = dashed(random_hex()) }, "application/json"
  end,
  no_job = function() return "{}", "application/json" end,
  text = function() return "accepted", "text/plain; charset=UTF-8" end,
}

--- The 202 of a deletion; `how` is a word of the setting `accepted`.
function answers.accepted(how)
  local body, content_type = ACCEPTED[how]()
  return { status = 202, openstack = true, body = body, content_type = content_type }
end

--- An error page as nginx makes them.
function answers.html(status)
  local title = status .. " " .. (REASONS[status] or "Error")
  return {
    status = status, content_type = "text/html",
    body = "<html>\r\n<head><title>" .. title .. "</title></head>\r\n<body>\r\n<center><h1>"
      .. title .. "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
  }
end

--- Sends status and headers. `length` nil leaves the body's length open; `skew` seconds are added
-- to the Date of this answer only.
function answers.send_headers(answer, length, skew)
  ngx.status = answer.status
  local header = ngx.header
  header["Content-Type"] = answer.content_type or "text/html"
  header["X-Request-Id"] = answers.request_id()
  if answer.openstack then
    header["X-Openstack-Request-Id"] = "req-" .. dashed(answers.request_id())
  end
  local shift = clock.skew() + (skew or 0)
  if shift ~= 0 then header["Date"] = ngx.http_time(ngx.time() + shift) end
  header["Content-Length"] = length
  for name, value in pairs(answer.headers or {}) do header[name] = value end
  return ngx.send_headers()
end

--- Sends a whole answer.
function answers.send(answer, skew)
  local body = answer.body or ""
  local bodiless = answer.status == 204 or answer.status == 304
  answers.send_headers(answer, not bodiless and #body or nil, skew)
  if not bodiless then ngx.print(body) end
end

return answers
