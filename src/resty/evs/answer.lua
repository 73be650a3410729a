--- Reads the answer to an HTTP/1.1 request, strictly: what is not exactly an answer is a failure,
-- since what becomes of a deletion depends on it.

local clock = require "resty.evs.clock"

local byte, find, lower = string.byte, string.find, string.lower
local match, sub, concat = string.match, string.sub, table.concat
local now, milliseconds = clock.now, clock.milliseconds

local M = {}

-- Bytes of all lines of an answer, trailers and informational answers included, each line counted
-- with 32 more; and bytes of one line.
local LINES_MOST = 256 * 1024
local LINE_OVERHEAD = 32
local LINE_MOST = 64 * 1024
local INFORMATIONAL_MOST = 100
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
  return setmetatable({ socket = socket, deadline = deadline, buffer = "", position = 1,
    room = LINES_MOST }, Reader)
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

-- Where the next line's LF is, at most `most` bytes away.
function Reader:find_line_end(most)
  local feed = find(self.buffer, "\n", self.position, true)
  while not feed do
    local length = #self.buffer - self.position + 1
    if length > most then return bad("the answer's header is too large") end
    if not self:fill() then
      return cut(self.begun and "inside the answer's header" or "without an answer")
    end
    feed = find(self.buffer, "\n", self.position + length, true)
  end
  if feed - self.position >= most then return bad("the answer's header is too large") end
  return feed
end

-- The next line, without its CRLF; it has at most `most` bytes.
function Reader:line(most)
  local feed = self:find_line_end(most)
  self.begun = true
  local line = sub(self.buffer, self.position, feed - 2)
  if byte(self.buffer, feed - 1) ~= 13 or feed == self.position then
    return bad("a line of the answer's header does not end with CRLF")
  end
  if find(line, "[%z\1-\8\10-\31\127]") then
    return bad("there is a control character in the answer's header")
  end
  self.position = feed + 1
  return line
end

-- The next line of a head or a trailer; `self.room` bytes are left for it and those after it.
function Reader:head_line()
  local line = self:line(math.min(self.room - LINE_OVERHEAD, LINE_MOST))
  self.room = self.room - #line - 2 - LINE_OVERHEAD
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
  local version, status, rest = match(reader:head_line(), "^HTTP/1%.([01]) (%d%d%d)(.*)$")
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
  local line = reader:head_line()
  while line ~= "" do
    local name, value = parse_field(line)
    local before = fields[name]
    if type(before) == "table" then
      before[#before + 1] = value
    else
      fields[name] = before and { before, value } or value
    end
    line = reader:head_line()
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

-- Up to `limit` bytes and one more, which tells that there were more. Small parts are joined in
-- time: sixteen million of one byte would take a quarter of a gigabyte.
local Body = {}
Body.__index = Body

local PARTS_MOST = 1024

local function new_body(limit)
  return setmetatable({ room = limit + 1, joined = {}, parts = {} }, Body)
end

function Body:add(part)
  self.room = self.room - #part
  self.parts[#self.parts + 1] = self.room < 0 and sub(part, 1, #part + self.room) or part
  if #self.parts == PARTS_MOST then
    self.joined[#self.joined + 1] = concat(self.parts)
    self.parts = {}
  end
  return self.room > 0
end

function Body:text()
  return concat(self.joined) .. concat(self.parts)
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
  local line = reader:line(CHUNK_LINE_MOST)
  local digits = match(line, "^(%x+)$") or match(line, "^(%x+)[ \t]*;")
  if not digits or #digits > 8 then return bad("the answer has a malformed chunk") end
  return tonumber(digits, 16)
end

local function read_chunks(reader, body)
  local size = read_chunk_size(reader)
  while size > 0 do
    if not read_length(reader, body, size) then return false end
    if reader:line(CHUNK_LINE_MOST) ~= "" then return bad("the answer has a malformed chunk") end
    size = read_chunk_size(reader)
  end
  read_fields(reader)
  return true
end

local function read_body(reader, how, limit)
  local body = new_body(limit)
  local whole
  if how == "chunked" then
    whole = read_chunks(reader, body)
  elseif how then
    whole = read_length(reader, body, how)
  else
    whole = read_to_end(reader, body)
  end
  return body:text(), whole
end

-- ---- the answer -------------------------------------------------------------------------------

-- Whether some value of the Connection header has the word "close".
local function says_close(fields)
  local given = fields.connection or ""
  local text = type(given) == "table" and concat(given, ",") or given
  return find("," .. lower(text) .. ",", ",%s*close%s*,") ~= nil
end

-- The head of the final answer: status, version, fields.
local function read_head(reader)
  for _ = 0, INFORMATIONAL_MOST do
    local status, version = read_status(reader)
    local fields = read_fields(reader)
    if status >= 200 then return status, version, fields end
  end
  return bad("the answer has more than 100 informational ones before it")
end

local function read_answer(socket, deadline, limit)
  local reader = new_reader(socket, deadline)
  local status, version, fields = read_head(reader)
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
