-- The library and its specs run on every Lua from 5.1 on: only what all of them have is allowed.
std = "min"
max_line_length = 100
exclude_files = { "build", ".luarocks", "lua_modules" }

-- LuaCATS' annotations cannot be broken.
files["library"] = { max_comment_line_length = false }

files["spec"] = { std = "min+busted" }

-- Runs in nginx only, that is on LuaJIT with the globals of ngx_lua.
files["spec/emulator"] = { std = "ngx_lua" }
files["spec/emulator/*_spec.lua"] = { std = "min+busted" }
files["src/resty"] = { std = "ngx_lua" }
files["examples/snapshots.lua"] = { std = "ngx_lua" }
files["spec/nginx/support"] = { std = "ngx_lua" }
files["spec/nginx/*_spec.lua"] = { std = "luajit+busted" }

-- LuaRocks reads its settings from globals.
files["tools/luarocks-debian.lua"] = { globals = { "rocks_servers", "rocks_provided" } }
