#!/usr/bin/env bash
# Incidents on real processes, in real time, beside the simulator: `./dev live-scenarios [FILE...]`.
#   tests/live_scenarios.sh ORRERY ORRERYD [FILE...]      without files: the four below, some 3 min
# Each must hold live; its failover time must lie within what 20 simulated seeds show, give or take
# 500 ms (ORR_LIVE_SEEDS=N: so many seeds).
set -u
orrery=$1
daemon=$2
shift 2
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- scenarios/bcm5709-cut-primary.yaml scenarios/sentinel-2013-minority-master.yaml \
    scenarios/valkey-1018-mass-primary-kill.yaml scenarios/valkey-579-empty-reborn-primary.yaml
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
failed=0
bad() { failed=$((failed + 1)); printf 'FAIL  %s\n' "$1"; sed 's/^/      /' "$2"; }
to_ms() { awk '{ printf "%.0f\n", $2 == "s" ? $1 * 1000 : $1 }'; }
# The live failover time, ms, or nothing.
live_ms() { sed -nE 's/.*failover time <= .*\[([0-9.]+) (m?s)\].*/\1 \2/p' "$1" | to_ms; }
# min, p50, p99, max of a sweep, ms, or nothing.
swept_ms() {
    grep -A1 'failover time <=' "$1" | tail -n +2 | tr ',' '\n' |
        sed -nE 's/ *(min|p50|p99|max) ([0-9.]+)(m?s)/\2 \3/p' | to_ms
}

# The simulator first, alone on the processors; then the live runs at the same time: they mostly wait.
for file in "$@"; do
    "$orrery" sweep --progress never --seeds "1..${ORR_LIVE_SEEDS:-20}" "$file" >"$work/$(basename "$file" .yaml).sweep" 2>&1
done
for file in "$@"; do
    name=$(basename "$file" .yaml)
    { timeout 900 "$orrery" run --live --daemon "$daemon" -v "$file" >"$work/$name" 2>&1; echo $? >"$work/$name.code"; } &
done
wait
for file in "$@"; do
    name=$(basename "$file" .yaml)
    code=$(cat "$work/$name.code" 2>/dev/null || echo none)
    live=$(live_ms "$work/$name")
    mapfile -t simulated < <(swept_ms "$work/$name.sweep")
    if [ "$code" != 0 ]; then
        bad "$name: exit code $code" "$work/$name"
    elif [ -n "$live" ] && [ ${#simulated[@]} -eq 4 ] &&
        { [ "$live" -lt $((simulated[0] - 500)) ] || [ "$live" -gt $((simulated[3] + 500)) ]; }; then
        bad "$name: failover live $live ms, simulated ${simulated[0]} to ${simulated[3]} ms" "$work/$name"
    else
        printf 'ok    %s\n' "$name"
    fi
    [ -n "$live" ] && [ ${#simulated[@]} -eq 4 ] &&
        printf '      failover: live %d ms; simulated %d to %d ms, median %d\n' "$live" "${simulated[0]}" "${simulated[3]}" "${simulated[1]}"
    grep -E '^  writes ' "$work/$name" | sed 's/^ */      live: writes /; s/writes writes */writes /'
done
printf '%d of %d held live\n' $(($# - failed)) $#
[ "$failed" -eq 0 ]
