-- The pictures of the pages are what their scripts make today.

local documents = require "spec.support.documents"
local process = require "spec.support.process"

describe("the pictures", function()
  for _, picture in ipairs(documents.files "docs/pictures/*.svg") do
    local script = picture:gsub("svg$", "lua")

    it("have " .. picture .. " as " .. script .. " makes it", function()
      local result = process.run(("dofile(%q)"):format(script))

      assert.equal("", result.stderr)
      assert.is_true(result.stdout == documents.read(picture),
        ("lua5.4 %s >%s makes it anew"):format(script, picture))
    end)
  end

  it("are all shown on a page", function()
    local shown = ""
    for _, page in ipairs(documents.pages()) do shown = shown .. documents.read(page) end
    for _, picture in ipairs(documents.files "docs/pictures/*.svg") do
      assert.is_truthy(shown:find(picture:gsub("^docs/", ""), 1, true), picture)
    end
  end)
end)
