--- The control API below /emulator/: how specs prepare the emulator and ask what happened.

local cjson = require "cjson"
local answers = require "emulator.answers"
local checks = require "emulator.checks"
local clock = require "emulator.clock"
local facts = require "emulator.facts"
local journal = require "emulator.journal"
local iam = require "emulator.iam"
local keys = require "emulator.keys"
local limiter = require "emulator.limiter"
local metadata = require "emulator.metadata"
local misbehave = require "emulator.misbehave"
local seed = require "emulator.seed"
local settings = require "emulator.settings"
local snapshots = require "emulator.snapshots"
local state = require "emulator.state"
local volumes = require "emulator.volumes"

local control = {}

local DONE = answers.json(200, '{"ok":true}')

local function bad(message)
  return answers.json(400, { error = message })
end

-- One object or an array of them, as an array.
local function as_array(value)
  if value[1] == nil and next(value) ~= nil then return { value } end
  return value
end

local function put_seed()
  for _, snapshot in ipairs(seed.snapshots(facts.get("project_id"))) do snapshots.put(snapshot) end
end

--- Everything back to its start; with `seeded` the demonstration set is put.
function control.reset(seeded)
  state.clear()
  snapshots.clear()
  journal.reset()
  limiter.set(nil)
  keys.reset()
  state.set("started", true)
  if seeded then put_seed() end
end

local calls = {}

calls["GET "] = function()
  return answers.json(200, { facts = facts.all(), seed = seed.ids, settings = settings.all(),
    skew = clock.skew() })
end

calls["POST reset"] = function(body)
  control.reset(body.seed)
  return DONE
end

calls["POST snapshots"] = function(body)
  local list = as_array(body)
  local problem = checks.all(list, checks.snapshot)
  if problem then return bad(problem) end
  for _, snapshot in ipairs(list) do
    snapshot.project_id = snapshot.project_id or facts.get("project_id")
    snapshots.put(snapshot)
  end
  return answers.json(200, { put = #list })
end

calls["GET snapshots"] = function(_, query)
  local list = {}
  for i, snapshot in ipairs(snapshots.all(query.project_id)) do
    local copy = {}
    for name, value in pairs(snapshot) do copy[name] = value end
    copy.status, copy.shown = snapshots.value(snapshot, "status"), nil
    list[i] = copy
  end
  return answers.json(200, answers.array(list))
end

calls["DELETE snapshots"] = function()
  snapshots.clear()
  return DONE
end

calls["GET log"] = function(_, query)
  if query.count then return answers.json(200, journal.counts()) end
  return answers.json(200, journal.json())
end

calls["POST log"] = function(body)
  local problem = checks.log(body)
  if problem then return bad(problem) end
  journal.reset(body.keep)
  return DONE
end

calls["POST misbehave"] = function(body)
  local wrong = checks.rules(body)
  if wrong then return bad(wrong) end
  local done, problem = misbehave.set(body.rules or as_array(body), body.seed)
  return done and DONE or bad(problem)
end

calls["GET misbehave"] = function()
  return answers.json(200, answers.array(misbehave.rules()))
end

calls["POST clock"] = function(body)
  if type(body.skew) ~= "number" then return bad("skew must be a number of seconds") end
  state.set("skew", body.skew)
  return DONE
end

calls["POST keys"] = function(body)
  local list = as_array(body)
  local problem = checks.all(list, checks.key)
  if problem then return bad(problem) end
  for _, key in ipairs(list) do keys.put(key) end
  return DONE
end

calls["GET keys"] = function()
  return answers.json(200, keys.summary())
end

calls["POST rate"] = function(body)
  local problem = checks.rate(body)
  if problem then return bad(problem) end
  limiter.set(body)
  return DONE
end

calls["POST settings"] = function(body)
  local done, problem = settings.change(body)
  return done and DONE or bad(problem)
end

calls["POST metadata"] = function(body)
  local done, problem = metadata.configure(body)
  return done and DONE or bad(problem)
end

calls["POST iam"] = function(body)
  local done, problem = iam.configure(body)
  return done and DONE or bad(problem)
end

calls["POST volumes"] = function(body)
  local list = as_array(body)
  local problem = checks.all(list, checks.volume)
  if problem then return bad(problem) end
  for _, volume in ipairs(list) do
    volume.project_id = volume.project_id or facts.get("project_id")
    volumes.put(volume)
  end
  return answers.json(200, { put = #list })
end

calls["GET volumes"] = function(_, query)
  return answers.json(200, answers.array(volumes.all(query.project_id)))
end

local function decode_body()
  ngx.req.read_body()
  local text = ngx.req.get_body_data()
  if not text or text == "" then return {} end
  local read, value = pcall(cjson.decode, text)
  return read and type(value) == "table" and value or nil
end

--- Serves a request to the control API.
function control.serve()
  local name = ngx.var.uri:match("^/emulator/([a-z]*)$")
  local call = name and calls[ngx.req.get_method() .. " " .. name]
  if not call then return answers.send(answers.json(404, { error = "no such call" })) end
  local body = decode_body()
  if not body then return answers.send(bad("the body is not a JSON object or array")) end
  return answers.send(call(body, ngx.req.get_uri_args()))
end

return control
