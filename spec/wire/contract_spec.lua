-- The rules' cases with the blocking client; spec/nginx/contract_spec.lua has the same in nginx.
-- They run over TLS and HTTP/2 on one Lua only, and not under valgrind: others prove rules, too.

local variant = os.getenv("EVS_SPEC_VARIANT")
if variant == "valgrind" then return end

local safe = require "evs.safe"
local cases = require "spec.support.cases"

local emulator = require("spec.support.emulator").start()

-- A client whose each_snapshot gives an array, as the cases want it.
local function wrap(client)
  local wrapped = {}
  for _, method in ipairs { "delete_snapshot", "show_snapshot", "list_snapshots",
    "delete_snapshots", "close" } do
    wrapped[method] = function(_, ...) return client[method](client, ...) end
  end
  function wrapped.each_snapshot(_, ...)
    local rows, next_row = {}, client:each_snapshot(...)
    while true do
      local row, err = next_row()
      if err then return nil, err end
      if not row then return rows end
      rows[#rows + 1] = row
    end
  end
  return wrapped
end

local function driver(name, defaults, http2)
  return { name = name, http2 = http2, connect = function(options)
    for option, value in pairs(defaults) do
      if options[option] == nil then options[option] = value end
    end
    return wrap(assert(safe.new(options)))
  end }
end

describe("libcurl", function()
  cases.register(driver("over HTTP", { endpoint = emulator.endpoint }), emulator, it)
  if variant ~= "jit" then return end
  cases.register(driver("over TLS", { endpoint = emulator.tls_endpoint,
    ca_file = emulator.ca_file }, true), emulator, it)
end)
