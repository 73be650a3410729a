-- Makes mutants of the two tables by which a deletion is decided. `lua rows.lua FOLDER` writes a
-- file for each row of the table of answers (src/api/answer.c), which is then missing, for each of
-- its cells, which is then blank, and for each action of a deletion (src/call/delete.c), which is
-- then another one.
local folder = assert(arg[1], "usage: rows.lua FOLDER")

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

-- Cells that change nothing and stand there for the reader, with the reason.
local FOR_THE_READER = {
  ["no-fate-of-1-202-202-ANYONE-KEPT-GOOD-ACCEPTED"] =
    "ACCEPTED says more than KEPT; but without it the row would say that a 202 is lost",
}

local count = 0

local function write(name, path, old, new)
  if FOR_THE_READER[name] then return end
  count = count + 1
  local file = assert(io.open(("%s/%03d-%s"):format(folder, count, name), "w"))
  file:write(("Made from a table: %s.\n\n%s\n-%s\n+%s\n"):format(name, path, old, new))
  file:close()
end

-- ---- answers -----------------------------------------------------------------------------------

local ANSWERS = "src/api/answer.c"
local CELLS = { "again", "fate", "key", "meaning" }

-- The row with its n-th cell of the last four blank.
local function blank(row, n)
  local cells = { row:match("()([%w_]+), +()([%w_]+), +()([%w_]+), +()([%w_]+)}$") }
  local at, cell = cells[2 * n - 1], cells[2 * n]
  return row:sub(1, at - 1) .. "_" .. row:sub(at + #cell)
end

for row in read(ANSWERS):match("rows%[%] = (%b{})"):gmatch("\n +(%b{})") do
  local words = row:gsub("NULL", ""):gsub("[^%w.]+", "-"):gsub("^%-", ""):gsub("%-$", "")
  write("no-" .. words, ANSWERS, row .. ",", "")
  for n, cell in ipairs(CELLS) do
    local changed = blank(row, n)
    if changed ~= row then write("no-" .. cell .. "-of-" .. words, ANSWERS, row, changed) end
  end
end

-- ---- actions -----------------------------------------------------------------------------------

local ACTIONS = "src/call/delete.c"
local STAGES = { "guard", "delete", "settle", "wait" }

local table_of_actions = read(ACTIONS):match("%[EVS_STAGE_COUNT%] = (%b{})")

for line, row in table_of_actions:gmatch("(%[EVS_[%u_]+%] = +(%b{}))") do
  for n, stage in ipairs(STAGES) do
    local i = 0
    local changed = row:gsub("[%w_]+", function(action)
      i = i + 1
      if i ~= n or action == "NULL" then return action end
      return action == "succeed" and "fail" or "succeed"
    end)
    if changed ~= row then
      local meaning = line:match("EVS_([%u_]+)"):lower()
      write(meaning .. "-at-" .. stage, ACTIONS, line, line:sub(1, -#row - 1) .. changed)
    end
  end
end

print(count)
