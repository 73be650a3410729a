-- Proves that the emulator's certificates are made, or that it is said what failed.

local STEPS = 6

-- In front of openssl: step number `fails` does what OpenSSL 3.5 does with a negative number of
-- days, it leaves an empty file and an error.
local OPENSSL = [[
#!/bin/sh
case $* in *-help) exec "$OPENSSL" "$@" ;; esac
echo >>"$0.steps"
if [ "$(($(wc -l <"$0.steps")))" != "$FAILS" ]; then exec "$OPENSSL" "$@"; fi
while [ "$1" != -out ]; do shift; done
: >"$2"
echo "x509: end date before start date" >&2
exit 1
]]

-- Makes certificates in a folder of their own; returns the exit code and all that was said.
local function make(fails)
  local script = ([[
    directory=$(mktemp -d)
    mkdir "$directory/bin" "$directory/made"
    cat >"$directory/bin/openssl" <<'END'
%sEND
    chmod +x "$directory/bin/openssl"
    export FAILS=%d OPENSSL="$(command -v openssl)"
    PATH="$directory/bin:$PATH" spec/emulator/certificates "$directory/made" 2>&1
    echo "status $?"
    grep -c . "$directory"/made/*.crt
    rm -rf "$directory"]]):format(OPENSSL, fails)
  local pipe = io.popen(script)
  local text = pipe:read("*a")
  pipe:close()
  return tonumber(text:match("status (%d+)")), text
end

describe("the certificates", function()
  it("are made, one by one, without a word", function()
    local status, text = make(0)
    assert.equal(0, status, text)
    assert.matches("^status 0\n", text)
    local _, full = text:gsub("%.crt:[1-9]", "")
    assert.equal(5, full, text)
  end)

  it("end with the first step that fails, and tell why", function()
    for step = 1, STEPS do
      local status, text = make(step)
      assert.equal(1, status, text)
      assert.matches("end date before start date", text)
    end
    assert.equal(0, (make(STEPS + 1)))
  end)
end)
