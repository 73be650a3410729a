-- Proves list_volumes: all disks of a project, by each generation's own list of them.

local cjson = require "cjson"
local evs = require "evs"
local machines = require "spec.support.machine"
local process = require "spec.support.process"

local emulator = require("spec.support.emulator").start()

local PATHS = { v2 = "/v2/%s/cloudvolumes/detail", v5 = "/v2/%s/cloudvolumes/detail",
  cinder = "/v3/%s/volumes/detail" }

-- Runs it on a machine; `script` as in machines.run.
local function list(script, api)
  return machines.run(machines.client { api = api }:start("list_volumes", machines.PROJECT), script)
end

local function connect(changes)
  local options = { endpoint = emulator.endpoint, ak = emulator.ak, sk = emulator.sk, retries = 0 }
  for name, value in pairs(changes or {}) do options[name] = value end
  return assert(evs.new(options))
end

describe("list_volumes", function()
  for api, path in pairs(PATHS) do
    it("asks by the path of " .. api, function()
      local trace = list({ { 200, '{"volumes":[]}' } }, api)
      assert.same({}, trace.result)
      assert.equal(machines.ENDPOINT .. path:format(machines.PROJECT),
        trace.requests[1].url:match("^[^?]*"))
    end)
  end

  for api in pairs(PATHS) do
    it("has all pages, by links or without any, with api " .. api, function()
      emulator:reset()
      local disks = {}
      for i = 1, 25 do disks[i] = { id = ("d%02d"):format(i), size = i } end
      emulator:volumes(disks)
      for _, links in ipairs { true, false } do
        emulator:settings { page_size = 4, links = links }
        local rows = assert(connect { api = api }:list_volumes(emulator.project_id))
        local seen = {}
        for _, row in ipairs(rows) do
          assert.is_nil(seen[row.id])
          seen[row.id] = row.size
        end
        for i = 1, 25 do assert.equal(i, seen[("d%02d"):format(i)]) end
      end
    end)
  end

  it("shows a row as EVS does, without nulls", function()
    local row = { id = "d", name = cjson.null, size = 10, tags = { a = "b" } }
    local trace = list { { 200, cjson.encode { volumes = { row }, count = 1 } },
      { 200, cjson.encode { volumes = { row } } } }
    assert.same({ { id = "d", size = 10, tags = { a = "b" } } }, trace.result)
  end)

  for what, answer in pairs {
    ["without an array"] = { 200, "{}" },
    ["with snapshots"] = { 200, '{"snapshots":[{"id":"a"}]}' },
    ["with a row that has no id"] = { 200, '{"volumes":[{"name":"x"}]}' },
    ["of a login page"] = { 200, "<html>" },
  } do
    it("is Client.BadResponse for an answer " .. what, function()
      local trace = list { answer }
      machines.same_error({ code = "Client.BadResponse", outcome = "not_sent" }, trace)
      assert.matches("an array of volumes", trace.err.message, 1, true)
    end)
  end

  it("of which a page fails is none", function()
    local full = {}
    for i = 1, 1000 do full[i] = { id = "d" .. i } end
    machines.same_error({ code = "EVS.0001", status = 403 }, list {
      { 200, cjson.encode { volumes = full } }, { 403, machines.evs_error("EVS.0001") } })
  end)

  it("takes no filter", function()
    assert.error_matches(function()
      machines.client():start("list_volumes", machines.PROJECT, { limit = 10 })
    end, "list_volumes takes no filter", 1, true)
  end)

  it("takes options, and returns nil and an error in both modules", function()
    emulator:reset()
    emulator:misbehave { status = 503, html = true }
    for _, name in ipairs { "evs", "evs.safe" } do
      local client = assert(require(name).new { endpoint = emulator.endpoint, ak = emulator.ak,
        sk = emulator.sk })
      assert.same({}, client:list_volumes(emulator.project_id, { retries = 1 }))
      emulator:misbehave { status = 501 }
      local rows, err = client:list_volumes(emulator.project_id, { retries = 0 })
      assert.is_nil(rows)
      assert.equal("HTTP.501", err.code)
    end
    assert.error_matches(function()
      connect():list_volumes(emulator.project_id, { rate = 1 })
    end, "option 'rate' belongs to delete_snapshots", 1, true)
  end)

  it("of evs asks with the environment's keys", function()
    emulator:reset()
    emulator:volumes { { id = "d", size = 1 } }
    local result = process.start(([[
      print(require("evs").list_volumes("%s")[1].id)
    ]]):format(emulator.project_id), { EVS_ENDPOINT = emulator.endpoint,
      HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk }):wait()
    assert.same({ "d\n", "" }, { result.stdout, result.stderr })
  end)
end)
