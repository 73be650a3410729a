-- The rules' cases with resty.evs, in a real nginx; spec/wire/contract_spec.lua has the same ones
-- with other drivers.

if os.getenv("EVS_SPEC_VARIANT") ~= "jit" then return end

local cases = require "spec.support.cases"
local remote = require "spec.nginx.support.remote"

local emulator = require("spec.support.emulator").start()
local nginx = require("spec.nginx.support.nginx").start()

local function driver(name, endpoint, api)
  return { name = name, api = api, connect = function(options)
    options.endpoint = options.endpoint or endpoint
    return remote.connect(nginx, options)
  end }
end

describe("cosockets", function()
  teardown(function() nginx:stop() end)

  cases.register(driver("over HTTP", emulator.endpoint), emulator, it)
  cases.register(driver("over TLS", emulator.tls_endpoint, "v2"), emulator, it)
end)
