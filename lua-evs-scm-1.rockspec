rockspec_format = "3.0"
package = "lua-evs"
version = "scm-1"
source = {
  url = "git+https://github.com/lua-evs/lua-evs.git",
}
description = {
  summary = "Deletes snapshots of Huawei Cloud's Elastic Volume Service",
  detailed = [[
    Deletes, shows and lists snapshots of Huawei Cloud's Elastic Volume Service (EVS) with signed
    requests over libcurl. Backups' snapshots are never deleted by mistake, and an error says
    whether the deletion may have happened.
  ]],
  homepage = "https://github.com/lua-evs/lua-evs",
  issues_url = "https://github.com/lua-evs/lua-evs/issues",
  license = "MIT",
  labels = { "huaweicloud", "cloud", "evs", "snapshot", "curl", "openresty" },
}
dependencies = {
  "lua >= 5.1, < 5.6",
  "lua-cjson >= 2.1.0",
}
-- Libraries, not headers: LuaRocks does not look for headers in Debian's multiarch folders, the
-- compiler does.
external_dependencies = {
  CURL = { library = "curl" },
  NETTLE = { library = "nettle" },
}
build = {
  type = "builtin",
  modules = {
    -- Holds evs.safe too: Lua looks for luaopen_evs_safe in evs.so by itself.
    evs = {
      sources = {
        "lua_evs.c",
        "src/api/answer.c",
        "src/api/api.c",
        "src/api/hint.c",
        "src/api/protect.c",
        "src/base/error.c",
        "src/base/message.c",
        "src/base/scrub.c",
        "src/base/text.c",
        "src/base/time.c",
        "src/call/delete.c",
        "src/call/engine.c",
        "src/call/exchange.c",
        "src/call/flow.c",
        "src/call/list.c",
        "src/call/pacer.c",
        "src/call/project.c",
        "src/call/request.c",
        "src/call/scout.c",
        "src/call/show.c",
        "src/client/client.c",
        "src/client/environment.c",
        "src/client/settings.c",
        "src/http/head.c",
        "src/http/http.c",
        "src/http/origin.c",
        "src/http/outcome.c",
        "src/http/sigpipe.c",
        "src/http/transfer.c",
        "src/http/waiter.c",
        "src/key/endpoint.c",
        "src/key/key.c",
        "src/key/metadata.c",
        "src/key/profile.c",
        "src/key/source.c",
        "src/lua/client.c",
        "src/lua/error.c",
        "src/lua/filter.c",
        "src/lua/headers.c",
        "src/lua/ids.c",
        "src/lua/json.c",
        "src/lua/options.c",
        "src/machine/ahead.c",
        "src/machine/attempt.c",
        "src/machine/batch.c",
        "src/machine/driver.c",
        "src/machine/look.c",
        "src/machine/machine.c",
        "src/machine/protect.c",
        "src/machine/script.c",
        "src/machine/script_io.c",
        "src/module/call.c",
        "src/module/client.c",
        "src/module/key.c",
        "src/module/module.c",
        "src/module/sign.c",
        "src/sign/canonical.c",
        "src/sign/sign.c",
      },
      incdirs = { "src", "$(CURL_INCDIR)", "$(NETTLE_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)", "$(NETTLE_LIBDIR)" },
      libraries = { "curl", "nettle", "pthread", "dl" },
    },
    ["evs.retention"] = "src/evs/retention.lua",
    ["evs.retention.date"] = "src/evs/retention/date.lua",
    ["evs.retention.judge"] = "src/evs/retention/judge.lua",
    ["evs.retention.orphans"] = "src/evs/retention/orphans.lua",
    ["evs.retention.policy"] = "src/evs/retention/policy.lua",
    ["evs.retention.rules"] = "src/evs/retention/rules.lua",
    -- For nginx, that is for LuaJIT only; elsewhere they are never loaded.
    ["resty.evs"] = "src/resty/evs.lua",
    ["resty.evs.answer"] = "src/resty/evs/answer.lua",
    ["resty.evs.clock"] = "src/resty/evs/clock.lua",
    ["resty.evs.shared"] = "src/resty/evs/shared.lua",
    ["resty.evs.http"] = "src/resty/evs/http.lua",
  },
  -- library: types for editors.
  copy_directories = { "docs", "examples", "library" },
}
test = {
  type = "command",
  script = "tools/luarocks-test.lua",
}
