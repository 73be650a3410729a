-- Run by bench/nginx_latency. One nginx worker makes deletions that take a second at the server,
-- while its location /hello is asked 5,000 times, at fixed moments within the second. A latency
-- counts from the moment a request was due, so that a stall is felt by all who were due in it.

local socket = require "socket"

local emulator = require("spec.support.emulator").start()
local nginx = require("spec.nginx.support.nginx").start()

local ASKED = tonumber(arg[1]) or 5000
local DELETIONS = 50
local SECONDS = 1.0

local project = emulator.project_id

local PRELUDE = [[
  local options, project, count = ...
  local threads = {}
  local function all_at_once(delete)
    ngx.update_time()
    local began, done = ngx.now(), 0
    for i = 1, count do threads[i] = ngx.thread.spawn(delete, ("s%04d"):format(i)) end
    for i = 1, count do
      local ran, ok, err = ngx.thread.wait(threads[i])
      if ran and ok == true then
        done = done + 1
      else
        ngx.log(ngx.ERR, tostring(err and err.message))
      end
    end
    ngx.update_time()
    return done, ngx.now() - began
  end
]]

local CLIENT = [[
  assert(client:show_snapshot(project, "warm"))
  return all_at_once(function(id) return client:delete_snapshot(project, id) end)
]]

local RESTY = PRELUDE .. "local client = assert(evs.new(options))" .. CLIENT
local BLOCKING = PRELUDE .. "local client = assert(require('evs.safe').new(options))" .. CLIENT

local function wait_until(moment)
  local left = moment - socket.gettime()
  -- Not in a loop until then: the processors are needed by those who are measured.
  if left > 0 then socket.sleep(left) end
end

-- The sorted latencies, in milliseconds.
local function ask()
  local connection = assert(socket.connect("127.0.0.1", tonumber(nginx.port)))
  connection:setoption("tcp-nodelay", true)
  local latencies = {}
  local began = socket.gettime()
  for i = 1, ASKED do
    local due = began + SECONDS * i / ASKED
    wait_until(due)
    assert(connection:send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    repeat until assert(connection:receive("*l")) == ""
    assert(connection:receive(6))
    latencies[i] = (socket.gettime() - due) * 1000
  end
  connection:close()
  table.sort(latencies)
  return latencies
end

local function report(name, latencies, done, seconds)
  local function at(share) return latencies[math.max(1, math.ceil(#latencies * share))] end
  local deletions = done and ("%d in %.2f s"):format(done, seconds) or "-"
  print(("| %-32s | %-14s | %8.2f | %8.2f | %8.2f |"):format(name, deletions, at(0.5), at(0.99),
    latencies[#latencies]))
end

local function measure(name, text, options, count, warming)
  emulator:reset()
  local snapshots = { { id = "warm" } }
  for i = 1, count do snapshots[i + 1] = { id = ("s%04d"):format(i) } end
  emulator:put(snapshots)
  emulator:misbehave { times = -1, method = "DELETE", delay = 1 }
  options.ak, options.sk, options.guard, options.retries = emulator.ak, emulator.sk, false, 0
  local pending = nginx:begin(text, options, project, count)
  socket.sleep(warming or 0.02)
  local latencies = ask()
  report(name, latencies, pending:finish())
end

print(("`/hello` of the same worker, asked %d times in a second; milliseconds"):format(ASKED))
print("")
print("| meanwhile                        | deletions      |   median |      p99 |      max |")
print("|---|---|---|---|---|")
report("nothing", ask())
report("nothing, again", ask())
measure("resty.evs, http", RESTY, { endpoint = emulator.endpoint }, DELETIONS)
measure("resty.evs, https, new connections", RESTY, { endpoint = emulator.tls_endpoint }, DELETIONS)
measure("the blocking client, 4 only", BLOCKING, { endpoint = emulator.endpoint }, 4)
nginx:stop()
