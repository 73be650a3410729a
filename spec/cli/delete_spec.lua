-- Proves evs delete, evs list and evs show.

local cjson = require "cjson"
local command = require "spec.support.command"

local emulator = command.emulator
local run = command.run

before_each(function() emulator:reset() end)

describe("evs delete", function()
  it("deletes the ids that are named, each once", function()
    command.populate(1, 4)
    local result = run("delete v1-1 v1-3 v1-1")
    assert.equal(0, result.status)
    assert.same({ ["v1-0"] = true, ["v1-2"] = true }, command.existing())
    assert.matches("2 accepted, 0 gone, 0 failed, 0 unknown, 0 unsent", result.stdout, nil, true)
  end)

  it("reads ids from standard input", function()
    command.populate(1, 4)
    local path = command.file("ids")
    command.write(path, "v1-1\n\n  v1-2 \r\nv1-1\nv1-3")
    local result = run("delete - --json", { shell = { redirections = "<" .. path } })
    assert.equal(0, result.status)
    assert.same({ ["v1-0"] = true }, command.existing())
    local events = command.events(result.stdout)
    assert.same({ "named on standard input" }, events[2].reasons)
    command.write(path, "a/b\n")
    assert.equal(1, run("delete -", { shell = { redirections = "<" .. path } }).status)
  end)

  it("records what the snapshots are, and looks at many with one request", function()
    command.populate(1, 3)
    local result = run("delete v1-1 none v1-2 --json")
    local intents = {}
    for _, event in ipairs(command.events(result.stdout)) do
      if event.event == "intent" then intents[event.id] = event end
    end
    assert.same({ "daily 1", "volume-1", 40 }, { intents["v1-1"].name, intents["v1-1"].volume_id,
      intents["v1-1"].size })
    assert.is_table(intents.none)
    assert.same({ 2, 2 }, { emulator:count().GET, emulator:count().DELETE })
  end)

  it("is ended by a signal while it waits for ids, and by input that cannot be read", function()
    command.populate(1, 1)
    local path = command.file("fifo")
    local process = command.start("delete -", { shell = {
      before = ("mkfifo '%s'; sleep 9 >'%s' 2>/dev/null </dev/null & writer=$!"):format(path, path),
      redirections = ("<'%s'"):format(path) } })
    os.execute("sleep 0.4")
    process:kill("TERM")
    local result = process:wait()
    assert.equal(1, result.status)
    assert.matches("stopped: interrupted by SIGTERM", result.stderr, nil, true)
    result = run("delete -", { shell = { redirections = "</" } })
    assert.equal(1, result.status)
    assert.matches("cannot read standard input: Is a directory", result.stderr, nil, true)
  end)

  it("spares backups, and what is missing is a failure unless --ignore-missing", function()
    emulator:put { { id = "b", name = "autobk_snapshot_1" } }
    local result = run("delete b none")
    assert.equal(1, result.status)
    assert.matches("failed    b  -  Client.Protected", result.stdout, nil, true)
    assert.matches("failed    none  -  404", result.stdout, nil, true)
    result = run("delete none --ignore-missing")
    assert.equal(0, result.status)
    assert.matches("gone      none", result.stdout, nil, true)
    assert.equal(0, emulator:count().DELETE)
  end)

  it("by --name only if exactly one has it", function()
    emulator:put { { id = "a", name = "x y" }, { id = "b", name = "z" }, { id = "c", name = "z" } }
    assert.equal(5, run("delete --name z").status)
    assert.equal(4, run("delete --name none").status)
    assert.equal(0, emulator:count().DELETE)
    assert.equal(0, run({ "delete", "--name", "x y" }).status)
    assert.same({ b = true, c = true }, command.existing())
  end)

  it("refuses what is no id before anything is sent, with 2", function()
    for _, words in ipairs { { "delete", "a", "b c" }, { "delete" }, { "delete", "-", "a" },
      { "delete", "--name", "x", "a" }, { "delete", ".." }, { "delete", ("x"):rep(256) } } do
      assert.equal(2, run(words).status, table.concat(words, " "))
    end
    assert.equal(0, #emulator:log())
  end)

  it("takes keys from a section of the credentials file", function()
    emulator:put { { id = "a" } }
    local path = command.file("credentials")
    command.write(path, ("[basic]\nak = no\nsk = no\n[nightly]\nak=%s\n sk = %s \n[half]\nak=x\n")
      :format(emulator.ak, emulator.sk))
    local changes = { HUAWEICLOUD_SDK_AK = "", HUAWEICLOUD_SDK_SK = "",
      HUAWEICLOUD_SDK_CREDENTIALS_FILE = path }
    assert.equal(0, run("delete a --profile nightly", { environment = changes }).status)
    assert.equal(2, run("delete a --profile half", { environment = changes }).status)
    assert.equal(2, run("delete a --profile none", { environment = changes }).status)
  end)
end)

describe("evs list and evs show", function()
  it("show tables for people, and lines of JSON for programs", function()
    command.populate(1, 2)
    assert.matches("^ID +STATUS +CREATED +SIZE +VOLUME +NAME\nv1%-0 +available +%S+ +40 GiB  "
      .. "volume%-1  daily 0\n", run("list").stdout)
    local lines = command.events(run("list --json --name-prefix daily --exclude v1-0").stdout)
    assert.equal(1, #lines)
    assert.equal("v1-1", lines[1].id)
    assert.equal("none of 2 snapshots\n", run("list --status error").stdout)
    assert.matches("\nname +daily 1\n", run("show v1-1").stdout)
    assert.equal("daily 1", cjson.decode(run("show --json v1-1").stdout).name)
  end)

  it("fail with 1 for what cannot be shown", function()
    command.populate(1, 1)
    local result = run("show none v1-0")
    assert.equal(1, result.status)
    assert.matches("evs: none: 404", result.stderr, nil, true)
    assert.matches("v1-0", result.stdout, nil, true)
    assert.equal(1, run("list", { environment = { HUAWEICLOUD_SDK_SK = "wrong" } }).status)
    assert.equal(1, run("list", { shell = { redirections = ">/dev/full" } }).status)
  end)
end)
