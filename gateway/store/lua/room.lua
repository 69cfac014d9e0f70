-- Prelude of all that works on the documents of a room.
--
-- KEYS: documents: a hash, by key, of version, milliseconds at which it expires or 0, its members of `places`, and body,
--       packed
--       places: a sorted set whose scores are 0, so that it is ordered by its members: index, place and key in one word
--       expiring: a sorted set, of keys with the milliseconds at which they expire
--       highest: the highest version of the documents that are no more; new ones begin above it

local documents, places, expiring = KEYS[1], KEYS[2], KEYS[3]
local now = clock()
local highest = tonumber(redis.call('GET', KEYS[4]) or 0)

local function document(key)
  local packed = redis.call('HGET', documents, key)
  return packed and cmsgpack.unpack(packed)
end

-- All that is known of a document elsewhere.
local function leave(key, stands)
  for _, place in ipairs(stands) do
    redis.call('ZREM', places, place)
  end
  redis.call('ZREM', expiring, key)
end

-- A document with its places.
local function forget(key)
  local version, _, stands = unpack(document(key))
  leave(key, stands)
  redis.call('HDEL', documents, key)
  if version > highest then
    highest = version
    redis.call('SET', KEYS[4], string.format('%.0f', highest))
  end
end

-- What has outlived its time; of very many some are left to the next call, so that none takes long.
for _, key in ipairs(redis.call('ZRANGEBYSCORE', expiring, '-inf', now, 'LIMIT', 0, 1000)) do
  forget(key)
end
