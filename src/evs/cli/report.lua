-- What people see of a run: on a terminal a bar with failures above it, else a line for each.

local bar = require "evs.cli.bar"
local system = require "evs.cli.system"
local terminal = require "evs.cli.terminal"

local report = {}

local Report = {}
Report.__index = Report

local STDOUT, STDERR = 1, 2
local PAUSE = 0.1 -- seconds between two pictures of the bar
local COLOURS = { accepted = "green", gone = "green", failed = "red", unknown = "red",
  unsent = "yellow" }

--- Reports of a run with `args`: to standard output, or with --json, to standard error.
function report.new(args)
  local descriptor = args.json and STDERR or STDOUT
  return setmetatable({ descriptor = descriptor, quiet = args.json or false, audit = args.audit,
    has_bar = system.is_terminal(descriptor) and os.getenv("TERM") ~= "dumb",
    paint = terminal.painter(descriptor),
    progress = { done = 0, failed = 0, seconds = 0 }, drawn = 0 }, Report)
end

function Report:write(text)
  return system.write(self.descriptor, text)
end

function Report:draw()
  local now = system.now()
  self.drawn, self.progress.seconds = now, now - self.began
  return self:write("\r" .. bar.text(self.progress, system.width(self.descriptor) or 80) .. "\27[K")
end

--- Begins; `total` is nil when nobody knows how many there will be.
function Report:start(total)
  self.began, self.progress.total = system.now(), total
  if self.has_bar then self:draw() end
end

function Report:line(item, word, err)
  local name = item.snapshot and item.snapshot.name
  local said = ("%s  %s  %s"):format(self.paint(COLOURS[word], terminal.pad(word, 8)),
    terminal.word(item.id), terminal.word(name))
  return err and ("%s  %s"):format(said, terminal.escape(tostring(err))) or said
end

--- Tells what became of an item. True, or nil and why it could not be told.
function Report:result(item, word, err)
  local bad = word == "failed" or word == "unknown"
  self.progress.done = self.progress.done + 1
  if bad then self.progress.failed = self.progress.failed + 1 end
  local ok, failed = true, nil
  if self.has_bar then
    if bad then ok, failed = self:write("\r\27[K" .. self:line(item, word, err) .. "\n") end
    local last = self.progress.done == self.progress.total
    if bad or last or system.now() - self.drawn >= PAUSE then ok, failed = self:draw() end
  elseif bad or not self.quiet then
    ok, failed = self:write(self:line(item, word, err) .. "\n")
  end
  return ok, failed and "cannot write: " .. failed
end

-- How to find out what became of `untold` snapshots.
function Report:cure(untold)
  local cure = self.audit and "evs resume " .. terminal.word(self.audit) .. " looks at each"
    or "evs show looks at one; with --audit evs resume would look at each"
  io.stderr:write(("evs: of %d it is not recorded what became: %s\n"):format(untold, cure))
end

--- The sums, why the run was stopped, if it was, and what to do about `untold` ones.
function Report:sums(sums, stopped, untold)
  if self.has_bar then self:draw() self:write("\n") end
  if stopped then
    io.stderr:write("evs: stopped: ", terminal.escape(stopped), "\n")
  end
  if untold > 0 then self:cure(untold) end
  self:write(("%d accepted, %d gone, %d failed, %d unknown, %d unsent\n"):format(sums.accepted,
    sums.gone, sums.failed, sums.unknown, sums.unsent))
end

return report
