-- Places for messages under all their limits at once: every limit gives one, or none does.
--
-- KEYS: one for each limit in question, then the transport's pauses, then those given back.
-- ARGV[1], JSON: `limits` (a rate has `interval`; a count `width`, `past`, `steps`, `first`,
-- `ends`, see rules.py), `scopes` (true for a limit of a domain), `lane`, `newsletter`, `wanted`,
-- `seen` (the version of the pauses that the asker knows), `back` (counts given back: `bucket`,
-- `places`), and in tests `now`.
-- Returns JSON with one of
--   pauses   all pauses in force, as the asker knew an older version; nothing was taken
--   places   the number taken; the first is due in `due` seconds, the next every `interval`;
--            `buckets` in which they were counted, 0 for a rate
--   limit    the number (from 1) of the limit that refuses, for `seconds`; a postponed message
--            adds `interval` for each that was refused before it

-- A place may be taken so early: the asker sleeps for the rest, and no place is lost to a late
-- timer.
local LEAD = 0.02
-- Somebody who was refused and does not ask again for so long holds nobody back.
local GRACE = 0.25
-- Of ten places, lower lanes that wait get one.
local FLOOR = 9
-- What a domain keeps waiting for longer than this must not block the queue behind it.
local PATIENCE = 2
local LONGEST_WAIT = 5

local ask = cjson.decode(ARGV[1])
local now = ask.now
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local me = ask.lane .. '|' .. ask.newsletter

local function read(key)
  local found, flat = {}, redis.call('HGETALL', key)
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

local function exact(number)
  return string.format('%.6f', number)
end

-- Counts: a hash of bucket number to places taken in it.

local function stated(limit, bucket)
  local step = math.max(bucket - limit.first, 0) + 1
  if step <= #limit.steps then return limit.steps[step] end
  if limit.ends then return nil end
  return limit.steps[#limit.steps]
end

local function look_at_count(limit, key)
  local bucket = math.floor(now / limit.width)
  local found = {bucket = bucket, stated = stated(limit, bucket)}
  if not found.stated then return found end
  local taken, oldest = 0, nil
  for field, places in pairs(read(key)) do
    local number = tonumber(field)
    if number < bucket - limit.past then
      redis.call('HDEL', key, field)
    else
      taken = taken + tonumber(places)
      if tonumber(places) > 0 and (not oldest or number < oldest) then oldest = number end
    end
  end
  found.left = found.stated - taken
  found.opens = ((oldest or bucket) + limit.past + 1) * limit.width - now
  -- Those who come back are spread as the quota allows.
  found.interval = limit.width * math.max(limit.past, 1) / found.stated
  return found
end

local function count(limit, key, found, places)
  if not found.stated then return 0 end
  redis.call('HINCRBY', key, found.bucket, places)
  redis.call('EXPIRE', key, math.ceil(limit.width * (limit.past + 2)))
  return found.bucket
end

-- Rates: a hash with the moment the next place is due (`due`: GCRA, ITU-T I.371), and the flows
-- that share it. A flow is a newsletter in a lane: `waits:` until when it counts as waiting,
-- `comes:` until when it is expected to be back, `share:` how much it had (start-time fair
-- queueing), `level:` the share of whoever was served last in a lane, `owed:` places that a lane
-- saw go to higher lanes while it waited.

local function waiting_flows(limit, state)
  -- One that waits for longer was left by a clock that was set back; it would hold all up meanwhile.
  local latest = now + 2 * math.max(limit.interval, 1) + GRACE
  local flows = {}
  for field, till in pairs(state) do
    local kind, flow, lane = string.match(field, '^(%l+):((%d+)|.*)$')
    local present = (kind == 'waits' or kind == 'comes')
      and tonumber(till) > now and tonumber(till) <= latest
    if present and flow ~= me then
      flows[#flows + 1] = {name = flow, lane = tonumber(lane)}
    end
  end
  return flows
end

local function share_of(state, flow, lane)
  return math.max(tonumber(state['share:' .. flow] or 0), tonumber(state['level:' .. lane] or 0))
end

local function owed_to(state, lane)
  return tonumber(state['owed:' .. lane] or 0)
end

-- The lane whose turn it is among those waiting: one that is owed its tenth, else the highest.
local function lane_to_serve(state, flows)
  local highest, owed = ask.lane, nil
  for _, flow in ipairs(flows) do highest = math.min(highest, flow.lane) end
  local function consider(lane)
    if lane > highest and owed_to(state, lane) >= FLOOR
        and (not owed or owed_to(state, lane) > owed_to(state, owed)) then
      owed = lane
    end
  end
  consider(ask.lane)
  for _, flow in ipairs(flows) do consider(flow.lane) end
  return owed or highest, owed ~= nil
end

local function look_at_rate(limit, key)
  local state = read(key)
  local furthest = now + math.max(limit.interval, 0.1) + LEAD
  local due = math.max(tonumber(state.due or now), now)
  if due > furthest then
    -- From a slower rate that was stated before, or a clock that was set back.
    due = furthest
    redis.call('HSET', key, 'due', exact(due))
  end
  local flows = waiting_flows(limit, state)
  local found = {state = state, due = due, flows = flows, most = ask.wanted}
  if due > now + LEAD then
    found.wait = due - now - LEAD / 2
    return found
  end
  local lane, by_floor = lane_to_serve(state, flows)
  local mine, rival = share_of(state, me, ask.lane), lane ~= ask.lane
  for _, flow in ipairs(flows) do
    if flow.lane == ask.lane and share_of(state, flow.name, flow.lane) < mine then rival = true end
  end
  if rival then
    found.wait = math.max(due - now, math.min(math.max(limit.interval, 0.005), 0.1))
  elseif by_floor then
    found.most = math.max(1, math.floor(owed_to(state, lane) / FLOOR))
  end
  return found
end

local function keep(limit, key)
  redis.call('EXPIRE', key, math.max(60, math.ceil(limit.interval * 2)))
end

local function take_rate(limit, key, found, due, places)
  local state = found.state
  local mine = share_of(state, me, ask.lane)
  local changes = {
    'due', exact(due + places * limit.interval),
    'share:' .. me, exact(mine + places),
    'level:' .. ask.lane, exact(mine),
    'owed:' .. ask.lane, exact(math.max(owed_to(state, ask.lane) - FLOOR * places, 0)),
  }
  local credited = {}
  for _, flow in ipairs(found.flows) do
    if flow.lane > ask.lane and not credited[flow.lane] then
      credited[flow.lane] = true
      changes[#changes + 1] = 'owed:' .. flow.lane
      changes[#changes + 1] = exact(owed_to(state, flow.lane) + places)
    end
  end
  redis.call('HDEL', key, 'waits:' .. me, 'comes:' .. me)
  if places > 1 then
    -- It will ask again when these are used: who has no precedence must not slip in before.
    changes[#changes + 1] = 'comes:' .. me
    changes[#changes + 1] = exact(due + (places - 1) * limit.interval + 2 * LEAD)
  end
  redis.call('HSET', key, unpack(changes))
  keep(limit, key)
end

-- Only where it was refused does a flow hold its place in the queue: elsewhere it would keep
-- others from a place that it cannot use.
local function refuse(number, wait)
  for i, limit in ipairs(ask.limits) do
    if limit.interval and i == number and wait then
      redis.call('HSET', KEYS[i], 'waits:' .. me, exact(now + wait + GRACE))
      keep(limit, KEYS[i])
    elseif limit.interval then
      redis.call('HDEL', KEYS[i], 'waits:' .. me, 'comes:' .. me)
    end
  end
end

local function pauses_in_force(key)
  local pauses = {}
  for field, kept in pairs(read(key)) do
    local domain = string.match(field, '^on:(.*)$')
    if domain then
      local till, reason = string.match(kept, '^(%S+) (.*)$')
      if tonumber(till) > now then
        pauses[#pauses + 1] = {domain, tonumber(exact(tonumber(till) - now)), reason}
      end
    end
  end
  return pauses
end

for i, back in ipairs(ask.back) do
  local key = KEYS[#ask.limits + 1 + i]
  if redis.call('HEXISTS', key, back.bucket) == 1 then
    redis.call('HINCRBY', key, back.bucket, -back.places)
  end
end

local pauses = KEYS[#ask.limits + 1]
local version = redis.call('HGET', pauses, 'version') or ''
if version ~= ask.seen then
  return cjson.encode({pauses = pauses_in_force(pauses), version = version})
end

local founds, due, interval, places = {}, now, 0, ask.wanted
for i, limit in ipairs(ask.limits) do
  local found
  if limit.interval then
    found = look_at_rate(limit, KEYS[i])
    founds[i] = found
    if found.wait then
      local postponed = ask.scopes[i] and found.wait > PATIENCE
      refuse(i, not postponed and found.wait)
      local seconds = postponed and found.wait or math.min(found.wait, LONGEST_WAIT)
      return cjson.encode({
        limit = i, seconds = tonumber(exact(seconds)), postponed = postponed,
        interval = limit.interval,
      })
    end
    due, interval = math.max(due, found.due), math.max(interval, limit.interval)
    places = math.min(places, found.most)
  else
    found = look_at_count(limit, KEYS[i])
    founds[i] = found
    if found.left then
      if found.left <= 0 then
        refuse(i, false)
        return cjson.encode({
          limit = i, seconds = tonumber(exact(found.opens)), postponed = true,
          interval = found.interval,
        })
      end
      places = math.min(places, found.left)
    end
  end
end

local buckets = {}
for i, limit in ipairs(ask.limits) do
  if limit.interval then
    take_rate(limit, KEYS[i], founds[i], due, places)
    buckets[i] = 0
  else
    buckets[i] = count(limit, KEYS[i], founds[i], places)
  end
end
return cjson.encode({
  places = places, due = tonumber(exact(due - now)), interval = interval, buckets = buckets,
})
