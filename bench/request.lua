-- Prints the header lines that a deletion is sent with, but Host: request.lua URL
-- The floors send the same, so that all put as many bytes on the wire.
local evs = require "evs"

local client = assert(evs.new {
  endpoint = arg[1], ak = "AKEXAMPLE0123456789", sk = "an-example-secret-key", guard = false,
})
local machine = client:start("delete_snapshot", "0123456789abcdef0123456789abcdef",
  "00000001-0000-4000-8000-000000000000")
local what, request = machine:next(0, os.time())
assert(what == "send")
for name, value in pairs(request.headers) do
  if name:lower() ~= "host" then print(name .. ": " .. value) end
end
