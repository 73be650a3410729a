-- Proves the emulator's API in Cinder's own manner, /v3.

local cjson = require "cjson"

local emulator = require("spec.support.emulator").start()
local signed = require("spec.support.signed").to(emulator)

local V3 = "v3/%s/snapshots"

local function ask(method, id, with)
  return signed:ask(method, signed:path(id, V3), with)
end

before_each(function() emulator:reset() end)

describe("cinder", function()
  it("accepts a deletion with an empty 202, of a right signature and of a token", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local status, _, headers, text = ask("DELETE", "a")
    assert.equal(202, status)
    assert.equal("", text)
    assert.equal("0", headers["content-length"])
    assert.equal("text/html; charset=UTF-8", headers["content-type"])
    assert.matches("^req%-%x+%-", headers["x-openstack-request-id"])
    assert.equal(202, (signed:send("DELETE", signed:path("b", V3),
      { ["x-auth-token"] = emulator.token })))
    assert.equal(0, #emulator:snapshots())
  end)

  it("answers as Keystone does without credentials and with a wrong token", function()
    for _, headers in ipairs { {}, { ["x-auth-token"] = "wrong" } } do
      local status, body = signed:send("DELETE", signed:path("a", V3), headers)
      assert.equal(401, status)
      assert.equal(401, body.error.code)
      assert.equal("Unauthorized", body.error.title)
    end
  end)

  it("refuses a token in another project's path", function()
    local status, body = signed:send("GET", "/v3/abc/snapshots/a",
      { ["x-auth-token"] = emulator.token })
    assert.equal(400, status)
    assert.equal("Malformed request url", body.badRequest.message)
  end)

  it("tells of a missing snapshot with its id and a number for a code", function()
    local status, body, headers = ask("GET", "a%20b%22%3Cx%3E")
    assert.equal(404, status)
    assert.equal("application/json", headers["content-type"])
    assert.same({ code = 404, message = 'Snapshot a b"<x> could not be found.' }, body.itemNotFound)
  end)

  it("refuses what is neither available nor in error, and a group's member", function()
    emulator:put { { id = "a", snapshot_group_id = "g" } }
    local ids = { "a" }
    for _, state in ipairs { "creating", "deleting", "error_deleting", "backing-up" } do
      emulator:put { id = state, status = state }
      ids[#ids + 1] = state
    end
    for _, id in ipairs(ids) do
      local status, body = ask("DELETE", id)
      assert.equal(400, status)
      assert.same({ code = 400, message = "Invalid snapshot: Snapshot status must be available or "
        .. "error and must not be part of a group." }, body.badRequest)
    end
    emulator:put { id = "b", status = "error" }
    assert.equal(202, (ask("DELETE", "b")))
  end)

  it("shows its own paths alone, and says 404 in plain text to others", function()
    local root = "/v3/" .. emulator.project_id .. "/"
    for _, case in ipairs { { "PATCH", root .. "snapshots/a" }, { "POST", root .. "snapshots/a" },
      { "DELETE", root .. "snapshots" }, { "DELETE", root .. "snapshots/" },
      { "GET", root .. "banana" }, { "GET", "/v3/not-hex!/snapshots/a" } } do
      local status, body, headers = signed:ask(case[1], case[2], {
        headers = { ["content-length"] = "0" } })
      assert.equal(404, status)
      assert.matches("^404 Not Found\n\nThe resource could not be found%.", body)
      assert.equal("text/plain; charset=UTF-8", headers["content-type"])
    end
    emulator:settings { cinder = false }
    local status, body = ask("GET", "a")
    assert.equal(404, status)
    assert.equal("APIGW.0101", body.error_code)
  end)

  it("has what v2 has, and no standard snapshots", function()
    emulator:put { { id = "a", metadata = { k = "v" } }, { id = "b", generation = "standard" } }
    local _, body = ask("GET", "a")
    assert.same({ k = "v" }, body.snapshot.metadata)
    assert.equal(emulator.project_id, body.snapshot["os-extended-snapshot-attributes:project_id"])
    assert.equal(404, (ask("GET", "b")))
  end)
end)

describe("cinder's list", function()
  -- The ids of all pages from a target on, by links, and how many pages there were.
  local function follow(target)
    local ids, pages = {}, 0
    while target do
      local status, body = signed:ask("GET", target)
      assert.equal(200, status)
      pages = pages + 1
      for _, row in ipairs(body.snapshots) do ids[#ids + 1] = row.id end
      target = body.snapshots_links and body.snapshots_links[1].href:match("//[^/]+(.*)$")
    end
    return table.concat(ids, " "), pages
  end

  it("leads on by a marker after each full page, even when nothing is left", function()
    emulator:put { { id = "a" }, { id = "b", name = "x" }, { id = "c" }, { id = "d", name = "x" } }
    local detail = signed:path("detail", V3)
    assert.same({ "d c b a", 3 }, { follow(detail .. "?limit=2") })
    assert.same({ "d c b a", 2 }, { follow(detail .. "?limit=3") })
    assert.same({ "d b", 3 }, { follow(detail .. "?limit=1&name=x") })
    assert.same({ "a b c d", 3 }, { follow(detail .. "?limit=2&sort_key=id&sort_dir=asc") })
    local _, body = signed:ask("GET", detail .. "?limit=5000")
    assert.equal(4, #body.snapshots)
    assert.is_nil(body.count)
  end)

  it("does not know a marker that is gone", function()
    emulator:put { id = "a" }
    local status, body = ask("GET", "detail?marker=b")
    assert.equal(404, status)
    assert.equal("Snapshot b could not be found.", body.itemNotFound.message)
  end)

  it("is shorter without detail", function()
    emulator:put { { id = "a" }, { id = "b" } }
    local target = "/" .. V3:format(emulator.project_id)
    assert.same({ "b a", 3 }, { follow(target .. "?limit=1") })
    local _, body = signed:ask("GET", target)
    assert.equal("available", body.snapshots[1].status)
    assert.is_nil(body.snapshots[1]["os-extended-snapshot-attributes:project_id"])
  end)

  it("says what is wrong with a query as OpenStack does", function()
    local status, body = ask("GET", "detail?limit=x")
    assert.equal(400, status)
    assert.equal(400, body.badRequest.code)
  end)

  it("has the disks, too", function()
    emulator:put { { id = "a", volume_id = "v1" }, { id = "b", volume_id = "v2", orphan = true } }
    local target = ("/v3/%s/volumes/detail"):format(emulator.project_id)
    local status, body = signed:ask("GET", target)
    assert.equal(200, status)
    assert.equal(1, #body.volumes)
    assert.equal("v1", body.volumes[1].id)
    assert.equal(cjson.null, body.volumes[1].updated_at)
  end)
end)
