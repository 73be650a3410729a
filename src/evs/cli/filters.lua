-- Filters: which snapshots may be listed or deleted.

local filters = {}

local function set(values)
  local found = {}
  for _, value in ipairs(values) do found[value] = true end
  return found
end

local function has_metadata(snapshot, pairs_wanted)
  local metadata = type(snapshot.metadata) == "table" and snapshot.metadata or {}
  for _, wanted in ipairs(pairs_wanted) do
    if metadata[wanted.key] ~= wanted.value then return false end
  end
  return true
end

-- A test for each filter that is given: the name of the option, and a function of a snapshot.
local function tests_of(args)
  local tests = {}
  local function add(given, test)
    if given then tests[#tests + 1] = test end
  end
  local volumes, statuses, excluded = set(args.volume_id), set(args.status), set(args.exclude)
  add(next(volumes), function(one) return volumes[one.volume_id] end)
  add(next(statuses), function(one) return statuses[one.status] end)
  add(next(excluded), function(one) return not excluded[one.id] end)
  add(args.name_prefix, function(one)
    return (one.name or ""):sub(1, #args.name_prefix) == args.name_prefix
  end)
  add(args.name_match, function(one) return (one.name or ""):find(args.name_match) end)
  add(args.metadata[1], function(one) return has_metadata(one, args.metadata) end)
  return tests
end

--- A function that says whether a snapshot passes all filters of the command line.
function filters.new(args)
  local tests = tests_of(args)
  return function(snapshot)
    for _, test in ipairs(tests) do
      if not test(snapshot) then return false end
    end
    return true
  end
end

--- The filters as they were given, for the record: a table of texts and arrays; nil without any.
function filters.given(args)
  local given = { name_prefix = args.name_prefix, name_match = args.name_match,
    orphans = args.orphans }
  for _, name in ipairs { "volume_id", "status", "exclude" } do
    if args[name][1] then given[name] = args[name] end
  end
  for _, pair in ipairs(args.metadata) do
    given.metadata = given.metadata or {}
    given.metadata[pair.key] = pair.value
  end
  return next(given) and given
end

return filters
