-- Take over what some consumer was given and has not acknowledged.
--
-- KEYS: stream
-- ARGV: group, consumer, milliseconds that it must have been left alone, id to begin at, how many
-- Gives the id to go on at (0-0: that was all), and of each entry: id, fields, how often it was given, this time included.

local reply = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5])
local taken = {}
for _, entry in ipairs(reply[2]) do
  if entry and entry[2] then -- 6.2 names deleted ones, too
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry[1], entry[1], 1)
    taken[#taken + 1] = {entry[1], entry[2], pending[1][4]}
  end
end
return {reply[1], taken}
