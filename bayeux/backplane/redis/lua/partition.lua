-- Prelude of all that works on a partition. KEYS[1]: its state, a hash of epoch and place.

local function whole(number)
  return string.format('%.0f', number)
end

-- Microseconds since 1970: where a partition begins to count. No partition counts faster than that for long,
-- so places rise also across a loss of all data.
local function beginning()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Epoch and place of the partition; a new one gets the epoch that is offered.
local function open(offered, ttl)
  local state = redis.call('HMGET', KEYS[1], 'epoch', 'place')
  local epoch, place = state[1], tonumber(state[2])
  if not epoch or not place then
    epoch, place = offered, beginning()
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'place', whole(place))
  end
  redis.call('PEXPIRE', KEYS[1], ttl)
  return epoch, place
end
