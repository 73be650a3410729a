-- Proves that the emulator's own signatures are those of Huawei's signers.

local cjson = require "cjson"
local signature = require "spec.emulator.signature"

local function read_vectors()
  local file = assert(io.open("spec/vectors.json"))
  local vectors = cjson.decode(file:read("*a"))
  file:close()
  return vectors
end

describe("signature.lua", function()
  for _, vector in ipairs(read_vectors()) do
    it("agrees with Huawei's signers on " .. vector.id, function()
      local signed, headers = {}, {}
      for _, pair in ipairs(vector.signed_headers_input) do
        signed[#signed + 1] = pair[1]:lower()
        headers[pair[1]:lower()] = pair[2]
      end
      table.sort(signed)
      local request = {
        method = vector.method, body = vector.body, headers = headers, signed = signed,
        target = vector.url:match("^%a+://[^/?]+(.*)$"):gsub("^%f[?%z]", "/"),
        payload_hash = headers["x-sdk-content-sha256"] or headers["x-sdk-content-sm3"],
      }
      local scope = vector.algorithm == "V11-HMAC-SHA256"
        and ("%s/%s/%s"):format(vector.date:sub(1, 8), vector.region, vector.service)
      -- The SDKs' own unit tests publish the Authorization only.
      if type(vector.canonical_request) == "string" then
        assert.equal(vector.canonical_request,
          signature.canonical_request(request, vector.algorithm))
      end
      assert.equal(vector.authorization, signature.authorization(request,
        { ak = vector.ak, sk = vector.sk, algorithm = vector.algorithm, scope = scope }))
    end)
  end

  it("takes an Authorization header apart, and says nil to what is none", function()
    local parsed = signature.parse(
      "V11-HMAC-SHA256 Credential=AK/20260821/r/s, SignedHeaders=host;x-sdk-date, Signature=0f")
    assert.same({ algorithm = "V11-HMAC-SHA256", ak = "AK", scope = "20260821/r/s",
      signed = { "host", "x-sdk-date" }, signature = "0f" }, parsed)
    assert.is_nil(signature.parse("Basic dXNlcg=="))
    assert.is_nil(signature.parse("SDK-HMAC-SHA256 Access=AK, Signature=0f"))
  end)
end)
