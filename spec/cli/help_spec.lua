-- Proves that --help, the man page, completion and docs/operations.md tell the same.

local arguments = require "evs.cli.arguments"
local command = require "spec.support.command"

local COMMANDS = { "list", "show", "delete", "prune", "apply", "resume", "doctor", "emulator" }

local man = command.read("man/evs.1")
local page = command.read("docs/operations.md")

local function help_of(words)
  local result = command.run(words .. " --help")
  assert.equal(0, result.status)
  return result.stdout
end

-- The long options in the list of a help, with the name of their argument or "".
local function options_of(help)
  local options = {}
  for line in help:match("\nOptions:\n(.*)"):gmatch("[^\n]+") do
    local name, argument = line:match("^   .-%-%-([%w-]+) ?([%u|%%=]*)")
    if name then options[name] = argument end
  end
  return options
end

local all = {}
for _, name in ipairs(COMMANDS) do
  for option, argument in pairs(options_of(help_of(name))) do all[option] = argument end
end

describe("the options of evs", function()
  it("are all in the man page, with their arguments, and it has no others", function()
    local told = {}
    for line in man:gmatch("\n%.It Fl ([^\n]+)") do
      local name, argument = line:match("%-([%w-]+) ?A?r? ?(%S*)$")
      told[name] = argument
    end
    told.version = nil -- of evs itself
    assert.same(all, told)
  end)

  it("that docs/operations.md and the README show in commands are those of that command", function()
    local found = 0
    for line in (page .. command.read("README.md")):gmatch("\n    (evs [^\n]+)") do
      local name = line:match("^evs (%l+)")
      local options = options_of(help_of(name))
      for option in line:gmatch("%-%-([%w-]+)") do
        assert.is_string(options[option], line)
        found = found + 1
      end
    end
    assert.is_true(found > 10)
    for option in page:gsub("\n| [^\n]*restic.-\n\n", ""):gmatch("`evs[^`]*%-%-([%w-]+)") do
      assert.is_string(all[option], option)
    end
  end)

  it("are completed in bash and zsh; tools/completion writes both anew", function()
    local parser = arguments.parser()
    assert.equal(parser:get_bash_complete(), command.read("completion/evs.bash"))
    assert.equal(parser:get_zsh_complete(), command.read("completion/evs.zsh"))
  end)
end)

describe("the exit codes and the environment", function()
  local help = help_of("")

  it("are in the help, the man page and docs/operations.md", function()
    local codes = require "evs.cli.failure"
    local count = 1
    for _, code in pairs(codes) do
      if type(code) == "number" then
        count = count + 1
        assert.is_truthy(help:find("\n   " .. code .. "  %l"), code)
        assert.is_truthy(man:find("\n.It " .. code .. "\n", 1, true), code)
        assert.is_truthy(page:find("\n| " .. code .. " | ", 1, true), code)
      end
    end
    assert.equal(6, count)
    for code, text in help:match("\nExit codes:(.*)"):gmatch("\n   (%d)  (%l[^\n(:]+)") do
      assert.is_truthy(man:lower():find("\n.it " .. code .. "\n" .. text:lower():gsub("%s+$", ""),
        1, true), text)
    end
  end)

  it("have the same variables in the help and the man page", function()
    local listed, told = {}, {}
    for name in help:match("\nEnvironment:(.-)\n\n"):gmatch("%f[%w_]([%u][%u_]+[%u])%f[^%w_]") do
      listed[name] = true
    end
    for line in man:gmatch("\n%.It Ev ([^\n]+)") do
      for name in line:gmatch("[%u_]+") do told[name] = true end
    end
    listed.IAM = nil
    assert.same(listed, told)
  end)
end)

describe("evs", function()
  it("tells its version, and what it is for when nothing is asked", function()
    assert.equal("evs " .. require("evs")._VERSION .. "\n", command.run("--version").stdout)
    local result = command.run("")
    assert.equal(2, result.status)
    assert.matches("see evs --help", result.stderr, nil, true)
  end)

  it("is installed by a rock that names every module", function()
    local rockspec = command.read("lua-evs-cli-scm-1.rockspec")
    for _, name in ipairs(COMMANDS) do
      assert.is_truthy(rockspec:find("src/evs/cli/commands/" .. name .. ".lua", 1, true), name)
    end
  end)
end)
