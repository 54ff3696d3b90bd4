#!/usr/bin/env bash
# What a node with many keys costs, orreryd beside Debian's redis-server, one after the other in one
# run: memory per key, idle connections, the pause while all keys are written to disk anew, the time
# until it serves again after kill -9, and a million keys that expire at once. One CSV line per
# measurement. Writes to a temporary directory, listens on 127.0.0.1 only.
#   bench/live_store.sh ORRERYD LIVE_CLIENT [KEYS]
set -eu
orreryd=$1
client=$2
keys=${3:-1000000}
for tool in redis-server redis-benchmark redis-cli; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed (packages redis-server, redis-tools)" >&2; exit 77; }
done
ulimit -n "$(ulimit -Hn)"
work=$(mktemp -d)
pid=
background=()
trap 'kill -9 $pid "${background[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
ticks=$(getconf CLK_TCK)
port=$((20000 + RANDOM % 1900))

cli() { redis-cli -p "$port" "$@"; }
start() {
    case "$1" in
    orreryd)
        "$orreryd" --port "$port" --dir "$work/orreryd" --cluster bench --slots 0-16383 \
            --appendfsync everysec --log-rotate-size "${2:-1GB}" >>"$work/orreryd.log" 2>&1 &
        ;;
    redis)
        mkdir -p "$work/redis"
        redis-server --port "$port" --bind 127.0.0.1 --dir "$work/redis" --cluster-enabled yes --save '' \
            --appendonly yes --appendfsync everysec --auto-aof-rewrite-percentage 0 >>"$work/redis.log" 2>&1 &
        ;;
    esac
    pid=$!
}
up() { [ "$(cli set warm up 2>/dev/null)" = OK ]; }
wait_up() {
    local i
    for ((i = 0; i < 2000; i++)); do
        up && return
        kill -0 "$pid" 2>/dev/null || break
        [ "$1" = redis ] && [ "$i" -lt 20 ] && cli cluster addslotsrange 0 16383 >/dev/null 2>&1
        sleep 0.01
    done
    echo "$1 does not serve" >&2
    exit 1
}
stop() { kill -"$1" "$pid"; wait "$pid" 2>/dev/null || true; pid=; }
resident() { awk '/^VmRSS/ { print $2 * 1024 }' "/proc/$pid/status"; }
cpu() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
row() { echo "$2,$1,$3,$4"; }
probe_row() { # SERVER WHAT "p50 p99 p99.9 max"
    local p50 p99 p999 worst
    read -r p50 p99 p999 worst <<<"$3"
    row "$1" "$2: median of a PING" "$p50" us
    row "$1" "$2: p99.9" "$p999" us
    row "$1" "$2: worst" "$worst" us
}

echo "what,server,figure,unit"
for server in orreryd redis; do
    start "$server"
    wait_up "$server"

    # idle connections
    before=$(resident)
    cpu0=$(cpu); sleep 3; cpu1=$(cpu)
    rm -f "$work/held"
    "$client" idle "$port" 4000 30 >"$work/held" &
    background=($!)
    for ((i = 0; i < 300; i++)); do [ -s "$work/held" ] && break; sleep 0.1; done
    row "$server" "memory of an idle connection, 4000 of them" $((($(resident) - before) / 4000)) B
    cpu2=$(cpu); sleep 3; cpu3=$(cpu)
    row "$server" "processor of 4000 idle connections" "$(awk -v a=$((cpu1 - cpu0)) -v b=$((cpu3 - cpu2)) -v hz="$ticks" 'BEGIN { printf "%.2f", (b - a) / hz / 3 * 100 }')" "% of one"
    kill "${background[@]}"; wait "${background[@]}" 2>/dev/null || true
    background=()
    sleep 0.5

    # many keys
    before=$(resident)
    "$client" load "$port" "$keys" 16
    row "$server" "memory of a key of 16 bytes with a value of 16" "$(awk -v a="$before" -v b="$(resident)" -v n="$keys" 'BEGIN { printf "%.1f", (b - a) / n }')" B

    # everything to disk anew while clients are served: a snapshot, BGREWRITEAOF
    if [ "$server" = orreryd ]; then
        stop TERM
        start "$server" 8KB # the first writes begin one
        wait_up "$server"
    else
        cli bgrewriteaof >/dev/null
    fi
    "$client" load "$port" 500 16
    probe_row "$server" "all keys to disk anew" "$("$client" probe "$port" 3)"

    # kill -9, and until it serves
    sleep 1
    stop KILL
    begin=$(date +%s%N)
    start "$server"
    wait_up "$server"
    row "$server" "from start until it serves, after kill -9" $((($(date +%s%N) - begin) / 1000000)) ms
    row "$server" "processor time of that" $(($(cpu) * 1000 / ticks)) ms
    row "$server" "keys that are there" "$(cli dbsize)" keys

    # all of them expire in one moment
    cli flushall >/dev/null
    at=$((($(date +%s) + 20) * 1000))
    "$client" load "$port" "$keys" 16 "$at"
    [ "$(date +%s%3N)" -lt $((at - 500)) ] || echo "too slow a machine for the next figures" >&2
    while [ "$(date +%s%3N)" -lt $((at - 300)) ]; do sleep 0.02; done
    "$client" probe "$port" 4 >"$work/probe" &
    background=($!)
    for ((i = 0; i < 1000; i++)); do [ "$(cli dbsize)" = 0 ] && break; sleep 0.05; done
    row "$server" "all keys expire at once: until the last is gone" $(($(date +%s%3N) - at)) ms
    wait "${background[@]}"
    background=()
    probe_row "$server" "all keys expire at once" "$(cat "$work/probe")"
    stop TERM
done
