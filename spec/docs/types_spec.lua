-- The types for editors are such that an editor can use them: whole annotations, classes that take
-- no unknown field, and closed sets of words.

local documents = require "spec.support.documents"

local FILES = documents.files "library/*.lua library/*/*.lua"
local library = documents.read "library/evs.lua"

-- What has methods, or fields of a server's own.
local OPEN = { ["evs.Snapshot"] = true, ["evs.Volume"] = true, ["evs.Client"] = true,
  ["evs.Machine"] = true, ["evs.Batch"] = true, ["evs.safe.Client"] = true,
  ["resty.evs.Client"] = true }

local function words(list)
  local found = {}
  for word in list:gmatch('"([%w_]+)"') do found[#found + 1] = word end
  table.sort(found)
  return table.concat(found, " ")
end

local function alias(name)
  local text = library:match("%-%-%-@alias " .. name:gsub("%.", "%%.") .. " ([^\n]+)")
  return words(assert(text, name))
end

describe("the types", function()
  it("have no annotation that goes on in another line, where editors do not look for it", function()
    for _, file in ipairs(FILES) do
      for line in documents.read(file):gmatch("[^\n]+") do
        assert.is_nil(line:find("^%-%-%-[^@| -]"), file .. ": " .. line)
      end
    end
  end)

  it("are exact where a table has fields of ours alone, so that a wrong name is seen", function()
    for _, file in ipairs(FILES) do
      local module = documents.read(file):match("%-%-%-@meta (%S+)")
      for head in documents.read(file):gmatch("%-%-%-@class ([^\n]+)") do
        local class = head:gsub("^%(exact%) ", ""):match("^%S+")
        local is_exact = head:find("(exact) ", 1, true) == 1
        assert.equal(class ~= module and not OPEN[class], is_exact, class)
      end
    end
  end)

  it("name the steps of a machine and of a batch, as docs/event-loops.md does", function()
    for name, title in pairs { ["evs.Step"] = "The machine", ["evs.BatchStep"] = "The batch" } do
      local steps = {}
      for step in documents.section("docs/event-loops.md", title):gmatch('\n| `("%l+")') do
        if not steps[step] then steps[#steps + 1], steps[step] = step, true end
      end
      assert.equal(words(table.concat(steps)), alias(name))
    end
  end)

  it("have the outcomes of the code as a closed set", function()
    local texts = documents.read("src/base/error.c"):match('texts%[%] = {("not_sent"[^}]*)}')
    assert.equal(words(texts), alias "evs.Outcome")
  end)
end)
