--- What was asked of the emulator, in order, from the moment each request arrived.
--
-- A record is kept in two pieces: what is known on arrival ("r:<n>", JSON without its closing
-- brace) and what is known at the end ("e:<n>"); so a request that is still being answered, or was
-- cut, is in the log as well.

local cjson = require "cjson"
local query = require "emulator.query"

local journal = {}

local dict = ngx.shared.evs_journal
local KEEP = 50000

-- What is to be noted at the end of the requests that are being answered, by number. Each request
-- carries its number in $evs_request, which survives an internal redirect where ngx.ctx does not.
local open = {}

local function current()
  return open[tonumber(ngx.var.evs_request)] or {}
end

local function open_now(generation)
  local count = 0
  for _, entry in pairs(open) do
    if entry.generation == generation then count = count + 1 end
  end
  return count
end

--- Empties the journal and counts from 1 again. `keep`: how many records are kept (50,000); with 0
-- only the counts are.
function journal.reset(keep)
  local generation = (dict:get("generation") or 0) + 1
  dict:flush_all()
  dict:flush_expired()
  dict:set("generation", generation)
  if keep then dict:set("keep", keep) end
end

--- Notes a request on its arrival. The request gets its number, `n`.
function journal.arrived(request)
  local n = dict:incr("n", 1, 0)
  request.n = n
  dict:incr("count:" .. (request.service == "evs" and "" or request.service .. ".")
    .. request.method, 1, 0)
  local keep = dict:get("keep") or KEEP
  if keep == 0 then return end
  local var = ngx.var
  local generation = dict:get("generation")
  open[n] = { n = n, generation = generation }
  local record = {
    n = n, time = ngx.now(), service = request.service, method = request.method,
    uri = request.uri, query = request.query ~= "" and query.parse(request.query) or nil,
    headers = request.headers, host = var.http_host,
    connection = tonumber(var.connection), connection_requests = request.connection_requests,
    port = tonumber(var.server_port), tls = var.https == "on",
    resumed = var.ssl_session_reused == "r",
    http_version = ngx.req.http_version(), body_bytes = #request.body,
    open = open_now(generation),
  }
  dict:set("r:" .. n, (cjson.encode(record):gsub("}$", "")))
  dict:delete("r:" .. n - keep)
  dict:delete("e:" .. n - keep)
  ngx.var.evs_request = n
end

--- Notes what the check of the credentials said.
function journal.authenticated(verdict)
  current().authenticated = verdict
end

--- Notes that the misbehaviour at hand is `what`.
function journal.misbehaved(what)
  current().misbehaviour = what
end

--- Notes the end of the request at hand; called when nginx is done with it.
function journal.ended()
  local entry = current()
  if not entry.n then return end
  open[entry.n] = nil
  -- A request that was still hanging when the journal was emptied has no place in the new one.
  if entry.generation ~= dict:get("generation") then return end
  local status = tonumber(ngx.var.status)
  dict:set("e:" .. entry.n, (cjson.encode {
    status = status == 444 and "cut" or status,
    authenticated = entry.authenticated,
    misbehaviour = entry.misbehaviour,
    seconds = tonumber(ngx.var.request_time),
  }:gsub("^{", ",")))
end

--- The records as a JSON array.
function journal.json()
  local last = dict:get("n") or 0
  local parts = {}
  for n = math.max(1, last - (dict:get("keep") or KEEP) + 1), last do
    local arrived = dict:get("r:" .. n)
    if arrived then parts[#parts + 1] = arrived .. (dict:get("e:" .. n) or "}") end
  end
  return "[" .. table.concat(parts, ",\n") .. "]"
end

--- How many requests came, by method; those to other services as "metadata.GET".
function journal.counts()
  local counts = {}
  for _, name in ipairs(dict:get_keys(0)) do
    local method = name:match("^count:(.+)$")
    if method then counts[method] = dict:get(name) end
  end
  return counts
end

return journal
