-- What a policy does not judge, and so spares.

local date = require "evs.retention.date"

local judge = {}

--- The value, and nil for a JSON null as other decoders give it.
function judge.present(value)
  if type(value) == "userdata" then return nil end
  return value
end

local present = judge.present

-- Why a standard snapshot of a kind that the policy does not include is spared.
local function kind_reason(snapshot, include)
  local made = present(snapshot.snapshot_type)
  if made == "auto" then
    if not include.auto then return "an automatic policy made it (auto)" end
  elseif made == "copy" then
    if not include.copy then return "it is a copy (copy)" end
  elseif made ~= nil and made ~= "user" and not include.unknown then
    return ("its snapshot_type is %s (unknown)"):format(tostring(made))
  end
  if present(snapshot.frozen) and not include.frozen then return "it is frozen (frozen)" end
  local group = present(snapshot.snapshot_group_id)
  if group and group ~= "" and not include.group then
    return ("it is in the snapshot group %s (group)"):format(tostring(group))
  end
  return nil
end

-- Why a date cannot be used; `time` is what was read in it, if it is one.
local function date_reason(text, time)
  if present(text) == nil then return "it has no date" end
  if not time then return ("its date is none: %s"):format(tostring(text)) end
  return ("its date is after now: %s"):format(text)
end

local function group_reason(group)
  return type(group) == "string" and "it has no " .. group or "it has no group"
end

--- A function that gives a snapshot's time and group, or nil and why it is spared; `policy` is a
-- checked one.
function judge.new(policy)
  local protected, read = require("evs").protected, date.reader()
  local now, include, field = policy.now, policy.include, policy.group
  local group_of = type(field) == "function" and field
  return function(snapshot)
    local reason = protected(snapshot)
    if not reason and (snapshot.snapshot_type or snapshot.frozen or snapshot.snapshot_group_id) then
      reason = kind_reason(snapshot, include)
    end
    if reason then return nil, reason end
    local status, text = snapshot.status, snapshot.created_at
    if status ~= "available" and status ~= "error" then
      return nil, ("its status is %s"):format(tostring(status))
    end
    local time = type(text) == "string" and read(text)
    if not time or time > now then return nil, date_reason(text, time) end
    local group
    if group_of then group = group_of(snapshot) else group = snapshot[field] end
    if type(group) ~= "string" or group == "" then return nil, group_reason(field) end
    return time, group
  end
end

return judge
