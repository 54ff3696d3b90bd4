#!/usr/bin/env bash
# What orreryd says of configurations that are wrong: each tests/bad-configs/*.yaml has its
# .expected; and of wrong words on the command line. A second.
#   tests/cli_config.sh ORRERYD [--update]
set -u
orreryd=$(realpath "$1")
cd "$(dirname "$0")/bad-configs" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
bad() { printf 'FAIL %s\n' "$*"; failed=1; }

for file in *.yaml; do
    timeout 5 "$orreryd" "$file" >"$work/out" 2>&1
    status=$?
    [ "$status" -eq 65 ] || bad "$file: exit code $status, not 65"
    if [ "${2:-}" = --update ]; then cp "$work/out" "$file.expected"; fi
    diff "$file.expected" "$work/out" || bad "$file: not what is expected"
done

# refuses WORDS-OF-THE-MESSAGE WORD...: on the command line; exit code 64.
refuses() {
    local wanted=$1 status
    shift
    timeout 5 "$orreryd" "$@" >"$work/out" 2>&1
    status=$?
    [ "$status" -eq 64 ] || bad "$*: exit code $status, not 64"
    grep -qF -- "$wanted" "$work/out" || { bad "$*: says nothing of '$wanted'"; cat "$work/out"; }
}
refuses 'command line:1:1: there is no key `prot`; did you mean `port`?' --prot 7001
refuses 'command line:1:8: `x` is not a port' --port x
refuses '`--port` wants a value' --dir . --port
refuses '`--port` takes one value' --port 1 2
refuses '`-p` follows no --key' -p 7001
refuses 'command line:1:8: `x` is not a port' --port=x
refuses '`--port` takes one value' --port=1 2
refuses 'is none of primary, replica, witness' --role master
refuses '`tls-port` wants a `tls-key-file`' --tls-port 7001 --tls-cert-file x
refuses 'port 60000 and 10000 is no bus port' --port 60000
refuses 'nobody could connect' --port 0
refuses 'there is no key `maxmemry`; did you mean `maxmemory`?' --explain maxmemry
printf 'short\n' >"$work/key"
refuses 'is shorter than 16 characters' --bus-key-file "$work/key"
timeout 5 "$orreryd" "$work/none.yaml" 2>"$work/out"
[ $? -eq 66 ] || bad "a file that is not there: no exit code 66"

# What is listed is documented: by name, and by Redis's name.
keys=$("$orreryd" --help | grep -oE '^  --[a-z0-9-]+' | tr -d ' -' | wc -l)
[ "$("$orreryd" --explain | grep -cE '^[a-z0-9-]+(, [a-z0-9-]+)?$')" -eq "$keys" ] || bad "--explain and --help list different keys"
while read -r key; do
    "$orreryd" --explain "$key" >/dev/null || bad "--explain $key"
done < <("$orreryd" --explain | grep -oE '^[a-z0-9-]+(, [a-z0-9-]+)?$' | tr ',' '\n' | tr -d ' ')
exit $failed
