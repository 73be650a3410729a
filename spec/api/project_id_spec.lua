-- Proves project_id: IAM is asked for the region's project, once; none, several and a refusal are
-- errors that say what to do.

local cjson = require "cjson"
local evs = require "evs"
local failure = require "spec.support.failure"
local machines = require "spec.support.machine"
local process = require "spec.support.process"

local emulator = require("spec.support.emulator").start()
local connect = require("spec.support.connect").with { retries = 0 }

local function iam_client(changes)
  local options = { region = emulator.region, iam_endpoint = emulator.iam_endpoint }
  for name, value in pairs(changes or {}) do options[name] = value end
  return connect(options)
end

before_each(function() emulator:reset() end)

describe("project_id", function()
  it("is the id of the region's project, for one signed request of a client", function()
    local client = iam_client()
    assert.equal(emulator.project_id, client:project_id())
    assert.equal(emulator.project_id, client:project_id { timeout = 5 })
    assert.equal(1, emulator:count()["iam.GET"])
    local record = emulator:log()[1]
    assert.equal("/v3/projects?name=" .. emulator.region, record.uri)
  end)

  it("lets the same client delete afterwards, over the same transfers", function()
    emulator:put { id = "a" }
    local client = iam_client()
    assert.is_true(client:delete_snapshot(client:project_id(), "a"))
    emulator:put { id = "b" }
    assert.is_true(client:delete_snapshot(client:project_id(), "b"))
  end)

  it("is Client.NoProject when there is none, or several, which it lists", function()
    emulator:iam { projects = {} }
    local id, err = iam_client():project_id()
    assert.is_nil(id)
    failure.check(err, { code = "Client.NoProject", outcome = "not_sent" })
    local name = emulator.region
    emulator:iam { projects = { { id = "p1", name = name }, { id = "p2", name = name } } }
    id, err = iam_client():project_id()
    assert.is_nil(id)
    failure.check(err, { code = "Client.NoProject" })
    assert.matches("p1 (" .. name .. "), p2 (" .. name .. ")", err.message, 1, true)
  end)

  it("is not kept after a refusal, whose hint says what to do", function()
    emulator:iam { status = 403 }
    local client = iam_client()
    local id, err = client:project_id()
    assert.is_nil(id)
    assert.equal(403, err.status)
    assert.matches("iam:projects:listProjects", err.hint, 1, true)
    emulator:iam()
    assert.equal(emulator.project_id, client:project_id())
  end)

  it("is Client.BadResponse for an answer without projects, or whose project has no id", function()
    for _, body in ipairs { '{"links":{}}', '{"projects":{"a":1}}', '{"projects":[{"name":"x"}]}',
      '{"projects":[{"id":"a b"}]}', "no JSON" } do
      emulator:iam { body = body }
      local id, err = iam_client():project_id()
      assert.is_nil(id)
      failure.check(err, { code = "Client.BadResponse" })
    end
  end)

  it("needs a region, and sends nothing without one", function()
    local client = machines.client { iam_endpoint = "https://iam.example.com" }
    local trace = machines.run(client:start("project_id"), {})
    machines.same_error({ code = "Client.InvalidArgument", attempts = 0 }, trace)
    assert.matches("region", trace.err.message)
  end)

  it("is not asked for with a V11 key, which IAM does not take", function()
    local client = machines.client { algorithm = "V11-HMAC-SHA256", region = "eu-west-101" }
    local trace = machines.run(client:start("project_id"), {})
    machines.same_error({ code = "Client.InvalidArgument", attempts = 0 }, trace)
    assert.matches("V11-HMAC-SHA256", trace.err.message, 1, true)
  end)

  it("of evs takes IAM's host without a scheme from the environment, and names a bad region of it",
    function()
      local environment = { EVS_ENDPOINT = emulator.endpoint, HUAWEICLOUD_SDK_AK = emulator.ak,
        HUAWEICLOUD_SDK_SK = emulator.sk, HUAWEICLOUD_SDK_REGION = emulator.region,
        HUAWEICLOUD_SDK_IAM_ENDPOINT = "localhost:1" }
      local script = [[
        local id, err = require("evs").project_id { retries = 0 }
        print(id, err.code, err.message)
      ]]
      local result = process.start(script, environment):wait()
      assert.matches("^nil\tClient.Connect\t.*localhost", result.stdout)
      environment.HUAWEICLOUD_SDK_REGION = "x y"
      environment.HUAWEICLOUD_SDK_IAM_ENDPOINT = nil
      result = process.start(script, environment):wait()
      assert.matches("^nil\tClient.InvalidArgument\t.*HUAWEICLOUD_SDK_REGION", result.stdout)
    end)

  it("asks IAM of the region where no endpoint is given, and signs its host alone", function()
    local region = "cn-north-4"
    local client = evs.new { region = region, ak = machines.AK, sk = machines.SK }
    local trace = machines.run(client:start("project_id"),
      { { 200, cjson.encode { projects = { { id = "abc", name = "x" } } } } })
    assert.equal("abc", trace.result)
    local request = trace.requests[1]
    assert.equal("https://iam." .. region .. ".myhuaweicloud.com/v3/projects?name=" .. region,
      request.url)
    assert.matches("SignedHeaders=host;x-sdk-date,", request.headers.Authorization, 1, true)
    assert.is_nil(request.headers["X-Project-Id"])
  end)

  it("burns no key: a wrong secret is refused for EVS as well", function()
    local client = iam_client { sk = "wrong" }
    local _, err = client:project_id()
    assert.equal("APIGW.0301", err.code)
    local result = client:delete_snapshot(emulator.project_id, "a")
    assert.same({ "APIGW.0301", 0 }, { result.code, result.attempts })
  end)

  it("of evs takes options of evs.new, or the environment's", function()
    local result = process.start([[
      local evs = require "evs"
      local id, err = evs.project_id()
      print(id or tostring(err))
      print(evs.project_id { iam_endpoint = os.getenv "IAM", region = os.getenv "REGION" })
      local none, problem = evs.project_id { region = "x y" }
      print(none, problem.code)
    ]], { EVS_ENDPOINT = emulator.endpoint, HUAWEICLOUD_SDK_AK = emulator.ak,
      HUAWEICLOUD_SDK_SK = emulator.sk, HUAWEICLOUD_SDK_REGION = emulator.region,
      HUAWEICLOUD_SDK_IAM_ENDPOINT = emulator.iam_endpoint, IAM = emulator.iam_endpoint,
      REGION = emulator.region }):wait()
    assert.equal("", result.stderr)
    assert.equal(emulator.project_id .. "\n" .. emulator.project_id
      .. "\nnil\tClient.InvalidArgument\n", result.stdout)
  end)
end)
