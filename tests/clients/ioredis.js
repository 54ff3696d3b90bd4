"use strict";
// ioredis' Cluster against a running cluster; see README.md here.
//   ioredis.js NAME PORT...
const {name, ports, say, sleep, hold, refused, mailbox, main} = require("./common.js");
const Redis = require("ioredis");
const version = `ioredis ${require("ioredis/package.json").version}`;
const seeds = ports.map(port => ({host: "127.0.0.1", port}));
const cluster = new Redis.Cluster(seeds);
cluster.on("error", error => say(`error event ${error.message}`));

async function values() {
    const key = `${name}:string`;
    hold("set, get", [await cluster.set(key, "value"), await cluster.get(key)], ["OK", "value"]);
    hold("set nx, xx, get", [await cluster.set(key, "x", "NX"), await cluster.set(key, "y", "XX", "GET")], [null, "value"]);
    hold("incr", [await cluster.incrby(`${name}:n`, 41), await cluster.incr(`${name}:n`), await cluster.incrbyfloat(`${name}:f`, 1.5)],
         [41, 42, "1.5"]);
    hold("expire, ttl, persist", [await cluster.expire(key, 100), await cluster.ttl(key), await cluster.persist(key),
                                  await cluster.ttl(key), await cluster.ttl(`${name}:none`)], [1, 100, 1, -1, -2]);
    await cluster.set(`${name}:soon`, "x", "PX", 60);
    await sleep(100);
    hold("a key expires", await cluster.get(`${name}:soon`), null);
    const binary = Buffer.concat([Buffer.from(Array.from({length: 256}, (_, i) => i)), Buffer.from("\r\n$-1\r\n")]);
    await cluster.set(binary, binary);
    hold("binary key and value", binary.equals(await cluster.getBuffer(binary)));
    const large = Buffer.alloc(1 << 20, binary);
    await cluster.set(`${name}:large`, large);
    hold("a value of 1 MB", large.equals(await cluster.getBuffer(`${name}:large`)) && await cluster.strlen(`${name}:large`) === 1 << 20);
    const hash = `${name}:hash`;
    hold("hash", [await cluster.hset(hash, {a: 1, b: "two"}), await cluster.hgetall(hash), await cluster.hincrby(hash, "a", 4),
                  await cluster.hmget(hash, "a", "none"), await cluster.hdel(hash, "b")], [2, {a: "1", b: "two"}, 5, ["5", null], 1]);
    hold("hscan", (await cluster.hscan(hash, 0))[1], ["a", "5"]);
    hold("type, object, copy", [await cluster.type(hash), await cluster.object("ENCODING", `${name}:n`),
                                await cluster.restore(`${name}:copy`, 0, await cluster.dumpBuffer(hash))], ["hash", "int", "OK"]);
}

async function keys() {
    const tagged = [0, 1, 2].map(i => `{${name}}${i}`);
    hold("mset, mget with a tag", [await cluster.mset(tagged[0], 0, tagged[1], 1, tagged[2], 2), await cluster.mget(tagged)],
         ["OK", ["0", "1", "2"]]);
    hold("del, exists, rename with a tag", [await cluster.exists(tagged), await cluster.rename(tagged[0], `{${name}}new`),
                                            await cluster.del(...tagged)], [3, "OK", 2]);
    for (let i = 0; i < 200; i++) await cluster.set(`${name}:scan:${i}`, i);
    const found = new Set();
    for (const node of cluster.nodes("master")) {
        for await (const some of node.scanStream({match: `${name}:scan:*`, count: 20})) some.forEach(key => found.add(key));
    }
    hold("scan over all nodes", found.size, 200);
    const pipeline = cluster.pipeline();
    pipeline.set(tagged[0], "x").hget(tagged[0], "f").get(tagged[0]);
    const got = await pipeline.exec();
    hold("an error in a pipeline", [got[0], /WRONGTYPE/.test(got[1][0]?.message), got[2]], [[null, "OK"], true, [null, "x"]]);
}

async function errors() {
    const wrong = await refused(() => cluster.hget(`${name}:string`, "f"));
    hold(`error: ${wrong}`, /^(Reply|Simple)Error WRONGTYPE/.test(wrong));
    const cross = await refused(() => cluster.mget("a", "b"));
    hold(`error: ${cross}`, /^(Reply|Simple)Error CROSSSLOT/.test(cross));
    const list = await refused(() => cluster.lpush(`${name}:list`, 1));
    hold(`error: ${list}`, /^(Reply|Simple)Error ERR .*lpush/.test(list));
}

async function transactions() {
    const key = `{${name}}t`;
    hold("multi, exec", await cluster.multi().set(key, 1).incr(key).exec(), [[null, "OK"], [null, 2]]);
    const [node] = (await Promise.all(cluster.nodes("master").map(async each => {
        try {
            await each.get(key);
            return [each];
        } catch (error) {
            return [];
        }
    }))).flat();
    await node.watch(key);
    await cluster.set(key, 5);
    hold("a watched key changed", await node.multi().incr(key).exec(), null);
}

async function subscriptions() {
    const subscriber = new Redis.Cluster(seeds);
    const box = mailbox();
    subscriber.on("message", box.put);
    subscriber.on("pmessage", box.put);
    await subscriber.subscribe(`${name}:news`);
    await subscriber.psubscribe(`${name}:*:p`);
    await cluster.publish(`${name}:news`, "hello");
    hold("publish, subscribe", await box.take(), [`${name}:news`, "hello"]);
    await cluster.publish(`${name}:x:p`, "pattern");
    hold("psubscribe", await box.take(), [`${name}:*:p`, `${name}:x:p`, "pattern"]);
    await subscriber.quit();
    const sharded = new Redis.Cluster(seeds, {shardedSubscribers: true});
    sharded.on("smessage", (channel, text) => box.put(channel, text));
    await sharded.ssubscribe(`{${name}}shard`);
    hold("spublish, ssubscribe", [await cluster.spublish(`{${name}}shard`, "sharded"), await box.take()], [1, [`{${name}}shard`, "sharded"]]);
    await sharded.sunsubscribe(`{${name}}shard`);
    await sharded.quit();
}

async function nodes() {
    hold("knows all nodes", [cluster.nodes("master").length, cluster.nodes("slave").length], [3, 3]);
    hold("cluster slots", (await cluster.cluster("SLOTS")).reduce((sum, [first, last]) => sum + last - first + 1, 0), 16384);
    const replicas = new Redis.Cluster(seeds, {scaleReads: "slave"});
    await cluster.set(`${name}:replicated`, "x");
    await sleep(200);
    hold("reads from replicas", await replicas.get(`${name}:replicated`), "x");
    await replicas.quit();
    const resp3 = new Redis(ports[0], {protocol: 3});
    const hello = await resp3.call("HELLO", "3");
    hold("HELLO 3", JSON.stringify(hello).includes("cluster"));
    await resp3.quit();
}

const ops = {
    set: (key, value) => cluster.set(key, value, "EX", 10000),
    get: key => cluster.get(key),
    hset: (key, field, value) => cluster.hset(key, field, value),
    hget: (key, field) => cluster.hget(key, field),
    mset: (list, value) => cluster.mset(list.flatMap(key => [key, value])),
    mget: list => cluster.mget(list),
};
cluster.once("ready", () => main(version, [values, keys, errors, transactions, subscriptions, nodes], ops));
