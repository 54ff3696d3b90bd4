#!/usr/bin/env bash
# The command line around scenarios, from outside: exit codes, messages, help, completion.
#   tests/cli_scenario.sh ORRERY
set -uo pipefail
orrery=$1
root=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

# expect CODE PATTERN COMMAND...: its exit code, and a line of its output that matches
expect() {
    local code=$1 pattern=$2
    shift 2
    "$@" >"$dir/out" 2>&1 </dev/null
    local got=$?
    if [ "$got" -ne "$code" ]; then
        echo "$*: exit $got, not $code"
        cat "$dir/out"
        status=1
    elif ! grep -qE -- "$pattern" "$dir/out"; then
        echo "$*: says nothing like /$pattern/:"
        cat "$dir/out"
        status=1
    fi
}

first=$root/scenarios/first-steps.yaml
for file in "$root"/scenarios/*.yaml "$root"/scenarios/*/*.yaml; do
    expect 0 'fine: ' "$orrery" check "$file"
done
for file in "$root"/tests/bad-scenarios/*.yaml; do
    expect 65 "$(basename "$file"):[0-9]+:[0-9]+: " "$orrery" check "$file"
done

expect 64 'which file' "$orrery" check
expect 64 'did you mean `check`' "$orrery" chekc
expect 64 'did you mean --color' "$orrery" check --colour "$first"
expect 64 'none of auto, always, never' "$orrery" check --color=blue "$first"
expect 64 'wants a value' "$orrery" check --set
expect 66 'no such file' "$orrery" check "$dir/absent.yaml"
expect 66 'no such file' "$orrery" run "$dir/absent.yaml"
expect 65 'did you mean `node-timeout`' "$orrery" check --set node-timout=5s "$first"
expect 65 '^--set:1:14: ' "$orrery" run --set node-timeout=5 "$first"
expect 0 'fine' "$orrery" check --set node-timeout=7s --set run=80s "$first"
printf 'version: 1\nrun: 5s\ncluster: {nodes: n1..n3}\ntimeline:\n  - 2s: kill n4\n' >"$dir/typo.yaml"
expect 65 'typo.yaml:5:14: no node is called `n4`; did you mean `n3`' "$orrery" check "$dir/typo.yaml"
expect 65 '^ +5 \|   - 2s: kill n4$' "$orrery" check "$dir/typo.yaml"
expect 65 '^ +\|              \^~$' "$orrery" check "$dir/typo.yaml"

expect 64 'is not a number' "$orrery" run --seed x "$first"
expect 64 'is not a range' "$orrery" sweep --seeds 5..1 "$first"
expect 64 'is not I/N' "$orrery" sweep --shard 3/2 "$first"
expect 64 'is not a number' "$orrery" sweep -j 0 "$first"

expect 0 'Usage: orrery COMMAND' "$orrery" help
expect 64 'Usage: orrery COMMAND' "$orrery"
expect 0 '^orrery [0-9]' "$orrery" --version
for command in run sweep naive check explain place slot balance completion help; do
    expect 0 'Usage|orrery' "$orrery" help "$command"
    [ "$command" = help ] || expect 0 'Usage|orrery' "$orrery" "$command" --help
done
expect 0 'Ends the process, as SIGKILL does' "$orrery" explain kill
expect 0 'a duration, 50ms to' "$orrery" explain node-timeout
expect 64 'did you mean `partition`' "$orrery" explain partiton

"$orrery" completion bash | bash -n || { echo "completion for bash is no bash"; status=1; }
for shell in bash zsh fish; do
    expect 0 'sweep' "$orrery" completion "$shell"
done

# Every option of run and sweep is in the manual page.
for command in run sweep naive; do
    for option in $("$orrery" help "$command" | grep -oE '^ +(-., )? *--[a-z]+' | grep -oE -- '--[a-z]+'); do
        grep -qE -- "\*$option\*" "$root/man/orrery.1.scd" ||
            { echo "$option of $command is not in man/orrery.1.scd"; status=1; }
    done
done
exit $status
