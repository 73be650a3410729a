--- A name server for one nginx, in a process of its own. Every name is 127.0.0.1, but those that
-- end in .invalid do not exist, and about those that end in .silent it says nothing.
--
--   local dns = require("spec.nginx.support.dns").start()
--   dns.address     -- for nginx's `resolver`
--   dns:stop()

local process = require "spec.support.process"
local socket = require "socket"

local dns = {}

local IDLE_LIMIT = 60

-- The name in a query and where its question ends.
local function parse(query)
  local labels, position = {}, 13
  while true do
    local length = query:byte(position)
    if not length then return nil end
    if length == 0 then return table.concat(labels, "."), position + 4 end
    labels[#labels + 1] = query:sub(position + 1, position + length)
    position = position + 1 + length
  end
end

-- A record: the name of the question, an A of the Internet, for a second, 127.0.0.1.
local RECORD = "\192\012\000\001\000\001\000\000\000\001\000\004\127\000\000\001"

local function answer(query, name, question_end)
  local exists = not name:find("%.invalid$")
  return query:sub(1, 2) .. "\129" .. (exists and "\128" or "\131") .. "\000\001"
    .. (exists and "\000\001" or "\000\000") .. "\000\000\000\000"
    .. query:sub(13, question_end) .. (exists and RECORD or "")
end

--- Runs in the child, until nobody has asked for a minute.
function dns.serve()
  local server = assert(socket.udp())
  assert(server:setsockname("127.0.0.1", 0))
  local _, port = server:getsockname()
  io.write(port, "\n")
  io.flush()
  server:settimeout(IDLE_LIMIT)
  while true do
    local query, address, from = server:receivefrom()
    if not query or query == "stop" then return end
    local name, question_end = parse(query)
    if name and not name:find("%.silent$") then
      server:sendto(answer(query, name, question_end), address, from)
    end
  end
end

local Dns = {}
Dns.__index = Dns

--- Ends it.
function Dns:stop()
  local client = socket.udp()
  client:sendto("stop", "127.0.0.1", self.port)
  client:close()
  return self.process:wait()
end

--- Starts one.
function dns.start()
  local child = process.start("require('spec.nginx.support.dns').serve()")
  local port = tonumber(child:read())
  return setmetatable({ process = child, port = port, address = "127.0.0.1:" .. port }, Dns)
end

return dns
