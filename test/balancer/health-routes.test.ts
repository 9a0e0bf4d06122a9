/** What load balancers ask a server: whether it lives, whether it can serve, whether it decides. */
import assert from "node:assert/strict";
import { Agent, get } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { err, type Result } from "../../src/core/result.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Store, StoreError } from "../../src/ports/store.ts";
import { createReadiness } from "../../src/server/readiness.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { clock, eventually, startHarness } from "../server/harness.ts";

type Read = Awaited<ReturnType<Store["get"]>>;

const noQuorum: StoreError = {
  kind: "unavailable",
  message: "the store has no leader",
  mayHaveTakenEffect: false,
};

/** A store whose reads the test answers, and a clock that it moves. */
class Bench {
  reads = 0;
  nowMs = 10_000;
  isConnected = true;
  answer: () => Promise<Read> = () => Promise.resolve(good);
  readonly #timers = new Set<{ readonly atMs: number; readonly ring: () => void }>();

  readonly clock: Clock = {
    monotonicMs: () => this.nowMs,
    wallMs: () => this.nowMs,
    after: (delayMs, ring) => {
      const timer = { atMs: this.nowMs + delayMs, ring };
      this.#timers.add(timer);
      return () => this.#timers.delete(timer);
    },
  };

  readonly readiness = createReadiness({
    clock: this.clock,
    view: Object.defineProperty({ connected: true }, "connected", {
      get: () => this.isConnected,
    }),
    store: {
      get: () => {
        this.reads += 1;
        return this.answer();
      },
    },
  });

  async check(): Promise<Result<void, string>> {
    return await this.readiness.check();
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.nowMs) continue;
      this.#timers.delete(timer);
      timer.ring();
    }
  }
}

const good: Read = { ok: true, value: { entry: undefined, revision: 1 } };
const yes = { ok: true, value: undefined };

describe("createReadiness()", () => {
  it("asks the store once for a thousand probes at once", async () => {
    const bench = new Bench();
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => bench.check()));
    assert.ok(answers.every(({ ok }) => ok));
    assert.equal(bench.reads, 1);
  });

  it("asks anew after half a second", async () => {
    const bench = new Bench();
    await bench.check();
    bench.pass(500);
    await bench.check();
    assert.equal(bench.reads, 1);
    bench.pass(1);
    await bench.check();
    assert.equal(bench.reads, 2);
  });

  it("is not ready before the first read, and when it fails says why", async () => {
    const bench = new Bench();
    bench.answer = () => Promise.resolve(err(noQuorum));
    assert.deepEqual(await bench.check(), err("the store has no leader"));
  });

  it("stays ready through two seconds without the store, as in an election, and no longer", async () => {
    const bench = new Bench();
    await bench.check();
    bench.answer = () => Promise.resolve(err(noQuorum));
    for (let passedMs = 600; passedMs <= 1_800; passedMs += 600) {
      bench.pass(600);
      assert.deepEqual(await bench.check(), yes, `after ${passedMs} ms`);
    }
    bench.pass(600);
    assert.deepEqual(await bench.check(), err("the store has no leader"));
    bench.answer = () => Promise.resolve(good);
    assert.deepEqual(await bench.check(), yes, "and is ready again with the first good read");
  });

  it("answers within a probe's patience although the store hangs, with one read under way", async () => {
    const bench = new Bench();
    const hanging = Promise.withResolvers<Read>();
    bench.answer = () => hanging.promise;
    const first = bench.check();
    const second = bench.check();
    bench.pass(700);
    const wanted = err("the store does not answer in time");
    assert.deepEqual([await first, await second], [wanted, wanted]);
    const third = bench.check();
    bench.pass(700);
    assert.deepEqual(await third, wanted);
    assert.equal(bench.reads, 1);
    hanging.resolve(good);
    await hanging.promise;
    assert.deepEqual(await bench.check(), yes);
  });

  it("is not ready without its view, nor when it shuts down, without asking the store", async () => {
    const bench = new Bench();
    bench.isConnected = false;
    assert.deepEqual(await bench.check(), err("this server is cut off from its store"));
    bench.isConnected = true;
    bench.readiness.shutDown();
    assert.deepEqual(await bench.check(), err("this server is shutting down"));
    assert.equal(bench.reads, 0);
  });

  it("is not ready when it shuts down while the store is asked", async () => {
    const bench = new Bench();
    const hanging = Promise.withResolvers<Read>();
    bench.answer = () => hanging.promise;
    const check = bench.check();
    bench.readiness.shutDown();
    hanging.resolve(good);
    assert.deepEqual(await check, err("this server is shutting down"));
  });
});

/** A memory store whose reads of single keys can be made to fail. */
function storeWithReads(t: TestContext): Store & { failing: boolean } {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const wrapped: Store & { failing: boolean } = {
    failing: false,
    capabilities: store.capabilities,
    get: (key) => (wrapped.failing ? Promise.resolve(err(noQuorum)) : store.get(key)),
    range: store.range.bind(store),
    txn: store.txn.bind(store),
    watch: store.watch.bind(store),
    grantLease: store.grantLease.bind(store),
    keepLeaseAlive: store.keepLeaseAlive.bind(store),
    revokeLease: store.revokeLease.bind(store),
    close: () => store.close(),
  };
  return wrapped;
}

describe("GET /livez, /readyz, /leader", () => {
  it("need no token, take HEAD, and tell nothing but yes", async (t) => {
    const harness = await startHarness(t);
    await eventually("there is a manager", async () => {
      return (await harness.call("GET", "/leader", { token: undefined })).status === 200;
    });
    for (const path of ["/livez", "/readyz", "/leader"]) {
      const answer = await harness.call("GET", path, { token: undefined });
      assert.deepEqual([answer.status, answer.text], [200, '{"status":"ok"}'], path);
      const head = await harness.call("HEAD", path, { token: undefined });
      assert.deepEqual([head.status, head.text], [200, ""], path);
    }
  });

  it("/readyz is 503 with the reason while the store answers nothing, /livez stays 200", async (t) => {
    const store = storeWithReads(t);
    const harness = await startHarness(t, { store });
    const ask = (path: string) => harness.call("GET", path, { token: undefined });
    assert.equal((await ask("/readyz")).status, 200);
    store.failing = true;
    await eventually("it is not ready", async () => (await ask("/readyz")).status === 503);
    const { json, text } = await ask("/readyz");
    assert.equal(String(json["detail"]), "the store has no leader");
    assert.ok(!text.includes("0.0.0-test"), "no version");
    assert.equal((await ask("/leader")).status, 503, "nor does it claim to decide");
    assert.equal((await ask("/livez")).status, 200);
    store.failing = false;
    await eventually("it is ready again", async () => (await ask("/readyz")).status === 200);
  });

  it("/leader is 200 on the manager's server only, and moves with it", async (t) => {
    const store = createMemoryStore({ clock });
    t.after(() => store.close());
    const first = await startHarness(t, { store });
    const leads = async (harness: typeof first): Promise<boolean> =>
      (await harness.call("GET", "/leader", { token: undefined })).status === 200;
    await eventually("the first leads", () => leads(first));
    const { dataDirectory } = first;
    const second = await startHarness(t, { store, dataDirectory, serverId: "second" });
    const answer = await second.call("GET", "/leader", { token: undefined });
    assert.equal(answer.status, 503);
    assert.equal(String(answer.json["detail"]), "the manager is on another server");
    assert.equal((await second.call("GET", "/readyz", { token: undefined })).status, 200);
    await first.server.close();
    await eventually("the second leads", () => leads(second));
  });

  it("/readyz is 200 no more as soon as the server shuts down", async (t) => {
    const harness = await startHarness(t);
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const ask = (): Promise<number> => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const call = get(`${harness.server.url}/readyz`, { agent }, (response) => {
        response.resume().on("end", () => resolve(response.statusCode ?? 0));
      });
      call.on("error", reject);
      return promise;
    };
    assert.equal(await ask(), 200);
    const closing = harness.server.close();
    // Over the connection that there is, or a new one: whatever it is told, it is no yes.
    assert.notEqual(await ask().catch(() => "no answer"), 200);
    await closing;
  });
});
