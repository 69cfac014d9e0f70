-- Change a room, or nothing of it. Run twice with the same mark it happens once.
--
-- KEYS: documents, places, expiring, highest, leases,
--       deadlines: a sorted set, of names with their moments
--       outgoing: a hash, by id, of the member of `lanes`, the body and the version of the document that it is of, packed
--       lanes: a sorted set whose scores are 0; members are lane, number and id in one word
--       number: what was put into the outbox last has this one
--       done: a mark and the version of new documents, kept under the id of what was taken or, where nothing was, under
--       the mark itself
-- ARGV: mark, milliseconds to keep it, and packed: fence (lease, number; or empty), writes (key, version, milliseconds to
--       live or 0, members of `places`, body or false), deadlines (name, moment or false), outgoing (lane, id, body,
--       key of the document that it is of), ids of what was sent
-- Gives done, lost, taken or conflict; the key that it is about; and the version that new documents have by it.

local leases, deadlines, outgoing, lanes, number, done = unpack(KEYS, 5)
local mark = ARGV[1]
local fence, writes, moments, messages, sent = unpack(cmsgpack.unpack(ARGV[3]))

local before = redis.call('GET', done)
if before and string.sub(before, 1, #mark) == mark then
  return {'done', '', tonumber(string.sub(before, #mark + 1))}
end
if fence[1] then
  local held, expires = lease_of(leases, fence[1])
  if held ~= fence[2] or expires <= now then
    return {'lost', ''}
  end
end
if before then
  return {'taken', ''}
end
for _, write in ipairs(writes) do
  local found = document(write[1])
  if (found and found[1] or 0) ~= write[2] then
    return {'conflict', write[1]}
  end
end

local first, versions = highest + 1, {}
for _, write in ipairs(writes) do
  local key, version, lives, stands, body = unpack(write)
  if version > 0 then
    if body then
      leave(key, document(key)[3])
    else
      forget(key)
    end
  end
  if body then
    local expires = lives > 0 and now + lives or 0
    versions[key] = version > 0 and version + 1 or first
    redis.call('HSET', documents, key, cmsgpack.pack({versions[key], expires, stands, body}))
    for _, place in ipairs(stands) do
      redis.call('ZADD', places, 0, place)
    end
    if expires > 0 then
      redis.call('ZADD', expiring, expires, key)
    end
  end
end

for _, moment in ipairs(moments) do
  local name, at = unpack(moment)
  if at then
    redis.call('ZADD', deadlines, at, name)
  else
    redis.call('ZREM', deadlines, name)
  end
end

for _, id in ipairs(sent) do
  local packed = redis.call('HGET', outgoing, id)
  if packed then
    redis.call('ZREM', lanes, cmsgpack.unpack(packed)[1])
    redis.call('HDEL', outgoing, id)
  end
end
for _, message in ipairs(messages) do
  local lane, id, body, of = unpack(message)
  if redis.call('HEXISTS', outgoing, id) == 0 then
    local place = lane .. string.format('%016.0f', redis.call('INCR', number)) .. id
    redis.call('ZADD', lanes, 0, place)
    redis.call('HSET', outgoing, id, cmsgpack.pack({place, body, versions[of] or 0}))
  end
end

redis.call('SET', done, mark .. string.format('%.0f', first), 'PX', ARGV[2])
return {'done', '', first}
