-- Prelude of what asks for a lease.
--
-- leases: a hash, by name, of number, milliseconds at which it runs out, and holder, packed. One that ran out stays, for
--         its number.

local function lease_of(leases, name)
  local packed = redis.call('HGET', leases, name)
  if packed then
    return unpack(cmsgpack.unpack(packed))
  end
  return 0, 0, ''
end
