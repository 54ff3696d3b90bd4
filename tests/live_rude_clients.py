#!/usr/bin/env python3
"""Clients that do not behave, at one node with all slots: it serves the others meanwhile.

    live_rude_clients.py PORT PID CLIENTS_MAX      a line for each thing that holds; exits 1 at the first that does not
"""
import socket
import sys
import time

PORT, PID, CLIENTS_MAX = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])


def connect(port=PORT):
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.settimeout(10)
    return connection


def ask(connection, text):
    connection.sendall(text.encode())
    return connection.recv(65536)


def until_closed(connection):
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def resident_mb():
    with open(f"/proc/{PID}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))


def hold(what, condition):
    print(("ok   " if condition else "FAIL ") + what)
    if not condition:
        sys.exit(1)


other = connect()


def others_are_served():
    begin = time.monotonic()
    return ask(other, "PING\r\n") == b"+PONG\r\n" and time.monotonic() - begin < 2


for bad in ("*3\r\n$abc\r\n", "*5000000000\r\n", "*1\r\n$99999999999\r\n", "*2\r\n:1\r\n"):
    broken = connect()
    broken.sendall(bad.encode())
    hold(f"{bad!r} is refused: {(answer := until_closed(broken))!r}", answer.startswith(b"-ERR Protocol error"))

half = connect()
half.sendall(b"*2\r\n$3\r\nGET\r\n$1000\r\nabc")
half.close()
hold("a command that ends in the middle", others_are_served())

for port, kind in ((PORT + 10000, socket.SOCK_STREAM), (PORT + 10000, socket.SOCK_DGRAM)):
    for junk in (b"", b"GET / HTTP/1.0\r\n\r\n", b"ORRB\x01" + b"\xff" * 100, b"ORRH\x01\x00\x01\x02\x03\x04" + b"ORRB\x01" + b"\xff" * 200):
        stranger = socket.socket(socket.AF_INET, kind)
        stranger.connect(("127.0.0.1", port))
        stranger.send(junk)
        stranger.close()
hold("rubbish on the bus", others_are_served())
strangers = [connect(PORT + 10000) for _ in range(400)]
hold("400 strangers on the bus who say nothing", others_are_served())
for stranger in strangers:
    stranger.close()

hold("a value of 20 kB", ask(other, f"SET big {'x' * 20000}\r\n") == b"+OK\r\n")
before = resident_mb()
slow = []
for _ in range(30):
    client = connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    for _ in range(20):
        try:
            client.send(b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n" * 500)
        except BlockingIOError:
            break
    slow.append(client)
deadline = time.monotonic() + 2
worst = 0
while time.monotonic() < deadline:
    begin = time.monotonic()
    hold_on = ask(other, "PING\r\n") == b"+PONG\r\n"
    worst = max(worst, time.monotonic() - begin)
    time.sleep(0.05)
grown = resident_mb() - before
hold(f"30 clients who ask for 6 GB and read nothing: {grown} MB more, another waits {worst * 1000:.0f} ms at most",
     hold_on and worst < 5 and grown < 300)
for client in slow:
    client.close()

hold("a value of 1 MB", ask(other, f"*3\r\n$3\r\nSET\r\n$4\r\nhuge\r\n$1000000\r\n{'x' * 1000000}\r\n") == b"+OK\r\n")
other.sendall(b"GET huge\r\n")
got = 0
while got < 1000012:
    got += len(other.recv(1 << 20))
hold("and one who has read it goes on", ask(other, "PING\r\n") == b"+PONG\r\n")
before = resident_mb()
greedy = connect()
greedy.sendall(b"GET huge\r\n" * 1000)
time.sleep(0.5)
grown = resident_mb() - before
got = 0
while got < 1000 * 1000012:
    got += len(greedy.recv(1 << 20))
hold(f"a client who asks for 1 GB at once gets it, with {grown} MB more here", grown < 300 and ask(greedy, "PING\r\n") == b"+PONG\r\n")
greedy.close()

drip = connect()
for byte in b"*3\r\n$3\r\nSET\r\n$4\r\ndrip\r\n$3\r\nabc\r\n":
    drip.send(bytes([byte]))
    time.sleep(0.01)
hold("a command byte by byte", drip.recv(100) == b"+OK\r\n")
drip.close()

begin = time.monotonic()
count = 0
while time.monotonic() < begin + 1:
    for client in [connect() for _ in range(50)]:
        client.close()
        count += 1
hold(f"{count} connections in a second that say nothing", others_are_served())
time.sleep(0.3)
hold("none of them is left", b"connected_clients:1\r" in ask(other, "INFO clients\r\n"))

many = []
refused = b""
for _ in range(CLIENTS_MAX + 5):
    client = connect()
    many.append(client)
time.sleep(0.3)
refused = until_closed(many[-1])
hold(f"client {CLIENTS_MAX + 5} of {CLIENTS_MAX}: {refused!r}", refused == b"-ERR max number of clients reached\r\n")
hold(f"{CLIENTS_MAX} idle clients: {resident_mb()} MB", others_are_served())
for client in many:
    client.close()
time.sleep(0.3)
hold("the next one is let in", ask(connect(), "PING\r\n") == b"+PONG\r\n")
