-- What an experienced user would write on Debian's packages without this module: LuaJIT (or Lua
-- 5.1) with lua-curl, which has libcurl's easy interface, and lua-luaossl for the hashes. One
-- handle is kept, so that connections are. There is no guard, no retry, no look at why a deletion
-- failed.
--
--   by_hand.lua URL COUNT [CA_FILE]
local curl = require "curl"
local digest = require "openssl.digest"
local hmac = require "openssl.hmac"

local url, count, ca_file = arg[1], tonumber(arg[2]), arg[3]
local ak, sk = "AKEXAMPLE0123456789", "an-example-secret-key"
local project = "0123456789abcdef0123456789abcdef"
local host = url:match("^%w+://(.*)$")
local empty_hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function authorization(path, date)
  local names = "host;x-project-id;x-sdk-date"
  local canonical = table.concat({
    "DELETE", path .. "/", "",
    "host:" .. host, "x-project-id:" .. project, "x-sdk-date:" .. date, "",
    names, empty_hash,
  }, "\n")
  local text = "SDK-HMAC-SHA256\n" .. date .. "\n" .. hex(digest.new("sha256"):final(canonical))
  return ("SDK-HMAC-SHA256 Access=%s, SignedHeaders=%s, Signature=%s"):format(
    ak, names, hex(hmac.new(sk, "sha256"):final(text)))
end

local easy = curl.easy_init()
local status, body
easy:setopt(curl.OPT_CUSTOMREQUEST, "DELETE")
easy:setopt(curl.OPT_NOSIGNAL, 1)
easy:setopt(curl.OPT_CONNECTTIMEOUT, 5)
easy:setopt(curl.OPT_TIMEOUT, 30)
if ca_file then easy:setopt(curl.OPT_CAINFO, ca_file) end
easy:setopt(curl.OPT_HEADERFUNCTION, function(line)
  status = line:match("^HTTP/%S+ (%d+)") or status
  return #line
end)
easy:setopt(curl.OPT_WRITEFUNCTION, function(data)
  body = body .. data
  return #data
end)

local function delete_snapshot(id)
  local path = "/v2/" .. project .. "/cloudsnapshots/" .. id
  local date = os.date("!%Y%m%dT%H%M%SZ")
  status, body = nil, ""
  easy:setopt(curl.OPT_URL, url .. path)
  easy:setopt(curl.OPT_HTTPHEADER, {
    "Accept: application/json",
    "Content-Type: application/json",
    "User-Agent: lua-evs/0.1.0",
    "X-Project-Id: " .. project,
    "X-Sdk-Date: " .. date,
    "Authorization: " .. authorization(path, date),
  })
  local ok, message = easy:perform()
  if not ok then return nil, message end
  if status ~= "202" then return nil, status .. ": " .. body end
  return true
end

local ids = {}
for i = 0, 255 do
  ids[i] = ("%08x-0000-4000-8000-000000000000"):format(i)
end
for i = 1, count do
  assert(delete_snapshot(ids[i % 256]))
end
