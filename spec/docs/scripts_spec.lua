-- Every script on the project's pages runs, and does what the page says.

local documents = require "spec.support.documents"
local process = require "spec.support.process"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

local KEYS = { HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk,
  EVS_ENDPOINT = emulator.endpoint }

-- Where each script stands.
local PAGE_OF = {
  ["delete.lua"] = "README.md", ["client.lua"] = "docs/library.md",
  ["broken.lua"] = "docs/library.md", ["nightly.lua"] = "docs/library.md",
  ["sweep.lua"] = "docs/library.md", ["keep.lua"] = "docs/library.md",
  ["disks.lua"] = "docs/library.md", ["hold.lua"] = "docs/rules.md",
  ["trace.lua"] = "docs/library.md",
  ["loop.lua"] = "docs/event-loops.md", ["unattended.lua"] = "docs/testing.md",
}

-- Those of nginx_spec and shell_spec.
local ELSEWHERE = { ["README.md"] = "handler.lua emulator.sh",
  ["docs/openresty.md"] = "handler.lua metrics.lua", ["docs/testing.md"] = "by_hand.sh" }

local function seeded(number)
  return ("e5e5e5e5-0000-4000-8000-%012d"):format(number)
end

-- Runs a script by its name with arguments, and with lines to read.
local function run(name, arguments, lines, environment)
  local quoted, input = {}, os.tmpname()
  local file = assert(io.open(input, "w"))
  file:write(lines or "")
  file:close()
  for i, argument in ipairs(arguments) do quoted[i] = ("%q"):format(argument) end
  local result = process.run(("arg = { %s }\nio.input(%q)\n%s"):format(table.concat(quoted, ", "),
    input, documents.block(PAGE_OF[name], name)), environment or KEYS)
  os.remove(input)
  return result
end

before_each(function() emulator:reset(true) end)

describe("the scripts of the pages", function()
  it("have names, and each is run by a spec", function()
    for _, page in ipairs(documents.files "*.md docs/*.md") do
      for _, block in ipairs(documents.blocks(page)) do
        if block.language == "lua" or block.language == "sh" then
          local elsewhere = " " .. (ELSEWHERE[page] or "") .. " "
          local name = block.name or "none"
          assert.is_true(PAGE_OF[name] == page
            or elsewhere:find(" " .. name .. " ", 1, true) ~= nil, page .. ": " .. name)
        end
      end
    end
  end)

  it("say how they are called when they are called without arguments, and end badly", function()
    for name in pairs(PAGE_OF) do
      if name ~= "client.lua" and name ~= "unattended.lua" then
        local result = run(name, {})
        assert.equal(1, result.status, name)
        assert.is_truthy(result.stderr:find("usage: lua " .. name, 1, true), name)
        assert.equal("", result.stdout, name)
      end
    end
    assert.equal(0, #emulator:log())
  end)

  it("say why there is no client", function()
    for _, name in ipairs { "client.lua", "nightly.lua", "loop.lua" } do
      local result = run(name, { project, "id" }, nil, { EVS_ENDPOINT = "nonsense" })
      assert.equal(1, result.status, name)
      assert.is_truthy(result.stderr:find("Client.InvalidArgument: ", 1, true), result.stderr)
    end
  end)

  it("trace.lua gives its trace to each request", function()
    local result = run("trace.lua", { project, emulator.snapshot_id, "00-a-b-01" })
    assert.equal("true\n", result.stdout)
    for _, record in ipairs(emulator:log()) do
      assert.equal("00-a-b-01", record.headers.traceparent)
    end
    assert.is_nil(emulator:snapshot(emulator.snapshot_id))
  end)

  it("delete.lua deletes a snapshot", function()
    local result = run("delete.lua", { project, emulator.snapshot_id })

    assert.equal("", result.stderr)
    assert.equal(emulator.snapshot_id .. ": accepted\n", result.stdout)
    assert.equal(0, result.status)
    assert.is_nil(emulator:snapshot(emulator.snapshot_id))
  end)

  it("delete.lua spares a backup's and ends with 1", function()
    local result = run("delete.lua", { project, emulator.backup_id })

    assert.equal(1, result.status)
    assert.is_truthy(result.stdout:find("Client.Protected\tnot_sent", 1, true))
    assert.is_truthy(emulator:snapshot(emulator.backup_id))
  end)

  it("nightly.lua treats every outcome right", function()
    local gone, backup, creating, cut, no, stuck = seeded(1), seeded(3), seeded(5), seeded(2),
      "refused", "stuck"
    emulator:put {
      { id = no, project_id = project, name = "n", status = "available" },
      { id = stuck, project_id = project, name = "s", status = "available",
        after_delete = "error_deleting" },
    }
    emulator:misbehave {
      { method = "DELETE", contains = cut, status = 200, effect = true, html = true },
      { method = "DELETE", contains = no, status = 403, times = -1,
        body = { error = { code = "EVS.2056", message = "no" } } },
    }

    local ids = { gone, backup, creating, cut, emulator.missing_id, no, stuck }
    local result = run("nightly.lua", { project }, table.concat(ids, "\n") .. "\n")

    assert.equal("", result.stderr)
    assert.equal(1, result.status)
    for line in ([[
%s	gone
%s	kept for its backup
%s	not_sent	Client.WrongState
%s	gone
%s	gone
%s	refused	EVS.2056
%s	accepted	Client.NotDeleted]]):format(gone, backup, creating, cut, emulator.missing_id, no,
      stuck):gmatch("[^\n]+") do
      assert.is_truthy(("\n" .. result.stdout):find("\n" .. line, 1, true), line)
    end
    local tries = 0
    for _, request in ipairs(emulator:log()) do
      if request.method == "DELETE" and request.uri:find(cut, 1, true) then tries = tries + 1 end
    end
    assert.equal(1, tries)
    assert.is_truthy(emulator:snapshot(backup))
  end)

  it("nightly.lua stops at the first 401", function()
    emulator:misbehave { times = -1, status = 401,
      body = { error_code = "APIGW.0301", error_msg = "verify aksk signature fail" } }

    local result = run("nightly.lua", { project }, seeded(1) .. "\n" .. seeded(2) .. "\n")

    assert.equal(1, result.status)
    assert.is_truthy(result.stderr:find("the key is refused", 1, true))
    assert.equal(1, emulator:count().GET)
    assert.equal(0, emulator:count().DELETE)
  end)

  it("sweep.lua deletes what it reads, and says what became of each", function()
    local ids = { seeded(1), seeded(2), seeded(3), emulator.missing_id }
    local result = run("sweep.lua", { project }, table.concat(ids, "\n") .. "\n")

    assert.equal("", result.stderr)
    assert.equal(1, result.status)
    for i, expected in ipairs { "accepted", "accepted", "Client.Protected", "was gone" } do
      local line = "\n" .. ids[i] .. "\t" .. expected
      assert.is_truthy(("\n" .. result.stdout):find(line, 1, true), line)
    end
    local sums = "\n3 accepted or gone, 1 failed, 0 unknown, 0 unsent\n"
    assert.is_truthy(result.stdout:find(sums, 1, true))
    assert.is_truthy(emulator:snapshot(seeded(3)))
  end)

  it("hold.lua keeps what is on hold", function()
    emulator:put {
      { id = "held", project_id = project, name = "h", metadata = { hold = "case 7" } },
      { id = "free", project_id = project, name = "f", metadata = { other = "x" } },
    }

    local held, free = run("hold.lua", { project, "held" }), run("hold.lua", { project, "free" })

    assert.equal(1, held.status)
    assert.is_truthy(held.stdout:find("^Client%.Protected: .*it is on hold: case 7"), held.stdout)
    assert.is_table(emulator:snapshot("held"))
    assert.equal("accepted\n", free.stdout)
    assert.is_nil(emulator:snapshot("free"))
  end)

  it("keep.lua shows what a policy does, and deletes nothing", function()
    local function date(days)
      return os.date("!%Y-%m-%dT%H:%M:%S.000000", os.time() - days * 86400)
    end
    emulator:reset()
    emulator:put {
      { id = "new", project_id = project, volume_id = "v", created_at = date(1) },
      { id = "second", project_id = project, volume_id = "v", created_at = date(40) },
      { id = "backup", project_id = project, volume_id = "v", created_at = date(50),
        name = "autobk_snapshot_1" },
    }
    for i = 1, 9 do
      emulator:put { id = "old" .. i, project_id = project, volume_id = "v",
        created_at = date(60 + i) }
    end

    local result = run("keep.lua", { project })

    assert.equal("", result.stderr)
    assert.is_truthy(result.stdout:find("stays\tnew\tlast 1 of 2, ", 1, true), result.stdout)
    assert.is_truthy(result.stdout:find("spared\tbackup\t", 1, true))
    assert.is_truthy(result.stdout:find("goes\told9\n", 1, true))
    assert.equal(0, emulator:count().DELETE)
  end)

  it("loop.lua carries deletions to their ends, retries among them", function()
    emulator:misbehave { method = "DELETE", contains = seeded(2), status = 503 }

    local result = run("loop.lua", { project, seeded(1), seeded(2), seeded(3) })

    assert.equal("", result.stderr)
    assert.is_truthy(result.stdout:find(seeded(1) .. "\taccepted", 1, true))
    assert.is_truthy(result.stdout:find(seeded(2) .. "\taccepted", 1, true))
    assert.is_truthy(result.stdout:find(seeded(3) .. "\tClient.Protected", 1, true))
    assert.equal(1, result.status)
    assert.equal(3, emulator:count().DELETE)
  end)

  it("client.lua shows a client", function()
    local result = run("client.lua", {})

    assert.equal("", result.stderr)
    assert.is_truthy(result.stdout:find(emulator.endpoint, 1, true))
    assert.is_truthy(result.stdout:find(emulator.ak:sub(-4), 1, true))
  end)

  it("broken.lua lists what is in error, and tells a failure from the end", function()
    emulator:put { id = "b", project_id = project, name = "broken", status = "error" }
    local result = run("broken.lua", { project })
    assert.equal("", result.stderr)
    assert.is_truthy(result.stdout:find("b\tbroken\n", 1, true))

    emulator:misbehave { times = -1, status = 403 }
    result = run("broken.lua", { project })
    assert.equal(1, result.status)
    assert.is_truthy(result.stderr:find("HTTP.403", 1, true))
  end)

  it("unattended.lua plays the server", function()
    local result = run("unattended.lua", {}, nil, {})

    assert.equal("", result.stderr)
    assert.equal("done\ttrue\n", result.stdout)
  end)

  it("disks.lua prints a request that the server accepts and answers with the disks", function()
    local http, ltn12 = require "socket.http", require "ltn12"
    emulator:volumes { { id = "disk", project_id = project } }
    local result = run("disks.lua", { project })
    assert.equal("", result.stderr)

    local url, headers, parts = result.stdout:match('url = "([^"]+)"'), {}, {}
    for name, value in result.stdout:gmatch('header = "([%w-]+): ([^\n]+)"\n') do
      headers[name] = value
    end
    local _, status = http.request { url = url, headers = headers, sink = ltn12.sink.table(parts) }

    assert.equal(200, status)
    assert.is_truthy(table.concat(parts):find('"disk"', 1, true))
  end)

  it("disks.lua takes the region that the README exports", function()
    local result = run("disks.lua", { project }, nil, { HUAWEICLOUD_SDK_REGION = "eu-west-0",
      HUAWEICLOUD_SDK_AK = "a", HUAWEICLOUD_SDK_SK = "s" })

    assert.equal("", result.stderr)
    local url = "https://evs.eu-west-0.myhuaweicloud.com/v2/" .. project .. "/cloudvolumes/"
    assert.is_truthy(result.stdout:find(url, 1, true))
  end)
end)
