-- Links lead somewhere: to a file that is there and a heading that it has. Every page of docs/ is
-- linked. Files and make's targets that pages name are there.

local documents = require "spec.support.documents"

local read = documents.read

local function exists(name)
  local file = io.open(name)
  if file then file:close() end
  return file ~= nil
end

-- Without its fenced and indented blocks and its code spans: links in there are none.
local function prose(page)
  local text = ("\n" .. read(page) .. "\n"):gsub("\n```.-\n```", "\n")
  return (text:gsub("\n    [^\n]*", "\n"):gsub("`[^`\n]*`", ""))
end

-- A heading's anchor, as the forges make it.
local function anchor_of(heading)
  return (heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-"))
end

local function anchors_of(page)
  local anchors = {}
  local text = ("\n" .. read(page)):gsub("\n```.-\n```", "\n")
  for heading in text:gmatch("\n#+ ([^\n]+)") do anchors[anchor_of(heading)] = true end
  return anchors
end

-- The file and the anchor that a page's link is to; nothing for other sites.
local function target_of(page, link)
  if link:find("^%a+:") then return nil end
  local file, anchor = link:match("^([^#]*)#?(.*)$")
  if file == "" then return page, anchor end
  local path = (page:match("^.*/") or "") .. file
  while path:find("[^/]+/%.%./") do path = path:gsub("[^/]+/%.%./", "", 1) end
  return path, anchor
end

describe("the links", function()
  for _, page in ipairs(documents.pages()) do
    it("of " .. page .. " lead to files and headings that are there", function()
      for link in prose(page):gmatch("%]%(([^)]+)%)") do
        local file, anchor = target_of(page, link)
        if file then
          assert.is_true(exists(file), link)
          assert.is_true(anchor == "" or anchors_of(file)[anchor] or false, link)
        end
      end
    end)
  end

  it("lead from the README to every page of docs/", function()
    local linked = {}
    local function follow(page)
      if linked[page] then return end
      linked[page] = true
      for link in prose(page):gmatch("%]%(([^)]+)%)") do
        local file = target_of(page, link)
        if file and file:find("%.md$") then follow(file) end
      end
    end
    follow("README.md")
    for _, page in ipairs(documents.files "docs/*.md") do assert.is_true(linked[page], page) end
  end)
end)

local FOLDERS = { "src", "spec", "examples", "library", "tools", "docs", "bench", "man", "contrib" }

-- The changes tell of what was removed, too.
describe("what pages name", function()
  -- A path in backticks or blocks: a folder of the tree, and what follows.
  it("is in the tree, where it is a path", function()
    for _, page in ipairs(documents.pages()) do
      for _, folder in ipairs(FOLDERS) do
        for path in read(page):gmatch("[^%w/]" .. folder .. "(/[%w_/.-]*%w)") do
          local known = exists(folder .. path) or page == "CHANGELOG.md"
          assert.is_true(known, page .. ": " .. folder .. path)
        end
      end
    end
  end)

  it("is a target of the Makefile, where make is to make it", function()
    local targets = {}
    for target in ("\n" .. read "Makefile"):gmatch("\n([%l.]+):") do targets[target] = true end
    for _, page in ipairs(documents.pages()) do
      for _, pattern in ipairs { "`make (%l+)", "\n    make (%l+)" } do
        for target in read(page):gmatch(pattern) do
          local known = targets[target] or page == "CHANGELOG.md"
          assert.is_true(known, page .. ": make " .. target)
        end
      end
    end
  end)

  it("is the same everywhere, where it is the packages of a system", function()
    local told = (read "tools/deps"):gsub("%s+", " ")
    for _, system in ipairs { "Debian 12 and newer, Ubuntu", "Fedora", "Alpine", "macOS" } do
      local row = read("README.md"):match("\n| " .. system .. " | `[%l-]+ %l+ ([^`]+)`")
      local other = read("docs/install.md"):match("\n| " .. system .. " | `[%l-]+ %l+ ([^`]+)`")
      assert.equal(row, other)
      if not system:find("Debian") then -- which tools/deps asks itself
        assert.is_truthy(told:find(system .. ": " .. row, 1, true), system)
      end
    end
  end)

  it("is all that the README has room for: 150 lines", function()
    local _, count = read("README.md"):gsub("\n", "\n")
    assert.is_true(count <= 150, count)
  end)
end)
