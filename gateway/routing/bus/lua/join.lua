-- Have a group on a queue that reads it from its beginning.
--
-- KEYS: stream
-- ARGV: group

local reply = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if reply.err and not string.find(reply.err, 'BUSYGROUP', 1, true) then
  return reply
end
return 1
