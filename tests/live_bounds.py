"""What clients may do to a node of `live_config.sh`, and what it lets them: idle ones, very many,
half-open and slow ones. Prints what holds, in one line; an exception is a failure.
    live_bounds.py PORT PID
"""
import socket
import subprocess
import sys
import time

port, pid = int(sys.argv[1]), int(sys.argv[2])


def connect():
    s = socket.create_connection(("127.0.0.1", port), timeout=10)
    s.settimeout(10)
    return s


def command(s, *words):
    s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
    return s.recv(65536)


def say(*words):
    with connect() as s:
        return command(s, *[w.encode() for w in words])


def config(name, value):
    answer = say("CONFIG", "SET", name, value)
    assert answer == b"+OK\r\n", (name, answer)


def is_closed(s, seconds):
    s.settimeout(seconds)
    try:
        while True:
            if s.recv(65536) == b"":
                return True
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def resident_kb():
    with open(f"/proc/{pid}/status") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def cpu_ticks():
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


holds = []

# the idle go, subscribers and who waits stay
config("timeout", "1")
idle, listens, waits = connect(), connect(), connect()
command(listens, b"SUBSCRIBE", b"news")
waits.sendall(b"WAIT 1 0\r\n")
assert is_closed(idle, 5), "an idle client stays"
assert not is_closed(listens, 1.5), "a subscriber was closed"
assert not is_closed(waits, 0.2), "a client that waits was closed"
config("timeout", "0")
holds.append("idle closed, subscribers not")

# very many idle connections
config("maxclients", "2300")
before, many = resident_kb(), []
for i in range(2000):
    many.append(connect())
assert command(many[-1], b"PING") == b"+PONG\r\n"
time.sleep(0.2)
ticks = cpu_ticks()
time.sleep(1)
used = cpu_ticks() - ticks
assert used <= 10, f"2,000 idle connections take {used} ticks a second"
more = (resident_kb() - before) / 2000
assert more < 8, f"an idle connection takes {more} kB"
holds.append(f"2,000 idle take {used} ticks/s and {more:.1f} kB each")

# no more than maxclients
config("maxclients", "2010")
extra = [connect() for i in range(20)]
time.sleep(0.2)
refused = 0
for s in extra:
    s.setblocking(False)
    try:
        refused += b"max number of clients reached" in s.recv(100)
    except BlockingIOError:
        pass
assert 5 <= refused < 20, f"{refused} of 20 too many were refused"
for s in many + extra:
    s.close()
for i in range(50):  # until the node has seen it
    if b"max number" not in say("PING"):
        break
    time.sleep(0.1)
holds.append("maxclients refuses")

# a client that does not take its answers makes the node keep little; one that others speak to,
# and that does not listen, is closed at the limit of its class
config("client-output-buffer-limit", "normal 4mb 0 0 pubsub 1mb 0 0")
assert say("SET", "big", "x" * 1000000) == b"+OK\r\n"
slow = connect()
before = resident_kb()
slow.sendall(b"GET big\r\n" * 100)
time.sleep(0.5)
more = resident_kb() - before
assert more < 16000, f"a slow reader costs {more} kB"
slow.close()
holds.append(f"a slow reader of 100 MB costs {more // 1000} MB")
listener = connect()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
command(listener, b"SUBSCRIBE", b"flood")
with connect() as speaker:
    for i in range(30):
        command(speaker, b"PUBLISH", b"flood", b"y" * 1000000)
assert b"flood" not in say("PUBSUB", "CHANNELS"), "a slow subscriber stays"
holds.append("a slow subscriber is closed")

# half a command, and nothing after it, stops nobody
half = [connect() for i in range(50)]
for s in half:
    s.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100\r\nonly the beg")
assert say("PING") == b"+PONG\r\n"
for s in half:
    s.close()
holds.append("half commands stop nobody")
assert subprocess.run(["kill", "-0", str(pid)], check=False).returncode == 0
print("; ".join(holds))
