-- Prelude of what works on the history of one channel: a sorted set, by place, of what `retained` packs; and a hash:
-- floor, newest, bytes, and the ttl (milliseconds) of the last append. (A stream would cost 4 KiB a channel, full or not.)

local IDLE = 30 * 24 * 3600 * 1000  -- what has no ttl is kept so long after its last append

local function clock(ahead)
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000) + ahead
end

-- An event as it is kept: the milliseconds it came at, its place, which makes it unlike all others, and its payload.
local function retained(at, place, payload)
  return whole(at) .. ' ' .. whole(place) .. ' ' .. payload
end

-- The three of them.
local function unpacked(member)
  local at, place, start = string.match(member, '^(%d+) (%d+) ()')
  return tonumber(at), tonumber(place), string.sub(member, start)
end

-- Lets go of what is above the bounds, oldest first; gives floor and newest.
local function trim(events, about, now, most, ttl, most_bytes)
  local known = redis.call('HMGET', about, 'floor', 'newest', 'bytes')
  local floor, newest, bytes = tonumber(known[1]), tonumber(known[2]), tonumber(known[3])
  local count = redis.call('ZCARD', events)
  while count > 0 do
    local member = redis.call('ZRANGE', events, 0, 0)[1]
    local at, place, payload = unpacked(member)
    if not (count > most or (most_bytes > 0 and bytes > most_bytes) or (ttl > 0 and at <= now - ttl)) then
      break
    end
    redis.call('ZREM', events, member)
    floor = place
    bytes = bytes - #payload
    count = count - 1
  end
  if count == 0 then
    floor, bytes = newest, 0
  end
  if floor ~= tonumber(known[1]) or bytes ~= tonumber(known[3]) then
    redis.call('HSET', about, 'floor', whole(floor), 'bytes', whole(bytes))
  end
  return floor, newest, count
end
