-- Medians, quartiles, and what they say of a bound.
-- luacheck: std lua54
local statistics = {}

local function quantile(sorted, share)
  local place = 1 + (#sorted - 1) * share
  local below = math.floor(place)
  local above = math.min(below + 1, #sorted)
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below)
end

--- Median and quartiles of numbers.
---@param numbers number[]
---@return { low: number, median: number, high: number }
function statistics.spread(numbers)
  local sorted = table.move(numbers, 1, #numbers, 1, {})
  table.sort(sorted)
  return {
    low = quantile(sorted, 0.25), median = quantile(sorted, 0.5), high = quantile(sorted, 0.75),
  }
end

--- The spread of the ratios of pairs: each number of `above` to the one of `below` at its place.
function statistics.ratio(above, below)
  local ratios = {}
  for i = 1, #above do ratios[i] = above[i] / below[i] end
  return statistics.spread(ratios)
end

--- Whether a spread is below a bound: "yes", "no", or that the bound lies inside it.
function statistics.verdict(spread, bound)
  if spread.high <= bound then return "yes" end
  if spread.low > bound then return "no" end
  return spread.median <= bound and "median yes, spread crosses" or "median no, spread crosses"
end

--- A spread as text, `1.020 [0.991-1.053]`.
function statistics.text(spread)
  return ("%.3f [%.3f-%.3f]"):format(spread.median, spread.low, spread.high)
end

return statistics
