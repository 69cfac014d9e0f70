-- Read a part of an index.
--
-- KEYS: documents, places, expiring, highest
-- ARGV: two bounds of `places`, how many to leave out, how many to read
-- Gives members of `places`.

return redis.call('ZRANGEBYLEX', places, ARGV[1], ARGV[2], 'LIMIT', ARGV[3], ARGV[4])
