-- LuaRocks' settings for Debian and its kin, whose lua-cjson and lua-argparse it does not see. With
-- it nothing is downloaded:
--   luarocks --lua-version 5.4 make lua-evs-scm-1.rockspec
rocks_servers = { "file:///nonexistent" }
rocks_provided = { ["lua-cjson"] = "2.1.0-1", argparse = "0.7.1-1" }
