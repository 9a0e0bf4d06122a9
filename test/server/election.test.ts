import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import type { Log } from "../../src/ports/log.ts";
import type { Store } from "../../src/ports/store.ts";
import { type ElectionOptions, runElection, type Term } from "../../src/runtime/election.ts";
import { runManager } from "../../src/runtime/manager-loop.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";
import { holdsFor } from "../e2e/harness/wait.ts";
import { createFaultyStore } from "./faulty-store.ts";
import { clock, eventually, quietLog, serviceBody, startHarness } from "./harness.ts";

/** Agents here never renew: their leases have to last for the whole test. */
const patient = { initialSettings: { profile: "patient" } } as const;

function memoryStore(t: TestContext): Store {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  return store;
}

async function keysBelow(store: Store, prefix: string): Promise<readonly string[]> {
  const read = await store.range(prefix);
  assert.ok(read.ok);
  return read.value.entries.map((entry) => entry.key);
}

test("runElection() has one manager of two servers, and the other one when it steps down", async (t) => {
  const store = memoryStore(t);
  const first = await startHarness(t, { store, ...patient });
  await eventually("the first is manager", async () => {
    const cluster = await first.call("GET", "/v1/cluster");
    return String(cluster.json["manager"]) === first.server.serverId;
  });
  const second = await startHarness(t, {
    store,
    dataDirectory: first.dataDirectory,
    serverId: "second",
  });
  await first.agent("node1");
  await second.call("POST", "/v1/services", { body: serviceBody("api") });
  await eventually("the manager places what the other server was told", async () => {
    const service = await second.call("GET", "/v1/services/process:api");
    return String(service.json["state"]) === "started";
  });
  await first.server.close();
  await eventually("the second is manager", async () => {
    const cluster = await second.call("GET", "/v1/cluster");
    return String(cluster.json["manager"]) === "second";
  });
  await second.call("POST", "/v1/services", { body: serviceBody("web") });
  await eventually("the second decides", async () => {
    const service = await second.call("GET", "/v1/services/process:web");
    return String(service.json["state"]) === "started";
  });
});

test("runManager() of a deposed manager writes nothing, though it does not know yet", async (t) => {
  const store = memoryStore(t);
  const harness = await startHarness(t, { store, ...patient });
  await harness.agent("node1");
  await eventually("there is a manager", async () => {
    return (await keysBelow(store, keys.manager)).length === 1;
  });
  const stop = new AbortController();
  t.after(() => {
    stop.abort();
  });
  let refusedCount = 0;
  const counting: Log = {
    write: (_level, sentence) => {
      if (sentence.startsWith("decides anew")) refusedCount += 1;
    },
    with: () => counting,
  };
  // The same facts and decisions as the true manager's, under an election that is over.
  const term: Term = { createRevision: 1, signal: stop.signal };
  const faulty = createFaultyStore(store);
  const deposed = runManager({ store: faulty, clock, log: counting, term });
  await harness.call("POST", "/v1/services", { body: serviceBody("api") });
  await eventually("the deposed one has tried", () => refusedCount > 0);
  await eventually("the true one has decided", async () => {
    const service = await harness.call("GET", "/v1/services/process:api");
    return String(service.json["state"]) === "started";
  });
  const status = await store.get(`${keys.statuses}process:api`);
  assert.ok(status.ok && status.value.entry !== undefined);
  assert.ok(!JSON.stringify(status.value.entry.value).includes('"uid":"1.'), "it is not its word");
  assert.ok(
    faulty.txns.every((txn) => txn.compare.some((compare) => compare.key === keys.manager)),
    "every write named its election",
  );
  stop.abort();
  await deposed;
});

test("runElection() gives up the office when no renewal succeeds in time", async (t) => {
  const store = createFaultyStore(memoryStore(t));
  const stop = new AbortController();
  t.after(() => {
    stop.abort();
  });
  const terms: Term[] = [];
  const lead = async (term: Term): Promise<void> => {
    terms.push(term);
    await new Promise<void>((resolve) => {
      term.signal.addEventListener("abort", () => {
        resolve();
      });
    });
  };
  const times = { ttlMs: 300, renewEveryMs: 50 };
  const base = { store, clock, log: quietLog, lead, signal: stop.signal, ...times };
  const election = runElection({ ...base, serverId: "one" });
  await eventually("it is elected", () => terms.at(-1)?.signal.aborted === false);
  store.failRenewals({ kind: "unavailable", message: "cut off", mayHaveTakenEffect: true });
  const held = terms.at(-1);
  await eventually("it stops being manager", () => held?.signal.aborted === true);
  store.failRenewals(undefined);
  // On a busy machine it may be elected more than once.
  await eventually("it is elected anew", () => terms.at(-1)?.signal.aborted === false);
  assert.notEqual(held?.createRevision, terms.at(-1)?.createRevision);
  stop.abort();
  await election;
  assert.deepEqual(await keysBelow(store, keys.manager), [], "it stepped down");
});

/** Candidates on one store; each says when it leads. */
function candidates(t: TestContext, store: Store) {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const terms = new Map<string, Term>();
  const run = (serverId: string, more: Partial<ElectionOptions> = {}): Promise<void> => {
    const lead = async (term: Term): Promise<void> => {
      terms.set(serverId, term);
      await new Promise<void>((resolve) => {
        if (term.signal.aborted) resolve();
        term.signal.addEventListener("abort", () => resolve());
      });
    };
    const times = { ttlMs: 60_000, renewEveryMs: 20_000 };
    const base = { store, clock, log: quietLog, lead, signal: stop.signal, ...times };
    return runElection({ ...base, serverId, ...more });
  };
  return { terms, run };
}

test("runElection() deposes a manager whose server is gone, without waiting for its lease", async (t) => {
  const { terms, run } = candidates(t, memoryStore(t));
  void run("one");
  await eventually("the first is elected", () => terms.has("one"));
  const watched: string[] = [];
  const gone = Promise.withResolvers<boolean>();
  void run("two", {
    untilUnreachable: (serverId) => {
      watched.push(serverId);
      return gone.promise;
    },
  });
  await eventually("the second watches over the first", () => watched.length > 0);
  assert.deepEqual(watched, ["one"]);
  assert.equal(terms.has("two"), false, "a server that is there stays manager");
  gone.resolve(true);
  await eventually("the second is elected", () => terms.has("two"));
  await eventually("the first knows it", () => terms.get("one")?.signal.aborted === true);
});

test("runElection() leaves a manager alone when nobody can say that its server is gone", async (t) => {
  const store = memoryStore(t);
  const { terms, run } = candidates(t, store);
  void run("one");
  await eventually("the first is elected", () => terms.has("one"));
  void run("two", { untilUnreachable: () => Promise.resolve(false) });
  void run("three");
  const before = await store.get(keys.manager);
  await holdsFor("the first is manager", 500, () => terms.size === 1);
  const after = await store.get(keys.manager);
  assert.ok(before.ok && after.ok);
  assert.equal(after.value.entry?.createRevision, before.value.entry?.createRevision);
});

test("runElection() ends the office of its own server's earlier life at once", async (t) => {
  const store = memoryStore(t);
  const before = { version: 1, serverId: "one", electedAtMs: 1 };
  const put = await store.txn({
    compare: [],
    then: [{ kind: "put", key: keys.manager, value: before }],
  });
  assert.ok(put.ok);
  const { terms, run } = candidates(t, store);
  void run("one");
  await eventually("it is elected anew", () => terms.has("one"));
  assert.ok((terms.get("one")?.createRevision ?? 0) > put.value.revision);
});

test("runElection() stops the manager when its key is deleted", async (t) => {
  const store = memoryStore(t);
  const harness = await startHarness(t, { store, ...patient });
  await harness.agent("node1");
  await eventually("there is a manager", async () => {
    return (await keysBelow(store, keys.manager)).length === 1;
  });
  // Both before anybody can react: this store writes before the call returns.
  const usurper = { version: 1, serverId: "other", electedAtMs: 1 };
  const usurped = await Promise.all([
    store.txn({ compare: [], then: [{ kind: "delete", key: keys.manager }] }),
    store.txn({
      compare: [{ kind: "absent", key: keys.manager }],
      then: [{ kind: "put", key: keys.manager, value: usurper }],
    }),
  ]);
  assert.ok(usurped.every((outcome) => outcome.ok && outcome.value.succeeded));
  await harness.call("POST", "/v1/services", { body: serviceBody("api") });
  const cluster = await harness.call("GET", "/v1/cluster");
  assert.equal(cluster.json["manager"], "other");
  assert.deepEqual(await keysBelow(store, keys.statuses), [], "nobody decides");
  await store.txn({ compare: [], then: [{ kind: "delete", key: keys.manager }] });
  await eventually("this server is manager again and decides", async () => {
    const service = await harness.call("GET", "/v1/services/process:api");
    return String(service.json["state"]) === "started";
  });
});

test("runManager() waits for a store that cannot write, and loses no decision", async (t) => {
  const store = createFaultyStore(memoryStore(t));
  const harness = await startHarness(t, { store, ...patient });
  await harness.agent("node1");
  const isManagers = (txn: { readonly compare: readonly { readonly key: string }[] }) =>
    txn.compare.some((compare) => compare.key === keys.manager);
  store.failTxn({ kind: "refused", message: "disk full", mayHaveTakenEffect: false }, isManagers);
  for (const name of ["a", "b", "c"]) {
    assert.equal(
      (await harness.call("POST", "/v1/services", { body: serviceBody(name) })).status,
      201,
    );
  }
  assert.deepEqual(await keysBelow(store, keys.statuses), []);
  store.failTxn(undefined);
  await eventually("all are placed", async () => {
    return (await keysBelow(store, keys.statuses)).length === 3;
  });
});

test("change() answers 503 when the store cannot write, and changes nothing", async (t) => {
  const store = createFaultyStore(memoryStore(t));
  const harness = await startHarness(t, { store });
  store.failTxn({ kind: "refused", message: "the disk is full", mayHaveTakenEffect: false });
  const refused = await harness.call("POST", "/v1/services", { body: serviceBody("a") });
  assert.equal(refused.status, 503);
  assert.equal(refused.json["code"], "store-refuses");
  assert.match(String(refused.json["detail"]), /the disk is full/);
  store.failTxn({ kind: "unavailable", message: "no answer", mayHaveTakenEffect: true });
  const unknown = await harness.call("POST", "/v1/services", { body: serviceBody("a") });
  assert.equal(unknown.json["code"], "outcome-unknown");
  assert.match(String(unknown.json["detail"]), /not known/);
  store.failTxn(undefined);
  assert.deepEqual(await keysBelow(store, keys.services), []);
});

test("runManager() recovers a node's services in few transactions", async (t) => {
  const store = createFaultyStore(memoryStore(t));
  const harness = await startHarness(t, { store, ...patient });
  const first = await harness.agent("node1");
  const count = 100;
  for (let index = 0; index < count; index += 1) {
    await harness.call("POST", "/v1/services", { body: serviceBody(`s${index}`) });
  }
  const runningOn = async (node: string) => {
    const { json } = await harness.call("GET", `/v1/nodes/${node}`);
    return Object.keys(json["services"] ?? {}).length;
  };
  await eventually("all run on node1", async () => (await runningOn("node1")) === count);
  await harness.agent("node2");
  await eventually("node2 is online", async () => {
    const { json } = await harness.call("GET", "/v1/nodes/node2");
    return String(json["state"]) === "online";
  });
  const before = store.txns.length;
  await first.post("/v1/agent/release", { epoch: first.epoch, leaseId: first.leaseId });
  await eventually("all are node2's", async () => (await runningOn("node2")) === count);
  const written = store.txns.length - before;
  assert.ok(written <= 10, `${written} transactions for ${count} services`);
});
