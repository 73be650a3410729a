-- Proves where keys come from and how they are kept: options, environment, profile file, the ECS
-- metadata service, in this order; temporary keys are fetched once, renewed in time and heal a 401;
-- no key of any age shows in an error.

local cjson = require "cjson"
local evs = require "evs"
local failure = require "spec.support.failure"
local machines = require "spec.support.machine"
local process = require "spec.support.process"
local socket = require "socket"

local emulator = require("spec.support.emulator").start()
local project = emulator.project_id

local PROJECT, ID, WALL = machines.PROJECT, machines.ID, machines.WALL

-- Nobody listens there.
local DEAD = "http://127.0.0.1:1"

-- ---- files ------------------------------------------------------------------------------------

local unique = os.tmpname()
local home = unique .. ".home"
local empty_home = home .. "/empty"

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
  return path
end

-- The profile's path in the home directory of all children but those that say otherwise.
local in_home = home .. "/.huaweicloud/credentials"

assert(os.execute(("mkdir -p '%s/.huaweicloud' '%s'"):format(home, empty_home)))

teardown(function()
  os.execute(("rm -rf '%s' '%s'"):format(home, unique))
end)

-- ---- calls in processes of their own ----------------------------------------------------------

-- Keys of each source; the emulator knows them all.
local KEYS = {
  options = { ak = "AKOPTIONS00000000001", sk = "SecretOfOptions/000000001+aaaaaaaaaaaa==" },
  environment = { ak = "AKENVIRONMENT0000001", sk = "SecretOfEnvironment/00001+bbbbbbbbbbbb==" },
  profile = { ak = "AKPROFILE00000000001", sk = "SecretOfProfile/000000001+cccccccccccc==" },
}

local function profile_text(keys)
  return ("[basic]\nak = %s\nsk = %s\n"):format(keys.ak, keys.sk)
end

-- What a child prints of a result: `true`, or the error's fields, each on a line of its own.
local PRELUDE = [[
  local evs = require "evs"
  local project = %q
  local function report(result, err)
    if result then print("true") return end
    print(err.code, err.attempts, err.outcome, err.status or "none")
    print(err.message)
  end
  local function delete(client, options)
    local all = { guard = false, retries = 0 }
    for name, value in pairs(options or {}) do all[name] = value end
    local result = client:delete_snapshot(project, "a", all)
    report(result == true, result)
  end
]]

-- Starts `script` with these variables. Unless they say otherwise the child is pointed at the
-- emulator, at a metadata service that is not there, and at a home without a profile.
local function start(script, variables)
  local all = { EVS_ENDPOINT = emulator.endpoint, EVS_METADATA_ENDPOINT = DEAD, HOME = empty_home }
  for name, value in pairs(variables or {}) do all[name] = value end
  return process.start(PRELUDE:format(project) .. script, all)
end

-- Reads the reports that a child printed.
local function reports_of(child)
  local result = child:wait()
  assert.equal("", result.stderr)
  assert.equal(0, result.status)
  local reports = {}
  local lines = result.stdout:gmatch("([^\n]*)\n")
  for line in lines do
    local code, attempts, outcome, status = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)$")
    if code then
      reports[#reports + 1] = { code = code, attempts = tonumber(attempts), outcome = outcome,
        status = tonumber(status), message = lines() }
    else
      reports[#reports + 1] = line
    end
  end
  return reports
end

local function run(script, variables)
  local reports = reports_of(start(script, variables))
  return reports[1], reports
end

-- Two calls that take seconds run beside the specs: to a metadata service that takes the connection
-- and is silent, and to one that takes none.
local silent, full = assert(socket.bind("127.0.0.1", 0)), assert(socket.bind("127.0.0.1", 0, 0))
local waiting, patient = {}, {}

setup(function()
  local script = [[
    local socket = require "socket"
    local started = socket.gettime()
    delete(assert(evs.new()))
    print(socket.gettime() - started)
  ]]
  local function start_at(listener)
    local _, port = listener:getsockname()
    return start(script, { EVS_METADATA_ENDPOINT = "http://127.0.0.1:" .. port })
  end
  local _, port = full:getsockname()
  for i = 1, 8 do
    waiting[i] = socket.tcp()
    waiting[i]:settimeout(0)
    waiting[i]:connect("127.0.0.1", port)
  end
  patient.silent, patient.full = start_at(silent), start_at(full)
end)

teardown(function()
  for _, connection in ipairs(waiting) do connection:close() end
  silent:close()
  full:close()
end)

local DELETE = "delete(assert(evs.new()))\n"

-- The options, as text, of a client in a child.
local function delete_with(options)
  local parts = {}
  for name, value in pairs(options) do parts[#parts + 1] = ("%s = %q"):format(name, value) end
  return ("delete(assert(evs.new { %s }))\n"):format(table.concat(parts, ", "))
end

-- Who signed the requests to EVS: their AKs, or the tokens that they carried.
local function signers()
  local found = {}
  for _, record in ipairs(emulator:log()) do
    if record.service == "evs" then
      found[#found + 1] = record.headers["x-auth-token"]
        or record.headers.authorization:match("Access=([^,]+),")
    end
  end
  return found
end

local function assert_signed_by(expected, result)
  assert.equal("true", result)
  assert.same({ expected }, signers())
end

local function assert_none(result)
  assert.is_table(result)
  assert.equal("Client.NoCredentials", result.code)
  assert.equal(0, result.attempts)
  assert.equal("not_sent", result.outcome)
  assert.same({}, signers())
  return result.message
end

local function asked_for_keys()
  local count = emulator:count()
  return count["metadata.PUT"], count["metadata.GET"]
end

local function assert_asked(puts, gets)
  assert.same({ puts, gets }, { asked_for_keys() })
end

local function includes(text, part)
  assert(text:find(part, 1, true), ("%q is not in: %s"):format(part, text))
end

before_each(function()
  emulator:reset()
  emulator:settings { any_snapshot = true }
  emulator:keys { KEYS.options, KEYS.environment, KEYS.profile }
end)

-- ---- sources ----------------------------------------------------------------------------------

local IN_ENVIRONMENT = { HUAWEICLOUD_SDK_AK = KEYS.environment.ak,
  HUAWEICLOUD_SDK_SK = KEYS.environment.sk }

local function environment(changes)
  local variables = {}
  for name, value in pairs(IN_ENVIRONMENT) do variables[name] = value end
  for name, value in pairs(changes or {}) do variables[name] = value or nil end
  return variables
end

describe("keys alone", function()
  it("in the options", function()
    assert_signed_by(KEYS.options.ak, run(delete_with(KEYS.options)))
  end)

  it("in the options, temporary", function()
    assert_signed_by(emulator.temporary_ak, run(delete_with { ak = emulator.temporary_ak,
      sk = emulator.temporary_sk, security_token = emulator.security_token }))
  end)

  it("in the options, a token", function()
    assert_signed_by(emulator.token, run(delete_with { token = emulator.token }))
  end)

  it("in the environment", function()
    assert_signed_by(KEYS.environment.ak, run(DELETE, environment()))
  end)

  it("in the environment, temporary", function()
    assert_signed_by(emulator.temporary_ak, run(DELETE, {
      HUAWEICLOUD_SDK_AK = emulator.temporary_ak, HUAWEICLOUD_SDK_SK = emulator.temporary_sk,
      HUAWEICLOUD_SDK_SECURITY_TOKEN = emulator.security_token }))
  end)

  it("in the environment, a token", function()
    assert_signed_by(emulator.token, run(DELETE, { EVS_TOKEN = emulator.token }))
  end)

  it("in the home directory's profile", function()
    write(in_home, profile_text(KEYS.profile))
    assert_signed_by(KEYS.profile.ak, run(DELETE, { HOME = home }))
    os.remove(in_home)
  end)

  it("in the profile that HUAWEICLOUD_SDK_CREDENTIALS_FILE names", function()
    local path = write(home .. "/elsewhere", profile_text(KEYS.profile))
    assert_signed_by(KEYS.profile.ak, run(DELETE, { HUAWEICLOUD_SDK_CREDENTIALS_FILE = path }))
  end)

  it("with the metadata service", function()
    assert_signed_by(emulator.temporary_ak,
      run(DELETE, { EVS_METADATA_ENDPOINT = emulator.metadata_endpoint }))
    assert_asked(1, 1)
  end)

  it("serve the plain functions, too", function()
    local result = run([[
      local result = evs.delete_snapshot(project, "a", { guard = false })
      report(result == true, result)
    ]], { EVS_METADATA_ENDPOINT = emulator.metadata_endpoint })
    assert_signed_by(emulator.temporary_ak, result)
  end)
end)

describe("with keys everywhere", function()
  local function everywhere(changes)
    local path = write(home .. "/everywhere", profile_text(KEYS.profile))
    local variables = environment { HUAWEICLOUD_SDK_CREDENTIALS_FILE = path,
      EVS_METADATA_ENDPOINT = emulator.metadata_endpoint }
    for name, value in pairs(changes or {}) do variables[name] = value end
    return variables
  end

  it("the options' win", function()
    assert_signed_by(KEYS.options.ak, run(delete_with(KEYS.options), everywhere()))
    assert_asked(0, 0)
  end)

  it("the environment's come next", function()
    assert_signed_by(KEYS.environment.ak, run(DELETE, everywhere()))
    assert_asked(0, 0)
  end)

  it("then the profile's", function()
    assert_signed_by(KEYS.profile.ak, run(DELETE, everywhere {
      HUAWEICLOUD_SDK_AK = "", HUAWEICLOUD_SDK_SK = "" }))
    assert_asked(0, 0)
  end)

  it("then the metadata service's", function()
    assert_signed_by(emulator.temporary_ak, run(DELETE, everywhere { HUAWEICLOUD_SDK_AK = "",
      HUAWEICLOUD_SDK_SK = "", HUAWEICLOUD_SDK_CREDENTIALS_FILE = home .. "/none" }))
  end)

  it("a token in the options wins, too, and nothing is signed", function()
    assert_signed_by(emulator.token, run(delete_with { token = emulator.token }, everywhere()))
    assert.is_nil(emulator:log()[1].headers.authorization)
  end)

  it("keys in the options win over a token in the environment", function()
    assert_signed_by(KEYS.options.ak,
      run(delete_with(KEYS.options), { EVS_TOKEN = emulator.token }))
    assert.is_nil(emulator:log()[1].headers["x-auth-token"])
  end)

  it("the profile that is named wins over the home directory's", function()
    write(in_home, profile_text(KEYS.options))
    assert_signed_by(KEYS.profile.ak, run(DELETE, everywhere { HOME = home,
      HUAWEICLOUD_SDK_AK = "", HUAWEICLOUD_SDK_SK = "" }))
    os.remove(in_home)
  end)
end)

describe("keys of two sources are never mixed:", function()
  -- Makes a client of each of these options, which is refused. Returns the messages.
  local function refused(all, variables)
    local parts, messages = {}, {}
    for i, options in ipairs(all) do
      parts[i] = delete_with(options):gsub("^delete%(assert%((.*)%)%)\n$", "report(%1)\n")
    end
    local _, reports = run(table.concat(parts), variables)
    assert.equal(#all, #reports)
    for i, report in ipairs(reports) do
      assert.equal("Client.InvalidArgument", report.code)
      messages[i] = report.message
    end
    assert.same({}, emulator:log())
    return messages
  end

  it("the environment's security token with the options' ak and sk", function()
    assert_signed_by(KEYS.options.ak, run(delete_with(KEYS.options),
      { HUAWEICLOUD_SDK_SECURITY_TOKEN = "of-the-environment" }))
    assert.is_nil(emulator:log()[1].headers["x-security-token"])
  end)

  it("the environment's sk with the options' ak", function()
    local messages = refused({ { ak = KEYS.options.ak }, { sk = KEYS.options.sk },
      { security_token = "x" } }, environment())
    includes(messages[1], "'sk'")
    includes(messages[2], "'ak'")
    includes(messages[3], "'security_token'")
  end)

  it("the profile's security token with the environment's keys", function()
    local path = write(home .. "/temporary", profile_text(KEYS.profile) .. "security_token = t\n")
    assert_signed_by(KEYS.environment.ak,
      run(DELETE, environment { HUAWEICLOUD_SDK_CREDENTIALS_FILE = path }))
    assert.is_nil(emulator:log()[1].headers["x-security-token"])
  end)

  it("the profile's sk with the environment's ak", function()
    local path = write(home .. "/half", profile_text(KEYS.profile))
    local messages = refused({ {} }, environment { HUAWEICLOUD_SDK_SK = false,
      HUAWEICLOUD_SDK_CREDENTIALS_FILE = path })
    includes(messages[1], "HUAWEICLOUD_SDK_SK")
    messages = refused({ {} }, environment { HUAWEICLOUD_SDK_AK = false })
    includes(messages[1], "HUAWEICLOUD_SDK_AK")
  end)

  it("a token and keys in the environment", function()
    includes(refused({ {} }, environment { EVS_TOKEN = emulator.token })[1], "EVS_TOKEN")
  end)

  it("the environment's security token with the metadata service's keys", function()
    assert_signed_by(emulator.temporary_ak, run(DELETE, { HUAWEICLOUD_SDK_SECURITY_TOKEN = "stray",
      EVS_METADATA_ENDPOINT = emulator.metadata_endpoint }))
    assert.equal(emulator.security_token, emulator:log()[3].headers["x-security-token"])
  end)
end)

-- ---- the profile file --------------------------------------------------------------------------

-- The file is looked at when keys are needed, so that one process tries all of these texts, each
-- with a client of its own.
describe("a profile file", function()
  local ak, sk = KEYS.profile.ak, KEYS.profile.sk
  local path = home .. "/profile"

  local GOOD = {
    ["without blanks"] = "[basic]\nak=" .. ak .. "\nsk=" .. sk,
    ["with many blanks"] = "\n  \t\n [basic] \n\t ak \t=  " .. ak .. "\t \n\n sk=" .. sk .. "  \n",
    ["with Windows' line ends"] = "[basic]\r\nak = " .. ak .. "\r\n\r\nsk = " .. sk .. "\r\n",
    ["with comments"] = "# ak = no\n[basic]\n; sk = no\nak = " .. ak .. "\n  # [global]\nsk = "
      .. sk,
    ["with other keys"] = "[basic]\nproject_id = p\nak = " .. ak .. "\niam_endpoint = "
      .. "https://x/?a=b\nempty =\nsk = " .. sk .. "\nAK = no\nsk2 = no\n",
    ["with sections around it"] = "stray = x\n[global]\nak = no\nsk = no\nsecurity_token = no\n"
      .. "[basic]\nak = " .. ak .. "\nsk = " .. sk .. "\n[Basic]\nak = no\n[basic2]\nsk = no\n[]\n"
      .. "sk = no\n",
  }

  local TEMPORARY = ("[basic]\nak = %s\nsk = %s\nsecurity_token = %s\n"):format(
    emulator.temporary_ak, emulator.temporary_sk, emulator.security_token)

  local half = sk:sub(1, 24)
  local BROKEN = {
    ["no equals sign"] = { 3, "[basic]\nak = a\nsk " .. half .. "\n" },
    ["no name"] = { 2, "[basic]\n= " .. half .. "\n" },
    ["a section that does not end"] = { 4, "# x\n\n; y\n[basic\nak = a\nsk = " .. sk .. "\n" },
    ["anything after its section"] = { 1, "[basic] x\nak = a\nsk = " .. sk .. "\n" },
    ["a slip in another section"] = { 6, profile_text(KEYS.profile) .. "\n[global]\nslip\n" },
    ["a slip, counted with Windows' line ends"] = { 3, "[basic]\r\n\r\n" .. half .. "\r\n" },
  }

  local UNUSABLE = {
    ["only an ak"] = "[basic]\nak = " .. ak .. "\n",
    ["only an sk"] = "[basic]\nsk = " .. sk .. "\n",
    ["an empty sk"] = "[basic]\nak = " .. ak .. "\nsk =\n",
    ["an ak that cannot be sent"] = "[basic]\nak = a b\nsk = " .. sk .. "\n",
    ["a security token that cannot be sent"] = profile_text(KEYS.profile)
      .. "security_token = \195\169\n",
  }

  local KEYLESS = {
    ["no section"] = profile_text(KEYS.profile):gsub("%[basic%]\n", ""),
    ["no section [basic]"] = profile_text(KEYS.profile):gsub("basic", "global"),
    ["an empty section [basic]"] = "[basic]\nproject_id = p\n", ["nothing in it"] = "",
  }

  -- What came of each text: the report, and of the request who signed it.
  local came_of = {}

  setup(function()
    local texts, parts = { TEMPORARY }, {}
    for _, group in ipairs { GOOD, BROKEN, UNUSABLE, KEYLESS } do
      for _, case in pairs(group) do
        texts[#texts + 1] = type(case) == "table" and case[2] or case
      end
    end
    for i, text in ipairs(texts) do
      parts[i] = ("write(%q)\nreport_of(%d)\n"):format(text:gsub("\r", "\\r"), i)
    end
    emulator:reset()
    emulator:settings { any_snapshot = true }
    emulator:keys { KEYS.profile }
    local _, reports = run(([[
      local function write(text)
        local file = assert(io.open(%q, "wb"))
        file:write((text:gsub("\\r", "\r")))
        file:close()
      end
      local function report_of(number)
        local result = assert(evs.new()):delete_snapshot(project, "text-" .. number,
          { guard = false })
        report(result == true, result)
      end
    ]]):format(path) .. table.concat(parts), { HUAWEICLOUD_SDK_CREDENTIALS_FILE = path,
      EVS_METADATA_ENDPOINT = emulator.metadata_endpoint })
    for i, text in ipairs(texts) do came_of[text] = { report = reports[i] } end
    for _, record in ipairs(emulator:log()) do
      local number = tonumber(record.uri:match("text%-(%d+)$"))
      if number then came_of[texts[number]].headers = record.headers end
    end
    -- Only those without keys went on to the metadata service.
    came_of.gets = emulator:count()["metadata.GET"]
  end)

  local function assert_used(expected, text)
    local came = came_of[text]
    assert.equal("true", came.report)
    assert.equal(expected, came.headers.authorization:match("Access=([^,]+),"))
  end

  -- Nothing was sent, nobody else was asked, and the message shows nothing of the keys.
  local function assert_stopped(text)
    local message = assert_none(came_of[text].report)
    assert.is_nil(came_of[text].headers)
    includes(message, path)
    includes(message, "Metadata service: not asked")
    assert.is_nil(message:find(sk:sub(1, 12), 1, true))
    return message
  end

  for what, text in pairs(GOOD) do
    it("is read " .. what, function() assert_used(ak, text) end)
  end

  it("may hold a security token, which is sent and signed", function()
    assert_used(emulator.temporary_ak, TEMPORARY)
    assert.equal(emulator.security_token, came_of[TEMPORARY].headers["x-security-token"])
  end)

  for what, case in pairs(BROKEN) do
    it("is named with its line when that has " .. what, function()
      includes(assert_stopped(case[2]), path .. ":" .. case[1] .. ":")
    end)
  end

  for what, text in pairs(UNUSABLE) do
    it("is named when it has " .. what, function() assert_stopped(text) end)
  end

  for what, text in pairs(KEYLESS) do
    it("with " .. what .. " leaves it to the metadata service", function()
      assert_used(emulator.temporary_ak, text)
      local count = 0
      for _ in pairs(KEYLESS) do count = count + 1 end
      assert.equal(count, came_of.gets)
    end)
  end

  it("without keys is named when the metadata service has none, either", function()
    local keyless = write(home .. "/keyless", "[global]\nak = a\n")
    includes(assert_none((run(DELETE, { HUAWEICLOUD_SDK_CREDENTIALS_FILE = keyless }))),
      keyless .. " has no ak and sk in section [basic]")
  end)

  it("that is not there leaves it to the metadata service, and is named with the reason", function()
    local file = write(home .. "/file", "")
    local whys = { [home .. "/none"] = "No such file", [file .. "/x"] = "Not a directory" }
    for missing, why in pairs(whys) do
      emulator:clear_log()
      emulator:misbehave { service = "metadata", method = "PUT", skip = 1, times = -1,
        status = 500 }
      local _, reports = run(DELETE .. DELETE, { HUAWEICLOUD_SDK_CREDENTIALS_FILE = missing,
        EVS_METADATA_ENDPOINT = emulator.metadata_endpoint })
      assert_signed_by(emulator.temporary_ak, reports[1])
      emulator:clear_log()
      includes(assert_none(reports[2]), missing .. ": " .. why)
    end
  end)

  it("that cannot be read as a file is named", function()
    local message = assert_none((run(DELETE, { HUAWEICLOUD_SDK_CREDENTIALS_FILE = home })))
    includes(message, "Profile: " .. home)
  end)

  it("of a home that is not set is not looked for", function()
    includes(assert_none((run(DELETE, { HOME = "" }))), "HOME is not set")
  end)

  it("over 64 KiB is not read", function()
    local large = write(home .. "/large", ("# padding\n"):rep(7000) .. profile_text(KEYS.profile))
    includes(assert_none((run(DELETE, { HUAWEICLOUD_SDK_CREDENTIALS_FILE = large }))),
      large .. ": too large")
  end)

  it("may come later: the call after it finds it", function()
    local later = home .. "/later"
    local _, reports = run(("local client = assert(evs.new())\ndelete(client)\n"
      .. "local file = io.open(%q, 'w')\nfile:write(%q)\nfile:close()\ndelete(client)\n"):format(
      later, profile_text(KEYS.profile)), { HUAWEICLOUD_SDK_CREDENTIALS_FILE = later })
    assert.equal("Client.NoCredentials", reports[1].code)
    assert.equal("true", reports[2])
    assert.same({ KEYS.profile.ak }, signers())
  end)
end)

-- ---- no keys -----------------------------------------------------------------------------------

describe("without any keys", function()
  it("Client.NoCredentials lists every source and why", function()
    local message = assert_none((run(DELETE)))
    for _, part in ipairs { "ptions", "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "EVS_TOKEN",
      empty_home .. "/.huaweicloud/credentials: No such file", "etadata service", "127.0.0.1" } do
      includes(message, part)
    end
  end)

  it("every kind of call says so, and evs.new does not", function()
    local _, reports = run([[
      local client = assert(evs.new())
      delete(client)
      delete(client, { guard = true })
      report(client:show_snapshot(project, "a"))
      report(client:list_snapshots(project))
      report(client:each_snapshot(project)())
      assert(client:last().attempts == 0)
    ]])
    assert.equal(5, #reports)
    for _, report in ipairs(reports) do
      assert_none(report)
      includes(report.message, "etadata service")
    end
  end)

  it("EVS_METADATA_ENDPOINT leads to loopback over http and nowhere else", function()
    for _, endpoint in ipairs { "http://10.0.0.1", "https://127.0.0.1:1", "127.0.0.1:1" } do
      local result = run("report(evs.new())", { EVS_METADATA_ENDPOINT = endpoint })
      assert.equal("Client.InvalidArgument", result.code)
    end
  end)
end)

-- ---- the metadata service over sockets ---------------------------------------------------------

describe("the metadata service", function()
  local function with_service(changes)
    local variables = { EVS_METADATA_ENDPOINT = emulator.metadata_endpoint }
    for name, value in pairs(changes or {}) do variables[name] = value end
    return variables
  end

  it("is asked for a token, then with it for keys, and signed requests follow", function()
    emulator:metadata { require_token = true }
    assert.equal("true", (run(DELETE, with_service())))
    local log = emulator:log()
    assert.equal(3, #log)
    assert.equal("PUT /meta-data/latest/api/token", log[1].method .. " " .. log[1].uri)
    assert.equal("21600", log[1].headers["x-metadata-token-ttl-seconds"])
    assert.equal(0, log[1].body_bytes)
    assert.equal("GET /openstack/latest/securitykey", log[2].method .. " " .. log[2].uri)
    assert.is_string(log[2].headers["x-metadata-token"])
    assert.equal("DELETE", log[3].method)
    assert.equal(emulator.security_token, log[3].headers["x-security-token"])
    assert.is_true(log[3].authenticated)
    for i = 1, 2 do
      assert.is_nil(log[i].headers.authorization)
      assert.is_nil(log[i].headers["x-project-id"])
    end
    assert.is_nil(log[3].headers["x-metadata-token"])
  end)

  it("is asked once for many calls of any kind", function()
    emulator:put { { id = "b" } }
    local _, reports = run([[
      local client = assert(evs.new())
      for _ = 1, 10 do delete(client) end
      report(client:show_snapshot(project, "b"))
      report(client:list_snapshots(project))
      for _ in client:each_snapshot(project) do end
    ]], with_service())
    assert.equal(12, #reports)
    for _, report in ipairs(reports) do assert.equal("true", report) end
    assert_asked(1, 1)
  end)

  it("is asked by each client for itself", function()
    run(DELETE .. DELETE, with_service())
    assert_asked(2, 2)
  end)

  for _, status in ipairs { 404, 405, 503 } do
    it("that has no tokens is asked without: " .. status, function()
      emulator:metadata { token_status = status }
      assert_signed_by(emulator.temporary_ak, run(DELETE, with_service()))
      assert_asked(1, 1)
      assert.is_nil(emulator:log()[2].headers["x-metadata-token"])
    end)
  end

  it("is not counted in attempts nor told to on_attempt", function()
    local _, reports = run([[
      local seen = 0
      local client = assert(evs.new { on_attempt = function(info)
        seen = seen + 1
        assert(info.attempt == seen and info.method == "DELETE")
      end })
      delete(client)
      print(seen, client:last().attempts, client:last().status)
    ]], with_service())
    assert.same({ "true", "1\t1\t202" }, reports)
  end)

  it("is never asked through a proxy", function()
    emulator:metadata { require_token = true }
    local variables = with_service { EVS_ENDPOINT = emulator.tls_endpoint,
      EVS_CA_FILE = emulator.ca_file }
    for _, name in ipairs { "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY",
      "all_proxy" } do
      variables[name] = DEAD
    end
    local _, reports = run(DELETE .. delete_with { proxy = DEAD } .. delete_with { proxy = "" },
      variables)
    for i = 1, 2 do assert.matches("^Client%.[CP][or][no]", reports[i].code) end
    assert.equal("true", reports[3])
    assert_asked(3, 3)
    for _, record in ipairs(emulator:log()) do
      if record.service == "metadata" then assert.equal(200, record.status) end
    end
  end)

  it("has other keys after a 401, which heals the call", function()
    emulator:metadata { rotate = true }
    emulator:misbehave { method = "DELETE", status = 401,
      body = machines.gateway_error("APIGW.0301", "the AK does not exist") }
    local _, reports = run([[
      local client = assert(evs.new())
      delete(client)
      print(client:last().attempts)
      delete(client)
    ]], with_service())
    assert.same({ "true", "2", "true" }, reports)
    local old, new = "EMULATORMETA00000001", "EMULATORMETA00000002"
    assert.same({ old, new, new }, signers())
    assert_asked(1, 2)
  end)

  it("is asked after a 401 by the next call, when this one's on_attempt raises", function()
    emulator:metadata { rotate = true }
    emulator:misbehave { method = "DELETE", status = 401,
      body = machines.gateway_error("APIGW.0301", "the AK does not exist") }
    local _, reports = run([[
      local socket = require "socket"
      local client = assert(evs.new { attempt_timeout = 5 })
      pcall(client.delete_snapshot, client, "project", "id", {
        guard = false, on_attempt = function() error "no" end })
      local began = socket.gettime()
      delete(client)
      print(socket.gettime() - began < 4)
    ]], with_service())
    assert.same({ "true", "true" }, reports)
    assert.same({ "EMULATORMETA00000001", "EMULATORMETA00000002" }, signers())
  end)

  -- A call inside the on_attempt of one that has just met a 401 ends at once and sends nothing.
  local function call_inside_on_attempt(variables)
    emulator:misbehave { method = "DELETE", status = 401, times = -1,
      body = machines.gateway_error("APIGW.0301", "no") }
    local _, reports = run([[
      local socket = require "socket"
      local client, inside
      client = assert(evs.new { attempt_timeout = 1, on_attempt = function()
        if inside then return end
        inside = true
        local began = socket.gettime()
        delete(client)
        print(socket.gettime() - began < 3)
      end })
      delete(client)
    ]], variables)
    for i, attempts in pairs { [1] = 0, [3] = 1 } do
      assert.equal("APIGW.0301", reports[i].code)
      assert.equal(attempts, reports[i].attempts)
    end
    assert.equal("true", reports[2])
    assert.equal(1, #signers())
  end

  it("is asked by a call inside on_attempt after a 401, which then sends nothing", function()
    call_inside_on_attempt(with_service())
    assert_asked(1, 2)
  end)

  it("is not asked when the keys were given: a call inside on_attempt ends at once", function()
    call_inside_on_attempt(environment())
    assert_asked(0, 0)
  end)

  it("has the same keys after a 401, which is then the call's answer and the next one's", function()
    emulator:misbehave { method = "DELETE", status = 401, times = -1,
      body = machines.gateway_error("APIGW.0301", "no") }
    local _, reports = run("local client = assert(evs.new())\ndelete(client)\ndelete(client)\n",
      with_service())
    for i = 1, 2 do
      assert.equal("APIGW.0301", reports[i].code)
      assert.equal(2 - i, reports[i].attempts)
    end
    assert.equal("refused", reports[1].outcome)
    assert.equal("not_sent", reports[2].outcome)
    assert.equal(1, #signers())
  end)

  it("that gives keys for less than 40 minutes is not asked for ever", function()
    emulator:metadata { lifetime = 600, rotate = true }
    local child = start("local client = assert(evs.new())\ndelete(client)\ndelete(client)\n",
      with_service())
    -- A loop without end would hold the specs up: the child is ended then.
    local ended = socket.gettime() + 10
    while socket.gettime() < ended and #signers() < 2 do socket.sleep(0.01) end
    if #signers() < 2 then child:kill("KILL") end
    assert.same({ "true", "true" }, reports_of(child))
    local puts, gets = asked_for_keys()
    assert.is_true(puts <= 2 and gets >= 1 and gets <= 2)
  end)

  it("that ends, or talks nonsense, is told with the reason, soon", function()
    local nonsense = { { status = 200, body = "<html>" }, { status = 500, body = "no" },
      { status = 200, body = "" } }
    -- A libcurl before 7.80 asks again by itself on a kept connection, and gets good keys then.
    if os.getenv("EVS_SPEC_VARIANT") ~= "oldcurl" then
      nonsense[4], nonsense[5] = { cut = "before" }, { raw = "no HTTP\r\n\r\n" }
    end
    for _, rule in ipairs(nonsense) do rule.service, rule.method = "metadata", "GET" end
    emulator:misbehave(nonsense)
    local _, reports = run(DELETE:rep(#nonsense), with_service())
    assert.equal(#nonsense, #reports)
    for _, report in ipairs(reports) do includes(assert_none(report), "etadata service: ") end
    assert_asked(#nonsense, #nonsense)
  end)
end)

describe("a metadata service that does not answer", function()
  local function assert_given_up(child, least, most)
    local reports = reports_of(child)
    includes(assert_none(reports[1]), "etadata service: ")
    local seconds = tonumber(reports[2])
    assert.is_true(seconds > least and seconds < most, seconds .. " s")
  end

  it("is given up after 1 s when it takes no connection", function()
    assert_given_up(patient.full, 0.95, 2.8)
  end)

  it("is given up after 3 s in all", function()
    assert_given_up(patient.silent, 2.9, 4.8)
  end)
end)

-- ---- machines ----------------------------------------------------------------------------------

-- A metadata service for machines: `life` seconds from the moment it is asked, `shape` of the date;
-- `rotate`: other keys each time. It counts what it is asked.
local Service = {}
Service.__index = Service

local function service(options)
  local self = setmetatable({ puts = 0, gets = 0, generation = 1, life = 86400,
    shape = "!%Y-%m-%dT%H:%M:%S.000000Z" }, Service)
  for name, value in pairs(options or {}) do self[name] = value end
  return self
end

local function keys_of(generation)
  local function of_generation(text) return (text:gsub("N", generation)) end
  return {
    access = "AKIDGENERATION" .. generation,
    secret = of_generation "N-SecretOfThatGeneration/N+aaaaaaaa==",
    securitytoken = of_generation "N-TokenOfThatGeneration/N+bbbbbbbbbbbbbbbb==",
  }
end

-- The body with the keys as they are at `wall`.
function Service:body(wall)
  local keys = keys_of(self.generation)
  if self.life then keys.expires_at = os.date(self.shape, math.floor(wall + self.life)) end
  return cjson.encode { credential = keys }
end

function Service:answer(request, clock)
  local token = request.method == "PUT"
  if token then self.puts = self.puts + 1 else self.gets = self.gets + 1 end
  local canned = token and self.token_answer or not token and self.key_answer
  if type(canned) == "function" then canned = canned(request, clock) end
  if canned then return canned end
  if token then return { 200, "session-" .. self.puts } end
  if self.rotate and self.gets > 1 then self.generation = self.generation + 1 end
  return { 200, self:body(clock.wall) }
end

-- A client without keys of its own.
local function keyless(changes)
  local options = { ak = false, sk = false }
  for name, value in pairs(changes or {}) do options[name] = value end
  return machines.client(options)
end

-- A service, a client without keys and a clock.
local function world(options)
  return service(options), keyless(), machines.clock()
end

-- A script for machines.run: `a_service` answers what is for it, `answers` in their order the rest;
-- the last one answers all that follow.
local function script_of(a_service, answers)
  local number = 0
  return { rest = function(request, clock)
    if request.metadata then return a_service:answer(request, clock) end
    number = number + 1
    local answer = answers[math.min(number, #answers)]
    if type(answer) == "function" then return answer(request, clock) end
    return answer
  end }
end

-- A deletion without guard on a client without keys.
local function delete(a_service, answers, client, clock, options)
  local all = { guard = false, retries = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  return machines.delete(all, script_of(a_service, answers or { { 202 } }), client or keyless(), ID,
    clock)
end

-- Who signed the requests to EVS, as in "1 2": the generations of the keys.
local function generations(trace)
  local found = {}
  for _, request in ipairs(trace.requests) do
    if not request.metadata then
      found[#found + 1] = request.headers.Authorization:match("Access=AKIDGENERATION(%d+),")
    end
  end
  return table.concat(found, " ")
end

local UNAUTHORIZED = machines.UNAUTHORIZED

local function assert_no_keys(trace)
  machines.same_error({ code = "Client.NoCredentials", attempts = 0, outcome = "not_sent" }, trace)
  return trace.err.message
end

describe("a machine without keys", function()
  it("asks for the metadata service's, in requests that say so", function()
    local a_service = service()
    local trace = delete(a_service)
    assert.is_true(trace.result)
    assert.equal("PUT GET DELETE", trace:methods())
    local put, get, del = trace.requests[1], trace.requests[2], trace.requests[3]
    assert.equal("http://169.254.169.254/meta-data/latest/api/token", put.url)
    assert.equal("http://169.254.169.254/openstack/latest/securitykey", get.url)
    assert.is_true(put.metadata)
    assert.is_true(get.metadata)
    assert.is_nil(del.metadata)
    assert.equal("21600", put.headers["X-Metadata-Token-Ttl-Seconds"])
    assert.equal("session-1", get.headers["X-Metadata-Token"])
    for _, request in ipairs { put, get } do
      for _, name in ipairs { "Authorization", "X-Security-Token", "X-Project-Id", "X-Sdk-Date" } do
        assert.is_nil(request.headers[name])
      end
    end
  end)

  it("then signs with them", function()
    local request = delete(service()).requests[3]
    local keys = keys_of(1)
    assert.equal(keys.securitytoken, request.headers["X-Security-Token"])
    local expected = evs.sign { method = "DELETE", url = machines.URL, time = request.wall,
      ak = keys.access, sk = keys.secret, security_token = keys.securitytoken,
      headers = { ["X-Project-Id"] = PROJECT } }
    assert.equal(expected.Authorization, request.headers.Authorization)
  end)

  it("does so for every kind of call", function()
    local script = script_of(service(), { machines.shown() })
    assert.is_table(machines.show({}, script, keyless()).result)
    script = script_of(service(), { { 200, '{"snapshots":[]}' } })
    assert.same({}, machines.run(keyless():start("list_snapshots", PROJECT), script).result)
  end)

  it("gives a visit 3 s in all, from its first request on", function()
    local machine = keyless():start("delete_snapshot", PROJECT, ID, { guard = false })
    local _, request = machine:next(100, WALL)
    assert.equal(103, request.deadline)
    machine:reply(200, {}, "session")
    _, request = machine:next(101.5, WALL)
    assert.equal(103, request.deadline)
  end)

  it("has the visit in its own time", function()
    local machine = keyless():start("delete_snapshot", PROJECT, ID,
      { guard = false, timeout = 5, attempt_timeout = 9 })
    machine:next(100, WALL)
    machine:reply(404, {}, "")
    machine:next(102, WALL)
    machine:reply(200, {}, service():body(WALL))
    local _, request = machine:next(103, WALL)
    assert.equal("DELETE", request.method)
    assert.equal(105, request.deadline)
  end)

  it("does not count these requests", function()
    local trace = delete(service(), { { 503 } })
    machines.same_error({ code = "HTTP.503", attempts = 1 }, trace)
    assert.equal(3, trace:count())
  end)

  it("can be cancelled while one is out, with nothing sent", function()
    local client = keyless()
    local machine = client:start("delete_snapshot", PROJECT, ID)
    machine:next(0, WALL)
    machine:cancel()
    local step, result, err = machine:next(0, WALL)
    assert.equal("done", step)
    assert.is_nil(result)
    assert.same({ "Client.Stopped", 0, "not_sent" }, { err.code, err.attempts, err.outcome })
    assert.is_true(delete(service(), nil, client).result)
  end)

  it("ends with Client.Closed when the client is closed while one is out", function()
    for _, body in ipairs { service():body(WALL), "nonsense" } do
      local client = keyless()
      local machine = client:start("delete_snapshot", PROJECT, ID)
      machine:next(0, WALL)
      machine:reply(404, {}, "")
      machine:next(0, WALL)
      client:close()
      machine:reply(200, {}, body)
      local _, _, err = machine:next(0, WALL)
      assert.same({ "Client.Closed", 0, "not_sent" }, { err.code, err.attempts, err.outcome })
      assert.equal("evs.client (closed)", tostring(client))
    end
  end)

  it("tells where it goes and the AK's end, never more", function()
    local client = keyless()
    assert.equal("evs.client (" .. machines.ENDPOINT .. ", no keys yet)", tostring(client))
    delete(service(), nil, client)
    assert.equal("evs.client (" .. machines.ENDPOINT .. ", AK ...ION1)", tostring(client))
  end)
end)

describe("the request for a token", function()
  for _, status in ipairs { 404, 405, 503 } do
    it("answered " .. status .. ": the service has none", function()
      local trace = delete(service { token_answer = { status, "<html>no</html>" } })
      assert.is_true(trace.result)
      assert.is_nil(trace.requests[2].headers["X-Metadata-Token"])
    end)
  end

  for _, status in ipairs { 400, 401, 403, 500, 502, 201, 302 } do
    it("answered " .. status .. " is the end of the visit", function()
      local a_service = service { token_answer = { status, "session" } }
      includes(assert_no_keys(delete(a_service)), tostring(status))
      assert.equal(0, a_service.gets)
    end)
  end

  for what, body in pairs { ["nothing"] = "", ["blanks"] = " \n", ["two lines"] = "a\r\nX-Evil: b",
    ["a control character"] = "a\1b", ["far too much"] = ("x"):rep(5000) } do
    it("answered with " .. what .. " is no token", function()
      local a_service = service { token_answer = { 200, body } }
      assert_no_keys(delete(a_service))
      assert.equal(0, a_service.gets)
    end)
  end

  it("may be answered with a line end behind the token", function()
    for _, tail in ipairs { "\n", "\r\n", " ", "" } do
      local trace = delete(service { token_answer = { 200, "session" .. tail } })
      assert.equal("session", trace.requests[2].headers["X-Metadata-Token"])
    end
  end)

  it("is made once for many visits", function()
    local a_service, client, clock = world { life = 3600 }
    for _ = 1, 5 do
      assert.is_true(delete(a_service, nil, client, clock).result)
      clock:advance(1201)
    end
    assert.same({ 1, 5 }, { a_service.puts, a_service.gets })
  end)

  it("is made anew, once, when the token is refused", function()
    local a_service = service()
    a_service.key_answer = function(request)
      if request.headers["X-Metadata-Token"] == "session-1" then return { 401, "expired" } end
    end
    local trace = delete(a_service)
    assert.is_true(trace.result)
    assert.equal("PUT GET PUT GET DELETE", trace:methods())
    assert.equal("session-2", trace.requests[4].headers["X-Metadata-Token"])
  end)

  it("is not made for ever when every token is refused", function()
    local a_service = service { key_answer = { 401, "no" } }
    includes(assert_no_keys(delete(a_service)), "401")
    assert.same({ 2, 2 }, { a_service.puts, a_service.gets })
  end)

  it("is not made again when there was no token to refuse", function()
    local a_service = service { token_answer = { 404 }, key_answer = { 401, "no" } }
    includes(assert_no_keys(delete(a_service)), "401")
    assert.same({ 1, 1 }, { a_service.puts, a_service.gets })
  end)
end)

describe("the request for keys", function()
  local function assert_unusable(answer, part)
    local message = assert_no_keys(delete(service { key_answer = answer }))
    includes(message, "etadata service: ")
    if part then includes(message, part) end
    assert.is_nil(message:find(keys_of(1).secret, 1, true))
  end

  for _, status in ipairs { 400, 403, 404, 405, 429, 500, 502, 503, 201, 204, 302 } do
    it("answered " .. status .. " brings none", function()
      assert_unusable({ status, service():body(WALL) }, tostring(status))
    end)
  end

  for _, body in ipairs { "", "{", "null", "[]", "{}", '"x"', "<html>no</html>",
    '{"credential":null}', '{"credential":"x"}', '{"credential":[]}', '{"credential":{}}' } do
    it("answered with " .. body .. " brings none", function() assert_unusable { 200, body } end)
  end

  for _, name in ipairs { "access", "secret" } do
    for what, value in pairs { ["missing"] = false, ["null"] = cjson.null, ["empty"] = "",
      ["a number"] = 5, ["a table"] = {} } do
      it(("answered with %s %s brings none"):format(name, what), function()
        local keys = keys_of(1)
        keys[name] = value or nil
        assert_unusable { 200, cjson.encode { credential = keys } }
      end)
    end
  end

  for what, changes in pairs {
    ["a line end in access"] = { access = "A\r\nX: y" }, ["a blank in access"] = { access = "A B" },
    ["a comma in access"] = { access = "A,SignedHeaders=x" },
    ["a line end in securitytoken"] = { securitytoken = "t\r\nX: y" },
    ["letters that no header has in securitytoken"] = { securitytoken = "\195\169" },
  } do
    it("answered with " .. what .. " brings none", function()
      local keys = keys_of(1)
      for name, value in pairs(changes) do keys[name] = value end
      assert_unusable { 200, cjson.encode { credential = keys } }
    end)
  end

  for code, part in pairs { ["Client.Connect"] = "refused", ["Client.Timeout"] = "in time",
    ["Client.Network"] = "reset" } do
    for _, sent in ipairs { false, "maybe" } do
      it(("that fails with %s, sent=%s, brings none, and sent nothing to EVS"):format(code,
        tostring(sent)), function()
        local failed = { fail = code, sent = sent, message = "the carrier said: " .. part }
        assert_unusable(failed, "the carrier said: " .. part)
        local message = assert_no_keys(delete(service { token_answer = failed }))
        includes(message, "the carrier said: " .. part)
      end)
    end
  end

  it("is told in the error of the calls that follow, too", function()
    local client, clock = keyless(), machines.clock()
    local a_service = service { key_answer = { 500, "no" } }
    local first = assert_no_keys(delete(a_service, nil, client, clock))
    assert.equal(first, assert_no_keys(delete(a_service, nil, client, clock)))
  end)
end)

describe("a visit that failed", function()
  local a_service, client, clock

  before_each(function()
    a_service, client, clock = service { key_answer = { 500, "no" } }, keyless(), machines.clock()
    assert_no_keys(delete(a_service, nil, client, clock))
    assert.equal(1, a_service.puts)
  end)

  it("is not repeated within 10 s", function()
    for _ = 1, 99 do
      assert_no_keys(delete(a_service, nil, client, clock))
      clock:advance(0.1)
    end
    assert.equal(1, a_service.puts)
  end)

  it("is repeated after 10 s, and the service may be well again", function()
    clock:advance(10.1)
    a_service.key_answer = nil
    assert.is_true(delete(a_service, nil, client, clock).result)
    assert.equal(2, a_service.puts)
  end)

  it("does not keep other clients from theirs", function()
    a_service.key_answer = nil
    assert.is_true(delete(a_service, nil, keyless(), clock).result)
  end)

  it("and failed again is not repeated for another 10 s", function()
    clock:advance(10.1)
    assert_no_keys(delete(a_service, nil, client, clock))
    clock:advance(9.8)
    assert_no_keys(delete(a_service, nil, client, clock))
    assert.equal(2, a_service.puts)
    clock:advance(0.4)
    assert_no_keys(delete(a_service, nil, client, clock))
    assert.equal(3, a_service.puts)
  end)
end)

describe("temporary keys", function()
  local function fetched(life, options)
    local a_service, client, clock = world { life = life, rotate = true }
    for name, value in pairs(options or {}) do a_service[name] = value end
    assert.equal("1", generations(delete(a_service, nil, client, clock)))
    return a_service, client, clock
  end

  it("are used for all calls while 40 minutes remain", function()
    local a_service, client, clock = fetched(3600)
    for _ = 1, 11 do
      clock:advance(109)
      assert.equal("1", generations(delete(a_service, nil, client, clock)))
    end
    assert.equal(1, a_service.gets)
  end)

  for what, shape in pairs { ["with a fraction"] = "!%Y-%m-%dT%H:%M:%S.000000Z",
    ["with milliseconds"] = "!%Y-%m-%dT%H:%M:%S.123Z", ["without one"] = "!%Y-%m-%dT%H:%M:%SZ" } do
    it("are renewed when less than that remains; expires_at " .. what, function()
      local a_service, client, clock = fetched(3600, { shape = shape })
      clock:advance(1198)
      assert.equal("1", generations(delete(a_service, nil, client, clock)))
      clock:advance(4)
      local trace = delete(a_service, nil, client, clock)
      assert.equal("2", generations(trace))
      assert.equal("GET DELETE", trace:methods())
      clock:advance(1000)
      assert.equal("2", generations(delete(a_service, nil, client, clock)))
      assert.equal(2, a_service.gets)
    end)
  end

  it("are renewed in the middle of a call", function()
    local a_service, client, clock = world { life = 2410, rotate = true }
    local slow = machines.shown()
    slow.after = 9.5
    local script = script_of(a_service, { slow, { 503, "", { ["Retry-After"] = "1" } }, { 202 } })
    local trace = machines.delete({}, script, client, ID, clock)
    assert.is_true(trace.result)
    assert.equal("1 1 2", generations(trace))
    assert.equal("PUT GET GET DELETE GET DELETE", trace:methods())
  end)

  it("that come with less than 40 minutes, or expired by our clock, are still used", function()
    for _, life in ipairs { 2399, 60, 1, 0, -1, -86400 } do
      local a_service, client, clock = world { life = life, rotate = true }
      local number = 0
      local trace = machines.delete({ guard = false }, { rest = function(request)
        number = number + 1
        assert(number < 20, "the service is asked for ever")
        return request.metadata and a_service:answer(request, clock) or { 202 }
      end }, client, ID, clock)
      assert.is_true(trace.result)
      assert.equal("PUT GET DELETE", trace:methods())
    end
  end)

  it("are used as long as they are valid when the service fails", function()
    local a_service, client, clock = fetched(3600)
    a_service.key_answer, a_service.token_answer = { 500, "no" }, { 500, "no" }
    for _ = 1, 11 do
      clock:advance(300)
      assert.equal("1", generations(delete(a_service, nil, client, clock)))
    end
    assert.is_true(a_service.gets + a_service.puts > 5)
  end)

  it("are used without asking again while a failed visit rests", function()
    local a_service, client, clock = fetched(3600)
    a_service.key_answer = { 500, "no" }
    clock:advance(1300)
    for _ = 1, 20 do
      assert.equal("1", generations(delete(a_service, nil, client, clock)))
      clock:advance(0.4)
    end
    assert.equal(2, a_service.gets)
  end)

  it("are not used when they have expired and the service fails", function()
    local a_service, client, clock = fetched(3600)
    a_service.key_answer = { 500, "no" }
    clock:advance(3601)
    local message = assert_no_keys(delete(a_service, nil, client, clock))
    includes(message, "500")
    includes(message, "Options")
    assert.is_nil(message:find("Profile: .", 1, true), message)
  end)

  it("are fetched anew when they have expired and the service is well again", function()
    local a_service, client, clock = fetched(3600)
    a_service.key_answer = { 500, "no" }
    clock:advance(3601)
    assert_no_keys(delete(a_service, nil, client, clock))
    a_service.key_answer = nil
    clock:advance(10.1)
    assert.equal("2", generations(delete(a_service, nil, client, clock)))
  end)
end)

-- Drives many machines in turn; all requests of a round are out at once, and each is answered after
-- `delay` seconds. `answer(request, clock)` as in machines.run. Returns the results in order.
local function together(all, clock, answer, delay)
  local results, left, sent = {}, #all, {}
  for _ = 1, 5000 do
    local out, pause = {}, 1
    for i, machine in ipairs(all) do
      local step, value, err
      if results[i] == nil then step, value, err = machine:next(clock.mono, clock.wall) end
      if step == "done" then
        results[i], left = value or err, left - 1
      elseif step == "sleep" then
        pause = math.min(pause, value)
      elseif step == "send" then
        value.machine, out[#out + 1], sent[#sent + 1] = machine, value, value
      end
    end
    if left == 0 then return results, sent end
    clock:advance(#out > 0 and (delay or 0.01) or pause)
    for _, request in ipairs(out) do machines.answer(request.machine, answer(request, clock)) end
  end
  error("they do not end")
end

local function start_many(count, client)
  local all = {}
  for i = 1, count do
    all[i] = client:start("delete_snapshot", PROJECT, ID .. i, { guard = false, retries = 0 })
  end
  return all
end

local function count_deletes(sent)
  local count = 0
  for _, request in ipairs(sent) do
    if request.method == "DELETE" then count = count + 1 end
  end
  return count
end

describe("of many machines at once", function()
  local COUNT = 30

  local function answer_by(a_service, answer)
    return function(request, clock)
      if request.metadata then return a_service:answer(request, clock) end
      return answer and answer(request, clock) or { 202 }
    end
  end

  local function assert_all_true(results)
    assert.equal(COUNT, #results)
    for _, result in ipairs(results) do assert.is_true(result) end
  end

  it("one fetches the keys for all", function()
    local a_service, client = service(), keyless()
    local results, sent = together(start_many(COUNT, client), machines.clock(),
      answer_by(a_service), 0.4)
    assert_all_true(results)
    assert.same({ 1, 1 }, { a_service.puts, a_service.gets })
    assert.equal(COUNT, count_deletes(sent))
  end)

  it("one renews them, and nobody waits for it", function()
    local a_service, client, clock = world { life = 3600, rotate = true }
    delete(a_service, nil, client, clock)
    clock:advance(1300)
    local used = {}
    local answer = answer_by(a_service, function(request)
      used[#used + 1] = request.headers.Authorization:match("GENERATION(%d+)")
      return { 202 }
    end)
    local results = together(start_many(COUNT, client), clock, answer)
    assert_all_true(results)
    assert.equal(2, a_service.gets)
    assert.equal("1", used[1])
    assert.equal("2", used[COUNT])
  end)

  it("one renews them when they have expired, and all wait for it", function()
    local a_service, client, clock = world { life = 3600, rotate = true }
    delete(a_service, nil, client, clock)
    clock:advance(3601)
    local results, sent = together(start_many(COUNT, client), clock, answer_by(a_service))
    assert_all_true(results)
    assert.equal(2, a_service.gets)
    for _, request in ipairs(sent) do
      if not request.metadata then includes(request.headers.Authorization, "GENERATION2,") end
    end
  end)

  it("one is told that there are none, and all end with that", function()
    local a_service = service { key_answer = { 404, "no" } }
    local results, sent = together(start_many(COUNT, keyless()), machines.clock(),
      answer_by(a_service))
    assert.equal(COUNT, #results)
    for _, err in ipairs(results) do
      assert.same({ "Client.NoCredentials", 0 }, { err.code, err.attempts })
    end
    assert.same({ 1, 1, 2 }, { a_service.puts, a_service.gets, #sent })
  end)

  it("one that is cancelled or forgotten on its way leaves it to another", function()
    for _, leave in ipairs { "cancel", "forget" } do
      local a_service, client, clock = world()
      local first = client:start("delete_snapshot", PROJECT, ID, { guard = false })
      assert.equal("send", (first:next(clock.mono, clock.wall)))
      local second = client:start("delete_snapshot", PROJECT, ID, { guard = false })
      assert.equal("sleep", (second:next(clock.mono, clock.wall)))
      if leave == "cancel" then first:cancel() end
      first = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      assert.is_true(machines.run(second, script_of(a_service, { { 202 } }), clock).result)
    end
  end)

  it("one that never comes back is given up after 3 s", function()
    local a_service, client, clock = world()
    local first = client:start("delete_snapshot", PROJECT, ID, { guard = false })
    first:next(clock.mono, clock.wall)
    local trace = delete(a_service, nil, client, clock)
    assert.is_true(trace.seconds >= 3 and trace.seconds < 3.2)
    assert_no_keys(trace)
    clock:advance(10.1)
    assert.is_true(delete(a_service, nil, client, clock).result)
  end)

  it("an answer that comes after that is not taken for another's", function()
    local a_service, client, clock = world()
    local late = client:start("delete_snapshot", PROJECT, ID, { guard = false })
    late:next(clock.mono, clock.wall)
    late:reply(404, {}, "")
    late:next(clock.mono, clock.wall)
    clock:advance(3.1)
    assert_no_keys(delete(a_service, nil, client, clock))
    clock:advance(10.1)
    local other = client:start("delete_snapshot", PROJECT, ID, { guard = false })
    local _, request = other:next(clock.mono, clock.wall)
    assert.equal("PUT", request.method)
    late:reply(200, {}, a_service:body(clock.wall))
    other:reply(200, {}, "session")
    local trace = machines.run(other, script_of(a_service, { { 202 } }), clock)
    assert.is_true(trace.result)
    request = trace.requests[1]
    if request.metadata then assert.equal("session", request.headers["X-Metadata-Token"]) end
  end)

  it("a 401 makes one fetch other keys, and heals all", function()
    local a_service, client, clock = world { rotate = true }
    delete(a_service, nil, client, clock)
    local results, sent = together(start_many(COUNT, client), clock,
      answer_by(a_service, function(request)
        return request.headers.Authorization:find("GENERATION1,") and UNAUTHORIZED or { 202 }
      end))
    assert_all_true(results)
    assert.equal(2, a_service.gets)
    assert.equal(2 * COUNT, count_deletes(sent)) -- all were out
  end)

  it("a 401 to the first of new keys is all that the gateway sees of them", function()
    local a_service, client = service { rotate = true }, keyless()
    local results, sent = together(start_many(COUNT, client), machines.clock(),
      answer_by(a_service, function() return UNAUTHORIZED end))
    assert.equal(COUNT, #results)
    for _, err in ipairs(results) do assert.equal("APIGW.0301", err.code) end
    assert.equal(2, count_deletes(sent))
    assert.equal(2, a_service.gets)
  end)
end)

describe("a 401 with keys of the metadata service", function()
  -- The Date of an answer that is one hour ahead of the invented clock.
  local function hour_ahead(_, clock)
    return { 401, UNAUTHORIZED[2], { Date = machines.date(clock.wall + 3600) } }
  end

  it("is healed by other keys", function()
    local a_service, client = service { rotate = true }, keyless()
    local trace = delete(a_service, { UNAUTHORIZED, { 202 } }, client)
    assert.is_true(trace.result)
    assert.equal("1 2", generations(trace))
    assert.equal("PUT GET DELETE GET DELETE", trace:methods())
    assert.equal(2, client:last().attempts)
    trace = delete(a_service, { { 202 } }, client)
    assert.equal("2", generations(trace))
    assert.equal(1, trace:count())
  end)

  -- A deletion that is given up as soon as it has met a 401; whether it sent anything to EVS.
  local function give_up(a_service, client, clock, unauthorized)
    local machine = client:start("delete_snapshot", PROJECT, ID, { guard = false, retries = 0 })
    while true do
      local step, value = machine:next(clock.mono, clock.wall)
      if step == "done" then return false end
      if step == "sleep" then
        clock:advance(value)
      elseif value.metadata then
        machines.answer(machine, a_service:answer(value, clock))
      else
        machines.answer(machine, unauthorized or UNAUTHORIZED)
        machine:cancel()
        return true
      end
    end
  end

  it("that is given up before other keys are looked for makes the next call look", function()
    local a_service, client, clock = world { rotate = true }
    assert.is_true(give_up(a_service, client, clock))
    local trace = delete(a_service, nil, client, clock)
    assert.is_true(trace.result)
    assert.equal("GET DELETE", trace:methods())
    assert.equal("2", generations(trace))
    assert.equal("DELETE", delete(a_service, nil, client, clock):methods())
  end)

  it("that is given up again and again does not lock the key: one reaches EVS", function()
    local a_service, client, clock = world()
    local sent = 0
    for _ = 1, 10 do
      if give_up(a_service, client, clock) then sent = sent + 1 end
      clock:advance(11)
    end
    assert.equal(1, sent)
  end)

  it("that is given up has set the clock right, when that was to blame", function()
    local a_service, client, clock = world()
    assert.is_true(give_up(a_service, client, clock, hour_ahead(nil, clock)))
    local trace = delete(a_service, nil, client, clock)
    assert.is_true(trace.result)
    local ahead = os.date("!%Y%m%dT%H", math.floor(clock.wall + 3600))
    assert.matches("^" .. ahead, trace.requests[#trace.requests].headers["X-Sdk-Date"])
  end)

  it("that nobody follows up is followed up by the next call", function()
    local a_service, client, clock = world()
    local left = client:start("delete_snapshot", PROJECT, ID, { guard = false, retries = 0 })
    for _ = 1, 2 do
      local _, request = left:next(clock.mono, clock.wall)
      machines.answer(left, a_service:answer(request, clock))
    end
    left:next(clock.mono, clock.wall)
    machines.answer(left, UNAUTHORIZED)
    -- Neither driven further, nor cancelled, nor collected.
    for _ = 1, 9 do
      clock:advance(11)
      local trace = delete(a_service, { UNAUTHORIZED }, client, clock)
      machines.same_error({ code = "APIGW.0301", attempts = 0, outcome = "not_sent" }, trace)
      assert.equal(0, count_deletes(trace.requests))
    end
    assert.is_not_nil(left)
  end)

  it("that was given up bars the key when nobody can be asked for other keys", function()
    local a_service, client, clock = world()
    assert.is_true(give_up(a_service, client, clock))
    a_service.key_answer = { 503, "" }
    machines.same_error({ code = "APIGW.0301", attempts = 0, outcome = "not_sent" },
      delete(a_service, nil, client, clock))
  end)

  it("is not healed by the same ones: it is the answer, and the key is left alone", function()
    local a_service, client, clock = world()
    local trace = delete(a_service, { UNAUTHORIZED }, client, clock)
    machines.same_error({ code = "APIGW.0301", status = 401, attempts = 1, outcome = "refused" },
      trace)
    assert.equal("PUT GET DELETE GET", trace:methods())
    for _ = 1, 5 do
      clock:advance(50)
      trace = delete(a_service, { UNAUTHORIZED }, client, clock)
      machines.same_error({ code = "APIGW.0301", attempts = 0, outcome = "not_sent" }, trace)
      assert.equal(0, trace:count())
    end
  end)

  it("with the same ones and a clock that is wrong is healed by the server's", function()
    local a_service = service()
    local trace = delete(a_service, { hour_ahead, { 202 } })
    assert.is_true(trace.result)
    assert.equal("PUT GET DELETE GET DELETE", trace:methods())
    assert.equal("1 1", generations(trace))
    local resent = trace.requests[5]
    assert.equal(machines.sdk_date(resent.wall + 3600), resent.headers["X-Sdk-Date"])
  end)

  it("with other keys is healed by them alone; the clock stays", function()
    local trace = delete(service { rotate = true }, { hour_ahead, { 202 } })
    assert.is_true(trace.result)
    local resent = trace.requests[5]
    assert.equal(machines.sdk_date(resent.wall), resent.headers["X-Sdk-Date"])
  end)

  it("a second time is final, though there would be a third key or a clock", function()
    for _, answer in ipairs { UNAUTHORIZED, hour_ahead } do
      local a_service, client, clock = world { rotate = true }
      local trace = delete(a_service, { answer, answer }, client, clock)
      machines.same_error({ code = "APIGW.0301", attempts = 2, outcome = "refused" }, trace)
      assert.equal("1 2", generations(trace))
      trace = delete(a_service, { { 202 } }, client, clock)
      machines.same_error({ code = "APIGW.0301", attempts = 0, outcome = "not_sent" }, trace)
    end
  end)

  it("is the answer when the service fails, or rests", function()
    local a_service, client, clock = world()
    delete(a_service, nil, client, clock)
    a_service.key_answer = { 500, "no" }
    local trace = delete(a_service, { UNAUTHORIZED }, client, clock)
    machines.same_error({ code = "APIGW.0301", status = 401, attempts = 1, outcome = "refused" },
      trace)
    assert.equal("DELETE GET", trace:methods())
    a_service.key_answer = { fail = "Client.Timeout", sent = "maybe" }
    client = keyless()
    trace = delete(service { key_answer = function()
      return a_service.gets == 3 and a_service.key_answer or nil
    end }, { UNAUTHORIZED }, client, clock)
    machines.same_error({ code = "APIGW.0301", attempts = 1 }, trace)
  end)

  it("and the service failing is healed by the clock, where that was wrong", function()
    local a_service, client, clock = world()
    delete(a_service, nil, client, clock)
    a_service.key_answer = { 500, "no" }
    local trace = delete(a_service, { hour_ahead, { 202 } }, client, clock)
    assert.is_true(trace.result)
    assert.equal("DELETE GET DELETE", trace:methods())
  end)

  -- Three requests are out. The first brings `refusal`, then a 401 and a 202 come late.
  local function assert_stays_refused(refusal)
    local a_service, client, clock = world()
    delete(a_service, nil, client, clock)
    local started = start_many(3, client)
    for _, machine in ipairs(started) do
      assert.equal("send", (machine:next(clock.mono, clock.wall)))
    end
    machines.answer(started[1], refusal)
    machines.same_error({ status = refusal[1], attempts = 1 },
      machines.run(started[1], script_of(a_service, {}), clock))
    machines.answer(started[2], UNAUTHORIZED)
    assert.is_not.equal("send", (started[2]:next(clock.mono, clock.wall)))
    machines.answer(started[3], { 202 })
    assert.is_true(select(2, started[3]:next(clock.mono, clock.wall)))
    for _ = 1, 5 do
      local trace = delete(a_service, nil, client, clock)
      machines.same_error({ status = refusal[1], attempts = 0, outcome = "not_sent" }, trace)
      clock:advance(50)
    end
  end

  it("that comes late does not let go of a key that was refused, nor a 202 after it", function()
    assert_stays_refused(UNAUTHORIZED)
  end)

  it("that comes late does not let go of a key that APIGW.0302 has refused", function()
    assert_stays_refused { 403, machines.gateway_error("APIGW.0302") }
  end)

  it("is forgotten as soon as new keys come", function()
    local a_service, client, clock = world { life = 3600 }
    delete(a_service, { UNAUTHORIZED }, client, clock)
    a_service.generation = 2
    clock:advance(100)
    machines.same_error({ attempts = 0 }, delete(a_service, { { 202 } }, client, clock))
    clock:advance(1150)
    local trace = delete(a_service, { { 202 } }, client, clock)
    assert.is_true(trace.result)
    assert.equal("2", generations(trace))
  end)

  it("does not ask the service for keys that came from elsewhere", function()
    for _, client in ipairs { machines.client(),
      machines.client { security_token = machines.TOKEN },
      keyless { token = "an-iam-token-of-some-length" } } do
      local trace = delete(service(), { UNAUTHORIZED }, client)
      machines.same_error({ code = "APIGW.0301", attempts = 1, outcome = "refused" }, trace)
      assert.equal("DELETE", trace:methods())
    end
  end)

  it("does not take a call past its timeout", function()
    local a_service, client, clock = world()
    delete(a_service, nil, client, clock)
    local trace = delete(a_service, { { 401, UNAUTHORIZED[2], after = 4.5 } }, client, clock,
      { timeout = 5 })
    assert.equal("DELETE GET", trace:methods())
    assert.is_true(trace.requests[2].deadline <= trace.requests[1].at + 5.1)
  end)
end)

describe("no secret shows in an error:", function()
  local SESSION = "session-token-of-the-metadata-service"

  -- All that must not show, of this many generations; and parts that would tell too much.
  local function assert_clean(err, count)
    for name, value in pairs(err) do
      value = tostring(value)
      for generation = 1, count do
        local keys = keys_of(generation)
        for _, secret in ipairs { keys.secret, keys.securitytoken, SESSION } do
          for _, part in ipairs { secret:sub(1, 16), secret:sub(-16) } do
            assert(not value:find(part, 1, true), ("%s shows %s: %s"):format(name, part, value))
          end
        end
      end
    end
  end

  -- A text that echoes the secrets of these generations, as a gateway's 401 does.
  local function echo(last, first)
    local parts = {}
    for generation = first or 1, last do
      local keys = keys_of(generation)
      parts[#parts + 1] = ("sk %s|x-security-token:%s|"):format(keys.secret, keys.securitytoken)
    end
    return table.concat(parts) .. SESSION
  end

  local function without_session(text)
    return (text:gsub(SESSION:gsub("%-", "%%-"), ""))
  end

  it("keys that are in use", function()
    for _, status in ipairs { 400, 401, 403, 404, 500, 200 } do
      local text = without_session(echo(1))
      assert_clean(delete(service(), { { status, text } }).err, 1)
      assert_clean(delete(service(), { { status, machines.gateway_error("X.1", text) } }).err, 1)
    end
  end)

  it("keys before and after a 401", function()
    for _, status in ipairs { 401, 403, 500 } do
      local body = machines.gateway_error("APIGW.0301", without_session(echo(2)))
      local trace = delete(service { rotate = true }, { { 401, body }, { status, body } })
      assert.equal("1 2", generations(trace))
      assert_clean(trace.err, 2)
    end
  end)

  it("keys of a request that was out while others came, and others again", function()
    local a_service, client, clock = world { life = 3600, rotate = true }
    delete(a_service, nil, client, clock)
    for renewals = 1, 4 do
      local slow = client:start("delete_snapshot", PROJECT, ID, { guard = false, retries = 0,
        timeout = 1e6, attempt_timeout = 1e6 })
      assert.equal("send", (slow:next(clock.mono, clock.wall)))
      local first = a_service.generation
      for _ = 1, renewals do
        clock:advance(1300)
        delete(a_service, nil, client, clock)
      end
      local text = without_session(echo(a_service.generation, first))
      slow:reply(400, {}, machines.evs_error("EVS.1000", text))
      local _, _, err = slow:next(clock.mono, clock.wall)
      assert.equal("EVS.1000", err.code)
      assert_clean(err, a_service.generation)
    end
  end)

  it("what the metadata service answers", function()
    for _, answer in ipairs { { 500, echo(2) }, { 403, machines.evs_error("X.1", echo(2)) },
      { 200, echo(2) }, { 401, echo(2) } } do
      assert_clean(delete(service { token_answer = { 200, SESSION }, key_answer = answer }).err, 2)
    end
  end)

  it("what a carrier says of a request to the metadata service", function()
    local a_service, client, clock = world { life = 3600, token_answer = { 200, SESSION } }
    delete(a_service, nil, client, clock)
    a_service.key_answer = { fail = "Client.Network", sent = "maybe", message = echo(1) }
    clock:advance(3601)
    local trace = delete(a_service, nil, client, clock)
    assert_no_keys(trace)
    assert_clean(trace.err, 1)
  end)

  it("through real sockets, echoed by the gateway", function()
    emulator:metadata { rotate = true }
    emulator:misbehave { method = "DELETE", echo = true, times = 2 }
    local result = run(DELETE, { EVS_METADATA_ENDPOINT = emulator.metadata_endpoint })
    assert.equal("APIGW.0301", result.code)
    assert.equal(2, result.attempts)
    for _, part in ipairs { "emulatorMetadataSecretKey", "emulator-metadata-security" } do
      assert.is_nil(result.message:find(part, 1, true))
    end
    failure.assert_no_secret(result.message)
  end)
end)
