--- A limit on requests per second, as the gateway (JSON) or a plain nginx (HTML) tells of it.

local answers = require "emulator.answers"
local state = require "emulator.state"

local limiter = {}

-- Times of the requests let through during the last second, oldest first. Losing them in a reload
-- does no harm.
local passed, first = {}, 1

--- Sets the limit { per_second, retry_after?, html? }; nil or {} lifts it.
function limiter.set(limit)
  state.set("rate", limit and limit.per_second and limit or nil)
  passed, first = {}, 1
end

--- Counts a request in.
-- @return nil, or the 429 to send
function limiter.check()
  local limit = state.get("rate")
  if not limit then return nil end
  local now = ngx.now()
  while passed[first] and passed[first] <= now - 1 do
    passed[first] = nil
    first = first + 1
  end
  local last = first
  while passed[last] do last = last + 1 end
  if last - first < limit.per_second then
    passed[last] = now
    return nil
  end
  local answer = limit.html and answers.html(429) or answers.gateway(429, "APIGW.0308",
    ("The throttling threshold has been reached: limit:%d,time:1 second"):format(limit.per_second))
  answer.headers = { ["Retry-After"] = limit.retry_after }
  return answer
end

return limiter
