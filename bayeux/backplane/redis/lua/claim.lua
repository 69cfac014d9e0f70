-- Own a session from here on. Run twice with the same mark it counts once.
--
-- KEYS: session
-- ARGV: number of the claim that is known, owner, mark, ttl, and the record if it is to be replaced
-- Gives the new number, or 0 where the claim is stale.

local known = redis.call('HMGET', KEYS[1], 'number', 'mark')
if not known[1] then
  return 0
end
if known[2] == ARGV[3] then
  return tonumber(known[1])
end
if known[1] ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'mark', ARGV[3])
if ARGV[5] then
  redis.call('HSET', KEYS[1], 'record', ARGV[5])
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return redis.call('HINCRBY', KEYS[1], 'number', 1)
