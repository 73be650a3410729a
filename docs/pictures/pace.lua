-- The pace of a batch against a server that allows 100 requests a second, for docs/rules.md:
-- lua5.4 docs/pictures/pace.lua >docs/pictures/pace.svg
--
-- The numbers of the rule are read from the code; a request that is over the limit gets a 429.

local svg = require "docs.pictures.svg"

local SECONDS, STEP, MOST = 60, 0.05, 170
local DRAWN = 10 -- every tenth step is a point
local LIMIT, BEGIN = 100, 150
local LEFT, TOP, WIDTH, HEIGHT = 60, 30, 800, 220

local function constants(path)
  local file = assert(io.open(path))
  local found = {}
  for name, value in file:read("*a"):gmatch("#define ([%u_]+) +([%d.]+)") do
    found[name] = tonumber(value)
  end
  file:close()
  return found
end

local rule = constants "src/call/pacer.c"

-- { seconds, pace } each. At the beginning there is no pace but what the batch reaches by itself.
local function simulate()
  local points = { { 0, BEGIN }, { 1, BEGIN } }
  local pace, refused, changed = BEGIN / 2, BEGIN, 1
  local now, steps = 1, 0
  while now <= SECONDS do
    if steps % DRAWN == 0 then points[#points + 1] = { now, pace } end
    local near, patience = refused * rule.NEAR, 1 + rule.IMPATIENCE * (now - changed)
    if pace < near then
      pace = pace + (near - pace) * STEP * rule.RECOVERY + 0.1 * STEP
    else
      pace = pace + (pace * rule.CREEP + 0.1) * patience * STEP
    end
    now, steps = now + STEP, steps + 1
    if pace > LIMIT and now > changed + rule.WINDOW then
      points[#points + 1] = { now, pace }
      pace, refused, changed, steps = pace / 2, pace, now, 0
    end
  end
  return points
end

local function x_of(seconds) return LEFT + seconds / SECONDS * WIDTH end
local function y_of(pace) return TOP + HEIGHT - pace / MOST * HEIGHT end

local picture = svg.new(900, 310, "The pace of a batch after a 429: halved, then step by step")
picture:path { { LEFT, TOP }, { LEFT, TOP + HEIGHT }, { LEFT + WIDTH, TOP + HEIGHT } }
for seconds = 0, SECONDS, 10 do
  picture:text(x_of(seconds), TOP + HEIGHT + 18, seconds .. " s", "small", "middle")
end
for pace = 0, 150, 50 do
  picture:text(LEFT - 8, y_of(pace) + 4, tostring(pace), "small", "end")
end
picture:path({ { x_of(0), y_of(LIMIT) }, { x_of(SECONDS), y_of(LIMIT) } }, "limit")
picture:text(x_of(SECONDS), y_of(LIMIT) - 8, "what the server allows", "small", "end")
local points = simulate()
for _, point in ipairs(points) do point[1], point[2] = x_of(point[1]), y_of(point[2]) end
picture:path(points, "curve")
picture:text(x_of(1) + 8, y_of(BEGIN) + 4, "the first 429 halves the pace", "small")
picture:text(LEFT, TOP - 12, "requests a second", "small", "middle")

io.write(picture:finish())
