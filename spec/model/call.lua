--- What one call may do next, and how it may end: the rules of a deletion, step by step.
--
-- A call is followed through guard, delete, settle and wait by what it is told. Each answer either
-- lets it go on (with a pause whose bounds are known) or fixes its end. This is how the rules are
-- read; that a result is also TRUE is checked apart, by model_truth, against the cloud's real
-- state.

local Call = {}
Call.__index = Call

local BACKOFF, BACKOFF_THROTTLED, BACKOFF_CAP = 0.2, 2, 10
local POLL_FIRST, POLL_GROWTH, POLL_CAP, POLL_SETTLED = 0.5, 1.5, 10, 10

local TRANSIENT = { creating = true, deleting = true, ["backing-up"] = true, rollbacking = true }

local function deletable(status)
  return status == "available" or status == "error"
end

--- `options` has every call option; `passed` is the status of a snapshot given in place of the id,
-- when it is complete.
function Call.new(index, operation, snapshot, options, passed)
  local call = setmetatable({
    index = index, operation = operation, snapshot = snapshot, options = options, passed = passed,
    attempts = 0, deletes = 0, seen = false, lost = false, accepted = false, resends = 0,
    polls = 0, requests = 0,
  }, Call)
  if operation == "show_snapshot" then
    call:exchange("show")
  elseif passed then
    call:judge(passed)
  else
    call:exchange(options.guard and "guard" or "delete")
  end
  return call
end

--- The method that the next request must have.
function Call:method()
  return self.phase == "delete" and "DELETE" or "GET"
end

--- Begin the next chain of attempts.
function Call:exchange(phase)
  self.phase, self.retries, self.tries, self.resends = phase, self.options.retries, 0, 0
  self.failure, self.pause, self.wake = nil, nil, nil
end

--- What is known of the deletion.
function Call:outcome()
  if self.accepted then
    return "accepted"
  elseif self.lost then
    return "unknown"
  end
  return self.deletes > 0 and "refused" or "not_sent"
end

-- The end is fixed: success, or an error with this code and, where given, status and retryable.
function Call:succeed()
  self.expected = { success = true }
end

function Call:fail(code, status, retryable)
  self.expected = { code = code, status = status, retryable = retryable }
end

function Call:fail_with(failure)
  self:fail(failure.code, failure.status, failure.retryable)
end

-- --- after a chain of attempts -------------------------------------------------------------------

-- The guard's verdict on what it has seen.
function Call:judge(status)
  self.seen = true
  if self.options.guard and self.snapshot.backup then
    self:fail("Client.Protected", nil, false)
  elseif self.options.guard and not deletable(status) then
    self:fail("Client.WrongState", nil, TRANSIENT[status] or false)
  else
    self:exchange("delete")
  end
end

local concluded = {}

function concluded.show(call, answer, failure)
  if answer and answer.success then
    if answer.shown then
      call:succeed()
    else
      call:fail("Client.BadResponse", answer.status, false)
    end
    return
  end
  call:fail_with(failure)
end

function concluded.guard(call, answer, failure)
  if answer and answer.success then
    if answer.shown and not answer.partial then
      call:judge(answer.shown)
    else
      call:fail("Client.BadResponse", answer.status, false)
    end
  elseif answer and answer.missing and call.options.ignore_missing then
    call:succeed()
  else
    call:fail_with(failure)
  end
end

local function missing(call, failure)
  if call.options.ignore_missing or (call.lost and call.seen) then
    call:succeed()
  else
    call:fail_with(failure)
  end
end

local function accept(call)
  call.accepted = true
  if not call.options.wait then
    call:succeed()
    return
  end
  call.wait_ends, call.wait_begins = nil, nil
  call.late_status = nil
  call:poll(nil)
end

-- Answers to a DELETE that an earlier, lost one may have caused.
local function may_be_our_own_work(answer)
  return answer.status == 400 or answer.status == 409 or answer.code == "EVS.2019"
end

function concluded.delete(call, answer, failure)
  if not answer then
    call:fail_with(failure)
  elseif answer.status == 202 then
    accept(call)
  elseif answer.success then
    call.lost = true
    call:fail("Client.BadResponse", answer.status, false)
  elseif answer.missing then
    missing(call, failure)
  elseif call.lost and may_be_our_own_work(answer) then
    call.refusal = failure
    call:exchange("settle")
  else
    call:fail_with(failure)
  end
end

local function not_deleted(call, status)
  call:fail("Client.NotDeleted", nil, deletable(status))
end

function concluded.settle(call, answer, failure)
  if answer and answer.missing then
    missing(call, failure)
  elseif not answer or not answer.shown then
    call:fail_with(call.refusal)
  elseif answer.shown == "deleting" then
    call.deleting_seen, call.settled_as_deleting = true, true
    accept(call)
  elseif answer.shown == "error_deleting" then
    not_deleted(call, answer.shown)
  else
    call:fail_with(call.refusal)
  end
end

-- A pause is { low, high, server }: between low and high, less when time runs out, but never less
-- than what the server asks for.

--- A look at the snapshot, after a pause that grows.
function Call:poll(retry_after)
  local pause = POLL_FIRST
  for _ = 1, self.polls do
    pause = math.min(pause * POLL_GROWTH, POLL_CAP)
  end
  self.polls = self.polls + 1
  self:exchange("wait")
  self.retries = 0
  self.pause = { low = pause * 0.9, high = pause * 1.1, server = retry_after }
end

local function judge_poll(call, status, request)
  local late = request.sent_at - call.wait_begins >= POLL_SETTLED
  local agrees = late and call.late_status == status
  if status == "error_deleting" or (status ~= "deleting" and (call.deleting_seen or agrees)) then
    not_deleted(call, status)
    return
  end
  call.deleting_seen = call.deleting_seen or status == "deleting"
  call.late_status = late and status or nil
  call:poll(nil)
end

local function ends_wait(status)
  return status >= 400 and status < 500 and status ~= 408 and status ~= 429
end

function concluded.wait(call, answer, failure, request)
  if answer and answer.missing then
    call:succeed()
  elseif answer and answer.shown then
    judge_poll(call, answer.shown, request)
  elseif answer and ends_wait(answer.status) then
    call:fail_with(failure)
  else
    call:poll(answer and answer.retry_after)
  end
end

-- --- attempts ------------------------------------------------------------------------------------

-- Whether it is tried again, with the pause for it.
local function try_again(call, base, retry_after)
  if call.retries == 0 then
    return false
  end
  call.retries = call.retries - 1
  if retry_after then
    call.pause = { low = 0, high = 0, server = retry_after }
  else
    local ceiling = base
    for _ = 1, call.tries do
      ceiling = math.min(ceiling * 2, BACKOFF_CAP)
    end
    call.pause = { low = 0, high = ceiling, jitter = true }
  end
  call.tries = call.tries + 1
  return true
end

--- The request is on its way.
function Call:sent(now)
  self.requests = self.requests + 1
  self.first_send = self.first_send or now
end

--- An answer; `heals` says that it is a 401 after which the request may be sent once more.
function Call:reply(request, answer, heals)
  self.attempts = self.attempts + 1
  if request.method == "DELETE" then
    self.deletes = self.deletes + 1
    self.lost = self.lost or answer.lost
  end
  local failure = { code = answer.code, status = answer.status, retryable = answer.retry }
  if not answer.success then
    self.failure = failure
  end
  if heals then
    self.resends = self.resends + 1
    return
  end
  if answer.status == 401 and self.agency and self.resends == 0 then
    self.unhealed = request -- other keys may heal it, or not
    return
  end
  local base = answer.status == 429 and BACKOFF_THROTTLED or BACKOFF
  if answer.retry and try_again(self, base, answer.retry_after) then
    return
  end
  concluded[self.phase](self, answer, failure, request)
end

--- No answer: { code, message, sent }.
function Call:failed(request, failed)
  local sent = failed[3] == "maybe"
  local passing = failed[1] ~= "Client.TLS" and failed[1] ~= "Client.Proxy"
  if sent then
    self:count_lost(request)
  end
  local failure = { code = failed[1], retryable = sent or passing }
  self.failure = failure
  if (sent or passing) and try_again(self, BACKOFF) then
    return
  end
  concluded[self.phase](self, nil, failure, request)
end

-- A closed client has forgotten its secrets with its keys: it shows no text from outside any more.
local function close_down(call)
  if call.phase == "settle" then
    call:fail_with(call.refusal)
  else
    call:fail("Client.Closed", nil, false)
  end
end

--- An answer after the client was closed: only a 202 still counts.
function Call:reply_closed(request, answer)
  self.attempts = self.attempts + 1
  if request.method == "DELETE" then
    self.deletes = self.deletes + 1
    self.lost = self.lost or answer.lost or (answer.success and answer.status ~= 202)
    if answer.status == 202 then
      accept(self)
      return
    end
  end
  close_down(self)
end

--- No answer after the client was closed.
function Call:failed_closed(request, sent)
  if sent then
    self:count_lost(request)
  end
  close_down(self)
end

--- A request that left and will have no answer.
function Call:count_lost(request)
  self.attempts = self.attempts + 1
  if request.method == "DELETE" then
    self.deletes = self.deletes + 1
    self.lost = true
  end
end

--- When its time is up: nil before it runs.
function Call:deadline()
  if self.phase == "wait" then
    return self.wait_ends
  end
  return self.ends
end

--- It looks at the clock: its time runs from the first look, a wait's from the first after the 202.
function Call:look(now)
  self.ends = self.ends or now + self.options.timeout
  if self.phase == "wait" and not self.wait_ends then
    self.wait_begins, self.wait_ends = now, now + self.options.wait
  end
end

return Call
