-- Move an entry to the dead letters. Run twice it is there once.
--
-- KEYS: stream, dead letters
-- ARGV: group, id, how many dead letters are kept at least, field, value, field, value, …

if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 1 then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
end
return 1
