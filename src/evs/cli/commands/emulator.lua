-- `evs emulator`: becomes the emulator that was installed with the command.

local failure = require "evs.cli.failure"
local system = require "evs.cli.system"

local unpack = table.unpack or unpack -- luacheck: ignore

-- Where its start is, seen from the folder of the program: of `make install`, and of a rock and of
-- the sources.
local PLACES = { "../share/lua-evs/emulator/start", "../spec/emulator/start" }

local function is_there(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

local function find_start(program)
  program = system.real_path(program) or program -- a link to it may be anywhere
  local folder = program:match("^(.*/)") or "./"
  for _, place in ipairs(PLACES) do
    if is_there(folder .. place) then return folder .. place end
  end
  failure.raise(failure.NOT_DELETED, "no emulator: there is neither %s%s nor %s%s", folder,
    PLACES[1], folder, PLACES[2])
end

-- The options of start that were given.
local function words_of(args)
  local words = {}
  for _, name in ipairs { "port", "tls_port", "metadata_listen", "parent" } do
    if args[name] then
      words[#words + 1] = "--" .. name:gsub("_", "-")
      words[#words + 1] = args[name]
    end
  end
  return words
end

return function(args)
  local start = find_start(args.program)
  local _, err = system.exec(start, unpack(words_of(args)))
  failure.raise(failure.NOT_DELETED, "cannot start the emulator: %s: %s", start, err)
end
