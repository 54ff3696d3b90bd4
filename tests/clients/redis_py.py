"""redis-py's RedisCluster against a running cluster; see README.md here for what is said on stdout.

    redis_py.py NAME PORT...
"""
import logging
import select
import sys
import time

import redis
from redis.cluster import ClusterNode, RedisCluster

NAME = sys.argv[1]
PORTS = [int(word) for word in sys.argv[2:]]
BATCH = 8
logging.disable(logging.CRITICAL)
sys.unraisablehook = lambda _: None  # 4.3.4 has some in ClusterNode.__del__


def say(*words):
    print(*words, flush=True)


def hold(what, condition, detail=""):
    say(f"ok {what}" if condition else f"FAIL {what}: {detail!r}")


def refused(kind, call):
    """Whether `call` raises exactly what a caller would catch; the text."""
    try:
        return False, call()
    except redis.RedisError as error:
        return isinstance(error, kind), f"{type(error).__name__} {error}"


def connect(**more):
    return RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", port) for port in PORTS], **more)


def try_values(client):
    key = f"{NAME}:string"
    hold("set, get", client.set(key, "value") and client.get(key) == b"value")
    hold("set nx, xx, get, keepttl", client.set(key, "x", nx=True) is None and client.set(key, "y", xx=True, get=True) == b"value")
    hold("incr", client.incrby(f"{NAME}:number", 41) + 1 == client.incr(f"{NAME}:number") and
         client.incrbyfloat(f"{NAME}:float", 1.5) == 1.5)
    hold("expire, ttl, persist", client.expire(key, 100) and 99 <= client.ttl(key) <= 100 and 99000 <= client.pttl(key) <= 100000
         and client.persist(key) and client.ttl(key) == -1 and client.ttl(f"{NAME}:none") == -2)
    client.set(f"{NAME}:soon", "x", px=60)
    time.sleep(0.1)
    hold("a key expires", client.get(f"{NAME}:soon") is None)
    binary = bytes(range(256)) * 3 + b"\r\n$-1\r\n"
    hold("binary key and value", client.set(binary, binary) and client.get(binary) == binary and client.delete(binary) == 1)
    large = bytes(range(256)) * 4096
    hold("a value of 1 MB", client.set(f"{NAME}:large", large) and client.get(f"{NAME}:large") == large
         and client.strlen(f"{NAME}:large") == len(large))
    name = f"{NAME}:hash"
    hold("hash", client.hset(name, mapping={"a": 1, "b": "two", b"\xff\0": b"\0"}) == 3
         and client.hgetall(name) == {b"a": b"1", b"b": b"two", b"\xff\0": b"\0"} and client.hincrby(name, "a", 4) == 5
         and client.hmget(name, "a", "none") == [b"5", None] and client.hdel(name, "b") == 1 and client.hlen(name) == 2)
    hold("hscan", dict(client.hscan_iter(name)) == {b"a": b"5", b"\xff\0": b"\0"})
    hold("type, object, dump, restore", client.type(name) == b"hash" and client.object("encoding", f"{NAME}:number") == b"int"
         and client.restore(f"{NAME}:copy", 0, client.dump(name)) and client.hlen(f"{NAME}:copy") == 2)


def try_keys(client):
    tagged = {f"{{{NAME}}}{i}": f"{i}" for i in range(5)}
    hold("mset, mget with a tag", client.mset(tagged) and client.mget(list(tagged)) == [b"0", b"1", b"2", b"3", b"4"])
    spread = {f"{NAME}:spread:{i}": str(i) for i in range(50)}
    hold("mset, mget over all slots", client.mset_nonatomic(spread) and
         client.mget_nonatomic(list(spread)) == [str(i).encode() for i in range(50)])
    hold("exists, touch, delete, unlink over all slots", client.exists(*spread) == 50 and client.touch(*spread) == 50
         and client.delete(*list(spread)[:25]) == 25 and client.unlink(*spread) == 25)
    hold("rename within a slot", client.rename(f"{{{NAME}}}0", f"{{{NAME}}}new") and client.get(f"{{{NAME}}}new") == b"0")
    for i in range(300):
        client.set(f"{NAME}:scan:{i}", i)
    hold("scan over all nodes", {int(key.split(b":")[2]) for key in client.scan_iter(f"{NAME}:scan:*", count=20)} == set(range(300)))
    hold("keys, dbsize over all nodes", len(client.keys(f"{NAME}:scan:*", target_nodes=RedisCluster.PRIMARIES)) == 300
         and client.dbsize(target_nodes=RedisCluster.PRIMARIES) >= 300)
    pipe = client.pipeline()
    for i in range(300):
        pipe.get(f"{NAME}:scan:{i}")
    hold("pipeline over all nodes", pipe.execute() == [str(i).encode() for i in range(300)])
    pipe = client.pipeline()
    pipe.set(f"{NAME}:scan:0", "x").hget(f"{NAME}:scan:0", "f").get(f"{NAME}:scan:0")
    got = pipe.execute(raise_on_error=False)
    hold("an error in a pipeline", got[0] and isinstance(got[1], redis.ResponseError) and got[2] == b"x", got)


def try_errors(client):
    node = client.get_node_from_key(f"{NAME}:string").redis_connection
    for what, kind, call in (
            ("WRONGTYPE", redis.ResponseError, lambda: client.hget(f"{NAME}:string", "f")),
            ("not an integer", redis.ResponseError, lambda: client.incr(f"{NAME}:string")),
            ("CROSSSLOT", redis.exceptions.ClusterCrossSlotError, lambda: node.execute_command("MGET", "a", "b")),
            ("unknown command", redis.ResponseError, lambda: node.execute_command("LPUSH", f"{NAME}:list", "x")),
            ("wrong number", redis.ResponseError, lambda: node.execute_command("GET")),
            ("SELECT", redis.ResponseError, lambda: node.execute_command("SELECT", 1))):
        good, text = refused(kind, call)
        hold(f"error: {what}", good, text)


def try_transaction(client):
    key = f"{{{NAME}}}t"
    node = client.get_node_from_key(key).redis_connection
    with node.pipeline(transaction=True) as pipe:
        pipe.watch(key)
        pipe.multi()
        pipe.set(key, 1).incr(key)
        hold("watch, multi, exec", pipe.execute() == [True, 2])
        pipe.watch(key)
        client.set(key, 5)
        pipe.multi()
        pipe.incr(key)
        good, text = refused(redis.WatchError, pipe.execute)
        hold("a watched key changed", good and client.get(key) == b"5", text)


def next_message(subscription):
    until = time.monotonic() + 5
    while time.monotonic() < until:
        message = subscription.get_message(ignore_subscribe_messages=True, timeout=1)
        if message:
            return message["channel"], message["data"]
    return None


def try_subscriptions(client):
    subscription = client.get_node(port=PORTS[0], host="127.0.0.1").redis_connection.pubsub()
    subscription.subscribe(f"{NAME}:news")
    subscription.psubscribe(f"{NAME}:*:p")
    subscription.get_message(timeout=1)
    subscription.get_message(timeout=1)
    client.get_node(port=PORTS[-1], host="127.0.0.1").redis_connection.publish(f"{NAME}:news", b"\0hello")
    got = next_message(subscription)
    hold("publish at one node, heard at another", got == (f"{NAME}:news".encode(), b"\0hello"), got)
    client.get_node(port=PORTS[1], host="127.0.0.1").redis_connection.publish(f"{NAME}:x:p", "pattern")
    got = next_message(subscription)
    hold("psubscribe", got == (f"{NAME}:x:p".encode(), b"pattern"), got)
    subscription.close()


def try_cluster(client):
    hold("knows six nodes", len(client.get_nodes()) == 6 and len(client.get_primaries()) == 3, client.get_nodes())
    nodes = client.cluster_nodes()
    hold("parses CLUSTER NODES", len(nodes) == 6 and sum("master" in node["flags"] for node in nodes.values()) == 3
         and all(node["connected"] for node in nodes.values()), nodes)
    slots = client.cluster_slots()
    hold("parses CLUSTER SLOTS", sum(last - first + 1 for first, last in slots) == 16384
         and all(len(row["replicas"]) == 1 for row in slots.values()), slots)
    info = client.info(target_nodes=RedisCluster.ALL_NODES)
    hold("parses INFO", len(info) == 6 and all(node["cluster_enabled"] == 1 and node["loading"] == 0 for node in info.values()))
    hold("slot of a key", client.keyslot("{a}b") == client.cluster_keyslot("x{a}"))
    hold("config get, client list, time", "port" in client.config_get("port", target_nodes=RedisCluster.RANDOM)
         and client.client_list(target_nodes=RedisCluster.RANDOM) and client.time(target_nodes=RedisCluster.RANDOM))
    replicas = connect(read_from_replicas=True)
    client.set(f"{NAME}:replicated", "x")
    node = client.get_node_from_key(f"{NAME}:replicated").redis_connection
    hold("wait", node.wait(1, 2000) == 1)
    hold("reads from replicas", all(replicas.get(f"{NAME}:replicated") == b"x" for _ in range(10)))
    replicas.close()


class Load:
    """Sets what nobody else sets, reads it back, and remembers when it was acknowledged."""

    def __init__(self, client):
        self.client = client
        self.acked = {}

    def insist(self, call):
        until = time.monotonic() + 20
        while True:
            try:
                return call()
            except Exception as error:  # pylint: disable=broad-except
                say(f"error {type(error).__name__} {error}".replace("\n", " "))
                if time.monotonic() > until:
                    say("FAIL 20 s without an answer")
                    raise
                time.sleep(0.05)

    def done(self, key, value):
        self.acked[key] = (value, time.time())

    def read(self, what, got, wanted):
        if got != wanted:
            say(f"FAIL {what}: read {got!r}, not {wanted!r}")

    def step(self, i):
        client, value = self.client, f"v{i}".encode()
        key, name, tag = f"{NAME}:{i}", f"{NAME}:h:{i}", f"{{{NAME}:{i}}}"
        self.insist(lambda: client.set(key, value, ex=10000))
        self.done(key, value)
        self.insist(lambda: client.hset(name, mapping={"f": value, "g": i}))
        self.done(name, value)
        self.read(key, self.insist(lambda: client.get(key)), value)
        self.read(name, self.insist(lambda: client.hget(name, "f")), value)
        pair = {tag + "a": value, tag + "b": value}
        self.insist(lambda: client.mset(pair))
        for each in pair:
            self.done(each, value)
        self.read(tag, self.insist(lambda: client.mget(list(pair))), [value, value])
        batch = [f"{NAME}:p:{i}:{j}" for j in range(BATCH)]

        def pipelined(command):
            pipe = client.pipeline()
            for each in batch:
                command(pipe, each)
            return pipe.execute()

        self.insist(lambda: pipelined(lambda pipe, each: pipe.set(each, value)))
        for each in batch:
            self.done(each, value)
        self.read(batch, self.insist(lambda: pipelined(lambda pipe, each: pipe.get(each))), [value] * BATCH)

    def run(self):
        i = 0
        while not select.select([sys.stdin], [], [], 0.02)[0]:
            self.step(i)
            i += 1

    def verify(self):
        for key, (value, at) in self.acked.items():
            get = (lambda: self.client.hget(key, "f")) if ":h:" in key else (lambda: self.client.get(key))
            if self.insist(get) != value:
                say(f"lost {at:.3f} {key}")
        say(f"held {len(self.acked)}")


def main():
    client = connect()
    for part in (try_values, try_keys, try_errors, try_transaction, try_subscriptions, try_cluster):
        try:
            part(client)
        except Exception as error:  # pylint: disable=broad-except
            say(f"FAIL {part.__name__}: {type(error).__name__} {error}")
    load = Load(client)
    say(f"ready redis-py {redis.__version__}")
    load.run()
    load.verify()


main()
