#!/usr/bin/env bash
# Same seed, same trace: each scenario twice with the first program, once with each other.
#   tests/determinism.sh JOBS ORRERY...
set -uo pipefail
cd "$(dirname "$0")/.."
jobs=$1
shift
programs=("$@")

digest() { timeout 600 "$1" run --json --seed 7 "$2" 2>/dev/null | tail -n 1 | grep -oE '"digest": ?"[0-9a-f]+"' | grep -oE '[0-9a-f]{8,}'; }
export -f digest
one() {
    local file=$1
    shift
    local name first again other
    name=$(basename "$file" .yaml)
    first=$(digest "$1" "$file")
    again=$(digest "$1" "$file")
    if [ -z "$first" ] || [ "$first" != "$again" ]; then
        echo "bad determinism $name: $1 gives '$first', then '$again'"
        return
    fi
    shift
    for program in "$@"; do
        [ -x "$program" ] || { echo "bad determinism $name: no $program"; continue; }
        other=$(digest "$program" "$file")
        if [ "$other" != "$first" ]; then
            echo "bad determinism $name: '$first', but $program gives '$other'"
            return
        fi
    done
    echo "ok determinism $name"
}
export -f one
git ls-files 'scenarios/*.yaml' | grep -v /scale/ | xargs -P "$jobs" -I{} bash -c 'one "$@"' _ {} "${programs[@]}"
