-- Puts entries at the end of the fast lane, as many as fit.
-- In:   KEYS[1] the list; ARGV[1] how many entries it may hold; ARGV[2] milliseconds after which a list that nobody adds to goes; ARGV[3…] the entries.
-- Out:  how many were added, the first ones. Fewer than were given: there is a backlog.
local count = math.min(tonumber(ARGV[1]) - redis.call('LLEN', KEYS[1]), #ARGV - 2)
if count <= 0 then
  return 0
end
redis.call('RPUSH', KEYS[1], unpack(ARGV, 3, count + 2))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return count
