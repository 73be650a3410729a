-- The rules of a deletion against a model cloud, in as many seeded runs as time allows.
--
--   EVS_MODEL_SEED   the base seed; without it the clock's
--   EVS_MODEL_RUNS   how many runs
--   EVS_MODEL_FIRST  the number of the first one; with EVS_MODEL_RUNS=1 a run is repeated alone

local model = require "spec.model.model"

-- One variant makes the full number; on the others it is enough to see that they do the same.
local RUNS = { ["5.4"] = 100000, asan = 3000, valgrind = 300 }

local variant = os.getenv("EVS_SPEC_VARIANT") or ""
local runs = tonumber(os.getenv("EVS_MODEL_RUNS") or "") or RUNS[variant] or 5000
local first = tonumber(os.getenv("EVS_MODEL_FIRST") or "") or 1
local seed = tonumber(os.getenv("EVS_MODEL_SEED") or "") or os.time() % 1000000 * 1000
  + math.floor(os.clock() * 1e6) % 1000

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
  while not fault and number < first + runs do
    fault = model.run(seed, number)
    number = number + 1
  end
  if jit then
    jit.on()
  end
  return fault
end

describe("the model cloud", function()
  it("finds no lie, no lost backup and no burnt key in " .. whole(runs) .. " runs", function()
    print("model cloud: seed " .. whole(seed) .. ", " .. whole(runs) .. " runs from number "
      .. whole(first))
    local fault = find_fault()
    if fault then
      error(report(fault), 0)
    end
  end)

  it("spreads the pauses between attempts over the whole span", function()
    local mean, count = model.jitter()
    if count >= 1000 then
      assert.is_true(mean > 0.45 and mean < 0.55, "mean " .. mean .. " of " .. whole(count))
    end
  end)
end)
