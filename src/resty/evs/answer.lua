--- Reads the answer to an HTTP/1.1 request, strictly: what is not exactly an answer is a failure,
-- since what becomes of a deletion depends on it.

local clock = require "resty.evs.clock"

local byte, find, lower = string.byte, string.find, string.lower
local match, sub, concat = string.match, string.sub, table.concat
local now, milliseconds = clock.now, clock.milliseconds

local M = {}

local HEAD_MOST = 64 * 1024 -- bytes of a head, those of 1xx before it included; or of a trailer
local CHUNK_LINE_MOST = 1024
local READ_MOST = 64 * 1024

-- ---- failures ---------------------------------------------------------------------------------

-- Raised inside this module, and returned as nil, code, message by its functions.
local Failure = {}

local function fail(code, message)
  error(setmetatable({ code = code, message = message }, Failure), 0)
end

local function bad(message)
  return fail("Client.BadResponse", message)
end

local function caught(ok, ...)
  if ok then return ... end
  local failure = ...
  if getmetatable(failure) ~= Failure then error(failure, 0) end
  return nil, failure.code, failure.message
end

-- ---- bytes ------------------------------------------------------------------------------------

-- What was received of an answer and not yet used: `buffer` from `position` on.
local Reader = {}
Reader.__index = Reader

local function new_reader(socket, deadline)
  return setmetatable({ socket = socket, deadline = deadline, buffer = "", position = 1 }, Reader)
end

-- Waits for more. False at the orderly end of the connection.
function Reader:fill()
  local left = self.deadline - now()
  if left <= 0 then return fail("Client.Timeout", "no answer came in time") end
  self.socket:settimeout(milliseconds(left))
  local text, reason = self.socket:receiveany(READ_MOST)
  if text then
    self.buffer = sub(self.buffer, self.position) .. text
    self.position = 1
    return true
  end
  if reason == "closed" then return false end
  if reason == "timeout" then return fail("Client.Timeout", "no answer came in time") end
  return fail("Client.Network", "reading the answer: " .. tostring(reason))
end

function Reader:is_empty()
  return self.position > #self.buffer
end

local function cut(where)
  return fail("Client.Network", "the connection was closed " .. where)
end

-- The next line, without its CRLF; `self.room` bytes are left for it and those after it.
function Reader:line()
  local from = self.position
  local feed = find(self.buffer, "\n", from, true)
  while not feed do
    local length = #self.buffer - self.position + 1
    if length > self.room then return bad("the answer's header is too large") end
    if not self:fill() then
      return cut(self.begun and "inside the answer's header" or "without an answer")
    end
    feed = find(self.buffer, "\n", self.position + length, true)
  end
  self.begun = true
  local line = sub(self.buffer, self.position, feed - 2)
  self.room = self.room - (feed - self.position + 1)
  if self.room < 0 then return bad("the answer's header is too large") end
  if byte(self.buffer, feed - 1) ~= 13 or feed == self.position then
    return bad("a line of the answer's header does not end with CRLF")
  end
  if find(line, "[%z\1-\8\10-\31\127]") then
    return bad("there is a control character in the answer's header")
  end
  self.position = feed + 1
  return line
end

-- From 1 to `most` bytes, or nil at the end of the connection.
function Reader:some(most)
  if self:is_empty() and not self:fill() then return nil end
  local part = sub(self.buffer, self.position, self.position + most - 1)
  self.position = self.position + #part
  return part
end

-- ---- the head ---------------------------------------------------------------------------------

local function read_status(reader)
  local version, status, rest = match(reader:line(), "^HTTP/1%.([01]) (%d%d%d)(.*)$")
  if not version or (rest ~= "" and byte(rest) ~= 32) or status < "100" or status == "101" then
    return bad("the answer does not begin as HTTP/1.1 does")
  end
  return tonumber(status), version
end

-- A field's lower-case name and its value. A line that begins with a blank (obs-fold) has no name.
local function parse_field(line)
  local name, value = match(line, "^([!#$%%&'*+%-.^_`|~%w]+):[ \t]*(.-)[ \t]*$")
  if not name then return bad("there is a malformed line in the answer's header") end
  return lower(name), value
end

local function read_fields(reader)
  local fields = {}
  local line = reader:line()
  while line ~= "" do
    local name, value = parse_field(line)
    local before = fields[name]
    if type(before) == "table" then
      before[#before + 1] = value
    else
      fields[name] = before and { before, value } or value
    end
    line = reader:line()
  end
  return fields
end

-- ---- the body ---------------------------------------------------------------------------------

-- The one value of a length that is given once, or several times alike.
local function parse_length(given)
  local values = type(given) == "table" and given or { given }
  for _, value in ipairs(values) do
    if value ~= values[1] then return bad("the answer has two lengths") end
  end
  if not find(values[1], "^%d+$") or #values[1] > 15 then
    return bad("the answer's Content-Length is no number")
  end
  return tonumber(values[1])
end

-- "chunked", a length, or nil: to the end of the connection.
local function framing(fields, version, status)
  local coding, length = fields["transfer-encoding"], fields["content-length"]
  if coding and length then return bad("the answer has two lengths") end
  if coding and (version == "0" or type(coding) == "table" or lower(coding) ~= "chunked") then
    return bad("the answer's Transfer-Encoding is not chunked")
  end
  length = length and parse_length(length)
  if status == 204 or status == 304 then return 0 end
  return coding and "chunked" or length
end

-- Parts up to `limit` bytes and one more, which tells that there were more.
local Body = {}
Body.__index = Body

function Body:add(part)
  self.room = self.room - #part
  self[#self + 1] = self.room < 0 and sub(part, 1, #part + self.room) or part
  return self.room > 0
end

-- False when the body was longer than is wanted; then the rest of it is still unread.
local function read_length(reader, body, length)
  while length > 0 do
    local part = reader:some(math.min(length, READ_MOST))
    if not part then return cut("inside the answer's body") end
    length = length - #part
    if not body:add(part) then return false end
  end
  return true
end

local function read_to_end(reader, body)
  for part in function() return reader:some(READ_MOST) end do
    if not body:add(part) then break end
  end
  return false
end

local function read_chunk_size(reader)
  reader.room = CHUNK_LINE_MOST
  local line = reader:line()
  local digits = match(line, "^(%x+)$") or match(line, "^(%x+)[ \t]*;")
  if not digits or #digits > 8 then return bad("the answer has a malformed chunk") end
  return tonumber(digits, 16)
end

local function read_chunks(reader, body)
  local size = read_chunk_size(reader)
  while size > 0 do
    if not read_length(reader, body, size) then return false end
    reader.room = CHUNK_LINE_MOST
    if reader:line() ~= "" then return bad("the answer has a malformed chunk") end
    size = read_chunk_size(reader)
  end
  reader.room = HEAD_MOST
  read_fields(reader)
  return true
end

local function read_body(reader, how, limit)
  local body = setmetatable({ room = limit + 1 }, Body)
  local whole
  if how == "chunked" then
    whole = read_chunks(reader, body)
  elseif how then
    whole = read_length(reader, body, how)
  else
    whole = read_to_end(reader, body)
  end
  return concat(body), whole
end

-- ---- the answer -------------------------------------------------------------------------------

-- Whether some value of the Connection header has the word "close".
local function says_close(fields)
  local given = fields.connection or ""
  local text = type(given) == "table" and concat(given, ",") or given
  return find("," .. lower(text) .. ",", ",%s*close%s*,") ~= nil
end

local function read_answer(socket, deadline, limit)
  local reader = new_reader(socket, deadline)
  local status, version, fields
  reader.room = HEAD_MOST
  repeat
    status, version = read_status(reader)
    fields = read_fields(reader)
  until status >= 200
  local body, whole = read_body(reader, framing(fields, version, status), limit)
  local kept = whole and version == "1" and not says_close(fields) and reader:is_empty()
  return status, fields, body, kept
end

--- Reads an answer from anything with a cosocket's settimeout and receiveany, until `deadline` on
-- the monotonic clock.
-- @return status, headers (lower-case names), body, whether the connection may be used again;
-- or nil, code, message. Of a body longer than `limit` come `limit` bytes and one more.
function M.read(socket, deadline, limit)
  return caught(pcall(read_answer, socket, deadline, limit))
end

return M
