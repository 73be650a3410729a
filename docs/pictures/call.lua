-- The life of a deletion, for docs/rules.md: lua5.4 docs/pictures/call.lua >docs/pictures/call.svg

local svg = require "docs.pictures.svg"

local TOP, MIDDLE, LOW = 70, 200, 320

local picture = svg.new(900, 400, "The life of a deletion: guard, DELETE, settle, wait")

-- What a call does, from left to right.
picture:box(20, TOP, 110, 60, "plain", "the call")
picture:box(200, TOP, 130, 60, "act", "guard", "GET")
picture:box(420, TOP, 130, 60, "act", "DELETE", "the one that deletes")
picture:box(660, TOP, 130, 60, "act", "wait", "GET, again and again")
picture:box(420, MIDDLE, 130, 60, "act", "settle", "GET")

picture:arrow({ 130, TOP + 30 }, { 198, TOP + 30 })
picture:arrow({ 330, TOP + 30 }, { 418, TOP + 30 })
picture:text(374, TOP + 22, "may go", "small", "middle")
picture:arrow({ 550, TOP + 30 }, { 658, TOP + 30 })
picture:text(604, TOP + 22, "202, wait", "small", "middle")
picture:arrow({ 450, TOP }, { 450, TOP - 25 }, { 520, TOP - 25 }, { 520, TOP - 2 })
picture:text(528, TOP - 28, "retry: unsent, lost, 408, 429, 500, 502 to 504", "small")
picture:arrow({ 485, TOP + 60 }, { 485, MIDDLE - 2 })
picture:text(492, TOP + 84, "an answer was lost,", "small")
picture:text(492, TOP + 99, "now 400, 409", "small")
picture:text(492, TOP + 114, "or EVS.2019", "small")
picture:arrow({ 75, TOP }, { 75, TOP - 45 }, { 400, TOP - 45 }, { 400, TOP + 15 },
  { 418, TOP + 15 })
picture:text(237, TOP - 50, "guard = false, or a snapshot in place of the id", "small", "middle")

-- How it ends.
picture:box(20, LOW, 170, 60, "bad", "not_sent", "a backup's, or busy;", "the guard failed")
picture:box(210, LOW, 170, 60, "bad", "refused", "the answer was no")
picture:box(400, LOW, 170, 60, "bad", "unknown", "it may have happened;",
  "the last answer was lost")
picture:box(590, LOW, 130, 60, "good", "true", "accepted, or gone")
picture:box(740, LOW, 140, 60, "bad", "accepted", "it was not carried out,", "or time is over")

picture:arrow({ 230, TOP + 60 }, { 230, 225 }, { 105, 225 }, { 105, LOW - 2 })
picture:arrow({ 440, TOP + 60 }, { 440, 160 }, { 295, 160 }, { 295, LOW - 2 })
picture:arrow({ 485, MIDDLE + 60 }, { 485, LOW - 2 })
picture:arrow({ 550, MIDDLE + 30 }, { 615, MIDDLE + 30 }, { 615, LOW - 2 })
picture:text(556, MIDDLE + 10, "missing,", "small")
picture:text(556, MIDDLE + 24, "deleting", "small")
picture:arrow({ 690, TOP + 60 }, { 690, LOW - 2 })
picture:text(696, TOP + 170, "missing", "small")
picture:arrow({ 760, TOP + 60 }, { 760, 225 }, { 810, 225 }, { 810, LOW - 2 })
picture:arrow({ 550, TOP + 50 }, { 640, TOP + 50 }, { 640, LOW - 2 })
picture:text(634, TOP + 66, "202", "small", "end")

io.write(picture:finish())
