-- Replace the record of a session that nobody has claimed since.
--
-- KEYS: session
-- ARGV: number of the claim, record, ttl
-- Gives 1, or 0 where the claim is stale.

if redis.call('HGET', KEYS[1], 'number') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'record', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
