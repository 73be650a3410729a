-- Proves what the emulator is as a process: its ports, its end, its home.

local socket = require "socket"

local emulator = require("spec.support.emulator").start()

before_each(function() emulator:reset() end)

describe("the TLS ports", function()
  -- What OpenSSL makes of a port's certificate, checked against ca.crt for "localhost".
  local function verify(endpoint)
    local host, port = endpoint:match("//(.*):(%d+)$")
    local pipe = io.popen(("openssl s_client -connect 127.0.0.1:%s -servername %s -CAfile '%s' "
      .. "-verify_hostname %s </dev/null 2>&1"):format(port, host, emulator.ca_file, host))
    local text = pipe:read("*a")
    pipe:close()
    return text:match("Verif[%w ]+: ([^\n]+)")
  end

  it("have one good certificate, and one for each way of being bad", function()
    assert.equal("OK", verify(emulator.tls_endpoint))
    assert.equal("certificate has expired", verify(emulator.expired_endpoint))
    assert.matches("ostname mismatch", verify(emulator.wrong_host_endpoint))
    assert.matches("self.signed certificate", verify(emulator.untrusted_endpoint))
  end)
end)

describe("the process", function()
  -- What a command prints on both its outputs.
  local function output_of(command)
    local pipe = io.popen(command .. " 2>&1")
    local text = pipe:read("*a")
    pipe:close()
    return text
  end

  -- Lets a shell start an emulator and die, once it is there, without a word to it.
  local function started_by(start)
    return output_of(("sh -c '%s --parent $$ & sleep 1; kill -9 $$'"):format(start))
  end

  it("ends with its parent and leaves nothing behind", function()
    local text = started_by("spec/emulator/start")
    local directory = text:match("directory=(%S+)")
    assert.matches("ready", text)
    assert.is_nil(io.open(directory .. "/nginx.conf"))
  end)

  it("ends with its parent even while nobody has asked how that ended", function()
    -- `sleep 8` takes the shell's place, and does not ask for the end of the shell's `sleep 1`.
    local began = socket.gettime()
    local text = output_of("sh -c 'echo pid $$; sleep 1 & spec/emulator/start --parent $! & "
      .. "exec sleep 8 >/dev/null 2>&1' &")
    os.execute("kill " .. text:match("pid (%d+)"))
    assert.matches("\nready\n", text)
    assert.is_true(socket.gettime() - began < 5)
  end)

  it("prints a line for a shell to evaluate, which has what scripts look for", function()
    local words = output_of([[
      facts=$(mktemp)
      spec/emulator/start --parent $$ >"$facts" &
      until grep -qx ready "$facts"; do sleep 0.05; done
      eval "$(grep '^export ' "$facts")"
      cat "$facts"
      sh -c 'echo "$EVS_ENDPOINT $EVS_CA_FILE $HUAWEICLOUD_SDK_AK $HUAWEICLOUD_SDK_SK"'
      rm "$facts"
      kill $!]])
    local expected = {}
    for i, name in ipairs { "tls_endpoint", "ca_file", "ak", "sk" } do
      expected[i] = words:match("\n" .. name .. "=([^\n]+)")
    end
    assert.equal(4, #expected)
    assert.equal(table.concat(expected, " "), words:match("\nready\n([^\n]+)"))
  end)

  it("runs from a copy of its folder, whatever its name, and from a link", function()
    local folder = output_of("mktemp -d"):match("%S+")
    output_of(("cp -r spec/emulator '%s/my evs' && ln -s 'my evs/start' '%s/evs'"):format(
      folder, folder))
    local text = started_by(folder .. "/evs")
    output_of("rm -r " .. folder)
    assert.matches("\nready\n", text)
  end)
end)
