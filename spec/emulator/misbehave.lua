--- Rules that make chosen requests go wrong. Which rule applies is decided here; what it then does
-- is in mischief.lua.

local state = require "emulator.state"

local misbehave = {}

local PRNG_MODULUS = 2147483647

local MATCHING = {
  method = "string",            -- the request's method
  path = "string",              -- Lua pattern, found anywhere in the request target
  contains = "string",          -- plain text, found anywhere in the request target
  service = "string",           -- "evs" (default), "iam" or "metadata"
  reused = "boolean",           -- true: not on a connection's first request; false: only on that
  times = "number",             -- how often it applies; 1, or without end when -1
  skip = "number",              -- how many matching requests pass before it applies
  probability = "number",       -- chance that it applies; `times` is then without end by default
}

local ACTIONS = {
  delay = "number",             -- seconds before anything else
  effect = "boolean",           -- do what was asked, and answer with what the rule says
  late = "number",              -- seconds between the effect and the answer
  hang = "number",              -- seconds of silence, then the connection closes
  cut = "string",               -- "before" the effect, "after" it, or in the "body" of the answer
  reset = "boolean",            -- a cut is a TCP reset in place of an orderly close
  raw = "string",               -- exactly these bytes, then the connection closes (HTTP/1.1 only)
  status = "number",            -- canned answer
  headers = "table",
  body = "any",                 -- text, or a value sent as JSON
  close = "boolean",            -- the connection closes after the answer, which says so
  html = "boolean",             -- the body is nginx's error page for the status
  promise = "number",           -- Content-Length announced with cut="body"
  echo = "boolean",             -- 401 with the canonical request echoed
  skew = "number",              -- seconds added to this answer's Date
  slow_body = "number",         -- seconds between pieces of the body
  piece = "number",             -- bytes in a piece (1)
  big_body = "number",          -- bytes of filling that follow the body
}

local CUTS = { before = true, after = true, body = true }

local function check(rule)
  if type(rule) ~= "table" then return "a rule is an object" end
  for name, value in pairs(rule) do
    local wanted = MATCHING[name] or ACTIONS[name]
    if not wanted then return "no such field in a rule: " .. tostring(name) end
    if wanted ~= "any" and type(value) ~= wanted then return name .. " must be a " .. wanted end
  end
  if rule.cut and not CUTS[rule.cut] then return 'cut must be "before", "after" or "body"' end
  if rule.path and not pcall(string.find, "", rule.path) then return "path is not a Lua pattern" end
  return nil
end

--- Replaces all rules. `seed` starts the random numbers that `probability` uses.
-- @return true, or nil and what was wrong
function misbehave.set(rules, seed)
  for i, rule in ipairs(rules) do
    local problem = check(rule)
    if problem then return nil, ("rule %d: %s"):format(i, problem) end
    rule.times = rule.times or (rule.probability and -1 or 1)
  end
  state.set("rules", #rules > 0 and rules or nil)
  state.set("random", (seed or 1) % PRNG_MODULUS)
  return true
end

--- The rules that are left, with what remains of their `times` and `skip`.
function misbehave.rules()
  return state.get("rules") or {}
end

-- The minimal standard generator: the same seed gives the same run on every machine.
local function random()
  local value = state.get("random")
  value = (value == 0 and 1 or value) * 16807 % PRNG_MODULUS
  state.set("random", value)
  return value / PRNG_MODULUS
end

local function matches(rule, request)
  if rule.times == 0 then return false end
  if (rule.service or "evs") ~= request.service then return false end
  if rule.method and rule.method ~= request.method then return false end
  if rule.path and not request.uri:find(rule.path) then return false end
  if rule.contains and not request.uri:find(rule.contains, 1, true) then return false end
  local reused = request.connection_requests > 1
  return rule.reused == nil or rule.reused == reused
end

-- Whether a matching rule applies this time; counts in the rule.
local function applies(rule)
  if (rule.skip or 0) > 0 then
    rule.skip = rule.skip - 1
    return false, true
  end
  if rule.probability and random() >= rule.probability then return false, false end
  if rule.times > 0 then
    rule.times = rule.times - 1
    return true, true
  end
  return true, false
end

--- The first rule that applies to a request, or nil.
function misbehave.pick(request)
  local rules = state.get("rules")
  if not rules then return nil end
  local chosen, changed
  for _, rule in ipairs(rules) do
    if matches(rule, request) then
      local apply, counted = applies(rule)
      changed = changed or counted
      if apply then
        chosen = rule
        break
      end
    end
  end
  if changed then state.set("rules", rules) end
  return chosen
end

--- A rule's actions in a few words, for the journal.
function misbehave.describe(rule)
  local words = {}
  for name in pairs(ACTIONS) do
    local value = rule[name]
    if type(value) == "table" or (type(value) == "string" and #value > 20) then value = "..." end
    if value ~= nil then words[#words + 1] = name .. "=" .. tostring(value) end
  end
  table.sort(words)
  return table.concat(words, " ")
end

return misbehave
