-- Values of options: what a text stands for, or nil and why it cannot be used.

local retention = require "evs.retention.policy"
local terminal = require "evs.cli.terminal"

local convert = {}

local function refuse(text, wanted)
  return nil, terminal.quote(text) .. " is no " .. wanted
end

--- A text that is not empty: a shell's variable that is not set would choose all, or spare nothing.
function convert.text(text)
  if text ~= "" then return text end
  return nil, "the value is empty: is a variable of the shell not set?"
end

function convert.whole(text)
  if text:find("^%d+$") and #text < 16 then return tonumber(text) end
  return refuse(text, "whole number")
end

function convert.positive(text)
  local number = convert.whole(text)
  if number and number > 0 then return number end
  return refuse(text, "whole number from 1 on")
end

--- Of what is handed on the text is kept.
function convert.digits(text)
  if convert.whole(text) then return text end
  return refuse(text, "whole number")
end

function convert.port(text)
  local port = convert.whole(text)
  if port and port > 0 and port < 65536 then return text end
  return refuse(text, "port")
end

function convert.address(text)
  if text:find("^[%w.:%[%]-]+:%d+$") then return text end
  return refuse(text, "address such as 169.254.169.254:80")
end

function convert.number(text)
  local number = text:find("^[%d.]+$") and tonumber(text)
  if number then return number end
  return refuse(text, "number")
end

--- Of an age the text is kept: reasons show it.
function convert.age(text)
  if retention.age(text) then return text end
  return refuse(text, "age such as 36h, 30d, 8w")
end

--- The seconds of an age.
function convert.seconds(text)
  local seconds = retention.age(text)
  if seconds then return seconds end
  return refuse(text, "age such as 36h, 30d, 8w")
end

--- { number = } or { percent = }.
function convert.share(text)
  local percent = text:match("^(%d+)%%$")
  if percent and #percent < 4 and tonumber(percent) <= 100 then
    return { percent = tonumber(percent) }
  end
  if text:find("^%d+$") and #text < 16 then return { number = tonumber(text) } end
  return refuse(text, "number such as 100, nor a share such as 20%")
end

--- { key =, value = } of `K=V`.
function convert.pair(text)
  local key, value = text:match("^([^=]+)=(.*)$")
  if key then return { key = key, value = value } end
  return refuse(text, "pair such as KEY=VALUE")
end

--- A Lua pattern that can be used.
function convert.pattern(text)
  if text == "" then return convert.text(text) end
  local ok, message = pcall(string.find, "", text)
  if ok then return text end
  return refuse(text, "Lua pattern: " .. tostring(message):gsub("^.-:%d+: ", ""))
end

--- The set of kinds in `auto,copy`.
function convert.kinds(text)
  local kinds = {}
  for kind in (text .. ","):gmatch("([^,]*),") do
    if not retention.KINDS[kind] then
      return nil, terminal.quote(kind) .. " is none of auto, copy, frozen, group, unknown"
    end
    kinds[kind] = true
  end
  return kinds
end

return convert
