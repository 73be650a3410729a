-- Plans as lines of JSON: first what the plan is, then a line for each snapshot.

local audit = require "evs.cli.audit"
local failure = require "evs.cli.failure"
local json = require "evs.cli.json"
local system = require "evs.cli.system"

local planfile = {}

local FORMAT = 1 -- of the file

local function head(plan, about)
  return json.line("event", "plan", "format", FORMAT, "time", audit.time(),
    "project_id", about.project, "region", about.region, "api", about.api,
    "policy", about.policy, "filters", about.filters, "delete", #plan.go,
    "keep", #plan.stay, "spared", #plan.spared, "judged", plan.judged)
end

local function add(lines, event, entries)
  for _, entry in ipairs(entries) do
    local one = entry.snapshot
    lines[#lines + 1] = json.line("event", event, "id", one.id, "name", one.name,
      "volume_id", one.volume_id, "size", one.size, "created_at", one.created_at,
      "status", one.status, "reasons", json.array(entry.reasons))
  end
end

--- The lines of a plan; `about` has project, region, api, policy and filters.
function planfile.lines(plan, about)
  local lines = { head(plan, about) }
  add(lines, "delete", plan.go)
  add(lines, "keep", plan.stay)
  add(lines, "spared", plan.spared)
  return lines
end

-- Writes all of a text by a descriptor, which it closes.
local function write_all(descriptor, text)
  local ok, err = system.write(descriptor, text)
  if ok then ok, err = system.sync(descriptor) end
  system.close(descriptor)
  return ok, err
end

-- Writes a file as a whole: it is there complete, or as it was. What is no file, such as a pipe or
-- /dev/stdout, cannot be replaced, and a link stays one.
local function write(path, text)
  if system.is_special(path) then
    local descriptor, err = system.append(path)
    if not descriptor then return nil, err end
    return write_all(descriptor, text)
  end
  local target = system.real_path(path) or path
  local beside = target .. ".new"
  os.remove(beside)
  local descriptor, err = system.create(beside)
  if not descriptor then return nil, err end
  local ok
  ok, err = write_all(descriptor, text)
  if ok then return os.rename(beside, target) end
  os.remove(beside)
  return nil, err
end

--- Writes a plan to a file.
function planfile.write(path, plan, about)
  local ok, err = write(path, table.concat(planfile.lines(plan, about), "\n") .. "\n")
  if not ok then failure.raise(failure.NOT_DELETED, "cannot write the plan %s: %s", path, err) end
end

local function refuse(path, format, ...)
  failure.raise(failure.USAGE, "%s is no plan: " .. format, path, ...)
end

local function check_head(path, line)
  local made = json.decode(line or "")
  if not made or made.event ~= "plan" then refuse(path, "its first line does not begin one") end
  if made.format ~= FORMAT then
    refuse(path, "its format is %s, this program reads %d", tostring(made.format), FORMAT)
  end
  if type(made.time) ~= "string" or type(made.project_id) ~= "string" then
    refuse(path, "its first line lacks time or project_id")
  end
  return made
end

local function check_entry(path, number, line)
  local entry = json.decode(line)
  if not entry then refuse(path, "line %d is no JSON object: it was cut or edited", number) end
  if entry.event == "delete" then
    for _, name in ipairs { "id", "volume_id", "created_at" } do
      if type(entry[name]) ~= "string" then refuse(path, "line %d has no %s", number, name) end
    end
  end
  return entry
end

--- Reads a plan: its first line as a table, and an array of the entries to delete. Lines that a
-- reviewer took out are not deleted; a file that was cut in a line is refused.
function planfile.read(path)
  local file, err = io.open(path)
  if not file then failure.raise(failure.USAGE, "cannot read the plan: %s", err) end
  local made, entries, number, seen = nil, {}, 0, {}
  for line in file:lines() do
    number = number + 1
    if number == 1 then
      made = check_head(path, line)
    else
      local entry = check_entry(path, number, line)
      if entry.event == "delete" and not seen[entry.id] then
        seen[entry.id] = true
        entries[#entries + 1] = entry
      end
    end
  end
  file:close()
  return made or check_head(path, nil), entries
end

return planfile
