-- A run: deletes what it is given, records each before and after, and stops when it must.
--
-- An item is { id =, snapshot = what is known of it, reasons = why it goes, recorded = whether its
-- intent is in the audit already }. The library looks at each snapshot just before it deletes it,
-- and then asks `protect` here: that is where an intent is written.

local evs = require "evs"
local failure = require "evs.cli.failure"
local recheck = require "evs.cli.recheck"
local system = require "evs.cli.system"

local run = {}

local Run = {}
Run.__index = Run

local MAX_ERRORS = 10
local MAY_BE_GONE = { accepted = true, gone = true, unknown = true }

-- ---- the record ---------------------------------------------------------------------------------

function Run:record_intent(item)
  if item.recorded then return true end
  item.recorded = true
  local one = item.snapshot or {}
  return self.audit:record("intent", "project_id", self.project, "region", self.region,
    "id", item.id, "name", one.name, "volume_id", one.volume_id, "size", one.size,
    "created_at", one.created_at, "reasons", item.reasons)
end

local function milliseconds(seconds)
  return seconds and tonumber(("%.3f"):format(seconds))
end

function Run:record_end(item, word, err, info)
  info, err = info or {}, err or {}
  return self.audit:record("end", "id", item.id, "result", word,
    "outcome", err.outcome or (word == "unsent" and "not_sent" or word), "code", err.code,
    "message", err.message, "request_id", info.request_id or err.request_id,
    "attempts", info.attempts, "seconds", milliseconds(info.seconds))
end

-- Makes the run end: nothing new is started. The first reason counts.
function Run:stop(reason)
  self.stopped = self.stopped or reason
end

-- ---- one deletion -------------------------------------------------------------------------------

-- Whether nothing more may be started.
function Run:must_stop()
  local signal = system.caught()
  if signal then self:stop("interrupted by " .. signal) end
  return self.stopped ~= nil
end

-- The next item of input, as its id; nil and the reason when there must be none.
function Run:next_id()
  local item, err
  if not self:must_stop() then item, err = self.next_item() end
  if self:must_stop() then return nil, self.stopped end -- a signal ends the wait for input
  if item == nil then
    if err then self:stop(err) end
    return nil, err
  end
  self.known[item.id] = item
  return item.id
end

-- Why a snapshot, as EVS showed it just now, is not to be deleted after all; nil when its intent is
-- recorded and its deletion may leave.
function Run:protect(snapshot)
  local item = self.known[snapshot.id]
  if not self:must_stop() then
    local reason = item.snapshot and recheck.reason(item.snapshot, snapshot)
    if reason then return reason end
    item.snapshot = item.snapshot or snapshot
    local ok, failed = self:record_intent(item)
    if not ok then self:stop(failed) end
  end
  item.held = self.stopped ~= nil
  if item.held then return self.stopped end
  self.open[item.id] = item
  return nil
end

-- One that is missing was gone before we came; with --wait it is gone when the call returns.
function Run:word_of(result, info)
  if result ~= true then return result.outcome == "unknown" and "unknown" or "failed" end
  return (self.wait or info.status == 404) and "gone" or "accepted"
end

-- Tells of the end of an item, in the record and to people. One that the guard kept, or that was
-- missing, has no intent yet: every end has one.
function Run:finish(item, word, err, info)
  self.open[item.id] = nil
  self.sums[word] = self.sums[word] + 1
  local ok, failed = self:record_intent(item)
  if ok then ok, failed = self:record_end(item, word, err, info) end
  if not ok then
    self:stop(failed)
    if MAY_BE_GONE[word] then self.lost = self.lost + 1 end
  end
  ok, failed = self.report:result(item, word, err)
  if not ok then self:stop(failed) end
end

function Run:on_result(id, result, info)
  local item = self.known[id]
  self.known[id] = nil
  if item.held then -- by the stop that is under way: it was never begun
    self.sums.unsent = self.sums.unsent + 1
    return false
  end
  self:finish(item, self:word_of(result, info), result ~= true and result or nil, info)
  local errors = self.sums.failed + self.sums.unknown
  if errors >= self.max_errors then
    self:stop(("%d have failed, and --max-errors is %d"):format(errors, self.max_errors))
  end
  return not self:must_stop()
end

-- ---- all of it ----------------------------------------------------------------------------------

-- What is open when the batch is over: not sent; or, when it was broken off, not known.
function Run:close_open(word)
  local left = {}
  for _, item in pairs(self.open) do left[#left + 1] = item end
  table.sort(left, function(a, b) return a.id < b.id end)
  for _, item in ipairs(left) do self:finish(item, word) end
end

-- The ids of the items, or a function that gives them where they are read. Of an array the library
-- looks at sixty with one request.
function Run:ids()
  if not self.items then return function() return self:next_id() end end
  local ids = {}
  for i, item in ipairs(self.items) do
    ids[i], self.known[item.id] = item.id, item
  end
  return ids
end

function Run:delete()
  return self.client:delete_snapshots(self.project, self:ids(), {
    ignore_missing = self.ignore_missing,
    protect = function(snapshot) return self:protect(snapshot) end,
    on_result = function(id, result, info) return self:on_result(id, result, info) end,
  })
end

function Run:carry()
  system.catch(2) -- the first signal is seen between two deletions, the second does not wait
  local ok, summary, err = pcall(self.delete, self)
  system.catch(0)
  if not ok then
    self:stop(system.caught() and "interrupted by " .. system.caught() or tostring(summary))
    self:close_open("unknown")
  else
    if not summary or summary.stopped then self:stop(tostring(err or summary.stopped)) end
    self:close_open("unsent")
  end
end

-- Items that were never begun.
function Run:count_rest()
  if not self.total then return end
  local done = 0
  for _, count in pairs(self.sums) do done = done + count end
  self.sums.unsent = self.sums.unsent + self.total - done
end

-- How many there are of which the record does not say what became.
function Run:untold()
  return self.sums.unknown + self.lost
end

function Run:code()
  local sums = self.sums
  if self:untold() > 0 then return failure.UNKNOWN end
  if sums.failed > 0 or sums.unsent > 0 or self.stopped then return failure.NOT_DELETED end
  return 0
end

function Run:conclude()
  local sums = self.sums
  local ok, err = self.audit:record("stop", "accepted", sums.accepted, "gone", sums.gone,
    "failed", sums.failed, "unknown", sums.unknown, "unsent", sums.unsent,
    "reason", self.stopped or "all done")
  if ok then ok, err = self.audit:sync() end
  if not ok then self:stop(err) end
  self.report:sums(sums, self.stopped, self:untold())
  return self:code()
end

-- What is known without a deletion: its end is told. An entry without a word cannot be told.
function Run:settle(entries)
  for _, entry in ipairs(entries) do
    if entry.word then
      self:finish(entry.item, entry.word, entry.err)
    else
      self:stop(("%s cannot be looked at: %s"):format(entry.item.id, tostring(entry.err)))
      self.lost = self.lost + 1
    end
  end
end

--- Deletes `items`, or what `next_item` gives until it gives nil (or nil and an error); the exit
-- code. `fields` are these, and client, project, region, audit, report, settled (entries { item =,
-- word =, err = } that need no deletion), wait, ignore_missing, max_errors.
function run.carry(fields)
  local self = setmetatable(fields, Run)
  self.max_errors = self.max_errors or MAX_ERRORS
  self.open, self.known, self.lost = {}, {}, 0
  self.total = self.items and #self.items + #(self.settled or {})
  self.sums = { accepted = 0, gone = 0, failed = 0, unknown = 0, unsent = 0 }
  self.report:start(self.total)
  self:settle(self.settled or {})
  if not self.stopped then self:carry() end
  self:count_rest()
  return self:conclude()
end

--- Whether an error of the library means that a snapshot does not exist.
function run.is_missing(err)
  return evs.is_error(err) and err.status == 404
    and (err.kind == "itemNotFound" or err.code == "EVS.5404")
end

return run
