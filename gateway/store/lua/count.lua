-- Count a part of an index.
--
-- KEYS: documents, places, expiring, highest
-- ARGV: two bounds of `places`

return redis.call('ZLEXCOUNT', places, ARGV[1], ARGV[2])
