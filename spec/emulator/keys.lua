--- Who may call: access keys, their security tokens and projects, IAM tokens; and the lock that
-- the gateway puts on an AK after too many wrong signatures in a row.

local clock = require "emulator.clock"
local facts = require "emulator.facts"
local state = require "emulator.state"

local keys = {}

local FAILURES_ALLOWED = 5
local LOCK_SECONDS = 300

--- Forgets all keys and failures, and puts the emulator's own keys and token.
function keys.reset()
  for _, prefix in ipairs { "key:", "token:", "failures:", "locked:" } do state.clear(prefix) end
  local all = facts.all()
  keys.put { ak = all.ak, sk = all.sk }
  keys.put { ak = all.temporary_ak, sk = all.temporary_sk, security_token = all.security_token }
  keys.put { token = all.token, projects = { all.project_id } }
end

--- Adds or replaces a key { ak, sk, security_token?, projects? } or a token { token, projects? };
-- with `remove` it is taken away. Clears the key's failures and lock.
function keys.put(key)
  local value = not key.remove and key or nil
  if key.token then
    state.set("token:" .. key.token, value)
  else
    state.set("key:" .. key.ak, value)
    state.set("failures:" .. key.ak, nil)
    state.set("locked:" .. key.ak, nil)
  end
end

--- The key of an AK, or nil.
function keys.get(ak)
  return state.get("key:" .. ak)
end

--- The token's record, or nil.
function keys.token(token)
  return state.get("token:" .. token)
end

--- Whether a key or token may use a project; without a list of projects it may use all.
function keys.allows(key, project_id)
  if not key.projects then return true end
  for _, allowed in ipairs(key.projects) do
    if allowed == project_id then return true end
  end
  return false
end

--- Whether the gateway refuses this AK at the moment, whatever the signature.
function keys.locked(ak)
  local till = state.get("locked:" .. ak)
  return till ~= nil and clock.now() < till
end

--- Notes a signature of a known AK that was right.
function keys.succeeded(ak)
  state.set("failures:" .. ak, nil)
end

--- Notes one that was wrong; the sixth in a row locks the AK.
function keys.failed(ak)
  if state.add("failures:" .. ak, 1) > FAILURES_ALLOWED then
    state.set("locked:" .. ak, clock.now() + LOCK_SECONDS)
    state.set("failures:" .. ak, nil)
  end
end

--- What is known of every AK: { [ak] = { failures, locked, temporary } }.
function keys.summary()
  local summary = {}
  for _, name in ipairs(state.names("key:")) do
    local key = state.get(name)
    summary[key.ak] = {
      failures = state.get("failures:" .. key.ak) or 0,
      locked = keys.locked(key.ak),
      temporary = key.security_token ~= nil,
    }
  end
  return summary
end

return keys
