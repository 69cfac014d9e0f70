-- Hold a lease, or go on holding it. Run twice it is held once.
--
-- KEYS: leases
-- ARGV: lease, holder, milliseconds
-- Gives its number, or 0 while another one holds it.

local now = clock()
local number, expires, holder = lease_of(KEYS[1], ARGV[1])
if expires <= now then
  number = number + 1
elseif holder ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack({number, now + ARGV[3], ARGV[2]}))
return number
