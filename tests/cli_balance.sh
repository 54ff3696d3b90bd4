#!/bin/sh
# cli_balance.sh ORRERY SHARED - what `orrery balance` prints and writes, and how it refuses.
set -u
orrery=$(realpath "$1")
shared=$(realpath -m "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
cd "$work" || exit 2

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

# expect NAME EXIT_CODE PART_OF_STDERR OPTIONS...
expect() {
    name=$1 code=$2 part=$3
    shift 3
    "$orrery" balance --no-time --seeds 2 "$@" > out 2> err < /dev/null
    got=$?
    [ "$got" -eq "$code" ] || fail "$name: exit code $got, not $code"
    [ -z "$part" ] || grep -qF -- "$part" err || fail "$name: stderr lacks '$part': $(cat err)"
}

# the value of a field of one algorithm's line of CSV
field() {
    awk -F, -v name="$2" -v algorithm="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; if (!at) exit 1 }
        NR > 1 && $1 == algorithm { print $at; exit }' "$1"
}

# the same seed gives the same bytes, whatever the number of threads; another seed does not
quick="balance --no-time --keys 2000 --seeds 4 --zipf 0.9"
"$orrery" $quick --json -j 1 > one || fail "json: exit $?"
"$orrery" $quick --json -j 3 > again
cmp -s one again || fail 'threads change the figures'
"$orrery" $quick --json --seed 2 > other
cmp -s one other && fail 'the seed changes nothing'
[ "$(wc -l < one)" -eq 19 ] || fail "19 algorithms, $(wc -l < one) lines"
grep -qv '^{"algorithm":"[a-z-]*","refusal":"",.*"remove_ns":null}$' one && fail 'a line of JSON is not whole'
grep -q 'nan\|inf' one && fail 'JSON has no such numbers'

# CSV has the same names and values
"$orrery" $quick --csv > csv
[ "$(head -1 csv | tr , '\n' | sort | uniq -d | wc -l)" -eq 0 ] || fail 'a column twice'
value=$(field csv keys_cv_rms jump)
grep '"algorithm":"jump"' one | grep -qF "\"keys_cv_rms\":$value," || fail "CSV says $value, JSON does not"

# real keys
"$orrery" balance --no-time --seeds 2 --keys packages --algorithms ring,jump > out 2> err
case $? in 0 | 66) ;; *) fail "packages: $(cat err)" ;; esac
if [ -r /usr/share/dict/words ]; then
    "$orrery" balance --no-time --seeds 8 --algorithms ring,rendezvous,modulo --csv > csv
    awk -v ring="$(field csv keys_cv_rms ring)" -v dice="$(field csv keys_cv_rms rendezvous)" \
        -v bad="$(field csv add_1_moved modulo)" -v good="$(field csv add_1_moved rendezvous)" '
        BEGIN { exit !(ring > 0.05 && ring < 0.10 && dice > 0.006 && dice < 0.013 &&
                       bad > 0.88 && bad < 0.94 && good > 0.08 && good < 0.10) }' ||
        fail "the word list is not what it was: $(cat csv)"
else
    echo 'skipped: no word list'
fi
if [ -r "$shared/keysets/cache2k_web12.trace.xz" ] && command -v xz > /dev/null; then
    xz -dc "$shared/keysets/cache2k_web12.trace.xz" > web12.trace
    "$orrery" balance --no-time --seeds 2 --keys web12.trace --algorithms ring,jump --csv > csv
    [ "$(field csv key_count ring)" = 13756 ] || fail "trace: $(field csv key_count ring) keys"
    expect 'compressed' 65 'xz -dk' --keys "$shared/keysets/cache2k_web12.trace.xz"
else
    echo 'skipped: no request trace'
fi

# a node file; who cannot have weights says so and the others go on
printf 'a 1\nb 2\nc 3\n' > nodes
"$orrery" balance --no-time --seeds 3 --keys 3000 --nodes nodes --algorithms jump,rendezvous > out ||
    fail 'weights'
grep -q '^jump .*cannot have these nodes' out || fail "jump takes weights: $(cat out)"
grep -q '^rendezvous  *[0-9]' out || fail "rendezvous refuses weights: $(cat out)"
"$orrery" balance --no-time --seeds 3 --keys 3000 --nodes nodes --algorithms rendezvous,ring --csv > csv
awk -v cv="$(field csv keys_cv_rms rendezvous)" -v must="$(field csv reweigh_1_optimum ring)" '
    BEGIN { exit !(cv < 0.06 && must > 0.1 && must < 0.2) }' || fail "weights are no dues: $(cat csv)"
expect 'nobody can' 65 'must weigh the same' --nodes nodes --algorithms jump,anchor
printf 'a 0\nb 0\n' > zero
expect 'all zero' 65 'zero:1:1: all nodes have weight 0' --nodes zero
printf 'a 1\nb 0\nc 1\n' > standby
expect 'one stands by' 0 '' --nodes standby --algorithms ring --keys 1000
printf 'only\n' > single
expect 'a single node' 0 '' --nodes single --keys 1000

# files and pictures
"$orrery" balance --no-time --seeds 3 --keys 1000 --algorithms ring,rendezvous --nodes 8 \
    --output made/here > out 2> err || fail "output: $(cat err)"
for name in balance shares lorenz law moves takeover; do
    [ "$(wc -l < "made/here/$name.csv")" -gt 2 ] || fail "$name.csv is empty"
    awk -F, 'NR == 1 { n = NF } NF != n { exit 1 }' "made/here/$name.csv" || fail "$name.csv is ragged"
done
if command -v gnuplot > /dev/null; then
    for name in shares lorenz law moves takeover; do
        for picture in "made/here/$name-light.svg" "made/here/$name-dark.png"; do
            [ "$(wc -c < "$picture")" -gt 5000 ] || fail "$picture is empty"
        done
    done
    [ "$(find made/here -name '*.svg' -o -name '*.png' | wc -l)" -eq 20 ] || fail 'not 20 pictures'
else
    echo 'skipped: no gnuplot'
fi
expect 'output is a file' 74 'nodes' --keys 100 --algorithms ring,jump --output nodes

# refusals
expect 'no such keys' 66 'missing' --keys missing
expect 'no keys' 64 'synthetic keys' --keys 0
expect 'no nodes' 64 '--nodes' --nodes 0
expect 'bad list' 64 '--points' --points 1,,2
expect 'bad zipf' 64 '--zipf' --zipf nan
expect 'unknown algorithm' 64 'did you mean maglev' --algorithms magleff
expect 'twice' 64 'twice' --algorithms ring,ring
expect 'unknown change' 64 'did you mean remove' --change remov:1
expect 'all removed' 0 '' --change remove:100% --keys 500 --algorithms ring,jump
expect 'seeds' 64 '--seeds' --seeds 0
expect 'words' 64 '--keys' words
expect 'both' 64 'exclude' --json --csv
"$orrery" balance --no-time --seeds 1 --keys 100 --algorithms ring,jump > /dev/full 2> err
[ $? -eq 74 ] || fail 'a full disk'

[ "$failures" -eq 0 ] || echo "$failures failures" >&2
[ "$failures" -eq 0 ]
