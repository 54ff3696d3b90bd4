#!/usr/bin/env python3
"""Messages between clients of a daemon on real sockets: a subscriber that does not take them is cut
off, the others hear all of them, and SHUTDOWN ends the process.

    tests/live_messages.py ORRERYD          about 5 seconds
"""
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from live_sessions import node_port, wait_until_ok

SIZE = 1 << 20
COUNT = 64  # MiB in all; 32 MiB may wait for one client


def command(*words):
    data = b"*%d\r\n" % len(words)
    for word in words:
        data += b"$%d\r\n%s\r\n" % (len(word), word)
    return data


class Client:
    def __init__(self, port, receive_buffer=None):
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(20)
        self.sock.connect(("127.0.0.1", port))
        self.file = self.sock.makefile("rb")

    def send(self, *words):
        self.sock.sendall(command(*words))

    def item(self):
        line = self.file.readline()
        if not line:
            raise EOFError
        if line[:1] == b"$":
            return self.file.read(int(line[1:]) + 2)[:-2] if line[1:3] != b"-1" else None
        if line[:1] == b"*":
            return [self.item() for _ in range(int(line[1:]))]
        return line[1:-2]

    def ask(self, *words):
        self.send(*words)
        return self.item()


def slow_and_quick(port, process):
    slow = Client(port, 4096)
    quick = Client(port)
    sender = Client(port)
    assert slow.ask(b"SUBSCRIBE", b"news")[0] == b"subscribe"
    assert quick.ask(b"SUBSCRIBE", b"news")[0] == b"subscribe"
    heard = 0
    for i in range(COUNT):
        sender.ask(b"PUBLISH", b"news", b"%08d" % i + b"x" * SIZE)
        message = quick.item()
        assert message[0] == b"message" and message[2][:8] == b"%08d" % i, "a message is missing"
        heard += 1
    left = int(sender.ask(b"PUBSUB", b"NUMSUB", b"news")[1])
    assert left == 1, "%d subscribers are left: the slow one was not cut off" % left
    with open("/proc/%d/status" % process.pid) as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < 200 << 10, "the process held %d KiB" % peak
    got = 0
    try:
        while slow.sock.recv(1 << 20):
            got += 1
    except OSError:
        pass
    print("a quick subscriber heard %d messages, a slow one was cut off; %d MiB at the most"
          % (heard, peak >> 10))


def shutdown(port, process):
    client = Client(port)
    assert client.ask(b"SET", b"k", b"v") == b"OK"
    client.send(b"SHUTDOWN")
    assert client.sock.recv(100) == b"", "SHUTDOWN was answered"
    assert process.wait(20) == 0
    print("SHUTDOWN ended the process")


def main():
    with tempfile.TemporaryDirectory() as folder:
        port = node_port()
        process = subprocess.Popen(
            [sys.argv[1], "--port", str(port), "--dir", folder, "--slots", "0-16383"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until_ok(port)
            slow_and_quick(port, process)
            shutdown(port, process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


main()
