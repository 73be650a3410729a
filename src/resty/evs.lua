--- lua-evs over nginx's own event loop: nothing here blocks the worker.
--
-- What to send, and when, the machines of the C module say; they hold every rule. This carries
-- their requests over cosockets, or over whatever the option `transport` is, and sleeps for them.

local core = require "evs.safe"
local clock = require "resty.evs.clock"
local gates = require "resty.evs.shared"
local http = require "resty.evs.http"
local semaphore = require "ngx.semaphore"

local now, wall = clock.now, clock.wall

local BODY_MOST = 1024 * 1024
local PAGE_MOST = 16 * 1024 * 1024
local METADATA_CONNECT_SECONDS = 1
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

-- Whose answer is judged next, and all that the carrying of its requests needs.
local function new_call(client, opts, limit)
  return { client = client, limit = limit, attempts = 0,
    on_attempt = opts and opts.on_attempt or client.on_attempt }
end

local function carry(client, request, limit)
  request.limit = limit
  request.timeout = math.max(request.deadline - now(), 0)
  request.tls_verify = client.tls_verify
  if request.metadata then
    request.connect_timeout = METADATA_CONNECT_SECONDS
    return http.request(request) -- past any proxy that a transport may use
  end
  request.connect_timeout = client.connect_timeout
  return client.transport(request)
end

local function tell_attempt(call, request, began, status)
  call.on_attempt {
    method = request.method, path = request.url:match("^%w+://[^/]*([^?]*)"), status = status,
    seconds = now() - began, attempt = call.attempts,
  }
end

-- Carries the request and gives what came of it to answer(...) or fail(...).
local function perform(call, request, answer, fail)
  local client, began = call.client, now()
  call.request = request
  -- A failure is nil, code, message, sent.
  local status, headers, body, sent = carry(client, request, call.limit)
  if client.gate then client.gate:before_answer() end
  if status then answer(status, headers, body) else fail(headers, body, sent) end
  if client.gate then client.gate:after_answer(request) end
  if request.metadata then return end
  if status or sent then call.attempts = call.attempts + 1 end
  if call.on_attempt then tell_attempt(call, request, began, status) end
end

local function drive(call, machine)
  local gate = call.client.gate
  while true do
    if gate then gate:before_next() end
    local step, value, err = machine:next(now(), wall())
    if gate then gate:after_next(step == "send" and value or nil) end
    if step == "send" then
      perform(call, value,
        function(...) machine:reply(...) end,
        function(...) machine:fail(...) end)
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

local function make_call(client, operation, project, what, opts, limit)
  check_phase()
  local machine = client.core:start(operation, project, what, opts)
  local _, result, err = run(new_call(client, opts, limit), machine)
  return result, err
end

--- true, or nil and the error.
function Client:delete_snapshot(project, snapshot, opts)
  return make_call(self, "delete_snapshot", project, snapshot, opts, BODY_MOST)
end

--- The snapshot, or nil and the error.
function Client:show_snapshot(project, snapshot, opts)
  return make_call(self, "show_snapshot", project, snapshot, opts, BODY_MOST)
end

--- An array of all snapshots, or nil and the error.
function Client:list_snapshots(project, filter, opts)
  return make_call(self, "list_snapshots", project, filter, opts, PAGE_MOST)
end

--- An iterator over snapshots, with one page in memory: a snapshot, or nil, or nil and the error.
function Client:each_snapshot(project, filter, opts)
  check_phase()
  local machine = self.core:start("each_snapshot", project, filter, opts)
  local call = new_call(self, opts, PAGE_MOST)
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

local Sweep = {}
Sweep.__index = Sweep

local function check_entry(entry, i)
  local id = entry
  if type(entry) == "table" then id = entry.id end
  if type(id) ~= "string" and not (type(entry) == "table" and id == nil) then
    error(("ids[%d]: string or snapshot expected, got %s"):format(i, type(id)), 4)
  end
end

-- All of an array is looked at before anything is deleted.
local function check_ids(ids)
  if type(ids) == "function" then return end
  if type(ids) ~= "table" then
    error("ids: array or function expected, got " .. type(ids), 4)
  end
  for i = 1, #ids do check_entry(ids[i], i) end
  -- It has only other keys: a snapshot, perhaps.
  if #ids == 0 and next(ids) ~= nil then
    error("ids: array or function expected, got a table without [1]", 4)
  end
end

-- The entries of an array, each id once.
local function each_entry(ids)
  local position, seen = 0, {}
  return function()
    while position < #ids do
      position = position + 1
      local entry = ids[position]
      local id = type(entry) == "table" and entry.id or entry
      if not seen[id] then
        seen[id] = true
        return entry
      end
    end
    return nil
  end
end

function Sweep:feed()
  local entry, err = self.next_id()
  if entry ~= nil then
    self.batch:add(entry)
  else
    self.batch:finish(err)
  end
end

-- In a light thread: one request. What is raised here is raised again by the sweep.
function Sweep:carry(request, ticket)
  local id = request.url:match("([^/?]+)$") or ""
  local call = self.calls[id] or new_call(self.client, self.opts, BODY_MOST)
  self.calls[id] = call
  local ok, problem = pcall(perform, call, request,
    function(...) self.batch:reply(ticket, ...) end,
    function(...) self.batch:fail(ticket, ...) end)
  if not ok and not self.failed then self.failed, self.problem = true, problem end
  self.ended[#self.ended + 1] = coroutine.running()
  self.news:post(1)
end

function Sweep:send(request, ticket)
  local thread = ngx.thread.spawn(self.carry, self, request, ticket)
  if coroutine.status(thread) ~= "dead" then self.threads[thread] = ticket end
end

-- Threads that have ended are kept by nginx until somebody waits for them.
function Sweep:reap()
  for i = #self.ended, 1, -1 do
    local thread = table.remove(self.ended, i)
    self.threads[thread] = nil
    ngx.thread.wait(thread)
  end
  if self.failed then error(self.problem, 0) end
end

function Sweep:tell(id, result, info)
  self.calls[id] = nil
  if result ~= true and self.errors then self.errors[id] = result end
  if self.on_result and self.on_result(id, result, info) == false then
    self.batch:stop("on_result returned false")
  end
end

-- One step; the summary at the end.
function Sweep:step()
  local gate = self.client.gate
  if gate then gate:before_next() end
  local step, value, more, info = self.batch:next(now(), wall())
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
function Sweep:give_way()
  self.busy = self.busy + 1
  if self.busy < STEPS_WITHOUT_PAUSE then return end
  self.busy = 0
  ngx.sleep(0)
end

function Sweep:run()
  local summary
  repeat
    summary = self:step()
    self:reap()
    self:give_way()
  until summary
  return summary
end

-- After a stop: what is left of an array was not sent. An iterator is not called again.
function Sweep:complete(summary)
  if not self.errors then return summary end
  summary.errors = self.errors
  if summary.stopped then
    while self.next_id() do summary.unsent = summary.unsent + 1 end
  end
  return summary
end

-- Leaves nothing under way, and the key gate to others. After a stop that is looks whose answers
-- nobody waits for; when something was raised, anything.
function Sweep:abandon()
  local gate = self.client.gate
  for thread in pairs(self.threads) do ngx.thread.kill(thread) end
  self.batch:abandon()
  for _, call in pairs(self.calls) do
    if gate then gate:drop(call.request) end
  end
end

local function new_sweep(client, batch, ids, opts)
  local is_array = type(ids) == "table"
  return setmetatable({
    client = client, batch = batch, opts = opts,
    next_id = is_array and each_entry(ids) or ids,
    errors = is_array and {} or nil,
    on_result = opts and opts.on_result or client.on_result,
    calls = {}, threads = {}, ended = {}, news = semaphore.new(0), busy = 0,
  }, Sweep)
end

--- The summary, or nil and the error when it could not start. `ids` is an array or an iterator,
-- which may yield, as on_result may; each request has a light thread, `concurrency` at most.
function Client:delete_snapshots(project, ids, opts)
  check_phase()
  check_ids(ids)
  local batch, err = self.core:start("delete_snapshots", project, nil, opts)
  if not batch then return nil, err end
  local sweep = new_sweep(self, batch, ids, opts)
  local ok, summary = pcall(sweep.run, sweep)
  sweep:abandon()
  if not ok then error(summary, 0) end
  return sweep:complete(summary)
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

local OWN = { transport = true, shared = true }

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
-- and `transport` and `shared`. It does no I/O and may be made in init_by_lua.
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
    connect_timeout = opts.connect_timeout or 5,
    on_attempt = opts.on_attempt,
    on_result = opts.on_result,
  }, Client)
end

return evs
