#!/usr/bin/env python3
"""The metrics port, dashboards, alerts, log and Debian's redis_exporter, against running nodes.

    live_operate.py ORREYD          about 10 s; parts whose program is missing are skipped, saying so

promtool and prometheus-redis-exporter are taken from PATH or from build-tools/ (tests/fetch-tools).
"""
import json
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
import urllib.request

from live_nodes import Node, children, end_children, free_port, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
ORRERYD = os.path.abspath(sys.argv[1])
failures = []
skipped = []
begun = time.monotonic()


def note(text):
    print(f"{time.monotonic() - begun:5.1f}s {text}", flush=True)


def check(holds, text, detail=""):
    if holds:
        note(text)
    else:
        failures.append(text)
        note(f"FAIL {text}: {str(detail)[:2000]}")


def program(name):
    for folder in ("", os.path.join(ROOT, "build-tools/usr/bin")):
        found = shutil.which(name, path=folder or None)
        if found:
            return found
    skipped.append(name)
    note(f"SKIP: {name} is not installed (tests/fetch-tools gets it)")
    return None


def samples(text):
    """Names of all samples, and the value of each series."""
    values = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            values[series] = float(value)
    return values


def names_of(values):
    return {re.split(r"[{ ]", series)[0] for series in values}


def named_in(text):
    """Metrics that an expression names."""
    text = re.sub(r'"[^"]*"', "", text)
    return set(re.findall(r"\b((?:redis|orrery)_[a-z0-9_]+)\b", text))


# ---- parts

def check_pages(primary, replica):
    status, text = primary.get("/healthz")
    check((status, text) == (200, "ok\n"), "/healthz answers", text)
    check(wait_for(lambda: primary.get("/readyz")[0] == 200 and replica.get("/readyz")[0] == 200, 10), "/readyz: both are ready",
          (primary.get("/readyz"), replica.get("/readyz")))
    status, text = primary.get("/cluster")
    page = json.loads(text)
    check(status == 200 and page["cluster"]["state"] == "ok" and len(page["members"]) == 2 and
          page["slots"][0]["first"] == 0 and page["slots"][-1]["last"] == 16383, "/cluster is JSON and knows both", text)
    check(primary.get("/nothing")[0] == 404, "another path: 404")


def check_figures(primary, replica):
    for number in range(20):
        primary.ask("SET", f"key{number}", "value")
    primary.ask("GET", "key1")
    primary.ask("GET", "nothing")
    time.sleep(0.3)
    status, text = primary.get("/metrics")
    values = samples(text)
    for series, wanted in {"redis_up": 1, 'redis_db_keys{db="db0"}': 20, "redis_cluster_state": 1, "orrery_serving": 1,
                           "redis_connected_slaves": 1, "redis_cluster_known_nodes": 2, 'orrery_role{role="primary"}': 1,
                           "orrery_slots_uncovered": 0, "orrery_loss_ledger_entries_total": 0}.items():
        check(values.get(series) == wanted, f"{series} is {wanted}", values.get(series))
    for series in ("redis_memory_used_bytes", "redis_commands_processed_total", "redis_uptime_in_seconds", "orrery_step_duration_seconds_count",
                   "orrery_fsync_duration_seconds_count", "orrery_log_bytes_total", 'orrery_bus_frames_total{lane="control",direction="in"}'):
        check(series in values and (values[series] > 0 or "uptime" in series), f"{series} is there", values.get(series))
    check(samples(replica.get("/metrics")[1]).get("redis_master_link_up") == 1, "the replica's link is up")
    promtool = program("promtool")
    for node in (primary, replica):
        text = node.get("/metrics")[1]
        if promtool:
            done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=20)
            check(done.returncode == 0, "promtool check metrics", done.stderr)
        lines = [line.rsplit(" ", 1)[0] for line in text.splitlines() if line and line[0] != "#"]
        check(len(lines) == len(set(lines)), "no series twice", {line for line in lines if lines.count(line) > 1})
    return names_of(values) | names_of(samples(replica.get("/metrics")[1]))


def check_expressions(promtool, dashboard):
    """Every expression of the dashboard, as a rule that promtool reads."""
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    expressions += [note["expr"] for note in dashboard["annotations"]["list"]]
    rules = {"groups": [{"name": "dashboard", "rules": [
        {"record": f"panel:{number}", "expr": text.replace("$job", "orrery").replace("$instance", ".*")} for number, text in enumerate(expressions)]}]}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as out:
        json.dump(rules, out)
        out.flush()
        done = subprocess.run([promtool, "check", "rules", out.name], capture_output=True, text=True, timeout=20)
    check(done.returncode == 0 and len(expressions) > 40, f"{len(expressions)} expressions of the dashboard can be read", done.stderr)


def check_rules(names):
    dashboard = json.load(open(os.path.join(ROOT, "ops/grafana/orrery.json")))
    wanted = {}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            for name in named_in(target["expr"]):
                wanted.setdefault(name, panel["title"])
    for variable in dashboard["templating"]["list"]:
        for name in named_in(str(variable["query"])):
            wanted.setdefault(name, variable["name"])
    for line in open(os.path.join(ROOT, "ops/prometheus/alerts.yaml")):
        if line.strip().startswith("expr:"):
            for name in named_in(line):
                wanted.setdefault(name, "alerts.yaml")
    missing = {name: where for name, where in wanted.items() if name not in names}
    check(len(wanted) > 30 and not missing, f"all {len(wanted)} figures of dashboard and alerts are there", missing)
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    check(len(identifiers) == len(set(identifiers)), "panels have numbers of their own")
    promtool = program("promtool")
    for words in (("check", "rules", "ops/prometheus/alerts.yaml"), ("test", "rules", "ops/prometheus/alerts_test.yaml")):
        if promtool:
            done = subprocess.run([promtool, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
            check(done.returncode == 0, f"promtool {' '.join(words)}", done.stdout + done.stderr)
    if promtool:
        check_expressions(promtool, dashboard)
    tests = open(os.path.join(ROOT, "ops/prometheus/alerts_test.yaml")).read()
    alerts = re.findall(r"- alert: (\w+)", open(os.path.join(ROOT, "ops/prometheus/alerts.yaml")).read())
    untested = [alert for alert in alerts if f"- name: {alert}\n" not in tests]
    check(len(alerts) > 15 and not untested, f"all {len(alerts)} alerts have a test", untested)


def check_exporter(primary):
    exporter = program("prometheus-redis-exporter")
    if not exporter:
        return
    port = free_port()
    children.append(subprocess.Popen([exporter, "-redis.addr", f"redis://127.0.0.1:{primary.port}", "-is-cluster",
                                      "-web.listen-address", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL))

    def text():
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        except OSError:
            return ""

    wait_for(lambda: "redis_up" in text(), 8)
    theirs = samples(text())
    check(theirs.get("redis_up") == 1, "redis_exporter: redis_up 1", theirs.get("redis_up"))
    check(theirs.get("redis_exporter_last_scrape_error{err=\"\"}", 0) == 0, "redis_exporter: no scrape error")
    for name in ("redis_uptime_in_seconds", "redis_connected_clients", "redis_memory_used_bytes", "redis_commands_processed_total",
                 "redis_cluster_state", "redis_cluster_slots_assigned", "redis_cluster_known_nodes", "redis_connected_slaves",
                 "redis_master_repl_offset", "redis_instance_info", "redis_db_keys", "redis_config_maxmemory"):
        check(name in names_of(theirs), f"redis_exporter: {name}")
    ours = names_of(samples(primary.get("/metrics")[1]))
    same = {n for n in names_of(theirs) if n.startswith("redis_") and not n.startswith("redis_exporter")} & ours
    check(len(same) >= 60, f"{len(same)} names of redis_exporter are ours, too", same)
    moving = re.compile(r"_total|uptime|cpu|memory|allocator|mem_|clients|seconds|offset|history|aof|error|replication_backlog|lag|io_")
    here = samples(primary.get("/metrics")[1])
    there = samples(text())
    differ = {series: (here[series], there[series]) for series in here
              if series in there and not moving.search(series) and here[series] != there[series]}
    compared = [series for series in here if series in there and not moving.search(series)]
    check(len(compared) >= 25 and not differ, f"{len(compared)} figures that stand still have the same values there", differ)


def check_random_visitors(primary, visits=300):
    """Requests with bytes changed, doubled and cut: each gets an answer or an end."""
    seed = int(os.environ.get("ORR_TEST_SEED", "1"))
    luck = random.Random(seed)
    whole = b"GET /cluster?x=1 HTTP/1.1\r\nHost: node\r\nAccept: */*\r\n\r\n"
    answers = set()
    for size in (32, 64, 128, 256, 512, 1024, 4096):  # buffers that are full to the last byte
        head = b"GET /healthz HTTP/1.1\r\nX: " if size > 32 else b"GET /healt HTTP/1.1\r\nX:"
        check(primary.raw(head + b"y" * (size - len(head) - 4) + b"\r\n\r\n")[9:12] == ("200" if size > 32 else "404"),
              f"a request of {size} bytes")
    for _ in range(visits):
        data = bytearray(whole)
        for _ in range(luck.randrange(1, 6)):
            at = luck.randrange(len(data) or 1)
            what = luck.randrange(4)
            if what == 0 and data:
                data[at] = luck.randrange(256)
            elif what == 1:
                data[at:at] = data[at:at + luck.randrange(1, 400)]
            elif what == 2:
                del data[at:at + luck.randrange(1, 20)]
            else:
                data[at:at] = luck.randbytes(luck.randrange(1, 8))
        try:
            answers.add(primary.raw(bytes(data) + b"\r\n\r\n", 1)[9:12])
        except TimeoutError:
            answers.add("---")
    check(primary.process.poll() is None and answers <= {"200", "400", "404", "405", "431", "503", "---", ""},
          f"{visits} random visitors, seed={seed}", answers)


def check_bad_visitors(primary):
    for name, data, wanted in (("no request", b"BLAH\r\n\r\n", "400"), ("bytes", b"\x00\x01\x02\r\n\r\n", "400"),
                               ("lower case", b"get / http/1.1\r\n\r\n", "400"), ("no version", b"GET /\r\n\r\n", "400"),
                               ("a path without slash", b"GET metrics HTTP/1.1\r\n\r\n", "400"),
                               ("POST", b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405"),
                               ("a control byte", b"GET /\x07 HTTP/1.1\r\n\r\n", "400"),
                               ("a long path", b"GET /" + b"a" * 300 + b" HTTP/1.1\r\n\r\n", "400"),
                               ("a long head", b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 9000, "431")):
        back = primary.raw(data)
        check(back.startswith(f"HTTP/1.1 {wanted} "), f"{name}: {wanted}", back[:100])
    check(primary.raw(b"HEAD /healthz HTTP/1.0\r\n\r\n").endswith("\r\n\r\n"), "HEAD has no body")
    check(primary.raw(b"GET /healthz?x=1 HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n").count("HTTP/1.1 200") == 1,
          "one answer a connection")
    check_random_visitors(primary)
    silent = [socket.create_connection(("127.0.0.1", primary.http), 5) for _ in range(100)]
    opened = time.monotonic()
    silent[0].sendall(b"GET /metr")
    check(primary.ask("PING") == "+PONG\r\n", "clients are served while a hundred visitors say nothing")
    check(silent[90].recv(100).startswith(b"HTTP/1.1 503"), "one too many: 503")
    silent[0].settimeout(9)
    rest = silent[0].recv(100)
    check(rest == b"" and time.monotonic() - opened < 8, "who says nothing is dropped", (rest, time.monotonic() - opened))
    for link in silent:
        link.close()
    check(wait_for(lambda: primary.get("/healthz")[0] == 200, 5), "and then others come in again")


def check_log(primary):
    lines = open(primary.log).read().splitlines()
    identity = json.loads(primary.get("/cluster")[1])["node"]["id"]
    pattern = re.compile(r'^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z level=(debug|info|notice|warning) node=(-|[0-9a-f]{40}) '
                         r'event=[a-z-]+( (other|shard)=[0-9a-f]{40}| (epoch|count|value)=\d+)*( text="([^"\\]|\\.)*")?$')
    check(lines and all(pattern.match(line) for line in lines), "the log is logfmt", [line for line in lines if not pattern.match(line)])
    check(any(f"node={identity} event=booted" in line for line in lines), "the log names decisions and the node")
    os.rename(primary.log, primary.log + ".old")
    primary.process.send_signal(signal.SIGUSR1)
    time.sleep(0.2)
    primary.ask("CLUSTER", "BUMPEPOCH")
    check(wait_for(lambda: os.path.exists(primary.log) and os.path.getsize(primary.log) > 0, 3), "SIGUSR1 opens the log anew")


def check_filter(primary, replica, path):
    """The link filter for tests: cut, healed, and a file that is wrong."""
    def write(text):
        with open(path, "w") as out:
            out.write(text)
        replica.process.send_signal(signal.SIGUSR2)

    write(f"in 127.0.0.1:{primary.bus}\nout 127.0.0.1:{primary.bus}\n")
    check(wait_for(lambda: replica.get("/readyz")[0] == 503, 6), "a replica that is cut off is not ready", replica.get("/readyz"))
    check(primary.get("/readyz")[0] == 200, "its primary, the only voter, is")
    write("in somewhere\n")
    check(wait_for(lambda: "is not written as" in open(replica.log).read(), 3), "a filter that is wrong is told")
    check(replica.get("/readyz")[0] == 503, "and changes nothing")
    write("")
    check(wait_for(lambda: replica.get("/readyz")[0] == 200, 8), "a healed link is used again", replica.get("/readyz"))


def check_unready(primary, replica):
    replica.process.send_signal(signal.SIGSTOP)
    primary.process.kill()
    primary.process.wait()
    check(primary.get("/healthz", 1)[0] == 0, "a dead node answers nothing")
    replica.process.send_signal(signal.SIGCONT)
    check(wait_for(lambda: replica.get("/readyz")[0] == 503, 5), "a replica without its primary is not ready", replica.get("/readyz"))
    check(replica.get("/healthz")[0] == 200, "and yet healthy")


def main():
    work = tempfile.mkdtemp()
    try:
        primary = Node(ORRERYD, work, "primary", ["--cluster", "operate", "--shard", "one", "--slots", "0-16383"])
        replica = Node(ORRERYD, work, "replica", ["--cluster", "operate", "--shard", "one", "--role", "replica", "--failover", "no",
                                                     "--test-link-filter", os.path.join(work, "cuts")])
        for node, other in ((primary, replica), (replica, primary)):
            node.start("--seeds", f"127.0.0.1:{other.port}@{other.bus}")
        if not wait_for(lambda: primary.get("/healthz")[0] == 200 and replica.get("/healthz")[0] == 200, 10):
            check(False, "the nodes start")
            return
        check_pages(primary, replica)
        check_rules(check_figures(primary, replica))
        check_exporter(primary)
        check_bad_visitors(primary)
        check_log(primary)
        check_filter(primary, replica, os.path.join(work, "cuts"))
        check_unready(primary, replica)
    finally:
        end_children()
        shutil.rmtree(work)


main()
note(f"{len(failures)} failed" if failures else "all well")
sys.exit(1 if failures else 0)
