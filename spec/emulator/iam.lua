--- IAM's list of projects, by which a client finds the project of a region.

local cjson = require "cjson"
local answers = require "emulator.answers"
local facts = require "emulator.facts"
local query = require "emulator.query"
local state = require "emulator.state"

local iam = {}

local DOMAIN = "d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0"

local TYPES = {
  projects = "table",       -- { id, name }: what there is; else the emulator's own
  ignore_name = "boolean",  -- all are listed, whatever name was asked for
  status = "number",        -- this refusal in place of a list
  body = "string",          -- answers a list with exactly this
}

--- Configures the service: fields as above, all others at their start.
-- @return true, or nil and what was wrong
function iam.configure(changes)
  for name, value in pairs(changes) do
    if type(value) ~= TYPES[name] then return nil, "no such field: " .. tostring(name) end
  end
  for _, project in ipairs(changes.projects or {}) do
    if type(project) ~= "table" or not project.id or not project.name then
      return nil, "a project has an id and a name"
    end
  end
  state.set("iam", changes)
  return true
end

local function links(path)
  return { next = cjson.null, previous = cjson.null, self = facts.get("iam_endpoint") .. path }
end

local function view(project)
  local shown = {
    id = project.id, name = project.name, domain_id = DOMAIN, parent_id = DOMAIN,
    is_domain = false, enabled = true, description = "",
    links = links("/v3/projects/" .. project.id),
  }
  for name, value in pairs(project) do shown[name] = value end
  return shown
end

local function projects_of(config)
  return config.projects or { { id = facts.get("project_id"), name = facts.get("region") } }
end

local function list(request, config)
  local wanted = not config.ignore_name and query.value(query.parse(request.query), "name")
  local found = {}
  for _, project in ipairs(projects_of(config)) do
    if not wanted or project.name == wanted then found[#found + 1] = view(project) end
  end
  return answers.json(200, ('{"projects":%s,"links":%s}'):format(answers.array(found),
    cjson.encode(links("/v3/projects"))))
end

local REFUSALS = {
  [401] = { "Unauthorized", "The request you have made requires authentication." },
  [403] = { "Forbidden", "You are not authorized to perform the requested action." },
}

local function refuse(status)
  local words = REFUSALS[status] or { "Error", "The request failed." }
  return answers.json(status, { error = { code = status, title = words[1], message = words[2] } })
end

local function answer_of(request)
  local config = state.get("iam") or {}
  if request.method ~= "GET" or request.path ~= "/v3/projects" then return refuse(404) end
  if config.status then return refuse(config.status) end
  if config.body then return answers.json(200, config.body) end
  return list(request, config)
end

--- Answers a request to IAM whose credentials were checked.
function iam.answer(request)
  local answer = answer_of(request)
  answer.headers = { ["X-IAM-Trace-Id"] = answers.request_id() }
  return answer
end

return iam
