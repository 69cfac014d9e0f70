-- Hold a lease no longer.
--
-- KEYS: leases
-- ARGV: lease, its number

local number, _, holder = lease_of(KEYS[1], ARGV[1])
if number == tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack({number, 0, holder}))
end
