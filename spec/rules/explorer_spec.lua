-- The rules of a deletion along every sequence of up to three answers, under every option that
-- changes them. Six answers take a quarter of an hour: build/5.4/explorer 6.

local PROGRAM = os.getenv("EVS_SPEC_BUILD") .. "/explorer"
local DEPTH, NODES = 3, 150000

describe("a deletion", function()
  it("keeps the rules along every path of three answers", function()
    local pipe = assert(io.popen(("%s %d 2>&1"):format(PROGRAM, DEPTH)))
    local said = pipe:read("*a")
    pipe:close()
    assert.is_nil(said:find("FAULT", 1, true), said)
    local nodes = tonumber(said:match("^depth 3: %d+ paths, (%d+) nodes, [%d.]+ s\n$"))
    assert.is_truthy(nodes and nodes > NODES, said)
  end)
end)
