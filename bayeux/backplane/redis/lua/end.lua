-- End a session that nobody has claimed since.
--
-- KEYS: session
-- ARGV: number of the claim

if redis.call('HGET', KEYS[1], 'number') == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
