--- What a client needs to know to talk to this emulator: endpoints, keys, a project.

local facts = {}

local FIXED = {
  project_id = "0123456789abcdef0123456789abcdef",
  region = "cn-north-4",
  ak = "EMULATORAK0000000001",
  sk = "emulatorSecretKey00000000000000000000001",
  temporary_ak = "EMULATORTEMP00000001",
  temporary_sk = "emulatorSecretKey00000000000000000000002",
  security_token = "emulator-security-token-0123456789abcdef",
  token = "emulator-iam-token-0123456789abcdef",
}

local ORDER = {
  "endpoint", "tls_endpoint", "ca_file", "untrusted_endpoint", "expired_endpoint",
  "wrong_host_endpoint", "metadata_endpoint", "iam_endpoint", "project_id", "region", "ak", "sk",
  "temporary_ak", "temporary_sk", "security_token", "token",
  "snapshot_id", "backup_id", "standard_id", "missing_id", "pid", "directory",
}

local all = {}

--- Takes over what `start` decided: ports, directory, process ids to watch.
function facts.init(given)
  facts.given = given
  for name, value in pairs(FIXED) do all[name] = value end
  all.endpoint = "http://127.0.0.1:" .. given.port
  all.tls_endpoint = "https://localhost:" .. given.tls_port
  all.untrusted_endpoint = "https://localhost:" .. given.untrusted_port
  all.expired_endpoint = "https://localhost:" .. given.expired_port
  all.wrong_host_endpoint = "https://localhost:" .. given.wrong_host_port
  all.metadata_endpoint = "http://127.0.0.1:" .. given.metadata_port
  all.iam_endpoint = "http://127.0.0.1:" .. given.iam_port
  all.ca_file = given.directory .. "/ca.crt"
  all.pid = given.pid
  all.directory = given.directory
  local ids = require("emulator.seed").ids
  for _, name in ipairs(ORDER) do all[name] = all[name] or ids[name] end
end

--- All facts, by name.
function facts.all()
  return all
end

--- One fact.
function facts.get(name)
  return all[name]
end

-- What scripts take from the environment: each variable, and the fact that it is.
local ENVIRONMENT = {
  "HUAWEICLOUD_SDK_AK", "ak", "HUAWEICLOUD_SDK_SK", "sk",
  "HUAWEICLOUD_SDK_PROJECT_ID", "project_id",
  "EVS_ENDPOINT", "tls_endpoint", "EVS_CA_FILE", "ca_file",
}

local function environment()
  local words = { "export" }
  for i = 1, #ENVIRONMENT, 2 do
    words[#words + 1] = ENVIRONMENT[i] .. "='" .. all[ENVIRONMENT[i + 1]] .. "'"
  end
  return table.concat(words, " ") .. "\n"
end

--- The facts as name=value lines, in a fixed order, and a line for a shell to evaluate.
function facts.lines()
  local lines = {}
  for _, name in ipairs(ORDER) do lines[#lines + 1] = name .. "=" .. all[name] .. "\n" end
  lines[#lines + 1] = environment()
  return table.concat(lines)
end

return facts
