-- Proves the progress bar: it fits its width, says as much as there is room for, and grows.

local bar = require "evs.cli.bar"
local command = require "spec.support.command"
local process = require "spec.support.process"
local terminal = require "evs.cli.terminal"

local emulator = command.emulator

local function text(width, changes)
  local progress = { done = 2500, total = 5000, failed = 3, seconds = 25 }
  for name, value in pairs(changes or {}) do progress[name] = value end
  return bar.text(progress, width)
end

describe("the bar", function()
  it("says all there is to say where there is room", function()
    assert.equal("[####################--------------------] 2500/5000  100/s  3 failed  0:25 left",
      text(81))
    assert.equal("[####-----] 2500/5000  100/s  3 failed", text(39))
    assert.equal("[####-----] 2500/5000", text(22))
    assert.equal("[######-------] 50%", text(20))
    assert.equal("2500/5000", text(11))
    assert.equal("50%", text(5))
  end)

  it("fits every width, at every point, and shows no more than is done", function()
    for width = 1, 200 do
      for done = 0, 5000, 250 do
        for _, seconds in ipairs { 0, 1, 100000 } do
          local shown = text(width, { done = done, seconds = seconds })
          assert.is_true(#shown < width or #shown == 0, width .. ": " .. shown)
          local _, filled = shown:gsub("#", "")
          local _, empty = shown:gsub("%-", "")
          if filled + empty > 0 then
            assert.equal(math.floor((filled + empty) * done / 5000), filled)
          end
        end
      end
    end
  end)

  it("does without a total, and with none to do", function()
    assert.equal("2500  100/s  3 failed", bar.text({ done = 2500, failed = 3, seconds = 25 }, 80))
    assert.matches("0/0", bar.text({ done = 0, total = 0, failed = 0, seconds = 0 }, 80), nil, true)
  end)
end)

describe("text for a terminal", function()
  it("has no control characters, of one byte or of two", function()
    assert.equal("a\\x00\\x1b[31m\\x7f\\xc2\\x9bé", terminal.escape("a\0\27[31m\127\194\155é"))
    assert.equal("a\\x0ab", terminal.word("a\nb"))
    assert.equal("-", terminal.word(nil))
    assert.equal("-", terminal.word(""))
  end)

  it("is as wide as it looks", function()
    assert.equal(3, terminal.columns("né-"))
    assert.equal("é  ", terminal.pad("é", 3))
  end)
end)

describe("on a terminal, a run", function()
  -- What evs shows on a terminal of so many columns, which util-linux's script makes.
  local function shown(words, columns)
    local interpreter, program = command.file("interpreter"), command.file("program.lua")
    command.write(interpreter, process.interpreter())
    command.write(program, ("arg = { [0] = 'evs', %s }\nos.exit(require('evs.cli').main(arg))")
      :format(words))
    return process.run(("os.execute %q"):format(("script -qec 'stty cols %d; TERM=vt100 sh %s %s' "
      .. "/dev/null"):format(columns, interpreter, program)), {
      EVS_ENDPOINT = emulator.endpoint, HUAWEICLOUD_SDK_AK = emulator.ak,
      HUAWEICLOUD_SDK_SK = emulator.sk, HUAWEICLOUD_SDK_PROJECT_ID = emulator.project_id,
      XDG_RUNTIME_DIR = command.folder }).stdout
  end

  it("has a bar that fits, drawn anew in its line, and other lines for failures alone", function()
    emulator:reset()
    emulator:put { { id = "a" }, { id = "b" } }
    local seen = shown("'delete', 'a', 'b', 'missing'", 30)
    assert.matches("\r%[#+%-*%] 3/3[^\n]*\27%[K", seen)
    assert.matches("missing", seen, 1, true)
    assert.is_nil(seen:find("accepted  a", 1, true))
    assert.matches("2 accepted, 0 gone, 1 failed, 0 unknown, 0 unsent", seen, 1, true)
    for drawn in seen:gmatch("\r([^\r\n\27]*)\27%[K") do
      assert.is_true(#drawn < 30, drawn)
    end
  end)
end)
