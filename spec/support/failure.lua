--- What must hold of every error, whatever went wrong.

local assert = require "luassert"
local evs = require "evs"

local emulator = require("spec.support.emulator").start()

local failure = {}

local OUTCOMES = { not_sent = true, refused = true, unknown = true, accepted = true }

local TYPES = {
  code = "string", message = "string", status = "number", kind = "string", request_id = "string",
  attempts = "number", outcome = "string", retryable = "boolean",
  hint = "string",
}

local REQUIRED = { "code", "message", "attempts", "outcome", "retryable" }

local SECRETS = { "sk", "temporary_sk", "security_token", "token" }

--- In what `check` expects: the error has no such field.
failure.none = {}

--- Fails when `text` holds a secret of the emulator's keys, or a good part of one.
function failure.assert_no_secret(text)
  for _, name in ipairs(SECRETS) do
    assert.is_nil(text:find(emulator[name]:sub(1, 24), 1, true), name .. " in: " .. text)
  end
end

local function check_fields(err)
  for _, name in ipairs(REQUIRED) do assert.is_not_nil(err[name], name) end
  for name, value in pairs(err) do
    assert.equal(TYPES[name], type(value), "field " .. tostring(name))
    failure.assert_no_secret(tostring(value))
  end
end

--- Checks that `err` is an error as documented, free of secrets, with the `expected` fields.
-- Returns it.
function failure.check(err, expected)
  assert.is_table(err)
  check_fields(err)
  assert.matches("^[%w._-]+$", err.code)
  assert.is_true(#err.code <= 64)
  assert.is_true(err.message ~= "" and #err.message <= 2048)
  assert.is_nil(err.message:find("%c"))
  assert.is_true(OUTCOMES[err.outcome])
  assert.equal(0, err.attempts % 1)
  assert.is_true(evs.is_error(err))
  local text = tostring(err)
  assert.is_truthy(text:find(err.code .. ": " .. err.message .. " (", 1, true))
  assert.equal(err.hint and "; hint: " .. err.hint or err.outcome .. ")",
    text:sub(err.hint and -#err.hint - 8 or -#err.outcome - 1))
  failure.assert_no_secret(text)
  for name, value in pairs(expected or {}) do
    if value == failure.none then value = nil end
    assert.equal(value, err[name], name .. " of " .. text)
  end
  return err
end

return failure
