-- Runs the programs of the benchmark and reads what they took.
-- luacheck: std lua54
local trial = {}

trial.directory = assert(os.getenv("BENCH_DIRECTORY"), "run this by bench/run")

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- Where the server's URLs are.
---@return table<string, string>
function trial.facts()
  local facts = {}
  for line in io.lines(trial.directory .. "/facts") do
    local name, value = line:match("^([^=]+)=(.*)$")
    facts[name] = value
  end
  return facts
end

--- Run a command line and return all that it printed; an error when it fails.
---@param command string
---@return string
function trial.output(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read("a")
  assert(pipe:close(), command .. " failed")
  return text
end

--- The numbers in a text.
function trial.numbers(text)
  local numbers = {}
  for number in text:gmatch("%S+") do numbers[#numbers + 1] = tonumber(number) end
  return numbers
end

--- Whether a program is there.
function trial.has(program)
  return os.execute("command -v " .. program .. " >/dev/null 2>&1") == true
end

--- A command line out of words; `environment` ("A=b") stands before them.
function trial.command(words, environment)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = quote(tostring(word)) end
  if environment then table.insert(quoted, 1, "env " .. environment) end
  return table.concat(quoted, " ")
end

--- Run a command line and return what it took.
---@param command string
---@return { wall: number, cpu: number, kib: number } # microseconds; peak of resident memory
function trial.run(command)
  local wall, cpu, kib = table.unpack(trial.numbers(
    trial.output("build/bench/measure " .. quote(trial.directory .. "/output") .. " " .. command)))
  return { wall = wall, cpu = cpu, kib = kib }
end

--- Microseconds per call: many calls less few, so that start-up is out of it.
---@param command fun(count: integer): string
function trial.per_call(command, few, many)
  local less, more = trial.run(command(few)), trial.run(command(many))
  return {
    wall = (more.wall - less.wall) / (many - few), cpu = (more.cpu - less.cpu) / (many - few),
  }
end

--- Let peers take turns: `rounds` times each, every second round in the opposite order.
---@param peers { name: string, once: fun(): table }[]
---@return table<string, table[]> # by name, what each round gave
function trial.take_turns(peers, rounds)
  local results = {}
  for _, peer in ipairs(peers) do results[peer.name] = {} end
  for round = 1, rounds do
    for i = 1, #peers do
      local peer = peers[round % 2 == 1 and i or #peers + 1 - i]
      results[peer.name][round] = peer.once()
    end
  end
  return results
end

return trial
