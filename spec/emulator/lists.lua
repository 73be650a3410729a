--- Lists: which rows a query chooses, in which order, and which of them its page has.

local cjson = require "cjson"
local answers = require "emulator.answers"
local filters = require "emulator.filters"
local query = require "emulator.query"
local refusals = require "emulator.refusals"
local settings = require "emulator.settings"
local snapshots = require "emulator.snapshots"
local views = require "emulator.views"
local volumes = require "emulator.volumes"

local lists = {}

local MOST_ROWS = 1000

local STORES = { snapshots = snapshots, volumes = volumes }

local function whole_number(text)
  return text:match("^%d+$") and tonumber(text)
end

local function contains(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then return true end
  end
  return false
end

-- Reads offset and limit into `page`. Returns nil, or EVS's code and what is wrong.
local function read_window(page, list, parameters)
  page.offset = whole_number(query.value(parameters, "offset") or "0")
  if not page.offset then return "EVS.5400", "offset must be 0 or more." end
  local limit = whole_number(query.value(parameters, "limit") or tostring(MOST_ROWS))
  if not limit or limit < 1 then return "EVS.1023", "limit must be 1 or more." end
  if limit > MOST_ROWS and list.high_limit == "refuse" then
    return "EVS.2142", ("limit must be 1 to %d."):format(MOST_ROWS)
  end
  page.limit = math.min(limit, MOST_ROWS, settings.get("page_size"))
  return nil
end

local function read_order(page, list, parameters)
  page.sort_key = query.value(parameters, "sort_key") or "created_at"
  page.sort_dir = query.value(parameters, "sort_dir") or "desc"
  if #list.sorts == 0 then
    page.sort_key, page.sort_dir = "created_at", "desc"
  elseif not contains(list.sorts, page.sort_key) then
    return "EVS.5400", "sort_key is none."
  elseif page.sort_dir ~= "asc" and page.sort_dir ~= "desc" then
    return "EVS.5400", "sort_dir must be asc or desc."
  end
  return nil
end

-- What a query asks for, or nil, EVS's code and what is wrong.
local function read(list, parameters)
  local page = {}
  local code, problem = read_window(page, list, parameters)
  if not code then code, problem = read_order(page, list, parameters) end
  if code then return nil, code, problem end
  page.wanted, page.ids = filters.read(list, parameters, settings.get("id_lists"))
  if not page.wanted then return nil, "EVS.5400", page.ids end
  if list.markers and settings.get("markers") == "heed" then
    page.marker = query.value(parameters, "marker")
  end
  return page
end

-- The snapshots or disks that there are for a generation: of all, or with `ids` at least of these.
local function existing(store, generation, project_id, ids)
  if store == volumes then return volumes.all(project_id) end
  local found = {}
  local both = settings.get("other_kind") == "seen"
  for _, snapshot in ipairs(ids and snapshots.some(project_id, ids) or snapshots.all(project_id)) do
    if both or snapshots.is(snapshot, generation.kind) then found[#found + 1] = snapshot end
  end
  return found
end

-- Puts items in order that are there youngest first.
local function sort(items, page, value)
  local key, down = page.sort_key, page.sort_dir == "desc"
  if key == "created_at" and down then return end
  table.sort(items, function(a, b)
    if down then a, b = b, a end
    local left, right = value(a, key), value(b, key)
    if type(left) ~= "number" or type(right) ~= "number" then
      left, right = tostring(left), tostring(right)
    end
    if left ~= right then return left < right end
    return a.id < b.id
  end)
end

-- Those of the items that are wanted and stand behind the marker, and how many are wanted in all;
-- nil when the marker is not there.
local function choose(items, page, value)
  local matches = filters.matcher(page.wanted, page.ids, value)
  local chosen, count, behind = {}, 0, page.marker == nil
  for _, item in ipairs(items) do
    if matches(item) then
      count = count + 1
      if behind then chosen[#chosen + 1] = item end
    end
    if item.id == page.marker then behind = true end
  end
  if not behind then return nil end
  return chosen, count
end

-- The link that leads on from a page whose last item is `last`.
local function next_link(request, list, page, last, parameters)
  local pieces = { { "limit", page.limit } }
  if list.links == "offset" then
    table.insert(pieces, 1, { "offset", page.offset + page.taken })
  else
    pieces[2] = { "marker", last.id }
  end
  for _, name in ipairs { "sort_key", "sort_dir", unpack(list.filters) } do
    for _, value in ipairs(parameters[name] or {}) do pieces[#pieces + 1] = { name, value } end
  end
  return { rel = "next", href = ("%s://%s%s?%s"):format(ngx.var.scheme, ngx.var.http_host,
    request.path, query.text(pieces)) }
end

local function has_next(list, page, left)
  if not list.links or not settings.get("links") or page.taken == 0 then return false end
  if list.links == "offset" then return left > page.taken end
  return page.taken == page.limit
end

-- The body of a list: its rows of `items`, from the offset on.
local function body_of(request, list, page, items, count, parameters)
  local rows, last = {}, nil
  page.taken = 0
  for i = page.offset + 1, math.min(page.offset + page.limit, #items) do
    last = items[i]
    page.taken = page.taken + 1
    for _, row in ipairs(views.rows(list.view, last)) do rows[#rows + 1] = row end
  end
  local parts = { ('"%s":%s'):format(list.rows, answers.array(rows)) }
  if list.count then table.insert(parts, 1, '"count":' .. count) end
  if has_next(list, page, #items - page.offset) then
    parts[#parts + 1] = ('"%s_links":[%s]'):format(list.rows,
      cjson.encode(next_link(request, list, page, last, parameters)))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function answer_of(body)
  local answer = answers.json(200, body)
  answer.openstack = true
  return answer
end

-- What a request asks for of a list: the page, its items, and how many are wanted in all; or nil
-- and the answer that refuses it.
local function look_up(request, generation, list, parameters)
  local page, code, problem = read(list, parameters)
  if not page then return nil, refusals.invalid(generation, code, problem) end
  local store = STORES[list.rows]
  local items = existing(store, generation, request.project_id, not page.marker and page.ids)
  sort(items, page, store.value)
  local chosen, count = choose(items, page, store.value)
  if chosen then return page, chosen, count end
  local how = settings.get("lost_marker", generation)
  if how == "missing" then return nil, refusals.missing(generation, page.marker) end
  if how == "refuse" then
    return nil, refusals.invalid(generation, "EVS.1024", "marker is none.")
  end
  page.marker = nil
  return page, choose(items, page, store.value)
end

--- Answers a request for a list.
function lists.answer(request, generation, list)
  local parameters = query.parse(request.query)
  local page, items, count = look_up(request, generation, list, parameters)
  if not page then return items end
  return answer_of(body_of(request, list, page, items, count, parameters))
end

--- Answers a request for the number of a list's rows.
function lists.count(request, generation, list)
  local page, items, count = look_up(request, generation, list, query.parse(request.query))
  if not page then return items end
  return answer_of({ count = count })
end

return lists
