-- Read documents, all at one instant.
--
-- KEYS: documents, places, expiring, highest
-- ARGV: keys
-- Gives each as it is packed, or nothing.

local found = {}
for n, key in ipairs(ARGV) do
  found[n] = redis.call('HGET', documents, key)
end
return found
