-- The version stands in src/client/client.h, and all that names it says the same.

local documents = require "spec.support.documents"

local version = require("evs")._VERSION

-- What shell text prints, with its exit code at the end.
local function shell(text)
  local pipe = assert(io.popen("{ " .. text .. "; } 2>&1; printf %d $?"))
  local output = pipe:read("*a")
  pipe:close()
  return output
end

local function named(folder)
  return {
    header = documents.read(folder .. "src/client/client.h"):match('EVS_VERSION "([%d.]+)"'),
    page = documents.read(folder .. "docs/library.md"):match('`evs._VERSION` | `"([%d.]+)"`'),
    newest = documents.read(folder .. "CHANGELOG.md"):match("\n## (%d+%.%d+%.%d+)"),
  }
end

describe("the version", function()
  it("is the same in sources, reference and list of changes", function()
    assert.same({ header = version, page = version, newest = version }, named(""))
  end)

  it("is what tools/version prints", function()
    assert.equal(version .. "\n0", shell("tools/version"))
  end)
end)

describe("tools/release", function()
  local folder
  before_each(function()
    folder = os.tmpname() .. ".d/"
    assert.equal("0", shell(([[mkdir %s && tar -cf - tools src/client docs CHANGELOG.md |
      tar -xf - -C %s && rm %s]]):format(folder, folder, folder:sub(1, -4))))
    assert.equal("0", shell(([[sed -i.old -e 's/^## Unreleased$/## Once/' \
      -e 's/^# Changes$/&\n\n## Unreleased/' %sCHANGELOG.md]]):format(folder)))
  end)
  after_each(function() shell("rm -r " .. folder) end)

  local function release(words)
    return shell(folder .. "tools/release " .. words)
  end

  it("sets the version wherever it stands, and dates what was unreleased", function()
    assert.equal("release: this is 7.8.9 now; see CONTRIBUTING.md for what follows\n0",
      release("7.8.9 2031-02-03"))
    assert.same({ header = "7.8.9", page = "7.8.9", newest = "7.8.9" }, named(folder))
    assert.equal("7.8.9\n0", shell(folder .. "tools/version"))
    local changes = documents.read(folder .. "CHANGELOG.md")
    assert.is_truthy(changes:find("\n## 7.8.9 - 2031-02-03\n", 1, true))
  end)

  it("refuses no version, an old one, and nothing to release; and changes nothing", function()
    local function refuses(words, said)
      local before = named(folder)
      assert.equal("release: " .. said .. "\n2", release(words))
      assert.same(before, named(folder))
    end
    local wrong = { "", "7.8", "7..9", "7.8.9.1", "7.8.", "v7.8.9", "7.8.9-a", "'7.8.9\nx'" }
    for _, words in ipairs(wrong) do
      refuses(words, "usage: tools/release MAJOR.MINOR.PATCH")
    end
    refuses(version, "CHANGELOG.md has " .. version .. " already")
    shell(("sed -i.old '/^## Unreleased/d' %sCHANGELOG.md"):format(folder))
    refuses("7.8.9", "CHANGELOG.md has nothing unreleased")
  end)
end)
