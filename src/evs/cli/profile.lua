-- A section of the credentials file.

local failure = require "evs.cli.failure"

local profile = {}

local NAMES = { ak = true, sk = true, security_token = true }

local function path()
  local named = os.getenv("HUAWEICLOUD_SDK_CREDENTIALS_FILE")
  if named and named ~= "" then return named end
  return (os.getenv("HOME") or "") .. "/.huaweicloud/credentials"
end

-- The values of a section, and whether the file has it.
local function read_section(file, wanted)
  local values, section, found = {}, nil, false
  for line in file:lines() do
    local heading = line:match("^%s*%[%s*(.-)%s*%]%s*$")
    local name, value = line:match("^%s*([%w_]+)%s*=%s*(.-)%s*$")
    if heading then
      section = heading
      found = found or section == wanted
    elseif name and section == wanted and NAMES[name] then
      values[name] = value
    end
  end
  return values, found
end

--- { ak =, sk =, security_token = } of the section `name`; ends the command when there is none.
function profile.read(name)
  local file, err = io.open(path())
  if not file then failure.raise(failure.USAGE, "--profile %s: %s", name, err) end
  local values, found = read_section(file, name)
  file:close()
  if not found then
    failure.raise(failure.USAGE, "--profile %s: %s has no section [%s]", name, path(), name)
  end
  if not (values.ak and values.sk) then
    failure.raise(failure.USAGE, "--profile %s: ak or sk is missing in %s", name, path())
  end
  return values
end

return profile
