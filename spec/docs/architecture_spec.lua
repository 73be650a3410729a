-- ARCHITECTURE.md is true: the rooms use each other as it says.

local documents = require "spec.support.documents"

-- The rooms in C whose headers a room includes, sorted.
local function used_by(room)
  local seen, list = {}, {}
  for _, file in ipairs(documents.files("src/" .. room .. "/*.[ch]")) do
    for other in documents.read(file):gmatch('#include "(%l+)/') do
      if other ~= room and not seen[other] then
        seen[other], list[#list + 1] = true, other
      end
    end
  end
  table.sort(list)
  return table.concat(list, ", ")
end

describe("ARCHITECTURE.md", function()
  local rooms = documents.section("ARCHITECTURE.md", "The rooms")

  it("names every room", function()
    local pipe = assert(io.popen("ls src"))
    for room in pipe:lines() do
      assert.is_truthy(rooms:find("\n| `src/" .. room .. "` |", 1, true), room)
    end
    pipe:close()
  end)

  it("says which rooms a room uses", function()
    local count = 0
    for room, uses in rooms:gmatch("\n| `src/(%l+)` | [^|]+ | ?([%l, ]-) ?|") do
      if room ~= "resty" and room ~= "evs" then
        assert.equal(used_by(room), uses, room)
        count = count + 1
      end
    end
    assert.equal(10, count)
  end)

  it("is right that one C file names generations", function()
    local naming = {}
    for _, file in ipairs(documents.files("src/*/*.[ch]")) do
      local code = documents.read(file):gsub("/%*.-%*/", "")
      for name in code:gmatch('"([^"\n]*)"') do
        if name == "v2" or name == "v5" or name == "cinder" then naming[file] = true end
      end
    end
    assert.same({ ["src/api/api.c"] = true }, naming)
  end)

  it("has arrows that run one way", function()
    local uses = {}
    for room in rooms:gmatch("\n| `src/(%l+)` |") do
      uses[room] = {}
      for other in used_by(room):gmatch("%l+") do uses[room][other] = true end
    end
    for room, others in pairs(uses) do
      for other in pairs(others) do
        assert.is_nil(uses[other][room], room .. " and " .. other .. " use each other")
      end
    end
  end)
end)
