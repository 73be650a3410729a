--- The project's pages, as specs read them.
--
--   local documents = require "spec.support.documents"
--   for _, page in ipairs(documents.pages()) do print(page, #documents.read(page)) end

local documents = {}

local PATTERNS = "*.md docs/*.md bench/*.md spec/*/*.md"

--- The text of a file.
function documents.read(name)
  local file = assert(io.open(name))
  local text = file:read("*a")
  file:close()
  return text
end

--- The names of the files that shell patterns match, sorted.
function documents.files(patterns)
  local names = {}
  local pipe = assert(io.popen("ls " .. patterns .. " 2>/dev/null"))
  for name in pipe:lines() do names[#names + 1] = name end
  pipe:close()
  table.sort(names)
  return names
end

--- The names of all pages, sorted.
function documents.pages()
  return documents.files(PATTERNS)
end

--- A page from one heading to the next of its level or above. Raises when there is none.
function documents.section(page, title)
  local found, level, fenced = {}, nil, false
  for line in (documents.read(page) .. "\n"):gmatch("(.-)\n") do
    local marks, text = line:match("^(#+) (.*)$")
    if line:find("^```") then fenced = not fenced end
    if fenced then marks = nil end
    if level and marks and #marks <= level then break end
    if level then found[#found + 1] = line end
    if marks and text == title then level = #marks end
  end
  if not level then error(page .. " has no section " .. title, 2) end
  return table.concat(found, "\n") .. "\n"
end

--- The fenced blocks of a page: { language =, name =, text = } each. A block's first line may name
-- it, in a comment: `-- delete.lua`, `# job.sh`.
function documents.blocks(page)
  local blocks = {}
  for language, text in ("\n" .. documents.read(page)):gmatch("\n```(%l+)\n(.-\n)```") do
    local name = text:match("^[-#]+ (%S+%.%l+)\n")
    blocks[#blocks + 1] = { page = page, language = language, name = name, text = text }
  end
  return blocks
end

--- The text of a page's block of that name. Raises when there is none.
function documents.block(page, name)
  for _, block in ipairs(documents.blocks(page)) do
    if block.name == name then return block.text end
  end
  error(("%s has no block %s"):format(page, name), 2)
end

return documents
