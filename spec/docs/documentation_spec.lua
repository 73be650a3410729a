-- What is documented exists, and what exists is documented: docs/ and library/ against the code.

local documents = require "spec.support.documents"
local core_probe = require "core_probe"
local evs = require "evs"
local safe = require "evs.safe"
local emulator = require("spec.support.emulator").start()

local read = documents.read
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

-- A section of docs/library.md, which is the reference.
local function section(title)
  return documents.section("docs/library.md", title)
end

local function fields_of(class)
  local head = "%-%-%-@class %(exact%) " .. class:gsub("%.", "%%.") .. "[^\n]*\n"
  local block = library:match(head .. "(.-)\n[^-]")
  return found(assert(block, "no class " .. class) .. "\n", "%-%-%-@field ([%w_]+)%?? ")
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

  it("of evs are in the table of calls, which has no others", function()
    assert.equal(names(functions_of(evs)), names(found(section("Calls"), "`evs%.([%w_]+)%(")))
  end)

  it("of clients and machines are those of their types, and in docs/", function()
    local client = assert(evs.new { region = "ap-southeast-1" })
    local machine = client:start("show_snapshot", "project", "id")

    assert.equal(names(methods_of(client)), names(found(library, "\nfunction Client:([%w_]+)%(")))
    assert.equal(names(methods_of(client)), names(found(section("Calls"), "`client:([%w_]+)%(")))
    assert.equal(names(methods_of(machine)), names(found(library, "\nfunction Machine:([%w_]+)%(")))
    assert.equal(names(methods_of(machine)),
      names(found(documents.section("docs/event-loops.md", "The machine"), "`machine:([%w_]+)%(")))
  end)

  it("of resty.evs's clients are those of their types, and in docs/openresty.md", function()
    local types = read("library/resty/evs.lua")
    local page = documents.section("docs/openresty.md", "Calls")
    local listed = found(page:match("methods of the client: ([^.]+)%."), "`([%w_]+)`")
    assert.equal(names(found(types, "\nfunction Client:([%w_]+)%(")), names(listed))
    assert.equal(names(found(types, "\nfunction evs%.([%w_]+)%(")),
      names(found(page, "`resty%.evs%.([%w_]+)`")))
    local code = found(read("src/resty/evs.lua"), "\nfunction Client:([%l][%w_]+)%(")
    assert.equal(names(code), names(listed))
  end)

  it("have types in valid Lua, which return a table of the same functions", function()
    assert.equal(names(functions_of(evs)), names(functions_of(dofile("library/evs.lua"))))
    assert.is_table(dofile("library/evs/safe.lua"))
  end)
end)

describe("the filters of a list", function()
  local filters = found(read("src/api/api.h"), 'X%([%u_]+, "([%w_]+)"%)')
  filters.marker, filters.offset = nil, nil -- the module's own

  it("are those of the types, and in docs/library.md", function()
    assert.equal(names(filters), names(fields_of("evs.Filter")))
    for name in pairs(filters) do
      assert.is_truthy(section("Calls"):find("`" .. name .. "`", 1, true), name)
    end
  end)
end)

describe("the headers that may be added", function()
  it("are those of the types, and in docs/library.md", function()
    local text = section("headers")
    local list = read("src/lua/headers.c"):match("names%[%] = {(.-)};")
    local known, typed = found(list, '"([%w-]+)"'), fields_of("evs.Headers")
    local class = library:match("%-%-%-@class %(exact%) evs.Headers\n(.-)\n\n")
    for name in class:gmatch('%["([%w-]+)"%]') do typed[name] = true end
    assert.equal(names(known), names(typed))
    for name in pairs(known) do assert.is_truthy(text:find("`" .. name .. "`", 1, true), name) end
  end)
end)

describe("the options", function()
  local options = core_probe.options()
  local of_new, of_calls, of_batches = {}, {}, {}
  local places = { new = of_new, call = of_calls, batch = of_batches }
  for name, option in pairs(options) do
    local place = places[option.at]
    place[name] = true
  end

  -- The line of a field, without its type's name.
  local function field(name)
    return assert(library:match("%-%-%-@field " .. name .. "%? %S+ ([^\n]+)"), name)
  end

  local function row(name)
    return assert(("\n" .. section("Options")):match("\n(| [^|]*`" .. name .. "`[^\n]+)"), name)
  end

  it("are told by the module", function()
    assert.is_true(of_new.endpoint and of_calls.timeout and of_batches.rate)
  end)

  it("are those of the types, sorted into options of calls, of batches and of clients", function()
    assert.equal(names(of_batches), names(fields_of("evs.BatchOptions")))
    local of_clients, of_libcurl = fields_of("evs.ClientOptions"), fields_of("evs.Options")
    for name in pairs(of_libcurl) do of_clients[name] = true end
    assert.equal(names(of_new), names(of_clients))
    assert.equal("ca_file proxy", names(of_libcurl)) -- which resty.evs refuses
    assert.equal(names(of_calls), names(fields_of("evs.CallOptions")))
  end)

  it("are those of the table in docs/library.md, which says where each belongs", function()
    for word, wanted in pairs { new = of_new, call = of_calls, batch = of_batches } do
      local listed = {}
      for cell in section("Options"):gmatch("\n| (`[^|]-`) | " .. word .. " |") do
        for name in cell:gmatch("`([^`]+)`") do listed[name] = true end
      end
      assert.equal(names(wanted), names(listed), word)
    end
  end)

  it("have the text that the types tell", function()
    for name, option in pairs(options) do
      if option.kind ~= "function" then
        assert.is_truthy(field(name):find(option.text, 1, true), name .. ": " .. field(name))
      end
    end
  end)

  it("have the defaults that docs/library.md and types tell", function()
    for name, option in pairs(options) do
      local value = option.default
      if value and option.kind == "boolean" then
        value = tostring(value == 1)
      elseif value and option.kind == "wait" then
        value = "false"
      elseif value and (value < option.least or value > option.most) then
        value = option.kind == "rate" and "0" or "none"
      elseif value then
        value = ("%d"):format(value)
      end
      if value then
        assert.equal(value, row(name):match("^| [^|]+ | %l+ | [^|]+ | (%w+)"), name)
        assert.equal(value, field(name):match("%(default (%w+)%)"), name)
      end
    end
  end)

  it("have the ranges that docs/library.md and types tell", function()
    for _, name in ipairs { "retries", "concurrency" } do
      local range = ("%d to %d"):format(options[name].least, options[name].most)
      assert.is_truthy(row(name):find(range, 1, true), name)
      assert.is_truthy(field(name):find(range, 1, true), name)
    end
  end)

  it("take what is in their range, and nothing else: the message shows the value", function()
    for name, option in pairs(options) do
      local most = option.most
      if most and option.kind ~= "boolean" then
        local function new(value)
          return evs.new { endpoint = "https://a.example", ak = "a", sk = "b", [name] = value }
        end
        assert(new(most))
        for _, value in ipairs { most + 1, -1, 0 / 0, 1 / 0 } do
          local client, err = new(value)
          assert.is_nil(client)
          assert.equal("Client.InvalidArgument", err.code)
          assert.is_truthy(err.message:find("option '" .. name .. "' must be", 1, true))
        end
      end
    end
    local _, err = evs.new { retries = 101 }
    assert.equal("option 'retries' must be a whole number from 0 to 100; it is 101", err.message)
  end)
end)

describe("the fields that pages list", function()
  -- The names in backticks in the first column of a section's table with that head.
  local function listed(text, head)
    local set = {}
    local rows = assert(text:match("\n| " .. head .. " | |\n|%-%-%-|%-%-%-|(.-)\n\n"), head)
    for cell in rows:gmatch("\n| (`[^|]-`) |") do
      for name in cell:gmatch("`([^`]+)`") do set[name] = true end
    end
    return set
  end

  it("of a policy are those of its type", function()
    local types = read("library/evs/retention.lua")
    local block = types:match("@class %(exact%) evs%.Policy\n(.-)\n\n")
    assert.equal(names(found(block .. "\n", "%-%-%-@field ([%w_]+)%?? ")),
      names(listed(section("Retention"), "field of a policy")))
  end)

  it("of an attempt are those of its type", function()
    assert.equal(names(fields_of("evs.Attempt")),
      names(listed(section("on_attempt"), "field of an attempt")))
  end)

  it("of a machine's request are those of its type", function()
    local page = documents.section("docs/event-loops.md", "The machine")
    assert.equal(names(fields_of("evs.Request")), names(listed(page, "field of a request")))
  end)

  it("of a request to sign are those of its type", function()
    assert.equal(names(fields_of("evs.SignRequest")),
      names(listed(section("Signing other requests"), "field of the request")))
  end)
end)

describe("the errors", function()
  local codes = found(read("src/base/error.h"), '"(Client%.%a+)"%)')

  it("have codes that docs/library.md and types list, and no others", function()
    assert.is_true(codes["Client.Timeout"])
    assert.equal(names(codes), names(found(section("Errors"), "| `(Client%.%a+)` |")))
    assert.equal(names(codes), names(found(library, "%-%-%- %* `(Client%.%a+)`:")))
  end)

  it("are called by codes that exist, in pages, types and examples", function()
    local all = "*.md docs/*.md library/*.lua library/*/*.lua examples/*"
    for _, file in ipairs(documents.files(all)) do
      for name in pairs(found(read(file), "(Client%.%u%a+)")) do
        assert.is_true(codes[name], file .. ": " .. name)
      end
    end
  end)

  it("have the outcomes that README, docs/library.md and types list", function()
    local text = read("src/base/error.c"):match('texts%[%] = {("not_sent"[^}]*)}')
    local outcomes = found(text, '"([%w_]+)"')

    for name in pairs(outcomes) do
      for _, page in ipairs { section("Outcomes"), documents.section("README.md", "Errors") } do
        assert.is_truthy(page:find("\n| `" .. name .. "` |", 1, true), name)
      end
      assert.is_truthy(library:find("--- * `" .. name .. "`:", 1, true), name)
    end
  end)

  it("have the fields of their type, which docs/library.md lists", function()
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
  it("has no variable that docs/library.md does not name", function()
    for name in read("src/client/environment.c"):gmatch('"(%u[%u_]+)[%%"]') do
      assert.is_truthy(section("Keys and region"):find(name, 1, true), name)
    end
  end)
end)
