-- Signing: evs.sign against the official signers' records, its rules, and what it refuses.

local cjson = require "cjson"
local evs = require "evs"
local probe = require "core_probe"

local AK = "AKIDEXAMPLE000000001"
local SK = "SKexample0000000000000000000000000000001"
local TOKEN = "gQpjbi1ub3J0aC00token=="
local EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
local DATE = "20260821T010203Z"
local TIME = 1787274123
local URL = "https://evs.cn-north-4.myhuaweicloud.com/v2/project/cloudsnapshots/snapshot"
local HOST = "evs.cn-north-4.myhuaweicloud.com"

local function read_vectors()
  local file = assert(io.open("spec/vectors.json", "rb"))
  local text = file:read("*a")
  file:close()
  return cjson.decode(text)
end

-- Seconds since 1970 of `YYYYMMDDTHHMMSSZ`. os.time would go through the local time zone.
local function epoch(date)
  local year, month, day, hour, minute, second =
    date:match("^(%d%d%d%d)(%d%d)(%d%d)T(%d%d)(%d%d)(%d%d)Z$")
  local y, m = tonumber(year), tonumber(month)
  if m <= 2 then
    y = y - 1
  end
  local era = math.floor(y / 400)
  local year_of_era = y - era * 400
  local day_of_year = math.floor((153 * ((m + 9) % 12) + 2) / 5) + tonumber(day) - 1
  local day_of_era = year_of_era * 365 + math.floor(year_of_era / 4)
    - math.floor(year_of_era / 100) + day_of_year
  local days = era * 146097 + day_of_era - 719468
  return days * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
end

local function given(value)
  if value ~= cjson.null then
    return value
  end
end

local function with(changes)
  local request = { method = "DELETE", url = URL, ak = AK, sk = SK, time = TIME }
  for name, value in pairs(changes or {}) do
    request[name] = value
  end
  return request
end

local function without(field)
  local request = with()
  request[field] = nil
  return request
end

-- The Authorization value of the core for exactly these signed headers.
local function core(changes, signed_headers)
  local request = {
    algorithm = "SDK-HMAC-SHA256", method = "DELETE", url = URL, ak = AK, sk = SK, date = DATE,
    signed_headers = signed_headers or { { "host", HOST }, { "x-sdk-date", DATE } },
  }
  for name, value in pairs(changes or {}) do
    request[name] = value
  end
  return probe.sign(request)
end

-- Path and query in canonical form.
local function canonical(url)
  local path, query = core({ url = url }).canonical_request:match("^%u+\n([^\n]*)\n([^\n]*)\n")
  return path, query
end

local function keys_of(t)
  local names = {}
  for name in pairs(t) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- evs.sign raises for this request, with these words, and shows no secret.
local function refused(request, ...)
  local ok, message = pcall(evs.sign, request)
  assert.is_false(ok)
  assert.is_string(message)
  for _, words in ipairs { ... } do
    assert.is_truthy(message:find(words, 1, true), message .. "\nhas not: " .. words)
  end
  assert.is_nil(message:find(SK, 1, true))
  assert.is_nil(message:find(TOKEN, 1, true))
  return message
end

local has_sm3 = pcall(evs.sign, with { algorithm = "SDK-HMAC-SM3" })

local function it_with(algorithm, name, test)
  if algorithm == "SDK-HMAC-SM3" and not has_sm3 then
    pending(name .. " (no SM3 in this nettle)")
  else
    it(name, test)
  end
end

describe("the official signers' records", function()
  local vectors = read_vectors()

  -- Go signs no host; and a Host of the caller's own is for the core only.
  local function signs_what_evs_sign_does(vector)
    if vector.id == "host-override" then
      return false
    end
    for _, header in ipairs(vector.signed_headers_input) do
      if header[1] == "host" then
        return true
      end
    end
    return false
  end

  local function request_of(vector)
    local headers = {}
    for name, value in pairs(vector.headers) do
      if name:lower() ~= "x-sdk-date" then
        headers[name] = value
      end
    end
    return {
      method = vector.method, url = vector.url, headers = headers, body = vector.body,
      ak = vector.ak, sk = vector.sk, algorithm = vector.algorithm,
      region = given(vector.region), service = given(vector.service), time = epoch(vector.date),
    }
  end

  it("are all here", function()
    local whole = 0
    for _, vector in ipairs(vectors) do
      if signs_what_evs_sign_does(vector) then
        whole = whole + 1
      end
    end
    assert.are.equal(71, #vectors)
    assert.are.equal(64, whole)
  end)

  for _, vector in ipairs(vectors) do
    local title = vector.id .. " (" .. vector.note .. ")"

    it_with(vector.algorithm, "give the core's canonical request and signature: " .. title,
      function()
      local made = probe.sign {
        algorithm = vector.algorithm, method = vector.method, url = vector.url,
        body = vector.body, ak = vector.ak, sk = vector.sk, region = given(vector.region),
        service = given(vector.service), date = vector.date,
        signed_headers = vector.signed_headers_input,
      }
      if vector.canonical_request then
        assert.are.equal(vector.canonical_request, made.canonical_request)
      end
      if vector.string_to_sign then
        assert.are.equal(vector.string_to_sign, made.string_to_sign)
      end
      assert.are.equal(vector.authorization, made.authorization)
    end)

    if signs_what_evs_sign_does(vector) then
      it_with(vector.algorithm, "give evs.sign's Authorization: " .. title, function()
        local signed = evs.sign(request_of(vector))
        assert.are.equal(vector.authorization, signed.Authorization)
        assert.are.equal(vector.date, signed["X-Sdk-Date"])
      end)
    end
  end
end)

describe("evs.sign's result", function()
  it("has exactly the headers to send", function()
    local signed = evs.sign(with())
    assert.are.same({ "Authorization", "Host", "X-Sdk-Date" }, keys_of(signed))
    assert.are.equal(HOST, signed.Host)
    assert.are.equal(DATE, signed["X-Sdk-Date"])
  end)

  it("has the security token too when one is given, and signs it", function()
    local signed = evs.sign(with { security_token = TOKEN })
    assert.are.same({ "Authorization", "Host", "X-Sdk-Date", "X-Security-Token" }, keys_of(signed))
    assert.are.equal(TOKEN, signed["X-Security-Token"])
    assert.are.equal(core({}, {
      { "host", HOST }, { "x-sdk-date", DATE }, { "x-security-token", TOKEN },
    }).authorization, signed.Authorization)
  end)

  it("is the same whether the security token is a field or a header", function()
    local field = evs.sign(with { security_token = TOKEN })
    local header = evs.sign(with { headers = { ["X-Security-Token"] = TOKEN } })
    assert.are.equal(field.Authorization, header.Authorization)
    assert.is_nil(header["X-Security-Token"])
  end)

  it("keeps the port in Host as it was written", function()
    assert.are.equal("h.example:443", evs.sign(with { url = "https://h.example:443/a" }).Host)
    assert.are.equal("[::1]:8443", evs.sign(with { url = "https://[::1]:8443" }).Host)
    assert.are.equal("H.example", evs.sign(with { url = "HTTPS://H.example?a" }).Host)
  end)

  it("is dated now when no time is given", function()
    local request = without("time")
    local before = os.time()
    local signed = epoch(evs.sign(request)["X-Sdk-Date"])
    assert.is_true(signed >= before and signed <= os.time() + 1)
  end)

  it("leaves the request as it was", function()
    local headers = { ["X-Custom"] = " a " }
    local request = with { headers = headers }
    evs.sign(request)
    assert.are.same({ "ak", "headers", "method", "sk", "time", "url" }, keys_of(request))
    assert.are.same({ ["X-Custom"] = " a " }, headers)
  end)

  it("does not depend on calls before it", function()
    local first = evs.sign(with())
    evs.sign(with { ak = "other", sk = "other", url = URL .. "/longer?" .. ("q"):rep(5000) })
    assert.are.same(first, evs.sign(with()))
  end)
end)

describe("the date", function()
  it("follows the calendar from 1970 to 9999", function()
    for _, date in ipairs {
      "19700101T000000Z", "19991231T235959Z", "20000229T120000Z", "20240229T000000Z",
      "20240301T000000Z", "20261231T235959Z", "21000228T235959Z", "21000301T000000Z",
      "24000229T010101Z", "99991231T235959Z",
    } do
      assert.are.equal(date, probe.sign_date(epoch(date)))
    end
  end)

  it("agrees with plain arithmetic on many days", function()
    for day = 0, 2932896, 997 do
      local date = probe.sign_date(day * 86400 + day % 86400)
      assert.are.equal(day * 86400 + day % 86400, epoch(date))
    end
  end)

  it("cuts fractions off", function()
    assert.are.equal("20260821T010203Z", probe.sign_date(TIME + 0.999))
  end)

  it("that is kept is that of the next moment only within the same second", function()
    for _, moment in ipairs { 0.25, 0, 0.999, 1, 0.5, -0.25, 0 } do
      local date = probe.sign_date(TIME + moment)
      assert.are.equal(TIME + math.floor(moment), epoch(date), moment)
    end
  end)

  it("stays within its years for every number", function()
    assert.are.equal("19700101T000000Z", probe.sign_date(-1))
    assert.are.equal("19700101T000000Z", probe.sign_date(-math.huge))
    assert.are.equal("19700101T000000Z", probe.sign_date(0 / 0))
    assert.are.equal("99991231T235959Z", probe.sign_date(1e300))
    assert.are.equal("99991231T235959Z", probe.sign_date(math.huge))
  end)
end)

describe("the path", function()
  local cases = {
    ["https://h"] = "/",
    ["https://h?a=b"] = "/",
    ["https://h/"] = "/",
    ["https://h/a"] = "/a/",
    ["https://h/a/"] = "/a/",
    ["https://h/a//"] = "/a//",
    ["https://h//"] = "//",
    ["https://h/a/./b/../c"] = "/a/./b/../c/",
    ["https://h/a%2Fb"] = "/a%2Fb/",
    ["https://h/a%2fb%2F"] = "/a%2Fb%2F/",
    ["https://h/a%252Fb"] = "/a%252Fb/",
    ["https://h/%41%7e"] = "/A~/",
    ["https://h/a+b"] = "/a%2Bb/",
    ["https://h/a b"] = "/a%20b/",
    ["https://h/*'()!@:;&=$,"] = "/%2A%27%28%29%21%40%3A%3B%26%3D%24%2C/",
    ["https://h/\195\156%c3%9c"] = "/%C3%9C%C3%9C/",
    ["https://h/%00\0%0A"] = "/%00%00%0A/",
    ["https://h/a%3Fb?c"] = "/a%3Fb/",
  }
  for url, expected in pairs(cases) do
    it(("of %q is %s"):format(url, expected), function()
      assert.are.equal(expected, (canonical(url)))
    end)
  end
end)

describe("the query", function()
  local cases = {
    [""] = "",
    ["&&"] = "",
    ["a"] = "a=",
    ["a="] = "a=",
    ["=a"] = "=a",
    ["a=b=c"] = "a=b%3Dc",
    ["a=b?c/d"] = "a=b%3Fc%2Fd",
    ["b=1&a=2&"] = "a=2&b=1",
    ["a=2&a=10&a=1&a"] = "a=&a=1&a=10&a=2",
    ["a=+"] = "a=%2B",
    ["a\0=\0%00"] = "a%00=%00%00",
    ["a=%2B%20 "] = "a=%2B%20%20",
    ["a%3Db=c%26d"] = "a%3Db=c%26d",
    -- By their encoded form: '%' comes before every letter, digit and '-'.
    ["a-=1&a%20=2&a=3"] = "a=3&a%20=2&a-=1",
    ["z=1&\195\156=2&Z=3"] = "%C3%9C=2&Z=3&z=1",
    -- By the whole key first: a '=' in place of its end would sort after '-' and '.'.
    ["a-b=1&a=2"] = "a=2&a-b=1",
  }
  for query, expected in pairs(cases) do
    it(("%q becomes %q"):format(query, expected), function()
      local _, made = canonical("https://h/?" .. query)
      assert.are.equal(expected, made)
    end)
  end

  it("is signed the same in whatever order it stands", function()
    local pieces = {}
    for i = 1, 300 do
      pieces[i] = ("k%d=%d"):format(i * 7 % 100, i)
    end
    local forward = table.concat(pieces, "&")
    local backward = {}
    for i = 1, 300 do
      backward[i] = pieces[301 - i]
    end
    assert.are.same(evs.sign(with { url = URL .. "?" .. forward }),
      evs.sign(with { url = URL .. "?" .. table.concat(backward, "&") }))
  end)
end)

describe("a canonical URL", function()
  it("is its own canonical form, for any bytes", function()
    local state = 42
    local function random(n)
      state = (state * 16807) % 2147483647
      return state % n
    end
    for _ = 1, 200 do
      local bytes = {}
      for i = 1, random(30) do
        local byte = random(256)
        bytes[i] = (byte == 35 or byte == 37) and "%25" or string.char(byte)
      end
      local path, query = canonical("https://h/" .. table.concat(bytes))
      local again_path, again_query = canonical("https://h" .. path .. "?" .. query)
      assert.are.equal(path, again_path)
      assert.are.equal(query, again_query)
      assert.is_truthy(path:find("^/[%w_.~%%/-]*$"))
      assert.are.equal("/", path:sub(-1))
    end
  end)
end)

describe("given headers", function()
  it("are signed by their lower-case names, in order, with trimmed values", function()
    local signed = evs.sign(with {
      headers = {
        ["X-Zeta"] = "\t z ", Accept = "a  b", ["content-type"] = "", ["X-Sdk-Date-2"] = "2",
      },
    })
    assert.are.equal(core({}, {
      { "accept", "a  b" }, { "content-type", "" }, { "host", HOST }, { "x-sdk-date", DATE },
      { "x-sdk-date-2", "2" }, { "x-zeta", "z" },
    }).authorization, signed.Authorization)
    assert.is_truthy(signed.Authorization:find(
      "SignedHeaders=accept;content-type;host;x-sdk-date;x-sdk-date-2;x-zeta,", 1, true))
  end)

  it("may be many", function()
    local headers, signed_headers = {}, { { "host", HOST }, { "x-sdk-date", DATE } }
    for i = 1, 25 do
      headers[("X-T%02d"):format(i)] = tostring(i)
      signed_headers[i + 2] = { ("x-t%02d"):format(i), tostring(i) }
    end
    assert.are.equal(core({}, signed_headers).authorization,
      evs.sign(with { headers = headers }).Authorization)
  end)

  it("may be an empty table", function()
    assert.are.same(evs.sign(with()), evs.sign(with { headers = {} }))
  end)
end)

describe("the body's hash", function()
  local function last_line(request)
    return probe.sign(request).canonical_request:match("[^\n]*$")
  end

  it("is that of the body, and no body is an empty one", function()
    assert.are.equal(EMPTY, last_line {
      algorithm = "SDK-HMAC-SHA256", method = "GET", url = URL, ak = AK, sk = SK, date = DATE,
      signed_headers = {},
    })
    assert.are.same(evs.sign(with()), evs.sign(with { body = "" }))
    assert.are.equal(core({ body = "\0\r\n" }).authorization,
      evs.sign(with { body = "\0\r\n" }).Authorization)
  end)

  it("is replaced by x-sdk-content-sha256, which is signed as well", function()
    local headers = { ["X-Sdk-Content-Sha256"] = " UNSIGNED-PAYLOAD " }
    local one = evs.sign(with { headers = headers, body = "one" })
    local other = evs.sign(with { headers = headers, body = "other" })
    assert.are.same(one, other)
    assert.is_truthy(one.Authorization:find("host;x-sdk-content-sha256;x-sdk-date", 1, true))

    -- A body's own hash in that header changes nothing but the list of signed headers.
    local signed_headers = {
      { "host", HOST }, { "x-sdk-content-sha256", EMPTY }, { "x-sdk-date", DATE },
    }
    assert.are.equal(core({}, signed_headers).authorization,
      evs.sign(with { headers = { ["X-Sdk-Content-Sha256"] = EMPTY }, body = "x" }).Authorization)
  end)

  it_with("SDK-HMAC-SM3", "is replaced by x-sdk-content-sm3 for SM3, and only there", function()
    local function sign(algorithm, name, body)
      return evs.sign(with {
        algorithm = algorithm, headers = { [name] = "UNSIGNED-PAYLOAD" }, body = body,
      }).Authorization
    end
    local sm3, sha256 = "SDK-HMAC-SM3", "SDK-HMAC-SHA256"
    assert.are.equal(sign(sm3, "X-Sdk-Content-Sm3", "a"), sign(sm3, "X-Sdk-Content-Sm3", "b"))
    assert.are_not.equal(sign(sm3, "X-Sdk-Content-Sha256", "a"),
      sign(sm3, "X-Sdk-Content-Sha256", "b"))
    assert.are_not.equal(sign(sha256, "X-Sdk-Content-Sm3", "a"),
      sign(sha256, "X-Sdk-Content-Sm3", "b"))
  end)
end)

describe("a V11 key", function()
  local key = { ak = AK, sk = SK, region = "cn-north-4", service = "evs" }

  local function on(dates)
    return probe.sign_days {
      ak = key.ak, sk = key.sk, region = key.region, service = key.service, dates = dates,
    }
  end

  it("is derived anew when the day changes, and back", function()
    local dates = { "20260821T235959Z", "20260822T000000Z", "20260821T235959Z" }
    local together = on(dates)
    assert.are.equal(together[1], together[3])
    for i, date in ipairs(dates) do
      assert.are.equal(on({ date })[1], together[i])
      assert.is_truthy(together[i]:find(AK .. "/" .. date:sub(1, 8) .. "/cn-north-4/evs,", 1, true))
    end
  end)
end)

describe("evs.sign refuses", function()
  local wrong = { 1, true, {}, print }

  it("anything but a table", function()
    for _, value in ipairs { 1, "text", true } do
      assert.is_false((pcall(evs.sign, value)))
    end
    assert.is_false((pcall(evs.sign)))
  end)

  for _, field in ipairs { "method", "url", "ak", "sk" } do
    it("a request without " .. field, function()
      refused(without(field), "'" .. field .. "' is missing")
      refused(with { [field] = "" }, "'" .. field .. "' is empty")
    end)
  end

  it("an empty security token", function()
    refused(with { security_token = "" }, "'security_token' is empty")
  end)

  for _, field in ipairs {
    "method", "url", "ak", "sk", "body", "security_token", "algorithm", "region", "service",
  } do
    it("a " .. field .. " that is not a string, a number included", function()
      for _, value in ipairs(wrong) do
        refused(with { [field] = value },
          "'" .. field .. "' must be a string, not a " .. type(value))
      end
    end)
  end

  it("headers that are no table of strings by strings", function()
    refused(with { headers = "X-A: b" }, "'headers' must be a table, not a string")
    refused(with { headers = { "X-A: b" } }, "'headers'", "no string")
    refused(with { headers = { ["X-A"] = 1 } }, "'headers'", "not a string")
    refused(with { headers = { ["X-A"] = { "b" } } }, "'headers'", "not a string")
  end)

  it("an unknown field, by its name", function()
    refused(with { secret_key = SK }, "unknown field 'secret_key'")
    refused(with { [1] = "x" }, "unknown field")
    refused(with { ["bad\nname"] = "x" }, "unknown field 'bad'...")
  end)

  it("a method that is not of upper-case letters", function()
    for _, method in ipairs { "delete", "Delete", "GET ", "G\nT", "GET1" } do
      refused(with { method = method }, "'method'")
    end
  end)

  it("an unknown algorithm, and names the known ones", function()
    for _, name in ipairs { "AWS4-HMAC-SHA256", "sdk-hmac-sha256", "SDK-HMAC-SHA256 ", "" } do
      refused(with { algorithm = name }, "'algorithm'", "SDK-HMAC-SHA256", "V11-HMAC-SHA256")
    end
  end)

  it("V11 without region or service", function()
    local v11 = { algorithm = "V11-HMAC-SHA256", region = "cn-north-4", service = "evs" }
    for _, field in ipairs { "region", "service" } do
      local request = with(v11)
      request[field] = nil
      refused(request, "'" .. field .. "' is missing")
      request[field] = "a/b"
      refused(request, "'region' and 'service'")
    end
    assert.is_table(evs.sign(with(v11)))
  end)

  it("a time that X-Sdk-Date cannot tell", function()
    for _, time in ipairs { -1, 0 / 0, math.huge, -math.huge, 253402300800, TIME * 1000 } do
      refused(with { time = time }, "'time'")
    end
    refused(with { time = "1787274123" }, "'time' must be a number, not a string")
    assert.are.equal("99991231T235959Z", evs.sign(with { time = 253402300799 })["X-Sdk-Date"])
    assert.are.equal("19700101T000000Z", evs.sign(with { time = 0 })["X-Sdk-Date"])
  end)

  it("keys that would break the headers they stand in", function()
    for _, ak in ipairs { "a,b", "a b", "a\tb", "a\r\nb", "a\0b", "\195\156", "a\127" } do
      refused(with { ak = ak }, "'ak'")
    end
    for _, token in ipairs { "a b", "a\r\nb", "a\0b", "\195\156" } do
      refused(with { security_token = token }, "'security_token'")
    end
    assert.is_table(evs.sign(with { sk = "\0\r\n\255" }))
  end)

  it("a URL that is none of http or https", function()
    for _, url in ipairs {
      "h/a", "//h/a", "ftp://h/a", "https:/h", "https:h", " https://h", "http",
    } do
      refused(with { url = url }, "'url' must begin with https:// or http://")
    end
  end)

  it("a URL without a valid host and port", function()
    for _, url in ipairs {
      "https://", "https:///a", "https://?a", "https://:443/", "https://h:/", "https://h:port/",
      "https://h:123456/", "https://h h/", "https://h\r\nX: y/", "https://h\0/",
      "https://\195\156/",
      "https://::1/", "https://[::1/", "https://[]/", "https://[::1]443/", "https://h%41/",
      "https://h,i/", "https://h\\/",
    } do
      refused(with { url = url }, "'url' has no valid host and port")
    end
  end)

  it("user information and a fragment in a URL", function()
    refused(with { url = "https://user:" .. SK .. "@h/" }, "'url' must not have user information")
    refused(with { url = "https://h/a#b" }, "'url' must not have a fragment")
    refused(with { url = "https://h/?a#b" }, "'url' must not have a fragment")
  end)

  it("a malformed percent escape, and shows it", function()
    refused(with { url = "https://h/a%" }, "malformed percent escape '%'", "path")
    refused(with { url = "https://h/a%4" }, "malformed percent escape '%4'", "path")
    refused(with { url = "https://h/a%zz" }, "malformed percent escape '%zz'", "path")
    refused(with { url = "https://h/%4/a" }, "malformed percent escape '%4/'", "path")
    refused(with { url = "https://h/?a%=b" }, "malformed percent escape '%'", "query")
    refused(with { url = "https://h/?a=%4&b" }, "malformed percent escape '%4'", "query")
    refused(with { url = "https://h/?a=%\n\127x" }, "malformed percent escape '%??'", "query")
  end)

  it("headers that it makes itself, in any spelling", function()
    for _, name in ipairs {
      "Authorization", "authorization", "HOST", "Host", "x-sdk-date", "X-Sdk-Date",
    } do
      refused(with { headers = { [name] = "x" } }, "header '" .. name .. "'", "must not be given")
    end
  end)

  it("a security token given twice over", function()
    refused(with { security_token = TOKEN, headers = { ["x-security-TOKEN"] = TOKEN } },
      "header 'x-security-TOKEN'", "'security_token' too")
  end)

  it("two header names that differ in case only", function()
    for _, value in ipairs { "1", "2" } do
      refused(with { headers = { ["X-Custom"] = "1", ["x-custom"] = value } },
        "header 'x-custom'", "twice")
    end
  end)

  it("a header name with an underscore", function()
    refused(with { headers = { ["X_Custom"] = "1" } }, "header 'X_Custom'", "'_'")
  end)

  it("a header name that is no token, and shows no more than its start", function()
    for _, name in ipairs {
      "X Custom", "X:Custom", "X\r\nCustom", "X\0Custom", "X\195\156", "X,Custom",
    } do
      refused(with { headers = { [name] = "1" } }, "header 'X'...")
    end
    refused(with { headers = { [""] = "1" } }, "empty name")
    local message = refused(with { headers = { ["X-Auth-Token: hidden"] = "" } },
      "'X-Auth-Token'...")
    assert.is_nil(message:find("hidden", 1, true))
    refused(with { headers = { [("x"):rep(5000) .. "_"] = "" } }, "header 'xxx", "...")
  end)

  it("a header value with a line break or NUL", function()
    for _, value in ipairs { "a\nb", "a\r\nb", "\r", "a\0", "a\n" } do
      refused(with { headers = { ["X-Custom"] = value } }, "header 'X-Custom'", "line break or NUL")
    end
  end)

  it("mistakes without showing a secret, wherever it was put", function()
    refused(with { [SK] = "x" }, "unknown field '***'")
    refused(with { headers = { [SK .. "_"] = "x" } }, "header '***")
    refused(with { security_token = TOKEN, headers = { ["A " .. TOKEN] = "x" } })
    refused(with { url = SK })
    refused(with { method = SK })
    refused(with { algorithm = SK })
    refused(with { ak = SK .. ",", security_token = TOKEN })
  end)

  it("mistakes at the caller's line", function()
    local ok, message = pcall(function()
      evs.sign(without("url"))
    end)
    assert.is_false(ok)
    assert.is_truthy(message:find("^[^\n]*sign_spec.lua:%d+: evs.sign: 'url' is missing$"))
  end)
end)
