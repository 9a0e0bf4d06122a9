/** A writer is killed in mid-write again and again: what was acknowledged is there, and no half of anything. */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { after, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Store } from "../../src/ports/store.ts";
import { inTime, must, revisionOf } from "../contract/store-support.ts";
import { changesOfWrite, changesPerWrite, keysPerSlot, recordKey } from "./crash-record.ts";
import { openStore, temporaryDirectory } from "./sqlite-support.ts";

type Child = ChildProcessByStdio<Writable, Readable, null>;

interface Acknowledged {
  readonly number: number;
  readonly revision: number;
}

const writerPath = fileURLToPath(new URL("crash-writer.ts", import.meta.url));
const killCount = Number(process.env["HOLDFAST_KILLS"] ?? 200);
const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_007);
/** Far more than a writer can do before it is killed: each gets numbers of its own. */
const numbersPerRun = 100_000;

const running = new Set<Child>();
const directory = temporaryDirectory();
after(() => {
  for (const child of running) child.kill("SIGKILL");
  directory.remove();
});

/** A writer that is loaded and waits for its start. */
function prepareWriter(file: string, run: number): Child {
  const first = (run + 1) * numbersPerRun;
  const child = spawn(process.execPath, [writerPath, file, String(first)], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: directory.file("compile-cache") },
  });
  running.add(child);
  return child;
}

/** Starts the writer and kills it as soon as it has acknowledged `killAfter` writes (or at once for none). */
async function runAndKill(child: Child, killAfter: number): Promise<readonly Acknowledged[]> {
  let output = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    output += text;
    if (output.split("\n").length - 2 >= killAfter) child.kill("SIGKILL");
  });
  child.stdin.write("go\n");
  if (killAfter === 0) child.kill("SIGKILL");
  const [, signal] = await inTime("the writer is killed", once(child, "close"));
  running.delete(child);
  assert.equal(signal, "SIGKILL", "the writer ended by the signal and not by itself");
  const lines = output.split("\n").slice(1, -1);
  return lines.map((line) => {
    const [number, revision] = line.split(" ").map(Number);
    return { number: number ?? Number.NaN, revision: revision ?? Number.NaN };
  });
}

async function verifyAcknowledged(store: Store, writes: readonly Acknowledged[]): Promise<void> {
  for (const { number, revision } of writes) {
    const { entry } = must(await store.get(recordKey(number)));
    assert.equal(entry?.value, number, `write ${number} was acknowledged`);
    assert.equal(entry.modRevision, revision, `write ${number} has its revision`);
  }
}

async function verifySlots(store: Store): Promise<void> {
  const slots = new Map<string, Set<string>>();
  for (const { key, value, modRevision } of must(await store.range("slot/")).entries) {
    const slot = key.slice(0, key.lastIndexOf("/"));
    const seen = slots.get(slot) ?? new Set();
    slots.set(slot, seen.add(`${modRevision} ${JSON.stringify(value)}`));
  }
  for (const [slot, seen] of slots) assert.equal(seen.size, 1, `${slot} is of one write`);
  const { entries } = must(await store.range("slot/"));
  assert.equal(entries.length, slots.size * keysPerSlot);
}

/** The log since the last check: each revision there, each the whole of one write. The writes' numbers. */
async function verifyLog(store: Store, afterRevision: number): Promise<readonly number[]> {
  const numbers: number[] = [];
  const last = await revisionOf(store);
  assert.ok(last >= afterRevision, "revisions never go back");
  if (last === afterRevision) return numbers;
  const options = { fromRevision: afterRevision + 1, signal: AbortSignal.timeout(10_000) };
  for await (const result of store.watch("", options)) {
    const { revision, changes } = must(result);
    assert.equal(revision, afterRevision + numbers.length + 1);
    const marker = changes.find(
      (change) => change.kind === "put" && change.entry.key.startsWith("marker/"),
    );
    const number = marker?.kind === "put" ? Number(marker.entry.value) : Number.NaN;
    const expected = changesOfWrite(number).map((operation) => operation.key);
    const keys = changes.map((change) => (change.kind === "put" ? change.entry.key : change.key));
    const isFirst = number % numbersPerRun === 0;
    assert.equal(changes.length, isFirst ? changesPerWrite - 1 : changesPerWrite);
    assert.deepEqual(keys, isFirst ? expected.slice(0, -1) : expected);
    numbers.push(number);
    if (revision === last) break;
  }
  assert.equal(afterRevision + numbers.length, last, "the log is complete");
  return numbers;
}

/** Of this run's writes there are exactly those in the log, and the marker of the last one alone. */
async function verifyRun(store: Store, run: number, logged: readonly number[]): Promise<void> {
  const first = (run + 1) * numbersPerRun;
  const isOfRun = (number: number): boolean => number >= first;
  const { entries: records } = must(
    await store.range("record/", { afterKey: recordKey(first - 1) }),
  );
  assert.deepEqual(
    records.map((entry) => entry.value),
    logged,
  );
  const { entries: markers } = must(await store.range("marker/"));
  assert.deepEqual(markers.map((entry) => Number(entry.value)).filter(isOfRun), logged.slice(-1));
  const revision = await revisionOf(store);
  for (const { key, modRevision } of [...records, ...markers]) {
    assert.ok(modRevision <= revision, `${key} is of a revision that there was`);
  }
}

/** Kill points from the seed: mostly a few dozen writes, sometimes none. A linear congruential generator. */
function killPoints(): readonly number[] {
  let state = seed;
  return Array.from({ length: killCount }, () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return Math.floor((state / 4_294_967_296) * 80);
  });
}

it(`a store survives ${killCount} kills of its writer (HOLDFAST_SEED=${seed})`, async (t) => {
  t.diagnostic(`HOLDFAST_SEED=${seed} HOLDFAST_KILLS=${killCount}`);
  const file = directory.file("store.db");
  const all: Acknowledged[] = [];
  let unacknowledgedCount = 0;
  let checkedRevision = 0;
  let next = prepareWriter(file, 0);
  for (const [run, killAfter] of killPoints().entries()) {
    const child = next;
    next = prepareWriter(file, run + 1);
    const acknowledged = await runAndKill(child, killAfter);
    assert.ok(acknowledged.length >= killAfter);
    const store = await openStore({ file });
    await verifyAcknowledged(store, acknowledged);
    await verifySlots(store);
    const logged = await verifyLog(store, checkedRevision);
    assert.ok(logged.length >= acknowledged.length);
    await verifyRun(store, run, logged);
    unacknowledgedCount += logged.length - acknowledged.length;
    checkedRevision = await revisionOf(store);
    all.push(...acknowledged);
    await store.close();
  }
  next.kill("SIGKILL");
  await inTime("the last writer is gone", once(next, "close"));
  running.delete(next);
  const store = await openStore({ file });
  await verifyAcknowledged(store, all);
  await store.close();
  assert.ok(all.length > killCount, "the writers wrote");
  t.diagnostic(
    `${all.length} acknowledged writes are there, ${unacknowledgedCount} more were made`,
  );
});
