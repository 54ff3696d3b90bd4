#!/usr/bin/env python3
"""Slots move under load: redis-cli --cluster reshard, rebalance, fix, add-node, del-node, call and
import on real nodes, while clients write, follow what they are told, and remember what was
acknowledged.

    live_reshard.py ORRERYD          about 40 s; SKIPs where redis-cli is missing

A client may be told MOVED, ASK and TRYAGAIN, nothing else, except while a node is killed on purpose.
"""
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

ORRERYD = os.path.abspath(sys.argv[1])
WORK = tempfile.mkdtemp(prefix="reshard-")
BEGUN = time.monotonic()
failures = []
nodes = {}  # index -> Popen


def note(text):
    print(f"{time.monotonic() - BEGUN:5.1f}s {text}", flush=True)


def check(holds, text, detail=""):
    note(text if holds else f"FAIL {text}: {str(detail)[-1500:]}")
    if not holds:
        failures.append(text)
    return holds


# --- a client of a cluster, in a few lines


def encode(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Refused(Exception):
    pass


class Connection:
    def __init__(self, port, timeout=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            return Refused(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind in b"*%~":
            count = int(rest) * (2 if kind == b"%" else 1)
            return [self.read() for _ in range(count)]
        return rest

    def ask(self, *words):
        self.socket.sendall(encode(*words))
        return self.read()


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def slot_of(key):
    tag = re.search(r"\{([^}]+)\}", key)
    return crc16((tag.group(1) if tag else key).encode()) % 16384


class Client:
    """Routes by what it was told; counts what it was told."""

    def __init__(self, ports):
        self.ports = ports
        self.owner = {}
        self.connections = {}
        self.told = {"MOVED": 0, "ASK": 0, "TRYAGAIN": 0}
        self.errors = []

    def connection(self, port):
        if port not in self.connections:
            self.connections[port] = Connection(port)
        return self.connections[port]

    def run(self, key, *words, patience=15.0):
        until = time.monotonic() + patience
        slot = slot_of(key)
        port, asking = self.owner.get(slot, self.ports[0]), False
        while True:
            try:
                connection = self.connection(port)
                if asking:
                    connection.ask("ASKING")
                answer = connection.ask(*words)
            except OSError as error:
                self.connections.pop(port, None)
                answer = Refused(f"IO {error}")
            if not isinstance(answer, Refused):
                return answer
            code = str(answer).split()[0]
            asking = code == "ASK"
            if code in ("MOVED", "ASK"):
                port = int(str(answer).rsplit(":", 1)[1])
                if code == "MOVED":
                    self.owner[slot] = port
            if code in self.told:
                self.told[code] += 1
            else:
                self.errors.append(f"{time.monotonic() - BEGUN:.2f}s {port} {answer}")
                port = random.choice(self.ports)
                time.sleep(0.02)
            if code == "TRYAGAIN":
                time.sleep(0.005)
            if time.monotonic() > until:
                raise answer


class Load(threading.Thread):
    """Counts up in keys and hash fields of its own, and knows what was acknowledged."""

    def __init__(self, number, ports, keys):
        super().__init__(daemon=True)
        self.client = Client(ports)
        self.names = [f"load:{number}:{i}" for i in range(keys)]
        self.done = {}
        self.sent = {}
        self.lost = []
        self.count = 0
        self.stop = False
        self.dead = None

    def step(self, name, value):
        self.sent[name] = value
        if int(name.rsplit(":", 1)[1]) % 4 == 0:
            self.client.run(name, "HSET", name, "f", value, "g", f"g{value}")
            back = self.client.run(name, "HGET", name, "f")
        else:
            self.client.run(name, "SET", name, value, "EX", 100000)
            back = self.client.run(name, "GET", name)
        self.done[name] = value
        self.count += 2
        if back != str(value).encode():
            self.lost.append(f"{name} is {back}, not {value}")

    def run(self):
        value = 0
        try:
            while not self.stop:
                value += 1
                for name in self.names:
                    if self.stop:
                        return
                    self.step(name, value)
                    time.sleep(0.001)
        except Exception as error:  # pylint: disable=broad-except
            self.dead = repr(error)

    def verify(self):
        for name, value in self.done.items():
            words = ("HGET", name, "f") if int(name.rsplit(":", 1)[1]) % 4 == 0 else ("GET", name)
            back = self.client.run(name, *words)
            if back is None or int(back) not in (value, self.sent[name]):
                self.lost.append(f"at the end {name} is {back}, not {value}")


# --- nodes


def free_ports(count):
    for _ in range(200):
        first = random.randrange(11000, 21000 - count)
        taken = False
        for port in range(first, first + count):
            for each in (port, port + 10000):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        try:
                            probe.bind(("127.0.0.1", each))
                        except OSError:
                            taken = True
        if not taken:
            return first
    sys.exit("no free ports")


COUNT = 9
PORT = free_ports(COUNT + 1)
PORTS = [PORT + i for i in range(6)]


def start(index, *words):
    log = open(f"{WORK}/{index}.log", "ab")
    nodes[index] = subprocess.Popen(
        [ORRERYD, "--port", str(PORT + index), "--dir", f"{WORK}/{index}", "--node-timeout", "3s", *words],
        stdout=log, stderr=log)


def start_first(index):
    ranges = ["0-5460", "5461-10922", "10923-16383"]
    role = ["--slots", ranges[index]] if index < 3 else ["--role", "replica"]
    start(index, "--cluster", "reshard", "--shard", f"s{index % 3}", *role,
          "--seeds", *[f"127.0.0.1:{p}" for p in PORTS])


def redis_cli(*words, timeout=40):
    result = subprocess.run(["redis-cli", *map(str, words)], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, timeout=timeout, check=False)
    return result.returncode, result.stdout.decode(errors="replace")


def cluster(*words, timeout=40):
    return redis_cli("--cluster", *words, timeout=timeout)


def wait_for(what, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if what():
                return True
        except (OSError, Refused, TypeError, AttributeError):
            pass
        time.sleep(0.05)
    return False


def ask(port, *words):
    return Connection(port, 5.0).ask(*words)


def node_id(port):
    return ask(port, "CLUSTER", "MYID").decode()


def is_primary(port):
    return b"myself,master" in ask(port, "CLUSTER", "NODES")


def agrees():
    code, text = cluster("check", f"127.0.0.1:{PORT + 1}")
    return code == 0 and "All nodes agree" in text and "All 16384 slots covered" in text and \
        "open slots" in text and "[WARNING]" not in text


def expect_whole(text):
    check(wait_for(agrees, 10), f"{text}: all nodes agree, all slots covered, none open",
          cluster("check", f"127.0.0.1:{PORT + 1}")[1])


def owned(port):
    match = re.search(rb"myself,master - [^\n]*connected ?([^\n]*)", ask(port, "CLUSTER", "NODES"))
    total = 0
    for part in match.group(1).split():
        if not part.startswith(b"["):
            first, _, last = part.partition(b"-")
            total += int(last or first) - int(first) + 1
    return total


# --- the scenes


def form():
    for index in range(6):
        start_first(index)
    good = wait_for(lambda: all(
        b"cluster_state:ok" in ask(p, "CLUSTER", "INFO") and
        ask(p, "CLUSTER", "NODES").count(b"connected") == 6 for p in PORTS), 15)
    check(good, "six nodes form a cluster")
    wait_for(lambda: all(b"master_link_status:up" in ask(p, "INFO", "replication") for p in PORTS[3:]), 5)
    return good


def quiet_since(loads, text, since):
    told = [error for load in loads for error in load.client.errors]
    check(len(told) == since, f"{text}: no client saw an error",
          (told[since:][:5], f"of {len(told) - since}, ports from {PORT}, wall {time.time():.2f}"))
    return len(told)


def reshard(loads):
    slots = 150
    code, text = cluster("reshard", f"127.0.0.1:{PORT}", "--cluster-from", node_id(PORT), "--cluster-to",
                         node_id(PORT + 1), "--cluster-slots", slots, "--cluster-yes")
    check(code == 0 and owned(PORT + 1) == 5462 + slots, f"reshard of {slots} slots", text)
    expect_whole("after reshard")
    return quiet_since(loads, "reshard", 0)


def grow_and_shrink(loads):
    start(6)
    start(7)
    wait_for(lambda: ask(PORT + 7, "PING") == b"PONG" and ask(PORT + 6, "PING") == b"PONG", 5)
    code, text = cluster("add-node", f"127.0.0.1:{PORT + 6}", f"127.0.0.1:{PORT}")
    check(code == 0, "add-node", text)
    wait_for(lambda: all(ask(p, "CLUSTER", "NODES").count(b"connected") == 7 for p in PORTS), 5)
    code, text = cluster("add-node", f"127.0.0.1:{PORT + 7}", f"127.0.0.1:{PORT}", "--cluster-slave",
                         "--cluster-master-id", node_id(PORT + 6))
    check(code == 0 and wait_for(lambda: b"master_link_status:up" in ask(PORT + 7, "INFO", "replication"), 5),
          "add-node --cluster-slave", text)
    wait_for(lambda: all(ask(p, "CLUSTER", "NODES").count(b"connected") == 8 for p in PORTS), 5)
    code, text = cluster("rebalance", f"127.0.0.1:{PORT}", "--cluster-use-empty-masters", "--cluster-weight",
                         f"{node_id(PORT + 6)}=0.02")
    share = owned(PORT + 6)
    check(code == 0 and 60 < share < 150, f"rebalance with weights: the new primary has {share} slots", text)
    expect_whole("after rebalance")
    code, text = cluster("reshard", f"127.0.0.1:{PORT}", "--cluster-from", node_id(PORT + 6), "--cluster-to",
                         node_id(PORT + 2), "--cluster-slots", share, "--cluster-yes")
    check(code == 0 and owned(PORT + 6) == 0, "and all of them go away again", text)
    time.sleep(1.0)  # every client has asked for each of its keys, and knows better
    for index in (7, 6):
        code, text = cluster("del-node", f"127.0.0.1:{PORT}", node_id(PORT + index))
        check(code == 0, f"del-node of the {'replica' if index == 7 else 'empty primary'}", text)
    code, text = cluster("call", f"127.0.0.1:{PORT}", "PING")
    check(code == 0 and text.count("PONG") == 6, "call", text)
    code, text = cluster("info", f"127.0.0.1:{PORT}")
    check(code == 0 and "in 3 masters" in text, "info", text)
    expect_whole("after del-node")
    quiet_since(loads, "growing and shrinking", 0)


def interrupted():
    """redis-cli is killed in the middle: a slot is open, and fix closes it."""
    mover = subprocess.Popen(["redis-cli", "--cluster", "reshard", f"127.0.0.1:{PORT}", "--cluster-from",
                              node_id(PORT), "--cluster-to", node_id(PORT + 1), "--cluster-slots", "500",
                              "--cluster-yes"], stdout=subprocess.DEVNULL)
    time.sleep(0.7)
    mover.kill()
    mover.wait()
    # and one left open by hand, half moved, in case it was killed between two slots
    slot = int(ask(PORT, "CLUSTER", "KEYSLOT", "{open}"))
    owner = next(p for p in PORTS[:3] if any(
        first <= slot <= last and entry[2] == p for first, last, *entries in ask(p, "CLUSTER", "SLOTS")
        for entry in [[None, None, entries[0][1]]]))
    other = next(p for p in PORTS[:3] if p != owner)
    client = Client(PORTS)
    for i in range(30):
        client.run("{open}", "SET", "{open}%d" % i, "v%d" % i)
    ask(other, "CLUSTER", "SETSLOT", slot, "IMPORTING", node_id(owner))
    ask(owner, "CLUSTER", "SETSLOT", slot, "MIGRATING", node_id(other))
    ask(owner, "MIGRATE", "127.0.0.1", other, "", 0, 5000, "KEYS", *["{open}%d" % i for i in range(10)])
    found = [client.run("{open}", "GET", "{open}%d" % i) for i in range(30)]
    check(found == [b"v%d" % i for i in range(30)] and client.told["ASK"] >= 10 and not client.errors,
          "half moved, every key is found, by ASK where it has gone", (found, client.told))
    code, text = cluster("fix", f"127.0.0.1:{PORT + 1}", "--cluster-yes")
    check(code == 0, "fix of a move that was interrupted", text)
    expect_whole("after fix")
    missing = [i for i in range(30) if client.run("{open}", "GET", "{open}%d" % i) != b"v%d" % i]
    check(not missing, "fix loses no key", missing)


def killed(loads):
    """The target's primary dies in the middle of a reshard; its replica goes on, fix repairs."""
    before = sum(len(load.client.errors) for load in loads)
    mover = subprocess.Popen(["redis-cli", "--cluster", "reshard", f"127.0.0.1:{PORT + 2}", "--cluster-from",
                              node_id(PORT), "--cluster-to", node_id(PORT + 1), "--cluster-slots", "2000",
                              "--cluster-yes"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1.0)
    nodes[1].kill()
    nodes[1].wait()
    try:
        mover.wait(20)
    except subprocess.TimeoutExpired:
        mover.kill()
    took = time.monotonic()
    check(wait_for(lambda: is_primary(PORT + 4), 10), "the target dies in the middle: its replica takes over")
    start_first(1)
    check(wait_for(lambda: not is_primary(PORT + 1) and
                   b"master_link_status:up" in ask(PORT + 1, "INFO", "replication"), 10),
          "the dead one comes back as a replica")
    code, text = cluster("fix", f"127.0.0.1:{PORT + 2}", "--cluster-yes")
    check(code == 0, f"fix, {time.monotonic() - took:.1f} s after the death", text)
    expect_whole("after the death of a target")
    told = sum(len(load.client.errors) for load in loads) - before
    note(f"(clients saw {told} errors while a primary was dead)")


def large_value():
    """A hash of 40 MB moves; whoever asks its node for something else is not kept waiting."""
    key, other = "{large}", "{large-too}"
    client = Client(PORTS)
    value = "x" * 1000
    for begin in range(0, 40000, 1000):
        words = [w for i in range(begin, begin + 1000) for w in (f"f{i}", value)]
        client.run(key, "HSET", key, *words)
    slot = slot_of(key)
    client.run(key, "HLEN", key)
    owner = client.owner.get(slot, PORTS[0])
    target = next(p for p in (PORT, PORT + 4, PORT + 2) if p != owner)
    ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", node_id(owner))
    ask(owner, "CLUSTER", "SETSLOT", slot, "MIGRATING", node_id(target))
    worst, stop = [0.0], []

    def watch():
        connection = Connection(owner)
        while not stop:
            at = time.monotonic()
            connection.ask("GET", other)
            worst[0] = max(worst[0], time.monotonic() - at)

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.monotonic()
    answer = ask(owner, "MIGRATE", "127.0.0.1", target, key, 0, 20000)
    took = time.monotonic() - begun
    stop.append(True)
    watcher.join()
    check(answer == b"OK" and client.run(key, "HLEN", key) == 40000, f"a hash of 40 MB moves, {took:.2f} s", answer)
    check(worst[0] < 0.25, f"and others wait {worst[0] * 1000:.0f} ms at most meanwhile")
    for port in (target, owner):
        ask(port, "CLUSTER", "SETSLOT", slot, "NODE", node_id(target))
    client.run(key, "DEL", key)


def imports():
    """Keys of a stand-alone redis-server, and back again by DUMP and RESTORE."""
    if shutil.which("redis-server") is None:
        note("(redis-server is not installed: no import)")
        return
    port = PORT + COUNT
    nodes["redis"] = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--dir", WORK],
                                      stdout=subprocess.DEVNULL)
    wait_for(lambda: ask(port, "PING") == b"PONG", 5)
    redis = Connection(port)
    for i in range(100):
        redis.ask("SET", f"import:{i}", f"value {i}" * (i % 40), "EX", 5000 + i)
        redis.ask("HSET", f"hash:{i}", *[w for f in range(1 + i * 7) for w in (f"field{f}", f * 1000 - 5)])
    code, text = cluster("import", f"127.0.0.1:{PORT}", "--cluster-from", f"127.0.0.1:{port}", "--cluster-copy")
    client = Client(PORTS)
    bad = [i for i in range(100) if client.run(f"import:{i}", "GET", f"import:{i}") != redis.ask("GET", f"import:{i}")
           or client.run(f"hash:{i}", "HLEN", f"hash:{i}") != 1 + i * 7
           or client.run(f"hash:{i}", "HGET", f"hash:{i}", "field0") != b"-5"
           or not 4900 < client.run(f"import:{i}", "TTL", f"import:{i}") <= 5000 + i]
    check(code == 0 and not bad, "import from a redis-server, with hashes and expiry", (bad[:5], text))
    bad = []
    for i in range(0, 100, 9):
        for key in (f"import:{i}", f"hash:{i}"):
            payload = client.run(key, "DUMP", key)
            redis.ask("DEL", key)
            if redis.ask("RESTORE", key, 0, payload) != b"OK":
                bad.append(key)
        if redis.ask("HLEN", f"hash:{i}") != 1 + i * 7:
            bad.append(i)
    check(not bad, "what DUMP says here, a redis-server restores", bad)


def main():
    if shutil.which("redis-cli") is None or shutil.which("redis-benchmark") is None:
        print("SKIP: redis-cli and redis-benchmark (package redis-tools) are not installed")
        sys.exit(77)
    if not form():
        return
    loads = [Load(number, PORTS, 150) for number in range(3)]
    for load in loads:
        load.start()
    log = f"{WORK}/benchmark.txt"
    nodes["benchmark"] = subprocess.Popen(
        ["redis-benchmark", "-p", str(PORT), "--cluster", "-t", "set,get", "-c", "2", "-r", "10000", "-l", "-q"],
        stdout=open(log, "wb"), stderr=subprocess.STDOUT)
    time.sleep(0.5)
    reshard(loads)
    with open(log, encoding="utf-8", errors="replace") as text:
        said = text.read()
    check(nodes["benchmark"].poll() is None and "rror" not in said, "redis-benchmark --cluster goes on meanwhile",
          said)
    nodes["benchmark"].kill()  # it does not know nodes that join later
    grow_and_shrink(loads)
    interrupted()
    killed(loads)
    for load in loads:
        load.stop = True
        load.join(20)
        load.verify()
    lost = [text for load in loads for text in load.lost]
    check(not lost and not any(load.dead for load in loads),
          f"{sum(load.count for load in loads)} requests; every acknowledged write is there",
          (lost[:5], [load.dead for load in loads]))
    told = {code: sum(load.client.told[code] for load in loads) for code in loads[0].client.told}
    note(f"(clients were told {told})")
    check(told["MOVED"] > 0, "and the moves did meet the clients", told)
    large_value()
    imports()


try:
    main()
finally:
    for process in nodes.values():
        process.kill()
    for process in nodes.values():
        process.wait()
    if failures:
        for name in sorted(os.listdir(WORK)):
            if name.endswith(".log"):
                print("----", name)
                subprocess.run(["grep", "-vE", "event=(admin|slots-lost|frame-refused|member-added)",
                                f"{WORK}/{name}"], check=False)
    shutil.rmtree(WORK, ignore_errors=True)
    note(f"{len(failures)} failed")
sys.exit(1 if failures else 0)
