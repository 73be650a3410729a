-- luacheck: ignore 212 241

--- The same over nginx's own event loop, for rewrite, access and content handlers and timers.
--- Rules, snapshots and errors are those of `evs`.
---@meta resty.evs

--- A request for a transport.
---@class (exact) resty.evs.Request
---@field method "GET"|"DELETE"
---@field url string
---@field headers table<string, string> send all of them; Host is the URL's
---@field timeout number seconds until the answer must be complete
---@field deadline number the same, on the monotonic clock of `resty.evs.clock`
---@field connect_timeout number seconds until the connection must stand, TLS included
---@field tls_verify boolean
---@field limit integer read so many bytes of the body, and one more
---@field keepalive_timeout? number these three are the client's options
---@field pool_size? integer
---@field backlog? integer

--- Carries a request: returns status, headers and body, or nil, code, message and `sent`, which is
--- false only if no byte of the request was written.
---@alias resty.evs.Transport fun(request: resty.evs.Request): integer?, table|evs.Failure, string, false|"maybe"|nil

--- Options of a client: those of `evs.new` that do not need libcurl, and some of nginx's own. One of
--- these that has a wrong value raises.
---@class (exact) resty.evs.Options : evs.ClientOptions
---@field shared? string a `lua_shared_dict` in which workers share what they know of the key
---@field transport? resty.evs.Transport in place of cosockets
---@field keepalive_timeout? number seconds that an idle connection is kept, at most a day (default 30)
---@field pool_size? integer connections to a server that a worker keeps (default 64); with `backlog` also how many it has at all
---@field backlog? integer connections that may wait for one of `pool_size` (default: those are no limit)

---@class resty.evs
---@field _VERSION string
local evs = {}

--- Makes a client. No I/O is done, so it may be made in `init_by_lua`.
---@param opts? resty.evs.Options
---@return resty.evs.Client? client nil when an option's value cannot be used
---@return evs.Error? err `Client.InvalidArgument`, or `Client.NoEndpoint`
function evs.new(opts) end

--- Whether a value is an error; see `evs.is_error`.
---@param value any
---@return boolean
function evs.is_error(value) end

--- Why no rule lets a snapshot be deleted; see `evs.protected`.
---@param snapshot evs.Snapshot
---@return string? reason
function evs.protected(snapshot) end

--- A client, made by `resty.evs.new`. Its functions may wait, as all Lua in nginx may; none blocks
--- the worker. In phases that cannot wait they raise.
---@class resty.evs.Client
local Client = {}

--- Deletes a snapshot; see `evs.delete_snapshot`.
---@param project_id string
---@param snapshot string|evs.Snapshot
---@param opts? evs.CallOptions
---@return true? result
---@return evs.Error? err
function Client:delete_snapshot(project_id, snapshot, opts) end

--- Shows a snapshot; see `evs.show_snapshot`.
---@param project_id string
---@param snapshot string|evs.Snapshot
---@param opts? evs.CallOptions
---@return evs.Snapshot? snapshot
---@return evs.Error? err
function Client:show_snapshot(project_id, snapshot, opts) end

--- Lists snapshots; see `evs.list_snapshots`.
---@param project_id string
---@param filter? evs.Filter
---@param opts? evs.CallOptions
---@return evs.Snapshot[]? snapshots
---@return evs.Error? err
function Client:list_snapshots(project_id, filter, opts) end

--- Lists disks; see `evs.list_volumes`.
---@param project_id string
---@param opts? evs.CallOptions
---@return evs.Volume[]? volumes
---@return evs.Error? err
function Client:list_volumes(project_id, opts) end

--- The id of the region's project; see `evs.project_id`.
---@param opts? evs.CallOptions
---@return string? project_id
---@return evs.Error? err
function Client:project_id(opts) end

--- Iterates over snapshots; see `evs.each_snapshot`. Any light thread of the request may call it,
--- one at a time: it raises while another one waits for a page.
---@param project_id string
---@param filter? evs.Filter
---@param opts? evs.CallOptions
---@return fun(): evs.Snapshot?, evs.Error? iterator
function Client:each_snapshot(project_id, filter, opts) end

--- Deletes many snapshots at once; see `evs.delete_snapshots`. Each request has a light thread; the
--- function of ids and `on_result` run in the caller's, and may wait.
---@param project_id string
---@param ids (string|evs.Snapshot)[]|fun(): string|evs.Snapshot|nil, any
---@param opts? evs.BatchOptions
---@return evs.Summary? summary
---@return evs.Error? err
function Client:delete_snapshots(project_id, ids, opts) end

--- Tells of the last call that ended and was no batch.
---@return evs.Last?
function Client:last() end

--- Wipes the keys. Later calls fail with `Client.Closed`. Closing again is no error.
function Client:close() end

return evs
