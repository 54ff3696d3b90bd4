#!/usr/bin/env bash
# The daemon with real clients: a cluster on free ports of this machine, under a minute.
#   tests/live_smoke.sh ORRERYD
set -u # and no pipefail: grep may stop reading before all is written
orreryd=$1
here=$(cd "$(dirname "$0")" && pwd)
command -v redis-cli >/dev/null && command -v redis-benchmark >/dev/null || {
    echo "SKIP: redis-cli and redis-benchmark (package redis-tools) are not installed"
    exit 77
}
command -v python3 >/dev/null || { echo "SKIP: python3 is not installed"; exit 77; }
work=$(mktemp -d)
failed=0
declare -A pid=()

cleanup() {
    kill -9 "${pid[@]}" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
note() { printf '%3ds %s\n' "$SECONDS" "$*"; }
bad() { failed=$((failed + 1)); printf '%3ds FAIL %s\n' "$SECONDS" "$*"; }
# expect NAME WANTED COMMAND...: the last line of its output is WANTED.
expect() {
    local name=$1 wanted=$2 got
    shift 2
    got=$(timeout 20 "$@" 2>&1 | tail -1)
    if [ "$got" = "$wanted" ]; then note "$name"; else bad "$name: wanted '$wanted', got '$got'"; fi
}

# Ports: nobody listens on any of them, nor on the bus's ports 10000 above.
free_ports() {
    local first
    for first in $(shuf -i 2000-5000 -n 50); do
        first=$((first * 6 + 9000))
        [ "$first" -lt 22700 ] || continue
        ss -Hltun | awk '{print $5}' | grep -qE ":($(seq -s'|' "$first" $((first + 5)))|$(seq -s'|' $((first + 10000)) $((first + 10005))))\$" ||
            { echo "$first"; return; }
    done
}
port=$(free_ports)
[ -n "$port" ] || { echo "SKIP: no free ports"; exit 77; }

# start INDEX WORDS...: node INDEX in its own directory.
start() {
    local index=$1
    shift
    "$orreryd" --port $((port + index)) --dir "$work/$index" "$@" >>"$work/$index.log" 2>&1 &
    pid[$index]=$!
}
stop_all() {
    kill "${pid[@]}" 2>/dev/null
    wait "${pid[@]}" 2>/dev/null
    pid=()
}
cli() { timeout 10 redis-cli --no-auth-warning "$@"; }
# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -ge "$until" ] && return 1
        sleep 0.05
    done
}
is_ok() { cli -p "$1" cluster info | tr -d '\r' | grep -cx 'cluster_state:ok'; }
knows() { [ "$(cli -p "$1" cluster nodes | grep -v fail | grep -c connected)" -eq "$2" ]; }
# a node may call the cluster ok before it has heard of every shard's primary
owners() { [ "$(cli -p "$1" cluster nodes | grep -cE 'master - .* connected [0-9]+-[0-9]+')" -eq 3 ]; }
all_ok() { for i in 0 1 2 3 4 5; do is_ok $((port + i)) && knows $((port + i)) 6 && owners $((port + i)) || return 1; done; }
role_of() { cli -p "$1" info replication | tr -d '\r' | sed -n 's/^role://p'; }
caught_up() { cli -p "$1" info replication | tr -d '\r' | grep -cx 'master_link_status:up'; }
show_logs() { for log in "$work"/*.log; do printf -- '---- %s\n' "${log##*/}"; tail -25 "$log"; done; }

# --- wrong options are told with their place
printf 'port: 7001\nnode-timeout: 5\nappendfync: always\n' >"$work/bad.yaml"
"$orreryd" "$work/bad.yaml" >"$work/bad.out" 2>&1
if [ $? -eq 65 ] && grep -q 'bad.yaml:2:15' "$work/bad.out" && grep -q 'bad.yaml:3:1.*appendfsync' "$work/bad.out"; then
    note "a bad file is refused with line and column"
else
    bad "bad.yaml: $(cat "$work/bad.out")"
fi

# --- the cluster that `./dev live` starts, and how it ends: asked to, and killed
for signal in TERM KILL; do
    "$here/../live/cluster" "$orreryd" --port "$port" --dir "$work/live" >"$work/live.out" 2>&1 &
    pid[live]=$!
    printed() { grep -c "redis-cli -c" "$work/live.out"; }
    wait_for 20 printed || bad "live/cluster: $(cat "$work/live.out")"
    nodes=$(pgrep -f "$orreryd --port 2?[0-9]* --dir $work/live/")
    kill -"$signal" "${pid[live]}"
    wait "${pid[live]}" 2>/dev/null
    unset 'pid[live]'
    gone() { ! kill -0 $nodes; }
    if [ "$(wc -w <<<"$nodes")" -eq 6 ] && wait_for 3 gone; then
        note "live/cluster starts six nodes, and $signal ends them all"
    else
        bad "live/cluster, $signal: nodes $nodes"
    fi
    rm -rf "$work/live" "$work/live.out"
done

# --- a cluster that forms by itself
slots=(0-5460 5461-10922 10923-16383)
seeds=()
for i in 0 1 2 3 4 5; do seeds+=("127.0.0.1:$((port + i))"); done
static_node() {
    local i=$1 role=(--role replica)
    [ "$i" -lt 3 ] && role=(--slots "${slots[$i]}")
    start "$i" --cluster smoke --shard "s$((i % 3))" "${role[@]}" --seeds "${seeds[@]}" --node-timeout 5s
}
for i in 0 1 2 3 4 5; do static_node "$i"; done
if wait_for 10 all_ok; then note "six nodes form a cluster by themselves"; else bad "no cluster"; show_logs; exit 1; fi
for i in 3 4 5; do wait_for 5 caught_up $((port + i)) || bad "replica $i does not follow"; done

expect "set" OK redis-cli -c -p "$port" set greeting hello
expect "get from another node" hello redis-cli -c -p $((port + 1)) get greeting
expect "hset" 2 redis-cli -c -p $((port + 2)) hset user name alice age 7
expect "hget" alice redis-cli -c -p "$port" hget user name
expect "expire" 1 redis-cli -c -p "$port" expire greeting 100
expect "ttl" 100 redis-cli -c -p "$port" ttl greeting
# all agree within a moment of the last one's start; a loaded machine makes it a long moment
check_cluster() {
    local tries
    for tries in $(seq 20); do
        timeout 20 redis-cli --cluster check "127.0.0.1:$port" >"$work/check" 2>&1 &&
            grep -q 'All 16384 slots covered' "$work/check" && return 0
        sleep 0.5
    done
    return 1
}
check_cluster &&
    note "redis-cli --cluster check" || { bad "redis-cli --cluster check: $(cat "$work/check")"; show_logs; }
for pipeline in 1 16; do
    timeout 60 redis-benchmark -p "$port" --cluster -t set,get -c 50 -n 100000 -P "$pipeline" -q >"$work/benchmark" 2>&1
    if [ $? -eq 0 ] && ! grep -qiE 'error|warning' "$work/benchmark"; then
        note "redis-benchmark -P $pipeline: $(tr '\r' '\n' <"$work/benchmark" | grep 'per second' | sed 's/ requests per second.*//' | tr '\n' ' ')requests/s"
    else
        bad "redis-benchmark -P $pipeline: $(tr '\r' '\n' <"$work/benchmark" | tail -5)"
    fi
done

# --- a primary dies: its host refuses, nobody waits for the timeout
victim=0
key=$(for k in $(seq 200); do s=$(cli -p "$port" cluster keyslot "k$k"); [ "$s" -le 5460 ] && echo "k$k" && break; done)
expect "a key of the first shard" OK redis-cli -c -p "$port" set "$key" before
sleep 0.3
took=$(python3 "$here/live_load.py" until $((port + 1)) "$key" 15 "${pid[$victim]}")
if [ $? -eq 0 ] && [ "$took" -le 1500 ]; then
    note "kill -9 of a primary: a write to its slot succeeds after $took ms (node timeout 5 s)"
else
    bad "kill -9 of a primary: ${took} ms until a write succeeds"
    show_logs
fi
wait "${pid[$victim]}" 2>/dev/null
static_node "$victim"
is_follower() { [ "$(role_of "$1")" = slave ] && caught_up "$1"; }
if wait_for 10 is_follower $((port + victim)); then note "it comes back as a replica"; else bad "it does not come back as a replica"; show_logs; fi
expect "with the data" x bash -c "printf 'READONLY\nGET $key\n' | redis-cli -p $((port + victim))"

# --- it leaves cleanly
kill "${pid[@]}"
status=0
for i in 0 1 2 3 4 5; do wait "${pid[$i]}" || status=1; done
pid=()
if [ "$status" -eq 0 ]; then note "SIGTERM: all six leave with 0"; else bad "SIGTERM: a node left with an error"; fi
rm -rf "$work"/[0-9]

# --- redis-cli --cluster create
for i in 0 1 2 3 4 5; do start "$i"; done
up() { cli -p "$1" ping; }
for i in 0 1 2 3 4 5; do wait_for 5 up $((port + i)) || bad "node $i does not answer"; done
timeout 40 redis-cli --cluster create "${seeds[@]}" --cluster-replicas 1 --cluster-yes >"$work/create" 2>&1
if [ $? -eq 0 ] && grep -q 'All 16384 slots covered' "$work/create"; then
    note "redis-cli --cluster create"
else
    bad "redis-cli --cluster create: $(tail -20 "$work/create")"
    show_logs
fi
wait_for 10 all_ok && expect "and it serves" OK redis-cli -c -p "$port" set a b
stop_all
rm -rf "$work"/[0-9]

# --- kill -9 under load, appendfsync always: nothing acknowledged is lost
alone() { start 0 --cluster one --slots 0-16383 --appendfsync always --log-rotate-size 1MB; }
total=()
for round in 1 2 3 4 5; do
    alone
    wait_for 5 is_ok "$port" || bad "round $round: a lone node does not serve"
    timeout 20 python3 "$here/live_load.py" write "$port" "r$round" 4 "${pid[0]}" $((RANDOM % 2000 + 100)) >"$work/acked.$round"
    wait "${pid[0]}" 2>/dev/null
done
alone
wait_for 5 is_ok "$port"
for round in 1 2 3 4 5; do
    mapfile -t total <"$work/acked.$round"
    result=$(timeout 30 python3 "$here/live_load.py" check "$port" "r$round" "${total[@]}") &&
        note "kill -9 under load, round $round: $result" || bad "kill -9 under load, round $round: $result"
    [ "${total[0]:-0}" -gt 0 ] || bad "round $round wrote nothing"
done
stop_all

# --- clients that do not behave
rm -rf "$work"/[0-9]
start 0 --cluster one --slots 0-16383 --maxclients 1000
wait_for 5 is_ok "$port"
if timeout 60 python3 "$here/live_rude_clients.py" "$port" "${pid[0]}" 1000 >"$work/clients" 2>&1; then
    note "clients that do not behave: $(grep -c '^ok' "$work/clients") things hold; $(grep -o '[0-9]* MB more' "$work/clients")"
else
    bad "clients that do not behave: $(tail -5 "$work/clients")"
    show_logs
fi
stop_all

# --- a disk that takes no more: reads go on, writes are refused and said so
rm -rf "$work"/[0-9]
(ulimit -S -f 64; exec "$orreryd" --port "$port" --dir "$work/0" --cluster one --slots 0-16383 --appendfsync always) >>"$work/0.log" 2>&1 &
pid[0]=$!
wait_for 5 is_ok "$port"
cli -p "$port" set small value >/dev/null
python3 "$here/live_load.py" write "$port" full 1 >"$work/acked.full"
answer=$(cli -p "$port" set more value 2>&1)
expect "a full disk still reads" value redis-cli -p "$port" get small
case "$answer" in MISCONF*) note "a full disk refuses writes: ${answer%%:*}" ;; *) bad "a full disk answers '$answer'" ;; esac
prlimit --pid "${pid[0]}" --fsize=unlimited:unlimited
writes_again() { [ "$(cli -p "$port" set again yes)" = OK ]; }
if wait_for 5 writes_again; then note "there is room again: it takes writes, without a restart"; else bad "there is room again, and it takes no writes: $(cli -p "$port" set again yes)"; fi
kill -9 "${pid[0]}" && wait "${pid[0]}" 2>/dev/null
start 0 --cluster one --slots 0-16383
wait_for 5 is_ok "$port" || { bad "after the disk was full it does not start"; show_logs; }
expect "what was written then is there" yes redis-cli -p "$port" get again
mapfile -t total <"$work/acked.full"
result=$(timeout 30 python3 "$here/live_load.py" check "$port" full "${total[@]}") &&
    note "after a full disk: $result" || bad "after a full disk: $result"
stop_all

[ "$failed" -eq 0 ] && note "all well" || note "$failed failed"
exit "$failed"
