-- Replaces the state of a breaker if it still is what the caller saw, so that every transition is made by one worker and from the newest state.
-- In:   KEYS[1] the breaker; ARGV[1] the state that was seen, '' for none; ARGV[2] the new one, '' for none; ARGV[3] milliseconds after which a state that nobody changes goes.
-- Out:  1 when it was replaced, 0 when somebody was faster.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
