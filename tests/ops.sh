#!/usr/bin/env bash
# The files of ops/ that start daemons: the example of systemd runs and tells its manager so; the six
# nodes of compose form a cluster here, on loopback; what Dockerfile and compose name is there. 10 s.
#   tests/ops.sh ORRERYD
set -u
orreryd=$(realpath "$1")
cd "$(dirname "$0")/.."
command -v python3 >/dev/null && command -v redis-cli >/dev/null && python3 -c 'import yaml' 2>/dev/null || {
    echo "SKIP: python3, its yaml module or redis-cli is not installed"
    exit 77
}
failed=0
bad() { printf 'FAIL %s\n' "$*"; failed=1; }

# What is copied into the image is here, and what it needs to build is what `dev` installs.
while read -r word; do
    [ -e "$word" ] || bad "Dockerfile copies $word, which is not here"
done < <(awk '/^COPY/ && !/--from/ { for (i = 2; i < NF; i++) print $i }' ops/docker/Dockerfile)
while read -r package; do
    grep -qwF -- "$package" dev || bad "the image builds with $package, which ./dev does not install"
done < <(sed -n '1,/^WORKDIR/p' ops/docker/Dockerfile | grep -oE '\b(lib[a-z0-9-]+-dev|gcc|meson|ninja-build|pkg-config)\b' | sort -u)

if command -v systemd-analyze >/dev/null; then
    systemd-analyze verify ops/systemd/orreryd@.service 2>&1 |
        grep -vE 'is not executable|orreryd\(1\)|^$' | grep . && bad "systemd-analyze complains"
fi

exec python3 - "$orreryd" "$failed" <<'PY'
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import yaml

orreryd, failed = sys.argv[1], int(sys.argv[2])
work = tempfile.mkdtemp()
children = []


def bad(text):
    global failed
    failed += 1
    print("FAIL", text)


def free_ports(count):
    while True:
        base, held = random.randrange(12000, 22000), []
        try:
            for port in range(base, base + count):
                for p in (port, port + 10000):
                    s = socket.socket()
                    held.append(s)
                    s.bind(("127.0.0.1", p))
            return base
        except OSError:
            continue
        finally:
            for s in held:
                s.close()


def cli(port, *words):
    done = subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, timeout=10)
    return done.stdout.strip()


def wait_for(what, condition, seconds=15):
    until = time.time() + seconds
    while time.time() < until:
        if condition():
            return True
        time.sleep(0.05)
    bad(what)
    return False


def run(words, **more):
    log = open(os.path.join(work, f"log{len(children)}"), "w")
    child = subprocess.Popen([orreryd, *words], stdout=log, stderr=log, **more)
    children.append(child)
    return child


def systemd():
    port = free_ports(1)
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = "\0orrery-test-" + str(os.getpid())
    manager.bind(name)
    manager.settimeout(10)
    env = dict(os.environ, NOTIFY_SOCKET="@" + name[1:], WATCHDOG_USEC="400000")
    os.mkdir(os.path.join(work, "one"))
    child = run(["ops/systemd/7001.yaml", "--dir", os.path.join(work, "one"), "--port", str(port),
                 "--bind", "127.0.0.1", "--announce-ip", "127.0.0.1", "--metrics-port", "0"], env=env)

    def heard(word):
        until = time.time() + 5
        while time.time() < until:
            if word in manager.recv(4096).decode():
                return
        bad(f"the manager is not told {word}")

    heard("READY=1")
    for i in range(3):
        heard("WATCHDOG=1")
    child.send_signal(signal.SIGHUP)
    heard("RELOADING=1\nMONOTONIC_USEC=")
    heard("READY=1")
    child.terminate()
    heard("STOPPING=1")
    if child.wait(10) != 0:
        bad("the node of the systemd example does not leave well")


def compose():
    with open("ops/docker/compose.yaml") as f:
        file = yaml.safe_load(f)
    nodes = {n: s for n, s in file["services"].items() if s["image"] == "orrery"}
    ports, base = {}, free_ports(6)
    for i, (name, service) in enumerate(nodes.items()):
        ports[service["networks"]["cluster"]["ipv4_address"]] = base + i
        if service["volumes"][0].split(":")[0] not in file["volumes"]:
            bad(f"{name} has a volume that is not declared")
    for service in file["services"].values():
        for volume in service.get("volumes", []):
            path = volume.split(":")[0]
            if path.startswith(".") and not os.path.exists(os.path.join("ops/docker", path)):
                bad(f"compose mounts {path}, which is not here")
    with open("ops/prometheus/prometheus.yaml") as f:
        targets = yaml.safe_load(f)["scrape_configs"][0]["static_configs"][0]["targets"]
    if {t.split(":")[0] for t in targets} != set(ports):
        bad("Prometheus asks others than the nodes of compose")
    for name, service in nodes.items():
        words = [re.sub(r"(10\.77\.0\.\d+):6379", lambda m: f"127.0.0.1:{ports[m[1]]}", w) for w in service["command"]]
        own = ports[words[words.index("--announce-ip") + 1]]
        words[words.index("--announce-ip") + 1] = "127.0.0.1"
        words[words.index("--bind") + 1] = "127.0.0.1"
        os.mkdir(os.path.join(work, name))
        run([*words, "--dir", os.path.join(work, name), "--port", str(own)])
    wait_for("the nodes of compose form no cluster", lambda: all(
        "cluster_state:ok" in (info := cli(p, "cluster", "info")) and "cluster_known_nodes:6" in info
        for p in ports.values()))
    wait_for("they have not three primaries with a replica each", lambda: all(
        cli(base + i, "info", "replication").count("connected_slaves:1") for i in range(3)))
    if cli(base, "-c", "set", "hello", "world").split()[-1] != "OK":
        bad("and take no writes")


try:
    systemd()
    compose()
except Exception as error:
    bad(repr(error))
finally:
    for child in children:
        child.kill()
        child.wait()
    if failed:
        for name in sorted(os.listdir(work)):
            if name.startswith("log"):
                print(name, open(os.path.join(work, name)).read()[-600:])
    shutil.rmtree(work)
sys.exit(1 if failed else 0)
PY
