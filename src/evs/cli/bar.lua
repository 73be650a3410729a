-- The text of a progress bar that fits a width.

local bar = {}

-- Columns of the bar itself; with less than the least there is none.
local LEAST, MOST = 8, 60

local function clock(seconds)
  if seconds >= 3600 then
    return ("%d:%02d:%02d"):format(math.floor(seconds / 3600), math.floor(seconds / 60) % 60,
      seconds % 60)
  end
  return ("%d:%02d"):format(math.floor(seconds / 60), seconds % 60)
end

-- What stands behind the bar, from all there is to say to the least.
local function texts(progress)
  local done, total = progress.done, progress.total
  local rate = progress.seconds > 0 and done / progress.seconds or 0
  local count = total and ("%d/%d"):format(done, total) or tostring(done)
  local speed = ("%.0f/s"):format(rate)
  local failed = ("%d failed"):format(progress.failed)
  local left = total and rate > 0 and clock(math.ceil((total - done) / rate)) .. " left" or ""
  local all = ("%s  %s  %s  %s"):format(count, speed, failed, left):gsub("%s+$", "")
  return { all, ("%s  %s  %s"):format(count, speed, failed), count .. "  " .. failed, count,
    total and ("%d%%"):format(math.floor(100 * done / math.max(total, 1))) or count }
end

local function drawn(progress, columns)
  local filled = math.floor(columns * progress.done / math.max(progress.total, 1))
  return ("[%s%s]"):format(("#"):rep(filled), ("-"):rep(columns - filled))
end

--- The line for `progress`, { done =, total = or nil, failed =, seconds = }, in at most `width`
-- columns. The last column stays empty: some terminals would begin a new line behind it.
function bar.text(progress, width)
  local room, all = width - 1, texts(progress)
  for _, text in ipairs(all) do
    local columns = room - #text - 3 -- brackets and a space
    if progress.total and columns >= LEAST then
      return drawn(progress, math.min(columns, MOST)) .. " " .. text
    end
  end
  for _, text in ipairs(all) do
    if #text <= room then return text end
  end
  return all[#all]:sub(1, math.max(room, 0))
end

return bar
