--- The metadata service of an ECS instance: a session token and temporary keys.

local answers = require "emulator.answers"
local facts = require "emulator.facts"
local keys = require "emulator.keys"
local state = require "emulator.state"

local metadata = {}

local SESSION = "emulator-metadata-session"

local DEFAULTS = {
  token_status = 200,     -- answer to PUT .../api/token
  key_status = 200,       -- answer to GET .../securitykey
  require_token = false,  -- refuse the keys (401) without X-Metadata-Token
  lifetime = 86400,       -- seconds until the keys expire
  expires_at = "",        -- their expiry as text, in place of `lifetime`
  rotate = false,         -- each fetch makes a new key, with a token and known to the gateway
  body = "",              -- answers the keys with exactly this
}

local function configuration()
  local chosen = state.get("metadata") or {}
  local all = {}
  for name, default in pairs(DEFAULTS) do
    if chosen[name] == nil then all[name] = default else all[name] = chosen[name] end
  end
  return all
end

--- Configures the service: fields as above, all others at their start.
-- @return true, or nil and what was wrong
function metadata.configure(changes)
  for name, value in pairs(changes) do
    if type(DEFAULTS[name]) ~= type(value) then return nil, "no such field: " .. name end
  end
  state.set("metadata", changes)
  return true
end

local function plain(status, text)
  return { status = status, body = text, content_type = "text/plain; charset=UTF-8" }
end

local function give_token(request, config)
  if config.token_status ~= 200 then return plain(config.token_status, "no token") end
  if not tonumber(request.headers["x-metadata-token-ttl-seconds"]) then
    return plain(400, "X-Metadata-Token-Ttl-Seconds is missing")
  end
  return plain(200, SESSION)
end

local function current_key(config)
  if not config.rotate then return keys.get(facts.get("temporary_ak")) end
  local number = state.add("metadata.rotation", 1)
  local key = {
    ak = ("EMULATORMETA%08d"):format(number),
    sk = ("emulatorMetadataSecretKey%015d"):format(number),
    security_token = ("emulator-metadata-security-token-%08d"):format(number),
  }
  keys.put(key)
  return key
end

local function give_keys(request, config)
  if config.key_status ~= 200 then return plain(config.key_status, "no keys") end
  if config.require_token and request.headers["x-metadata-token"] ~= SESSION then
    return plain(401, "X-Metadata-Token is missing or wrong")
  end
  if config.body ~= "" then return answers.json(200, config.body) end
  local key = current_key(config)
  if not key then return plain(404, "no keys") end
  local expires_at = config.expires_at ~= "" and config.expires_at
    or os.date("!%Y-%m-%dT%H:%M:%S.000000Z", math.floor(ngx.now() + config.lifetime))
  return answers.json(200, { credential = {
    access = key.ak, secret = key.sk, securitytoken = key.security_token, expires_at = expires_at,
  } })
end

--- Answers a request to the metadata service.
function metadata.answer(request)
  local config = configuration()
  local call = request.method .. " " .. request.path
  if call == "PUT /meta-data/latest/api/token" then return give_token(request, config) end
  if call == "GET /openstack/latest/securitykey" then return give_keys(request, config) end
  return plain(404, "404 Not Found")
end

return metadata
