--- Clients of the emulator's permanent key.
--
--   local connect = require("spec.support.connect").with { retries = 0 }
--   local client = connect { timeout = 2 }

local emulator = require("spec.support.emulator").start()
local evs = require "evs"
local failure = require "spec.support.failure"

local connect = {}

--- Returns a function that makes a client, of `module` if that is not evs. Options are the
-- emulator's endpoint and key, then `defaults`, then those that the function is given; failure.none
-- takes one away.
function connect.with(defaults, module)
  return function(options)
    local all = { endpoint = emulator.endpoint, ak = emulator.ak, sk = emulator.sk }
    for _, given in ipairs { defaults, options or {} } do
      for name, value in pairs(given) do all[name] = value end
    end
    for name, value in pairs(all) do
      if value == failure.none then all[name] = nil end
    end
    return assert((module or evs).new(all))
  end
end

return connect
