-- The command line: subcommands and their options, and what --help says.

local argparse = require "argparse"
local convert = require "evs.cli.convert"

local arguments = {}

local EPILOG = [[
Environment:
   HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK    access key and secret key
   HUAWEICLOUD_SDK_SECURITY_TOKEN            beside them, for temporary keys
   HUAWEICLOUD_SDK_CREDENTIALS_FILE          another file of keys
   EVS_TOKEN                                 an IAM token in place of keys
   HUAWEICLOUD_SDK_PROJECT_ID                for --project
   HUAWEICLOUD_SDK_REGION, EVS_ENDPOINT      for --region and --endpoint
   HUAWEICLOUD_SDK_IAM_ENDPOINT              IAM's address, for --project auto
   EVS_API                                   for --api
   EVS_CA_FILE, HTTPS_PROXY, NO_PROXY        the way there
   XDG_RUNTIME_DIR                           folder of lock files (/run/lock)
   NO_COLOR                                  no colours

Exit codes:
   0  all is well, also when there was nothing to do
   1  something was not deleted that should be, or nothing could be done
   2  the command line is wrong
   3  a deletion may have happened that could not be told
   4  nothing matched (prune: with --fail-if-empty only)
   5  a belt held: nothing was sent

See man evs.]]

local PRUNE_EPILOG = [[
A snapshot stays if any rule keeps it. Filters choose what may be deleted; what
counts for the rules is always the whole group: with --status error and
--keep-last 2 only snapshots in error go, and all are looked at to find the
newest two.]]

-- Adds an option. What its converter has against a value is told with the option's name.
local function option(parser, name, argname, help, converter)
  local made = parser:option(name, help):argname(argname)
  return converter and made:convert(function(text)
    local value, message = converter(text)
    if value == nil then return nil, name .. ": " .. message end
    return value
  end) or made
end

-- ---- groups of options --------------------------------------------------------------------------

local function add_connection(parser)
  option(parser, "--project", "ID",
    "The project, or auto to ask IAM (HUAWEICLOUD_SDK_PROJECT_ID).")
  option(parser, "--region", "REGION", "The region (HUAWEICLOUD_SDK_REGION).")
  option(parser, "--endpoint", "URL", "EVS's address, in place of the region's (EVS_ENDPOINT).")
  option(parser, "--profile", "NAME", "Take the keys from this section of the credentials file.")
  parser:option("--api", "Which API: v2, v5 or cinder (EVS_API)."):argname("API")
    :choices { "v2", "v5", "cinder" }
end

local function add_json(parser, help)
  parser:flag("--json", help)
end

local function add_filters(parser)
  option(parser, "--volume-id", "ID", "Of this volume; may come again.", convert.text)
    :count("*")
  option(parser, "--name-prefix", "TEXT", "Whose name begins so.", convert.text)
  option(parser, "--name-match", "PATTERN", "Whose name the Lua pattern finds.", convert.pattern)
  option(parser, "--metadata", "K=V", "With this metadata; may come again.", convert.pair)
    :count("*")
  option(parser, "--status", "STATUS", "In this status; may come again.", convert.text)
    :count("*")
  option(parser, "--exclude", "ID", "But not this one; may come again.", convert.text)
    :count("*")
end

local function add_policy(parser)
  for _, rule in ipairs { "last", "hourly", "daily", "weekly", "monthly", "yearly" } do
    local help = rule == "last" and "Keep the newest N of each group."
      or ("Keep the newest of each of the newest N %s."):format(({ hourly = "hours", daily = "days",
        weekly = "ISO weeks", monthly = "months", yearly = "years" })[rule])
    option(parser, "--keep-" .. rule, "N", help, convert.whole)
  end
  parser:mutex(
    option(parser, "--keep-within", "AGE", "Keep what is younger: 36h, 30d, 8w.", convert.age),
    option(parser, "--older-than", "AGE", "Another word for --keep-within.", convert.age)
      :target("keep_within"))
  option(parser, "--group-by", "FIELD", "What a policy is for each value of (volume_id).")
  option(parser, "--include", "KINDS",
    "Of standard snapshots also these: auto,copy,frozen,group,unknown.", convert.kinds)
end

local function add_orphans(parser)
  parser:flag("--orphans",
    "Judge standard snapshots whose disk is gone, by their age, and no others.")
end

local function add_run(parser)
  option(parser, "--max-errors", "N", "Stop when so many have failed (10).", convert.positive)
  option(parser, "--concurrency", "N", "Deletions at a time (16).", convert.whole)
  option(parser, "--rate", "N", "At most so many requests a second.", convert.number)
  parser:flag("--wait", "Wait until each is gone, three minutes at most.")
  parser:flag("--no-lock", "Do not mind other runs on this project.")
end

local function add_audit(parser)
  option(parser, "--audit", "FILE", "Append a record of all that is done, in lines of JSON.")
end

local function add_belts(parser)
  option(parser, "--max", "N|P%",
    "Delete nothing if it would be more (half of those judged, at least 10).", convert.share)
  parser:flag("--empty-groups", "Let the newest of a group go, too.")
end

local function add_any_clock(parser)
  parser:flag("--any-clock", "Trust this machine's clock, whatever the server's says.")
end

-- ---- subcommands --------------------------------------------------------------------------------

local commands = {}

function commands.list(parser)
  local command = parser:command("list", "List snapshots.")
  add_connection(command)
  add_filters(command)
  add_json(command, "Lines of JSON, as EVS shows them.")
end

function commands.show(parser)
  local command = parser:command("show", "Show snapshots.")
  command:argument("id", "The snapshots."):args("+")
  add_connection(command)
  add_json(command, "Lines of JSON, as EVS shows them.")
end

function commands.delete(parser)
  local command = parser:command("delete", "Delete the snapshots that are named.")
  command:argument("id", "The snapshots; - reads ids from standard input, one a line."):args("*")
  option(command, "--name", "NAME", "The one snapshot of this name, if there is exactly one.",
    convert.text)
  add_connection(command)
  command:flag("--ignore-missing", "What does not exist is no failure.")
  add_run(command)
  add_audit(command)
  add_json(command, "Write the record to standard output.")
end

function commands.prune(parser)
  local command = parser:command("prune", "Delete what a policy does not keep.")
  command:epilog(PRUNE_EPILOG)
  add_policy(command)
  add_orphans(command)
  add_filters(command)
  add_connection(command)
  command:flag("--yes", "Carry it out. Without it nothing is deleted.")
  option(command, "--plan", "FILE", "Write the plan to a file, for evs apply.")
  command:flag("--fail-if-empty", "Exit code 4 if nothing matches.")
  add_belts(command)
  add_any_clock(command)
  add_run(command)
  add_audit(command)
  add_json(command, "Write the plan, or with --yes the record, to standard output.")
end

function commands.apply(parser)
  local command = parser:command("apply", "Delete what a plan of evs prune says.")
  command:argument("file", "The plan.")
  add_connection(command)
  command:flag("--yes", "Carry it out. Without it nothing is deleted.")
  option(command, "--not-before", "AGE", "Refuse a plan that is younger.", convert.seconds)
  option(command, "--not-after", "AGE", "Refuse a plan that is older.", convert.seconds)
  add_any_clock(command)
  add_run(command)
  add_audit(command)
  add_json(command, "Write the record to standard output.")
end

function commands.resume(parser)
  local command = parser:command("resume", "Settle what an interrupted run left open.")
  command:argument("file", "The audit.")
  add_connection(command)
  command:flag("--yes", "Delete what is still there. Without it nothing is deleted.")
  add_run(command)
  add_json(command, "Write the record to standard output, too.")
end

function commands.doctor(parser)
  local command = parser:command("doctor", "Say what works, what does not, and the cure.")
  add_connection(command)
end

function commands.emulator(parser)
  local command = parser:command("emulator", "Start an EVS on this machine, for tests.")
  option(command, "--port", "N", "Its port for HTTP; else a free one.", convert.port)
  option(command, "--tls-port", "N", "Its port for TLS; else a free one.", convert.port)
  option(command, "--metadata-listen", "ADDRESS", "The metadata service at ADDRESS:PORT, too.",
    convert.address)
  option(command, "--parent", "PID", "End when this process is gone.", convert.digits)
end

--- The parser, for its help and the completion of shells.
function arguments.parser()
  local parser = argparse("evs", "Deletes snapshots of Huawei Cloud EVS, safely.", EPILOG)
    :command_target("command"):help_max_width(80)
  parser:option("--version", "Show the version."):args(0):action(function()
    print("evs " .. require("evs")._VERSION)
    os.exit(0)
  end)
  for _, name in ipairs { "list", "show", "delete", "prune", "apply", "resume", "doctor",
    "emulator" } do
    commands[name](parser)
  end
  return parser
end

--- What the words of a command line say, or nil and what is wrong with them.
function arguments.parse(words)
  local ok, args = arguments.parser():pparse(words)
  if ok then return args end
  return nil, args
end

return arguments
