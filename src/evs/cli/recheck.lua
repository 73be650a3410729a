-- Whether a snapshot is still the one that was meant, and may still be deleted.

local evs = require "evs"
local terminal = require "evs.cli.terminal"

local recheck = {}

local FIELDS = { "volume_id", "created_at", "name" }

local function shown(value)
  return value == nil and "none" or terminal.quote(value)
end

--- Why `now`, what EVS shows, may not be deleted in place of `meant`, what was planned; nil when it
-- may. `now` is nil when the snapshot does not exist.
function recheck.reason(meant, now)
  if not now then return "gone: it does not exist any more" end
  local protected = evs.protected(now)
  if protected then return "protected: " .. protected end
  for _, name in ipairs(FIELDS) do
    if meant[name] ~= nil and meant[name] ~= now[name] then
      return ("changed: its %s was %s and is %s"):format(name, shown(meant[name]), shown(now[name]))
    end
  end
  if now.status ~= "available" and now.status ~= "error" then
    return "busy: its status is " .. tostring(now.status)
  end
  return nil
end

return recheck
