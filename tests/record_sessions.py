#!/usr/bin/env python3
"""Plays transcripts/sessions.txt, what several connections say in turn, to a real redis-server
(7.0, cluster mode, all slots on it) and writes all that comes back to
transcripts/sessions.golden, which test_conversations replays. Run it only to add lines or for another
Redis, and explain each line that changes.

    tests/record_sessions.py                 record
    tests/record_sessions.py --port N        play to the node at that port, print to stdout
"""
import os
import select
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
QUIET = 0.012  # seconds without a byte: all has been said


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def escape(reply):
    return "".join(
        {10: "\\n", 13: "\\r", 92: "\\\\"}.get(c, chr(c) if 32 <= c < 127 else "\\x%02x" % c)
        for c in reply)


class Play:
    def __init__(self, port):
        self.port = port
        self.open = {}

    def connect(self):
        for _ in range(100):
            try:
                return socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                time.sleep(0.05)
        sys.exit("the node does not answer")

    def hear(self):
        """All bytes that come now, by connection."""
        heard = {}
        while True:
            socks = {s: name for name, s in self.open.items()}
            ready, _, _ = select.select(list(socks), [], [], QUIET)
            if not ready:
                return heard
            for sock in ready:
                data = sock.recv(65536)
                name = socks[sock]
                heard[name] = heard.get(name, b"") + data
                if not data:
                    heard[name] += b"(closed)"
                    self.open.pop(name).close()

    def line(self, line):
        if line.startswith("@close "):
            self.open.pop(line.split()[1]).close()
            time.sleep(0.02)
        elif line.startswith("@wait "):
            time.sleep(int(line.split()[1]) / 1000)
        else:
            name = line[0]
            if name not in self.open:
                self.open[name] = self.connect()
            text = line.split(" ", 1)[1]
            self.open[name].sendall(text.encode() + b"\r\n")
        return self.hear()

    def ask(self, text):
        self.line("Z " + text)


def play(port, out):
    playing = Play(port)
    with open(HERE + "/transcripts/sessions.txt") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            heard = playing.line(line)
            out.write("> %s\n" % line)
            if len(line) > 1 and line[1] == "!":
                heard.pop(line[0], None)
            for name in sorted(heard):
                out.write("%s< %s\n" % (name, escape(heard[name])))


def main():
    if len(sys.argv) == 3:
        play(int(sys.argv[2]), sys.stdout)
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--dir", folder, "--cluster-enabled", "yes",
             "--cluster-port", str(free_port()), "--save", "", "--daemonize", "no"],
            stdout=subprocess.DEVNULL)
        try:
            setup = Play(port)
            setup.ask("cluster addslotsrange 0 16383")
            time.sleep(2.5)
            setup.open.pop("Z").close()
            with open(HERE + "/transcripts/sessions.golden", "w") as golden:
                play(port, golden)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
