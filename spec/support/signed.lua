--- Requests to the emulator with signatures by its own code: what a spec of the emulator sends.
--
--   local emulator = require("spec.support.emulator").start()
--   local signed = require("spec.support.signed").to(emulator)
--   local status, body, headers = signed:call("GET", "a")

local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"
local signature = require "spec.emulator.signature"

local Signed = {}
Signed.__index = Signed

--- The time in the form of X-Sdk-Date, `offset` seconds from now.
function Signed.date(offset)
  return os.date("!%Y%m%dT%H%M%SZ", os.time() + (offset or 0))
end

--- Whether a Date header tells the time `offset` seconds from now, give or take some seconds.
function Signed.is_date(date, offset)
  for late = -1, 5 do
    if date == os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + offset - late) then return true end
  end
  return false
end

--- The path of a snapshot of the emulator's project, for legacy snapshots or the API of `root`,
-- such as "v5/%s/snapshots".
function Signed:path(id, root)
  return "/" .. (root or "v2/%s/cloudsnapshots"):format(self.emulator.project_id) .. "/" .. id
end

--- The headers of a signed request. `with`: ak, sk, algorithm, scope, offset (seconds), headers,
-- signed, endpoint.
function Signed:sign(method, target, with)
  with = with or {}
  local headers = {
    ["x-sdk-date"] = Signed.date(with.offset),
    host = (with.endpoint or self.emulator.endpoint):match("//(.*)$"),
  }
  for name, value in pairs(with.headers or {}) do headers[name] = value end
  headers.authorization = signature.authorization(
    { method = method, target = target, headers = headers, signed = with.signed },
    { ak = with.ak or self.emulator.ak, sk = with.sk or self.emulator.sk,
      algorithm = with.algorithm, scope = with.scope })
  return headers
end

--- Sends a request with exactly these headers. Returns status, decoded (or plain) body, headers and
-- the body's text; or nil and the reason.
function Signed:send(method, target, headers, endpoint)
  local parts = {}
  local done, status, answer_headers = http.request {
    method = method, url = (endpoint or self.emulator.endpoint) .. target, headers = headers,
    sink = ltn12.sink.table(parts), redirect = false,
  }
  if not done then return nil, status end
  local text = table.concat(parts)
  local decoded, value = pcall(cjson.decode, text)
  return status, decoded and value or text, answer_headers, text
end

--- Sends a signed request to a target; returns what send() does.
function Signed:ask(method, target, with)
  return self:send(method, target, self:sign(method, target, with), with and with.endpoint)
end

--- Sends a signed request for a legacy snapshot, or for its list as "detail?limit=1".
function Signed:call(method, id, with)
  return self:ask(method, self:path(id), with)
end

local signed = {}

--- Signed requests to one emulator.
function signed.to(emulator)
  return setmetatable({ emulator = emulator }, Signed)
end

return signed
