--- Watches the calls of a run: everything a machine says is held against the rules and the truth.
--
-- Each method raises a table { fault = text } when something is wrong.

local Cloud = require "spec.model.cloud"
local Gate = require "spec.model.gate"
local evs = require "evs"
local truth = require "spec.model.truth"

local Watch = {}
Watch.__index = Watch

local TINY = 1e-6
local GATE_POLL = 0.05
local SLACK = 0.1

--- `service` is the run's metadata service, if it has one; `statistics` is shared by the runs:
-- { pauses, share } of the jitter.
function Watch.new(plan, service, statistics)
  return setmetatable({
    plan = plan, gate = Gate.new(plan), service = service, statistics = statistics,
  }, Watch)
end

function Watch.fault(text)
  error({ fault = text }, 0)
end

local fault = Watch.fault

-- --- requests ------------------------------------------------------------------------------------

local function check_deadline(call, request, now)
  local ends = call:deadline() or now + call.options.timeout
  local expected = math.min(now + call.options.attempt_timeout, ends)
  if now >= ends + TINY then
    fault("a request was sent after the call's deadline")
  elseif request.seconds <= 0 then
    fault("a request's deadline is not in the future")
  elseif math.abs(request.deadline - expected) > TINY then
    fault(("a request has %g s, not %g s"):format(request.deadline - now, expected - now))
  end
end

function Watch:check_signing_time(request)
  if self.plan.token then
    return
  elseif self.plan.agency then
    request.signed_at = Cloud.signing_time(request.headers["X-Sdk-Date"])
    return
  end
  local signed_at = Cloud.signing_time(request.headers["X-Sdk-Date"]) or fault("no X-Sdk-Date")
  if math.abs(signed_at - (request.wall + self.gate.offset)) > 1 + TINY then
    fault("a request was signed " .. signed_at - request.wall .. " s off the client's clock; "
      .. "the server's is known to be " .. self.gate.offset .. " s off")
  end
  request.signed_at = signed_at
end

--- The machine wants this request sent.
function Watch:send(call, request, now)
  call:look(now)
  if call.expected or call.cancelled then
    fault("a request was sent by a call that must have ended")
  elseif self.closed then
    fault("a request was sent by a closed client")
  elseif request.method ~= call:method() then
    fault("a " .. tostring(request.method) .. " in phase " .. call.phase)
  elseif request.method == "DELETE" and call.options.guard and call.snapshot.backup then
    fault("a DELETE for a backup's snapshot though guard is on")
  elseif call.pause and math.max(call.pause.high, call.pause.server or 0) > TINY then
    fault("a request was sent without the pause before it")
  elseif call.wake and now < call.wake - TINY then
    fault("a request was sent before its pause was over")
  end
  check_deadline(call, request, now)
  self:check_signing_time(request)
  Gate.mark(request)
  local wrong = self.gate:send(request, now)
  if wrong then
    fault(wrong)
  end
  if call.unhealed then
    call.unhealed, call.resends = nil, call.resends + 1
  end
  call.pause, call.wake, call.fresh_key = nil, nil, nil
  call:sent(now)
end

-- --- sleeping ------------------------------------------------------------------------------------

-- The pause that the last answer asks for, as the machine shortens it when time runs out.
function Watch:check_pause(call, pause, seconds, now)
  local left = (call:deadline() or math.huge) - now
  local most, least = left > SLACK and left / 2 or left, pause.server or 0
  local low = math.max(math.min(pause.low, most), least)
  local high = math.max(math.min(pause.high, most), least)
  if seconds < low - TINY or seconds > high + TINY then
    fault(("a pause of %g s, not of %g to %g s"):format(seconds, low, high))
  end
  if pause.jitter and pause.high < left / 2 then
    local statistics = self.statistics
    statistics.pauses = statistics.pauses + 1
    statistics.share = statistics.share + seconds / pause.high
  end
end

function Watch:wait_for_key(call, seconds, now)
  local gate = self.gate
  gate:look(now)
  if not self.plan.agency and not gate:busy(call, now) and not gate:exhausted(now) then
    fault("a call sleeps without a reason")
  elseif seconds > GATE_POLL + TINY then
    fault("a call that waits for the key sleeps for " .. seconds .. " s")
  end
end

--- The machine wants to be asked again in so many seconds.
function Watch:sleep(call, seconds, now)
  call:look(now)
  local ends, pause = call:deadline(), call.pause
  if call.expected or call.cancelled or self.closed then
    fault("a call sleeps that must have ended")
  elseif not (seconds > 0 and seconds < 1e7) then
    fault("a sleep of " .. tostring(seconds) .. " s")
  elseif ends and now >= ends + TINY then
    fault("a call sleeps though its time is up")
  end
  if pause and math.max(pause.high, pause.server or 0) > 0 then
    self:check_pause(call, pause, seconds, now)
    call.pause, call.wake = nil, now + seconds
    if pause.server and now + pause.server > (ends or math.huge) + TINY then
      fault("a call sleeps though Retry-After ends past its deadline")
    end
  elseif call.wake and (now < call.wake - TINY or seconds < TINY) then
    if math.abs(now + seconds - call.wake) > TINY then
      fault("a pause changed its end")
    end
  else
    self:wait_for_key(call, seconds, now)
  end
end

-- --- answers -------------------------------------------------------------------------------------

--- An answer is about to be given to the machine.
function Watch:reply(call, request, answer, now)
  if request.handled_at and not request.answered_instead then
    call.last_truth, call.last_handled = request.truth, request.handled_at
  end
  if request.method == "DELETE" then
    call.left = call.left + 1
    call.got_202 = call.got_202 or answer.status == 202
    call.lost_any = call.lost_any or answer.lost or (answer.success and answer.status ~= 202)
  end
  local wrong = Gate.count(request, answer, now)
  if wrong then
    fault(wrong)
  end
  local heals = self.gate:reply(request, answer, now)
  if self.closed then
    call:reply_closed(request, answer)
  else
    call:reply(request, answer, heals)
  end
end

--- A failure is about to be given to the machine.
function Watch:failed(call, request, failure)
  if request.method == "DELETE" and failure[3] == "maybe" then
    call.left = call.left + 1
    call.lost_any = true
  end
  if failure[3] ~= "maybe" then
    self.gate:strike(request)
  end
  self.gate:release(call)
  if self.closed then
    call:failed_closed(request, failure[3] == "maybe")
  else
    call:failed(request, failure)
  end
end

--- The call is about to be cancelled, while `request` is out or nil.
function Watch:cancel(call, request)
  if request then
    call:count_lost(request)
    if request.method == "DELETE" then
      call.left = call.left + 1
      call.lost_any = true
    end
  end
  self.gate:release(call)
  call.cancelled = true
end

-- --- the end -------------------------------------------------------------------------------------

-- Whether the call's time is up: now, or before the pause ends that the server wants.
local function time_is_up(call, now)
  local ends, pause = call:deadline(), call.pause
  if not ends then
    return false
  end
  return now >= ends - TINY
    or (pause and pause.server and now + pause.server > ends - TINY) or false
end

-- What an end without a last answer is about.
function Watch:unasked_end(call, now)
  if call.cancelled then
    return { code = "Client.Stopped" }
  elseif self.closed then
    return { code = "Client.Closed" }
  elseif time_is_up(call, now) then
    if call.phase == "wait" then
      return { code = "Client.WaitTimeout", retryable = true }
    end
    return call.failure or { code = "Client.Timeout", retryable = true }
  elseif self.gate:refused(now) then
    return { code = self.gate.code, retryable = false }
  elseif self.plan.agency then
    return {} -- no keys, or a refused one
  end
  return fault("a call ended without a reason, in phase " .. call.phase)
end

function Watch:check_text(name, text, most)
  if type(text) ~= "string" or #text == 0 or #text > most then
    fault("err." .. name .. " is " .. tostring(text))
  elseif text:find("%c") then
    fault("err." .. name .. " has control characters")
  end
  for _, secret in ipairs(self.plan.secrets) do
    if text:find(secret:sub(1, 12), 1, true) then
      fault("err." .. name .. " has a secret in it: " .. text)
    end
  end
end

local FIELDS = {
  code = "string", message = "string", kind = "string", request_id = "string", status = "number",
  attempts = "number", retryable = "boolean", outcome = "string", hint = "string",
}

function Watch:check_error(err)
  if type(err) ~= "table" or not evs.is_error(err) then
    fault("the error is " .. tostring(err))
  end
  for name, value in pairs(err) do
    if type(value) ~= FIELDS[name] then
      fault("err." .. tostring(name) .. " is a " .. type(value))
    end
  end
  self:check_text("code", err.code, 64)
  self:check_text("message", err.message, 2048)
  if err.code:find("[^%w._-]") then
    fault("err.code is " .. err.code)
  elseif type(err.retryable) ~= "boolean" then
    fault("err.retryable is " .. tostring(err.retryable))
  end
  for _, name in ipairs({ "kind", "request_id" }) do
    if err[name] then
      self:check_text(name, err[name], 128)
    end
  end
  self:check_text("__tostring", tostring(err), 4096)
end

local function check_expected(expected, err)
  for _, name in ipairs({ "code", "status", "retryable" }) do
    if expected[name] ~= nil and err[name] ~= expected[name] then
      fault(("err.%s is %s, not %s (%s)"):format(name, tostring(err[name]),
        tostring(expected[name]), tostring(err)))
    end
  end
end

-- A 401 was the end. Other keys must not be at hand, nor on their way, unless some were tried since
-- the last proof.
function Watch:check_unhealed(call)
  if self.gate.heals > self.gate.heals_proven then
    return
  end
  local used, visitor = call.unhealed.key, self.service.visitor
  if call.fresh_key and call.fresh_key ~= used then
    fault("a 401 ends a call that has just got other keys")
  elseif visitor and visitor ~= call and not visitor.abandoned then
    fault("a 401 ends a call while another one fetches keys")
  end
end

-- Whether something else than its 401 may have ended a call that looked for other keys.
function Watch:interrupted(call, now)
  return call.cancelled or self.closed or self.gate.banned or time_is_up(call, now)
end

function Watch:expected_end(call, now)
  if call.expected then
    return call.expected
  elseif call.unhealed and not call.cancelled then
    if not self:interrupted(call, now) then
      self:check_unhealed(call)
    end
    return {} -- its own 401, or what refused the key meanwhile
  end
  local expected = self:unasked_end(call, now)
  return call.phase == "settle" and not call.cancelled and call.refusal or expected
end

function Watch:check_failure(call, err, now)
  self:check_error(err)
  local expected = self:expected_end(call, now)
  if expected.success then
    fault("an error where success is due: " .. tostring(err))
  end
  check_expected(expected, err)
  if err.attempts ~= call.attempts then
    fault("err.attempts is " .. err.attempts .. ", but it made " .. call.attempts)
  elseif err.outcome ~= call:outcome() then
    fault("err.outcome is " .. err.outcome .. ", not " .. call:outcome() .. ": " .. tostring(err))
  end
end

local function check_success(call, result)
  if not call.expected or not call.expected.success then
    fault("success where an error is due")
  elseif call.operation == "show_snapshot" then
    if type(result) ~= "table" or result.id ~= call.snapshot.id then
      fault("the snapshot is " .. tostring(result))
    end
  elseif result ~= true then
    fault("the result is " .. tostring(result))
  end
end

-- How late the call ended, the driver's own lateness aside.
function Watch:check_end_time(call, now)
  local ends = call:deadline()
  if ends and now > ends + SLACK + self.plan.lateness then
    fault(("the call ended %g s after its deadline"):format(now - ends))
  end
end

--- The machine is done.
function Watch:done(call, result, err, now)
  call:look(now)
  self:check_end_time(call, now)
  if err ~= nil then
    if result ~= nil then
      fault("a result beside the error")
    end
    self:check_failure(call, err, now)
  else
    check_success(call, result)
  end
  if call.operation == "delete_snapshot" then
    local untrue = truth.check(call, err == nil, err)
    if untrue then
      fault(untrue)
    end
  end
  self.gate:release(call)
  call.over = true
end

--- The machine was asked again after its end.
function Watch.again(first, again)
  for i = 1, 3 do
    local one, two = first[i], again[i]
    if type(one) == "table" and type(two) == "table" then
      for name, value in pairs(one) do
        if type(value) ~= "table" and two[name] ~= value then
          fault("asked again, a machine gives another " .. name)
        end
      end
    elseif one ~= two then
      fault("asked again, a machine gives another result")
    end
  end
end

return Watch
