#!/usr/bin/env python3
"""A daemon on real sockets answers what several connections say in turn as Redis 7.0 does.

    tests/live_sessions.py ORRERYD

Plays transcripts/sessions.txt to one orreryd that has all slots, and compares with
transcripts/sessions.golden. Where redis-server is installed it is asked, too: it must still say
what was recorded (another version may word errors differently: then that part is skipped).
Takes about 5 seconds."""
import select
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from record_sessions import HERE, Play, escape, free_port

PATIENCE = 5.0  # seconds for an answer that is expected
SILENCE = 0.002  # seconds in which what is not expected would come, after each line


def transcript():
    """(line, {connection: what it hears}) of the recorded answers."""
    result = []
    with open(HERE + "/transcripts/sessions.golden") as golden:
        for text in golden:
            text = text.rstrip("\n")
            if text.startswith("> "):
                result.append((text[2:], {}))
            else:
                result[-1][1][text[0]] = text[3:]
    return result


class Session(Play):
    """As the recorder, but it knows what it waits for."""

    def settle(self, expected, silent):
        heard = {}
        until = time.monotonic() + PATIENCE
        while True:
            socks = {s: name for name, s in self.open.items()}
            done = {n: escape(b) for n, b in heard.items() if n != silent} == expected and (
                silent is None or silent in heard or silent not in self.open)
            ready, _, _ = select.select(list(socks), [], [], SILENCE if done else 0.05)
            if not ready and (done or time.monotonic() > until):
                heard.pop(silent, None)
                return {n: escape(b) for n, b in heard.items()}
            for sock in ready:
                name = socks[sock]
                data = sock.recv(65536)
                heard[name] = heard.get(name, b"") + (data or b"(closed)")
                if not data:
                    self.open.pop(name).close()

    def hear(self):
        return {}


def play(port):
    """How many lines were played, and those that were answered differently."""
    session = Session(port)
    wrong = []
    lines = transcript()
    for line, expected in lines:
        silent = line[0] if line[1] == "!" else None
        session.line(line)
        heard = session.settle(expected, silent)
        if heard != expected:
            wrong.append((line, expected, heard))
            if len(wrong) == 5:
                break
    return len(lines), wrong


def wait_until_ok(port):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
                sock.sendall(b"CLUSTER INFO\r\n")
                if b"cluster_state:ok" in sock.recv(4096):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit("no cluster_state:ok at port %d within 30 s" % port)


def check(name, command, port, prepare=None):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if prepare is not None:
            prepare(port)
        wait_until_ok(port)
        count, wrong = play(port)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for line, expected, heard in wrong:
        print("> %s\n  expected %s\n  heard    %s" % (line, expected, heard))
    print("%s: %d lines, %d wrong" % (name, count, len(wrong)))
    return not wrong


def node_port():
    """A free port whose bus port, 10000 above it, is free, too."""
    while True:
        port = free_port()
        if port > 55000:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port + 10000))
                return port
            except OSError:
                pass


def give_all_slots(port):
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(b"CLUSTER ADDSLOTSRANGE 0 16383\r\n")
                sock.recv(100)
                return
        except OSError:
            time.sleep(0.05)


def redis_is_recorded():
    try:
        version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True,
                                 check=False).stdout
    except OSError:
        print("skipped: redis-server is not installed, so the record was not compared with it")
        return False
    if "v=7.0." not in version:
        print("skipped: the record is of redis-server 7.0, here is %s" % version.split()[2:3])
        return False
    return True


def main():
    well = True
    with tempfile.TemporaryDirectory() as folder:
        port = node_port()
        well = check("orreryd", [sys.argv[1], "--port", str(port), "--dir", folder, "--slots",
                                 "0-16383"], port)
    if redis_is_recorded():
        with tempfile.TemporaryDirectory() as folder:
            port = node_port()
            well = check("redis-server",
                         ["redis-server", "--port", str(port), "--dir", folder,
                          "--cluster-enabled", "yes", "--cluster-port", str(free_port()),
                          "--save", ""], port, give_all_slots) and well
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
