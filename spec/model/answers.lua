--- The model cloud's answers: real text, with what the rules of a deletion say about each.
--
-- An answer is { status, headers, body } and, for the checks, what a client may read in it:
--   code, kind     as an error must show them (`code` already HTTP.<status> where there is none)
--   known          the gateway or a service has spoken: a code stands where they put it
--   evs            EVS or OpenStack has spoken, so the key was good
--   lost           it leaves open what the server did (a DELETE's)
--   retry          the request is to be sent again
--   missing        the snapshot does not exist
--   refuses        the key is refused, not this request
--   shown          status of the snapshot that a proper GET shows
--   retry_after    seconds, where the server gives them

local answers = {}

local PERMANENT = {
  ["EVS.2019"] = true, ["EVS.2010"] = true, ["EVS.2013"] = true, ["EVS.2014"] = true,
  ["EVS.2034"] = true, ["EVS.2035"] = true, ["EVS.2036"] = true, ["APIGW.0104"] = true,
}
local REFUSING = {
  ["APIGW.0302"] = true, ["APIGW.0304"] = true, ["APIGW.0310"] = true, ["APIGW.0802"] = true,
}
local RETRIED = {
  [408] = true, [429] = true, [500] = true, [502] = true, [503] = true, [504] = true,
}

local function escape(byte)
  return ("\\u%04x"):format(byte:byte())
end

--- A JSON string.
function answers.quote(text)
  return '"' .. text:gsub('[%c"\\]', escape) .. '"'
end

local quote = answers.quote

--- The Date header of a time since 1970.
function answers.http_date(time)
  return os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(time))
end

-- Completes an answer with what the rules say about it.
local function judge(answer)
  local status, code = answer.status, answer.code
  answer.success = status >= 200 and status <= 299
  answer.lost = status == 408
    or (status >= 500 and status ~= 501 and status ~= 505 and code ~= "EVS.2019")
  answer.retry = RETRIED[status] and not PERMANENT[code] or false
  answer.missing = status == 404 and (answer.kind == "itemNotFound" or code == "EVS.5404")
  answer.refuses = code and REFUSING[code]
  answer.known = answer.known or code ~= nil
  if answer.success then
    answer.evs = status == 202 or answer.json
  else
    answer.evs = status >= 400 and status < 500 and status ~= 401 and status ~= 429
      and (answer.kind ~= nil or (code ~= nil and code:sub(1, 4) == "EVS."))
  end
  if status == 407 then
    answer.code = "Client.Proxy"
  elseif not code then
    answer.code = "HTTP." .. ("%d"):format(status)
  end
  answer.headers = answer.headers or {}
  return answer
end

--- An answer without JSON: a page, plain text or nothing.
function answers.page(status, body)
  return judge({
    status = status,
    body = body or "<html><head><title>" .. status .. "</title><style>p{}</style></head><body><h1>"
      .. "An error of the &quot;gateway&quot;</h1>\r\n<hr>nginx</body></html>",
  })
end

--- A body of JSON without an error in it.
function answers.json(status, body)
  return judge({ status = status, body = body, json = true })
end

-- What a code becomes: a server may say nearly anything.
local function shown_code(code)
  local usable = #code >= 1 and #code <= 64 and not code:find("[^%w._-]")
  return usable and code:sub(1, 7) ~= "Client." and code or nil
end

--- An error in one of the forms that EVS, the gateway and IAM use: "gateway", "evs", "bare" or
-- "camel".
function answers.error(form, status, code, message)
  local body
  if form == "evs" then
    body = '{"error":{"message":' .. quote(message) .. ',"code":' .. quote(code) .. "}}"
  elseif form == "bare" then
    body = '{"code":' .. quote(code) .. ', "message":' .. quote(message) .. "}"
  elseif form == "camel" then
    body = ' {"errorCode":' .. quote(code) .. ',"errorMsg":' .. quote(message) .. "}\n"
  else
    body = '{"error_msg":' .. quote(message) .. ',"error_code":' .. quote(code)
      .. ',"request_id":"5a0c86c0f8ff4b1dab5d9ea1e2b4a2c6"}'
  end
  return judge({ status = status, body = body, json = true, code = shown_code(code),
    known = #code > 0 })
end

--- An error in OpenStack's manner; the code is the status.
function answers.openstack(kind, status, message)
  local answer = {
    status = status,
    body = '{"' .. kind .. '": {"code": ' .. status .. ', "message": ' .. quote(message) .. "}}",
    json = true,
    code = ("%d"):format(status),
    headers = { ["X-Openstack-Request-Id"] = "req-6f1b1cbb-8e0a-4a34-9f5b-6a0e3f3f9b01" },
  }
  if kind ~= "error" then
    answer.kind = kind
  end
  return judge(answer)
end

--- 202: with nothing in it, as Cinder says it, or with something.
function answers.accepted(random)
  local body = random:weighted({ 6, "", 1, "{}", 1, "<html>", 1, '{"job_id":"1"}', 1, "{" })
  return judge({
    status = 202, body = body, headers = { ["Content-Type"] = "text/html; charset=UTF-8" },
  })
end

--- A snapshot that does not exist.
function answers.missing(random, id)
  local message = "Snapshot " .. id .. " could not be found."
  local form = random:upto(4)
  if form == 1 then
    return answers.error("evs", 404, "EVS.5404", message)
  elseif form == 2 then
    return answers.error("gateway", 404, "EVS.5404", message)
  end
  return answers.openstack("itemNotFound", 404, message)
end

--- A snapshot in a state in which it cannot be deleted.
function answers.wrong_state(random)
  local message = "Invalid snapshot: Snapshot status must be available or error."
  local form = random:upto(4)
  if form == 1 then
    return answers.error("evs", 400, "EVS.1047", message)
  elseif form == 2 then
    return answers.error("gateway", 409, "EVS.1047", message)
  end
  return answers.openstack("badRequest", 400, message)
end

--- The snapshot as a GET shows it; `snapshot` has the JSON of its fields.
function answers.shown(random, snapshot, project, status)
  local extra = random:upto(3)
  local answer = answers.json(200, '{"snapshot":{"id":"' .. snapshot.id .. '","status":"' .. status
    .. '","name":' .. snapshot.name_json .. ',"metadata":' .. snapshot.metadata_json
    .. (extra == 1 and "" or ',"os-extended-snapshot-attributes:project_id":"' .. project .. '"')
    .. (extra == 2 and "" or ',"size":10,"description":null,"volume_id":"v"') .. "}}")
  answer.shown = status
  return answer
end

return answers
