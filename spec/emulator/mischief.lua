--- Carries out what a misbehaviour rule says.

local answers = require "emulator.answers"
local authenticate = require "emulator.authenticate"
local cjson = require "cjson"
local state = require "emulator.state"

local mischief = {}

local FILLING = ("0123456789abcdef"):rep(4096)

-- Closes the connection (HTTP/2: the stream) without another byte.
local function cut(rule)
  if rule.reset then return ngx.exec("@reset") end
  return ngx.exit(444)
end

local function send_raw(rule)
  -- Raises on HTTP/2.
  local got, socket = pcall(ngx.req.socket, true)
  if not got or not socket then
    return answers.send { status = 500, body = "raw needs HTTP/1.1" }
  end
  socket:send(rule.raw)
  -- Gives the bytes time to leave before the close.
  ngx.sleep(0.01)
  return ngx.exit(444)
end

-- Answers of requests on their way to the location @close, where keep-alive is off.
local closing = {}

local function send_and_close(rule, answer)
  closing[ngx.var.evs_request] = function() answers.send(answer, rule.skew) end
  return ngx.exec("@close")
end

--- Sends the answer of a request that arrived at @close.
function mischief.close()
  local number = ngx.var.evs_request
  local send = closing[number]
  closing[number] = nil
  send()
end

local function is_canned(rule)
  return rule.status or rule.body ~= nil or rule.html or rule.echo or rule.big_body
end

local function canned(rule, request)
  if rule.echo then return authenticate.echo(request) end
  local status = rule.status or 200
  if rule.html then
    local answer = answers.html(status)
    answer.headers = rule.headers
    return answer
  end
  local body = rule.body
  if body == nil then body = "" end
  if type(body) ~= "string" then body = cjson.encode(body) end
  return {
    status = status, headers = rule.headers, body = body,
    content_type = body:find("^%s*[{%[]") and "application/json" or "text/html; charset=UTF-8",
  }
end

local function send_part(rule, answer)
  local body = answer.body or ""
  answers.send_headers(answer, rule.promise or #body + 100, rule.skew)
  ngx.print(body)
  ngx.flush(true)
  -- Without the pause HTTP/2 resets the stream before the bytes have left.
  ngx.sleep(0.05)
  return cut(rule)
end

local function send_slowly(rule, answer)
  local body, piece = answer.body or "", rule.piece or 1
  answers.send_headers(answer, #body, rule.skew)
  for start = 1, #body, piece do
    ngx.print(body:sub(start, start + piece - 1))
    if not ngx.flush(true) then return end
    ngx.sleep(rule.slow_body)
  end
end

local function send_big(rule, answer)
  answers.send_headers(answer, rule.promise, rule.skew)
  ngx.print(answer.body)
  local left = rule.big_body
  while left > 0 do
    local sent = ngx.print(left >= #FILLING and FILLING or FILLING:sub(1, left))
    if not sent or not ngx.flush(true) then return end
    left = left - #FILLING
  end
end

local function with_headers(answer, headers)
  answer.headers = answer.headers or {}
  for name, value in pairs(headers or {}) do answer.headers[name] = value end
  return answer
end

--- Serves a request by a rule. `real(request)` does what was asked and returns the true answer.
function mischief.perform(rule, request, real)
  local era = state.era()
  if rule.delay then ngx.sleep(rule.delay) end
  -- After a reset it would have its effect on what was put since.
  if rule.cut == "before" or era ~= state.era() then return cut(rule) end
  local answer
  if rule.effect or rule.cut == "after" or not (is_canned(rule) or rule.raw or rule.hang) then
    answer = real(request)
  end
  if rule.late then ngx.sleep(rule.late) end
  if rule.hang then ngx.sleep(rule.hang) end
  if rule.hang or rule.cut == "after" then return cut(rule) end
  if rule.raw then return send_raw(rule) end
  if is_canned(rule) then answer = canned(rule, request) end
  answer = with_headers(answer, rule.headers)
  if rule.cut == "body" then return send_part(rule, answer) end
  if rule.slow_body then return send_slowly(rule, answer) end
  if rule.big_body then return send_big(rule, answer) end
  if rule.close then return send_and_close(rule, answer) end
  return answers.send(answer, rule.skew)
end

return mischief
