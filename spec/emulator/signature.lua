--- AK/SK signatures of Huawei Cloud, as the gateway's side sees them.
--
-- Written for the emulator on top of luaossl. It shares no code with the client under test, so a
-- mistake made there is not repeated here. Pure: no nginx, no clock; runs on every Lua.
--
-- A request is a table:
--   method        "DELETE"
--   target        the request line's target as it was on the wire, "/v2/p/cloudsnapshots/x?limit=1"
--   headers       { [lower-case name] = value }
--   signed        array of the signed names, lower-case
--   payload_hash  hex text, or nil for the hash of `body` (or of nothing)

local digest = require "openssl.digest"
local hmac = require "openssl.hmac"

local signature = {}

local HASHES = {
  ["SDK-HMAC-SHA256"] = "sha256",
  ["SDK-HMAC-SM3"] = "sm3",
  ["V11-HMAC-SHA256"] = "sha256",
}

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function hash(name, text)
  return hex(digest.new(name):final(text))
end

local function mac(name, key, text)
  return hmac.new(key, name):final(text)
end

--- Percent-decodes once. A "+" stays a plus.
function signature.decode(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- Percent-encodes everything but the unreserved characters of RFC 3986.
function signature.encode(text)
  return (text:gsub("[^A-Za-z0-9_.~-]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

local function recode(text)
  return signature.encode(signature.decode(text))
end

local function canonical_path(path)
  local encoded = path:gsub("[^/]+", recode)
  return encoded:sub(-1) == "/" and encoded or encoded .. "/"
end

local function canonical_query(query)
  local pairs_found = {}
  for piece in (query or ""):gmatch("[^&]+") do
    local key, value = piece:match("^([^=]*)=?(.*)$")
    pairs_found[#pairs_found + 1] = { recode(key), recode(value) }
  end
  table.sort(pairs_found, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  for i, pair in ipairs(pairs_found) do pairs_found[i] = pair[1] .. "=" .. pair[2] end
  return table.concat(pairs_found, "&")
end

local function trim(text)
  return text:match("^%s*(.-)%s*$")
end

--- The hash function's name for an algorithm, or nil for one that is not known.
function signature.hash_name(algorithm)
  return HASHES[algorithm]
end

--- The hex hash of a body under an algorithm.
function signature.payload_hash(algorithm, body)
  return hash(HASHES[algorithm], body or "")
end

--- The canonical request, six parts joined by newlines.
function signature.canonical_request(request, algorithm)
  local path, query = request.target:match("^([^?]*)%??(.*)$")
  local lines = {}
  for _, name in ipairs(request.signed) do
    lines[#lines + 1] = name .. ":" .. trim(request.headers[name] or "") .. "\n"
  end
  return table.concat({
    request.method,
    canonical_path(path),
    canonical_query(query),
    table.concat(lines),
    table.concat(request.signed, ";"),
    request.payload_hash or signature.payload_hash(algorithm, request.body),
  }, "\n")
end

--- The text that the key signs. `scope` ("20260821/region/service") only with V11-HMAC-SHA256.
function signature.string_to_sign(algorithm, date, canonical, scope)
  local lines = { algorithm, date }
  if scope then lines[#lines + 1] = scope end
  lines[#lines + 1] = hash(HASHES[algorithm], canonical)
  return table.concat(lines, "\n")
end

-- HKDF-SHA256 of 32 bytes needs one block of output; the key is the block's hex text.
local function derived_key(ak, sk, scope)
  local extracted = mac("sha256", ak, sk)
  return hex(mac("sha256", extracted, scope .. "\1"))
end

--- The hex signature of a string to sign.
function signature.compute(algorithm, ak, sk, text, scope)
  local key = algorithm == "V11-HMAC-SHA256" and derived_key(ak, sk, scope) or sk
  return hex(mac(HASHES[algorithm], key, text))
end

--- Takes an Authorization header apart.
-- @return { algorithm, ak, scope, signed, signature }, or nil when it is not of that form
function signature.parse(authorization)
  local algorithm, rest = authorization:match("^(%S+) (.+)$")
  if not algorithm or not HASHES[algorithm] then return nil end
  local holder, names, value = rest:match("^(%S+), SignedHeaders=(%S+), Signature=(%x+)$")
  if not holder then return nil end
  local parsed = { algorithm = algorithm, signature = value, signed = {} }
  if algorithm == "V11-HMAC-SHA256" then
    parsed.ak, parsed.scope = holder:match("^Credential=([^/]+)/(%d+/[^/]+/[^/]+)$")
  else
    parsed.ak = holder:match("^Access=(.+)$")
  end
  if not parsed.ak then return nil end
  for name in names:gmatch("[^;]+") do parsed.signed[#parsed.signed + 1] = name end
  return parsed
end

local function sorted_names(headers)
  local names = {}
  for name in pairs(headers) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- The Authorization header for a request; for specs and small tools that need a signed request.
-- `request` as above (`signed` nil: all headers given), `key` = { algorithm=, ak=, sk=, scope= };
-- headers must hold x-sdk-date.
function signature.authorization(request, key)
  local algorithm = key.algorithm or "SDK-HMAC-SHA256"
  local signed = request.signed or sorted_names(request.headers)
  local canonical = signature.canonical_request({
    method = request.method, target = request.target, headers = request.headers,
    signed = signed, payload_hash = request.payload_hash, body = request.body,
  }, algorithm)
  local date = request.headers["x-sdk-date"]
  local text = signature.string_to_sign(algorithm, date, canonical, key.scope)
  local holder = key.scope and "Credential=" .. key.ak .. "/" .. key.scope or "Access=" .. key.ak
  return ("%s %s, SignedHeaders=%s, Signature=%s"):format(algorithm, holder,
    table.concat(signed, ";"), signature.compute(algorithm, key.ak, key.sk, text, key.scope))
end

return signature
