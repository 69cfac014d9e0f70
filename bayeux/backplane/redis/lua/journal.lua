-- Read the journal of a partition, all at one instant.
--
-- KEYS: state, journal
-- ARGV: epoch offered, ttl of the state, place to read from, that one included, or empty for none, how many
-- Gives epoch, place of the last event, floor (what is greater is there), events.

local epoch, place = open(ARGV[1], ARGV[2])
local floor = place
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if first then
  floor = tonumber(string.match(first[1], '^%d+')) - 1
end
local events = {}
if ARGV[3] ~= '' then
  for n, entry in ipairs(redis.call('XRANGE', KEYS[2], ARGV[3], '+', 'COUNT', ARGV[4])) do
    events[n] = entry[2][2]
  end
end
return {epoch, whole(place), whole(floor), events}
