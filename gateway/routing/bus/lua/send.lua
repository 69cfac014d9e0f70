-- Put messages into a queue, all or none.
--
-- KEYS: stream
-- ARGV: how many entries it may have, then of each message: the number of words, field, value, field, value, …
-- Gives 1, or 0 where it is full.

if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then
  return 0
end
local at = 2
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, at + 1, at + words))
  at = at + words + 1
end
return 1
