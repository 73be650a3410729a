-- What lists of ids save a guarded sweep: requests, time under a rate, and CPU, each beside looks
-- one by one, which a server that refuses such lists brings about.
-- luacheck: std lua54
local rows = require "rows"
local trial = require "trial"

local lists = {}

-- Every processor: the emulator is a child of the sweep.
local function command(how, ...)
  local cpus = os.getenv("BENCH_ALL_CPUS")
  return (cpus and "taskset -c " .. cpus .. " " or "") ..
    trial.command({ "lua5.4", "bench/sweep.lua", how, ... }, "LUA_CPATH='build/5.4/?.so;;'")
end

-- The result of a pipe of sweep.lua.
local function read(pipe)
  local numbers = trial.numbers(pipe:read("a"))
  assert(pipe:close(), "sweep.lua failed")
  return { wall = numbers[1], cpu = numbers[2], requests = numbers[3] }
end

-- The same sweep one by one and by lists; `together` where both wait for a clock, and not for each
-- other.
local function sweep(together, ...)
  local pipes, results = {}, {}
  for i, how in ipairs { "alone", "lists" } do
    pipes[i] = assert(io.popen(command(how, ...)))
    if not together then results[i] = read(pipes[i]) end
  end
  for i, pipe in ipairs(pipes) do results[i] = results[i] or read(pipe) end
  return results[1], results[2]
end

-- Adds a row for what `figure` makes of each result.
local function add(what, format, figure, bound, alone, by_lists)
  local before, after = figure(alone), figure(by_lists)
  rows.add {
    what = what, peer = format:format(before), ours = format:format(after),
    ratio = ("%.3f"):format(after / before), bound = bound and ("<= %.2f"):format(bound),
    reached = bound and (after <= bound and "yes" or "no"),
  }
end

local function requests_of(count)
  return function(result) return result.requests / count end
end

--- Adds the rows. `many` is how many ids the row about CPU takes.
function lists.measure(many, progress)
  progress("10,000 guarded deletions")
  add("requests of each of 10,000 guarded deletions, against looks one by one", "%.3f",
    requests_of(10000), 1.05, sweep(false, 10000, 0))
  progress("2,000 guarded deletions at rate=200")
  add("seconds of 2,000 guarded deletions at rate=200, against looks one by one", "%.1f s",
    function(result) return result.wall end, nil, sweep(true, 2000, 0, "rate=200"))
  progress("1,000 deletions that wait for a minute")
  add("requests of each of 1,000 guarded deletions with wait, 60 s until gone, against looks " ..
    "one by one", "%.3f", requests_of(1000), 2.5, sweep(true, 1000, 60, "wait=180"))
  progress(("%d guarded deletions"):format(many))
  add(("CPU of each of %d guarded deletions, against looks one by one"):format(many), "%.1f us",
    function(result) return result.cpu / many * 1e6 end, nil, sweep(false, many, 0))
end

return lists
