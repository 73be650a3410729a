-- Prints how many bytes of Lua memory a warm deletion allocates: allocation.lua URL
local evs = require "evs"

local calls = 1000
local project, id = "0123456789abcdef0123456789abcdef", "00000001-0000-4000-8000-000000000000"
local client = assert(evs.new {
  endpoint = arg[1], ak = "AKEXAMPLE0123456789", sk = "an-example-secret-key", guard = false,
})

local function delete(count)
  for _ = 1, count do
    if client:delete_snapshot(project, id) ~= true then error("not accepted") end
  end
end

-- LuaJIT's compiler takes memory of its own, once; what a call takes shows in every series.
local least = math.huge
for _ = 1, 3 do
  collectgarbage()
  collectgarbage()
  collectgarbage("stop")
  local before = collectgarbage("count")
  delete(calls)
  least = math.min(least, (collectgarbage("count") - before) * 1024 / calls)
  collectgarbage("restart")
end
print(least)
