-- Proves that the emulator's README names what can be told, and that its CI job runs.

local process = require "spec.support.process"

local emulator = require("spec.support.emulator").start()

local function read(name)
  local file = assert(io.open(name))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(name, text)
  local file = assert(io.open(name, "w"))
  assert(file:write(text))
  file:close()
end

local readme = read("spec/emulator/README.md")

local function names(word)
  return readme:find("`" .. word .. "`", 1, true) ~= nil
end

before_each(function() emulator:reset() end)

describe("the README", function()
  it("names all facts, settings and ids of the demonstration set", function()
    local known = emulator:call("GET", "")
    for _, group in ipairs { "facts", "settings", "seed" } do
      for name in pairs(known[group]) do assert.is_true(names(name), name) end
    end
  end)

  it("names all words that a setting may have", function()
    local seen = 0
    for name, value in pairs(emulator:call("GET", "").settings) do
      if type(value) == "string" then
        local _, problem = pcall(emulator.settings, emulator, { [name] = "no such word" })
        for word in tostring(problem):match("must be one of: ([%w_, ]+)"):gmatch("[%w_]+") do
          assert.is_true(names(word), name .. " " .. word)
          seen = seen + 1
        end
      end
    end
    assert.is_true(seen > 20)
  end)

  it("names all files", function()
    local pipe = io.popen("cd spec/emulator && ls *.lua")
    for file in pipe:lines() do
      if not file:find("_spec%.lua$") and file ~= "worker.lua" then
        assert.is_true(names(file), file)
      end
    end
    pipe:close()
  end)

  it("has a CI job that runs with a copy of the emulator", function()
    local pipe = io.popen("mktemp -d")
    local folder = pipe:read("*l")
    pipe:close()
    write(folder .. "/lua", "#!/bin/sh\n"
      .. process.interpreter():gsub("%$PWD", (os.getenv("PWD"):gsub("%%", "%%%%"))))
    write(folder .. "/cleanup.lua", readme:match("\n```lua\n(.-)```\n"))
    write(folder .. "/job.sh", (readme:match("\n```sh\n(.-)```\n")
      :gsub("/usr/local/share", folder .. "/share")))
    local command = ("mkdir -p %s/share/lua-evs && cp -r spec/emulator %s/share/lua-evs/emulator "
      .. "&& cd %s && chmod +x lua && PATH=$PWD:$PATH sh ./job.sh 2>&1"):gsub("%%s", folder)
    pipe = io.popen(command)
    local text = pipe:read("*a")
    pipe:close()
    os.execute("rm -r " .. folder)
    assert.equal("cleanup.lua: well\n", text)
  end)
end)
