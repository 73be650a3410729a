-- luacheck: ignore 212 241

--- The module `evs` with Lua's convention for `delete_snapshot`: true, or nil and the error.
---@meta evs.safe

--- Clients of its `new` follow it as well. Everything else is as in `evs`.
---@class evs.safe : evs
local safe = {}

--- Deletes a snapshot; see `evs.delete_snapshot`.
---@param project_id string
---@param snapshot string|evs.Snapshot
---@param opts? evs.CallOptions
---@return true? ok nil when it failed
---@return evs.Error? err
function safe.delete_snapshot(project_id, snapshot, opts) end

--- Makes a client whose `delete_snapshot` returns true, or nil and the error.
---@param opts? evs.Options
---@return evs.safe.Client? client nil when an option's value cannot be used
---@return evs.Error? err
function safe.new(opts) end

--- A client, made by `new` of `evs.safe`.
---@class evs.safe.Client : evs.Client
local Client = {}

--- Deletes a snapshot; see `evs.delete_snapshot`.
---@param project_id string
---@param snapshot string|evs.Snapshot
---@param opts? evs.CallOptions
---@return true? ok nil when it failed
---@return evs.Error? err
function Client:delete_snapshot(project_id, snapshot, opts) end

return safe
