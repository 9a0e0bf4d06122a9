/**
 * One manager over a memory store with as many nodes and services as the arguments say, in a process of its own.
 * Prints one line of JSON: how long it takes to load, to decide after one report, to recover a lost node's services.
 * Arguments: nodes, services, reports to measure.
 */
import { systemClock } from "../../src/adapters/clock/system-clock.ts";
import type { Log } from "../../src/ports/log.ts";
import type { JsonValue, Operation, Store, StoreChange } from "../../src/ports/store.ts";
import { runManager } from "../../src/runtime/manager-loop.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";

const [nodeCount = 10, serviceCount = 1_000, reportCount = 200] = process.argv.slice(2).map(Number);
const silent: Log = { write: () => undefined, with: () => silent };
const clock = systemClock;
const store = createMemoryStore({ clock });
const operationsInOneWrite = 500;

function nodeOf(index: number): string {
  return `node${(index % nodeCount) + 1}`;
}

function serviceOf(index: number): string {
  return `process:s${index}`;
}

function config(index: number): JsonValue {
  return {
    version: 1,
    config: {
      id: serviceOf(index),
      state: "started",
      maxRestart: 1,
      maxRelocate: 1,
      onIsolation: "stop",
      process: { command: "/bin/sleep", arguments: ["1000000"] },
    },
    removing: false,
    addedAtMs: 0,
  };
}

function status(index: number, uid: string): JsonValue {
  return {
    version: 1,
    service: serviceOf(index),
    state: "started",
    uid,
    node: nodeOf(index),
    nodeEpoch: 1,
    survivesIsolation: false,
    mayOutliveLease: false,
    failedNodes: [],
    sinceMs: 0,
    reason: { code: "added" },
  };
}

function report(service: string, facts: { node: string; uid: string; result: string }): JsonValue {
  const rest = { detail: "", health: "none", stable: true, configRevision: 1, atMs: 0 };
  return { version: 1, service, epoch: 1, ...facts, ...rest };
}

function* records(): Iterable<Operation> {
  const put = (key: string, value: JsonValue): Operation => ({ kind: "put", key, value });
  yield put(keys.manager, { version: 1, serverId: "bench", electedAtMs: 0 });
  for (let index = 0; index < nodeCount; index += 1) {
    const node = nodeOf(index);
    yield put(`${keys.nodes}${node}`, {
      version: 1,
      node,
      type: "device",
      properties: {},
      agentVersion: "1",
      registeredAtMs: 0,
      confirmedOffEpoch: 0,
      capacity: { cpuCores: 64, memoryBytes: 256 * 1024 ** 3 },
    });
    yield put(`${keys.epochs}${node}`, { version: 1, epoch: 1 });
    const reason = { code: "added" };
    yield put(`${keys.nodeStates}${node}`, { version: 1, state: "online", sinceMs: 0, reason });
    const lease = { version: 1, epoch: 1, leaseId: "1", incarnation: "a" };
    yield put(`${keys.leases}${node}`, lease);
  }
  for (let index = 0; index < serviceCount; index += 1) {
    const uid = `0-${index}`;
    const service = serviceOf(index);
    yield put(`${keys.services}${service}`, config(index));
    yield put(`${keys.statuses}${service}`, status(index, uid));
    const facts = { node: nodeOf(index), uid, result: "running" };
    yield put(`${keys.reports}${service}`, report(service, facts));
  }
  // One that the manager has never seen: its status tells that everything was loaded.
  yield put(`${keys.services}${serviceOf(serviceCount)}`, config(serviceCount));
}

async function fill(target: Store): Promise<void> {
  let batch: Operation[] = [];
  for (const operation of records()) {
    batch.push(operation);
    if (batch.length < operationsInOneWrite) continue;
    await write(target, batch);
    batch = [];
  }
  await write(target, batch);
}

async function write(target: Store, then: readonly Operation[]): Promise<void> {
  const outcome = await target.txn({ compare: [], then });
  if (!outcome.ok || !outcome.value.succeeded) throw new Error("the store did not take a write");
}

/** Tells of every change of a status, from now on. */
async function watchStatuses(
  signal: AbortSignal,
  tell: (service: string, value: JsonValue) => void,
): Promise<void> {
  const read = await store.range(keys.statuses, { limit: 1 });
  if (!read.ok) throw new Error(read.error.message);
  const from = { fromRevision: read.value.revision + 1, signal };
  for await (const batch of store.watch(keys.statuses, from)) {
    if (!batch.ok) throw new Error(batch.error.message);
    for (const change of batch.value.changes) tellOne(change, tell);
  }
}

function tellOne(change: StoreChange, tell: (service: string, value: JsonValue) => void): void {
  if (change.kind !== "put") return;
  tell(change.entry.key.slice(keys.statuses.length), change.entry.value);
}

interface Seen {
  readonly state: string;
  readonly node: string;
  readonly uid: string;
}

function seenOf(value: JsonValue): Seen {
  const record = value as { state: string; node: string; uid: string }; // what the manager wrote
  return { state: record.state, node: record.node, uid: record.uid };
}

/** Resolves when a status that fits is written. */
class Watcher {
  #waiting: { fits: (service: string, seen: Seen) => boolean; done: (seen: Seen) => void }[] = [];

  tell(service: string, value: JsonValue): void {
    const seen = seenOf(value);
    this.#waiting = this.#waiting.filter(({ fits, done }) => {
      if (!fits(service, seen)) return true;
      done(seen);
      return false;
    });
  }

  next(fits: (service: string, seen: Seen) => boolean): Promise<Seen> {
    return new Promise((done) => this.#waiting.push({ fits, done }));
  }
}

async function measureReports(watcher: Watcher): Promise<readonly number[]> {
  const times: number[] = [];
  const stride = Math.max(1, Math.floor(serviceCount / reportCount));
  for (let count = 0; count < reportCount; count += 1) {
    const index = (count * stride) % serviceCount;
    const service = serviceOf(index);
    const key = `${keys.services}${service}`;
    const stored = await store.get(key);
    if (!stored.ok || stored.value.entry === undefined) throw new Error(`${service} is gone`);
    const record = stored.value.entry.value as { config: { state: string } }; // what `config` made
    const asked = watcher.next((id, { state }) => id === service && state === "request_stop");
    const stopped = { ...record, config: { ...record.config, state: "stopped" } };
    await write(store, [{ kind: "put", key, value: stopped as unknown as JsonValue }]);
    const { uid, node } = await asked;
    const decided = watcher.next((id, { state }) => id === service && state === "stopped");
    const startedAtMs = performance.now();
    const value = report(service, { node, uid, result: "stopped" });
    await write(store, [{ kind: "put", key: `${keys.reports}${service}`, value }]);
    await decided;
    times.push(performance.now() - startedAtMs);
  }
  return times;
}

/** The last node dies with all its services: until each of them has another node. */
async function measureLoss(watcher: Watcher): Promise<{ lossMs: number; lostCount: number }> {
  const node = nodeOf(nodeCount - 1);
  const statuses = await store.range(keys.statuses);
  if (!statuses.ok) throw new Error(statuses.error.message);
  const lost = new Set<string>();
  for (const entry of statuses.value.entries) {
    const seen = seenOf(entry.value);
    if (seen.node === node && seen.state === "started") {
      lost.add(entry.key.slice(keys.statuses.length));
    }
  }
  const lostCount = lost.size;
  const all = watcher.next((id, seen) => {
    if (seen.node !== node && seen.state === "started") lost.delete(id);
    return lost.size === 0;
  });
  const startedAtMs = performance.now();
  await write(store, [{ kind: "delete", key: `${keys.leases}${node}` }]);
  await all;
  return { lossMs: performance.now() - startedAtMs, lostCount };
}

async function main(): Promise<void> {
  await fill(store);
  const manager = await store.get(keys.manager);
  const createRevision = manager.ok ? manager.value.entry?.createRevision : undefined;
  if (createRevision === undefined) throw new Error("there is an election");
  const end = new AbortController();
  const watcher = new Watcher();
  const watching = watchStatuses(end.signal, (service, value) => watcher.tell(service, value));
  const loaded = watcher.next((id) => id === serviceOf(serviceCount));
  global.gc?.();
  const startedAtMs = performance.now();
  const term = { createRevision, signal: end.signal };
  const running = runManager({ store, clock, log: silent, term });
  await loaded;
  const loadMs = performance.now() - startedAtMs;
  const reportMs = await measureReports(watcher);
  const loss = await measureLoss(watcher);
  const { rss } = process.memoryUsage();
  console.log(
    JSON.stringify({ nodeCount, serviceCount, loadMs, reportMs, ...loss, rssBytes: rss }),
  );
  end.abort();
  await running;
  await watching;
  await store.close();
}

await main();
