-- Publish something in a partition: count it, journal it, retain it where there is a retention, and tell all who
-- listen; all of it or nothing. Run twice with the same counter it counts once.
--
-- KEYS: state, journal, last publish of this node here; with a retention: events, about, channels
-- ARGV: epoch offered, ttl of the state, node, counter, the event's body (its kind, node, counter, header and payload as
--       five values of MessagePack), pub/sub channel, PUBLISH or SPUBLISH, events that the journal keeps at least,
--       journal's ttl;
--       with a retention: channel, length of the payload, events, ttl, bytes, milliseconds to add to the clock
-- Gives place and epoch in one word, which is read quickest; nothing if it had happened before and is not in the
-- journal any more.

local function answer(place, epoch)
  return redis.status_reply(place .. ' ' .. epoch)
end

-- However much is published, the journal keeps at least the events asked for, of more what is not older than this
-- many seconds, up to twice as old, and never more than so many times as asked for.
local SPAN, MOST = 30, 5

-- Lets go of what is older: everything before the last mark but one. Marks are set at intervals of the span.
local function forget(journal, place, least)
  local now = tonumber(redis.call('TIME')[1])
  local marks = redis.call('HMGET', KEYS[1], 'marked', 'mark', 'mark before')
  if marks[1] and now - tonumber(marks[1]) < SPAN then
    return
  end
  if marks[3] then
    redis.call('XTRIM', journal, 'MINID', '~', whole(math.min(tonumber(marks[3]), place - least)))
  end
  redis.call('HSET', KEYS[1], 'marked', now, 'mark', whole(place), 'mark before', marks[2] or whole(place))
end

local stamp = ARGV[3] .. ' ' .. ARGV[4]
local last = redis.call('GET', KEYS[3])
if last then
  local counter, place, epoch = string.match(last, '^(%d+) (%d+) (%w+)$')
  if tonumber(counter) == tonumber(ARGV[4]) then
    return answer(place, epoch)
  end
  if tonumber(counter) > tonumber(ARGV[4]) then
    -- One of several that were sent again together.
    for _, entry in ipairs(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1000)) do
      if entry[2][4] == stamp then
        return answer(string.match(entry[1], '^%d+'), epoch)
      end
    end
    return false
  end
end

local epoch, before = open(ARGV[1], ARGV[2])
local place = redis.call('HINCRBY', KEYS[1], 'place', 1)
-- An array of eight: version, place and epoch, then the five of the body.
local event = string.char(0x98) .. cmsgpack.pack(1, place, epoch) .. ARGV[5]
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[8] * MOST, whole(place) .. '-0', 'e', event, 's', stamp)
redis.call('PEXPIRE', KEYS[2], ARGV[9])
if place % 100 == 0 then
  forget(KEYS[2], place, tonumber(ARGV[8]))
end
redis.call('SET', KEYS[3], ARGV[4] .. ' ' .. whole(place) .. ' ' .. epoch, 'PX', 60000)

if KEYS[4] then
  local events, about, channels = KEYS[4], KEYS[5], KEYS[6]
  local size, most, ttl, bytes = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
  local now = clock(tonumber(ARGV[15]))
  if redis.call('EXISTS', about) == 0 then
    redis.call('DEL', events)
    redis.call('HSET', about, 'floor', whole(before), 'bytes', 0)
  end
  redis.call('ZADD', events, whole(place), retained(now, place, string.sub(ARGV[5], #ARGV[5] - size + 1)))
  redis.call('HINCRBY', about, 'bytes', size)
  redis.call('HSET', about, 'newest', whole(place), 'ttl', whole(ttl))
  local _, _, count = trim(events, about, now, most, ttl, bytes)
  if count > 0 then
    redis.call('ZADD', channels, ttl > 0 and whole(now + ttl) or '+inf', ARGV[10])
  else
    redis.call('ZREM', channels, ARGV[10])
  end
  local kept = ttl > 0 and ttl or IDLE
  redis.call('PEXPIRE', events, whole(kept))
  redis.call('PEXPIRE', about, whole(math.max(kept, IDLE)))
  redis.call('PEXPIRE', channels, whole(math.max(kept, IDLE)))
end

redis.call(ARGV[7], ARGV[6], event)
return answer(whole(place), epoch)
