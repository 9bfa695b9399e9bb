-- Takes one place of each limit, or none of any.
-- In:   KEYS the limits (sorted sets: holder by the time its place ends); ARGV[1] the holder; ARGV[2] now, ARGV[3] when the places end, in milliseconds;
--       ARGV[4…] how many places each limit has.
-- Out:  1 when taken, else 0. A holder that asks again keeps its places.
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[2])
  if not redis.call('ZSCORE', key, ARGV[1]) and redis.call('ZCARD', key) >= tonumber(ARGV[3 + i]) then
    return 0
  end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, ARGV[3], ARGV[1])
  redis.call('PEXPIREAT', key, ARGV[3])
end
return 1
