-- What tools/lines.lua has noted, as a table: lua tools/lines_report.lua FOLDER SOURCE...
-- Fails when fewer lines than AIM ran.
-- The lines that could run are those for which luac has code.
local AIM = 97 -- per cent of the lines
local folder = arg[1]

local ran = {}
local notes = assert(io.popen("cat '" .. folder .. "'/* 2>/dev/null | sort -u"))
for note in notes:lines() do ran[note] = true end
notes:close()

local function lines_of(path)
  local lines = {}
  local listing = assert(io.popen("luac5.4 -l -p '" .. path .. "'"))
  for line in listing:lines() do
    local number, code = line:match("^\t%d+\t%[(%d+)%]\t(%S+)")
    if number and code ~= "VARARGPREP" then lines[tonumber(number)] = true end
  end
  listing:close()
  return lines
end

-- "3-5,9": the numbers of a sorted array.
local function ranges(numbers)
  local parts, first = {}, nil
  for i, number in ipairs(numbers) do
    first = first or number
    if numbers[i + 1] ~= number + 1 then
      parts[#parts + 1] = first == number and number or first .. "-" .. number
      first = nil
    end
  end
  return table.concat(parts, ",")
end

local function row(path, all, missing, list)
  print(("%-44s %5d %5d %4d%%   %s"):format(path, all, all - missing,
    all == 0 and 100 or (all - missing) * 100 // all, list))
end

local total, total_missing = 0, 0
print(("%-44s %5s %5s %5s   %s"):format("Lua", "lines", "ran", "", "never ran"))
for i = 2, #arg do
  local missing, all = {}, 0
  for number in pairs(lines_of(arg[i])) do
    all = all + 1
    if not ran[arg[i] .. ":" .. number] then missing[#missing + 1] = number end
  end
  table.sort(missing)
  row(arg[i], all, #missing, ranges(missing))
  total, total_missing = total + all, total_missing + #missing
end
row("all", total, total_missing, "")
os.exit((total - total_missing) * 100 >= total * AIM)
