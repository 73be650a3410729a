--- The EVS API: delete, show and list snapshots. Takes requests whose credentials were checked.

local cjson = require "cjson"
local answers = require "emulator.answers"
local signature = require "emulator.signature"
local snapshots = require "emulator.snapshots"
local state = require "emulator.state"

local evs = {}

local DELETABLE = { available = true, error = true }
local FILTERS = { "name", "status", "volume_id", "id", "availability_zone" }
local MOST_ROWS = 1000

local function missing(id)
  local message = ("Snapshot %s could not be found."):format(id)
  if state.settings().missing == "evs" then return answers.evs(404, "EVS.5404", message) end
  return answers.openstack(404, "itemNotFound", message)
end

local function wrong_state(status)
  if status == "error_deleting" and state.settings().wrong_state == "evs" then
    return answers.evs(500, "EVS.2019", "Snapshot is error_deleting and cannot be deleted.")
  end
  if state.settings().wrong_state == "evs" then
    return answers.evs(400, "EVS.1047",
      ("Invalid snapshot: status must be available or error, but it is %s."):format(status))
  end
  return answers.openstack(400, "badRequest", "Invalid snapshot: Snapshot status must be "
    .. "available or error and must not be part of a group.")
end

local function delete(request, id)
  local snapshot = snapshots.get(request.project_id, id)
  if not snapshot then
    return state.settings().any_snapshot and answers.accepted() or missing(id)
  end
  local status = snapshots.status(snapshot)
  if not DELETABLE[status] then return wrong_state(status) end
  snapshots.delete(snapshot)
  return answers.accepted()
end

local function show(request, id)
  local snapshot = snapshots.get(request.project_id, id)
  if not snapshot then return missing(id) end
  local answer = answers.json(200, { snapshot = snapshots.view(snapshot) })
  answer.openstack = true
  return answer
end

local function parse_query(query)
  local values = {}
  for piece in query:gmatch("[^&]+") do
    local name, value = piece:match("^([^=]*)=?(.*)$")
    values[signature.decode(name)] = signature.decode(value)
  end
  return values
end

local function whole_number(text, default, least, most)
  if text == nil then return default end
  local number = text:match("^%d+$") and tonumber(text)
  return number and number >= least and number <= most and number or nil
end

local function matches(snapshot, query)
  for _, name in ipairs(FILTERS) do
    local value = snapshot[name]
    if name == "status" then value = snapshots.status(snapshot) end
    if query[name] and query[name] ~= value then return false end
  end
  return true
end

local function next_link(request, query, offset, limit)
  local parts = { "offset=" .. offset, "limit=" .. limit }
  for _, name in ipairs(FILTERS) do
    if query[name] then parts[#parts + 1] = name .. "=" .. signature.encode(query[name]) end
  end
  return { rel = "next", href = ("%s://%s%s?%s"):format(ngx.var.scheme, ngx.var.http_host,
    request.path, table.concat(parts, "&")) }
end

local function list(request)
  local query = parse_query(request.query)
  local settings = state.settings()
  local offset = whole_number(query.offset, 0, 0, 2 ^ 31)
  local limit = whole_number(query.limit, MOST_ROWS, 1, MOST_ROWS)
  if not offset or not limit then
    return answers.openstack(400, "badRequest",
      ("Invalid input: offset must be 0 or more, limit 1 to %d."):format(MOST_ROWS))
  end
  limit = math.min(limit, settings.page_size)
  local rows, count = {}, 0
  for _, snapshot in ipairs(snapshots.all(request.project_id)) do
    if matches(snapshot, query) then
      count = count + 1
      if count > offset and count <= offset + limit then
        rows[#rows + 1] = snapshots.view(snapshot)
      end
    end
  end
  local body = { '{"count":', count, ',"snapshots":', answers.array(rows) }
  if settings.links and offset + #rows < count then
    body[#body + 1] = ',"snapshots_links":['
      .. cjson.encode(next_link(request, query, offset + #rows, limit)) .. "]"
  end
  body[#body + 1] = "}"
  local answer = answers.json(200, table.concat(body))
  answer.openstack = true
  return answer
end

--- Finds the operation of a request.
-- @return a function that performs it, or nil when the path or the method is unknown
function evs.route(request)
  local rest = request.path:match("^/v2/[^/]+/cloudsnapshots/([^/]+)$")
  if not rest then return nil end
  if rest == "detail" and request.method == "GET" then return list end
  local operation = ({ DELETE = delete, GET = show })[request.method]
  if not operation then return nil end
  local id = signature.decode(rest)
  return function(asked) return operation(asked, id) end
end

return evs
