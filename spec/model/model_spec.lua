-- The rules of a deletion against a model cloud, in seeded runs: the same ones each time, unless
-- told otherwise. `make model` takes new ones.
--
--   EVS_MODEL_SEED     the base seed
--   EVS_MODEL_RUNS     how many runs
--   EVS_MODEL_FIRST    the number of the first one; with EVS_MODEL_RUNS=1 a run is repeated alone
--   EVS_MODEL_SECONDS  how many seconds to go on for, in place of a number of runs

local model = require "spec.model.model"

-- One variant makes the full number; on the others it is enough to see that they do the same.
local RUNS = { ["5.4"] = 100000, asan = 3000, valgrind = 300 }

local variant = os.getenv("EVS_SPEC_VARIANT") or ""

local function given(name)
  return tonumber(os.getenv(name) or "")
end

local seconds = given("EVS_MODEL_SECONDS")
local runs = seconds and math.huge or given("EVS_MODEL_RUNS") or RUNS[variant] or 5000
local first = given("EVS_MODEL_FIRST") or 1
local seed = given("EVS_MODEL_SEED") or 20260821

local function whole(number)
  return ("%d"):format(number)
end

local function report(fault)
  return table.concat({
    "", "FAULT: " .. fault.fault,
    "repeat it alone: EVS_MODEL_SEED=" .. whole(fault.seed) .. " EVS_MODEL_RUNS=1 EVS_MODEL_FIRST="
      .. whole(fault.number) .. " make spec LUA=... SPEC=spec/model/model_spec.lua",
    fault.repeats and "the run:" or "NOTE: a second run of it ended otherwise; the second one was:",
    table.concat(fault.trace, "\n"), "",
  }, "\n")
end

-- LuaJIT's compiler costs these runs more than it gains: no two of them take the same paths.
local jit = rawget(_G, "jit")

local function find_fault()
  if jit then
    jit.off()
  end
  local number, fault = first, nil
  local ends = seconds and os.time() + seconds or math.huge
  while not fault and number < first + runs and os.time() < ends do
    fault = model.run(seed, number)
    number = number + 1
  end
  if jit then
    jit.on()
  end
  return fault, number - first
end

describe("the model cloud", function()
  it("finds no lie, no lost backup and no burnt key", function()
    local fault, count = find_fault()
    print("model cloud: seed " .. whole(seed) .. ", " .. whole(count) .. " runs from number "
      .. whole(first))
    assert(count > 0, "no run was made")
    if fault then
      error(report(fault), 0)
    end
  end)

  -- { seed, number }: a look in the very moment in which a holder of the key is gone; eight
  -- requests in flight when a proven key ends.
  it("finds none in runs that it once took for faults", function()
    for _, run in ipairs({ { 543302094, 1660 }, { 545517416, 70468 }, { 6000077, 65651 } }) do
      local fault = model.run(run[1], run[2])
      assert(not fault, fault and report(fault))
    end
  end)

  it("spreads the pauses between attempts over the whole span", function()
    local mean, count = model.jitter()
    if count >= 1000 then
      assert.is_true(mean > 0.45 and mean < 0.55, "mean " .. mean .. " of " .. whole(count))
    end
  end)
end)
