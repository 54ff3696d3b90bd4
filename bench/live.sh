#!/usr/bin/env bash
# Server CPU per command, orreryd beside Debian's redis-server, in one run: both one node with all
# slots in cluster mode, with an append-only file synced once a second, 100-byte values, 50 clients,
# 100,000 random keys. One CSV line per measurement; the ratio is ours to theirs, the better of
# ROUNDS runs of each. Writes to a temporary directory, listens on 127.0.0.1 only.
#   bench/live.sh ORRERYD [COMMANDS [ROUNDS]]
set -eu
orreryd=$1
commands=${2:-200000}
rounds=${3:-2}
for tool in redis-server redis-benchmark redis-cli; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed (packages redis-server, redis-tools)" >&2; exit 77; }
done
work=$(mktemp -d)
port=$((20000 + RANDOM % 900 * 2))
ticks=$(getconf CLK_TCK)
declare -A pid=() at=([orreryd]=$port [redis]=$((port + 1)))
trap 'kill "${pid[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

mkdir "$work/redis"
"$orreryd" --port "${at[orreryd]}" --dir "$work/orreryd" --cluster bench --slots 0-16383 \
    --appendfsync everysec >"$work/orreryd.log" 2>&1 &
pid[orreryd]=$!
redis-server --port "${at[redis]}" --bind 127.0.0.1 --dir "$work/redis" --cluster-enabled yes --save '' \
    --appendonly yes --appendfsync everysec --auto-aof-rewrite-percentage 0 >"$work/redis.log" 2>&1 &
pid[redis]=$!
for ((i = 0; i < 100; i++)); do
    redis-cli -p "${at[redis]}" cluster addslotsrange 0 16383 >/dev/null 2>&1 || true
    [ "$(redis-cli -p "${at[redis]}" set warm up 2>/dev/null)" = OK ] &&
        [ "$(redis-cli -p "${at[orreryd]}" set warm up 2>/dev/null)" = OK ] && break
    sleep 0.1
done

# All threads of the process, in clock ticks.
cpu() { awk '{print $14 + $15}' "/proc/${pid[$1]}/stat"; }
# measure SERVER TEST PIPELINE: "us/command requests/s p50-ms p99.9-ms"
measure() {
    local before after
    before=$(cpu "$1")
    redis-benchmark -p "${at[$1]}" -t "$2" -c 50 -n "$commands" -P "$3" -d 100 -r 100000 2>/dev/null | tr '\r' '\n' >"$work/run"
    after=$(cpu "$1")
    awk -v ticks=$((after - before)) -v hz="$ticks" -v n="$commands" '
        /% <= .* milliseconds/ && !cumulative { share = $1 + 0
            if (share >= 50 && p50 == "") p50 = $3
            if (share >= 99.9 && p999 == "") p999 = $3 }
        /^Cumulative/ { cumulative = 1 }
        /throughput summary/ { rate = $3 }
        END { printf "%.3f %d %s %s\n", ticks / hz * 1e6 / n, rate, p50, p999 }' "$work/run"
}

echo "test,pipeline,orreryd_us,redis_us,ratio,orreryd_rps,redis_rps,orreryd_p50_ms,redis_p50_ms,orreryd_p99.9_ms,redis_p99.9_ms"
for pipeline in 1 16; do
    for test in set get; do
        declare -A best=()
        for ((round = 0; round < rounds; round++)); do
            for server in orreryd redis; do
                now=$(measure "$server" "$test" "$pipeline")
                best[$server]=$(printf '%s\n%s\n' "${best[$server]:-$now}" "$now" | sort -n | head -1)
            done
        done
        read -r our_us our_rps our_p50 our_p999 <<<"${best[orreryd]}"
        read -r their_us their_rps their_p50 their_p999 <<<"${best[redis]}"
        awk -v t="$test" -v p="$pipeline" -v a="$our_us" -v b="$their_us" -v rest="$our_rps,$their_rps,$our_p50,$their_p50,$our_p999,$their_p999" \
            'BEGIN { printf "%s,%d,%s,%s,%.2f,%s\n", t, p, a, b, (b > 0 ? a / b : 0), rest }'
    done
done
