-- Read what has to leave by a lane.
--
-- KEYS: outgoing, lanes
-- ARGV: two bounds of `lanes`, how many
-- Gives, of each, its member of `lanes` and its body, packed. (An id begins after 32 characters of the lane and 16 of the
-- number.)

local found = {}
for n, place in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  found[n] = redis.call('HGET', KEYS[1], string.sub(place, 49))
end
return found
