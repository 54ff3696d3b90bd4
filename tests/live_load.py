#!/usr/bin/env python3
"""Writes to one node until it dies, and later asks whether all that was acknowledged is there.

    live_load.py write PORT PREFIX CLIENTS [PID COUNT]
                                               prints, a line each, how many writes every client saw
                                               acknowledged; ends when the node is gone or refuses.
                                               With PID: kills it after COUNT of them
    live_load.py check PORT PREFIX COUNT...    exits 1 and says so when one of them is missing
    live_load.py until PORT KEY SECONDS PID    kills PID, then writes KEY, following MOVED, until it
                                               succeeds; prints the milliseconds that took
"""
import os
import signal
import socket
import sys
import threading
import time

PIPELINE = 8


def command(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class Connection:
    def __init__(self, port, timeout=5.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("closed")
        return line[:-2]

    def reply(self):
        line = self.line()
        if line[:1] != b"$":
            return line
        size = int(line[1:])
        return None if size < 0 else self.file.read(size + 2)[:-2]


def write(port, prefix, number, counts):
    try:
        connection = Connection(port)
        while True:
            batch = range(counts[number], counts[number] + PIPELINE)
            connection.send(b"".join(command("SET", f"{prefix}:{number}:{i}", f"v{i}") for i in batch))
            for _ in batch:
                answer = connection.reply()
                if answer != b"+OK":
                    raise ConnectionError(answer)
                counts[number] += 1
    except OSError:
        pass


def run_write(port, prefix, clients, victim, enough):
    counts = [0] * clients
    threads = [threading.Thread(target=write, args=(port, prefix, i, counts)) for i in range(clients)]
    for thread in threads:
        thread.start()
    while victim and sum(counts) < enough and any(thread.is_alive() for thread in threads):
        time.sleep(0.001)
    if victim:
        os.kill(victim, signal.SIGKILL)
    for thread in threads:
        thread.join()
    print(*counts, sep="\n")


def run_check(port, prefix, counts):
    connection = Connection(port)
    lost = 0
    for number, count in enumerate(counts):
        for begin in range(0, count, 100):
            batch = range(begin, min(begin + 100, count))
            connection.send(b"".join(command("GET", f"{prefix}:{number}:{i}") for i in batch))
            for i in batch:
                answer = connection.reply()
                if answer != b"v%d" % i:
                    lost += 1
                    if lost <= 5:
                        print(f"{prefix}:{number}:{i} was acknowledged; now {answer}")
    print(f"{sum(counts)} acknowledged, {lost} lost")
    sys.exit(1 if lost else 0)


def run_until(port, key, seconds, victim):
    os.kill(victim, signal.SIGKILL)
    begin = time.monotonic()
    last = None
    while time.monotonic() - begin < seconds:
        try:
            connection = Connection(port, 1.0)
            connection.send(command("SET", key, "x"))
            last = connection.reply()
            if last == b"+OK":
                print(round((time.monotonic() - begin) * 1000))
                return
            if last.startswith(b"-MOVED"):
                port_of_owner = int(last.split(b":")[-1])
                connection = Connection(port_of_owner, 1.0)
                connection.send(command("SET", key, "x"))
                last = connection.reply()
                if last == b"+OK":
                    print(round((time.monotonic() - begin) * 1000))
                    return
        except OSError as error:
            last = error
        time.sleep(0.005)
    print(f"not in {seconds} s; last: {last}")
    sys.exit(1)


if sys.argv[1] == "write":
    run_write(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), *(int(text) for text in sys.argv[5:] or (0, 0)))
elif sys.argv[1] == "check":
    run_check(int(sys.argv[2]), sys.argv[3], [int(text) for text in sys.argv[4:]])
elif sys.argv[1] == "until":
    run_until(int(sys.argv[2]), sys.argv[3], float(sys.argv[4]), int(sys.argv[5]))
