-- What may stand in a policy. `check` gives the policy as `plan` wants it, or nil and a message.

local policy = {}

local UNITS = { h = 3600, d = 86400, w = 7 * 86400 }

--- The rules that keep so many, and the order of their reasons.
policy.COUNTS = { "last", "hourly", "daily", "weekly", "monthly", "yearly" }

--- Kinds of standard snapshots that are spared unless the policy includes them.
policy.KINDS = { auto = true, copy = true, frozen = true, group = true, unknown = true }

--- The seconds of an age such as `36h`, `30d`, `8w`; nil for other text.
function policy.age(text)
  local number, unit = text:match("^(%d+)([hdw])$")
  return number and tonumber(number) * UNITS[unit]
end

local function shown(value)
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

local function is_whole(value)
  return type(value) == "number" and value >= 0 and value < 2 ^ 53 and value % 1 == 0
end

local function refuse(name, wanted, value)
  return nil, ("retention: %s: %s expected, got %s"):format(name, wanted, shown(value))
end

-- A checker takes a value and gives what the plan uses, or nil and what is wrong.
local checkers = {}

for _, name in ipairs(policy.COUNTS) do
  checkers[name] = function(value)
    if is_whole(value) then return value end
    return refuse(name, "a whole number from 0 on", value)
  end
end

function checkers.within(value)
  local seconds = type(value) == "string" and policy.age(value) or value
  if is_whole(seconds) then return seconds end
  return refuse("within", "an age such as 36h, 30d, 8w, or whole seconds", value)
end

function checkers.now(value)
  if type(value) == "number" and value - value == 0 then return value end
  return refuse("now", "seconds since 1970", value)
end

function checkers.group(value)
  if type(value) == "function" or type(value) == "string" and value ~= "" then return value end
  return refuse("group", "the name of a field or a function", value)
end

function checkers.keep(value)
  if type(value) == "function" then return value end
  return refuse("keep", "a function", value)
end

function checkers.empty_groups(value)
  if type(value) == "boolean" then return value end
  return refuse("empty_groups", "a boolean", value)
end

function checkers.include(value)
  if type(value) ~= "table" then return refuse("include", "a table", value) end
  for kind, wanted in pairs(value) do
    if not policy.KINDS[kind] then
      return nil, ("retention: include: there is no kind %s"):format(shown(kind))
    end
    if type(wanted) ~= "boolean" then return refuse("include." .. kind, "a boolean", wanted) end
  end
  return value
end

local function has_rule(checked)
  for _, name in ipairs(policy.COUNTS) do
    if (checked[name] or 0) > 0 then return true end
  end
  return (checked.within or 0) > 0
end

--- The policy with its defaults, `within` in seconds, and the reason of what it keeps; or nil and a
-- message.
function policy.check(given)
  if type(given) ~= "table" then return refuse("policy", "a table", given) end
  local checked = { group = "volume_id", include = {}, empty_groups = false }
  for name, value in pairs(given) do
    local checker = checkers[name]
    if not checker then return nil, "retention: there is no rule or option " .. shown(name) end
    local usable, message = checker(value)
    if usable == nil then return nil, message end
    checked[name] = usable
  end
  if not has_rule(checked) then
    return nil, "retention: no rule says what to keep: last, hourly, daily, weekly, monthly, "
      .. "yearly or within must be more than 0"
  end
  checked.now = checked.now or os.time()
  checked.within_reason = type(given.within) == "number" and ("within %ds"):format(given.within)
    or given.within and "within " .. given.within
  return checked
end

return policy
