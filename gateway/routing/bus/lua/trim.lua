-- Let go of what all groups have acknowledged and is old enough.
--
-- KEYS: stream
-- ARGV: milliseconds for which all is kept, and how many entries there may be for that
-- Gives how many entries went.

local function parts(id)
  local first, second = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(first), tonumber(second)
end

local function is_lower(one, other)
  local first, second = parts(one)
  local third, fourth = parts(other)
  return first < third or (first == third and second < fourth)
end

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
if #groups == 0 then
  return 0 -- nobody has read any
end
local now = redis.call('TIME')
local kept = redis.call('XLEN', KEYS[1]) > tonumber(ARGV[2]) and 0 or ARGV[1]
local lowest = string.format('%d-0', now[1] * 1000 + math.floor(now[2] / 1000) - kept)
for _, group in ipairs(groups) do
  local about = {}
  for at = 1, #group, 2 do
    about[group[at]] = group[at + 1]
  end
  local needed = about['last-delivered-id']
  if about['pending'] > 0 then
    needed = redis.call('XPENDING', KEYS[1], about['name'])[2]
  end
  if is_lower(needed, lowest) then
    lowest = needed
  end
end
return redis.call('XTRIM', KEYS[1], 'MINID', lowest)
