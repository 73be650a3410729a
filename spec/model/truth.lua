--- Whether what a call says is true, judged by the cloud's real state and nothing else.
--
-- Limits, where design rules let a call say more than it can know:
-- * A lost DELETE and then `deleting`, or a missing snapshot that the call has seen: somebody else
--   may have deleted it, for a snapshot passed by the script even before the call began. `true` is
--   accepted for that only where somebody else really did.
-- * `refused` after a look that shows another status: a DELETE still on its way may take effect
--   after that look. It must not have had any effect that the look could show.
-- * A deletion that the cloud takes back (a clone needs the snapshot) is none.

local truth = {}

-- This call's deletions, up to now.
local function own(call)
  local list = {}
  for _, deletion in ipairs(call.snapshot.deletions) do
    if deletion.call == call then
      list[#list + 1] = deletion
    end
  end
  return list
end

local function deleted_by_others(call)
  for _, deletion in ipairs(call.snapshot.deletions) do
    if deletion.call ~= call then
      return true
    end
  end
  return false
end

-- `true`: a DELETE of this call was accepted, or it is gone and that was enough.
local function check_success(call)
  local last = call.last_truth
  if call.options.wait and last ~= "gone" then
    return "`true` with wait, but the snapshot is " .. last
  elseif #own(call) > 0 then
    return nil
  elseif call.options.ignore_missing and last == "gone" then
    return nil
  elseif call.deletes == 0 then
    return "`true`, but no DELETE of this call left the machine"
  elseif call.lost_any and deleted_by_others(call)
    and (last == "deleting" or (last == "gone" and (call.seen or call.settled_as_deleting))) then
    return nil
  end
  return "`true`, but no DELETE of this call was accepted; the snapshot is " .. tostring(last)
end

-- Whether one of its DELETEs had an effect that its last answer could know of.
local function took_effect(call)
  local handled = call.last_handled or -math.huge
  for _, deletion in ipairs(own(call)) do
    local taken_back = deletion.back_at and deletion.back_at <= handled
    if deletion.shown_at <= handled and not taken_back then
      return true
    end
  end
  return false
end

local outcomes = {}

function outcomes.not_sent(call)
  return call.left > 0 and "`not_sent`, but a DELETE left the machine" or nil
end

function outcomes.refused(call)
  if call.left == 0 then
    return "`refused`, but no DELETE left the machine"
  elseif call.got_202 then
    return "`refused` after a 202"
  end
  return took_effect(call) and "`refused`, but its DELETE took effect" or nil
end

function outcomes.unknown(call)
  return call.left == 0 and "`unknown`, but no DELETE left the machine" or nil
end

function outcomes.accepted(call)
  if not call.got_202 and not call.settled_as_deleting then
    return "`accepted`, but nobody accepted it"
  end
  return nil
end

-- NotDeleted: the deletion was taken back or got stuck, and is not under way again.
local function check_not_deleted(call)
  local last = call.last_truth
  if last == "gone" or (last == "deleting" and #call.snapshot.deletions == 1) then
    return "Client.NotDeleted, but the snapshot is " .. last
  end
  return nil
end

--- What is untrue about the result of a delete_snapshot; nil when nothing is.
function truth.check(call, success, err)
  if success then
    return check_success(call)
  elseif err.code == "Client.Protected" and not call.snapshot.backup then
    return "Client.Protected, but it is no backup's"
  elseif err.code == "Client.NotDeleted" and check_not_deleted(call) then
    return check_not_deleted(call)
  end
  local check = outcomes[err.outcome]
  return check and check(call) or not check and "no outcome" or nil
end

return truth
