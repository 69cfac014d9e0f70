-- Hold a lease, or go on holding it. Run twice it is held once.
--
-- KEYS: leases
-- ARGV: lease, holder, milliseconds
-- Gives its number, or 0 while another one holds it.

local now = clock()
local number, expires, holder = lease_of(KEYS[1], ARGV[1])
if expires <= now then
  number = math.max(number + 1, now)  -- above all that was ever given, also after everything was lost
elseif holder ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack({number, now + ARGV[3], ARGV[2]}))
return number
