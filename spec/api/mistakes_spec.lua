-- Proves what people see of the mistakes they make: each error names the cause, with the value that
-- was wrong, and says what to do.

local evs = require "evs"
local failure = require "spec.support.failure"
local machines = require "spec.support.machine"
local process = require "spec.support.process"
local server = require "spec.support.server"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

local connect = require("spec.support.connect").with { retries = 0, guard = false }

before_each(function() emulator:reset() end)

-- ---- ways to make a mistake ---------------------------------------------------------------------

-- Options that cannot be used.
local function new(options)
  return function()
    local client, err = evs.new(options)
    assert.is_nil(client)
    return err
  end
end

local function with_keys(options)
  options.ak, options.sk = options.ak or "AK", options.sk or "SK"
  return new(options)
end

-- A deletion by a client of these options.
local function delete(options, id, call_options)
  return function()
    return connect(options):delete_snapshot(project, id or "a", call_options)
  end
end

-- A deletion that is answered like this.
local function answered(rule, options)
  return function()
    emulator:put { id = "a" }
    emulator:misbehave(rule)
    return connect(options):delete_snapshot(project, "a")
  end
end

local function gateway(status, code, message)
  return answered { status = status, times = -1, body = { error_code = code, error_msg = message } }
end

local function service(status, code, message)
  return answered { status = status, times = -1, body = { error = { code = code,
    message = message } } }
end

-- The line that a process of its own prints which finds these variables, and `files`' profile.
local function environment(variables, profile)
  return function()
    local home = os.tmpname()
    os.remove(home)
    assert.is_true(process.succeeds("mkdir -p " .. home .. "/.huaweicloud"))
    if profile then
      local file = assert(io.open(home .. "/.huaweicloud/credentials", "w"))
      file:write(profile)
      file:close()
    end
    local all = { HOME = home, EVS_METADATA_ENDPOINT = "http://127.0.0.1:1" }
    for name, value in pairs(variables) do all[name] = value end
    local result = process.run(([[
      print(require("evs").delete_snapshot("%s", "a", { retries = 0, guard = false }))
    ]]):format(project), all)
    process.succeeds("rm -r " .. home)
    assert.equal("", result.stderr)
    return result.stdout:gsub("\n$", "")
  end
end

-- What a call raises.
local function raised(call)
  return function()
    local ran, problem = pcall(call, connect())
    assert.is_false(ran)
    return tostring(problem)
  end
end

-- ---- the mistakes -------------------------------------------------------------------------------

local REFUSED = "127.0.0.1:1" -- nobody listens there
local UNKNOWN = ("x"):rep(64) -- a region whose host no resolver has to ask for

-- What was done; how; and the parts, in their order, of the line that people see.
local MISTAKES = {
  -- keys
  { "a wrong secret key", delete { sk = "wrong" },
    "APIGW.0301: Incorrect IAM authentication information: verify aksk signature fail (keys from "
      .. "options) (HTTP 401, ", "hint: check the secret key$" },
  { "an unknown access key", delete { ak = "NOBODY" }, "AK not exist, ak:NOBODY",
    "hint: check the access key" },
  { "a secret key with its line's end", with_keys { region = "cn-north-4", sk = "SK\n" },
    "Client.InvalidArgument: option 'sk' has a blank or a line break at its beginning or end",
    "hint: leave that out" },
  { "a secret key behind a blank", with_keys { region = "cn-north-4", sk = " SK" }, "option 'sk'",
    "hint: leave that out" },
  { "an access key with a CR", with_keys { region = "cn-north-4", ak = "AK\r" }, "option 'ak' has",
    "hint: leave that out" },
  { "a token with its line's end", new { region = "cn-north-4", token = "MIIE\n" },
    "option 'token' has", "hint: leave that out" },
  { "a variable with a blank behind the secret key", environment { HUAWEICLOUD_SDK_AK = "AK",
    HUAWEICLOUD_SDK_SK = "SK ", HUAWEICLOUD_SDK_REGION = "cn-north-4" },
    "HUAWEICLOUD_SDK_SK (the environment's sk) has a blank", "hint: leave that out" },
  { "a variable with a CR behind the access key", environment { HUAWEICLOUD_SDK_AK = "AK\r",
    HUAWEICLOUD_SDK_SK = "SK", HUAWEICLOUD_SDK_REGION = "cn-north-4" },
    "HUAWEICLOUD_SDK_AK (the environment's ak) has a blank", "hint: leave that out" },
  { "one of two variables", environment { HUAWEICLOUD_SDK_AK = "AK",
    HUAWEICLOUD_SDK_REGION = "cn-north-4" },
    "the environment has only one of HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK" },
  { "a profile with a broken line", environment({ EVS_ENDPOINT = emulator.endpoint },
    "[basic]\nak AK\n"), "/.huaweicloud/credentials:2: expected '[section]' or 'key = value'",
    "hint: set HUAWEICLOUD_SDK_AK" },
  { "a profile with a line break inside a key", environment({ EVS_ENDPOINT = emulator.endpoint },
    "[basic]\nak = AK\nsk = \11SK\11\n"),
    "ak, sk or security_token of section [basic] cannot be used" },
  { "no keys anywhere", environment { EVS_ENDPOINT = emulator.endpoint },
    "Client.NoCredentials: ", "HUAWEICLOUD_SDK_AK", "Profile: ", "Metadata service: ",
    "hint: set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or give ak and sk$" },
  { "temporary keys without their token", delete { ak = emulator.temporary_ak,
    sk = emulator.temporary_sk }, "APIGW.0301", "hint: get a new token", "security_token" },
  { "a token that has ended", gateway(401, "APIGW.0301",
    "Incorrect IAM authentication information: decrypt token fail"),
    "decrypt token fail", "hint: get a new token" },
  { "a key that is locked", gateway(401, "APIGW.0301", "AK access failed to reach the limit"),
    "reach the limit", "hint: wait five minutes" },
  { "a clock that is wrong", gateway(401, "APIGW.0301",
    "signature expired, signature time:20260101T000000Z, server time:20260101T010000Z"),
    "server time:20260101T010000Z", "hint: set this machine's clock right" },
  -- the way to the server
  { "no region", environment { HUAWEICLOUD_SDK_AK = "AK", HUAWEICLOUD_SDK_SK = "SK" },
    "Client.NoEndpoint: no endpoint: set the option 'region' or 'endpoint', or the environment's "
      .. "HUAWEICLOUD_SDK_REGION or EVS_ENDPOINT" },
  { "a region with a blank behind it", with_keys { region = "cn-north-4 " },
    "option 'region' must be 1 to 64 characters of [a-z0-9-], like cn-north-4; it is "
      .. "\"cn-north-4 \"" },
  { "a variable with a CR behind the region", environment { HUAWEICLOUD_SDK_AK = "AK",
    HUAWEICLOUD_SDK_SK = "SK", HUAWEICLOUD_SDK_REGION = "cn-north-4\r" },
    "HUAWEICLOUD_SDK_REGION (the environment's region) must be 1 to 64",
    "it is \"cn-north-4\\r\"" },
  { "a region that does not exist", delete { endpoint = failure.none, region = UNKNOWN },
    "Client.Resolve: ", "evs." .. UNKNOWN .. ".myhuaweicloud.com", "hint: check the region" },
  { "an endpoint without a scheme", with_keys { endpoint = "evs.cn-north-4.myhuaweicloud.com" },
    "must begin with https://", "it is \"evs.cn-north-4.myhuaweicloud.com\"" },
  { "an endpoint with a path", with_keys { endpoint = "https://evs.example/v2" },
    "must be a scheme, a host and an optional port, nothing else",
    "it is \"https://evs.example/v2\"" },
  { "a variable with a path in the endpoint", environment { HUAWEICLOUD_SDK_AK = "AK",
    HUAWEICLOUD_SDK_SK = "SK", EVS_ENDPOINT = "https://evs.example/v2" },
    "EVS_ENDPOINT (the environment's endpoint) must be a scheme",
    "it is \"https://evs.example/v2\"" },
  { "a variable with a path for one region", environment { HUAWEICLOUD_SDK_AK = "AK",
    HUAWEICLOUD_SDK_SK = "SK", HUAWEICLOUD_SDK_REGION = "cn-north-4",
    HUAWEICLOUD_SDK_REGION_EVS_CN_NORTH_4 = "https://evs.example/v2" },
    "HUAWEICLOUD_SDK_REGION_EVS_<REGION> (the environment's endpoint) must be a scheme" },
  { "a metadata service far away", environment { EVS_ENDPOINT = emulator.endpoint,
    EVS_METADATA_ENDPOINT = "http://10.0.0.1" },
    "EVS_METADATA_ENDPOINT (the environment's metadata endpoint) must be ",
    "it is \"http://10.0.0.1\"" },
  { "a generation that does not exist", with_keys { region = "cn-north-4", api = "v3" },
    "option 'api' must be v2, v5 or cinder; it is \"v3\"" },
  { "a variable of one", environment { EVS_ENDPOINT = emulator.endpoint, EVS_API = "v5 " },
    "EVS_API (the environment's api) must be v2, v5 or cinder; it is \"v5 \"" },
  { "an algorithm that does not exist", with_keys { region = "cn-north-4", algorithm = "SHA1" },
    "option 'algorithm' must be SDK-HMAC-SHA256", "it is \"SHA1\"" },
  { "http to another host", with_keys { endpoint = "http://evs.example" },
    "http to a host other than loopback needs allow_http=true", "it is \"http://evs.example\"" },
  { "https to a port of http", delete { endpoint = emulator.endpoint:gsub("^http:", "https:") },
    "Client.TLS: ", "hint: " },
  { "http to a port of https", delete { endpoint = emulator.tls_endpoint:gsub("^https:", "http:") },
    "400", "hint: the port speaks TLS: let the endpoint begin with https://$" },
  { "an issuer that is not known", delete { endpoint = emulator.tls_endpoint }, "Client.TLS: ",
    "certificate", "hint: ", "ca_file" },
  { "a certificate of another host", delete { endpoint = emulator.wrong_host_endpoint,
    ca_file = emulator.ca_file }, "Client.TLS: ", "hint: ", "check the endpoint" },
  { "a ca_file that does not exist", delete { endpoint = emulator.tls_endpoint,
    ca_file = "/nonexistent/ca.pem" }, "Client.TLS: ", "/nonexistent/ca.pem", "hint: " },
  { "a port where nobody listens", delete { endpoint = "http://" .. REFUSED }, "Client.Connect: ",
    "connecting to 127.0.0.1:1", "hint: check the endpoint" },
  { "a proxy that is not there", delete { endpoint = emulator.tls_endpoint,
    ca_file = emulator.ca_file, proxy = "http://" .. REFUSED }, "the proxy 127.0.0.1:1", "hint: ",
    "proxy" },
  { "a variable that is no proxy", environment { HUAWEICLOUD_SDK_AK = "AK",
    HUAWEICLOUD_SDK_SK = "SK", HUAWEICLOUD_SDK_REGION = "cn-north-4",
    HTTPS_PROXY = "ftp://proxy.example" },
    "HTTPS_PROXY (the environment's proxy) must be a URL of http, ",
    "it is \"ftp://proxy.example\"" },
  { "a variable of a proxy with a line break", environment { HUAWEICLOUD_SDK_AK = "AK",
    HUAWEICLOUD_SDK_SK = "SK", HUAWEICLOUD_SDK_REGION = "cn-north-4",
    https_proxy = "http://proxy.example\n" }, "https_proxy (the environment's proxy) must be a URL",
    "it is \"http://proxy.example\\n\"" },
  { "a proxy that wants a password", function()
    local proxy = server.proxy("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
    local err = delete({ endpoint = emulator.tls_endpoint, ca_file = emulator.ca_file,
      proxy = proxy.url })()
    proxy:stop()
    return err
  end, "Client.Proxy: ", "407", "hint: ", "proxy" },
  { "a login page in between", answered { status = 200, body = "<html>Please log in</html>" },
    "Client.BadResponse: ", "Please log in", "hint: something other than EVS answered" },
  -- ids, projects, rights
  { "an id with its line's end", delete({}, "abc\n"), "snapshot_id must be 1 to 255 characters",
    "it is \"abc\\n\"" },
  { "a project_id with a slash", function() return connect():delete_snapshot("p/q", "a") end,
    "project_id must be", "it is \"p/q\"" },
  { "an id that EVS does not know", function()
    return connect():delete_snapshot(project, "e5e5e5e5-0000")
  end, "e5e5e5e5-0000", "hint: check the snapshot_id, the project_id and the region" },
  { "another project's id", service(400, "EVS.0001", "project_id is invalid"), "EVS.0001",
    "hint: check the project_id" },
  { "a project that is not the token's", service(400, "Common.0018", "do not match"),
    "hint: check the project_id" },
  { "an API that the gateway has not", gateway(404, "APIGW.0101", "The API does not exist"),
    "APIGW.0101", "hint: check the endpoint" },
  { "a user without rights", service(403, "EVS.2056", "Policy doesn't allow it"), "EVS.2056",
    "hint: the user needs the rights evs:snapshots:delete, evs:snapshots:get" },
  -- states
  { "a snapshot that is being created", function()
    emulator:put { id = "a", status = "creating" }
    return connect { guard = true }:delete_snapshot(project, "a")
  end, "Client.WrongState: the snapshot's status is 'creating'",
    "hint: try again when its status is available" },
  { "the same without the guard", function()
    emulator:put { id = "a", status = "creating" }
    return connect():delete_snapshot(project, "a")
  end, "EVS.1047", "hint: only a snapshot whose status is available or error can be deleted" },
  { "a backup's snapshot", function()
    emulator:put { id = "a", name = "manualbk_snapshot_vbs_1" }
    return connect { guard = true }:delete_snapshot(project, "a")
  end, "Client.Protected: the snapshot belongs to a backup",
    "its name begins with manualbk_snapshot_", "hint: delete the backup, not its snapshot" },
  { "too many requests", gateway(429, "APIGW.0308", "The throttling threshold has been reached"),
    "APIGW.0308", "hint: send fewer requests" },
  { "too little time", answered({ hang = 5 }, { timeout = 0.2 }), "Client.Timeout: ",
    "hint: allow more time, in seconds" },
  -- programs
  { "a time in milliseconds", with_keys { region = "cn-north-4", timeout = 60000000 },
    "option 'timeout' must be more than 0 seconds and at most a year; it is 60000000",
    "hint: times are in seconds" },
  { "a negative time", with_keys { region = "cn-north-4", wait = 5, connect_timeout = -1 },
    "option 'connect_timeout' must be", "it is -1" },
  { "a page of no rows", function()
    return select(2, connect():list_snapshots(project, { limit = 0 }))
  end, "filter 'limit' must be a whole number from 2 to 1000; it is 0" },
  { "a list for one snapshot", raised(function(client)
    client:delete_snapshot(project, { "a", "b" })
  end), "one snapshot or its id expected, got an array", "delete_snapshots" },
  { "a list of snapshots for one", raised(function(client)
    client:delete_snapshot(project, { { id = "a" } })
  end), "delete_snapshots" },
  { "a number as id", raised(function(client) client:delete_snapshot(project, 5) end),
    "snapshot_id: string expected, got number" },
  { "an option that does not exist", raised(function(client)
    client:delete_snapshot(project, "a", { time_out = 5 })
  end), "unknown option 'time_out'" },
  { "a client that was closed", function()
    local client = connect()
    client:close()
    return client:delete_snapshot(project, "a")
  end, "Client.Closed: the client is closed", "hint: make a new client" },
}

-- A part that ends with $ must be the end.
local function check_line(line, parts)
  local from = 1
  for i = 3, #parts do
    local part = parts[i]:gsub("%$$", "")
    local first, last = line:find(part, from, true)
    assert.is_truthy(first, ("no '%s' in: %s"):format(part, line))
    if part ~= parts[i] then assert.equal(#line, last, line) end
    from = last + 1
  end
end

describe("what is shown of", function()
  for _, mistake in ipairs(MISTAKES) do
    it(mistake[1], function()
      local shown = mistake[2]()
      if type(shown) == "table" then failure.check(shown) end
      local line = tostring(shown)
      check_line(line, mistake)
      failure.assert_no_secret(line)
      assert.is_nil(line:find("%c"))
    end)
  end
end)

describe("a hint", function()
  it("is kept when a refused key is told of again", function()
    local client = machines.client()
    local echo = machines.gateway_error("APIGW.0301", "verify aksk signature fail")
    local first = machines.delete({ retries = 0 }, { rest = { 401, echo } }, client).err
    local again = machines.delete({}, {}, client).err
    assert.equal("check the secret key", first.hint)
    assert.equal("check the secret key", again.hint)
  end)

  it("of an answer heeds its words in any case, and in a page that is no JSON", function()
    local function hint(status, body)
      return machines.delete({ retries = 0 }, { rest = { status, body } }).err.hint
    end
    assert.equal("check the secret key", hint(401, "<p>VERIFY AKSK SIGNATURE fail</p>"))
    assert.matches("^check the access key and the secret key", hint(401, "no"))
    assert.matches("^check the endpoint", hint(307, ""))
    assert.matches("^check the endpoint", hint(404, "<html>nginx</html>"))
    assert.is_nil(hint(403, machines.gateway_error("APIGW.0402", "address")))
    assert.is_nil(hint(500, ""))
  end)
end)
