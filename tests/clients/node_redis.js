"use strict";
// node-redis' cluster client, 4 and later, against a running cluster; see README.md here.
//   node_redis.js NAME PORT...
const {name, ports, say, sleep, hold, refused, mailbox, main} = require("./common.js");
const redis = require("redis");
const number = require("redis/package.json").version;
const major = Number(number.split(".")[0]);
const rootNodes = ports.map(port => ({url: `redis://127.0.0.1:${port}`}));
const more = major >= 5 ? {RESP: 3} : {};
const cluster = redis.createCluster({rootNodes, ...more});
cluster.on("error", error => say(`error event ${error.message}`));

// The same client, its answers as bytes.
const bytes = major >= 5 ? cluster.withTypeMapping({[redis.RESP_TYPES.BLOB_STRING]: Buffer}) : cluster;
const getBytes = key => major >= 5 ? bytes.get(key) : cluster.get(redis.commandOptions({returnBuffers: true}), key);
const primaries = async () => cluster.getMasters ? cluster.getMasters().map(node => node.client) :
    Promise.all(cluster.masters.map(node => cluster.nodeClient(node)));
const plain = object => ({...object});

async function values() {
    const key = `${name}:string`;
    hold("set, get", [await cluster.set(key, "value"), await cluster.get(key)], ["OK", "value"]);
    hold("set nx, xx, get", [await cluster.set(key, "x", {NX: true}), await cluster.set(key, "y", {XX: true, GET: true})],
         [null, "value"]);
    hold("incr", [await cluster.incrBy(`${name}:n`, 41), await cluster.incr(`${name}:n`), await cluster.incrByFloat(`${name}:f`, 1.5)],
         [41, 42, "1.5"]);
    hold("expire, ttl, persist", [Number(await cluster.expire(key, 100)), await cluster.ttl(key), Number(await cluster.persist(key)),
                                  await cluster.ttl(key), await cluster.ttl(`${name}:none`)], [1, 100, 1, -1, -2]);
    await cluster.set(`${name}:soon`, "x", {PX: 60});
    await sleep(100);
    hold("a key expires", await cluster.get(`${name}:soon`), null);
    const binary = Buffer.concat([Buffer.from(Array.from({length: 256}, (_, i) => i)), Buffer.from("\r\n$-1\r\n")]);
    await cluster.set(`${name}:binary`, binary);
    hold("a binary value", binary.equals(await getBytes(`${name}:binary`)));
    const large = Buffer.alloc(1 << 20, binary);
    await cluster.set(`${name}:large`, large);
    hold("a value of 1 MB", large.equals(await getBytes(`${name}:large`)) && await cluster.strLen(`${name}:large`) === 1 << 20);
    const hash = `${name}:hash`;
    hold("hash", [await cluster.hSet(hash, {a: 1, b: "two"}), plain(await cluster.hGetAll(hash)), await cluster.hIncrBy(hash, "a", 4),
                  await cluster.hmGet(hash, ["a", "none"]), Number(await cluster.hDel(hash, "b"))],
         [2, {a: "1", b: "two"}, 5, ["5", null], 1]);
    hold("type, object", [await cluster.type(hash), await cluster.objectEncoding(`${name}:n`)], ["hash", "int"]);
}

async function keys() {
    const tagged = [0, 1, 2].map(i => `{${name}}${i}`);
    hold("mset, mget with a tag", [await cluster.mSet(tagged.map((key, i) => [key, `${i}`])), await cluster.mGet(tagged)],
         ["OK", ["0", "1", "2"]]);
    hold("exists, rename, del with a tag", [await cluster.exists(tagged), await cluster.rename(tagged[0], `{${name}}new`),
                                            await cluster.del(tagged)], [3, "OK", 2]);
    await Promise.all(Array.from({length: 200}, (_, i) => cluster.set(`${name}:scan:${i}`, `${i}`)));
    const found = new Set();
    for (const node of await primaries()) {
        for await (const some of node.scanIterator({MATCH: `${name}:scan:*`, COUNT: 20})) [some].flat().forEach(key => found.add(key));
    }
    hold("scan over all nodes", found.size, 200);
}

async function errors() {
    const wrong = await refused(() => cluster.hGet(`${name}:string`, "f"));
    hold(`error: ${wrong}`, /WRONGTYPE/.test(wrong));
    const cross = await refused(async () => (await primaries())[0].sendCommand(["MGET", "a", "b"]));
    hold(`error: ${cross}`, /CROSSSLOT/.test(cross));
    const list = await refused(() => cluster.lPush(`${name}:list`, "1"));
    hold(`error: ${list}`, /ERR .*LPUSH/.test(list));
}

async function transactions() {
    const key = `{${name}}t`;
    hold("multi, exec", await cluster.multi().set(key, "1").incr(key).exec(), ["OK", 2]);
}

async function subscriptions() {
    const subscriber = redis.createClient({url: `redis://127.0.0.1:${ports[0]}`, ...more});
    const publisher = redis.createClient({url: `redis://127.0.0.1:${ports[5]}`, ...more});
    const box = mailbox();
    await Promise.all([subscriber.connect(), publisher.connect()]);
    await subscriber.subscribe(`${name}:news`, box.put);
    await subscriber.pSubscribe(`${name}:*:p`, box.put);
    await publisher.publish(`${name}:news`, "hello");
    hold("publish at one node, heard at another", await box.take(), ["hello", `${name}:news`]);
    await publisher.publish(`${name}:x:p`, "pattern");
    hold("psubscribe", await box.take(), ["pattern", `${name}:x:p`]);
    await Promise.all([subscriber, publisher].map(client => client.quit()));
    if (!cluster.sSubscribe) {
        say("skip ssubscribe: this version has none for clusters");
        return;
    }
    await cluster.sSubscribe(`{${name}}shard`, box.put);
    await cluster.sPublish(`{${name}}shard`, "sharded");
    hold("spublish, ssubscribe", await box.take(), ["sharded", `{${name}}shard`]);
    await cluster.sUnsubscribe(`{${name}}shard`);
}

async function nodes() {
    hold("knows all primaries", (await primaries()).length, 3);
    const client = redis.createClient({url: `redis://127.0.0.1:${ports[0]}`, ...more});
    await client.connect();
    hold("parses CLUSTER NODES", (await client.sendCommand(["CLUSTER", "NODES"])).trim().split("\n").length, 6);
    const hello = await client.sendCommand(["HELLO", major >= 5 ? "3" : "2"]);
    hold("HELLO", JSON.stringify(hello).includes("cluster"));
    hold("config get, time", [plain(await client.configGet("port")).port, Boolean(await client.time())], [`${ports[0]}`, true]);
    await client.quit();
    const replicas = redis.createCluster({rootNodes, useReplicas: true, ...more});
    replicas.on("error", error => say(`error event ${error.message}`));
    await replicas.connect();
    await cluster.set(`${name}:replicated`, "x");
    await sleep(200);
    hold("reads from replicas", [await replicas.get(`${name}:replicated`), await replicas.get(`${name}:replicated`)], ["x", "x"]);
    await replicas.quit();
}

const ops = {
    set: (key, value) => cluster.set(key, value, {EX: 10000}),
    get: key => cluster.get(key),
    hset: (key, field, value) => cluster.hSet(key, field, value),
    hget: (key, field) => cluster.hGet(key, field),
    mset: (list, value) => cluster.mSet(list.map(key => [key, value])),
    mget: list => cluster.mGet(list),
};
cluster.connect().then(() => main(`node-redis ${number}`, [values, keys, errors, transactions, subscriptions, nodes], ops));
