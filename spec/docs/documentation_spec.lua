-- What is documented exists, what exists is documented, and the README's scripts run.

local evs = require "evs"
local safe = require "evs.safe"
local emulator = require("spec.support.emulator").start()
local process = require "spec.support.process"

local function read(name)
  local file = assert(io.open(name))
  local text = file:read("*a")
  file:close()
  return text
end

local readme = read("README.md")
local library = read("library/evs.lua")
local safe_library = read("library/evs/safe.lua")

-- The sorted names in a set, as text that shows what differs.
local function names(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, " ")
end

local function found(text, pattern)
  local set = {}
  for name in text:gmatch(pattern) do set[name] = true end
  return set
end

local function functions_of(object)
  local set = {}
  for name, value in pairs(object) do
    if type(value) == "function" then set[name] = true end
  end
  return set
end

local function methods_of(object)
  return functions_of(getmetatable(object).__index)
end

-- The README from one heading to the next of that level.
local function section(title)
  local text = (readme .. "\n## "):match("\n## " .. title .. "\n(.-)\n## ")
  return assert(text, "the README has no section " .. title)
end

-- The names in backticks in the first column of a text's table rows.
local function first_column(text)
  local set = {}
  for cell in ("\n" .. text):gmatch("\n| (`[^|]-`) |") do
    for name in cell:gmatch("`([^`]+)`") do set[name] = true end
  end
  return set
end

local function fields_of(class)
  local block = library:match("%-%-%-@class " .. class:gsub("%.", "%%.") .. "[^\n]*\n(.-)\n[^-]")
  return found(assert(block, "no class " .. class) .. "\n", "%-%-%-@field ([%w_]+)%?? ")
end

local function union(one, other)
  local set = {}
  for name in pairs(one) do set[name] = true end
  for name in pairs(other) do set[name] = true end
  return set
end

describe("the functions", function()
  it("of evs are those of its types", function()
    assert.equal(names(functions_of(evs)), names(found(library, "\nfunction evs%.([%w_]+)%(")))
  end)

  it("of evs.safe are those of evs, and its types declare no others", function()
    assert.equal(names(functions_of(evs)), names(functions_of(safe)))
    for name in pairs(found(safe_library, "\nfunction safe%.([%w_]+)%(")) do
      assert.is_function(safe[name], name)
    end
  end)

  it("of evs are in the README's table of calls, which has no others", function()
    assert.equal(names(functions_of(evs)), names(found(section("Calls"), "`evs%.([%w_]+)%(")))
  end)

  it("of clients and machines are those of their types, and in the README", function()
    local client = assert(evs.new { region = "ap-southeast-1" })
    local machine = client:start("show_snapshot", "project", "id")

    assert.equal(names(methods_of(client)), names(found(library, "\nfunction Client:([%w_]+)%(")))
    assert.equal(names(methods_of(client)), names(found(section("Calls"), "`client:([%w_]+)%(")))
    assert.equal(names(methods_of(machine)), names(found(library, "\nfunction Machine:([%w_]+)%(")))
    assert.equal(names(methods_of(machine)),
      names(found(section("Other event loops"), "`machine:([%w_]+)%(")))
  end)

  it("have types in valid Lua, which return a table of the same functions", function()
    assert.equal(names(functions_of(evs)), names(functions_of(dofile("library/evs.lua"))))
    assert.is_table(dofile("library/evs/safe.lua"))
  end)
end)

describe("the filters of a list", function()
  local filters = found(read("src/call/list.h"), 'X%([%u_]+, "([%w_]+)"%)')
  filters.marker, filters.offset = nil, nil -- the module's own

  it("are those of the types, and in the README", function()
    assert.equal(names(filters), names(fields_of("evs.Filter")))
    for name in pairs(filters) do
      assert.is_truthy(section("Calls"):find("`" .. name .. "`", 1, true), name)
    end
  end)
end)

describe("the options", function()
  local of_new, of_calls, of_batches, defaults = {}, {}, {}, read("src/call/client.c")
  local places = { NEW = of_new, CALL = of_calls, BATCH = of_batches }
  for name, at in read("src/lua/options.c"):gmatch('{"([%w_]+)", [A-Z]+, EVS_AT_(%u+), ') do
    local place = places[at]
    place[name] = true
  end

  it("are found in the source", function()
    assert.is_true(of_new.endpoint and of_calls.timeout and of_batches.rate)
  end)

  it("are those of the types, sorted into options of calls, of batches and of clients", function()
    assert.equal(names(of_batches), names(fields_of("evs.BatchOptions")))
    assert.equal(names(of_new), names(fields_of("evs.Options")))
    assert.equal(names(of_calls), names(fields_of("evs.CallOptions")))
  end)

  it("are those of the README's table", function()
    assert.equal(names(union(union(of_new, of_calls), of_batches)),
      names(first_column(section("Options"))))
  end)

  it("have the defaults that README and types tell", function()
    for _, name in ipairs { "timeout", "attempt_timeout", "retries", "connect_timeout",
      "concurrency" } do
      local value = assert(defaults:match("%." .. name .. " = (%d+)"), name)
      assert.equal(value, section("Options"):match("| `" .. name .. "` | [^|]+ | (%d+) |"), name)
      assert.equal(value, library:match("@field " .. name .. "%?[^\n]*%(default (%d+)%)"), name)
    end
  end)
end)

describe("the errors", function()
  local codes = found(read("src/base/error.h"), '"(Client%.%a+)"%)')

  it("have codes that README and types list, and no others", function()
    assert.is_true(codes["Client.Timeout"])
    assert.equal(names(codes), names(found(section("Errors"), "| `(Client%.%a+)` |")))
    assert.equal(names(codes), names(found(library, "%-%-%- %* `(Client%.%a+)`:")))
  end)

  it("are called by codes that exist wherever README and types name one", function()
    for name in pairs(union(found(readme, "(Client%.%a+)"), found(library, "(Client%.%a+)"))) do
      assert.is_true(codes[name], name)
    end
  end)

  it("have the outcomes that README and types list", function()
    local text = read("src/base/error.c"):match('texts%[%] = {("not_sent"[^}]*)}')
    local outcomes = found(text, '"([%w_]+)"')

    for name in pairs(outcomes) do
      assert.is_truthy(section("Errors"):find("| `" .. name .. "` |", 1, true), name)
      assert.is_truthy(library:find("--- * `" .. name .. "`:", 1, true), name)
    end
  end)

  it("have the fields of their type, which the README lists", function()
    emulator:reset()
    local client = assert(safe.new { endpoint = emulator.endpoint, ak = emulator.ak,
      sk = emulator.sk })
    local _, err = client:delete_snapshot(emulator.project_id, "missing")
    local fields = {}
    for name in pairs(err) do fields[name] = true end

    assert.equal(names(fields), names(fields_of("evs.Error")))
    for name in pairs(fields) do
      assert.is_truthy(section("Errors"):find("\n| `" .. name .. "` |", 1, true), name)
    end
  end)
end)

describe("the environment", function()
  it("has no variable that the README does not name", function()
    for name in read("src/call/environment.c"):gmatch('"(%u[%u_]+)[%%"]') do
      assert.is_truthy(section("Keys and region"):find(name, 1, true), name)
    end
  end)
end)

describe("the README's scripts", function()
  local scripts, order = {}, {}
  for text in readme:gmatch("\n```lua\n(.-\n)```\n") do
    local name = text:match("^%-%- ([%w_]+%.lua)\n") or "without a name"
    scripts[name], order[#order + 1] = text, name
  end

  local project = emulator.project_id
  local seeded = function(number) return ("e5e5e5e5-0000-4000-8000-%012d"):format(number) end

  -- Runs a script by its name with arguments, and with lines to read.
  local function run(name, arguments, lines)
    local quoted, input = {}, os.tmpname()
    local file = assert(io.open(input, "w"))
    file:write(lines or "")
    file:close()
    for i, argument in ipairs(arguments) do quoted[i] = ("%q"):format(argument) end
    local result = process.run(
      ("arg = { %s }\nio.input(%q)\n%s"):format(table.concat(quoted, ", "), input, scripts[name]),
      { HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk,
        EVS_ENDPOINT = emulator.endpoint })
    os.remove(input)
    return result
  end

  before_each(function() emulator:reset(true) end)

  it("are these", function()
    assert.equal("delete.lua nightly.lua sweep.lua loop.lua disks.lua", table.concat(order, " "))
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
    for i, expected in ipairs { "accepted", "accepted", "Client.Protected", "accepted" } do
      local line = "\n" .. ids[i] .. "\t" .. expected
      assert.is_truthy(("\n" .. result.stdout):find(line, 1, true), line)
    end
    assert.is_truthy(result.stdout:find("\n3 accepted, 1 failed, 0 unknown, 0 unsent\n", 1, true))
    assert.is_truthy(emulator:snapshot(seeded(3)))
  end)

  it("loop.lua carries deletions to their ends, retries among them", function()
    emulator:misbehave { method = "DELETE", contains = seeded(2), status = 503 }

    local result = run("loop.lua", { project, seeded(1), seeded(2), seeded(3) })

    assert.equal("", result.stderr)
    assert.is_truthy(result.stdout:find(seeded(1) .. "\taccepted", 1, true))
    assert.is_truthy(result.stdout:find(seeded(2) .. "\taccepted", 1, true))
    assert.is_truthy(result.stdout:find(seeded(3) .. "\tClient.Protected", 1, true))
    assert.equal(3, emulator:count().DELETE)
  end)

  it("disks.lua prints a request whose signature the server accepts", function()
    local http = require "socket.http"
    local result = run("disks.lua", { project })
    assert.equal("", result.stderr)

    local url = result.stdout:match('url = "([^"]+)"')
    local headers = {}
    for name, value in result.stdout:gmatch('header = "([%w-]+): ([^\n]+)"\n') do
      headers[name] = value
    end
    assert(http.request { url = url, headers = headers })

    local request = emulator:log()[1]
    assert.equal("/v2/" .. project .. "/cloudvolumes/detail?limit=10", request.uri)
    assert.is_true(request.authenticated)
  end)
end)

describe("examples/delete_snapshot.lua", function()
  local project = emulator.project_id

  local function run(...)
    local quoted = {}
    for i, argument in ipairs { ... } do quoted[i] = ("%q"):format(argument) end
    return process.run(("arg = { [0] = 'delete_snapshot.lua', %s }\n%s"):format(
      table.concat(quoted, ", "), read("examples/delete_snapshot.lua")),
      { HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk,
        EVS_ENDPOINT = emulator.endpoint })
  end

  before_each(function() emulator:reset(true) end)

  it("deletes, waits, and ends with 0", function()
    local result = run(project, emulator.snapshot_id, "--wait", "20")

    assert.equal("", result.stderr)
    assert.equal(emulator.snapshot_id .. ": gone\n", result.stdout)
    assert.equal(0, result.status)
  end)

  it("ends with 0 for a missing one only with --ignore-missing", function()
    assert.equal(1, run(project, emulator.missing_id).status)
    assert.equal(0, run(project, emulator.missing_id, "--ignore-missing").status)
  end)

  it("ends with 1 for a backup's, which --no-guard deletes", function()
    assert.equal(1, run(project, emulator.backup_id).status)
    assert.is_truthy(emulator:snapshot(emulator.backup_id))
    assert.equal(0, run(project, emulator.backup_id, "--no-guard").status)
    assert.is_nil(emulator:snapshot(emulator.backup_id))
  end)

  it("ends with 2 for a wrong command line", function()
    assert.equal(2, run(project).status)
    assert.equal(2, run(project, "id", "--wait=soon").status)
    assert.equal(0, #emulator:log())
  end)

  it("ends with 3 when the deletion may have happened", function()
    emulator:misbehave { method = "DELETE", status = 200, html = true }

    assert.equal(3, run(project, emulator.snapshot_id).status)
  end)
end)
