-- Keep a new session.
--
-- KEYS: session: a hash of owner, number, record and the mark of the last claim
-- ARGV: owner, record, ttl
-- Gives the number of its claim.

local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'record', ARGV[2], 'mark', '')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return number
