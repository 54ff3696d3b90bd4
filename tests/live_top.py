#!/usr/bin/env python3
"""`orrery top` on running nodes: plain, in a terminal, through deaths, and what it leaves behind.

    live_top.py ORRERY ORRERYD          about 10 s
"""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

from live_nodes import Node, end_children, free_port, wait_for

ORRERY, ORRERYD = (os.path.abspath(word) for word in sys.argv[1:3])
failures = []
begun = time.monotonic()


def check(holds, text, detail=""):
    print(f"{time.monotonic() - begun:5.1f}s {'' if holds else 'FAIL '}{text}{'' if holds else ': ' + str(detail)[-3000:]}", flush=True)
    if not holds:
        failures.append(text)


def top(*words, **more):
    return subprocess.run([ORRERY, "top", *words], capture_output=True, text=True, timeout=20, **more)


class Screen:
    """`orrery top` in a terminal of its own."""

    def __init__(self, *words):
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 140))
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen([ORRERY, "top", *words], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        start_new_session=True)
        self.text = ""

    def read(self, seconds):
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode(errors="replace")
                except OSError:
                    return

    def shows(self, pattern, seconds=5):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.read(0.1)
            if re.search(pattern, self.text.rsplit("\x1b[H", 1)[-1]):
                return True
        return False

    def ended(self):
        code = self.process.wait(5)
        self.read(0.2)
        return code, termios.tcgetattr(self.slave) == self.before, self.text.endswith("\x1b[?25h\x1b[?1049l")


def start_nodes(work):
    nodes = [Node(ORRERYD, work, f"n{i}", ["--cluster", "top", "--shard", f"s{i % 3}"] +
                  (["--slots", ("0-5460", "5461-10922", "10923-16383")[i]] if i < 3 else ["--role", "replica"])) for i in range(6)]
    for node in nodes:
        node.start("--seeds", *(f"127.0.0.1:{other.port}@{other.bus}" for other in nodes if other is not node))
    check(wait_for(lambda: all(node.get("/readyz")[0] == 200 for node in nodes), 15), "six nodes are ready")
    return nodes


def check_plain(nodes):
    at = f"127.0.0.1:{nodes[0].port}"
    for number in range(100):
        nodes[0].ask("SET", f"key{number}", "x")
    done = top("--once", at)
    check(done.returncode == 0 and "cluster ok" in done.stdout and "6 of 6 nodes" in done.stdout, "--once", done.stdout + done.stderr)
    check("\x1b" not in done.stdout, "a pipe gets no escapes")
    lines = [line for line in done.stdout.splitlines() if re.match(r"  [0-9a-f]{8} ", line)]
    check(len(lines) == 6 and all(str(node.port) in done.stdout for node in nodes), "a line for each node", done.stdout)
    check([" replica" in line for line in lines] == [False, True] * 3, "replicas stand below their primaries", done.stdout)
    check(done.stdout.count(" up ") == 3 and re.search(r"ok +546[12] +\d+ ", done.stdout), "slots and links", done.stdout)
    done = top("--interval", "200ms", "--count", "3", at)
    check(done.stdout.count("cluster ok") == 3, "--count 3: three tables", done.stdout)
    check("\x1b[" in top("--once", "--color", "always", at).stdout, "--color always")
    refused = top("--once", f"127.0.0.1:{free_port()}")
    check(refused.returncode == 74 and "refused" in refused.stderr, "nobody there: says so, 74", refused)
    for words in (("--interval", "never"), ("--interval", "1ms"), ("nowhere:99999",), ("a:1", "b:2"), ("--what",)):
        check(top(*words).returncode == 64, f"wrong: {' '.join(words)}")


def check_screen(nodes):
    screen = Screen("--interval", "200ms", f"127.0.0.1:{nodes[5].port}")
    check(screen.shows("6 of 6 nodes answer"), "a terminal shows the table", screen.text)
    check("\x1b[?1049h" in screen.text, "on a screen of its own")
    nodes[0].process.kill()
    check(screen.shows(rf"127\.0\.0\.1:{nodes[0].port} .*refused"), "a dead node is shown as such", screen.text)
    check(screen.shows(rf"127\.0\.0\.1:{nodes[3].port} became primary", 8), "its replica becomes primary", screen.text)
    check(screen.shows(rf"127\.0\.0\.1:{nodes[3].port} +primary +ok +5461"), "and is shown with the slots", screen.text)
    nodes[1].process.send_signal(signal.SIGSTOP)
    check(screen.shows(rf"127\.0\.0\.1:{nodes[1].port} .*no answer", 4), "a paused node does not hold it up", screen.text)
    nodes[1].process.send_signal(signal.SIGCONT)
    check(screen.shows("5 of 6 nodes answer", 8), "and is back", screen.text)
    termios.tcsetwinsize(screen.slave, (6, 40))
    screen.read(0.5)
    table = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.text.rsplit("\x1b[H", 1)[-1]).splitlines()
    check(len(table) <= 6 and all(len(line) <= 40 for line in table), "a small terminal gets a small table", table)
    screen.process.send_signal(signal.SIGINT)
    check(screen.ended() == (0, True, True), "Ctrl-C: the terminal is as before", repr(screen.text[-100:]))
    other = Screen("--interval", "200ms", f"127.0.0.1:{nodes[5].port}")
    other.shows("nodes answer")
    os.write(other.master, b"q")
    check(other.ended() == (0, True, True), "q ends it, too", repr(other.text[-100:]))
    third = Screen("--interval", "200ms", f"127.0.0.1:{nodes[5].port}")
    third.shows("nodes answer")
    third.process.send_signal(signal.SIGTERM)
    check(third.ended() == (143, True, True), "SIGTERM: the terminal is as before, 143", repr(third.text[-100:]))


def check_password(work):
    node = Node(ORRERYD, work, "secret", ["--slots", "0-16383", "--requirepass", "sesame"])
    node.start()
    at = f"127.0.0.1:{node.port}"
    wait_for(lambda: node.get("/readyz")[0] == 200, 5)
    refused = top("--once", at)
    check(refused.returncode == 74 and "NOAUTH" in refused.stderr, "without the password: says so", refused)
    wrong = top("--once", "-a", "guess", at)
    check(wrong.returncode == 74 and "sesame" not in wrong.stderr, "with a wrong one, too", wrong)
    check("cluster ok" in top("--once", "-a", "sesame", at).stdout, "--password")
    check("cluster ok" in top("--once", at, env={**os.environ, "REDISCLI_AUTH": "sesame"}).stdout, "REDISCLI_AUTH")


work = tempfile.mkdtemp()
try:
    nodes = start_nodes(work)
    check_plain(nodes)
    check_screen(nodes)
    check_password(work)
finally:
    end_children()
    shutil.rmtree(work)
print(f"{len(failures)} failed" if failures else "all well")
sys.exit(1 if failures else 0)
