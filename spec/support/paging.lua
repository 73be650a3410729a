--- A model of a server's ordered list and of how it is paged, for machines that are driven by hand.
-- Rows can vanish and appear between two pages; the model remembers which stayed throughout.
--
--   local list = paging.new { rows = 2500, links = "marker", page_size = 100 }
--   local trace = list:run(client, { limit = 10 }, function(number) list:remove(1) end)
--   -- trace.result, trace.err, trace.requests

local cjson = require "cjson"
local machines = require "spec.support.machine"

local paging = {}

local List = {}
List.__index = List

--- A list. `rows`: how many; `links`: nil, "marker" or "offset", the kind of next links it gives;
-- `page_size`: the most rows of a page (1000); `marker`: "strict" answers 404 to one that is gone,
-- "restart" begins anew, "deaf" heeds none.
function paging.new(options)
  local self = setmetatable({ rows = {}, place = {}, stayed = {}, next_id = 0,
    links = options.links, page_size = options.page_size or 1000, marker = options.marker }, List)
  for i = 1, options.rows or 0 do
    self:insert(i)
    self.stayed[self.rows[i].id] = true
  end
  return self
end

--- Puts a new row at a position. Its `order` lies between its neighbours' for good.
function List:insert(position)
  local before, after = self.rows[position - 1], self.rows[position]
  local low = before and before.order or (after and after.order - 2 or 0)
  local high = after and after.order or low + 2
  self.next_id = self.next_id + 1
  local row = { id = "row-" .. self.next_id, order = (low + high) / 2 }
  table.insert(self.rows, position, row)
  self.place[row.id] = row.order
end

--- Takes the row at a position away, if there is one.
function List:remove(position)
  local row = self.rows[position]
  if not row then return end
  table.remove(self.rows, position)
  self.stayed[row.id] = nil
end

local function query_of(url)
  local query = {}
  for name, value in url:match("%?(.*)$"):gmatch("([^&=]+)=([^&]*)") do
    query[name] = value
  end
  return query
end

-- How many rows come before the page that was asked for; nil when its marker is gone.
function List:start_of(query)
  if not query.marker then return tonumber(query.offset or 0) end
  local order = self.place[query.marker]
  if self.marker == "deaf" then return 0 end
  for i, row in ipairs(self.rows) do
    if row.id == query.marker then return i end
    if row.order > order then return self:start_behind(i - 1) end
  end
  return self:start_behind(#self.rows)
end

-- Where a page starts whose marker is gone, and stood behind so many rows.
function List:start_behind(count)
  if self.marker == "strict" then return nil end
  return self.marker == "restart" and 0 or count
end

function List:link(start, count)
  local last = self.rows[start + count]
  if not self.links or not last or start + count >= #self.rows then return "" end
  local where = self.links == "marker" and "marker=" .. last.id or "offset=" .. start + count
  return ',"snapshots_links":[{"rel":"next","href":"http://internal.invalid/v2/x?limit=7&'
    .. where .. '"}]'
end

--- The answer to a request for a page.
function List:answer(request)
  local query = query_of(request.url)
  local start = self:start_of(query)
  if not start then
    return { 404, machines.cinder_error("itemNotFound", 404, "The marker could not be found.") }
  end
  local count = math.min(tonumber(query.limit), self.page_size, math.max(#self.rows - start, 0))
  local rows = {}
  for i = 1, count do
    rows[i] = '{"id":"' .. self.rows[start + i].id .. '","status":"available"}'
  end
  return { 200, '{"snapshots":[' .. table.concat(rows, ",") .. "]" .. self:link(start, count)
    .. "}" }
end

--- Reads the list with a machine of `client`. `between(number)` is called before each page but the
-- first; `filter` and `options` are list_snapshots's. Returns `result`, `err` and the `requests`.
-- (Not machines.run, whose checks cost more than the thousands of runs themselves.)
function List:run(client, filter, between, options)
  local machine = client:start("list_snapshots", machines.PROJECT, filter, options)
  local now, requests = 0, {}
  for _ = 1, 100000 do
    local step, value, err = machine:next(now, machines.WALL + now)
    if step == "done" then return { result = value, err = err, requests = requests } end
    if step == "sleep" then
      now = now + value
    else
      requests[#requests + 1] = value
      if #requests > 1 and between then between(#requests) end
      local answer = self:answer(value)
      machine:reply(answer[1], {}, answer[2])
    end
  end
  error("the list does not end")
end

--- Raises unless `rows` has no row twice, each that stayed throughout, and those in their order.
function List:check(rows)
  local seen, last = {}, nil
  for i, row in ipairs(rows) do
    assert(not seen[row.id], "twice: " .. row.id)
    seen[row.id] = i
  end
  for _, row in ipairs(self.rows) do
    if self.stayed[row.id] then
      assert(seen[row.id], "missed: " .. row.id)
      assert(not last or last < seen[row.id], "out of order: " .. row.id)
      last = seen[row.id]
    end
  end
end

--- The body of a page of these ids.
function paging.page(ids, more)
  local rows = {}
  for i, id in ipairs(ids) do rows[i] = cjson.encode { id = id } end
  return '{"snapshots":[' .. table.concat(rows, ",") .. "]" .. (more or "") .. "}"
end

return paging
