"""Nodes of orreryd on free ports, for tests in Python."""
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

children = []


def free_port():
    while True:
        port = 10000 + int.from_bytes(os.urandom(2), "little") % 20000
        with socket.socket() as one, socket.socket(type=socket.SOCK_DGRAM) as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_ports(count):
    """The first of `count` in a row that are free, and so are those 10000 above, for the bus."""
    while True:
        first = 11000 + int.from_bytes(os.urandom(2), "little") % (10000 - count)
        if all(is_free(port) and is_free(port + 10000) for port in range(first, first + count)):
            return first


class Node:
    def __init__(self, orreryd, work, name, words, port=None, node_timeout="1s"):
        self.orreryd = orreryd
        self.port = port or free_port()
        self.bus = port + 10000 if port else free_port()
        self.http = free_port()
        self.node_timeout = node_timeout
        self.directory = os.path.join(work, name)
        self.log = os.path.join(work, name + ".log")
        self.words = words

    def start(self, *more):
        self.process = subprocess.Popen(
            [self.orreryd, "--port", str(self.port), "--bus-port", str(self.bus), "--metrics-port", str(self.http), "--dir",
             self.directory, "--log-file", self.log, "--node-timeout", self.node_timeout, *self.words, *more])
        children.append(self.process)

    def get(self, path, timeout=5):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def ask(self, *words):
        """One command by RESP; the raw answer."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as link:
            link.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
            return link.recv(1 << 20).decode()

    def raw(self, data, timeout=8):
        """Bytes to the metrics port; all that comes back until it is closed."""
        with socket.create_connection(("127.0.0.1", self.http), timeout) as link:
            link.sendall(data)
            back = b""
            try:
                while piece := link.recv(65536):
                    back += piece
            except ConnectionResetError:
                pass
            return back.decode("latin-1")


def wait_for(condition, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


def end_children():
    for child in children:
        child.kill()
        child.wait()
