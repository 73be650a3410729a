-- evs.protected: what may never be deleted, as the guard says it.

local cjson = require "cjson"
local evs = require "evs"

local MARK = "__system__enableActive"

local function protected(fields)
  local snapshot = { id = "a", status = "available", name = "nightly", metadata = {} }
  for name, value in pairs(fields or {}) do snapshot[name] = value end
  return evs.protected(snapshot)
end

describe("evs.protected", function()
  for _, prefix in ipairs { "autobk_snapshot_", "manualbk_snapshot_" } do
    for _, rest in ipairs { "", "vbs_1", "csbs_1", "2026" } do
      it("names the beginning of " .. prefix .. rest, function()
        assert.equal("its name begins with " .. prefix, protected { name = prefix .. rest })
      end)
    end
  end

  for _, value in ipairs { "true", "false", "", 0, false, cjson.null, { 1 } } do
    it("names the mark in the metadata, whatever its value: " .. cjson.encode(value), function()
      assert.equal("its metadata has " .. MARK, protected { metadata = { [MARK] = value } })
    end)
  end

  it("gives one nil for what nothing protects", function()
    assert.equal(1, select("#", protected()))
    for _, name in ipairs { "my_autobk_snapshot_", "AUTOBK_SNAPSHOT_", "manualbk_snapshot", "",
      "snapshot_manualbk_snapshot_1", cjson.null } do
      assert.is_nil(protected { name = name })
    end
    assert.is_nil(protected { metadata = { enableActive = "true" } })
  end)

  it("says nothing of a status, which is no owner", function()
    for _, status in ipairs { "backing-up", "deleting", "error_deleting", "unknown" } do
      assert.is_nil(protected { status = status })
    end
  end)

  it("looks at what is there, of a table that is no whole snapshot", function()
    assert.is_nil(evs.protected {})
    assert.is_nil(evs.protected { name = 5, metadata = MARK })
    assert.is_nil(evs.protected { name = {}, metadata = true })
    assert.is_string(evs.protected { name = "manualbk_snapshot_1" })
    assert.is_string(evs.protected { name = 5, metadata = { [MARK] = "true" } })
  end)

  it("looks behind no metatable, and is not blinded by one", function()
    local marked = setmetatable({ metadata = setmetatable({ [MARK] = "true" }, {}) }, {})
    assert.is_string(evs.protected(marked))
    assert.is_nil(evs.protected(setmetatable({},
      { __index = function() error "asked" end })))
  end)

  it("raises for what is no table", function()
    for _, bad in ipairs { "autobk_snapshot_1", 5, true, print, cjson.null } do
      assert.error_matches(function() evs.protected(bad) end, "table expected")
    end
    assert.error_matches(function() evs.protected(nil) end, "table expected")
    assert.error_matches(function() evs.protected() end, "table expected")
  end)

  it("is the same in evs.safe", function()
    assert.equal("its name begins with manualbk_snapshot_",
      require("evs.safe").protected { name = "manualbk_snapshot_csbs_1" })
  end)
end)
