#!/usr/bin/env bash
# Failover time of a primary that is gone, node timeout 5 s: real processes beside the simulator.
#   bench/failover_live.sh ORRERY ORRERYD [RUNS]        CSV; RUNS (5) live ones of each kind
# Goals: 1 s when its host refuses connections, 6.5 s when it fell silent. The two worlds must agree:
# exit code 1 when the live median lies outside of what 500 seeds show, give or take 250 ms.
set -euo pipefail
orrery=$1
daemon=$2
runs=${3:-5}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
status=0
# value FILE: the failover time of a report, in ms.
value() { sed -nE 's/.*failover time <= .*\[([0-9.]+) (m?s)\].*/\1 \2/p' "$1" | awk '{ printf "%.0f\n", $2 == "s" ? $1 * 1000 : $1 }'; }
# spread FILE: min, p50, p99, max of a sweep, in ms.
spread() {
    grep -A1 'failover time <=' "$1" | sed -n '2p' | tr ',' '\n' |
        sed -nE 's/ *(min|p50|p99|max) ([0-9.]+)(m?s)/\2 \3/p' | awk '{ printf "%.0f\n", $2 == "s" ? $1 * 1000 : $1 }'
}

echo "kind,world,runs,min_ms,p50_ms,p99_ms,max_ms,goal_ms,verdict"
for kind in killed silent; do
    goal=1000
    [ "$kind" = silent ] && goal=6500
    "$orrery" sweep --progress never "$here/live/failover-$kind.yaml" >"$work/sweep" 2>&1 || true
    mapfile -t simulated < <(spread "$work/sweep")
    [ ${#simulated[@]} -eq 4 ] || { cat "$work/sweep" >&2; exit 1; }
    for ((i = 1; i <= runs; i++)); do # one at a time: they share the processors
        timeout 90 "$orrery" run --live --daemon "$daemon" --seed "$i" "$here/live/failover-$kind.yaml" \
            >"$work/live.$i" 2>&1 || { cat "$work/live.$i" >&2; status=1; }
        value "$work/live.$i" >>"$work/$kind"
    done
    mapfile -t live < <(sort -n "$work/$kind")
    middle=${live[$((${#live[@]} / 2))]}
    verdict=agrees
    if [ "$middle" -lt $((simulated[0] - 250)) ] || [ "$middle" -gt $((simulated[3] + 250)) ]; then
        verdict=differs
        status=1
    fi
    reached() { if [ "$1" -le "$goal" ]; then echo reached; else echo missed; fi; }
    echo "$kind,simulated,500,${simulated[0]},${simulated[1]},${simulated[2]},${simulated[3]},$goal,$(reached "${simulated[2]}")"
    echo "$kind,live,${#live[@]},${live[0]},$middle,,${live[-1]},$goal,$(reached "${live[-1]}") $verdict"
done
exit $status
