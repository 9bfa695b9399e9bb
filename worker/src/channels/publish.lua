-- Puts changes on the streams of their executions and wakes the readers of each.
-- In:   KEYS the streams. ARGV[1] about how many entries a stream keeps; ARGV[2] seconds after which a stream that nobody adds to goes; ARGV[3] the name of an entry's field;
--       then for each stream, in the order of KEYS: the channel of its readers, how many entries it gets, and these.
local at = 4
for _, stream in ipairs(KEYS) do
  local count = tonumber(ARGV[at + 1])
  for index = at + 2, at + 1 + count do
    redis.call('XADD', stream, 'MAXLEN', '~', ARGV[1], '*', ARGV[3], ARGV[index])
  end
  redis.call('EXPIRE', stream, ARGV[2])
  redis.call('PUBLISH', ARGV[at], '')
  at = at + 2 + count
end
