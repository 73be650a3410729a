--- Clients that live in an nginx, with methods to call from a spec; each call is a request to that
-- nginx. each_snapshot gives an array.

local remote = {}

local count = 0

local Client = {}
Client.__index = Client

-- In nginx: the client of this number, made on first use.
local CALL = [[
  local number, options, method, a, b, c = ...
  runner.clients = runner.clients or {}
  local client = runner.clients[number]
  if not client then
    client = assert(evs.new(options))
    runner.clients[number] = client
  end
  if method ~= "each_snapshot" then return client[method](client, a, b, c) end
  local rows, next_row = {}, client:each_snapshot(a, b, c)
  while true do
    local row, err = next_row()
    if err then return nil, err end
    if not row then return rows end
    rows[#rows + 1] = row
  end
]]

for _, method in ipairs { "delete_snapshot", "show_snapshot", "list_snapshots", "each_snapshot",
  "list_volumes", "delete_snapshots", "last", "close" } do
  Client[method] = function(self, ...)
    return self.nginx:run(CALL, self.number, self.options, method, ...)
  end
end

--- A client with these options, in the one worker of `nginx`.
function remote.connect(nginx, options)
  count = count + 1
  return setmetatable({ nginx = nginx, number = count, options = options }, Client)
end

return remote
