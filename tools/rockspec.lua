-- Compares the sources in rockspecs with those on disk, of which each belongs to one:
--   lua tools/rockspec.lua lua_evs.c src -- lua-evs-scm-1.rockspec lua-evs-cli-scm-1.rockspec
local listed, places, rockspecs = {}, {}, nil

local function read(path)
  local rockspec = {}
  assert(loadfile(path, "t", rockspec))()
  for _, module in pairs(rockspec.build.modules) do
    for _, source in ipairs(type(module) == "string" and { module } or module.sources) do
      assert(not listed[source], source .. " is in two rockspecs")
      listed[source] = true
    end
  end
end

for _, word in ipairs(arg) do
  if word == "--" then
    rockspecs = true
  elseif rockspecs then
    read(word)
  else
    places[#places + 1] = word
  end
end

local missing = {}
local find = "find " .. table.concat(places, " ") .. " -name '*.c' -o -name '*.lua' | sort"
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
