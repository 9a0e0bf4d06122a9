/**
 * The SQLite store on a disk without room: writes are refused and change nothing, everything else goes on, and
 * when there is room again so do writes. Once with a limit on file sizes, once with a file system that is full.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { after, it } from "node:test";
import type { Store } from "../../src/ports/store.ts";
import {
  entryOf,
  errorOf,
  must,
  put,
  read,
  remove,
  revisionOf,
  until,
  write,
} from "../contract/store-support.ts";
import { ManualClock } from "./manual-clock.ts";
import { openStore, temporaryDirectory } from "./sqlite-support.ts";

const directory = temporaryDirectory();
after(() => directory.remove());

interface Disk {
  readonly file: string;
  /** Called once the store is open: from now on room is short. */
  limit(): void;
  makeRoom(): void;
}

/** Writes until even the smallest write is refused; the keys that were acknowledged. */
async function fill(store: Store): Promise<string[]> {
  const keys: string[] = [];
  for (const sizeBytes of [200_000, 20_000, 2_000, 1]) {
    for (let count = 0; ; count++) {
      assert.ok(count < 5_000, "the disk is full at some time");
      const key = `fill/${sizeBytes}/${count}`;
      const result = await store.txn({ compare: [], then: [put(key, "x".repeat(sizeBytes))] });
      if (!result.ok) {
        assert.equal(result.error.kind, "refused", result.error.message);
        assert.equal(result.error.mayHaveTakenEffect, false);
        assert.match(result.error.message, /store\.db/);
        break;
      }
      keys.push(key);
    }
  }
  // A grant writes less than any transaction does.
  for (let count = 0; (await store.grantLease(86_400_000)).ok; count++) {
    assert.ok(count < 5_000, "the disk is full at some time");
  }
  return keys;
}

async function assertNothingIsWritten(store: Store): Promise<void> {
  const before = must(await store.range("", { limit: 10 }));
  const txns = [
    store.txn({ compare: [], then: [put("a", "changed"), put("new", 1)] }),
    store.txn({ compare: [], then: [remove("a"), put("big", "x".repeat(500_000))] }),
  ];
  for (const txn of txns) assert.equal(errorOf(await txn).kind, "refused");
  assert.equal(errorOf(await store.grantLease(1_000)).kind, "refused");
  assert.deepEqual(must(await store.range("", { limit: 10 })), before);
  assert.equal(await entryOf(store, "new"), undefined);
}

async function runScenario(disk: Disk): Promise<void> {
  const clock = new ManualClock();
  const store = await openStore({ file: disk.file, clock });
  const kept = must(await store.grantLease(3_000));
  const lost = must(await store.grantLease(3_000));
  const revision = await write(store, put("a", 1), put("kept", 1, kept), put("lost", 1, lost));
  disk.limit();
  const keys = await fill(store);
  await assertNothingIsWritten(store);

  // Renewals go on; a lease whose end cannot be written is dead all the same, and stays so.
  for (let turn = 0; turn < 10; turn++) {
    clock.advance(1_000);
    must(await store.keepLeaseAlive(kept));
  }
  assert.equal(errorOf(await store.keepLeaseAlive(lost)).kind, "lease-not-found");
  await assertNothingIsWritten(store);
  assert.equal((await entryOf(store, "lost"))?.value, 1, "its end is not written yet");

  const full = await revisionOf(store);
  const reader = read(store, "", full + 1);
  disk.makeRoom();
  await until("the end of the lost lease is written", async () => {
    clock.advance(1_000);
    must(await store.keepLeaseAlive(kept));
    return (await entryOf(store, "lost")) === undefined;
  });
  assert.equal((await reader.batch()).revision, full + 1, "refused writes used up no revision");
  await write(store, put("a", 2));
  assert.equal((await reader.batch()).revision, full + 2);
  reader.stop();
  await store.close();

  const again = await openStore({ file: disk.file });
  for (const key of keys) assert.ok(await entryOf(again, key), `${key} was acknowledged`);
  assert.equal((await entryOf(again, "a"))?.value, 2);
  assert.equal(await revisionOf(again), full + 2);
  assert.equal(full, revision + keys.length, "each acknowledged write has one revision");
  await again.close();
}

it("a full disk, as a limit on the size of files", async (t) => {
  const file = directory.file("store.db");
  const limitTo = (bytes: string): void => {
    execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${bytes}:`]);
  };
  try {
    limitTo("unlimited");
  } catch (error: unknown) {
    t.skip(`the size of files cannot be limited here: ${String(error)}`);
    return;
  }
  after(() => limitTo("unlimited"));
  await runScenario({
    file,
    limit: () => limitTo(String(statSync(`${file}-wal`).size + 3_000_000)),
    makeRoom: () => limitTo("unlimited"),
  });
});

it("a full disk, as a small file system of its own", async (t) => {
  const mountPoint = directory.file("small");
  mkdirSync(mountPoint);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", mountPoint], {
      stdio: "pipe",
    });
  } catch {
    t.skip("a file system cannot be mounted here (needs root)");
    return;
  }
  try {
    const ballast = `${mountPoint}/ballast`;
    writeFileSync(ballast, Buffer.alloc(4 * 1_048_576));
    await runScenario({
      file: `${mountPoint}/store.db`,
      limit: () => {
        const { bavail, bsize } = statfsSync(mountPoint);
        assert.ok(bavail * bsize < 4 * 1_048_576, "the file system is as small as asked for");
      },
      makeRoom: () => rmSync(ballast),
    });
  } finally {
    execFileSync("umount", [mountPoint]);
  }
});
