#!/usr/bin/env bash
# The daemon's configuration, password, TLS, bus key and bounds, with real clients on free ports;
# about 20 seconds.
#   tests/live_config.sh ORRERYD
set -u # and no pipefail: grep may stop reading before all is written
orreryd=$1
here=$(cd "$(dirname "$0")" && pwd)
for tool in redis-cli python3 openssl; do
    command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done
work=$(mktemp -d)
failed=0
declare -A pid=()

cleanup() {
    [ ${#pid[@]} -gt 0 ] && kill -9 "${pid[@]}" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

note() { printf '%3ds %s\n' "$SECONDS" "$*"; }
bad() { failed=$((failed + 1)); printf '%3ds FAIL %s\n' "$SECONDS" "$*"; }
# is NAME EXPECTED ACTUAL
is() { if [ "$2" = "$3" ]; then note "$1"; else bad "$1: '$3', not '$2'"; fi; }
# has NAME PART TEXT
has() { case "$3" in *"$2"*) note "$1" ;; *) bad "$1: no '$2' in '$3'" ;; esac; }

# Ports that nobody has now, below those that the kernel gives out; bus ports are 10000 above, those
# of TLS 100.
free_ports() {
    python3 - "$1" <<'PY'
import random, socket, sys
while True:
    base = random.randrange(12000, 22000)
    held = []
    try:
        for i in range(int(sys.argv[1])):
            for port in (base + i, base + i + 10000, base + i + 100):
                s = socket.socket()
                s.bind(("127.0.0.1", port))
                held.append(s)
        print(base)
        break
    except OSError:
        continue
    finally:
        for s in held:
            s.close()
PY
}
port=$(free_ports 6)
mkdir -p "$work"/{0,1,2,3,4,5,tls}
cli() { timeout 10 redis-cli --no-auth-warning -p "$((port + $1))" "${@:2}" 2>&1 | tr -d '\r'; }
value() { cli "$1" config get "$2" | tail -n +2 | head -1; }
start() { # start INDEX WORD...
    local i=$1
    "$orreryd" "${@:2}" >>"$work/$i.log" 2>&1 &
    pid[$i]=$!
}
up() { # up INDEX WORD...: waits until it answers
    for ((n = 0; n < 100; n++)); do
        case "$(cli "$1" "${@:2}" ping)" in PONG | *NOAUTH*) return 0 ;; esac
        sleep 0.05
    done
    bad "node $1 does not answer"
    tail -5 "$work/$1.log"
}
stop() { kill "${pid[$1]}"; wait "${pid[$1]}"; is "node $1 leaves on SIGTERM" 0 $?; unset "pid[$1]"; }

# --- one node, one file
cat >"$work/node.yaml" <<EOT
# a node of a test
port: $port          # clients
dir: $work/0
slots: [0-8000, 8001-16383]
maxmemory: 100MB      # enough
loglevel: verbose
seeds:                # none but this one
  - 127.0.0.1:$port
# the end
EOT
start 0 "$work/node.yaml" --maxclients 500
up 0
is "CONFIG GET has Redis's numbers" 100000000 "$(value 0 maxmemory)"
is "and ours" 15s "$(value 0 node-timeout)"
is "several globs" "$(printf 'maxclients\n500\nappendonly\nyes' | sort)" "$(cli 0 config get maxcl* append?nly | sort)"
is "CONFIG SET of several" OK "$(cli 0 config set maxmemory 200mb maxclients 600 appendfsync always slowlog-log-slower-than 20000)"
is "takes effect" 209715200 "$(value 0 maxmemory)"
is "in INFO, too" maxclients:600 "$(cli 0 info clients | grep ^maxclients:)"
has "CONFIG SET of several, one wrong" "possibly related to argument 'timeout'" "$(cli 0 config set maxmemory 1mb timeout 5parsecs)"
is "changes nothing" 209715200 "$(value 0 maxmemory)"
has "fixed ones are refused" "can't set immutable config" "$(cli 0 config set port 1)"
has "unknown ones are refused" "Unknown option or number of arguments for CONFIG SET - 'nonsense'" "$(cli 0 config set nonsense 1)"
has "twice the same is refused" "duplicate parameter" "$(cli 0 config set maxclients 700 clients-max 800)"
is "CONFIG REWRITE" OK "$(cli 0 config rewrite)"
cat >"$work/expected.yaml" <<EOT
# a node of a test
port: $port          # clients
dir: $work/0
slots: [0-8000, 8001-16383]
maxmemory: 200MiB      # enough
loglevel: verbose
seeds:                # none but this one
  - 127.0.0.1:$port
# the end
appendfsync: always
clients-max: 600
slowlog-slower-than: 20ms
EOT
if diff "$work/expected.yaml" "$work/node.yaml"; then note "keeps comments and order"; else bad "the file is not what it should be"; fi
sed -i 's/200MiB/300MB/; s/^loglevel.*/loglevel: warning/; s/^dir.*/dir: \/nowhere/' "$work/node.yaml"
kill -HUP "${pid[0]}"; sleep 0.2
is "SIGHUP reads the file anew" 300000000 "$(value 0 maxmemory)"
has "what is fixed takes a restart" '`dir` is another now: that takes a restart' "$(cat "$work/0.log")"
echo 'maxmemry: 1' >>"$work/node.yaml"
kill -HUP "${pid[0]}"; sleep 0.2
is "an error keeps what was" 300000000 "$(value 0 maxmemory)"
has "and is told" 'there is no key `maxmemry`; did you mean `maxmemory`?' "$(cat "$work/0.log")"
is "maxmemory counts at once" OK "$(cli 0 config set maxmemory 1mb maxmemory-policy noeviction)"
for ((n = 0; n < 40; n++)); do echo "set filler:$n $(printf '%050000d' 0)"; done >"$work/fill"
has "so writes are refused" "OOM command not allowed" "$(cli 0 <"$work/fill" | grep -m1 OOM)"
is "another policy, too" OK "$(cli 0 config set maxmemory-policy allkeys-lru)"
is "so room is made" OK "$(cli 0 <"$work/fill" | tail -1)"
cli 0 config set maxmemory 0 >/dev/null

# --- clients: password, idle, many, half-open
is "CONFIG SET requirepass" OK "$(cli 0 config set requirepass s3cret)"
has "a stranger gets nothing" "NOAUTH Authentication required." "$(cli 0 get a)"
is "the password opens" OK "$(cli 0 --user default -a s3cret set a b)"
is "the password is not in CONFIG GET *" 0 "$(cli 0 -a s3cret config get '*' | grep -c s3cret)"
has "a wrong one does not" "WRONGPASS" "$(cli 0 -a wrong get a)"
is "the password may go" OK "$(cli 0 -a s3cret config set requirepass "")"
if result=$(timeout 40 python3 "$here/live_bounds.py" "$port" "${pid[0]}" 2>&1); then note "bounds: $result"; else bad "bounds: $result"; fi
stop 0

# --- three files, and nothing else: a cluster
for i in 0 1 2; do
    rm -rf "${work:?}/$i"; mkdir "$work/$i"
    slots=(0-5460 5461-10922 10923-16383)
    printf 'port: %d\ndir: %s\ncluster: three\nslots: %s\nseeds: [127.0.0.1:%d, 127.0.0.1:%d]\n' \
        $((port + i)) "$work/$i" "${slots[$i]}" "$port" $((port + 1)) >"$work/$i.yaml"
    start $i "$work/$i.yaml"
done
formed=
for ((n = 0; n < 100 && ${#formed} < 3; n++)); do
    sleep 0.05
    formed=
    for i in 0 1 2; do
        [ "$(cli $i cluster info | grep -cxE 'cluster_state:ok|cluster_slots_assigned:16384|cluster_known_nodes:3')" -eq 3 ] && formed+=x
    done
done
is "three files form a cluster" xxx "$formed"
for i in 0 1 2; do stop $i; done

# --- TLS: a CA, a server's and a client's certificate, all made here
(
    cd "$work/tls" || exit 1
    for name in ca other; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name" \
            -keyout $name.key -out $name.crt
    done
    for name in node client stranger; do
        ca=ca
        [ $name = stranger ] && ca=other
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout $name.key -out $name.csr
        openssl x509 -req -in $name.csr -CA $ca.crt -CAkey $ca.key -CAcreateserial -days 2 -out $name.crt
    done
    openssl rand -hex 32 >bus.key
    openssl rand -hex 32 >other.key
) >/dev/null 2>&1
tls=(--tls-cert-file "$work/tls/node.crt" --tls-key-file "$work/tls/node.key" --tls-ca-cert-file "$work/tls/ca.crt" --tls-cluster yes)
tls_cli() { timeout 10 redis-cli -p $((port + $1 + 100)) --tls --cacert "$work/tls/ca.crt" "${@:2}" 2>&1 | tr -d '\r'; }
ours=(--cert "$work/tls/client.crt" --key "$work/tls/client.key")
theirs=(--cert "$work/tls/stranger.crt" --key "$work/tls/stranger.key")
for i in 0 1 2; do
    rm -rf "${work:?}/$i"; mkdir "$work/$i"
    role=(--role replica --shard a)
    [ $i = 0 ] && role=(--slots 0-16383 --shard a)
    start $i --port $((port + i)) --tls-port $((port + i + 100)) --dir "$work/$i" --cluster tls --cluster-node-timeout 3000 --voters all \
        "${tls[@]}" --bus-key-file "$work/tls/bus.key" --seeds 127.0.0.1:"$port" "${role[@]}"
done
up 0
start 3 --port $((port + 3)) --dir "$work/3" --cluster tls --bus-key-file "$work/tls/other.key" --seeds 127.0.0.1:"$port" "${tls[@]}"
start 4 --port $((port + 4)) --dir "$work/4" --cluster tls --seeds 127.0.0.1:"$port"
for ((n = 0; n < 100; n++)); do
    [ "$(cli 0 info replication | grep ^connected_slaves)" = connected_slaves:2 ] && break
    sleep 0.1
done
is "replicas follow by TLS with a bus key" connected_slaves:2 "$(cli 0 info replication | grep ^connected_slaves)"
up 1
exec 9<>"/dev/tcp/127.0.0.1/$((port + 1 + 100))" # says nothing, and is looked at in the end
for ((n = 0; n < 100; n++)); do # until its voters have all been heard
    [ "$(cli 0 set ready 1)" = OK ] && break
    sleep 0.1
done
began=$SECONDS
is "redis-cli --tls with a certificate" OK "$(tls_cli 0 "${ours[@]}" set key value)"
large=$(head -c 3000000 /dev/zero | tr '\0' x)
is "a large value by TLS" OK "$(printf '%s' "$large" | tls_cli 0 "${ours[@]}" -x set large)"
is "comes back whole" 3000001 "$(tls_cli 0 "${ours[@]}" get large | wc -c)"
is "and is on the replica" 3000000 "$(sleep 0.3; printf 'readonly\nstrlen large\n' | cli 1 | tail -1)"
case "$(tls_cli 0 get key)" in value) bad "no certificate, and it was let in" ;; *) note "no certificate: refused" ;; esac
case "$(tls_cli 0 "${theirs[@]}" get key)" in value) bad "a stranger's certificate was let in" ;; *) note "a stranger's certificate: refused" ;; esac
is "certificates may be left out at run time" OK "$(cli 0 config set tls-auth-clients no)"
is "then they are" value "$(tls_cli 0 get key)"
has "a certificate that is none changes nothing" "cannot use" "$(cli 0 config set tls-cert-file "$work/tls/bus.key")"
is "so TLS goes on" value "$(tls_cli 0 get key)"
if command -v redis-benchmark >/dev/null; then
    has "pipelines by TLS" "requests per second" "$(timeout 20 redis-benchmark -p $((port + 100)) --tls --cacert "$work/tls/ca.crt" -t set -n 20000 -P 16 -q 2>&1 | tr '\r' '\n')"
fi
is "strangers of the bus are no members" cluster_known_nodes:3 "$(cli 0 cluster info | grep ^cluster_known_nodes)"
is "each is told of once" 2 "$(grep -c 'event=frame-refused.*bus key' "$work/0.log")"
is "by what it has" 1 "$(grep -c 'event=frame-refused.*another bus key' "$work/0.log")"
kill -9 "${pid[0]}"; wait "${pid[0]}" 2>/dev/null; unset "pid[0]"
for ((n = 0; n < 100; n++)); do
    for i in 1 2; do [ "$(cli $i role | head -1)" = master ] && break 2; done
    sleep 0.1
done
is "a failover by TLS" OK "$(tls_cli $i "${ours[@]}" set after it)"
python3 - $((port + 1 + 100)) <<'PY' &
import socket, sys, time
many = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for i in range(700)]
time.sleep(3)
PY
half_open=$!
sleep 1
is "700 half-open handshakes keep nobody out" PONG "$(tls_cli 1 "${ours[@]}" ping)"
kill $half_open 2>/dev/null
while [ $((SECONDS - began)) -lt 11 ]; do sleep 0.2; done
if timeout 1 cat <&9 >/dev/null; then note "a handshake that is never begun is ended"; else bad "a half-open handshake stays"; fi
exec 9>&-
for i in 1 2 3 4; do stop $i; done

[ "$failed" -eq 0 ] && note "all well" || note "$failed failed"
exit $((failed > 0))
