-- Prelude of what works on the history of one channel: a stream whose ids are places, of payloads and the
-- milliseconds they came at; and a hash: floor, newest, bytes, and the ttl (milliseconds) of the last append.

local IDLE = 30 * 24 * 3600 * 1000  -- what has no ttl is kept so long after its last append

local function clock(ahead)
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000) + ahead
end

-- Lets go of what is above the bounds, oldest first; gives floor and newest.
local function trim(stream, about, now, most, ttl, most_bytes)
  local known = redis.call('HMGET', about, 'floor', 'newest', 'bytes')
  local floor, newest, bytes = tonumber(known[1]), tonumber(known[2]), tonumber(known[3])
  local count = redis.call('XLEN', stream)
  local gone = 0
  while count > 0 do
    local id, fields = unpack(redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1])
    if not (count > most or (most_bytes > 0 and bytes > most_bytes) or (ttl > 0 and tonumber(fields[4]) <= now - ttl)) then
      break
    end
    redis.call('XDEL', stream, id)
    floor = tonumber(string.match(id, '^%d+'))
    bytes = bytes - #fields[2]
    count = count - 1
    gone = gone + 1
  end
  if count == 0 then
    floor, bytes = newest, 0
  end
  if floor ~= tonumber(known[1]) or bytes ~= tonumber(known[3]) then
    redis.call('HSET', about, 'floor', whole(floor), 'bytes', whole(bytes))
  end
  return floor, newest, count
end
