#!/usr/bin/env python3
"""Client libraries and redis-cli as they come from packages, on six nodes: what each of them can do,
and a load that verifies itself while slots move, a primary is killed, comes back and takes over.

    live_clients.py ORRERYD [HIREDIS]      about 60 s; what is not installed is skipped, saying so

HIREDIS is tests/clients/hiredis.c, built. tests/clients/README.md says how a client is added.
"""
import collections
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from live_nodes import Node, end_children, children, free_ports, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
ORRERYD = os.path.abspath(sys.argv[1])
HIREDIS = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
WORK = tempfile.mkdtemp(prefix="clients-")
COUNT = 6
FIRST = free_ports(COUNT)
PORTS = [FIRST + i for i in range(COUNT)]
BEGUN = time.monotonic()
UNREPLICATED = 0.5  # seconds before the kill in which an acknowledged write may be lost: replication is `async`
failures = []
phase = ["checks"]


def note(text):
    print(f"{time.monotonic() - BEGUN:5.1f}s {text}", flush=True)


def check(holds, text, detail=""):
    note(text if holds else f"FAIL {text}: {str(detail)[-1500:]}")
    if not holds:
        failures.append(text)
    return holds


# --- the clients

# What a client's own documentation lets its user see while a node dies; anything else fails.
WHILE_IT_DIES = {
    # 4.3.4 cannot ask a node anew that has died once ("cannot pickle"): until that node is back, its slots fail
    "redis-py": r"(ConnectionError|TimeoutError|ClusterDownError|BusyLoadingError|RedisClusterException .*cannot pickle)",
    "node-redis": r".*(Socket closed unexpectedly|ECONNREFUSED|ECONNRESET|EPIPE|CLUSTERDOWN|The client is closed|Connection timeout|Disconnects client)",
    "ioredis": r".*(Connection is closed|ECONNREFUSED|ECONNRESET|Failed to refresh slots cache|CLUSTERDOWN|Too many Cluster redirections)",
    "hiredis": r"(Server closed the connection|Connection refused|Connection reset by peer|CLUSTERDOWN)",
}


class Client:
    def __init__(self, kind, name, words, **more):
        self.kind, self.name = kind, name
        self.lines, self.errors = [], collections.defaultdict(list)
        self.process = subprocess.Popen([*words, name, *map(str, PORTS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env={**os.environ, **more})
        children.append(self.process)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            line = line.decode(errors="replace").rstrip("\n")
            if line.startswith("error "):
                self.errors[phase[0]].append(line[6:])
            else:
                self.lines.append(line)

    def said(self, word):
        return [line[len(word) + 1:] for line in list(self.lines) if line.startswith(word + " ")]

    def oddities(self):
        return [line for line in self.lines if not re.match(r"(ok|skip|ready|held|lost) ", line)]

    def settled(self):
        return self.said("ready") or self.process.poll() is not None

    def report_checks(self):
        bad = self.oddities()
        for text in self.said("skip"):
            note(f"    ({self.name} has no {text})")
        version = self.said("ready")
        check(version and not bad, f"{(version or [self.name])[0]} ({self.name}): {len(self.said('ok'))} things hold", (bad, self.errors))

    def finish(self):
        try:
            self.process.stdin.write(b"stop\n")
            self.process.stdin.close()
            self.process.wait(30)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
        self.reader.join(5)

    def report_load(self, killed_at):
        told = {when: dict(collections.Counter(texts)) for when, texts in self.errors.items()}
        unexpected = [(when, text) for when, texts in self.errors.items() for text in texts
                      if when != "failover" or not re.match(WHILE_IT_DIES[self.kind], text)]
        lost = [text.split() for text in self.said("lost")]
        missing = [key for at, key in lost if not killed_at - UNREPLICATED <= float(at) <= killed_at]
        held = self.said("held")
        check(held and int(held[0]) > 300 and not self.oddities() and not unexpected and not missing,
              f"{self.name}: {(held or ['no'])[0]} acknowledged writes are there; during the failover it was told "
              f"{sum(len(texts) for texts in self.errors.values())} errors {told.get('failover', '')}",
              {"lost": missing[:5], "unexpected": unexpected[:5], "told": told, "said": self.oddities()})
        if len(lost) > len(missing):
            note(f"    ({len(lost) - len(missing)} writes were acknowledged and not yet replicated when the primary died)")


def node_modules(package):
    """Where node finds the package: tests/fetch-tools puts the newest ones into build-tools/."""
    fetched = os.path.join(os.path.dirname(HERE), "build-tools/node/node_modules")
    return [path for path in (fetched, "/usr/share/nodejs") if os.path.isdir(os.path.join(path, package))]


def start_clients():
    clients = []
    program = os.path.join(HERE, "clients")
    if HIREDIS:
        clients.append(Client("hiredis", "hiredis", [HIREDIS]))
    else:
        note("SKIP hiredis: libhiredis-dev is not installed")
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import redis.cluster"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        clients.append(Client("redis-py", "redis-py", [python, os.path.join(program, "redis_py.py")]))
    else:
        note("SKIP redis-py: python3-redis is not installed")
    for package, script, kind in (("redis", "node_redis.js", "node-redis"), ("ioredis", "ioredis.js", "ioredis")):
        found = node_modules(package) if shutil.which("node") else []
        for i, path in enumerate(found):
            clients.append(Client(kind, kind + "-packaged" * i, ["node", os.path.join(program, script)], NODE_PATH=path))
        if not found:
            note(f"SKIP {kind}: neither a Debian package nor tests/fetch-tools has brought it")
    return clients


# --- redis-cli


def redis_cli(*words, text=None, timeout=40):
    result = subprocess.run(["redis-cli", *map(str, words)], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            timeout=timeout, check=False)
    return result.returncode, result.stdout.decode(errors="replace")


def on(port, *words):
    return redis_cli("-p", port, *words)[1].strip()


def agrees():
    code, text = redis_cli("--cluster", "check", f"127.0.0.1:{PORTS[1]}")
    return code == 0 and "All nodes agree" in text and "All 16384 slots covered" in text and "[WARNING]" not in text


def form(nodes):
    for node in nodes:
        node.start()
    wait_for(lambda: all(on(port, "ping") == "PONG" for port in PORTS), 10)
    code, text = redis_cli("--cluster", "create", *[f"127.0.0.1:{port}" for port in PORTS], "--cluster-replicas", 1,
                           "--cluster-yes")
    check(code == 0 and "All 16384 slots covered" in text, "redis-cli --cluster create", text)
    return check(wait_for(lambda: agrees() and all("cluster_state:ok" in on(port, "cluster", "info") for port in PORTS)
                          and sum("master_link_status:up" in on(port, "info", "replication") for port in PORTS) == 3, 15),
                 "six nodes form a cluster", on(FIRST, "cluster", "nodes"))


def killed_after(seconds, *words):
    """What a program that does not end says."""
    try:
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False).stdout.decode()
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode()


def try_redis_cli():
    code, text = redis_cli("-c", "-p", FIRST, text=b'set {cli}1 one\nHSET {cli}h f "a b"\nhget {cli}h f\nMULTI\nincr {cli}n\nget {cli}1\nEXEC\n'
                           b"set {other}1 two\nget {cli}1\nmget {cli}1 {cli}2\nget {cli}h\n")
    check(code == 0 and re.sub(r"-> Redirected[^\n]*\n", "", text) ==
          "OK\n1\na b\nOK\nQUEUED\nQUEUED\n1\none\nOK\none\none\n\nWRONGTYPE Operation against a key holding the wrong kind of value\n\n",
          "redis-cli -c, commands on stdin, over slots", text)
    text = redis_cli("-3", "--json", "-c", "-p", FIRST, "hgetall", "{cli}h")[1]
    check(text.strip() == '{"f":"a b"}', "redis-cli -3 --json", text)
    check(redis_cli("-c", "-p", FIRST, "-x", "set", "{cli}x", text=b"\0\xff\r\n")[1].strip() == "OK"
          and on(FIRST, "-c", "strlen", "{cli}x") == "4", "redis-cli -x, a binary value")
    owner = next(port for port in PORTS if "MOVED" not in on(port, "get", "{cli}1"))
    pipe = b"".join(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$1\r\nx\r\n" % (len(key), key)
                    for key in (b"{cli}pipe:%d" % i for i in range(1000)))
    code, text = redis_cli("-p", owner, "--pipe", text=pipe)
    check(code == 0 and "errors: 0, replies: 1000" in text, "redis-cli --pipe", text)
    check(len(redis_cli("-p", owner, "--scan", "--pattern", "{cli}pipe:*")[1].split()) == 1000, "redis-cli --scan")
    code, text = redis_cli("-p", owner, "--bigkeys")
    check(code == 0 and re.search(r"Biggest\s+hash found", text) and re.search(r"Biggest string found", text), "redis-cli --bigkeys", text)
    code, text = redis_cli("-p", owner, "--memkeys")
    check(code == 0 and "Biggest string found" in text, "redis-cli --memkeys", text)
    text = killed_after(0.7, "stdbuf", "-oL", "redis-cli", "-p", str(owner), "--stat", "-i", "0.1")
    check(re.search(r"keys +mem +clients +blocked +requests +connections", text) and len(text.split("\n")) > 4, "redis-cli --stat", text)
    text = killed_after(0.5, "redis-cli", "-p", str(owner), "--csv", "subscribe", "{cli}news")
    check('"subscribe","{cli}news",1' in text, "redis-cli subscribe", text)
    check(re.search(r"\d+\.\d+ \[0 127\.0\.0\.1:\d+\] \"", killed_after(0.7, "redis-cli", "-p", str(owner), "monitor")), "redis-cli monitor")
    code, text = redis_cli("--cluster", "call", f"127.0.0.1:{FIRST}", "dbsize")
    check(code == 0 and len(re.findall(r"127\.0\.0\.1:\d+: (?:\(integer\) )?\d+", text)) == COUNT, "redis-cli --cluster call", text)
    code, text = redis_cli("--cluster", "info", f"127.0.0.1:{FIRST}")
    check(code == 0 and "keys in 3 masters" in text, "redis-cli --cluster info", text)
    code, text = redis_cli("--cluster", "fix", f"127.0.0.1:{FIRST}")
    check(code == 0 and "All 16384 slots covered" in text, "redis-cli --cluster fix has nothing to do", text)


# --- what happens to them


def role_of(port):
    return on(port, "role").split("\n")[0]


def primaries():
    return [port for port in PORTS if role_of(port) == "master"]


def enter(name):
    time.sleep(0.3)  # what went before is said by now
    phase[0] = name


def reshard():
    enter("reshard")
    source, target, _ = primaries()
    code, text = redis_cli("--cluster", "reshard", f"127.0.0.1:{FIRST}", "--cluster-from", on(source, "cluster", "myid"),
                           "--cluster-to", on(target, "cluster", "myid"), "--cluster-slots", 300, "--cluster-yes")
    check(code == 0, "reshard of 300 slots", text)
    code, text = redis_cli("--cluster", "rebalance", f"127.0.0.1:{FIRST}", "--cluster-threshold", 1)
    check(code == 0, "rebalance", text)
    check(wait_for(agrees, 10), "all nodes agree", redis_cli("--cluster", "check", f"127.0.0.1:{FIRST}")[1])


class Impatient(threading.Thread):
    """Asks a node that is not there yet, again and again, until it says that somebody else knows."""

    def __init__(self, port, key):
        super().__init__(daemon=True)
        self.port, self.key, self.told = port, key.encode(), []
        self.start()

    def run(self):
        until = time.monotonic() + 5
        while time.monotonic() < until and not (self.told and self.told[-1].startswith(b"-MOVED")):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as link:
                    link.sendall(b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(self.key), self.key))
                    self.told.append(link.recv(1000).split(b"\r\n")[0])
            except OSError:
                time.sleep(0.001)


def fail_over(nodes):
    enter("failover")
    victim = nodes[PORTS.index(primaries()[0])]
    key = next(text for text in map(str, range(1000)) if on(victim.port, "get", text) == "")
    at = time.time()
    victim.process.send_signal(signal.SIGKILL)
    victim.process.wait()

    def taken_over():
        text = on(PORTS[-1], "cluster", "nodes")
        return len(re.findall(r"master - .* connected \d", text)) == 3 and "cluster_state:ok" in on(PORTS[-1], "cluster", "info")

    check(wait_for(taken_over, 10), f"kill -9 of the primary {victim.port}: its replica takes over", on(PORTS[-1], "cluster", "nodes"))
    time.sleep(2)
    fresh = "{%s}fresh" % key
    on(PORTS[-1], "-c", "set", fresh, "x")
    asker = Impatient(victim.port, fresh)
    victim.start()
    asker.join()
    check(not [text for text in asker.told if text.startswith(b"$")], f"it does not answer before it knows: {sorted(set(asker.told))}",
          asker.told)
    check(wait_for(lambda: "master_link_status:up" in on(victim.port, "info", "replication"), 10), "it comes back as a replica",
          on(victim.port, "info", "replication"))
    check(wait_for(agrees, 10), "all nodes agree", redis_cli("--cluster", "check", f"127.0.0.1:{PORTS[1]}")[1])
    time.sleep(1.5)
    return at, victim


def take_over(victim):
    enter("manual")
    check(on(victim.port, "cluster", "failover") == "OK" and wait_for(lambda: role_of(victim.port) == "master", 6),
          "CLUSTER FAILOVER: it is primary again", on(victim.port, "cluster", "nodes"))
    check(wait_for(agrees, 10), "all nodes agree", redis_cli("--cluster", "check", f"127.0.0.1:{PORTS[1]}")[1])
    time.sleep(1.5)


def main():
    if shutil.which("redis-cli") is None:
        print("SKIP: redis-cli (package redis-tools) is not installed")
        sys.exit(77)
    nodes = [Node(ORRERYD, WORK, str(port), [], port, "5s") for port in PORTS]
    if not form(nodes):
        return
    clients = start_clients()
    wait_for(lambda: all(client.settled() for client in clients), 40)
    for client in clients:
        client.report_checks()
    enter("load")
    try_redis_cli()
    reshard()
    at, victim = fail_over(nodes)
    take_over(victim)
    for client in clients:
        client.finish()
    for client in clients:
        client.report_load(at)


try:
    main()
finally:
    end_children()
    if failures:
        for port in PORTS:
            print("----", port)
            subprocess.run(["tail", "-25", f"{WORK}/{port}.log"], check=False)
    shutil.rmtree(WORK, ignore_errors=True)
    note(f"{len(failures)} failed")
sys.exit(1 if failures else 0)
