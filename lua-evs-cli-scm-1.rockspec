rockspec_format = "3.0"
package = "lua-evs-cli"
version = "scm-1"
source = {
  url = "git+https://github.com/lua-evs/lua-evs.git",
}
description = {
  summary = "The command evs: prunes snapshots of Huawei Cloud's Elastic Volume Service",
  detailed = [[
    Keeps what a policy says and deletes the rest of a project's snapshots: with a plan to look at
    first, belts against too much, a record of every deletion, and exit codes for cron.
  ]],
  homepage = "https://github.com/lua-evs/lua-evs",
  issues_url = "https://github.com/lua-evs/lua-evs/issues",
  license = "MIT",
  labels = { "huaweicloud", "cloud", "evs", "snapshot", "commandline" },
}
dependencies = {
  "lua >= 5.1, < 5.6",
  "lua-evs",
  "argparse >= 0.7.0",
  "lua-cjson >= 2.1.0",
}
build = {
  type = "builtin",
  modules = {
    ["evs.cli"] = "src/evs/cli.lua",
    ["evs.cli.arguments"] = "src/evs/cli/arguments.lua",
    ["evs.cli.audit"] = "src/evs/cli/audit.lua",
    ["evs.cli.bar"] = "src/evs/cli/bar.lua",
    ["evs.cli.belts"] = "src/evs/cli/belts.lua",
    ["evs.cli.client"] = "src/evs/cli/client.lua",
    ["evs.cli.commands.apply"] = "src/evs/cli/commands/apply.lua",
    ["evs.cli.commands.delete"] = "src/evs/cli/commands/delete.lua",
    ["evs.cli.commands.doctor"] = "src/evs/cli/commands/doctor.lua",
    ["evs.cli.commands.emulator"] = "src/evs/cli/commands/emulator.lua",
    ["evs.cli.commands.list"] = "src/evs/cli/commands/list.lua",
    ["evs.cli.commands.prune"] = "src/evs/cli/commands/prune.lua",
    ["evs.cli.commands.resume"] = "src/evs/cli/commands/resume.lua",
    ["evs.cli.commands.show"] = "src/evs/cli/commands/show.lua",
    ["evs.cli.convert"] = "src/evs/cli/convert.lua",
    ["evs.cli.cures"] = "src/evs/cli/cures.lua",
    ["evs.cli.failure"] = "src/evs/cli/failure.lua",
    ["evs.cli.filters"] = "src/evs/cli/filters.lua",
    ["evs.cli.history"] = "src/evs/cli/history.lua",
    ["evs.cli.json"] = "src/evs/cli/json.lua",
    ["evs.cli.lock"] = "src/evs/cli/lock.lua",
    ["evs.cli.output"] = "src/evs/cli/output.lua",
    ["evs.cli.plan"] = "src/evs/cli/plan.lua",
    ["evs.cli.planfile"] = "src/evs/cli/planfile.lua",
    ["evs.cli.planview"] = "src/evs/cli/planview.lua",
    ["evs.cli.policy"] = "src/evs/cli/policy.lua",
    ["evs.cli.profile"] = "src/evs/cli/profile.lua",
    ["evs.cli.recheck"] = "src/evs/cli/recheck.lua",
    ["evs.cli.report"] = "src/evs/cli/report.lua",
    ["evs.cli.run"] = "src/evs/cli/run.lua",
    ["evs.cli.session"] = "src/evs/cli/session.lua",
    ["evs.cli.table"] = "src/evs/cli/table.lua",
    ["evs.cli.terminal"] = "src/evs/cli/terminal.lua",
    ["evs.cli.system"] = {
      sources = { "src/evs/cli/system.c" },
      incdirs = { "src" },
    },
  },
  install = {
    bin = { "bin/evs" },
  },
  copy_directories = { "completion", "contrib", "man", "spec/emulator" },
}
