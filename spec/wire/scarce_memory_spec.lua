-- Proves that when an allocation of the module's own fails, any one of them, a call ends with an
-- error or does without, and never with a crash or a lie; the client is fit for the next call.

-- Sanitizers and valgrind have their own allocators; the code is the same whichever Lua there is.
if os.getenv("EVS_SPEC_VARIANT") ~= "5.4" then return end

local emulator = require("spec.support.emulator").start()
local process = require "spec.support.process"

-- Does the job once for each allocation that it makes, which then fails, and once without; prints
-- what came of it.
local SCRIPT = [[
  local core_probe = require "core_probe"
  local evs = require "evs"
  local socket = require "socket"
  local project = "$project"
  local options = { endpoint = "$endpoint", ak = "$ak", sk = "$sk", guard = false, retries = 0,
    connect_timeout = 0.2 }

  local function word_of(ran, result, err)
    if not ran then return tostring(result):match("%a[%a ]* memory$") or tostring(result) end
    if result == nil then result = err end
    if evs.is_error(result) then return result.code .. " " .. result.outcome end
    return type(result) == "table" and "table" or tostring(result)
  end

  for number = 1, 1000 do
    local client = assert(evs.new(options))
    core_probe.scarce_memory(number)
    local word = word_of(pcall(function() $job end))
    local count = core_probe.scarce_memory(0)
    print(number, word)
    local began = socket.gettime()
    assert(client:delete_snapshot(project, "again") == true)
    -- What the job held, its place at the unproven key above all, is nobody's any more.
    assert(socket.gettime() - began < 3, "the next call waited")
    collectgarbage()
    client:close()
    if count < number then os.exit(0) end
  end
]]

local shim

setup(function()
  shim = os.tmpname()
  assert(os.execute(("${CC:-cc} -shared -fPIC -O1 -o %s.so spec/support/scarce_memory.c -ldl")
    :format(shim)))
end)
teardown(function() os.execute(("rm -f %s %s.so"):format(shim, shim)) end)

-- What became of the job each time; the last time, when nothing failed, it came to `result`.
local function outcomes_of(job, result)
  emulator:reset()
  emulator:call("POST", "settings", { any_snapshot = true })
  local values = { project = emulator.project_id, endpoint = emulator.endpoint, ak = emulator.ak,
    sk = emulator.sk, job = job }
  local run = process.run(SCRIPT:gsub("%$(%a+)", values), { LD_PRELOAD = shim .. ".so" })
  assert.equal("", run.stderr)
  assert.equal(0, run.status)
  local outcomes = {}
  for number, word in run.stdout:gmatch("(%d+)\t([^\n]+)\n") do
    outcomes[tonumber(number)] = word
  end
  assert.is_true(#outcomes > 5, run.stdout)
  assert.equal(result, table.remove(outcomes))
  return outcomes
end

local FAILURES = {
  ["not enough memory"] = true, ["out of memory"] = true, ["Client.Stopped not_sent"] = true,
  ["Client.Connect not_sent"] = true, ["Client.Timeout not_sent"] = true,
  ["Client.BadResponse not_sent"] = true, -- it cannot be kept whole
}

describe("memory that ends", function()
  for what, job in pairs {
    ["evs.new"] = { [[
      local client, err = evs.new(options)
      return client and true, err]], "true" },
    ["evs.sign"] = {
      'return evs.sign { method = "GET", url = "https://a.b/c?d", ak = "a", sk = "b" }', "table" },
    ["list_snapshots"] = { 'return client:list_snapshots(project, { status = "error" })', "table" },
    ["a list of certain ids"] = {
      'return client:list_snapshots(project, { id = { "a", "b" } })', "table" },
    ["a batch that looks by lists"] = { [[
      local sums, err = client:delete_snapshots(project, { "a", "b", "c" },
        { guard = true, rate = 1000 })
      if not sums then return nil, err end
      return tostring(sums.succeeded + sums.failed + sums.unknown + sums.unsent)]], "3" },
    ["a machine"] = { [[
      local machine = client:start("delete_snapshot", project, "a")
      if machine:next(1, 1e9) ~= "send" then return select(3, machine:next(1, 1e9)) end
      machine:reply(202, {}, "")
      return select(2, machine:next(2, 1e9))]], "true" },
  } do
    it("in " .. what .. " is an error, and no crash", function()
      for number, word in ipairs(outcomes_of(job[1], job[2])) do
        assert.is_true(word == job[2] or FAILURES[word], number .. ": " .. word)
      end
    end)
  end

  it("in a deletion is no deletion, and nothing is told as accepted that was not", function()
    local outcomes = outcomes_of('return client:delete_snapshot(project, "a" .. number)', "true")
    local accepted, failed = {}, 0
    for _, record in ipairs(emulator:log()) do accepted[record.uri:match("[^/]+$")] = true end
    for number, word in ipairs(outcomes) do
      assert.is_true(word == "true" or FAILURES[word], number .. ": " .. word)
      assert.equal(word == "true" or nil, accepted["a" .. number])
      failed = failed + (word == "true" and 0 or 1)
    end
    assert.is_true(failed > 5, failed .. " failed")
  end)

  it("in a batch is told truly, by on_result and by the sums", function()
    local outcomes = outcomes_of([[
      local ids, told = { number .. "-a", number .. "-b", number .. "-c" }, {}
      local sums, err = client:delete_snapshots(project, ids, { on_result = function(id, result)
        told[#told + 1] = id:match("%a$") .. (result == true and "+" or "-")
      end })
      if not sums then return nil, err end
      table.sort(told)
      return ("%s %d %d %d"):format(table.concat(told), sums.succeeded, sums.failed, sums.unknown)
    ]], "a+b+c+ 3 0 0")
    local accepted = {}
    for _, record in ipairs(emulator:log()) do accepted[record.uri:match("[^/]+$")] = true end
    for number, word in ipairs(outcomes) do
      for id, sign in word:gmatch("(%l)([+-])") do
        assert.equal(sign == "+" or nil, accepted[number .. "-" .. id], number .. ": " .. word)
      end
    end
  end)
end)
