/** What the SQLite store keeps from one opening to the next. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { after, it } from "node:test";
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

it("openSqliteStore() finds entries, revisions and the counter as they were", async () => {
  const file = directory.file("entries.db");
  const first = await openStore({ file });
  assert.deepEqual(first.capabilities, { exclusive: true, durable: true });
  const lease = must(await first.grantLease(5_000));
  await write(first, put("a", { x: [1, "é"] }), put("b", 1), put("leased", 1, lease));
  await write(first, put("a", 2), remove("b"));
  const before = must(await first.range(""));
  await first.close();
  assert.ok(!existsSync(`${file}-wal`), "an orderly end leaves one file");
  const second = await openStore({ file });
  assert.deepEqual(must(await second.range("")), before);
  assert.equal(await write(second, put("c", 1)), before.revision + 1);
  await second.close();
});

it("openSqliteStore() gives every lease its full time again, and none that was over", async () => {
  const file = directory.file("leases.db");
  const clock = new ManualClock();
  const first = await openStore({ file, clock });
  const short = must(await first.grantLease(1_000));
  const long = must(await first.grantLease(9_000));
  const revoked = must(await first.grantLease(9_000));
  await write(first, put("short", 1, short), put("long", 1, long), put("revoked", 1, revoked));
  must(await first.revokeLease(revoked));
  clock.advance(900);
  await first.close();
  assert.equal(clock.timerCount, 0, "a closed store waits for nothing");
  // However long it was down: nobody could renew meanwhile.
  clock.advance(60_000);
  const second = await openStore({ file, clock });
  clock.advance(999);
  must(await second.keepLeaseAlive(short));
  must(await second.keepLeaseAlive(long));
  assert.equal(errorOf(await second.keepLeaseAlive(revoked)).kind, "lease-not-found");
  assert.equal(await entryOf(second, "revoked"), undefined);
  clock.advance(1_001);
  await until("the short lease has ended", async () => {
    return (await entryOf(second, "short")) === undefined;
  });
  must(await second.keepLeaseAlive(long));
  const granted = must(await second.grantLease(1_000));
  assert.ok(![short, long, revoked].includes(granted), "an id is never used again");
  await second.close();
});

it("openSqliteStore() never uses a lease id again, even if all leases are gone", async () => {
  const file = directory.file("lease-ids.db");
  const ids: string[] = [];
  for (let opening = 0; opening < 3; opening++) {
    const store = await openStore({ file });
    const lease = must(await store.grantLease(1_000));
    must(await store.revokeLease(lease));
    ids.push(lease);
    await store.close();
  }
  assert.equal(new Set(ids).size, 3);
});

it("watch() resumes at an old revision after a restart, with the same batches", async () => {
  const file = directory.file("watch.db");
  const first = await openStore({ file });
  const lease = must(await first.grantLease(5_000));
  const from = await write(first, put("a/1", null), put("b", 1));
  await write(first, put("a/2", "two", lease), remove("a/1"));
  await write(first, put("b", 2));
  must(await first.revokeLease(lease));
  const live = read(first, "a/", from);
  const before = [await live.batch(), await live.batch(), await live.batch()];
  await first.close();
  const second = await openStore({ file });
  const replay = read(second, "a/", from);
  assert.deepEqual([await replay.batch(), await replay.batch(), await replay.batch()], before);
  const revision = await write(second, put("a/3", 3));
  assert.equal((await replay.batch()).revision, revision, "and goes on live");
  replay.stop();
  await second.close();
});

it("watch() says `compacted` after a restart as before it", async () => {
  const file = directory.file("compacted.db");
  const options = { file, historyRevisionsMax: 20 };
  const first = await openStore(options);
  for (let value = 0; value < 100; value++) await write(first, put("k", value));
  await first.close();
  const second = await openStore(options);
  const last = await revisionOf(second);
  assert.equal((await read(second, "", 1).error()).kind, "compacted");
  const reader = read(second, "", last - 19);
  for (let revision = last - 19; revision <= last; revision++) {
    assert.equal((await reader.batch()).revision, revision);
  }
  reader.stop();
  await second.close();
});

it("watch() history is bounded in bytes too", async () => {
  const file = directory.file("bytes.db");
  const options = { file, historyBytesMax: 100_000 };
  const first = await openStore(options);
  for (let value = 0; value < 100; value++) await write(first, put("k", "x".repeat(10_000)));
  await first.close();
  const second = await openStore(options);
  const last = await revisionOf(second);
  assert.equal((await read(second, "", last - 12).error()).kind, "compacted");
  const reader = read(second, "", last - 5);
  assert.equal((await reader.batch()).revision, last - 5);
  reader.stop();
  await second.close();
});

it("openSqliteStore() reads what an older Holdfast wrote of keys that ended with their lease", async () => {
  const file = directory.file("lease-ended.db");
  const first = await openStore({ file });
  await write(first, put("a", 1));
  const revision = await write(first, remove("a"));
  await first.close();
  const database = new DatabaseSync(file);
  const { changes } = database
    .prepare("UPDATE change SET because = 'lease-ended' WHERE because = 'deleted'")
    .run();
  assert.equal(changes, 1);
  database.close();
  const second = await openStore({ file });
  const reader = read(second, "", revision);
  assert.deepEqual(await reader.batch(), {
    revision,
    changes: [{ kind: "delete", key: "a", previous: 1 }],
  });
  reader.stop();
  await second.close();
});
