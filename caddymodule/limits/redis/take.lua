-- Takes a cost up to n times from all windows of a workspace; n = 0 only looks. What is not granted writes nothing, but
-- for a key that lives longer than its window may (its server's clock was set back, or it is not ours): it ends in time then.
--
-- KEYS  the counter of each window: what was used of it, living until the window ends.
-- ARGV  cost, n, then for each window: its limit, its duration in seconds, and the count and end (Unix seconds) that the
--       calling gateway saw of it, 0 and 0 where it saw none.
-- Returns how often the cost was taken, Redis' time in ms, then for each window its count and end; the end is 0 where
-- no window runs.
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

local counts, ends = {}, {}
for i, key in ipairs(KEYS) do
  local limit, duration = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
  local seen, seen_end = tonumber(ARGV[4 * i + 1]), tonumber(ARGV[4 * i + 2])
  local left = redis.call('PTTL', key)
  counts[i], ends[i] = 0, 0
  if left > duration * 1000 then
    ends[i] = second + duration
    redis.call('PEXPIREAT', key, string.format('%.0f', ends[i] * 1000 - early))
  elseif left > 0 then
    ends[i] = math.floor((now + left + early + 500) / 1000)
  end
  if left > 0 then
    local value = redis.pcall('GET', key)
    -- Only another type is no count. A user who may not read must not find every limit unused.
    if type(value) == 'table' and not string.find(value.err, 'WRONGTYPE', 1, true) then
      return value
    end
    counts[i] = count(value)
  end
  -- A Redis that lost its data is trusted no lower than what the gateway saw, for as long as that window would run.
  if seen_end * 1000 - early > now then
    counts[i] = math.max(counts[i], seen)
    if ends[i] == 0 then
      ends[i] = math.min(seen_end, second + duration)
    end
  end
  granted = math.min(granted, math.max(0, math.floor((limit - counts[i]) / cost)))
end

local reply = {granted, now}
for i, key in ipairs(KEYS) do
  if granted > 0 then
    if ends[i] == 0 then
      ends[i] = second + tonumber(ARGV[4 * i])
    end
    counts[i] = counts[i] + granted * cost
    redis.call('SET', key, string.format('%.0f', counts[i]))
    redis.call('PEXPIREAT', key, string.format('%.0f', ends[i] * 1000 - early))
  end
  reply[2 * i + 1], reply[2 * i + 2] = counts[i], ends[i]
end
return reply
