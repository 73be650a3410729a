-- docs/rules.md says what the rules are: its table of answers against a machine that gets them.

local documents = require "spec.support.documents"
local machines = require "spec.support.machine"

local rules = documents.section("docs/rules.md", "Retries")

-- The table's rows: { answers =, again =, outcome = }; an answer is a status and perhaps a code.
local function rows()
  local found = {}
  for cell, again, outcome in rules:gmatch("\n| ([^|]+) | (%l+)[^|]* | `([%l_]+)` |") do
    local answers = {}
    local status = cell:find("with a 4xx") and 400 or cell:find("APIGW.03") and 403 or 500
    for code in cell:gmatch("%u+%.%d+") do answers[#answers + 1] = { status, code } end
    if not answers[1] then
      for status_text in cell:gmatch("%f[%w]%d%d%d%f[%W]") do
        answers[#answers + 1] = { tonumber(status_text) }
      end
    end
    found[#found + 1] = { answers = answers, again = again == "yes", outcome = outcome }
  end
  return found
end

-- What comes of a DELETE that is answered so each time: whether it was retried, and the outcome.
local function run(status, code)
  local clock = machines.clock()
  local client = machines.client { guard = false, retries = 1 }
  local machine, sent = client:start("delete_snapshot", machines.PROJECT, "id"), 0
  local body = code and ('{"error":{"code":"%s","message":"no"}}'):format(code) or ""
  if code and code:find("^APIGW") then
    body = ('{"error_code":"%s","error_msg":"no","request_id":"r"}'):format(code)
  end
  while true do
    local step, value, err = machine:next(clock.mono, clock.wall)
    if step == "sleep" then
      clock:advance(value)
    elseif step == "send" then
      sent = sent + 1
      machine:reply(status, { ["Content-Type"] = "application/json" }, body)
    else
      return sent > 1, value == true and "true" or err.outcome
    end
  end
end

describe("docs/rules.md", function()
  it("says of each answer whether it is retried, and its outcome", function()
    local count = 0
    for _, row in ipairs(rows()) do
      for _, answer in ipairs(row.answers) do
        local again, outcome = run(answer[1], answer[2])
        local name = answer[1] .. " " .. (answer[2] or "")
        assert.equal(row.again, again, name)
        assert.equal(row.outcome, outcome, name)
        count = count + 1
      end
    end
    assert.is_true(count > 30, count)
  end)

  it("names every code that the table of answers knows, and no others", function()
    local known, named = {}, {}
    local source = documents.read("src/api/answer.c"):match("rows%[%] = {(.-)\n};")
    for code in source:gmatch("%u+%.%d%d%d%d") do known[code] = true end
    for code in documents.read("docs/rules.md"):gmatch("%u+%.%d%d%d%d") do named[code] = true end
    known["EVS.5404"], named["EVS.5404"] = nil, nil -- which is about a missing snapshot
    assert.same(known, named)
  end)
end)
