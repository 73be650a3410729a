--- The rules of a deletion against a model of the cloud: seeded runs without a network.
--
--   local model = require "spec.model.model"
--   local fault = model.run(seed, number)        nil, or { fault =, seed =, number =, trace = }
--
-- A run makes one client and one to four machines on it, drives them at once through time that it
-- makes up, and lets the model cloud (model_cloud) behind a model network (model_network) answer.
-- What the machines do is watched at each step (model_watch, model_call, model_gate), and what they
-- say in the end is held against the cloud's real state (model_truth).

local Call = require "spec.model.call"
local Cloud = require "spec.model.cloud"
local Random = require "spec.model.random"
local Watch = require "spec.model.watch"
local evs = require "evs"
local network = require "spec.model.network"
local plans = require "spec.model.plan"
local probe = require "core_probe"

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local model = {}

local World = {}
World.__index = World

local STEPS_MOST = 20000

-- --- the client and its machines -----------------------------------------------------------------

local function make_client(plan, random)
  local client, err = evs.new({
    endpoint = plan.endpoint, tls_verify = plan.tls_verify, allow_http = plan.allow_http,
    ak = plan.ak, sk = plan.sk, security_token = plan.security_token, token = plan.token,
  })
  assert(client, tostring(err))
  probe.seed(client, random:upto(2 ^ 30))
  return client
end

function World:start(index)
  local random, plan = self.random, self.plan
  local snapshot = random:pick(self.cloud.snapshots)
  local operation = random:chance(0.06) and "show_snapshot" or "delete_snapshot"
  local options = plans.options(random, plan)
  local id, shown = snapshot.id, nil
  local visible = self.cloud:visible(snapshot, self.now)
  if operation == "delete_snapshot" and random:chance(0.2) then
    local status = visible == "gone" and "available" or visible
    id, shown = plans.passed(random, plan, snapshot, status)
  end
  local call = Call.new(index, operation, snapshot, options, shown)
  call.agency = plan.agency
  call.url = plan.endpoint .. "/v2/" .. plan.project .. "/cloudsnapshots/" .. snapshot.id
  call.left = 0
  local task = { call = call, index = index }
  task.machine = self.client:start(operation, plan.project, id, options)
  self.tasks[index] = task
  self:note(call, "%s of %s %s, status %s%s, options %s", operation, type(id), snapshot.id, visible,
    snapshot.backup and ", a backup's" or "", options)
  self:at(self.now, "look", task)
  if random:chance(self.plan.impatience) then
    self:at(self.now + random:scale(0.01, 20), random:chance(0.7) and "cancel" or "abandon", task)
  end
end

-- --- the trace -----------------------------------------------------------------------------------

local function describe(value)
  if type(value) ~= "table" then
    return tostring(value)
  end
  local names, parts = {}, {}
  for name in pairs(value) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  for i, name in ipairs(names) do
    local field = value[name]
    if type(field) == "table" then
      field = table.concat(field, ",")
    elseif type(field) == "number" then
      field = ("%.10g"):format(field)
    end
    parts[i] = name .. "=" .. tostring(field)
  end
  return "{" .. table.concat(parts, " ") .. "}"
end

-- Notes a line of the run; formats only when somebody will read it.
function World:note(call, format, ...)
  if not self.trace then
    return
  end
  local values = { ... }
  for i = 1, select("#", ...) do
    if type(values[i]) == "table" then
      values[i] = describe(values[i])
    end
  end
  local text = format:format(unpack(values)):gsub("[%c]", "."):sub(1, 800)
  self.trace[#self.trace + 1] = ("%10.4f  %-5s %s"):format(
    self.now, call and "#" .. ("%d"):format(call.index) or "", text)
end

-- --- time ----------------------------------------------------------------------------------------

function World:at(time, what, subject)
  self.agenda[#self.agenda + 1] = { time = time, what = what, subject = subject }
end

-- The next thing to happen, the earliest of those that were put down first.
function World:take()
  local agenda = self.agenda
  local first, time = 1, agenda[1].time
  for i = 2, #agenda do
    if agenda[i].time < time then
      first, time = i, agenda[i].time
    end
  end
  return table.remove(agenda, first)
end

function World:mono()
  return self.plan.mono + self.now
end

-- What the client's own clock says.
function World:wall()
  local plan = self.plan
  local skew = self.now >= plan.clock_steps_at and plan.clock_step or plan.skew
  return plan.epoch + self.now - skew
end

-- --- what happens --------------------------------------------------------------------------------

local happen = {}

function happen.start(world, index)
  world:start(index)
end

-- A request for keys: it goes to the metadata service of the run.
local function send_for_keys(world, task, request)
  local service = world.cloud.service
  local wrong = not service and "a request for keys though there are some"
    or service:send(request, world.now)
  if wrong then
    Watch.fault(wrong)
  end
  task.call:look(world.now)
  request.for_keys, task.request = true, request
  request.fate = service:fate(request, world.now)
  world:note(task.call, "KEYS %s %s, %g s at most, ends %g", request.method, request.url,
    request.seconds, request.fate.finish)
  world:at(request.fate.finish, "finish", task)
end

local function send(world, task, wanted)
  local call = task.call
  local request = {
    call = call, method = wanted.method, url = wanted.url, headers = wanted.headers,
    sent_at = world.now, deadline = wanted.deadline - world.plan.mono, until_mono = wanted.deadline,
    seconds = wanted.deadline - world:mono(), wall = world:wall(),
  }
  if wanted.metadata then
    send_for_keys(world, task, request)
    return
  end
  request.key = not world.plan.token and world.cloud:key_of(request) or nil
  world:note(call, "SEND %s, %g s at most", request.method, request.deadline - world.now)
  world.watch:send(call, request, world.now)
  local fate = network.fate(world, request)
  request.fate, task.request = fate, request
  world:note(call, "  %s: arrives %g %g, ends %g, %s%s", fate.kind or "goes well",
    fate.arrivals[1] or 0, fate.arrivals[2] or 0, fate.finish,
    fate.failure and fate.failure[1] or "", fate.answer and ("%d"):format(fate.answer.status) or "")
  for _, arrival in ipairs(fate.arrivals) do
    world:at(arrival, "arrive", request)
  end
  world:at(fate.finish, "finish", task)
end

local function finish(world, task, what, result, err)
  local call = task.call
  world:note(call, "DONE %s", err and tostring(err) or tostring(result))
  world.watch:done(call, result, err, world.now)
  local again = { task.machine:next(world:mono() + world.random:unit(), world:wall()) }
  Watch.again({ what, result, err }, again)
  world.left = world.left - 1
end

-- The driver asks the machine what to do.
function happen.look(world, task)
  local call = task.call
  if call.over or call.abandoned or task.request then
    return
  end
  local what, detail, err = task.machine:next(world:mono(), world:wall())
  if what == "send" then
    task.waits = false
    send(world, task, detail)
  elseif what == "sleep" then
    if not task.waits then
      world:note(call, "SLEEP %g", detail)
    end
    task.waits = detail <= 0.05 -- of those who wait for the key the trace shows the first look
    world.watch:sleep(call, detail, world.now)
    local late = world.random:unit() * world.plan.lateness
    if world.random:chance(0.04) then
      late = -detail * world.random:unit() -- some loops wake up for other reasons
    end
    world:at(world.now + detail + late, "look", task)
  else
    finish(world, task, what, detail, err)
  end
end

-- A request reaches the cloud.
function happen.arrive(world, request)
  local answer, wrong = world.cloud:handle(request, world.now)
  if wrong then
    Watch.fault(wrong)
  end
  world:note(request.call, "  the cloud answers %d %s; the snapshot is %s", answer.status,
    answer.code or "", world.cloud:truth(request.call.snapshot, world.now))
  if request.handled_at then
    return -- a second copy: its answer goes nowhere
  end
  if request.fate.reshape and answer.shown then
    answer = request.fate.reshape(answer.shown)
  end
  request.answer, request.handled_at = answer, world.now
  request.truth = world.cloud:truth(request.call.snapshot, world.now)
end

local function finish_keys(world, task, fate)
  world.cloud.service:release(task.call)
  if fate.failure then
    world:note(task.call, "  no keys: %s", fate.failure[1])
    task.machine:fail(fate.failure[1], fate.failure[2], fate.failure[3])
  else
    world:note(task.call, "  of keys: %d %s", fate.answer.status, fate.answer.body)
    task.call.fresh_key = fate.answer.hands
    task.machine:reply(fate.answer.status, fate.answer.headers, fate.answer.body)
  end
end

-- The carrier has a result for the machine.
function happen.finish(world, task)
  local call, request = task.call, task.request
  if not request or call.abandoned or call.over then
    return
  end
  local fate = request.fate
  task.request = nil
  if request.for_keys then
    finish_keys(world, task, fate)
  elseif fate.failure then
    local failure = fate.failure
    world:note(call, "  fails: %s %s", failure[1], failure[3])
    world.watch:failed(call, request, failure)
    task.machine:fail(failure[1], failure[2], failure[3])
  else
    local answer = fate.answer or request.answer
    request.answered_instead = fate.answer ~= nil
    world:note(call, "  gets %d %s", answer.status, answer.body)
    world.watch:reply(call, request, answer, world.now)
    task.machine:reply(answer.status, answer.headers, answer.body)
  end
  happen.look(world, task)
end

function happen.cancel(world, task)
  if task.call.over or task.call.abandoned then
    return
  end
  world:note(task.call, "CANCEL")
  local ended = task.call.expected
  local request = task.request
  if request and request.for_keys then
    world.cloud.service:release(task.call)
    request = nil
  end
  if not ended then
    world.watch:cancel(task.call, request)
  end
  task.machine:cancel()
  task.request = nil
  happen.look(world, task)
end

-- Nobody drives the machine any more, and it is not collected before the run ends.
function happen.abandon(world, task)
  local call = task.call
  if not call.over and not call.abandoned then
    world:note(call, "ABANDON")
    call.abandoned = true
    world.left = world.left - 1
  end
end

function happen.close(world)
  world:note(nil, "CLOSE")
  world.client:close()
  world.watch.closed = true
end

function happen.interfere(world, snapshot)
  world.cloud:interfere(snapshot, world.now)
  world:note(nil, "another actor: %s is %s", snapshot.id, world.cloud:truth(snapshot, world.now))
end

-- --- a run ---------------------------------------------------------------------------------------

local function prepare(seed, number, statistics)
  local random = Random.new(seed, number)
  local plan = plans.draw(random)
  local world = setmetatable({
    random = random, plan = plan, now = 0, agenda = {}, tasks = {}, left = plan.machines,
    cloud = Cloud.new(random, plan), client = make_client(plan, random),
  }, World)
  world.watch = Watch.new(plan, world.cloud.service, statistics)
  local start = 0
  for i = 1, plan.machines do
    world:at(start, "start", i)
    start = start + random:weighted({ 4, 0, 2, random:scale(0.01, 3), 2, 20, 1, 320 })
  end
  if plan.actors then
    for _ = 1, random:upto(3) do
      world:at(random:scale(0.01, 30), "interfere", random:pick(world.cloud.snapshots))
    end
  end
  if random:chance(0.01) then
    world:at(random:scale(0.01, 10), "close")
  end
  return world
end

-- Lets everything happen. What the agenda still holds after the last call is done happens as well:
-- the cloud's state must stay right.
local function play(world)
  local steps = 0
  while #world.agenda > 0 do
    local event = world:take()
    world.now = math.max(world.now, event.time)
    happen[event.what](world, event.subject)
    steps = steps + 1
    if steps > STEPS_MOST then
      Watch.fault("the run does not end")
    end
  end
  if world.left ~= 0 then
    Watch.fault("a call did not end")
  end
end

-- Statistics over the runs of a process, for what a single run cannot show.
local statistics = { pauses = 0, share = 0, runs = 0, requests = 0 }

local function attempt(seed, number, trace)
  local ok, world = pcall(prepare, seed, number, statistics)
  if not ok then
    return { fault = tostring(world), trace = {} }
  end
  world.trace = trace
  world:note(nil, "plan %s", world.plan)
  local played, fault = pcall(play, world)
  statistics.runs = statistics.runs + 1
  if not played then
    fault = type(fault) == "table" and fault or { fault = tostring(fault) }
    return fault
  end
  return nil
end

--- One run: nil, or what was wrong with it.
function model.run(seed, number)
  local fault = attempt(seed, number)
  if not fault then
    return nil
  end
  local trace = {}
  local again = attempt(seed, number, trace)
  fault.trace, fault.seed, fault.number = trace, seed, number
  fault.repeats = again ~= nil and again.fault == fault.fault
  return fault
end

--- The jitter of all pauses so far: its mean as a share of the ceiling, and how many there were.
function model.jitter()
  return statistics.share / statistics.pauses, statistics.pauses
end

return model
