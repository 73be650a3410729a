--- A server of the specs in a process of its own, which tells what it is by lines `name=value` and
-- then `ready` on its output, and ends by itself when the process that started it is gone.
--
--   local facts = service.start("spec/emulator/start", "the emulator")
--   -- facts.pid, facts.endpoint and whatever else it told
--   service.stop(facts)

local service = {}

--- The facts in the lines of an iterator; nil when they end before `ready`.
function service.facts(lines)
  local facts = {}
  for line in lines do
    if line == "ready" then return facts end
    local name, value = line:match("^([%w_]+)=(.*)$")
    if name then facts[name] = value end
  end
  return nil
end

--- Starts it for all Lua states of this process, with its lines in `file`.
function service.share(command, file)
  os.execute(([[%s --parent $PPID >'%s' &
    until grep -qx ready '%s'; do kill -0 $! || exit; sleep 0.05; done]]):format(
    command, file, file))
end

-- Ends it when the Lua state closes. Lua 5.1's tables have no __gc, its newproxy has.
local function stop_at_exit(facts)
  local function stop() service.stop(facts) end
  local newproxy = rawget(_G, "newproxy")
  if newproxy then
    facts.guard = newproxy(true)
    getmetatable(facts.guard).__gc = stop
  else
    facts.guard = setmetatable({}, { __gc = stop })
  end
end

--- Starts it by a command that takes `--parent PID`, and returns its facts; raises when it does not
-- come up.
function service.start(command, name)
  -- popen's shell has this process as its parent, which Lua itself cannot tell.
  local pipe = assert(io.popen("exec " .. command .. " --parent $PPID", "r"))
  local facts = service.facts(pipe:lines())
  if not facts then
    pipe:close()
    error(name .. " did not start", 3)
  end
  facts.pipe = pipe
  stop_at_exit(facts)
  return facts
end

--- Ends it, once; what was not started by start() goes on.
function service.stop(facts)
  local pipe = facts.pipe
  if not pipe then return end
  facts.pipe = nil
  os.execute("kill " .. facts.pid .. " 2>/dev/null")
  pipe:close()
end

return service
