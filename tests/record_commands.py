#!/usr/bin/env python3
"""Asks a real redis-server (7.0, cluster mode, all slots on it) every command of
transcripts/commands.txt and writes what it answers to transcripts/commands.golden, which
test_commands replays. Run it only to add commands or for another Redis, and explain each line
that changes.

    tests/record_commands.py
"""
import os
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Reader:
    def __init__(self, sock):
        self.file = sock.makefile("rb")

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind in b"$=!" and rest != b"-1":
            return line + self.file.read(int(rest) + 2)
        if kind in b"*~>%" and rest != b"-1":
            count = int(rest) * (2 if kind == b"%" else 1)
            return line + b"".join(self.reply() for _ in range(count))
        return line


def escape(reply):
    return "".join(
        {10: "\\n", 13: "\\r", 92: "\\\\"}.get(c, chr(c) if 32 <= c < 127 else "\\x%02x" % c)
        for c in reply)


def main():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--dir", folder, "--cluster-enabled", "yes",
             "--cluster-port", str(free_port()), "--save", "", "--daemonize", "no"],
            stdout=subprocess.DEVNULL)
        try:
            record(port)
        finally:
            server.terminate()
            server.wait()


def connect(port):
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            time.sleep(0.05)
    sys.exit("redis-server does not answer")


def record(port):
    sock = connect(port)
    reader = Reader(sock)

    def ask(command):
        sock.sendall(command.encode() + b"\r\n")
        return reader.reply()

    ask("cluster addslotsrange 0 16383")
    while b"cluster_state:ok" not in ask("cluster info"):
        time.sleep(0.05)
    protocol = 2
    with open(HERE + "/transcripts/commands.txt") as lines, \
            open(HERE + "/transcripts/commands.golden", "w") as golden:
        for line in lines:
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            command = line[1:] if line[0] == "~" else line
            wanted = 3 if command.startswith("3 ") else 2
            command = command[2:] if wanted == 3 else command
            if wanted != protocol:
                ask("hello %d" % wanted)
                protocol = wanted
            golden.write("> %s\n< %s\n" % (line, escape(ask(command))))


main()
