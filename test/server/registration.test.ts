/** What a server waits for before it is one of the others: signs of life that may be nobody's, and its own member. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { err, ok, type Result } from "../../src/core/result.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Log } from "../../src/ports/log.ts";
import type { Store } from "../../src/ports/store.ts";
import type { ControlPlane, MemberStatus } from "../../src/server/control-plane/control-plane.ts";
import { openPresence } from "../../src/server/control-plane/presence.ts";
import { ownMemberId, registerServer } from "../../src/server/control-plane/registration.ts";
import { startServer } from "../../src/server/start.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { ManualClock } from "../stores/manual-clock.ts";
import { makeTestCertificates } from "../support/test-certificates.ts";
import { quietLog, clock as realClock, temporaryDirectory } from "./harness.ts";

const self = { id: "2", name: "s2", url: "https://localhost:7002", member: undefined };
const refusal =
  /^server "s2" is of version 1\.0\.0, and server "s1" of 0\.9\.0: .*; install .*, or stop the servers that do not fit first$/;
const member = { peerUrl: "https://127.0.0.1:7442", clientUrl: "https://127.0.0.1:7441" };
const told = "it was told to end";

class Bench {
  readonly clock = new ManualClock();
  readonly store: Store;
  readonly lines: string[] = [];
  readonly log: Log = {
    write: (level, sentence) => this.lines.push(`${level} ${sentence}`),
    with: () => this.log,
  };

  constructor(t: TestContext) {
    this.store = createMemoryStore({ clock: this.clock });
    t.after(() => this.store.close());
  }

  async put(key: string, value: object, leaseId?: string): Promise<void> {
    const then = [{ kind: "put" as const, key, value: { version: 1, ...value }, leaseId }];
    assert.ok((await this.store.txn({ compare: [], then })).ok);
  }

  /** Server 1 of the version before, and its sign of life: for so long, or for ever. */
  async other(signMs?: number): Promise<void> {
    const place = { id: "1", name: "s1", url: "https://localhost:7001" };
    await this.put("servers/1", { ...place, serverVersion: "0.9.0", registeredAtMs: 1 });
    const lease = signMs === undefined ? undefined : await this.store.grantLease(signMs);
    await this.put("server-leases/1", { id: "1" }, lease?.ok ? lease.value : undefined);
  }

  async keys(): Promise<string> {
    const read = await this.store.range("server");
    return read.ok ? read.value.entries.map(({ key }) => key).join() : read.error.message;
  }

  /** Moves the time on until it has ended; the answer says after how long that was. */
  async until<T>(
    work: Promise<T>,
    onTurn: () => Promise<void> = async () => undefined,
  ): Promise<{ readonly value: T; readonly tookMs: number }> {
    const fromMs = this.clock.monotonicMs();
    let value: { readonly is: T } | undefined;
    void work.then((is) => {
      value = { is };
    });
    for (let turn = 0; turn < 100_000; turn += 1) {
      for (let count = 0; count < 5; count += 1) await nextTurn();
      if (value !== undefined) {
        return { value: value.is, tookMs: this.clock.monotonicMs() - fromMs };
      }
      await onTurn();
      this.clock.advance(500);
    }
    throw new Error("it does not end");
  }

  register(
    more: { readonly askPeer?: ControlPlane["askPeer"]; readonly signal?: AbortSignal } = {},
  ): Promise<Result<string | undefined, string>> {
    const { store, clock, log } = this;
    return registerServer({
      ...{ store, clock, log, self, memberId: undefined, version: "1.0.0" },
      serials: { certificate: "a", etcdCertificate: "b" },
      openPresence: () => openPresence(store, { serverId: "2", version: "1.0.0" }),
      askPeer: () => Promise.resolve(err("no answer")),
      ...more,
    });
  }
}

test("registerServer() refuses only after twice the time of a sign of life that stays and nobody answers for", async (t) => {
  const bench = new Bench(t);
  await bench.other();
  const seen = new Set<string>();
  const { value, tookMs } = await bench.until(bench.register(), async () => {
    seen.add(await bench.keys());
  });
  assert.ok(!value.ok);
  assert.match(value.error, refusal);
  assert.ok(tookMs >= 20_000 && tookMs <= 21_000, `${tookMs} ms`);
  assert.deepEqual([...seen], ["server-leases/1,servers/1"], "nothing of it is written meanwhile");
  assert.deepEqual(bench.lines, [
    'info waits for at most 20 s until the sign of life is gone of server "s1" of version 0.9.0: it does not answer, and this server\'s version 1.0.0 does not fit to it',
  ]);
});

test("registerServer() goes on when the sign of life goes, with one of its own that is fresh", async (t) => {
  const bench = new Bench(t);
  await bench.other(10_000);
  const { value, tookMs } = await bench.until(bench.register());
  assert.ok(value.ok, value.ok ? "" : value.error);
  assert.ok(tookMs >= 10_000 && tookMs <= 11_000, `${tookMs} ms`);
  assert.equal(await bench.keys(), "server-counter,server-leases/2,servers/1,servers/2");
  bench.clock.advance(9_000);
  assert.match(await bench.keys(), /server-leases\/2/);
});

test("registerServer() refuses at once what does not fit to a server that answers", async (t) => {
  const bench = new Bench(t);
  await bench.other(10_000);
  const answer = { id: "1", version: "0.9.0" };
  const { value, tookMs } = await bench.until(
    bench.register({ askPeer: () => Promise.resolve(ok(answer)) }),
  );
  assert.ok(!value.ok);
  assert.match(value.error, refusal);
  assert.equal(tookMs, 0);
  const strangers = [{ id: "7", version: "0.9.0" }, { id: "1" }, "nothing"];
  for (const stranger of strangers) {
    const waited = new Bench(t);
    await waited.other(10_000);
    const askPeer = () => Promise.resolve(ok(stranger));
    const letIn = await waited.until(waited.register({ askPeer }));
    assert.ok(letIn.value.ok, JSON.stringify(stranger));
  }
});

test("registerServer() ends its wait as soon as the server is told to end", async (t) => {
  const bench = new Bench(t);
  await bench.other();
  const end = new AbortController();
  const work = bench.register({ signal: end.signal });
  const { value, tookMs } = await bench.until(work, async () => {
    if (bench.clock.monotonicMs() >= 4_000) end.abort();
  });
  assert.deepEqual(value, err(told));
  assert.ok(tookMs <= 4_000, `${tookMs} ms`);
  assert.equal(await bench.keys(), "server-leases/1,servers/1");
  assert.equal(bench.clock.timerCount, 0);
});

/** Its member never says who it is. */
function silent(because: string): () => Promise<MemberStatus> {
  return () => Promise.resolve({ role: "error", because });
}

test("ownMemberId() waits for a member that nobody knows yet, until it answers or all is to end", async (t) => {
  const cases: readonly (readonly [string, number, Result<string | undefined, string>])[] = [
    ["it answers", 600_000, ok("77")],
    ["told", 600_000, err(told)],
    ["the store ends", 600_000, err("etcd ended with code 1")],
    ["nothing", 3_600_000, err("its own member of the store does not answer: it reads its log")],
  ];
  for (const [what, afterMs, wanted] of cases) {
    const bench = new Bench(t);
    const { store, clock, log } = bench;
    const end = new AbortController();
    const ended = Promise.withResolvers<string | undefined>();
    const untilMs = clock.monotonicMs() + afterMs;
    const memberStatus = async (): Promise<MemberStatus> => {
      const answers = what === "it answers" && clock.monotonicMs() >= untilMs;
      return answers ? { role: "follower", memberId: "77" } : await silent("it reads its log")();
    };
    const controlPlane = { self: { ...self, member }, memberStatus };
    const { value, tookMs } = await bench.until(
      ownMemberId({
        ...{ store, clock, log, controlPlane },
        ...{ signal: end.signal, storeEnded: ended.promise },
      }),
      async () => {
        if (clock.monotonicMs() < untilMs) return;
        if (what === "told") end.abort();
        if (what === "the store ends") ended.resolve("etcd ended with code 1");
      },
    );
    assert.deepEqual(value, wanted, what);
    assert.ok(tookMs >= afterMs && tookMs <= afterMs + 1_000, `${what}: ${tookMs} ms`);
    const words = bench.lines.filter((line) => /waits for its own member/.test(line)).length;
    assert.ok(words >= 15 && words <= 120, `${what}: ${words} lines`);
  }
});

test("startServer() goes on with the member that its record has, where the member itself does not answer", async (t) => {
  const dataDirectory = await temporaryDirectory(t);
  const store = createMemoryStore({ clock: realClock });
  t.after(() => store.close());
  const record = {
    ...{ version: 1, id: "1", name: "s1", url: "https://127.0.0.1:7440", serverVersion: "0.0.0" },
    ...{ member: { id: "77", ...member }, registeredAtMs: 1 },
  };
  const then = [{ kind: "put" as const, key: "servers/1", value: record }];
  assert.ok((await store.txn({ compare: [], then })).ok);
  const { caPem, certificatePem, keyPem } = makeTestCertificates(dataDirectory);
  const { id, name, url } = record;
  const started = await startServer({
    ...{ store, log: quietLog, dataDirectory, serverId: "1", version: "0.0.0-test" },
    clock: quickClock,
    listen: { host: "127.0.0.1", port: 0 },
    controlPlane: {
      controlPlane: controlPlaneOf({ id, name, url, member }, caPem),
      tls: { authorityPem: caPem, certificatePem, keyPem },
      admin: undefined,
      swapCertificate: () => ok(undefined),
    },
  });
  assert.ok(started.ok, started.ok ? "" : started.error);
  await started.value.close();
  const read = await store.get("servers/1");
  assert.ok(read.ok);
  const kept = read.value.entry?.value;
  assert.deepEqual(kept, {
    ...{ ...record, serverVersion: "0.0.0-test" },
    ...{ serials: ["a"], etcdSerials: ["b"] },
  });
});

/** Waits a hundredth of what is asked for, and says that it was all of it. */
const quickClock: Clock = {
  monotonicMs: () => realClock.monotonicMs() * 100,
  wallMs: () => realClock.wallMs(),
  after: (delayMs, callback) => realClock.after(delayMs / 100, callback),
};

function controlPlaneOf(own: ControlPlane["self"], authorityPem: string): ControlPlane {
  const never = () => Promise.resolve(err("not here"));
  return {
    self: own,
    engine: "etcd",
    ...{ authorityPem, etcdAuthorityPem: authorityPem, authorityHash: "sha256:0" },
    ...{ issueForNode: never, signPackage: never, issueForServer: never, sealKeys: never },
    serials: () => ok({ certificate: "a", etcdCertificate: "b" }),
    memberStatus: silent("no answer within 1500 ms"),
    memberUrls: () => [],
    move: {
      begin: () => ({ state: "not-begun", detail: "" }),
      status: () => ({ state: "not-begun", detail: "" }),
    },
    askPeer: never,
  };
}
