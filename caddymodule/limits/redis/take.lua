-- Takes a cost up to n times from all windows of a workspace; n = 0 only looks. What is not granted writes nothing, unless
-- something is owed or the server's clock was set back.
--
-- KEYS  the counter of each window: what was used of it, living until the window ends.
-- ARGV  cost, n, then for each window
--         its limit and its duration in seconds; -1 for a quota of a day, -2 for one of a month, by the calendar in UTC,
--         the count and the end (Unix seconds) that the calling gateway saw of it, 0 and 0 where it saw none,
--         for how many ms it still runs at most by the gateway's own clock, which nobody sets,
--         what the gateway has granted in it without asking: that is added, whatever the limit is,
--         and the end of the quota's period whose past the gateway has looked up for this call, which the count above tells.
-- Returns how often the cost was taken, then for each window its count and end, then Redis' time in ms. The end is 0 where
-- no window runs; a quota's period always does. The time comes last: a reply that broke off on the way lacks it.
-- Where the count of a quota is not there, and its past was not looked up, nothing is written and -1 is returned.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local cost, granted = tonumber(ARGV[1]), tonumber(ARGV[2])

-- A key ends 2 ms before its window: Redis keeps it alive through its last millisecond, and a retry at the very Reset
-- would be refused. The 2 ms belong to the next window.
local early = 2
local second = math.floor((now + early) / 1000)

-- What is no count of ours (another type, a text, less than nothing) counts as none, and is written over.
local function count(value)
  local n = tonumber(value)
  return n and n > 0 and math.floor(math.min(n, 2 ^ 53)) or 0
end

-- The end of the calendar period that a second is in. Days become a date as in Howard Hinnant's civil_from_days.
local months = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
local function period_end(kind, at)
  local days = math.floor(at / 86400)
  if kind == -1 then
    return (days + 1) * 86400
  end
  local z = days + 719468
  local era = math.floor(z / 146097)
  local of_era = z - era * 146097
  local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524) - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local m = math.floor((5 * of_year + 2) / 153) -- from March
  local day = of_year - math.floor((153 * m + 2) / 5) + 1
  local length = months[(m + 2) % 12 + 1]
  year = year + era * 400 + math.floor(m / 10)
  if m == 11 and (year % 4 == 0 and year % 100 ~= 0 or year % 400 == 0) then
    length = 29
  end
  return (days - day + 1 + length) * 86400
end

local function live(key, last)
  redis.call('PEXPIREAT', key, string.format('%.0f', last * 1000 - early))
end

local counts, ends, stops, owed, unknown = {}, {}, {}, {}, false
for i, key in ipairs(KEYS) do
  local at = 7 * i - 4
  local limit, duration = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local seen, seen_end, known = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local quota, recalled = duration < 0, tonumber(ARGV[at + 6])
  owed[i] = tonumber(ARGV[at + 5])
  counts[i], ends[i] = 0, 0
  -- When a window ends that begins now.
  local stop = quota and period_end(duration, second) or second + duration
  stops[i] = stop
  local left, key_end = redis.call('PTTL', key), 0
  if left > 0 then
    key_end = math.floor((now + left + early + 500) / 1000)
    -- The key of a window that would outlive its duration is not ours, or Redis' clock was set back. A quota's count then
    -- holds for the period before as well.
    if key_end <= stop or key_end == seen_end or quota and key_end <= stop + (duration == -1 and 1 or 31) * 86400 then
      local value = redis.pcall('GET', key)
      -- Only another type is no count. A user who may not read must not find every limit unused.
      if type(value) == 'table' and not string.find(value.err, 'WRONGTYPE', 1, true) then
        return value
      end
      counts[i], ends[i] = count(value), key_end
      if quota then
        ends[i] = math.max(key_end, stop)
      end
    end
  end
  if quota and ends[i] == 0 then
    ends[i] = stop
    unknown = unknown or recalled ~= stop
  end
  -- A Redis that lost its data is trusted no lower than what the gateway saw, for as long as that window would run.
  local seen_left = seen_end * 1000 - early - now
  if known > 0 and seen_left > 0 then
    counts[i] = math.max(counts[i], seen)
    if not quota and (ends[i] == 0 or ends[i] == seen_end) then
      ends[i] = math.min(seen_end, stop)
      -- More is left by Redis' clock than by the gateway's: Redis' clock was set back. The window ends when its duration is
      -- over all the same.
      if seen_left > known + 1000 then
        ends[i] = math.min(ends[i], math.max(second + 1, math.floor((now + known + early) / 1000)))
      end
      if key_end == seen_end and ends[i] < key_end then
        live(key, ends[i])
      end
    end
  end
  granted = math.min(granted, math.max(0, math.floor((limit - counts[i] - owed[i]) / cost)))
end

local reply = {granted}
if unknown then
  reply[1] = -1
end
for i, key in ipairs(KEYS) do
  if not unknown and (granted > 0 or owed[i] > 0) then
    if ends[i] == 0 then
      ends[i] = stops[i]
    end
    counts[i] = counts[i] + owed[i] + granted * cost
    redis.call('SET', key, string.format('%.0f', counts[i]))
    live(key, ends[i])
  end
  reply[2 * i], reply[2 * i + 1] = counts[i], ends[i]
end
reply[#reply + 1] = now
return reply
