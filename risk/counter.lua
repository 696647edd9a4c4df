-- Leaves the marks of one payment and counts those that are there, in one step. Windows slide by the millisecond and
-- are exact, up to the newest marks that are kept. A mark that is there stays at its time; of a card the latest use
-- counts.
-- KEYS: the sign that all older payments are in here, then sorted sets of marks by time.
-- ARGV: the time in milliseconds, or 0 for this server's; how many marks are kept; then for each set: for how long,
-- the mark or '', 'NX' or 'GT', the number of readings, and for each of them 'count' or 'sum' and its window.
-- Gives whether the sign is there, and the readings in their order.
local function text(number)
    return string.format('%.0f', number)
end
local clock = redis.call('TIME')
local present = clock[1] * 1000 + math.floor(clock[2] / 1000)
local now = tonumber(ARGV[1])
if now == 0 then
    now = present
end
local most = tonumber(ARGV[2])
local answer = {redis.call('EXISTS', KEYS[1])}
local at = 3
for place = 2, #KEYS do
    local key, keep, mark, how = KEYS[place], tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2]
    local readings = tonumber(ARGV[at + 3])
    at = at + 4
    if mark ~= '' and now > present - keep then
        redis.call('ZADD', key, how, text(now), mark)
        redis.call('ZREMRANGEBYSCORE', key, '-inf', text(present - keep))
        redis.call('ZREMRANGEBYRANK', key, 0, -most - 1)
        redis.call('PEXPIRE', key, text(keep))
    end
    for _ = 1, readings do
        local since = '(' .. text(now - tonumber(ARGV[at + 1]))
        local reading = 0
        if ARGV[at] == 'count' then
            reading = redis.call('ZCOUNT', key, since, '+inf')
        else
            for _, one in ipairs(redis.call('ZRANGEBYSCORE', key, since, '+inf')) do
                reading = reading + (tonumber(string.match(one, '|(%d+)$')) or 0)
            end
        end
        answer[#answer + 1] = reading
        at = at + 2
    end
end
return answer
