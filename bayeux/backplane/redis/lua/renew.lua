-- Begin another epoch of a partition, because the store has lost what was published last: places go on above
-- all that were given out. Whoever comes second finds it done.
--
-- KEYS: state
-- ARGV: epoch offered, ttl of the state, epoch that was seen, highest place that is known
-- Gives epoch and place.

local epoch, place = open(ARGV[1], ARGV[2])
if epoch == ARGV[3] then
  epoch, place = ARGV[1], math.max(place, tonumber(ARGV[4]), beginning()) + 1
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'place', whole(place))
end
return {epoch, whole(place)}
