#!/usr/bin/env bash
# Load must never look like death: three primaries whose data lanes are saturated, by writes of large
# values to be copied and by a replica that takes nothing, suspect nobody, stay within their memory, and
# the replica catches up when it goes on.
#   tests/live_pressure.sh ORRERYD
set -u
orreryd=$1
command -v redis-cli >/dev/null && command -v redis-benchmark >/dev/null || {
    echo "SKIP: redis-cli and redis-benchmark (package redis-tools) are not installed"
    exit 77
}
work=$(mktemp -d)
failed=0
pid=()
trap 'kill -9 "${pid[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
note() { printf '%3ds %s\n' "$SECONDS" "$*"; }
bad() { failed=$((failed + 1)); printf '%3ds FAIL %s\n' "$SECONDS" "$*"; }
cli() { timeout 10 redis-cli -p "$@"; }
wait_for() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -ge "$until" ] && return 1
        sleep 0.1
    done
}
free_ports() {
    local first
    for first in $(shuf -i 2000-2280 -n 50); do
        first=$((first * 6 + 9000))
        ss -Hltun | awk '{print $5}' | grep -qE ":($(seq -s'|' "$first" $((first + 5)))|$(seq -s'|' $((first + 10000)) $((first + 10005))))\$" ||
            { echo "$first"; return; }
    done
}
port=$(free_ports)
[ -n "$port" ] || { echo "SKIP: no free ports"; exit 77; }

slots=(0-5460 5461-10922 10923-16383)
seeds=()
for i in 0 1 2 3 4 5; do seeds+=("127.0.0.1:$((port + i))"); done
for i in 0 1 2 3 4 5; do
    role=(--role replica)
    [ "$i" -lt 3 ] && role=(--slots "${slots[$i]}")
    "$orreryd" --port $((port + i)) --dir "$work/$i" --cluster pressure --shard "s$((i % 3))" "${role[@]}" \
        --seeds "${seeds[@]}" --node-timeout 2s --maxmemory 100MB --maxmemory-policy allkeys-lru >"$work/$i.log" 2>&1 &
    pid+=($!)
done
follows() { cli "$1" info replication | grep -c 'master_link_status:up'; }
whole() { for i in 3 4 5; do follows $((port + i)) || return 1; done; cli "$port" cluster info | grep -c cluster_state:ok; }
wait_for 20 whole || { bad "no cluster"; tail -5 "$work"/*.log; exit 1; }
note "six nodes, node timeout 2 s"

flood() { timeout 60 redis-benchmark -p $((port + $1)) --cluster -t set -c 30 -P "$2" -d "$3" -r 5000 -n "$4" -q >"$work/flood" 2>&1; }
flood 0 16 20000 60000 || bad "redis-benchmark: $(tail -3 "$work/flood")"
note "values of 20 kB, pipelined: $(tr '\r' '\n' <"$work/flood" | grep -o 'SET: [0-9.]* requests per second' | tail -1)"

# a replica that does nothing for longer than nobody notices; its primary's queue is bounded
kill -STOP "${pid[3]}"
(sleep 1.2; kill -CONT "${pid[3]}") &
flood 0 16 20000 60000 || bad "redis-benchmark: $(tail -3 "$work/flood")"
wait $!
suspicions=$(grep -hE 'event=(suspected|failed|declared-failed|promoted)' "$work"/*.log | grep -vc "$(cli $((port + 3)) cluster myid)")
[ "$suspicions" -eq 0 ] && note "nobody was suspected" || bad "$suspicions suspicions: $(grep -hE 'event=(suspected|failed|promoted)' "$work"/*.log | head -3)"

for i in 0 1 2; do
    resident=$(($(awk '/^VmRSS/ { print $2 }' "/proc/${pid[$i]}/status") / 1024))
    [ "$resident" -lt 400 ] || bad "node $i takes $resident MB, with maxmemory 100 MB"
done
note "a primary takes $resident MB, with maxmemory 100 MB"

same() {
    for i in 0 1 2; do
        [ "$(cli $((port + i)) info replication | tr -d '\r' | sed -n 's/^master_repl_offset://p')" = \
            "$(cli $((port + i + 3)) info replication | tr -d '\r' | sed -n 's/^slave_repl_offset://p')" ] || return 1
        [ "$(cli $((port + i)) dbsize)" = "$(cli $((port + i + 3)) dbsize)" ] || return 1
    done
}
wait_for 20 same && note "all replicas have caught up: $(for i in 0 1 2 3 4 5; do cli $((port + i)) dbsize; done | tr '\n' ' ')keys" ||
    { bad "replicas lag"; for i in 0 1 2 3 4 5; do cli $((port + i)) info replication | grep -E 'offset|link'; done; }
kill "${pid[@]}"
wait "${pid[@]}" || bad "a node left with an error"
pid=()
[ "$failed" -eq 0 ] && note "all well" || note "$failed failed"
exit "$failed"
