-- Proves evs apply: of a plan only that is carried out which is still as it was planned.

local command = require "spec.support.command"

local emulator = command.emulator
local run = command.run

before_each(function() emulator:reset() end)

-- A plan in which the snapshots of volume-1 from "v1-2" on go.
local function make_plan(each)
  command.populate(1, each)
  local path = command.file("plan")
  assert.equal(0, run("prune --keep-last 2 --plan " .. path).status)
  return path
end

local function put(id, changes)
  local one = emulator:snapshot(id)
  for name, value in pairs(changes) do one[name] = value end
  emulator:put { one }
end

describe("evs apply", function()
  it("says what it would do, and with --yes does it", function()
    local path = make_plan(5)
    local result = run("apply " .. path)
    assert.equal(0, result.status)
    assert.equal("goes  v1-4  daily 4\ngoes  v1-3  daily 3\ngoes  v1-2  daily 2\n"
      .. "3 of 3 snapshots of the plan go, 0 do not\nnothing was deleted; add --yes\n",
      result.stdout)
    assert.equal(0, emulator:count().DELETE)
    result = run("apply --yes " .. path)
    assert.equal(0, result.status)
    assert.same({ ["v1-0"] = true, ["v1-1"] = true }, command.existing())
  end)

  it("deletes nothing that is another now, and tells each reason, with 1", function()
    local path = make_plan(10)
    put("v1-3", { name = "mine" })
    put("v1-4", { volume_id = "volume-2" })
    put("v1-5", { created_at = command.date(1) })
    put("v1-6", { name = "manualbk_snapshot_vbs_1" })
    put("v1-7", { metadata = { ["__system__enableActive"] = "true" } })
    put("v1-8", { status = "rollbacking" })
    assert.equal(0, run("delete v1-9").status)

    local result = run("apply --yes " .. path)

    assert.equal(1, result.status)
    for id, said in pairs {
      ["v1-3"] = 'changed: its name was "daily 3" and is "mine"',
      ["v1-4"] = 'changed: its volume_id was "volume-1" and is "volume-2"',
      ["v1-5"] = "changed: its created_at was", ["v1-6"] = "protected: ", ["v1-7"] = "protected: ",
      ["v1-8"] = "busy: its status is rollbacking", ["v1-9"] = "gone: it does not exist any more",
    } do
      local line = "stays  " .. id .. "  daily " .. id:sub(-1) .. "  " .. said
      assert.matches(line, result.stdout, nil, true)
    end
    assert.matches("\naccepted  v1%-2 ", result.stdout)
    assert.equal(2, emulator:count().DELETE)
    local there = command.existing()
    for i = 3, 8 do assert.is_true(there["v1-" .. i]) end
  end)

  it("does not delete lines that a reviewer took out", function()
    local path = make_plan(5)
    command.write(path, (command.read(path):gsub('[^\n]*"v1%-3"[^\n]*\n', "")))
    assert.equal(0, run("apply --yes " .. path).status)
    assert.is_true(command.existing()["v1-3"])
    assert.equal(2, emulator:count().DELETE)
  end)

  it("refuses a plan that is too young or too old, with 5", function()
    local path = make_plan(4)
    local result = run("apply --yes --not-before 3d " .. path)
    assert.equal(5, result.status)
    assert.matches("--not-before held", result.stderr, nil, true)
    local time = '"time":"' .. command.date(4):sub(1, 19) .. 'Z"'
    command.write(path, (command.read(path):gsub('"time":"[^"]*"', time, 1)))
    result = run("apply --yes --not-after 3d " .. path)
    assert.equal(5, result.status)
    assert.matches("--not-after held", result.stderr, nil, true)
    assert.equal(0, emulator:count().DELETE)
    assert.equal(0, run("apply --yes --not-before 3d --not-after 1w " .. path).status)
  end)

  it("does not take a plan's age from a clock that is wrong", function()
    local path = make_plan(4)
    local time = '"time":"' .. command.date(4):sub(1, 19) .. 'Z"'
    command.write(path, (command.read(path):gsub('"time":"[^"]*"', time, 1)))
    emulator:clock(-864000)
    local result = run("apply --yes --not-before 3d " .. path)
    assert.equal(5, result.status)
    assert.matches("this machine's clock is 10 days fast", result.stderr, nil, true)
    assert.equal(0, emulator:count().DELETE)
    assert.equal(0, run("apply --yes --not-before 3d --any-clock " .. path).status)
  end)

  it("refuses what is no plan, one that was cut, and one of another project, with 2", function()
    local path = make_plan(4)
    local text = command.read(path)
    emulator:clear_log()
    for _, broken in ipairs { "", "hello\n", text:gsub('"format":1', '"format":2'), text:sub(1, -9),
      (text:gsub('"volume_id":"volume%-1",', "")), (text:gsub('"project_id"', '"project"')) } do
      command.write(path, broken)
      local result = run("apply --yes " .. path)
      assert.equal(2, result.status, broken)
      assert.matches("is no plan", result.stderr, nil, true)
    end
    command.write(path, text)
    assert.equal(2, run("apply --yes --project other " .. path).status)
    assert.equal(2, run("apply --yes /nonexistent").status)
    assert.equal(0, #emulator:log())
  end)

  it("has its plan through a pipe, or by a link: neither is replaced", function()
    command.populate(1, 4)
    local pipe, read, link = command.file("pipe"), command.file("read"), command.file("link")
    local ready = "mkfifo '%s' && { timeout 10 cat '%s' >'%s' & } && ln -s plan '%s'"
    assert(os.execute(ready:format(pipe, pipe, read, link)))
    assert.equal(0, run("prune --keep-last 1 --plan " .. pipe).status)
    assert(os.execute(("test -p '%s'"):format(pipe)))
    local path = command.file("plan")
    command.write(path, "an older plan")
    assert.equal(0, run("prune --keep-last 1 --plan " .. link).status)
    assert(os.execute(("test -L '%s'"):format(link)))
    assert.equal(0, run("apply " .. path).status)
    local function has_all() return command.read(read):find('"keep","id":"v1-0"', 1, true) end
    for _ = 1, 100 do -- the reader may be slower than the command
      if has_all() then break end
      os.execute("sleep 0.05")
    end
    assert.is_truthy(has_all())
  end)

  it("says when a plan cannot be written, and leaves no part of one", function()
    command.populate(1, 4)
    local result = run("prune --keep-last 1 --plan /nonexistent/plan")
    assert.equal(1, result.status)
    assert.matches("cannot write the plan /nonexistent/plan", result.stderr, nil, true)
    local path = command.file("plan")
    result = run("prune --keep-last 1 --plan " .. path, {
      shell = { before = "trap '' XFSZ; ulimit -f 1" } })
    assert.equal(1, result.status)
    assert.is_nil(io.open(path))
    assert.is_nil(io.open(path .. ".new"))
  end)
end)
