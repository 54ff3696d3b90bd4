"use strict";
// What the JavaScript clients share: words on stdout, the verifying load. See README.md here.
const name = process.argv[2];
const ports = process.argv.slice(3).map(Number);
const batch = 8;
const say = text => console.log(String(text).replace(/\n/g, " "));
const sleep = milliseconds => new Promise(done => setTimeout(done, milliseconds));
const same = (got, wanted) => JSON.stringify(got) === JSON.stringify(wanted);

function hold(what, got, wanted = true) {
    say(same(got, wanted) ? `ok ${what}` : `FAIL ${what}: ${JSON.stringify(got)?.slice(0, 300)}`);
}

// The error that `call` ends with, as text.
async function refused(call) {
    try {
        return `no error, but ${JSON.stringify(await call())}`;
    } catch (error) {
        return `${error.constructor.name} ${error.message}`;
    }
}

async function parts(list) {
    for (const part of list) {
        try {
            await part();
        } catch (error) {
            say(`FAIL ${part.name}: ${error.constructor.name} ${error.message}`);
        }
    }
}

// Waits for what a subscription hears.
function mailbox() {
    const heard = [];
    const put = (...words) => heard.push(words.map(String));
    const take = async () => {
        for (let i = 0; i < 500 && heard.length === 0; i++) await sleep(10);
        return heard.shift();
    };
    return {put, take};
}

// Sets what nobody else sets, reads it back, and remembers when it was acknowledged.
// `ops`: set get hset hget mset mget, each of keys and values as text, promising the answer.
class Load {
    constructor(ops) {
        this.ops = ops;
        this.acked = new Map();
        this.stopped = false;
        process.stdin.on("data", () => { this.stopped = true; });
        process.stdin.on("end", () => { this.stopped = true; });
    }

    async insist(call) {
        const until = Date.now() + 20000;
        for (;;) {
            try {
                return await call();
            } catch (error) {
                say(`error ${error.constructor.name} ${error.message}`);
                if (Date.now() > until) {
                    say("FAIL 20 s without an answer");
                    throw error;
                }
                await sleep(50);
            }
        }
    }

    async write(keys, value, call) {
        await this.insist(call);
        for (const key of keys) this.acked.set(key, [value, Date.now() / 1000]);
    }

    async read(what, value, call) {
        const got = await this.insist(call);
        if (!same(got, value)) say(`FAIL ${what}: read ${JSON.stringify(got)}, not ${JSON.stringify(value)}`);
    }

    async step(i) {
        const {ops} = this;
        const value = `v${i}`;
        const [key, hash, tag] = [`${name}:${i}`, `${name}:h:${i}`, `{${name}:${i}}`];
        const pair = [`${tag}a`, `${tag}b`];
        const many = Array.from({length: batch}, (_, j) => `${name}:p:${i}:${j}`);
        await this.write([key], value, () => ops.set(key, value));
        await this.write([hash], value, () => ops.hset(hash, "f", value));
        await this.read(key, value, () => ops.get(key));
        await this.read(hash, value, () => ops.hget(hash, "f"));
        await this.write(pair, value, () => ops.mset(pair, value));
        await this.read(tag, [value, value], () => ops.mget(pair));
        // at the same time: the clients pipeline what goes to one node
        await Promise.all(many.map(each => this.write([each], value, () => ops.set(each, value))));
        await Promise.all(many.map(each => this.read(each, value, () => ops.get(each))));
    }

    async run() {
        for (let i = 0; !this.stopped; i++) {
            await this.step(i);
            await sleep(20);
        }
    }

    async verify() {
        for (const [key, [value, at]] of this.acked) {
            const got = await this.insist(() => key.includes(":h:") ? this.ops.hget(key, "f") : this.ops.get(key));
            if (got !== value) say(`lost ${at.toFixed(3)} ${key}`);
        }
        say(`held ${this.acked.size}`);
    }
}

async function main(version, checks, ops) {
    await parts(checks);
    const load = new Load(ops);
    say(`ready ${version}`);
    await load.run();
    await load.verify();
    process.exit(0);
}

module.exports = {name, ports, say, sleep, same, hold, refused, mailbox, main};
