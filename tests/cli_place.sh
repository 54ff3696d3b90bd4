#!/bin/sh
# cli_place.sh ORRERY SHARED - what `orrery place` and `orrery slot` print, and how they refuse.
# Known answers of reference implementations are compared where SHARED/vectors is there.
set -u
orrery=$(realpath "$1")
vectors=$(realpath -m "$2")/vectors
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
cd "$work" || exit 2

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

# expect NAME EXIT_CODE PART_OF_STDERR COMMAND...
expect() {
    name=$1 code=$2 part=$3
    shift 3
    "$@" > out 2> err < /dev/null
    got=$?
    [ "$got" -eq "$code" ] || fail "$name: exit code $got, not $code"
    [ -z "$part" ] || grep -qF -- "$part" err || fail "$name: stderr lacks '$part': $(cat err)"
}

# same NAME EXPECTED ACTUAL
same() {
    cmp -s "$2" "$3" || fail "$1: $(diff "$2" "$3" | head -3)"
}

printf 'a 1 z1\nb 1 z1\nc 1 z2\nd 1 z2\ne 1 z3\n' > nodes
printf 'one\n\ntwo words\n' > keys

# slots: known values of the specification
printf 'foo\t12182\n{user1000}.following\t3443\n\t0\n' > wanted
"$orrery" slot foo '{user1000}.following' '' > got
same 'slots of arguments' wanted got
printf '666f6f\t12182\n' > wanted
printf '666f6f\n' | "$orrery" slot --hex > got
same 'slots of hex' wanted got
printf 'foo\0{user1000}.following' | "$orrery" slot -0 | cut -f2 > got
printf '12182\n3443\n' > wanted
same 'slots of NUL-ended keys' wanted got

# every algorithm: one line a key, the empty key too; the same from arguments; a digest
for algorithm in $("$orrery" place --list | cut -d' ' -f1); do
    "$orrery" place -a "$algorithm" -n nodes < keys > got || fail "$algorithm: exit $?"
    [ "$(grep -c "$(printf '\t')[a-e]$" got)" -eq 3 ] || fail "$algorithm: $(cat got)"
    "$orrery" place -a "$algorithm" -n nodes one '' 'two words' > again
    same "$algorithm from arguments" got again
    sort -r nodes > shuffled
    "$orrery" place -a "$algorithm" -n shuffled < keys > again
    same "$algorithm of a shuffled file" got again
    "$orrery" place -a "$algorithm" -n nodes --digest > one
    "$orrery" place -a "$algorithm" -n shuffled --digest > again
    same "$algorithm's digest" one again
    # three copies on three nodes in three zones
    "$orrery" place -a "$algorithm" -n nodes -r 3 < keys > got
    awk -F'\t' 'function zone(x) { return x ~ /[ab]/ ? 1 : x ~ /[cd]/ ? 2 : 3 }
        NF != 4 || zone($2) == zone($3) || zone($2) == zone($4) || zone($3) == zone($4) { exit 1 }' \
        got || fail "$algorithm: replicas share a zone: $(cat got)"
done

# a removed node owns nothing, and only its keys move
seq 2000 > many
"$orrery" place -n nodes < many > before
"$orrery" place -n nodes --remove b,d < many > after
awk -F'\t' 'NR == FNR { was[$1] = $2; next }
    $2 == "b" || $2 == "d" || (was[$1] != $2 && was[$1] !~ /[bd]/) { exit 1 }' before after ||
    fail 'remove moves more than it must'

# a node file from elsewhere: a byte order mark, CRLF, tabs, comments, IPv6 addresses
printf '\357\273\277# servers\r\n\r\na:80\t2\tz1\r\n  ::1   1 z2  # tail\r\n[::1]:80\r\nrack#7' > foreign
"$orrery" place -n foreign -r 9 key | tr '\t' '\n' | sed 1d | LC_ALL=C sort > got
printf '::1\n[::1]:80\na:80\nrack#7\n' > wanted
same 'a foreign node file' wanted got
expect 'a port alone' 65 'bad:1:1: a port without a name' sh -c "echo :80 > bad; '$orrery' place -n bad x"

# a key of ten million bytes, through a pipe
for algorithm in $("$orrery" place --list | cut -d' ' -f1); do
    head -c 10000000 /dev/zero | tr '\0' x | "$orrery" place -a "$algorithm" -n nodes | cut -f2 > got
    grep -qx '[a-e]' got || fail "$algorithm: a long key"
done

# refusals
expect 'no such file' 66 'missing' "$orrery" place -n missing x
printf 'a\nb -3\n' > bad
expect 'bad weight' 65 'bad:2:3: weight' "$orrery" place -n bad x
printf 'a\nb\na\n' > bad
expect 'duplicate' 65 'bad:3:1: a is on line 1' "$orrery" place -n bad x
printf 'a:80\na:080\n' > bad
expect 'duplicate in other dress' 65 'there already' "$orrery" place -n bad x
printf '# none\n' > bad
expect 'no nodes' 65 'no nodes' "$orrery" place -n bad x
printf 'a 0\nb 0\n' > bad
expect 'all weights zero' 65 'weight 0' "$orrery" place -n bad x
printf 'a 1\nb 2\n' > weighted
expect 'weights refused' 65 'must weigh the same' "$orrery" place -a jump -n weighted x
expect 'zero nodes' 64 '--nodes' "$orrery" place -n 0 x
expect 'unknown algorithm' 64 'did you mean ketama-libketama' "$orrery" place -a ketama-libketam x
expect 'unknown option' 64 'did you mean --replicas' "$orrery" place --replica 2 x
expect 'unknown node' 64 'no node is called so' "$orrery" place -n nodes --remove q x
expect 'jump removes the last' 64 'removes only the node added last' \
    "$orrery" place -a jump -n nodes --remove a x
expect 'not hex' 64 'not a hex digit' "$orrery" place --hex zz
expect 'half a byte' 64 'an odd number of hex digits' "$orrery" place --hex abc
expect 'table size' 64 'prime' "$orrery" place -a maglev --table-size 1000 x
printf 'a 4294967295\nb 1\n' > huge
"$orrery" place -n huge < many > got || fail 'a huge weight'
[ "$(grep -c 'a$' got)" -gt 1990 ] || fail 'a huge weight gets few keys'
"$orrery" place -n nodes x > /dev/full 2> err
[ $? -eq 74 ] || fail 'a full disk'

# reference implementations
if [ -d "$vectors" ]; then
    for list in uniform10 weighted8; do
        cut -f1,3 "$vectors/ketama_libketama_$list.tsv" > wanted
        cut -f1 wanted | "$orrery" place -a ketama-libketama -n "$vectors/servers_$list.tsv" > got
        same "libketama $list" wanted got
    done
    cut -f1 "$vectors/ketama_libmemcached_weighted8.tsv" |
        "$orrery" place -a ketama-libmemcached -n "$vectors/servers_weighted8.tsv" > got
    same 'libmemcached' "$vectors/ketama_libmemcached_weighted8.tsv" got
    cut -f1 "$vectors/redis_slots_hexkey.tsv" | "$orrery" slot --hex > got
    same 'redis slots' "$vectors/redis_slots_hexkey.tsv" got
    seq -f 'node-%02g' 0 19 > rendezvous
    cut -f1,3 "$vectors/rendezvous.tsv" > wanted
    cut -f1 wanted | "$orrery" place -a rendezvous -n rendezvous > got
    same 'rendezvous' wanted got
    cut -f1,4 "$vectors/rendezvous.tsv" > wanted
    cut -f1 wanted | "$orrery" place -a rendezvous -n rendezvous --remove node-07 > got
    same 'rendezvous without node-07' wanted got
    for buckets in 2 10 100 1000; do
        for algorithm in jump jumpback; do
            awk -v n=$buckets '$2 == n { print $1 "\tnode-" $3 }' "$vectors/$algorithm.tsv" > wanted
            cut -f1 wanted | "$orrery" place -a $algorithm --hashes --in-order -n $buckets > got
            same "$algorithm of $buckets" wanted got
        done
    done
    dead=node-5,node-17,node-42,node-99,node-0,node-63,node-64,node-31,node-88,node-12
    for algorithm in anchor dx memento; do
        size='--table-size 200'
        [ $algorithm != memento ] || size=''
        awk -F'\t' '{ print $1 "\tnode-" $3 }' "$vectors/$algorithm.tsv" > wanted
        cut -f1 wanted | "$orrery" place -a $algorithm $size --in-order -n 100 > got
        same "$algorithm" wanted got
        awk -F'\t' '{ print $1 "\tnode-" $4 }' "$vectors/$algorithm.tsv" > wanted
        cut -f1 wanted | "$orrery" place -a $algorithm $size --in-order -n 100 --remove $dead > got
        same "$algorithm with ten dead" wanted got
    done
    seq -f 'shard-%g' 1 10 > shards
    cut -f1,2 "$vectors/multiprobe_10.tsv" > wanted
    cut -f1 wanted | "$orrery" place -a multi-probe --in-order -n shards > got
    same 'multi-probe' wanted got
else
    echo "skipped: no $vectors, so no comparison with reference implementations"
fi

[ "$failures" -eq 0 ] || echo "$failures failures" >&2
[ "$failures" -eq 0 ]
