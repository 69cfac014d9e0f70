-- Put a message into a node's lane, if the node's lease stands.
--
-- KEYS: lease, lane
-- ARGV: message, how many may wait, ttl of the lane
-- Gives ok, gone or full.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 'gone'
end
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[2]) then
  return 'full'
end
redis.call('XADD', KEYS[2], '*', 'm', ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 'ok'
