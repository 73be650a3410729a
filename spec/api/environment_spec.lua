-- Proves where the plain functions and evs.new find what was not given: in the environment, which a
-- child process is given here.

local cjson = require "cjson"
local evs = require "evs"
local failure = require "spec.support.failure"
local process = require "spec.support.process"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

local KEYS = { HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk }

local function with(more, base)
  local all = {}
  for name, value in pairs(base or KEYS) do all[name] = value end
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

-- What errors lose on their way from a child.
local ERROR = getmetatable(select(2, evs.new { endpoint = "nowhere" }))

-- Runs a script that ends with `return value`; gives the value. `evs` is there, and `url(...)`: the
-- URL that the client of these options would ask.
local function run(script, environment)
  local result = process.run([[
    local evs = require "evs"
    local function url(options)
      local client, err = evs.new(options)
      if not client then return err.code .. ": " .. err.message end
      local step, request, reason = client:start("show_snapshot", "p", "a"):next(0, 1767225600)
      return step == "send" and request.url:match("^%a+://[^/]+") or reason.code
    end
    local function value() ]] .. script .. [[ end
    local result = value()
    if type(result) == "table" then setmetatable(result, nil) end
    print(require("cjson").encode { result = result })
  ]], environment)
  assert.same({ 0, "" }, { result.status, result.stderr })
  failure.assert_no_secret(result.stdout)
  local value = cjson.decode(result.stdout).result
  return evs.is_error(value) and setmetatable(value, ERROR) or value
end

local DELETE = ('return evs.delete_snapshot("%s", "a")'):format(project)
local SHOW = ('return (evs.show_snapshot("%s", "a"))'):format(project)

before_each(function() emulator:reset() end)

describe("the plain functions", function()
  it("take endpoint, AK and SK from the environment", function()
    emulator:put { id = "a" }
    local environment = with { EVS_ENDPOINT = emulator.endpoint }
    assert.equal("a", run(SHOW, environment).id)
    assert.is_true(run(DELETE, environment))
    assert.is_nil(emulator:snapshot("a"))
  end)

  it("say where their keys come from, once that is known, and never what they are", function()
    local source = run([[
      local before = evs.info().keys_from
      evs.show_snapshot("p", "a")
      return { tostring(before), evs.info().keys_from }
    ]], with { EVS_ENDPOINT = emulator.endpoint })
    assert.same({ "nil", "environment" }, source)
  end)

  it("take a temporary key with its security token", function()
    emulator:put { id = "a" }
    assert.is_true(run(DELETE, { EVS_ENDPOINT = emulator.endpoint,
      HUAWEICLOUD_SDK_AK = emulator.temporary_ak, HUAWEICLOUD_SDK_SK = emulator.temporary_sk,
      HUAWEICLOUD_SDK_SECURITY_TOKEN = emulator.security_token }))
    assert.equal(emulator.security_token, emulator:log()[1].headers["x-security-token"])
  end)

  it("take an IAM token", function()
    emulator:put { id = "a" }
    assert.is_true(run(DELETE, { EVS_ENDPOINT = emulator.endpoint, EVS_TOKEN = emulator.token }))
    assert.equal(emulator.token, emulator:log()[1].headers["x-auth-token"])
  end)

  it("take the authorities to trust", function()
    emulator:put { id = "a" }
    local environment = with { EVS_ENDPOINT = emulator.tls_endpoint }
    failure.check(run(DELETE, environment), { code = "Client.TLS" })
    environment.EVS_CA_FILE = emulator.ca_file
    assert.is_true(run(DELETE, environment))
  end)

  it("keep one client for all calls: one connection, and one key gate", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local environment = with { EVS_ENDPOINT = emulator.endpoint }
    run(([[
      local safe = require "evs.safe"
      for _, id in ipairs { "a", "b" } do
        assert(evs.show_snapshot("%s", id))
        assert(safe.delete_snapshot("%s", id))
      end
    ]]):format(project, project), environment)
    local log = emulator:log()
    assert.equal(6, #log)
    for _, record in ipairs(log) do assert.equal(log[1].connection, record.connection) end
    emulator:clear_log()
    environment.HUAWEICLOUD_SDK_SK = "wrong"
    failure.check(run(("evs.delete_snapshot(%q, 'a') %s"):format(project, DELETE), environment),
      { status = 401, attempts = 0, outcome = "not_sent" })
    assert.equal(1, #emulator:log())
  end)

  it("say that there is no endpoint, in both flavours, and look again at each call", function()
    local errors = run(([[
      local safe, project = require "evs.safe", "%s"
      local all = { evs.delete_snapshot(project, "a"), evs.delete_snapshot(project, "a"),
        select(2, evs.show_snapshot(project, "a")), select(2, safe.delete_snapshot(project, "a")) }
      for i, err in ipairs(all) do setmetatable(err, nil) end
      return all
    ]]):format(project), KEYS)
    assert.equal(4, #errors)
    for _, err in ipairs(errors) do
      failure.check(setmetatable(err, ERROR), { code = "Client.NoEndpoint", attempts = 0,
        outcome = "not_sent", retryable = false })
      assert.matches("EVS_ENDPOINT", err.message, 1, true)
      assert.matches("region", err.message, 1, true)
    end
  end)

  it("say that there are no keys, and send nothing", function()
    local environment = { EVS_ENDPOINT = emulator.endpoint, HOME = "/nowhere" }
    local err = failure.check(run(DELETE, environment), { code = "Client.NoCredentials",
      attempts = 0, outcome = "not_sent", retryable = false })
    assert.matches("HUAWEICLOUD_SDK_AK", err.message, 1, true)
    assert.same({}, emulator:log())
  end)
end)

describe("the environment", function()
  it("names a region, whose endpoint follows the pattern", function()
    assert.equal("https://evs.ap-southeast-1.myhuaweicloud.com",
      run("return url()", with { HUAWEICLOUD_SDK_REGION = "ap-southeast-1" }))
  end)

  it("prefers EVS_ENDPOINT to a region", function()
    assert.equal(emulator.endpoint, run("return url()",
      with { HUAWEICLOUD_SDK_REGION = "cn-north-4", EVS_ENDPOINT = emulator.endpoint,
        HUAWEICLOUD_SDK_REGION_EVS_CN_NORTH_4 = "https://other.example.com" }))
  end)

  it("may give a region an endpoint, or a list of them of which the first counts", function()
    for _, list in ipairs { " https://one.example.com ",
      "https://one.example.com,https://two.example.com", "https://one.example.com , x" } do
      assert.same({ "https://one.example.com", "https://one.example.com",
        "https://evs.cn-north-1.myhuaweicloud.com" },
        run("return { url(), url { region = 'cn-north-4' }, url { region = 'cn-north-1' } }",
          with { HUAWEICLOUD_SDK_REGION = "cn-north-4",
            HUAWEICLOUD_SDK_REGION_EVS_CN_NORTH_4 = list }))
    end
  end)

  it("does not overrule a region or an endpoint that the script names", function()
    assert.same({ "https://evs.cn-north-1.myhuaweicloud.com", "https://two.example.com",
      "https://two.example.com" },
      run([[return { url { region = "cn-north-1" }, url { endpoint = "https://two.example.com" },
        url { region = "cn-north-4", endpoint = "https://two.example.com" } }]],
        with { EVS_ENDPOINT = emulator.endpoint, HUAWEICLOUD_SDK_REGION = "cn-north-4",
          HUAWEICLOUD_SDK_REGION_EVS_CN_NORTH_4 = "https://one.example.com" }))
  end)

  it("takes empty variables for unset ones", function()
    failure.check(run(DELETE, with { EVS_ENDPOINT = "", HUAWEICLOUD_SDK_REGION = "" }),
      { code = "Client.NoEndpoint" })
    failure.check(run(DELETE, { EVS_ENDPOINT = emulator.endpoint, HUAWEICLOUD_SDK_AK = "",
      HUAWEICLOUD_SDK_SK = "", EVS_TOKEN = "", HOME = "/nowhere" }),
      { code = "Client.NoCredentials" })
    emulator:put { id = "a" }
    assert.is_true(run(DELETE, with { EVS_ENDPOINT = emulator.endpoint, EVS_TOKEN = "",
      HUAWEICLOUD_SDK_SECURITY_TOKEN = "", EVS_CA_FILE = "", HTTPS_PROXY = "" }))
  end)

  for what, case in pairs {
    ["a token beside an AK"] = { { EVS_TOKEN = "t" }, "EVS_TOKEN" },
    ["an AK without SK"] = { { HUAWEICLOUD_SDK_SK = "" }, "HUAWEICLOUD_SDK_SK" },
    ["an SK without AK"] = { { HUAWEICLOUD_SDK_AK = "" }, "HUAWEICLOUD_SDK_AK" },
    ["a region that cannot be one"] = { { EVS_ENDPOINT = "", HUAWEICLOUD_SDK_REGION = "a.b/c" },
      "region" },
    ["an endpoint that cannot be one"] = { { EVS_ENDPOINT = "evs.example.com" }, "endpoint" },
    ["http to a far host"] = { { EVS_ENDPOINT = "http://evs.example.com" }, "allow_http" },
  } do
    it("is refused when it holds " .. what, function()
      local environment = with(case[1], with { EVS_ENDPOINT = emulator.endpoint })
      local err = failure.check(run(DELETE, environment),
        { code = "Client.InvalidArgument", attempts = 0, outcome = "not_sent" })
      assert.matches(case[2], err.message, 1, true)
      assert.same({}, emulator:log())
    end)
  end

  it("does not mix its keys with given ones", function()
    local script = [[
      local function headers(options)
        options.endpoint = "https://a"
        local client, err = evs.new(options)
        if not client then return err.message end
        local _, request = client:start("show_snapshot", "p", "a"):next(0, 1767225600)
        return request.headers
      end
      return { headers { ak = "GIVENAK", sk = "given" }, headers { token = "given-token" },
        headers { ak = "GIVENAK" }, headers { sk = "given" }, headers { security_token = "x" },
        headers {} }
    ]]
    local sent = run(script, { HUAWEICLOUD_SDK_AK = "ENVIRONMENTAK",
      HUAWEICLOUD_SDK_SK = "environmentsk",
      HUAWEICLOUD_SDK_SECURITY_TOKEN = "environment-security-token" })
    assert.matches("Access=GIVENAK,", sent[1].Authorization, 1, true)
    assert.is_nil(sent[1]["X-Security-Token"])
    assert.equal("given-token", sent[2]["X-Auth-Token"])
    assert.is_nil(sent[2].Authorization)
    assert.matches("'sk'", sent[3], 1, true)
    assert.matches("'ak'", sent[4], 1, true)
    assert.matches("'security_token'", sent[5], 1, true)
    assert.matches("Access=ENVIRONMENTAK,", sent[6].Authorization, 1, true)
    assert.equal("environment-security-token", sent[6]["X-Security-Token"])
    sent = run(script, { EVS_TOKEN = "environment-token" })
    assert.matches("Access=GIVENAK,", sent[1].Authorization, 1, true)
    assert.is_nil(sent[1]["X-Auth-Token"])
    assert.equal("environment-token", sent[6]["X-Auth-Token"])
  end)
end)

describe("require", function()
  it("does no I/O: no descriptor, no thread, nothing printed, no environment needed", function()
    local script = [[
      local lfs = require "lfs"
      require "cjson"
      local function count(directory)
        local count = 0
        for _ in lfs.dir(directory) do count = count + 1 end
        return count
      end
      local descriptors = count "/proc/self/fd"
      local evs, safe = require "evs", require "evs.safe"
      assert(evs.new { region = "cn-north-4", ak = "a", sk = "s" })
      assert(evs.info() and safe.info())
      evs.sign { method = "GET", url = "https://a/", ak = "a", sk = "s" }
      assert(count "/proc/self/fd" == descriptors, "descriptors")
      assert(count "/proc/self/task" == 3, "threads")
      print "ok"
    ]]
    local result = process.run(script, { EVS_ENDPOINT = "nonsense", EVS_TOKEN = "t",
      HUAWEICLOUD_SDK_AK = "a" })
    assert.same({ status = 0, stdout = "ok\n", stderr = "" }, result)
  end)

  it("takes nothing away from the script: no globals, no locale, the same cjson", function()
    local result = process.run([[
      local cjson = require "cjson"
      local before = {}
      for name in pairs(_G) do before[name] = true end
      cjson.encode_sparse_array(true)
      require "evs"
      require "evs.safe"
      for name in pairs(_G) do assert(before[name], name) end
      assert(cjson.decode_max_depth() == 1000)
      assert(os.setlocale(nil) == "C")
      assert(package.loaded.cjson == cjson)
      print "ok"
    ]])
    assert.same({ status = 0, stdout = "ok\n", stderr = "" }, result)
  end)
end)
