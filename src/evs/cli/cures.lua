-- Which step an error belongs to, and its cure.

local cures = {}

--- The steps on the way to EVS, in their order.
cures.STEPS = { "name", "connection", "TLS", "signature" }

local function proxy()
  for _, name in ipairs { "HTTPS_PROXY", "https_proxy" } do
    local value = os.getenv(name)
    if value and value ~= "" then return name end
  end
  return nil
end

local function connection_cure()
  local name = proxy()
  if name then
    return ("see that the proxy in %s is there and lets you through, or name EVS's host in "
      .. "NO_PROXY"):format(name)
  end
  return "see that --region or --endpoint is right, and that a firewall lets you through"
end

-- The library's hint tells apart what is wrong with a certificate; where it is the issuer, the
-- command has another word for the option that it names.
local function tls_cure(err)
  if err.hint and not err.hint:find("ca_file", 1, true) then return err.hint end
  return "give EVS_CA_FILE the CA that signs the certificate; see that no proxy breaks TLS open, "
    .. "and that the clock is right"
end

-- By code: the step, and the cure or a function of the error that gives it.
local CODES = {
  ["Client.Resolve"] = { "name", "see that --region or --endpoint is spelt right, and that DNS "
    .. "works on this machine" },
  ["Client.Connect"] = { "connection", connection_cure },
  ["Client.Proxy"] = { "connection", connection_cure },
  ["Client.Timeout"] = { "connection", connection_cure },
  ["Client.Network"] = { "connection", connection_cure },
  ["Client.TLS"] = { "TLS", tls_cure },
  ["Client.NoCredentials"] = { "keys", "set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or write "
    .. "~/.huaweicloud/credentials, or give the server an agency" },
  ["Client.NoEndpoint"] = { "endpoint", "give --region, or set HUAWEICLOUD_SDK_REGION" },
  ["Client.NoProject"] = { "project", "give --project ID in place of auto" },
  ["Client.InvalidArgument"] = { "options", "correct what the message names" },
  ["Client.BadResponse"] = { "connection", "see that the endpoint is EVS's, and that no proxy or "
    .. "login page answers in its place" },
}

local function cure_of_status(err)
  if err.status == 401 then
    return "signature", "check the access key and the secret key: one of them is wrong, or the "
      .. "key was disabled or deleted. More than five tries lock it for five minutes"
  elseif err.status and err.status >= 500 then
    return "connection", "EVS has trouble of its own; try again later"
  elseif err.status == 429 then
    return "connection", "too many requests; try again later"
  end
  return nil -- EVS answered, and knows who asked
end

--- The step at which `err` arose, and its cure; nil for no error, and for one that says that EVS
-- was reached and the signature was good.
function cures.of(err)
  if type(err) ~= "table" then return nil end
  local known = CODES[err.code]
  if not known then
    if err.status then return cure_of_status(err) end
    return "options", "correct what the message names"
  end
  local cure = known[2]
  return known[1], type(cure) == "function" and cure(err) or cure
end

local function has(name)
  local value = os.getenv(name)
  return value ~= nil and value ~= ""
end

--- Where keys are looked for first, in words.
function cures.keys_from(args)
  if args.profile then return "section " .. args.profile .. " of the credentials file" end
  if has("EVS_TOKEN") then return "the environment: a token" end
  for _, name in ipairs { "AK", "SK", "SECURITY_TOKEN" } do
    if has("HUAWEICLOUD_SDK_" .. name) then return "the environment" end
  end
  return "the credentials file, else the metadata service"
end

return cures
