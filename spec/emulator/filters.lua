--- How the parameters of a list choose its rows.

local cjson = require "cjson"
local snapshots = require "emulator.snapshots"

local filters = {}

local MOST_IDS = 60

local special = {}

function special.enterprise_project_id(item, wanted, value)
  return wanted == "all_granted_eps" or value(item, "enterprise_project_id") == wanted
end

function special.snapshot_chain_id(item, wanted)
  for _, chain in ipairs(snapshots.chains(item)) do
    if chain.id == wanted then return true end
  end
  return false
end

function special.tag_key(item, wanted, value)
  return (value(item, "tags") or {})[wanted] ~= nil
end

function special.tags(item, wanted, value)
  local tags = value(item, "tags") or {}
  for key, text in pairs(wanted) do
    if tags[key] ~= text then return false end
  end
  return true
end

-- Tags as {"key":"value"}, or nil; they may also come as [{"key":..., "value":...}].
local function read_tags(text)
  local read, tags = pcall(cjson.decode, text)
  if not read or type(tags) ~= "table" then return nil end
  if #tags == 0 then return tags end
  local object = {}
  for _, tag in ipairs(tags) do
    if type(tag) ~= "table" or tag.key == nil then return nil end
    object[tag.key] = tag.value
  end
  return object
end

local function as_set(list)
  local set = {}
  for _, item in ipairs(list) do set[item] = true end
  return set
end

-- The ids that a query names, as an array, or nil when it names none.
local function named_ids(list, parameters)
  if list.ids == "repeated" then return parameters.id end
  local text = list.ids and parameters.ids and parameters.ids[#parameters.ids]
  if not text then return nil end
  local ids = {}
  for id in text:gmatch("[^,]+") do ids[#ids + 1] = id end
  return ids
end

-- What `how` (a setting) makes of many ids.
local function heeded(ids, how)
  if how == "ignore" then return nil end
  if how == "first" then return { ids[1] } end
  if how == "last" then return { ids[#ids] } end
  return ids
end

--- Reads the filters of a query.
-- @param how the setting id_lists
-- @return an array of { name, wanted } and the ids (an array, or nil when all may be meant), or nil
-- and what is wrong
function filters.read(list, parameters, how)
  local wanted = {}
  local ids = named_ids(list, parameters)
  if ids and how == "refuse" then return nil, "ids cannot be filtered by" end
  if list.ids == "ids" and ids and #ids > MOST_IDS then
    return nil, ("no more than %d ids can be given"):format(MOST_IDS)
  end
  for _, name in ipairs(list.filters) do
    local values = parameters[name]
    if values and not (name == "id" and list.ids and ids) then
      local value = values[#values]
      if name == "tags" then value = read_tags(value) end
      if value == nil then return nil, "tags must be a JSON object" end
      wanted[#wanted + 1] = { name, value }
    end
  end
  return wanted, ids and heeded(ids, how)
end

--- A function that says whether an item is wanted. `value(item, name)` reads its fields.
function filters.matcher(wanted, ids, value)
  local set = ids and as_set(ids)
  return function(item)
    if set and not set[item.id] then return false end
    for _, pair in ipairs(wanted) do
      local name, text = pair[1], pair[2]
      local matches = special[name]
      if matches then
        if not matches(item, text, value) then return false end
      elseif value(item, name) ~= text then
        return false
      end
    end
    return true
  end
end

return filters
