-- LuaRocks' settings for Debian and its kin, whose lua-cjson package LuaRocks does not see. With it
-- nothing is downloaded:
--   LUAROCKS_CONFIG=tools/luarocks-debian.lua luarocks --lua-version 5.4 make
rocks_servers = { "file:///nonexistent" }
rocks_provided = { ["lua-cjson"] = "2.1.0-1", argparse = "0.7.1-1" }
