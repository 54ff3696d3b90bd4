#!/usr/bin/env bash
# Scenarios on real processes: one that holds, those that must not, limits, and what an end leaves.
#   tests/live_scenario.sh ORRERY ORRERYD        about 30 s, 45 s with bugs on purpose
set -u
orrery=$1
daemon=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
failed=0
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
note() { printf '%3ds %s\n' "$SECONDS" "$*"; }
bad() { failed=$((failed + 1)); printf '%3ds FAIL %s\n' "$SECONDS" "$*"; }
live() { timeout 60 "$orrery" run --live --daemon "$daemon" "$@"; }
# expect NAME CODE: the run of this name ended so, and says PATTERN.
expect() {
    local code
    code=$(cat "$work/$1.code")
    if [ "$code" = "$2" ] && grep -qE -- "$3" "$work/$1.out"; then
        note "$1: exit code $code"
    else
        bad "$1: exit code $code, wanted $2 and '$3'"
        tail -60 "$work/$1.out"
    fi
}
# begin NAME WORDS...: in the background.
begin() {
    local name=$1
    shift
    { live "$@" >"$work/$name.out" 2>&1; echo $? >"$work/$name.code"; } &
}

begin holds -v -o "$work/holds" "$here/live/failover.yaml"
begin no-failover --set failover=no "$here/live/failover.yaml"
begin loss "$here/live/loss.yaml"
wait # no more than a few clusters at a time: they are to be on time on two processors
begin members "$here/live/members.yaml"
begin cut "$here/live/cut.yaml"
if "$orrery" run -q --plant no-fencing "$here/live/clock.yaml" 2>&1 | grep -q 'only in builds'; then
    note "bugs on purpose are not in this build"
else
    wait
    begin no-fencing --plant no-fencing "$here/live/cut.yaml"
    begin deletes-forgotten --plant deletes-forgotten "$here/live/cut.yaml"
    begin ledger-silent --plant ledger-silent "$here/live/cut.yaml"
fi
begin refused "$here/live/clock.yaml"
begin many "$here/../scenarios/scale/1000-nodes.yaml"
begin skipped --skip "$here/live/clock.yaml"
wait
expect holds 0 'all held'
expect no-failover 1 '✗ within 2s of crash: slots of shard a served'
expect loss 1 '✗ acknowledged writes lost = 0  \[[1-9]'
expect members 0 'all held'
expect cut 0 'all held'
if [ -e "$work/no-fencing.code" ]; then
    expect no-fencing 1 '✗ at most one node serves writes of a slot'
    expect no-fencing 1 '✗ n1 acknowledges no write between'
    expect deletes-forgotten 1 '✗ no deleted key returns'
    expect ledger-silent 1 '✗ every lost write is in the ledger'
fi
expect refused 65 'clock.yaml:12:.*the clock is the machine'
expect many 65 'too many to be processes'
expect skipped 0 'left out: .*clock'
for file in report.txt history.jsonl nodes/n1.log nodes/n6.log; do
    [ -s "$work/holds/$file" ] || bad "with -o there is no $file"
done
grep -q 'event=promoted' "$work/holds/nodes/n4.log" || bad "n4.log tells of no promotion"

# An end by signal: no process and no file is left; after SIGKILL, no process.
for signal in INT KILL; do
    "$orrery" run --live --daemon "$daemon" "$here/live/failover.yaml" >/dev/null 2>&1 &
    runner=$!
    sleep 1.5
    children=$(pgrep -P "$runner" | tr '\n' ' ')
    kill -"$signal" "$runner"
    wait "$runner" 2>/dev/null
    code=$?
    sleep 0.3
    [ "$(wc -w <<<"$children")" -ge 5 ] || bad "$signal: there were no processes: $children"
    for child in $children; do
        grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$child/status" 2>/dev/null &&
            bad "$signal: process $child is left"
    done
    if [ "$signal" = INT ]; then
        [ "$code" -eq 130 ] || bad "interrupted: exit code $code"
        [ -z "$(ls "$TMPDIR")" ] || bad "interrupted: left $(ls "$TMPDIR")"
    fi
    note "ended by SIG$signal"
done
[ "$failed" -eq 0 ] && note "all well"
[ "$failed" -eq 0 ]
