-- Measures everything and prints the table; bench/run starts it.
-- luacheck: std lua54
package.path = "./bench/?.lua;" .. package.path
local lists = require "lists"
local rows = require "rows"
local trial = require "trial"

-- BENCH_ROUNDS and BENCH_IDS make a run shorter or longer, BENCH_ONLY names the parts to run.
local rounds = tonumber(os.getenv("BENCH_ROUNDS")) or 21
local many_ids = tonumber(os.getenv("BENCH_IDS")) or 1000000
local only = os.getenv("BENCH_ONLY")

local facts = trial.facts()
local headers = trial.directory .. "/headers"
local collection = "/v2/0123456789abcdef0123456789abcdef/cloudsnapshots/"
local path = collection .. "00000001-0000-4000-8000-000000000000"

local function progress(what)
  io.stderr:write(what, "\n")
end

-- A script of bench/ under the module that was built for an interpreter.
local function script(lua, name, ...)
  local program = lua == "jit" and "luajit" or "lua" .. lua
  local environment = ("LUA_CPATH='build/%s/?.so;;'"):format(lua)
  return trial.command({ program, "bench/" .. name, ... }, environment)
end

-- What the floors send besides Host: the module's own lines.
local function write_headers(url)
  trial.output(script("5.4", "request.lua", url) .. " >" .. headers)
end

local function field(results, name, divisor)
  local numbers = {}
  for i, result in ipairs(results) do numbers[i] = result[name] / (divisor or 1) end
  return numbers
end

-- --- one warm deletion after the other ----------------------------------------------------------

local schemes = {
  { url = facts.http, name = "HTTP", key = "http" },
  { url = facts.tls, name = "TLS 1.3", key = "tls", ca_file = facts.ca_file },
}

-- A peer of take_turns: `command(count)` is its command line.
local function warm(name, few, many, command)
  return { name = name, once = function() return trial.per_call(command, few, many) end }
end

local function warm_floor(scheme)
  return warm("floor", 100, 2100, function(count)
    return trial.command {
      "build/bench/floor_warm", scheme.url .. path, count, headers, scheme.ca_file }
  end)
end

local function warm_ours(scheme, lua)
  return warm(lua, 100, 2100, function(count)
    return script(lua, "warm.lua", scheme.url, count, scheme.ca_file)
  end)
end

local function warm_by_hand(scheme)
  return warm("peer", 100, 1100, function(count)
    return trial.command { "luajit", "bench/by_hand.lua", scheme.url, count, scheme.ca_file }
  end)
end

-- The core keeps an application id in the home directory.
local function warm_node(scheme)
  local environment = "HOME=" .. trial.directory
  if scheme.ca_file then environment = environment .. " NODE_EXTRA_CA_CERTS=" .. scheme.ca_file end
  return warm("peer", 300, 900, function(count)
    return trial.command({ "node", "bench/node_core.js", scheme.url, count }, environment)
  end)
end

local function measure_warm()
  for _, scheme in ipairs(schemes) do
    progress("warm deletions, " .. scheme.name)
    write_headers(scheme.url)
    local results = trial.take_turns(
      { warm_floor(scheme), warm_ours(scheme, "5.4"), warm_ours(scheme, "jit") }, rounds)
    for _, lua in ipairs { "5.4", "jit" } do
      local label = scheme.name .. ", " .. (lua == "jit" and "LuaJIT" or "Lua 5.4")
      for _, what in ipairs { "cpu", "wall" } do
        rows.add_pairs {
          what = (what == "cpu" and "CPU of a warm delete, " or "its wall time, ") .. label,
          peer = field(results.floor, what), ours = field(results[lua], what), unit = "%.1f us",
          bound = what == "cpu" and 0.97 or nil,
        }
      end
    end
  end
end

local function measure_peer(scheme, peer, label, times)
  label = label .. ", " .. scheme.name
  progress("warm deletions, " .. label)
  local results = trial.take_turns({ peer, warm_ours(scheme, "5.4") }, times)
  for _, what in ipairs { "cpu", "wall" } do
    rows.add_pairs {
      what = (what == "cpu" and "CPU of a warm delete against " or "wall time against ") .. label,
      peer = field(results.peer, what), ours = field(results["5.4"], what), unit = "%.1f us",
    }
  end
end

local function measure_peers()
  local by_hand = "Lua by hand (LuaJIT, lua-curl, lua-luaossl)"
  local node = "the official Node core"
  local has_curl = os.execute("luajit -e 'require [[curl]] require [[openssl.hmac]]' 2>/dev/null")
  local has_node = trial.has("node") and io.open("build/interop/installed")
  for _, scheme in ipairs(schemes) do
    if has_curl then measure_peer(scheme, warm_by_hand(scheme), by_hand, 7) end
    if has_node then measure_peer(scheme, warm_node(scheme), node, 3) end
  end
  if not has_curl then rows.add { what = by_hand, peer = "not there: apt-get install lua-curl" } end
  if not has_node then rows.add { what = node, peer = "not there: make interop installs it" } end
end

-- --- what does not depend on the machine --------------------------------------------------------

local function add_instructions(scheme)
  progress("instructions, " .. scheme.name)
  local floor, ours, signature = table.unpack(trial.numbers(
    trial.output(trial.command { "bench/instructions", trial.directory, scheme.key })))
  rows.add {
    what = "instructions of a warm delete, " .. scheme.name,
    peer = ("%.1f k"):format(floor / 1000),
    ours = ("%.1f k, of them the signature %.1f k"):format(ours / 1000, signature / 1000),
    ratio = ("%.3f; without the signature %.3f"):format(ours / floor, (ours - signature) / floor),
    bound = "<= 0.98",
    reached = ours / floor <= 0.98 and "yes" or "no",
  }
end

local function measure_instructions()
  if not trial.has("valgrind") then
    rows.add { what = "instructions of a warm delete", peer = "not measured: no valgrind" }
    return
  end
  for _, scheme in ipairs(schemes) do add_instructions(scheme) end
end

local function measure_allocation()
  for _, lua in ipairs { "5.4", "jit" } do
    local bytes = tonumber(trial.output(script(lua, "allocation.lua", facts.http)))
    rows.add {
      what = "Lua memory allocated by a warm delete, " .. (lua == "jit" and "LuaJIT" or "Lua 5.4"),
      ours = ("%g bytes"):format(bytes), bound = "0", reached = bytes == 0 and "yes" or "no",
    }
  end
end

-- --- a signature, a cold call, many calls -------------------------------------------------------

local function measure_signature()
  progress("signatures")
  local floor, ours = {}, {}
  for line in trial.output("build/bench/floor_sign " .. rounds * 2):gmatch("[^\n]+") do
    floor[#floor + 1], ours[#ours + 1] = table.unpack(trial.numbers(line))
  end
  rows.add_pairs {
    what = "one signature of a delete, against its bare SHA-256 and HMAC",
    peer = floor, ours = ours, unit = "%.0f ns", bound = 1.25,
  }
end

-- Where the server's CA could not be put among the system's, both end with a refusal.
local function expect(trusted, command)
  return trusted and command or "sh -c '! \"$@\" 2>/dev/null' - " .. command
end

local function measure_cold()
  local trusted = os.getenv("BENCH_TRUSTED") == "1"
  local ours = expect(trusted, script("5.4", "cold.lua", facts.tls))
  local curl = expect(trusted, trial.command {
    "curl", "-sS", "-X", "DELETE", "-H", "@" .. headers, facts.tls .. path })
  progress("cold calls")
  write_headers(facts.tls)
  local results = trial.take_turns({
    { name = "curl", once = function() return trial.run(curl) end },
    { name = "ours", once = function() return trial.run(ours) end },
  }, rounds)
  local label = "cold: require, one call over TLS with the system's CAs, against the curl command"
  if not trusted then label = label .. " (both refuse the certificate)" end
  for _, what in ipairs { "wall", "cpu" } do
    rows.add_pairs {
      what = what == "wall" and label or "its CPU",
      peer = field(results.curl, what, 1000), ours = field(results.ours, what, 1000),
      unit = "%.1f ms", bound = what == "wall" and 0.65 or nil,
    }
  end
end

local modes = {
  { key = "late", name = "HTTP/1.1", bound = 1.02 },
  { key = "late_tls", name = "HTTP/1.1 over TLS", ca_file = facts.ca_file, bound = 1.02 },
  { key = "late_h2", name = "HTTP/2", http2 = true, ca_file = facts.ca_file, bound = 1.03 },
}

-- A peer of take_turns that times itself.
local function concurrent(name, command)
  return { name = name, once = function()
    local seconds, cpu, accepted = table.unpack(trial.numbers(trial.output(command)))
    assert(accepted == 2000, command)
    return { wall = seconds, cpu = cpu }
  end }
end

local function measure_concurrent()
  for _, mode in ipairs(modes) do
    local label = "2,000 deletes of 50 ms, 64 at a time, " .. mode.name
    local url = facts[mode.key]
    progress(label)
    local results = trial.take_turns({
      concurrent("floor", trial.command { "build/bench/floor_concurrent", url .. collection, 2000,
        64, mode.http2 and 1 or 0, mode.ca_file }),
      concurrent("ours", script("5.4", "concurrent.lua", url, 2000, 64, "proven", mode.ca_file)),
      concurrent("first",
        script("5.4", "concurrent.lua", url, 2000, 64, "unproven", mode.ca_file)),
    }, 5)
    for _, what in ipairs { "wall", "cpu" } do
      rows.add_pairs {
        what = (what == "wall" and label or "its CPU, " .. mode.name),
        peer = field(results.floor, what), ours = field(results.ours, what), unit = "%.3f s",
        bound = what == "wall" and mode.bound or nil,
      }
    end
    rows.add_pairs {
      what = "the same with a key that no call has proven yet, " .. mode.name,
      peer = field(results.floor, "wall"), ours = field(results.first, "wall"), unit = "%.3f s",
    }
  end
end

local function add_memory(url, label, all_fail)
  local kib = {}
  for i, count in ipairs { 10000, many_ids } do
    progress(("memory of %d ids, %s"):format(count, label))
    kib[i] = trial.run(script("5.4", "memory.lua", url, count, all_fail)).kib
  end
  rows.add {
    what = ("peak memory of %d ids against 10,000, %s"):format(many_ids, label),
    peer = ("%.2f MiB"):format(kib[1] / 1024),
    ours = ("%.2f MiB"):format(kib[2] / 1024),
    ratio = ("%+.2f MiB"):format((kib[2] - kib[1]) / 1024),
    bound = "<= +1 MiB",
    reached = kib[2] - kib[1] <= 1024 and "yes" or "no",
  }
end

local function measure_memory()
  add_memory(facts.http, "all succeed")
  add_memory(facts.missing, "all fail", "all fail")
end

-- --- in nginx -----------------------------------------------------------------------------------

-- The rows of bench/nginx_latency's own table, by name: what else the worker's requests took.
local function read_latencies()
  local latencies = {}
  local cpus = os.getenv("BENCH_ALL_CPUS") -- it has several processes at work at once
  local text = trial.output((cpus and "taskset -c " .. cpus .. " " or "") ..
    "env LUA_PATH= LUA_CPATH= BUILD=build/jit bench/nginx_latency")
  for line in text:gmatch("[^\n]+") do
    local name, deletions, median, p99 =
      line:match("^| ([^|]-) +| ([^|]-) +| +([%d.]+) | +([%d.]+) |")
    if name then
      latencies[name] = { deletions = deletions, median = tonumber(median), p99 = tonumber(p99) }
    end
  end
  return latencies
end

local function measure_nginx()
  progress("other requests of an nginx worker")
  local latencies = read_latencies()
  local idle = math.min(latencies["nothing"].p99, latencies["nothing, again"].p99)
  for _, name in ipairs { "resty.evs, http", "resty.evs, https, new connections" } do
    local busy = latencies[name]
    local ratio = busy.p99 / idle
    -- A worker that is kept waiting while it has nothing to do says nothing of what it does.
    local reached = idle >= 10 and "cannot be told: idle is above 10 ms" or
      busy.p99 < 10 and ratio <= 3 and "yes" or "no"
    rows.add {
      what = ("p99 of an nginx worker's other requests, idle and during deletions of a second: " ..
        "%s, %s"):format(name, busy.deletions),
      peer = ("%.2f ms"):format(idle), ours = ("%.2f ms"):format(busy.p99),
      ratio = ("%.2f"):format(ratio), bound = "< 10 ms, <= 3",
      reached = reached,
    }
  end
end

local function measure_lists()
  lists.measure(math.min(many_ids, 100000), progress)
end

-- --- all of it ----------------------------------------------------------------------------------

local parts = {
  { "warm", measure_warm },
  { "instructions", measure_instructions },
  { "allocation", measure_allocation },
  { "signature", measure_signature },
  { "cold", measure_cold },
  { "concurrent", measure_concurrent },
  { "memory", measure_memory },
  { "lists", measure_lists },
  { "nginx", measure_nginx },
  { "peers", measure_peers },
}
-- How many processes wanted a processor, ours included, in the last minute.
local function load_average()
  local file = io.open("/proc/loadavg")
  local load = file and file:read("n")
  if file then file:close() end
  return load
end

-- A part that fails does not take the others' figures with it.
local failed, load_before = false, load_average()
for _, part in ipairs(parts) do
  if not only or only:find(part[1], 1, true) then
    local began = os.time()
    local ok, message = pcall(part[2])
    if not ok then
      rows.add { what = part[1], peer = "could not be measured" }
      io.stderr:write(part[1], ": ", tostring(message), "\n")
    end
    failed = failed or not ok
    progress(("%s took %d s"):format(part[1], os.time() - began))
  end
end
rows.print()
if load_before then
  print(("\nLoad of the machine: %.2f before, %.2f after."):format(load_before, load_average()))
end
os.exit(not failed)
