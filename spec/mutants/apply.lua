-- Applies a mutant: lua apply.lua MUTANT TREE. Its format is in README.md. Ends with 1, and changes
-- nothing, when the text is not there exactly once.

local mutant, tree = arg[1], arg[2]

local function fail(message)
  io.stderr:write(mutant, ": ", message, "\n")
  os.exit(1)
end

local function read(path)
  local file = io.open(path, "rb") or fail("cannot read " .. path)
  local text = file:read("*a")
  file:close()
  return text
end

local function write(path, text)
  local file = io.open(path, "wb") or fail("cannot write " .. path)
  file:write(text)
  file:close()
end

-- The edits: { file, old lines, new lines } each.
local function parse(text)
  local edits, edit = {}, nil
  local line_number = 0
  for line in text:gmatch("([^\n]*)\n") do
    line_number = line_number + 1
    local first = line:sub(1, 1)
    if first == "-" and edit then
      table.insert(edit.old, line:sub(2))
    elseif first == "+" and edit then
      table.insert(edit.new, line:sub(2))
    elseif line ~= "" and line_number > 1 then
      edit = { file = line, old = {}, new = {} }
      table.insert(edits, edit)
    end
  end
  return edits
end

local function apply(text, edit)
  local old, new = table.concat(edit.old, "\n"), table.concat(edit.new, "\n")
  local first, last = text:find(old, 1, true)
  if old == "" or not first then
    fail("does not apply: not in " .. edit.file .. ": " .. old)
  elseif text:find(old, first + 1, true) then
    fail("does not apply: more than once in " .. edit.file .. ": " .. old)
  end
  return text:sub(1, first - 1) .. new .. text:sub(last + 1)
end

local texts = {}
local edits = parse(read(mutant))
if #edits == 0 then
  fail("has no edits")
end
for _, edit in ipairs(edits) do
  local path = tree .. "/" .. edit.file
  texts[path] = apply(texts[path] or read(path), edit)
end
for path, text in pairs(texts) do
  write(path, text)
end
