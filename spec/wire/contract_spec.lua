-- The rules' cases with the blocking client, and with machines and batches that LuaSocket carries;
-- spec/nginx/contract_spec.lua has the same in nginx. They run over TLS and HTTP/2, and by
-- machines, on one Lua only, and not under valgrind: others prove rules, too.

local variant = os.getenv("EVS_SPEC_VARIANT")
if variant == "valgrind" then return end

local safe = require "evs.safe"
local carried = require "spec.support.carried"
local cases = require "spec.support.cases"

local emulator = require("spec.support.emulator").start()

-- A client whose each_snapshot gives an array, as the cases want it.
local function wrap(client)
  local wrapped = {}
  for _, method in ipairs { "delete_snapshot", "show_snapshot", "list_snapshots", "list_volumes",
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

local function over_http(options)
  options.endpoint = options.endpoint or emulator.endpoint
  return assert(safe.new(options))
end

local function over_tls(options)
  options.endpoint = options.endpoint or emulator.tls_endpoint
  options.ca_file = emulator.ca_file
  return assert(safe.new(options))
end

describe("libcurl", function()
  cases.register({ name = "over HTTP", connect = function(options)
    return wrap(over_http(options))
  end }, emulator, it)
  if variant ~= "jit" then return end
  cases.register({ name = "over TLS", http2 = true, api = "v2", connect = function(options)
    return wrap(over_tls(options))
  end }, emulator, it)
end)

describe("machines", function()
  if variant ~= "5.4" then return end
  cases.register({ name = "by LuaSocket", connect = function(options)
    return carried.by(over_http(options))
  end }, emulator, it)
end)
