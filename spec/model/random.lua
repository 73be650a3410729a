--- Random numbers that are the same on every Lua and can be repeated: Lehmer's generator, in
-- doubles.

local Random = {}
Random.__index = Random

local MODULUS = 2147483647
local MULTIPLIER = 48271

-- Mixes a number into a hash. Squares stay below 2^53, and neighbours end up far apart.
local function mix(hash, number)
  hash = (hash + number % 67108859 + 1) % 67108859
  return (hash * hash + 12345 * hash + 7) % 67108859
end

--- The generator of one run: `seed` is the base seed, `number` the run's.
function Random.new(seed, number)
  local state = mix(mix(mix(mix(1, seed), number), seed), number)
  return setmetatable({ state = state * 29 % (MODULUS - 1) + 1 }, Random)
end

--- A number in [0, 1).
function Random:unit()
  local state = self.state * MULTIPLIER % MODULUS
  self.state = state
  return (state - 1) / (MODULUS - 1)
end

--- A whole number from 1 to `count`.
function Random:upto(count)
  return math.floor(self:unit() * count) + 1
end

--- True this often.
function Random:chance(probability)
  return self:unit() < probability
end

--- A number in [low, high).
function Random:between(low, high)
  return low + self:unit() * (high - low)
end

--- A number in [low, high), most of them small.
function Random:scale(low, high)
  local unit = self:unit()
  return low + unit * unit * unit * (high - low)
end

--- One of an array.
function Random:pick(array)
  return array[self:upto(#array)]
end

--- One of `{ weight, value, weight, value, ... }`; the weights are of any sum.
function Random:weighted(list)
  local sum = 0
  for i = 1, #list, 2 do
    sum = sum + list[i]
  end
  local left = self:unit() * sum
  for i = 1, #list - 2, 2 do
    left = left - list[i]
    if left < 0 then
      return list[i + 1]
    end
  end
  return list[#list]
end

return Random
