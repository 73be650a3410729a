-- luacheck: ignore 212 241

--- Deletes snapshots of Huawei Cloud's Elastic Volume Service (EVS).
---
--- These are the types for editors (LuaCATS). Nothing here runs: the module is written in C.
--- Times are in seconds, fractions allowed. What a program got wrong raises: a wrong type, a number
--- as id, an option that does not exist. What fails at run time is returned.
---@meta evs

--- What is returned when a call fails: a table of strings, numbers and booleans.
--- `tostring(err)` is one line with all that matters, the hint at its end; `..` takes an error for
--- that line. No field holds a secret.
---
--- Codes are the server's own (`EVS.1047`, `APIGW.0301`, `404`), or `HTTP.` and the status where
--- its answer names none, or one of these:
---
--- * `Client.InvalidArgument`: an id or the value of an option cannot be used; nothing was sent.
--- * `Client.NoCredentials`: no source has keys, the message says why; nothing was sent.
--- * `Client.NoEndpoint`: neither region nor endpoint is known; nothing was sent.
--- * `Client.Resolve`: the host's name has no address.
--- * `Client.Connect`: no connection came about.
--- * `Client.TLS`: the TLS handshake failed, or the certificate does not verify.
--- * `Client.Proxy`: the proxy was not found, or it refused.
--- * `Client.Timeout`: no connection, or no answer, in time.
--- * `Client.Network`: the connection broke.
--- * `Client.BadResponse`: an answer that EVS does not give, such as a login page.
--- * `Client.Protected`: the snapshot belongs to a backup.
--- * `Client.WrongState`: the snapshot is neither `available` nor `error`.
--- * `Client.NotDeleted`: EVS took the deletion on and did not carry it out.
--- * `Client.WaitTimeout`: accepted, and still there when the time to wait was over.
--- * `Client.Stopped`: the call was cancelled, its batch was stopped, or memory ran out.
--- * `Client.Closed`: the client is closed.
--- * `Client.TooMany`: more than the option `max` allows; nothing was sent.
--- * `Client.NoProject`: these keys have no project in this region, or several.
---@class (exact) evs.Error
---@field code string never empty; at most 64 characters of `[A-Za-z0-9._-]`
---@field message string never empty; one line of at most 2 KiB
---@field outcome evs.Outcome what is known of the deletion
---@field attempts integer requests of this call that were put on the wire
---@field retryable boolean whether the same call may succeed later
---@field hint? string what to do about it, where that is known: `check the secret key`
---@field status? integer HTTP status, where there was an answer
---@field kind? string name of the answer's envelope: `itemNotFound`, `badRequest`
---@field request_id? string the server's name for the request, for its support

--- What is known of the deletion when a call fails:
---
--- * `not_sent`: no DELETE left this machine; always so when showing and listing.
--- * `refused`: the server answered, and its answer was no.
--- * `unknown`: it may have happened.
--- * `accepted`: EVS took it on (202); what failed is the waiting that followed.
---@alias evs.Outcome "not_sent"|"refused"|"unknown"|"accepted"

---@alias evs.Status
---| "creating"
---| "available" # can be deleted
---| "error" # can be deleted
---| "deleting"
---| "error_deleting"
---| "rollbacking"
---| "backing-up"

--- A snapshot as EVS shows it; a JSON null is nil, a whole number an integer where Lua has them. It
--- has every field of EVS's answer, these among them.
---@class evs.Snapshot
---@field id string
---@field status evs.Status
---@field name? string
---@field description? string
---@field volume_id? string the disk it was taken of
---@field size? integer of that disk, in GiB
---@field metadata? table<string, any> with `__system__enableActive` it belongs to a backup
---@field created_at? string without a time zone, `2026-01-31T04:05:06.000000`
---@field updated_at? string
---@field [string] any

--- A disk as EVS shows it, with every field of EVS's answer, these among them.
---@class evs.Volume
---@field id string
---@field name? string
---@field status? string
---@field size? integer in GiB
---@field enterprise_project_id? string
---@field [string] any

--- What `on_attempt` is told of an attempt, between polls. No secret is in it.
---@class (exact) evs.Attempt
---@field method "GET"|"DELETE"
---@field host string with its port, where that is not the scheme's own
---@field path string
---@field status? integer HTTP status; nil when there was no answer
---@field code? string what went wrong, as in `evs.Error`; nil when nothing did
---@field request_id? string the server's name for the request
---@field date? number the server's clock as the answer tells it, seconds since 1970
---@field seconds? number from the start of the attempt to its end; nil where a machine tells
---@field attempt integer requests of this call put on the wire so far
---@field resend boolean whether the request is sent again
---@field pause? number seconds until then, at most

--- Options of one call; in `evs.new` they are the defaults of every call of that client.
---@class (exact) evs.CallOptions
---@field timeout? number seconds from the call's first step to the DELETE's answer (default 30)
---@field attempt_timeout? number seconds for one request and its answer (default 10)
---@field retries? integer how often a request may be sent again, 0 to 100 (default 3)
---@field guard? boolean look first, and spare backups' and busy snapshots (default true)
---@field ignore_missing? boolean a snapshot that does not exist is success (default false)
---@field wait? boolean|number seconds to wait until it is gone; true is 180 (default false)
---@field protect? evs.Protect asked by the guard; not together with `guard = false`
---@field on_attempt? fun(attempt: evs.Attempt) called after each attempt of a blocking call
---@field headers? evs.Headers added to each request, unsigned

--- What may be added to requests. Values are 1 to 512 bytes of visible ASCII; names may be in any case.
---@class (exact) evs.Headers
---@field traceparent? string of W3C's Trace Context
---@field tracestate? string
---@field b3? string Zipkin's
---@field ["X-Request-Id"]? string
---@field ["X-Correlation-Id"]? string
---@field ["X-Openstack-Request-Id"]? string

--- Is asked about the snapshot as the server showed it just now, or as it was passed, once no rule of
--- `evs.protected` keeps it. A string keeps it as well, and is the reason in `Client.Protected`; so does
--- true. With nil or false it may go. What the function raises goes on, and nothing is deleted. It
--- must not yield, nor call a method of the machine or batch that asks it.
---@alias evs.Protect fun(snapshot: evs.Snapshot): string|boolean|nil

--- What `on_result` is told of a deletion that has ended.
---@class (exact) evs.ResultInfo
---@field attempts integer requests of this deletion that were put on the wire
---@field seconds number from its first request to its end
---@field status? integer HTTP status of its last answer
---@field request_id? string of its last answer
---@field job_id? string of v5: that the 202 named

---@alias evs.OnResult fun(id: string, result: true|evs.Error, info: evs.ResultInfo): boolean?

--- Options of `delete_snapshots`; in `evs.new` they are the defaults of every batch of that client.
---@class (exact) evs.BatchOptions : evs.CallOptions
---@field concurrency? integer deletions at a time, 1 to 1000 (default 16)
---@field rate? number most requests that start in any second; 0 is no limit (default 0)
---@field max? integer most ids: more are Client.TooMany (default none)
---@field max_errors? integer so many that failed or are unknown stop the batch (default none)
---@field read_ahead? integer ids that a function gives before their turn, so that lists can look at them (default 0)
---@field on_result? evs.OnResult called as each deletion ends; false stops the batch

--- What became of a batch. Every id is in exactly one of the four sums.
---@class (exact) evs.Summary
---@field succeeded integer
---@field failed integer
---@field unknown integer it may have happened
---@field unsent integer no DELETE left, because the batch was stopped first
---@field errors table<string, evs.Error> of the failed and unknown; of a function's ids 1,000
---@field stopped? any why it ended early: an error, or what the function of ids gave as one

--- Options of every client, in scripts and in nginx. An option wins over the environment. The
--- endpoint of a region is `https://evs.REGION.myhuaweicloud.com`. `ak`, `sk` and `security_token`
--- exclude `token`. Without any of them keys come from the environment, from the file
--- `~/.huaweicloud/credentials` (or the one that `HUAWEICLOUD_SDK_CREDENTIALS_FILE` names), or from
--- the metadata service of a server.
---@class (exact) evs.ClientOptions : evs.BatchOptions
---@field region? string `ap-southeast-1` (default from `HUAWEICLOUD_SDK_REGION`)
---@field iam_endpoint? string IAM's, for project_id (default from `HUAWEICLOUD_SDK_IAM_ENDPOINT`)
---@field api? "v2"|"v5"|"cinder" generation of the interface (default from `EVS_API`, else v2)
---@field endpoint? string scheme, host, port, nothing else (default from `EVS_ENDPOINT`)
---@field ak? string access key (default from `HUAWEICLOUD_SDK_AK`)
---@field sk? string secret key (default from `HUAWEICLOUD_SDK_SK`)
---@field security_token? string of temporary keys (default from `HUAWEICLOUD_SDK_SECURITY_TOKEN`)
---@field token? string IAM token, sent in place of a signature (default from `EVS_TOKEN`)
---@field algorithm? evs.Algorithm (default `SDK-HMAC-SHA256`)
---@field tls_verify? boolean false accepts any certificate (default true)
---@field allow_http? boolean http to hosts other than loopback (default false)
---@field user_agent? string (default `lua-evs/` and the version)
---@field connect_timeout? number seconds to connect, name and TLS included (default 5)

--- Options of `evs.new`.
---@class (exact) evs.Options : evs.ClientOptions
---@field ca_file? string PEM file of all CAs to trust (default from `EVS_CA_FILE`, else libcurl's)
---@field proxy? string proxy for https; "" is none (default from `HTTPS_PROXY`, `NO_PROXY`)

--- Which snapshots to list, and how. A filter that is given must not be empty.
---@class (exact) evs.Filter
---@field name? string
---@field status? evs.Status
---@field volume_id? string
---@field id? string|string[] an array: these snapshots and no others
---@field availability_zone? string
---@field service_type? string `EVS`, `DSS` or `DESS`
---@field dedicated_storage_name? string
---@field dedicated_storage_id? string
---@field enterprise_project_id? string
---@field snapshot_type? string of v5: `user`, `auto` or `copy`
---@field snapshot_chain_id? string of v5
---@field snapshot_group_id? string of v5
---@field tag_key? string of v5
---@field tags? table<string, string> of v5
---@field limit? integer rows of a page, 2 to 1000 (default 1000)

---@alias evs.Algorithm "SDK-HMAC-SHA256"|"SDK-HMAC-SM3"|"V11-HMAC-SHA256"

--- A request for `evs.sign`.
---@class (exact) evs.SignRequest
---@field method string upper-case letters
---@field url string as on the wire; what is percent-encoded stays so
---@field headers? table<string, string> headers to sign besides Host and X-Sdk-Date
---@field body? string (default empty)
---@field ak string
---@field sk string
---@field security_token? string of temporary keys
---@field algorithm? evs.Algorithm (default `SDK-HMAC-SHA256`)
---@field region? string needed by `V11-HMAC-SHA256`
---@field service? string needed by `V11-HMAC-SHA256`
---@field time? number seconds since 1970 (default now)

--- A request that a machine wants sent.
---@class (exact) evs.Request
---@field method "GET"|"DELETE"|"PUT"
---@field url string
---@field metadata? true it is for the metadata service: not through a proxy
---@field headers table<string, string> send all of them; Host is the URL's
---@field deadline number on the monotonic clock given to `next`: later than this, call `fail`
---@field connect_timeout number seconds for the connection, within the deadline
---@field limit integer bytes of a body that are read; of a longer one give one byte more

--- What `client:last` tells.
---@class (exact) evs.Last
---@field attempts integer
---@field status? integer HTTP status of the last answer
---@field request_id? string
---@field job_id? string of v5: that the 202 named

--- What `evs.info` tells.
---@class (exact) evs.Info
---@field version string of lua-evs
---@field libcurl string its version, "7.88.1"
---@field tls string libcurl's TLS library; "" when it has none
---@field nettle string
---@field lua string
---@field algorithms evs.Algorithm[] those that `evs.sign` has here
---@field keys_from? "options"|"environment"|"profile"|"metadata" of the module's own client, once known

---@class evs
---@field _VERSION string
local evs = {}

--- Deletes a snapshot, with a client that is made from the environment at the first use.
---
--- Compare the result with `== true`: the error is a table, and as true as true. `evs.safe` returns
--- nil and the error instead.
---
--- Without `wait`, true means that EVS accepted the deletion with a 202, the only success that EVS
--- documents for this call. With `wait` it means that the snapshot is gone: EVS answers 404.
---
--- A snapshot from show, list or each may stand for its id: the guard then sends no request.
---
--- With `guard` a GET goes ahead of the DELETE. Refused are snapshots that belong to a backup (see
--- `evs.protected`), and those that EVS would refuse with EVS.1047 for their status.
---@param project_id string `[A-Za-z0-9_.~-]{1,255}`, not `.` or `..`
---@param snapshot string|evs.Snapshot the snapshot's id, of the same characters; or a snapshot
---@param opts? evs.CallOptions
---@return true|evs.Error result true, or the error
function evs.delete_snapshot(project_id, snapshot, opts) end

--- Deletes many snapshots at once, with the same client as `evs.delete_snapshot`. Each deletion
--- follows the rules of a single one; they share the key's proof, the pace, and the stop.
---
--- An array is checked as a whole: a malformed id is an error that names its place, and nothing is
--- sent. Each id is deleted once. A function gives the next id or snapshot, nil at the end, or nil
--- and an error to stop; memory then stays constant.
---
--- After a stop deletions that have left run to their end, and nothing else is started. An
--- error raised by a function, or Ctrl-C, abandons all and goes on.
---@param project_id string
---@param ids (string|evs.Snapshot)[]|fun(): string|evs.Snapshot|nil, any
---@param opts? evs.BatchOptions
---@return evs.Summary? summary nil when nothing could start
---@return evs.Error? err
function evs.delete_snapshots(project_id, ids, opts) end

--- Shows a snapshot, with the same client as `evs.delete_snapshot`.
---@param project_id string
---@param snapshot string|evs.Snapshot the snapshot's id, or a snapshot
---@param opts? evs.CallOptions `timeout`, `attempt_timeout`, `retries`, `on_attempt` matter here
---@return evs.Snapshot? snapshot nil when it failed
---@return evs.Error? err of a missing one: status 404, kind `itemNotFound` or code `EVS.5404`
function evs.show_snapshot(project_id, snapshot, opts) end

--- Lists snapshots, all pages of them, with the same client as `evs.delete_snapshot`. The pages
--- overlap by a row, so that a list which changes meanwhile has no gaps and no doubles.
---@param project_id string
---@param filter? evs.Filter
---@param opts? evs.CallOptions `timeout` is for each page
---@return evs.Snapshot[]? snapshots never a part of them; nil when a page failed
---@return evs.Error? err
function evs.list_snapshots(project_id, filter, opts) end

--- Lists disks, all of the project that the user may see; of v5's project those of v2's interface.
--- There is no filter: a disk that the list does not show would count as gone.
---@param project_id string
---@param opts? evs.CallOptions `timeout` is for each page
---@return evs.Volume[]? volumes never a part of them; nil when a page failed
---@return evs.Error? err
function evs.list_volumes(project_id, opts) end

--- Iterates over snapshots with one page in memory. A `for` loop ends at an error as it does at the
--- end: call the iterator yourself to tell them apart.
---@param project_id string
---@param filter? evs.Filter
---@param opts? evs.CallOptions `timeout` is for each page
---@return fun(): evs.Snapshot?, evs.Error? iterator
function evs.each_snapshot(project_id, filter, opts) end

--- Makes a client. No I/O is done: a wrong key or host shows at the first call.
--- A client belongs to one thread. It keeps connections, and what it learned of its key.
---@param opts? evs.Options
---@return evs.Client? client nil when an option's value cannot be used
---@return evs.Error? err `Client.InvalidArgument`, or `Client.NoEndpoint`
function evs.new(opts) end

--- Signs a request to any Huawei Cloud API. Raises for every fault of the request.
---
--- Signed are Host, X-Sdk-Date and all that `headers` has, which must not be Authorization, Host or
--- X-Sdk-Date. A given X-Sdk-Content-Sha256 (or -Sm3) takes the place of the body's hash. A gateway
--- accepts a signature for 15 minutes.
---
--- Returned are the headers to send with those given: Host, X-Sdk-Date, Authorization, and
--- X-Security-Token if there is a security token.
---@param request evs.SignRequest
---@return table<string, string> headers
function evs.sign(request) end

--- Whether a value is an error of this module. Its fields tell, so that a copy which came from
--- another Lua state, and has lost its metatable, is one too.
---@param value any
---@return boolean
function evs.is_error(value) end

--- Why no rule lets a snapshot be deleted: the guard's own rule, for scripts that choose. Its name
--- begins with `autobk_snapshot_` or `manualbk_snapshot_`, or its metadata has
--- `__system__enableActive`, whatever its value: it belongs to a backup.
---
--- Fields are read raw. Of a name that is no string and of metadata that are no table nothing is
--- known: nil. The guard does not take such a table for a snapshot and looks by itself.
---@param snapshot evs.Snapshot
---@return string? reason a phrase, `its name begins with manualbk_snapshot_`
function evs.protected(snapshot) end

--- The id of the region's project: IAM is asked for the projects of the region's name. The answer is
--- kept for the client's life, a refusal is not. None or several: `Client.NoProject`, whose message
--- lists what there is. Without a region: `Client.InvalidArgument`.
---@param opts? evs.Options a client made of them asks (default: the plain functions' client)
---@return string? project_id
---@return evs.Error? err
function evs.project_id(opts) end

--- Versions of what is loaded, for reports of bugs.
---@return evs.Info
function evs.info() end

--- A client, made by `evs.new`. `tostring` shows its endpoint and the AK's last four characters.
--- Lua 5.4 closes a to-be-closed variable.
---@class evs.Client
local Client = {}

--- Deletes a snapshot; see `evs.delete_snapshot`.
--- A client of `evs.safe` returns nil and the error instead of the error.
---@param project_id string
---@param snapshot string|evs.Snapshot
---@param opts? evs.CallOptions
---@return true|evs.Error result
function Client:delete_snapshot(project_id, snapshot, opts) end

--- Deletes many snapshots at once; see `evs.delete_snapshots`.
---@param project_id string
---@param ids (string|evs.Snapshot)[]|fun(): string|evs.Snapshot|nil, any
---@param opts? evs.BatchOptions
---@return evs.Summary? summary
---@return evs.Error? err
function Client:delete_snapshots(project_id, ids, opts) end

--- Lists disks; see `evs.list_volumes`.
---@param project_id string
---@param opts? evs.CallOptions
---@return evs.Volume[]? volumes
---@return evs.Error? err
function Client:list_volumes(project_id, opts) end

--- Shows a snapshot; see `evs.show_snapshot`.
---@param project_id string
---@param snapshot string|evs.Snapshot
---@param opts? evs.CallOptions
---@return evs.Snapshot? snapshot
---@return evs.Error? err
function Client:show_snapshot(project_id, snapshot, opts) end

--- The id of the region's project; see `evs.project_id`.
---@param opts? evs.CallOptions
---@return string? project_id
---@return evs.Error? err
function Client:project_id(opts) end

--- Lists snapshots; see `evs.list_snapshots`.
---@param project_id string
---@param filter? evs.Filter
---@param opts? evs.CallOptions
---@return evs.Snapshot[]? snapshots
---@return evs.Error? err
function Client:list_snapshots(project_id, filter, opts) end

--- Iterates over snapshots; see `evs.each_snapshot`.
---@param project_id string
---@param filter? evs.Filter
---@param opts? evs.CallOptions
---@return fun(): evs.Snapshot?, evs.Error? iterator
function Client:each_snapshot(project_id, filter, opts) end

--- Starts a call that another event loop drives. Nothing is sent before `next` asks for it.
---@param operation "delete_snapshot"|"show_snapshot"|"list_snapshots"|"each_snapshot"|"list_volumes"|"project_id"
---@param project_id string
---@param what string|evs.Snapshot|evs.Filter|nil the id or the snapshot; of a list its filter
---@param opts? evs.CallOptions `on_attempt` is not called
---@return evs.Machine machine always: what is wrong with an id comes as its result
---@overload fun(self, operation: "delete_snapshots", project_id: string, what?: (string|evs.Snapshot)[], opts?: evs.BatchOptions): evs.Batch?, evs.Error?
function Client:start(operation, project_id, what, opts) end

--- What is known of the key, for drivers of several processes that tell each other.
---@class (exact) evs.KeyNews
---@field state "unproven"|"proven"|"doubted"|"refused"|"held"
---@field seconds? number for how long a proof, a refusal or a hold still lasts
---@field clock_offset? number seconds that the server's clock is ahead
---@field healed? boolean since the last proof a 401 was met by other keys or a set clock
---@field notes? integer how many requests that may have met a 401 count; is told, not taken over
---@field name? string names endpoint and key, and reveals neither; nil while there is no key
---@field error? evs.Error of a doubted or refused key: the answer that said so

--- Tells what is known of the key; with `news` takes over what another process knows. In the state
--- `held` a request of another process tries the key for `seconds`, as long as it is unproven.
---@param mono number the clock that machines are given
---@param wall number seconds since 1970
---@param news? evs.KeyNews
---@return evs.KeyNews? news without `news`
function Client:key(mono, wall, news) end

--- Tells of the last call that ended and was no batch.
---@return evs.Last? last nil before the first
function Client:last() end

--- Closes the connections and wipes the keys. Later calls fail with `Client.Closed`. Closing again
--- is no error.
function Client:close() end

---@alias evs.Step "send"|"sleep"|"page"|"done"

--- A call without I/O: it says what to send and is told what came. Methods called out of order
--- raise.
---@class evs.Machine
local Machine = {}

--- Says what to do next. Not while a request is out. After the end it repeats the end.
---
--- * `"send", request`: send it, then call `reply` or `fail`, then `next`.
--- * `"sleep", seconds`: call `next` again after so long, or earlier.
--- * `"page", snapshots`: of `each_snapshot` only: one page of the list; `next` asks for more.
--- * `"done", result`: the end; `"done", nil, err` for a failure, with both modules.
---@param mono number seconds of a clock that never jumps
---@param wall number seconds since 1970, for the signature
---@return evs.Step what
---@return evs.Request|number|true|evs.Snapshot|evs.Snapshot[]|nil value
---@return evs.Error? err
function Machine:next(mono, wall) end

--- Gives the answer to the request that is out.
---@param status integer of the final answer, 200 to 999
---@param headers? table<string, string|string[]> names in any case
---@param body? string read up to 1 MiB, of a list's page up to 16 MiB
---@return evs.Attempt? attempt what `on_attempt` would be told; nil of the metadata service
function Machine:reply(status, headers, body) end

---@alias evs.Failure
---| "Client.Resolve"
---| "Client.Connect"
---| "Client.TLS" # when unsent: not tried again
---| "Client.Proxy" # when unsent: not tried again
---| "Client.Timeout"
---| "Client.Network"
---| "Client.BadResponse"

--- Says that no answer will come to the request that is out.
---@param code evs.Failure
---@param message string what went wrong; secrets are taken out of it
---@param sent false|"maybe" false only if no byte of the request was written
---@return evs.Attempt? attempt what `on_attempt` would be told; nil of the metadata service
function Machine:fail(code, message, sent) end

--- Ends the call with `Client.Stopped`. A request that is out counts as one that may have arrived.
function Machine:cancel() end

---@alias evs.BatchStep "need"|"send"|"result"|"sleep"|"done"

--- Many deletions without I/O: what `client:start` gives for `"delete_snapshots"`.
---@class evs.Batch
local Batch = {}

--- Says what to do next; requests may be out.
---
--- * `"need"`, unless it was started with an array: call `add` with one more id, or `finish`.
--- * `"send", request, ticket`: send it, then call `reply` or `fail` with the ticket.
--- * `"result", id, result, info`: a deletion has ended, with true or its error.
--- * `"sleep", seconds`: call `next` again after so long, or when an answer has come.
--- * `"done", summary`: the end.
---@param mono number seconds of a clock that never jumps
---@param wall number seconds since 1970, for the signature
---@return evs.BatchStep what
---@return evs.Request|string|number|evs.Summary|nil value
---@return integer|true|evs.Error|nil ticket_or_result
---@return evs.ResultInfo? info
function Batch:next(mono, wall) end

--- Gives the id, or the snapshot, that is needed.
---@param snapshot string|evs.Snapshot
function Batch:add(snapshot) end

--- There are no more ids; with an error, because they could not be told.
---@param err? any
function Batch:finish(err) end

--- Starts no more deletions: those whose DELETE has left go on to their end.
---@param message? string
function Batch:stop(message) end

--- Gives up all that is under way; the batch is of no use after it. What it held, others may have
--- at once, not only when it is collected.
function Batch:abandon() end

--- Gives the answer to the request of a ticket; see `Machine:reply`.
---@param ticket integer
---@param status integer
---@param headers? table<string, string|string[]>
---@param body? string
---@return evs.Attempt? attempt
function Batch:reply(ticket, status, headers, body) end

--- Says that no answer will come to the request of a ticket; see `Machine:fail`.
---@param ticket integer
---@param code evs.Failure
---@param message string
---@param sent false|"maybe"
---@return evs.Attempt? attempt
function Batch:fail(ticket, code, message, sent) end

return evs
