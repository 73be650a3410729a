--- Runs the command evs in a process of its own, against the emulator.
--
--   local command = require "spec.support.command"
--   local result = command.run("prune --keep-last 3 --yes")
--   -- result.status, result.stdout, result.stderr

local cjson = require "cjson"
local process = require "spec.support.process"

local emulator = require("spec.support.emulator").start()

local command = { emulator = emulator }

local SCRIPT = "arg = { [0] = 'evs', %s }\nos.exit(require('evs.cli').main(arg))"

-- Runs beside this one, with other variants, must not share its locks.
local folder = os.tmpname()
os.remove(folder)
assert(os.execute(("mkdir -m 700 '%s'"):format(folder)))
command.folder = folder

local function environment(changes)
  local all = { HUAWEICLOUD_SDK_AK = emulator.ak, HUAWEICLOUD_SDK_SK = emulator.sk,
    EVS_ENDPOINT = emulator.endpoint, HUAWEICLOUD_SDK_PROJECT_ID = emulator.project_id,
    XDG_RUNTIME_DIR = folder }
  for name, value in pairs(changes or {}) do all[name] = value end
  return all
end

local function script(words)
  local quoted = {}
  if type(words) == "table" then
    for i, word in ipairs(words) do quoted[i] = ("%q"):format(word) end
  else
    for word in words:gmatch("%S+") do quoted[#quoted + 1] = ("%q"):format(word) end
  end
  return SCRIPT:format(table.concat(quoted, ", "))
end

--- Starts `evs` with words (an array, or a text that is split at its spaces). `options` may have
-- `environment`, changes to the one that fits the emulator, `shell`, as process.start takes it, and
-- `before`, Lua code that runs first.
function command.start(words, options)
  options = options or {}
  return process.start((options.before or "") .. "\n" .. script(words),
    environment(options.environment), options.shell)
end

--- Runs it to its end: { status =, stdout =, stderr = }.
function command.run(words, options)
  return command.start(words, options):wait()
end

--- The name of a file that is not there yet, in a folder of these specs.
function command.file(name)
  local path = folder .. "/" .. name
  os.remove(path)
  return path
end

function command.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function command.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
end

--- The objects of lines of JSON.
function command.events(text)
  local events = {}
  for line in text:gmatch("([^\n]*)\n") do events[#events + 1] = cjson.decode(line) end
  return events
end

--- A date so many days ago, as EVS writes it.
function command.date(days)
  return os.date("!%Y-%m-%dT%H:%M:%S.000000", os.time() - days * 86400 - 3600)
end

--- Puts `each` snapshots on each of `volumes` volumes, one for every fourth day: "v1-0" is the
-- newest of "volume-1". `changes`, a function, may alter each before.
function command.populate(volumes, each, changes)
  local all = {}
  for volume = 1, volumes do
    for i = 0, each - 1 do
      local one = { id = ("v%d-%d"):format(volume, i), volume_id = "volume-" .. volume, size = 40,
        name = "daily " .. i, created_at = command.date(i * 4) }
      if changes then changes(one, volume, i) end
      all[#all + 1] = one
    end
  end
  emulator:put(all)
end

--- The set of ids that exist.
function command.existing()
  local ids = {}
  for _, one in ipairs(emulator:snapshots()) do ids[one.id] = true end
  return ids
end

return command
