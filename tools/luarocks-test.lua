-- What `luarocks test` runs, by the Lua that the rock is for: the specs, on a build for this Lua.
-- It installs nothing.
--   luarocks --lua-version 5.4 test lua-evs-scm-1.rockspec [SPEC...]
local lua = jit and "jit" or _VERSION:match("%d+%.%d+") -- luacheck: globals jit

local function quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local words = {}
for i, word in ipairs(arg) do words[i] = quoted(word) end

local status = os.execute(("make LUA=%s modules && INTERPRETER=%s tools/spec %s %s")
  :format(lua, quoted(arg[-1]), lua, table.concat(words, " ")))
os.exit((status == true or status == 0) and 0 or 1)
