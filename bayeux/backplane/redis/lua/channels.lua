-- The channels of a partition that hold events.
--
-- KEYS: channels: a sorted set, each with the milliseconds at which its last event is too old
-- ARGV: milliseconds to add to the clock, how many
-- Gives their names.

local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'LIMIT', 0, ARGV[2])
