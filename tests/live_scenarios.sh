#!/usr/bin/env bash
# Incidents on real processes, in real time: `./dev live-scenarios [FILE...]`.
#   tests/live_scenarios.sh ORRERY ORRERYD [FILE...]      without files: the four below, some 3 min
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
# They mostly wait, so they run at the same time.
for file in "$@"; do
    name=$(basename "$file" .yaml)
    { timeout 900 "$orrery" run --live --daemon "$daemon" -v "$file" >"$work/$name" 2>&1; echo $? >"$work/$name.code"; } &
done
wait
for file in "$@"; do
    name=$(basename "$file" .yaml)
    code=$(cat "$work/$name.code" 2>/dev/null || echo none)
    if [ "$code" = 0 ]; then
        printf 'ok    %s\n' "$name"
        grep -E 'failover time|writes lost' "$work/$name" | sed 's/^/      /'
    else
        failed=$((failed + 1))
        printf 'FAIL  %s: exit code %s\n' "$name" "$code"
        sed 's/^/      /' "$work/$name"
    fi
done
printf '%d of %d held live\n' $(($# - failed)) $#
[ "$failed" -eq 0 ]
