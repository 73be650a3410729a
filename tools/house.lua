-- Measures the house: lua tools/house.lua. Prints what goes beyond a limit, and fails then.
--
--   columns of a line, lines of a file and of a function in C, subjects in a folder (a source and
--   its header are one), and no circle of files that include each other

local MOST = { columns = 100, file = 600, body = 50, subjects = 25 }

local problems = 0

local function complain(format, ...)
  problems = problems + 1
  print(format:format(...))
end

local function sources(pattern)
  local list = {}
  local pipe = assert(io.popen("find src lua_evs.c -name '" .. pattern .. "' | sort"))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

-- A function's body stands between a `{` and a `}` that begin their lines, after a line that ends
-- its parameters.
local function measure_functions(path, lines)
  local began
  for number, line in ipairs(lines) do
    if line == "{" then
      began = number
    elseif line:match("^}") and began then
      if number - began - 1 > MOST.body then
        complain("%s:%d: a function of %d lines, the most is %d", path, began - 1,
          number - began - 1, MOST.body)
      end
      began = nil
    end
  end
end

local function read(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

local function measure_file(path, lines)
  for number, line in ipairs(lines) do
    local columns = #line:gsub("[\128-\191]", "")
    if columns > MOST.columns then
      complain("%s:%d: %d columns, the most is %d", path, number, columns, MOST.columns)
    end
  end
  if #lines > MOST.file then complain("%s: %d lines, the most is %d", path, #lines, MOST.file) end
end

local function measure_folders(paths)
  local counts, seen = {}, {}
  for _, path in ipairs(paths) do
    local subject = path:gsub("%.%w+$", "")
    if not seen[subject] then
      seen[subject] = true
      local folder = path:match("^(.*)/") or "."
      counts[folder] = (counts[folder] or 0) + 1
    end
  end
  for folder, count in pairs(counts) do
    if count > MOST.subjects then
      complain("%s: %d subjects, the most is %d", folder, count, MOST.subjects)
    end
  end
end

-- What a file includes, as paths of this tree: from its own folder first, then from src.
local function includes_of(path, lines, known)
  local list = {}
  for _, line in ipairs(lines) do
    local name = line:match('^#include "(.-)"')
    local beside = name and (path:match("^.*/") or "") .. name
    if beside then list[#list + 1] = known[beside] and beside or "src/" .. name end
  end
  return list
end

-- Follows what `path` includes; `trail` are the files on the way to it.
local function walk(path, includes, state, trail)
  if state[path] == "done" then return end
  trail[#trail + 1] = path
  if state[path] == "open" then
    complain("a circle: %s", table.concat(trail, " -> "))
  else
    state[path] = "open"
    for _, other in ipairs(includes[path] or {}) do walk(other, includes, state, trail) end
    state[path] = "done"
  end
  trail[#trail] = nil
end

local texts, all = {}, {}
for _, pattern in ipairs { "*.c", "*.h", "*.lua" } do
  for _, path in ipairs(sources(pattern)) do
    texts[path], all[#all + 1] = read(path), path
  end
end

local includes, state = {}, {}
for _, path in ipairs(all) do
  measure_file(path, texts[path])
  if path:match("%.[ch]$") then
    measure_functions(path, texts[path])
    includes[path] = includes_of(path, texts[path], texts)
  end
end
measure_folders(all)
for _, path in ipairs(all) do walk(path, includes, state, {}) end

print(("%d files, %d beyond a limit"):format(#all, problems))
os.exit(problems == 0)
