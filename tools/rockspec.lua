-- Compares the sources in a rockspec with those on disk:
--   lua tools/rockspec.lua lua-evs-scm-1.rockspec lua_evs.c src
local rockspec = {}
assert(loadfile(arg[1], "t", rockspec))()

local listed = {}
for _, module in pairs(rockspec.build.modules) do
  for _, source in ipairs(type(module) == "string" and { module } or module.sources) do
    listed[source] = true
  end
end

local missing = {}
local find = "find " .. table.concat(arg, " ", 2) .. " -name '*.c' -o -name '*.lua' | sort"
local pipe = assert(io.popen(find))
for source in pipe:lines() do
  if not listed[source] then missing[#missing + 1] = "not in the rockspec: " .. source end
  listed[source] = nil
end
pipe:close()
for source in pairs(listed) do missing[#missing + 1] = "not on disk: " .. source end

if #missing > 0 then
  print(table.concat(missing, "\n"))
  os.exit(1)
end
