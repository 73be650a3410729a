--- lua-evs over nginx's own event loop: nothing here blocks the worker.
--
-- What to send, when, and within which limits the machines of the C module say; they hold every
-- rule. This sends their requests over cosockets, or over whatever the option `transport` is, and
-- sleeps for them.

local core = require "evs.safe"
local clock = require "resty.evs.clock"
local gates = require "resty.evs.shared"
local http = require "resty.evs.http"
local semaphore = require "ngx.semaphore"

local now, wall = clock.now, clock.wall

local STEPS_WITHOUT_PAUSE = 50

local Client = {}
Client.__index = Client

-- ---- one call ---------------------------------------------------------------------------------

-- Where nginx has no light threads there are no cosockets and no ngx.sleep, either.
local WITHOUT_THREADS = {
  init = true, init_worker = true, set = true, balancer = true, header_filter = true,
  body_filter = true, log = true, exit_worker = true, ssl_session_store = true,
}

local function check_phase()
  local phase = ngx.get_phase()
  if WITHOUT_THREADS[phase] then
    error("resty.evs can make no requests in nginx's phase " .. phase .. "; a timer can", 4)
  end
end

local function sleep(seconds)
  ngx.sleep(clock.milliseconds(seconds) / 1000)
end

-- A call, or a batch, and what the sending of its requests needs.
local function new_call(client, opts)
  return { client = client, on_attempt = opts and opts.on_attempt or client.on_attempt }
end

local function send(client, request)
  request.timeout = math.max(request.deadline - now(), 0)
  request.tls_verify = client.tls_verify
  request.keepalive_timeout = client.keepalive_timeout
  request.pool_size, request.backlog = client.pool_size, client.backlog
  -- Past any proxy that a transport may use.
  if request.metadata then return http.request(request) end
  return client.transport(request)
end

-- Sends the request and gives what came of it to answer(...) or fail(...), which return what
-- on_attempt is told.
local function perform(call, request, answer, fail)
  local client, began = call.client, now()
  call.request = request
  -- A failure is nil, code, message, sent.
  local status, headers, body, sent = send(client, request)
  if client.gate then client.gate:before_answer() end
  local attempt
  if status then
    attempt = answer(status, headers, body)
  else
    attempt = fail(headers, body, sent)
  end
  if client.gate then client.gate:after_answer(request) end
  if attempt and call.on_attempt then
    attempt.seconds = now() - began
    call.on_attempt(attempt)
  end
end

local function drive(call, machine)
  local gate = call.client.gate
  while true do
    if gate then gate:before_next() end
    local step, value, err = machine:next(now(), wall())
    if gate then gate:after_next(step == "send" and value or nil) end
    if step == "send" then
      perform(call, value,
        function(...) return machine:reply(...) end,
        function(...) return machine:fail(...) end)
    elseif step == "sleep" then
      sleep(value)
    else
      return step, value, err
    end
  end
end

local function finish(call, machine, ok, ...)
  call.busy = false
  if ok then return ... end
  machine:cancel()
  if call.client.gate then call.client.gate:drop(call.request) end
  return error((...), 0)
end

-- Runs the machine to its next page or its end. What on_attempt or a transport raises ends the
-- call.
local function run(call, machine)
  if call.busy then error("this iterator's request is out, in another light thread", 3) end
  call.busy = true
  return finish(call, machine, pcall(drive, call, machine))
end

local function make_call(client, operation, project, what, opts)
  check_phase()
  local machine = client.core:start(operation, project, what, opts)
  local _, result, err = run(new_call(client, opts), machine)
  return result, err
end

--- true, or nil and the error.
function Client:delete_snapshot(project, snapshot, opts)
  return make_call(self, "delete_snapshot", project, snapshot, opts)
end

--- The snapshot, or nil and the error.
function Client:show_snapshot(project, snapshot, opts)
  return make_call(self, "show_snapshot", project, snapshot, opts)
end

--- An array of all snapshots, or nil and the error.
function Client:list_snapshots(project, filter, opts)
  return make_call(self, "list_snapshots", project, filter, opts)
end

--- An array of all disks, or nil and the error.
function Client:list_volumes(project, opts)
  return make_call(self, "list_volumes", project, nil, opts)
end

--- The id of the region's project, or nil and the error; IAM is asked once.
function Client:project_id(opts)
  return make_call(self, "project_id", nil, nil, opts)
end

--- An iterator over snapshots, with one page in memory: a snapshot, or nil, or nil and the error.
function Client:each_snapshot(project, filter, opts)
  check_phase()
  local machine = self.core:start("each_snapshot", project, filter, opts)
  local call = new_call(self, opts)
  local rows, given = {}, 0
  return function()
    if given == #rows then
      local step, page, err = run(call, machine)
      if step ~= "page" then return nil, err end
      rows, given = page, 0
    end
    given = given + 1
    return rows[given]
  end
end

-- ---- many deletions ---------------------------------------------------------------------------

local Batch = {}
Batch.__index = Batch

-- Gives the machine the next id of the script's function.
function Batch:feed()
  local entry, err = self.next_id()
  if entry ~= nil then
    self.machine:add(entry)
  else
    self.machine:finish(err)
  end
end

-- In a light thread: one request. What is raised here is raised again by the batch.
function Batch:perform(request, ticket)
  local call = new_call(self.client, self.opts)
  self.calls[ticket] = call
  local ok, problem = pcall(perform, call, request,
    function(...) return self.machine:reply(ticket, ...) end,
    function(...) return self.machine:fail(ticket, ...) end)
  if not ok and not self.failed then self.failed, self.problem = true, problem end
  self.calls[ticket] = nil
  self.ended[#self.ended + 1] = coroutine.running()
  self.news:post(1)
end

function Batch:send(request, ticket)
  local thread = ngx.thread.spawn(self.perform, self, request, ticket)
  if coroutine.status(thread) ~= "dead" then self.threads[thread] = ticket end
end

-- Threads that have ended are kept by nginx until somebody waits for them.
function Batch:reap()
  for i = #self.ended, 1, -1 do
    local thread = table.remove(self.ended, i)
    self.threads[thread] = nil
    ngx.thread.wait(thread)
  end
  if self.failed then error(self.problem, 0) end
end

function Batch:tell(id, result, info)
  if self.on_result and self.on_result(id, result, info) == false then
    self.machine:stop("on_result returned false")
  end
end

-- One step; the summary at the end.
function Batch:step()
  local gate = self.client.gate
  if gate then gate:before_next() end
  local step, value, more, info = self.machine:next(now(), wall())
  if gate then gate:after_next(step == "send" and value or nil) end
  if step == "send" then
    self:send(value, more)
  elseif step == "need" then
    self:feed()
  elseif step == "result" then
    self:tell(value, more, info)
  elseif step == "sleep" then
    -- A wait of less than a millisecond would not wait.
    self.news:wait(clock.milliseconds(value) / 1000)
    self.busy = 0
  else
    return value
  end
end

-- Other requests of the worker have their turn even when no step ever waits.
function Batch:give_way()
  self.busy = self.busy + 1
  if self.busy < STEPS_WITHOUT_PAUSE then return end
  self.busy = 0
  clock.give_way()
end

function Batch:run()
  local summary
  repeat
    summary = self:step()
    self:reap()
    self:give_way()
  until summary
  return summary
end

-- Leaves nothing under way, and the key gate to others. After a stop that is looks whose answers
-- nobody waits for; when something was raised, anything.
function Batch:abandon(ended)
  local gate = self.client.gate
  for thread in pairs(self.threads) do ngx.thread.kill(thread) end
  self.machine:abandon()
  if not gate then return end
  for _, call in pairs(self.calls) do gate:drop(call.request) end
  if not ended then gate:drop(nil) end
end

local function new_batch(client, machine, next_id, opts)
  return setmetatable({
    client = client, machine = machine, opts = opts, next_id = next_id,
    on_result = opts and opts.on_result or client.on_result,
    calls = {}, threads = {}, ended = {}, news = semaphore.new(0), busy = 0,
  }, Batch)
end

--- The summary, or nil and the error when it could not start. `ids` is an array or an iterator,
-- which may yield, as on_result may; each request has a light thread, `concurrency` at most.
function Client:delete_snapshots(project, ids, opts)
  check_phase()
  if type(ids) ~= "table" and type(ids) ~= "function" then
    error("ids: array or function expected, got " .. type(ids), 2)
  end
  local next_id = type(ids) == "function" and ids or nil
  local array = not next_id and ids or nil
  local machine, err = self.core:start("delete_snapshots", project, array, opts)
  if not machine then return nil, err end
  local batch = new_batch(self, machine, next_id, opts)
  local ok, summary = pcall(batch.run, batch)
  batch:abandon(ok)
  if not ok then error(summary, 0) end
  return summary
end

-- ---- clients ----------------------------------------------------------------------------------

--- What is known of the last call that ended: attempts, status, request_id.
function Client:last()
  return self.core:last()
end

--- Wipes the keys. Later calls fail with Client.Closed.
function Client:close()
  return self.core:close()
end

function Client:__tostring()
  return "resty." .. tostring(self.core)
end

local evs = {
  _VERSION = core._VERSION, is_error = core.is_error, protected = core.protected,
}

-- Options that only libcurl could honour.
local REFUSED = {
  proxy = "cosockets go through no proxy; a transport may",
  ca_file = "nginx trusts what lua_ssl_trusted_certificate holds",
}

local OWN = {
  transport = true, shared = true, keepalive_timeout = true, pool_size = true, backlog = true,
}

local LONGEST_IDLE = 86400 -- seconds

local function check_number(opts, name, unit, least, most)
  local value = opts[name]
  if value == nil then return end
  if type(value) ~= "number" then
    error(("option '%s': number expected, got %s"):format(name, type(value)), 4)
  end
  if not (value >= least and value <= most) or unit == "a whole number" and value % 1 ~= 0 then
    error(("option '%s': %s from %g to %g expected, got %.14g"):format(name, unit, least, most,
      value), 4)
  end
end

-- What nginx does with connections.
local function check_pool(opts)
  check_number(opts, "keepalive_timeout", "seconds", 0.001, LONGEST_IDLE)
  check_number(opts, "pool_size", "a whole number", 1, 65535)
  check_number(opts, "backlog", "a whole number", 0, 65535)
end

local function check_own(opts)
  local transport = opts.transport
  local meta = getmetatable(transport)
  if transport ~= nil and type(transport) ~= "function"
      and not (type(meta) == "table" and meta.__call) then
    error("option 'transport': function expected, got " .. type(transport), 3)
  end
  if opts.shared ~= nil and type(opts.shared) ~= "string" then
    error("option 'shared': string expected, got " .. type(opts.shared), 3)
  end
  check_pool(opts)
end

local function options_of_core(opts)
  local options = {}
  for name, value in pairs(opts) do
    if REFUSED[name] then error(("option '%s': %s"):format(name, REFUSED[name]), 3) end
    if not OWN[name] then options[name] = value end
  end
  return options
end

--- A client, or nil and the error. Options are those of the C module without `proxy` and `ca_file`,
-- and those of OWN. It does no I/O and may be made in init_by_lua.
function evs.new(opts)
  opts = opts or {}
  if type(opts) ~= "table" then error("options: table expected, got " .. type(opts), 2) end
  check_own(opts)
  local client, err = core.new(options_of_core(opts))
  if not client then return nil, err end
  return setmetatable({
    core = client,
    gate = opts.shared and gates.new(client, opts.shared) or nil,
    transport = opts.transport or http.request,
    tls_verify = opts.tls_verify ~= false,
    keepalive_timeout = opts.keepalive_timeout,
    pool_size = opts.pool_size,
    backlog = opts.backlog,
    on_attempt = opts.on_attempt,
    on_result = opts.on_result,
  }, Client)
end

return evs
