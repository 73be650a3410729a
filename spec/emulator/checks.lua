--- What is wrong with what the control API is given to put: a phrase, or nil.

local checks = {}

-- The type that a field has, or the words that it may be.
local SNAPSHOT = {
  id = "string", project_id = "string", status = "string", volume_id = "string",
  created_at = "string", generation = { "legacy", "standard" },
  deleting_after = "number", delete_seconds = "number",
  after_delete = { "gone", "error_deleting", "available", "never" },
  fields = "table", without = "table", listed = "table", orphan = "boolean",
  snapshot_chains = "table", tags = "table",
}

local LISTED = { times = "number", fields = "table", without = "table" }

local VOLUME = { id = "string", project_id = "string", created_at = "string", remove = "boolean" }

local function one_of(words, value)
  for _, word in ipairs(words) do
    if word == value then return true end
  end
  return false
end

local function problem_of(object, fields)
  for name, wanted in pairs(fields) do
    local value = object[name]
    if value ~= nil and type(wanted) == "table" and not one_of(wanted, value) then
      return ("%s must be one of: %s"):format(name, table.concat(wanted, ", "))
    elseif value ~= nil and type(wanted) == "string" and type(value) ~= wanted then
      return ("%s must be a %s"):format(name, wanted)
    end
  end
  return nil
end

-- What is wrong with an object that may have nothing but these fields.
local function problem_of_all(object, fields)
  for name in pairs(object) do
    if not fields[name] then return "no such field: " .. tostring(name) end
  end
  return problem_of(object, fields)
end

local function problem_of_chains(chains)
  for _, chain in ipairs(chains) do
    if type(chain) ~= "table" then return "snapshot_chains must be an array of objects" end
  end
  return nil
end

--- Of a snapshot.
function checks.snapshot(snapshot)
  if type(snapshot) ~= "table" then return "a snapshot is an object" end
  return problem_of(snapshot, SNAPSHOT) or problem_of_all(snapshot.listed or {}, LISTED)
    or problem_of_chains(snapshot.snapshot_chains or {})
end

--- Of a disk.
function checks.volume(volume)
  if type(volume) ~= "table" then return "a disk is an object" end
  if volume.id == nil then return "a disk has an id" end
  return problem_of(volume, VOLUME)
end

--- Of a key or a token.
function checks.key(key)
  if type(key) ~= "table" then return "a key is an object" end
  if not key.token and not (key.ak and (key.sk or key.remove)) then
    return "a key has ak and sk, or token"
  end
  return problem_of(key, { ak = "string", sk = "string", token = "string",
    security_token = "string", projects = "table", remove = "boolean" })
end

--- Of a limit on requests.
function checks.rate(limit)
  return problem_of_all(limit, { per_second = "number", retry_after = "number", html = "boolean" })
end

--- Of what the log is to keep.
function checks.log(change)
  return problem_of_all(change, { keep = "number" })
end

--- Of the seed that comes with rules, or the rules' array.
function checks.rules(object)
  return problem_of(object, { rules = "table", seed = "number" })
end

--- The first problem of a list's elements by one of the checks above, with its place.
function checks.all(list, check)
  for i, item in ipairs(list) do
    local problem = check(item)
    if problem then return ("element %d: %s"):format(i, problem) end
  end
  return nil
end

return checks
