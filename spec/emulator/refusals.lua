--- What EVS says no to, in the manner of a generation or of the settings.

local answers = require "emulator.answers"
local settings = require "emulator.settings"

local refusals = {}

--- The 404 of a snapshot (or of a marker) that is not there.
function refusals.missing(generation, id)
  local message = ("Snapshot %s could not be found."):format(id)
  if settings.get("missing", generation) == "evs" then
    return answers.evs(404, "EVS.5404", message)
  end
  return answers.openstack(404, "itemNotFound", message)
end

--- The answer to a deletion that the snapshot's status, or its group, forbids.
function refusals.wrong_state(generation, status)
  if settings.get("wrong_state", generation) ~= "evs" then
    return answers.openstack(400, "badRequest", "Invalid snapshot: Snapshot status must be "
      .. "available or error and must not be part of a group.")
  end
  if status == "error_deleting" then
    return answers.evs(500, "EVS.2019", "Snapshot is error_deleting and cannot be deleted.")
  end
  return answers.evs(400, "EVS.1047",
    ("Invalid snapshot: status must be available or error, but it is %s."):format(status))
end

--- The 400 of a query; `code` is EVS's.
function refusals.invalid(generation, code, message)
  if generation.invalid == "evs" then return answers.evs(400, code, message) end
  return answers.openstack(400, "badRequest", "Invalid input: " .. message)
end

--- The gateway's 404 of a path that no API has.
function refusals.unpublished()
  return answers.gateway(404, "APIGW.0101", "The API does not exist or has not been published")
end

return refusals
