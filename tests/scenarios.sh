#!/usr/bin/env bash
# Every scenario with several seeds, and each of its naive variants, which must fail.
#   tests/scenarios.sh ORRERY PLANTED_ORRERY SEEDS JOBS
# Prints `ok NAME` or `bad NAME`; what went wrong goes to standard error.
set -uo pipefail
cd "$(dirname "$0")/.."
orrery=$1
planted=$2
seeds=$3
jobs=$4
out=$(mktemp)
trap 'rm -f "$out"' EXIT

for file in $(git ls-files 'scenarios/*.yaml'); do
    name=$(basename "$file" .yaml)
    count=$seeds
    case "$file" in # big: more of it for `./dev sweep`
    scenarios/scale/200-nodes.yaml) count=2 ;;
    */scale/*) continue ;;
    esac
    if timeout 600 "$orrery" sweep "$file" --seeds "1..$count" -j "$jobs" --progress=never >"$out" 2>&1; then
        echo "ok scenario $name"
    else
        echo "bad scenario $name"
        { echo "--- $name"; tail -30 "$out"; } >&2
    fi
done
timeout 900 "$planted" naive --list >/dev/null 2>&1 || exit 0
for file in $(git ls-files 'scenarios/*.yaml' | xargs grep -l '^naive:'); do
    while read -r verdict rest; do
        echo "$verdict naive $(basename "$file" .yaml): $rest"
    done < <(timeout 600 "$planted" naive "$file" 2>>"$out.err")
done
[ -s "$out.err" ] && cat "$out.err" >&2
rm -f "$out.err"
exit 0
