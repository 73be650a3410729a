-- Proves the metadata service of the emulator.

local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"

local emulator = require("spec.support.emulator").start()
local signed = require("spec.support.signed").to(emulator)

before_each(function() emulator:reset() end)

describe("the metadata service", function()
  local function ask(method, path, headers)
    local parts = {}
    local _, status = http.request { method = method, url = emulator.metadata_endpoint .. path,
      headers = headers, sink = ltn12.sink.table(parts) }
    return status, table.concat(parts)
  end

  local function ask_keys(session)
    local status, text = ask("GET", "/openstack/latest/securitykey",
      { ["x-metadata-token"] = session })
    return status, status == 200 and cjson.decode(text).credential or text
  end

  it("gives a session token and keys that work", function()
    local status, session = ask("PUT", "/meta-data/latest/api/token",
      { ["x-metadata-token-ttl-seconds"] = "60", ["content-length"] = "0" })
    assert.equal(200, status)
    emulator:metadata { require_token = true }
    assert.equal(401, (ask_keys()))
    local _, key = ask_keys(session)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d+Z$", key.expires_at)
    emulator:put { id = "a" }
    assert.equal(200, (signed:call("GET", "a", { ak = key.access, sk = key.secret,
      headers = { ["x-security-token"] = key.securitytoken } })))
    local count = emulator:count()
    assert.same({ 1, 2, 1 }, { count["metadata.PUT"], count["metadata.GET"], count.GET })
  end)

  it("fails, rotates and misbehaves as told", function()
    emulator:metadata { token_status = 404, key_status = 503 }
    assert.equal(404, (ask("PUT", "/meta-data/latest/api/token", { ["content-length"] = "0" })))
    assert.equal(503, (ask_keys()))
    emulator:metadata { rotate = true }
    local _, first = ask_keys()
    local _, second = ask_keys()
    assert.not_equal(first.access, second.access)
    emulator:misbehave { service = "metadata", status = 200, body = "<html>" }
    local status, text = ask("GET", "/openstack/latest/securitykey")
    assert.equal(200, status)
    assert.equal("<html>", text)
  end)
end)
