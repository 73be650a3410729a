-- One deletion by a script that does nothing else, with the system's CAs: cold.lua URL
local evs = require "evs"

local client = assert(evs.new {
  endpoint = arg[1], ak = "AKEXAMPLE0123456789", sk = "an-example-secret-key", guard = false,
})
local result = client:delete_snapshot("0123456789abcdef0123456789abcdef",
  "00000001-0000-4000-8000-000000000000")
if result ~= true then error(tostring(result)) end
