-- Proves the option headers: a closed list of names that are added to the requests of a call.

local evs = require "evs"
local machines = require "spec.support.machine"

local emulator = require("spec.support.emulator").start()
local connect = require("spec.support.connect").with { retries = 0 }

local project = emulator.project_id

local ALL = {
  traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
  b3 = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1",
  ["x-request-id"] = "r-1",
  ["x-correlation-id"] = "c-1",
  ["x-openstack-request-id"] = "req-1",
}

-- The added headers that each request of the log has.
local function added()
  local all = {}
  for i, record in ipairs(emulator:log()) do
    all[i] = {}
    for name in pairs(ALL) do all[i][name] = record.headers[name] end
  end
  return all
end

before_each(function() emulator:reset() end)

describe("the option headers", function()
  it("adds each name of the list to every request of a call", function()
    emulator:put { id = "a" }
    assert.is_true(connect():delete_snapshot(project, "a", { headers = ALL, wait = true }))
    assert.same({ ALL, ALL, ALL }, added())
  end)

  it("leaves what is signed as it is", function()
    emulator:put { id = "a" }
    assert.is_true(connect():delete_snapshot(project, "a", { headers = ALL, guard = false }))
    assert.matches("SignedHeaders=host;x-project-id;x-sdk-date,",
      emulator:log()[1].headers.authorization, 1, true)
  end)

  it("adds them to lists, to shows and beside a token", function()
    local client = connect { headers = { b3 = "0" } }
    assert.is_table(client:list_snapshots(project))
    client:show_snapshot(project, "a")
    local options = { endpoint = emulator.endpoint, token = emulator.token, headers = { b3 = "0" } }
    assert.is_table(assert(evs.new(options)):list_snapshots(project))
    assert.same({ { b3 = "0" }, { b3 = "0" }, { b3 = "0" } }, added())
  end)

  it("adds them to the requests of a batch, that of its looks included", function()
    emulator:put { { id = "a" }, { id = "b" } }
    assert.equal(2, connect():delete_snapshots(project, { "a", "b" },
      { headers = { b3 = "1" } }).succeeded)
    local requests = added()
    assert.is_true(#requests >= 3)
    for _, headers in ipairs(requests) do assert.same({ b3 = "1" }, headers) end
  end)

  it("of a call stands in place of the client's, and an empty one adds nothing", function()
    local client = connect { headers = { b3 = "client", traceparent = "client" } }
    client:show_snapshot(project, "a")
    client:show_snapshot(project, "a", { headers = { b3 = "call" } })
    client:show_snapshot(project, "a", { headers = {} })
    client:show_snapshot(project, "a")
    local of_client = { b3 = "client", traceparent = "client" }
    assert.same({ of_client, { b3 = "call" }, {}, of_client }, added())
  end)

  it("is read once: what happens to the table later changes nothing", function()
    local headers = { b3 = "before" .. 1 }
    local client = machines.client { guard = false, headers = headers }
    local machine = client:start("show_snapshot", machines.PROJECT, machines.ID,
      { headers = { b3 = "own" .. 1 } })
    local many = client:start("delete_snapshots", machines.PROJECT, { "a" })
    headers.b3 = nil
    collectgarbage()
    collectgarbage()
    assert.equal("own1", select(2, machine:next(1, machines.WALL)).headers.b3)
    machine:cancel()
    assert.equal("before1", select(2, many:next(1, machines.WALL)).headers.b3)
    many:abandon()
  end)

  it("sends its names as they are written in the list, whatever case they come in", function()
    local client = machines.client { headers = { TRACEPARENT = "1", ["x-REQUEST-id"] = "2" } }
    local machine = client:start("show_snapshot", machines.PROJECT, machines.ID)
    local headers = select(2, machine:next(1, machines.WALL)).headers
    assert.same({ "1", "2" }, { headers.traceparent, headers["X-Request-Id"] })
  end)

  it("raises for every other name, and says which there are", function()
    for _, name in ipairs { "Authorization", "Host", "X-Sdk-Date", "X-Project-Id", "Cookie",
      "X-Auth-Token", "X-Security-Token", "Content-Length", "b3\r\nHost", "b33", "" } do
      local ok, problem = pcall(connect, { headers = { [name] = "x" } })
      assert.is_false(ok)
      assert.matches("option 'headers': unknown name '" .. name:match("^[^\r]*"), problem, 1, true)
      assert.matches("known are traceparent, tracestate, b3, X-Request-Id, X-Correlation-Id, "
        .. "X-Openstack-Request-Id", problem, 1, true)
    end
  end)

  it("raises for a name that is there twice, and for what is no text", function()
    local function raises(text, headers)
      local ok, problem = pcall(evs.show_snapshot, project, "a", { headers = headers })
      assert.is_false(ok)
      assert.matches("option 'headers'" .. text, problem, 1, true)
    end
    raises(": b3 is there twice", { b3 = "1", B3 = "2" })
    raises(": b3: string expected, got number", { b3 = 1 })
    raises(": names are strings, not number", { "b3" })
    raises(": table expected, got string", "b3: 1")
  end)

  it("is Client.InvalidArgument for values that cannot be sent, and nothing is", function()
    local client = connect()
    for _, value in ipairs { "", "a b", "a\r\nHost: x", "a\n", "\0", "\195\164", ("x"):rep(513) } do
      local _, err = client:show_snapshot(project, "a", { headers = { b3 = value } })
      assert.same({ "Client.InvalidArgument", "not_sent" }, { err.code, err.outcome })
      assert.equal("option 'headers': b3 must be 1 to 512 bytes of visible ASCII", err.message)
      _, err = client:delete_snapshots(project, { "a" }, { headers = { b3 = value } })
      assert.equal("Client.InvalidArgument", err.code)
      _, err = evs.new { region = "r", headers = { b3 = value } }
      assert.equal("Client.InvalidArgument", err.code)
    end
    assert.same({}, emulator:log())
  end)

  it("has room for the longest value of every name", function()
    local longest = {}
    for name in pairs(ALL) do longest[name] = ("x"):rep(512) end
    connect():show_snapshot(project, "a", { headers = longest })
    assert.same({ longest }, added())
  end)
end)
