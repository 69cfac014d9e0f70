-- Say that a node is here, and see which ones were here lately.
--
-- KEYS: nodes: a sorted set, each with the milliseconds at which it was here last
-- ARGV: node, or empty for none, milliseconds that count as lately
-- Gives their ids.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[2]))
-- The clock was set back: who is here says so again, and who is not would seem to be for as long as it was set back.
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('%.0f', now + ARGV[2]), '+inf')
redis.call('PEXPIRE', KEYS[1], 3600000)
return redis.call('ZRANGE', KEYS[1], 0, -1)
