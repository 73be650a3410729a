-- Proves evs emulator: what make install has put under a prefix starts from there, prints what a
-- client needs, and ends at TERM; the sources start their own.

local command = require "spec.support.command"
local process = require "spec.support.process"

local VARIANT = os.getenv("EVS_SPEC_VARIANT") or "5.4"

local prefix = command.folder .. "/prefix"

-- Installs what was built, as it is: -o takes a file for new.
local INSTALL = ("make -s LUA=%s PREFIX='%s' -o build/%s/evs.so -o build/%s/evs/cli/system.so "
  .. "install; echo code $?"):format(VARIANT, prefix, VARIANT, VARIANT)

-- What a shell prints, on both its outputs.
local function output_of(script)
  local pipe = assert(io.popen("{ " .. script .. "\n} 2>&1"))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

local function name(text, what) return text:match("\n" .. what .. "=(%S+)") end

-- Starts `program` until it is ready, and ends that process by TERM; all that it printed, the code
-- of its end, and whether its folder is gone.
local SCRIPT = process.preload() .. [[
: >%s/out
%s >>%s/out 2>&1 &
process=$!
until grep -qx ready %s/out; do kill -0 $process || break; sleep 0.05; done
kill -TERM $process; wait $process; code=$?
cat %s/out; echo "code $code"]]

local function try(program)
  local folder = command.folder
  return "\n" .. output_of(SCRIPT:format(folder, program, folder, folder, folder))
end

local function assert_emulator(text)
  assert.matches("^http://127.0.0.1:%d+$", name(text, "endpoint") or text)
  assert.matches("\nready\ncode 0\n$", text)
  assert.is_nil(io.open(name(text, "directory") .. "/nginx.conf"))
end

describe("evs emulator", function()
  local variables = "env -u LUA_PATH -u LUA_CPATH "

  setup(function()
    local said = output_of(INSTALL)
    assert.matches("code 0\n$", said)
  end)

  it("starts from where it was installed, prints its lines, and ends at TERM", function()
    assert_emulator(try(variables .. prefix .. "/bin/evs emulator"))
  end)

  it("takes a port, and starts from a link and another folder, too", function()
    local text = try("cd / && exec " .. variables .. prefix .. "/bin/evs emulator --port 18181")
    assert.equal("http://127.0.0.1:18181", name(text, "endpoint"))
    assert_emulator(text)
    assert_emulator(try(variables .. prefix .. "/bin/evs-emulator"))
  end)

  it("is found by a link to the command in another folder, too", function()
    local link = command.folder .. "/link"
    assert.equal("", output_of(("ln -sf prefix/bin/evs '%s'"):format(link)))
    assert_emulator(try(variables .. link .. " emulator"))
  end)

  it("starts the one of the sources in their folder", function()
    local interpreter = command.read(prefix .. "/bin/evs"):match("^#!/usr/bin/env (%S+)")
    assert_emulator(try(interpreter .. " bin/evs emulator"))
  end)

  it("says where it looked when it is not there, and refuses what is no port", function()
    local result = command.run("emulator")
    assert.equal(1, result.status)
    assert.matches("no emulator: there is neither ./../share", result.stderr, nil, true)
    for words, said in pairs { ["--port 0"] = '"0" is no port', ["--tls-port x"] = '"x" is no port',
      ["--parent me"] = '"me" is no whole', ["--metadata-listen 80;"] = '"80;" is no address' } do
      result = command.run("emulator " .. words)
      assert.equal(2, result.status)
      assert.matches(said, result.stderr, nil, true)
    end
  end)
end)
