--- The other way to use lua-evs in nginx: the blocking client, in a thread of a pool.
--
--   thread_pool evs threads=8;                    # in the main block: 8 calls at a time, no more
--
--   local ran, ok, err = ngx.run_worker_thread("evs", "worker_thread", "delete_snapshot",
--     options, project_id, snapshot_id, opts)
--
-- `ran` is false when the call could not be made, and `ok` then says why. A client stays in its
-- thread, with its connections, and each thread proves its key for itself. Functions do not cross:
-- no on_attempt, no on_result; errors come without their metatable, so log `err.code` and
-- `err.message`.

local evs = require "evs.safe"

local worker_thread = {}

-- By where they go and all that their keys are: a thread may be used for several accounts.
local clients = {}
local NAMING = { "endpoint", "region", "ak", "sk", "security_token", "token" }

local function name_of(options)
  local values = {}
  for i, option in ipairs(NAMING) do values[i] = options[option] or "" end
  return table.concat(values, "\n")
end

local function client_for(options)
  local name = name_of(options)
  local client, err = clients[name], nil
  if not client then
    client, err = evs.new(options)
    clients[name] = client
  end
  return client, err
end

--- `options` are those of evs.new, for nginx hides the environment from its workers; `opts` are
-- those of the call.
function worker_thread.delete_snapshot(options, project_id, snapshot_id, opts)
  local client, err = client_for(options)
  if not client then return nil, err end
  return client:delete_snapshot(project_id, snapshot_id, opts)
end

return worker_thread
