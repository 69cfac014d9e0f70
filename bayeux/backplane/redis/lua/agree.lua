-- Agree on what all nodes must have the same of: what the first one says counts for as long as any node says so.
--
-- KEYS: agreed
-- ARGV: what this node says, milliseconds after which nobody does any more
-- Gives what counts.

local agreed = redis.call('GET', KEYS[1])
if agreed and agreed ~= ARGV[1] then
  return agreed
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
