-- Leaves a domain (or, with an empty name, a whole transport) alone for some seconds.
--
-- KEYS[1]: the transport's pauses: `on:` domain to "until reason", and `version`, a word that no
-- other change of them bears, by which askers notice that they changed.
-- ARGV: domain, seconds, reason, the new version, and the moment in tests (else empty).

local now = tonumber(ARGV[5])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local till, last = now + tonumber(ARGV[2]), now
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  if string.sub(flat[i], 1, 3) == 'on:' then
    local other = tonumber(string.match(flat[i + 1], '^%S+'))
    if other <= now then redis.call('HDEL', KEYS[1], flat[i]) end
    -- Two who were told of it: the longer pause holds.
    if other > till and flat[i] == 'on:' .. ARGV[1] then return 0 end
    last = math.max(last, other)
  end
end
redis.call('HSET', KEYS[1],
  'on:' .. ARGV[1], string.format('%.6f %s', till, ARGV[3]), 'version', ARGV[4])
redis.call('EXPIRE', KEYS[1], math.ceil(math.max(last, till) - now) + 60)
return 1
