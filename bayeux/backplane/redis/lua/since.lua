-- Read what is retained of a channel, after what is too old was let go of.
--
-- KEYS: state of its partition, events, about
-- ARGV: epoch offered, ttl of the state, id after which to read, how many, milliseconds to add to the clock
-- Gives epoch, floor, newest, and id and payload of each event in turn.

local epoch, place = open(ARGV[1], ARGV[2])
if redis.call('EXISTS', KEYS[3]) == 0 then
  return {epoch, whole(place), whole(place), {}}
end
local ttl = tonumber(redis.call('HGET', KEYS[3], 'ttl'))
local floor, newest = trim(KEYS[2], KEYS[3], clock(tonumber(ARGV[5])), math.huge, ttl, 0)
local events = {}
if tonumber(ARGV[4]) > 0 then
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[3], '+inf', 'LIMIT', 0, ARGV[4])) do
    local _, id, payload = unpacked(member)
    events[#events + 1] = whole(id)
    events[#events + 1] = payload
  end
end
return {epoch, whole(floor), whole(newest), events}
