-- Proves that resty.evs takes for an answer exactly what is one: byte by byte, on a socket that is
-- none. Needs LuaJIT; the other Luas have no nginx.

if os.getenv("EVS_SPEC_VARIANT") ~= "jit" then return end

local answers = require "resty.evs.answer"
local clock = require "resty.evs.clock"

local LIMIT = 1000
local RUNS = tonumber(os.getenv("EVS_FUZZ_RUNS")) or 100000

-- A cosocket that gives `text` in pieces, `size()` bytes each, and then says `ending`.
local function new_socket(text, size, ending)
  local position = 1
  local socket = {}
  function socket.settimeout(_, milliseconds)
    assert(milliseconds >= 1)
  end
  function socket.receiveany()
    if position > #text then return nil, ending or "closed" end
    local piece = text:sub(position, position + size() - 1)
    position = position + #piece
    return piece
  end
  return socket
end

local function whole() return 1e9 end
local function single() return 1 end

local function read(text, size, ending, limit)
  return answers.read(new_socket(text, size or whole, ending), clock.now() + 1e6, limit or LIMIT)
end

-- The answer that every splitting of `text` gives.
local function accept(text, limit)
  local status, fields, body, kept = read(text, whole, nil, limit)
  assert.is_number(status, fields)
  local again = { read(text, single, nil, limit) }
  assert.same({ status, fields, body, kept }, again)
  return status, fields, body, kept
end

local function refuse(text, code, ending)
  for _, size in ipairs { whole, single } do
    local status, found, message = read(text, size, ending)
    assert.is_nil(status)
    assert.equal(code, found, message)
    assert.is_true(#message > 0)
  end
end

local OK = "HTTP/1.1 200 OK\r\n"

describe("an answer", function()
  it("with a length is its status, its fields and so many bytes", function()
    local status, fields, body, kept =
      accept(OK .. "Content-Length: 5\r\nX-Request-Id:  abc \r\n\r\nhello")
    assert.equal(200, status)
    assert.equal("abc", fields["x-request-id"])
    assert.equal("hello", body)
    assert.is_true(kept)
  end)

  it("in chunks is their sum; extensions and trailers are left out", function()
    local _, fields, body, kept = accept(OK .. "Transfer-Encoding: Chunked\r\n\r\n"
      .. "5\r\nhello\r\n6;name=\"v\"\r\n, more\r\n0\r\nX-Trailer: t\r\n\r\n")
    assert.equal("hello, more", body)
    assert.is_nil(fields["x-trailer"])
    assert.is_true(kept)
  end)

  it("without either ends with its connection", function()
    local _, _, body, kept = accept(OK .. "\r\nhello")
    assert.equal("hello", body)
    assert.is_false(kept)
  end)

  it("of 204 and 304 has no body, whatever its length says", function()
    for _, status in ipairs { "204", "304" } do
      local _, _, body, kept = accept("HTTP/1.1 " .. status .. " x\r\nContent-Length: 7\r\n\r\n")
      assert.equal("", body)
      assert.is_true(kept)
    end
  end)

  it("comes after up to 100 of 1xx", function()
    local accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    assert.equal(202, (accept("HTTP/1.1 100 Continue\r\n\r\n"
      .. "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" .. accepted)))
    local many = ("HTTP/1.1 102 Processing\r\n\r\n"):rep(100)
    assert.equal(202, (accept(many .. accepted)))
    refuse("HTTP/1.1 100 Continue\r\n\r\n" .. many .. accepted, "Client.BadResponse")
  end)

  it("has 256 KiB at most beside its body: informational answers, head and trailers", function()
    local lines = ("X: " .. ("y"):rep(963) .. "\r\n"):rep(85) -- 1000 bytes each, as counted
    local function answer(trailer)
      return "HTTP/1.1 103 Early Hints\r\n" .. lines .. "\r\n" .. OK .. lines
        .. "Transfer-Encoding: chunked\r\n\r\n0\r\n" .. lines .. trailer .. "\r\n"
    end
    assert.equal(200, (read(answer(""))))
    assert.equal("Client.BadResponse", select(2, read(answer(("X: y\r\n"):rep(200)))))
  end)

  it("in two million chunks of one byte takes little more memory than the body has", function()
    local many = 2 ^ 21
    local given, chunks = 0, ("1\r\nx\r\n"):rep(2 ^ 13)
    local before, most = 0, 0
    local function measure() -- what is still needed, however lazy the collector is
      collectgarbage()
      most = math.max(most, collectgarbage("count") - before)
    end
    local socket = { settimeout = function() end }
    function socket.receiveany()
      given = given + 1
      if given % 32 == 0 then measure() end
      if given == 1 then return OK .. "Transfer-Encoding: chunked\r\n\r\n" end
      return given <= many / 2 ^ 13 + 1 and chunks or "0\r\n\r\n"
    end
    collectgarbage()
    before = collectgarbage("count")
    local status, _, body = answers.read(socket, clock.now() + 1e6, 2 ^ 24)
    assert.equal(200, status)
    assert.equal(many, #body)
    assert.is_true(most < 3 * many / 1024 + 2048, most .. " kB")
  end)

  it("may have a field twice", function()
    local _, fields = accept(OK .. "Set-Cookie: a\r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n")
    assert.same({ "a", "b" }, fields["set-cookie"])
  end)

  it("may say its one length twice", function()
    local _, _, body = accept(OK .. "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok")
    assert.equal("ok", body)
  end)

  it("needs no reason", function()
    assert.equal(200, (accept("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")))
    assert.equal(200, (accept("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n")))
  end)

  it("leaves the connection for another request only when nothing speaks against it", function()
    local function kept(text) return (select(4, accept(text))) end
    local empty = "Content-Length: 0\r\n\r\n"
    assert.is_true(kept(OK .. empty))
    assert.is_true(kept(OK .. "Connection: keep-alive\r\n" .. empty))
    assert.is_false(kept(OK .. "Connection: close\r\n" .. empty))
    assert.is_false(kept(OK .. "Connection: x, Close ,y\r\n" .. empty))
    assert.is_false(kept(OK .. "Connection: x\r\nConnection: close\r\n" .. empty))
    assert.is_false(kept("HTTP/1.0 200 OK\r\n" .. empty))
    assert.is_false((select(4, read(OK .. empty .. "HTTP/1.1 202 Accepted\r\n"))))
  end)

  it("longer than is wanted comes cut, and its connection is not used again", function()
    for _, head in ipairs { "\r\n", "Content-Length: 2000\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" } do
      local _, _, body, kept = accept(OK .. head .. ("x"):rep(2000))
      assert.equal(LIMIT + 1, #body)
      assert.is_false(kept)
    end
    local _, _, body, kept = accept(OK .. "Content-Length: 1000\r\n\r\n" .. ("x"):rep(1000))
    assert.equal(LIMIT, #body)
    assert.is_true(kept)
  end)
end)

describe("no answer is", function()
  local LENGTH = OK .. "Content-Length: 5\r\n\r\n"

  it("what ends early, wherever", function()
    local texts = {
      LENGTH .. "hello",
      OK .. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\n" .. LENGTH .. "hello",
    }
    for _, text in ipairs(texts) do
      accept(text)
      for length = 0, #text - 1 do refuse(text:sub(1, length), "Client.Network") end
    end
    refuse(OK .. "X: y\r\n", "Client.Network")
  end)

  it("what does not come in time, or comes from a connection that breaks", function()
    for _, text in ipairs { "", "HTTP/1.1 200", OK, LENGTH .. "hell", OK .. "\r\nhello" } do
      refuse(text, "Client.Timeout", "timeout")
      refuse(text, "Client.Network", "connection reset by peer")
    end
    local status, code = answers.read(new_socket(LENGTH .. "hello", whole), clock.now() - 1, LIMIT)
    assert.is_nil(status)
    assert.equal("Client.Timeout", code)
  end)

  local BAD = {
    ["another protocol"] = "ICY 200 OK\r\n\r\n",
    ["another version"] = "HTTP/2 200 OK\r\n\r\n",
    ["HTTP/1.2"] = "HTTP/1.2 200 OK\r\n\r\n",
    ["HTTP/0.9"] = "<html>\r\n",
    ["a status of two digits"] = "HTTP/1.1 20 OK\r\n\r\n",
    ["a status of four digits"] = "HTTP/1.1 2002 OK\r\n\r\n",
    ["a status below 100"] = "HTTP/1.1 099 OK\r\n\r\n",
    ["two blanks before the status"] = "HTTP/1.1  200 OK\r\n\r\n",
    ["blanks before the answer"] = "\r\n" .. LENGTH .. "hello",
    ["a switch of protocols"] = "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    ["a bare LF after the status"] = "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    ["a bare LF after a field"] = OK .. "Content-Length: 0\n\r\n",
    ["a bare LF as the end"] = OK .. "Content-Length: 0\r\n\n",
    ["a bare CR in a field"] = OK .. "X: a\rb\r\nContent-Length: 0\r\n\r\n",
    ["a NUL in a field"] = OK .. "X: a\0b\r\nContent-Length: 0\r\n\r\n",
    ["a continued line"] = OK .. "X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    ["a continued first line"] = OK .. " X: a\r\n\r\n",
    ["a blank before the colon"] = OK .. "Content-Length : 5\r\n\r\nhello",
    ["a line without a colon"] = OK .. "nothing\r\n\r\n",
    ["a field without a name"] = OK .. ": x\r\n\r\n",
    ["two lengths"] = OK .. "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    ["two lengths in a line"] = OK .. "Content-Length: 5, 5\r\n\r\nhello",
    ["a length and chunks"] = OK
      .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ["a negative length"] = OK .. "Content-Length: -1\r\n\r\n",
    ["a length with a sign"] = OK .. "Content-Length: +5\r\n\r\nhello",
    ["a length in hex"] = OK .. "Content-Length: 0x5\r\n\r\nhello",
    ["an empty length"] = OK .. "Content-Length:\r\n\r\n",
    ["a length beyond all numbers"] = OK .. "Content-Length: 99999999999999999999\r\n\r\n",
    ["an unknown coding"] = OK .. "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ["chunks twice"] = OK
      .. "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ["chunks in HTTP/1.0"] = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ["a chunk's size that is none"] = OK .. "Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n",
    ["a chunk's size beyond 32 bits"] = OK .. "Transfer-Encoding: chunked\r\n\r\n100000000\r\n",
    ["a chunk with more than its size"] = OK
      .. "Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
    ["a chunk's size with a bare LF"] = OK .. "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n",
    ["a trailer that is none"] = OK .. "Transfer-Encoding: chunked\r\n\r\n0\r\nnothing\r\n\r\n",
    ["a chunk's line without end"] = OK .. "Transfer-Encoding: chunked\r\n\r\n5;"
      .. ("x"):rep(2000) .. "\r\nhello\r\n0\r\n\r\n",
    ["a head without end"] = OK .. ("X: y\r\n"):rep(12000),
    ["long lines without end"] = OK .. ("X: " .. ("y"):rep(60000) .. "\r\n"):rep(5),
    ["letters after its status"] = "HTTP/1.1 202OK\r\nContent-Length: 0\r\n\r\n",
    ["a status with a fraction"] = "HTTP/1.1 202.5 OK\r\nContent-Length: 0\r\n\r\n",
    ["a length beyond 63 bits"] = OK .. "Content-Length: 9223372036854775808\r\n\r\n",
    ["a line without end"] = OK .. "X: " .. ("y"):rep(70000),
    ["1xx without end"] = ("HTTP/1.1 100 Continue\r\n\r\n"):rep(3000),
    ["a trailer without end"] = OK .. "Transfer-Encoding: chunked\r\n\r\n0\r\n"
      .. ("X: y\r\n"):rep(12000),
  }
  for what, text in pairs(BAD) do
    it("one with " .. what, function()
      refuse(text, "Client.BadResponse")
    end)
  end
end)

-- ---- the same, judged by another reader --------------------------------------------------------

-- Reads a whole text at once, with patterns where the module counts bytes. Returns status and body,
-- or nil; no mutant reaches the limit of a head.
local judge = {}

function judge.length(fields)
  local length
  for _, value in ipairs(fields["content-length"] or {}) do
    if not value:match("^%d+$") or #value > 15 or (length and length ~= value) then return false end
    length = value
  end
  return length and tonumber(length) or nil
end

function judge.lines(text)
  local lines, rest = {}, text
  while true do
    local line, after = rest:match("^([^%z\1-\8\10-\31\127]*)\r\n(.*)$")
    if not line then return nil end
    if line == "" then return lines, after end
    lines[#lines + 1], rest = line, after
  end
end

function judge.fields(lines, first)
  local fields = {}
  for i = first, #lines do
    local name, value = lines[i]:match("^([!#-'*+%-.0-9A-Z^-z|~]+):(.*)$")
    if not name then return nil end
    name = name:lower()
    fields[name] = fields[name] or {}
    table.insert(fields[name], (value:match("^[ \t]*(.-)[ \t]*$")))
  end
  return fields
end

function judge.chunks(text)
  local body = {}
  while true do
    local digits, extension, rest = text:match("^(%x+)([^%z\1-\8\10-\31\127]*)\r\n(.*)$")
    if not digits or #digits > 8 or #digits + #extension + 2 > 1024 then return nil end
    if extension ~= "" and not extension:match("^[ \t]*;") then return nil end
    local size = tonumber(digits, 16)
    if size == 0 then
      local lines = judge.lines(rest)
      return lines and judge.fields(lines, 1) and table.concat(body)
    end
    body[#body + 1] = rest:sub(1, size)
    if #table.concat(body) > LIMIT then return table.concat(body):sub(1, LIMIT + 1) end
    if #rest < size or rest:sub(size + 1, size + 2) ~= "\r\n" then return nil end
    text = rest:sub(size + 3)
  end
end

function judge.body(fields, version, status, text)
  local coding, length = fields["transfer-encoding"], judge.length(fields)
  if length == false or (coding and fields["content-length"]) then return nil end
  if coding and #coding > 1 then return nil end
  if coding and (coding[1]:lower() ~= "chunked" or version == "0") then return nil end
  if status == "204" or status == "304" then return "" end
  if coding then return judge.chunks(text) end
  local body = text:sub(1, LIMIT + 1)
  if not length then return body end
  if #body > LIMIT and length > LIMIT then return body end
  return length <= #text and text:sub(1, length) or nil
end

function judge.read(text)
  while true do
    local lines, rest = judge.lines(text)
    if not lines or not lines[1] then return nil end
    local version, status, reason = lines[1]:match("^HTTP/1%.([01]) ([1-9]%d%d)(.*)$")
    local fields = judge.fields(lines, 2)
    if not status or not reason:match("^ ?") or not fields or status == "101" then return nil end
    if reason ~= "" and reason:sub(1, 1) ~= " " then return nil end
    if tonumber(status) >= 200 then
      return tonumber(status), judge.body(fields, version, status, rest)
    end
    text = rest
  end
end

local SEEDS = {
  OK .. "Content-Length: 5\r\nX-Request-Id: abc\r\n\r\nhello",
  "HTTP/1.1 202 Accepted\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
  OK .. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX: y\r\n\r\n",
  OK .. "Connection: close\r\n\r\n{\"snapshot\":{\"id\":\"a\"}}",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
  "HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 3\r\n\r\nbye",
  "HTTP/1.1 204 No Content\r\nDate: Tue, 24 Nov 2026 06:00:00 GMT\r\n\r\n",
}

local WORDS = {
  "\r", "\n", "\r\n", "\r\n\r\n", "\0", " ", "\t", ":", "0", "5", "f", "-", ";", ",", "\255",
  "\127",
  "Content-Length: 5\r\n", "content-length: 7\r\n", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n",
  "Connection: close\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "\r\n folded",
  "X: y\r\n", "10000000000000000", "Content-Length", ("y"):rep(600),
}

local function mutate(text, random)
  for _ = 1, random(3) do
    local at, kind = random(#text + 1), random(7)
    local length = random(math.max(1, math.min(12, #text)))
    local front = text:sub(1, at - 1)
    if kind == 1 then
      text = front .. string.char(random(256) - 1) .. text:sub(at + 1)
    elseif kind == 2 then
      text = front .. text:sub(at + length)
    elseif kind == 3 then
      text = front
    elseif kind == 4 then
      text = front .. text:sub(at, at + length) .. text:sub(at)
    elseif kind == 5 then
      text = front .. text:sub(random(#text + 1))
    else
      text = front .. WORDS[random(#WORDS)] .. text:sub(at)
    end
  end
  return text
end

-- The minimal standard generator: a seed gives the same run everywhere.
local function new_random(seed)
  local state = seed % 2147483646 + 1
  return function(most)
    state = state * 16807 % 2147483647
    return state % most + 1
  end
end

describe("mutated answers", function()
  it("are read alike by two readers, however they are split: " .. RUNS .. " of them", function()
    local seed = tonumber(os.getenv("EVS_FUZZ_SEED")) or 20260821
    io.write("spec/nginx/answer_spec: EVS_FUZZ_SEED=", seed, "\n")
    local random = new_random(seed)
    local accepted = 0
    for run = 1, RUNS do
      local text = mutate(SEEDS[random(#SEEDS)], random)
      local status, fields, body, kept = read(text, function() return random(20) end)
      local expected, expected_body = judge.read(text)
      if expected_body == nil then expected = nil end
      if status then
        accepted = accepted + 1
        assert(type(fields) == "table" and type(kept) == "boolean" and #body <= LIMIT + 1)
      else
        assert(fields == "Client.Network" or fields == "Client.BadResponse", fields)
      end
      if status ~= expected or (status and body ~= expected_body) then
        error(("run %d of seed %d: %q gives %s, expected %s"):format(run, seed, text,
          tostring(status or body), tostring(expected)))
      end
    end
    -- A fuzzer that is never, or always, let in proves nothing.
    assert.is_true(accepted > RUNS / 20 and accepted < RUNS * 19 / 20, accepted .. " accepted")
  end)
end)
