-- Proves the emulator's IAM: the list of projects.

local emulator = require("spec.support.emulator").start()
local signed = require("spec.support.signed").to(emulator)

local function ask(query, with)
  with = with or {}
  with.endpoint = emulator.iam_endpoint
  return signed:ask("GET", "/v3/projects" .. query, with)
end

local function ids(body)
  local found = {}
  for i, project in ipairs(body.projects) do found[i] = project.id end
  return table.concat(found, " ")
end

before_each(function() emulator:reset() end)

describe("the list of projects", function()
  it("has the region's project by its name, and nothing by another", function()
    local status, body, headers = ask("?name=" .. emulator.region)
    assert.equal(200, status)
    assert.equal(emulator.project_id, ids(body))
    assert.equal(emulator.region, body.projects[1].name)
    assert.is_true(body.projects[1].enabled)
    assert.matches("^%x+$", headers["x-iam-trace-id"])
    local none = { ask("?name=nowhere") }
    assert.equal(200, none[1])
    assert.matches('"projects":[]', none[4], 1, true)
  end)

  it("has what it was told, and what was not asked for when told so", function()
    emulator:iam { projects = { { id = "p1", name = "r" }, { id = "p2", name = "r" },
      { id = "p3", name = "s" } } }
    local _, body = ask("?name=r")
    assert.equal("p1 p2", ids(body))
    _, body = ask("")
    assert.equal("p1 p2 p3", ids(body))
    emulator:iam { ignore_name = true }
    _, body = ask("?name=r")
    assert.equal(emulator.project_id, ids(body))
    emulator:iam()
    _, body = ask("?name=r")
    assert.equal("", ids(body))
  end)

  it("is refused, or is any body, as told", function()
    emulator:iam { status = 403 }
    local status, body = ask("")
    assert.equal(403, status)
    assert.equal(403, body.error.code)
    assert.equal("Forbidden", body.error.title)
    emulator:iam { body = '{"links":{}}' }
    status, body = ask("")
    assert.equal(200, status)
    assert.is_nil(body.projects)
    assert.error_matches(function() emulator:iam { project = {} } end, "no such field: project")
    assert.error_matches(function() emulator:iam { projects = { {} } } end, "an id and a name")
  end)

  it("wants a signature, whose failures count for the AK's lock", function()
    local status, body = ask("", { sk = "wrong" })
    assert.equal(401, status)
    assert.equal("APIGW.0301", body.error_code)
    assert.equal(1, emulator:keys()[emulator.ak].failures)
    assert.equal(401, (signed:send("GET", "/v3/projects", {}, emulator.iam_endpoint)))
    assert.equal(200, (signed:send("GET", "/v3/projects", { ["x-auth-token"] = emulator.token },
      emulator.iam_endpoint)))
    assert.equal(200, (ask("", { ak = emulator.temporary_ak, sk = emulator.temporary_sk,
      headers = { ["x-security-token"] = emulator.security_token } })))
    assert.equal(4, emulator:count()["iam.GET"])
    assert.equal(0, emulator:count().GET)
  end)

  it("misbehaves as told", function()
    emulator:misbehave { service = "iam", status = 503, html = true }
    assert.equal(503, (ask("")))
    assert.equal("iam", emulator:log()[1].service)
    assert.equal(200, (ask("")))
  end)

  it("is all that there is", function()
    assert.equal(404, (signed:ask("GET", "/v3/users", { endpoint = emulator.iam_endpoint })))
  end)
end)
