/** The format of backups: what was written is read, and nothing else is. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { digestOf, fileMagic, u32 } from "../../src/backup/format.ts";
import type { BackupItem } from "../../src/backup/item.ts";
import { BackupBroken, writeBackup } from "../../src/backup/write-backup.ts";
import { err } from "../../src/core/result.ts";
import { bytesOf, endOf, facts, groupEntry, readBack } from "./support/items.ts";

const passphrase = "correct horse";
const items: readonly BackupItem[] = [
  { kind: "file", name: "pki/ca.key", text: "secret\n" },
  groupEntry("a"),
  groupEntry("ä/ \u0000 ☃"),
  groupEntry("a", "changed"),
  { kind: "deleted", key: "groups/b" },
];
const batches = [items, [], [endOf(2)]];

for (const secret of [undefined, passphrase]) {
  const kind = secret === undefined ? "in clear" : "encrypted";
  const options = secret === undefined ? {} : { passphrase: secret };

  test(`a backup ${kind} gives back what was written, in pieces of any size`, async () => {
    const bytes = await bytesOf(batches, options);
    for (const pieceBytes of [1, 7, 1_000, bytes.length]) {
      assert.deepEqual(await readBack(bytes, secret, pieceBytes), { ok: true, value: items });
    }
    assert.equal(bytes.includes("secret"), secret === undefined);
  });

  test(`a backup ${kind} that is cut off anywhere is refused with the place`, async () => {
    const bytes = await bytesOf(batches, options);
    // An encrypted one derives its key anew each time, which takes a while on purpose.
    const step = secret === undefined ? 1 : Math.ceil(bytes.length / 12);
    for (let length = 0; length < bytes.length; length += step) {
      const read = await readBack(bytes.subarray(0, length), secret);
      assert.equal(read.ok, false, `${length} bytes`);
      assert.match(read.ok ? "" : read.error, /cut off after byte \d+$|no backup of Holdfast$/);
    }
  });

  test(`a backup ${kind} with one bit changed anywhere is refused`, async (t) => {
    const bytes = await bytesOf(batches, options);
    const seed = randomInt(1_000_000);
    t.diagnostic(`seed ${seed}`);
    const step = secret === undefined ? 1 : Math.ceil(bytes.length / 12);
    for (let at = seed % step; at < bytes.length; at += step) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << ((seed + at) % 8));
      const read = await readBack(changed, secret);
      assert.equal(read.ok, false, `byte ${at}`);
    }
  });
}

test("a backup with its frames in another order, or one left out, is refused", async () => {
  const many = [...Array(3).keys()].map((index) => [
    groupEntry(`g${index}`),
    { kind: "file", name: `f${index}`, text: "x".repeat(300_000) } as const,
  ]);
  const bytes = await bytesOf([...many, [endOf(3, { fileCount: 3 })]]);
  const starts: number[] = [];
  for (let at = bytes.indexOf('["e","groups/g0"'); at >= 0; ) {
    starts.push(at - 6); // kind, length, and the list's bracket
    at = bytes.indexOf(`["e","groups/g${starts.length}"`, at);
  }
  const [first = 0, second = 0, third = 0] = starts;
  assert.equal(starts.length, 3);
  const swapped = Buffer.concat([
    bytes.subarray(0, first),
    bytes.subarray(second, third),
    bytes.subarray(first, second),
    bytes.subarray(third),
  ]);
  const without = Buffer.concat([bytes.subarray(0, second), bytes.subarray(third)]);
  for (const changed of [swapped, without]) {
    const read = await readBack(changed);
    assert.match(read.ok ? "" : read.error, /^at byte \d+: the checksum does not fit/);
  }
});

test("a backup that something follows is refused", async () => {
  const bytes = await bytesOf(batches);
  const read = await readBack(Buffer.concat([bytes, Buffer.from("x")]));
  assert.deepEqual(read, err(`at byte ${bytes.length}: something follows its end`));
});

test("a foreign file is refused", async () => {
  for (const text of ["", "SQLite format 3\0 and more of it", "HOLDFAST-BACKUQ\n and more"]) {
    const read = await readBack(Buffer.from(text));
    assert.match(read.ok ? "" : read.error, /no backup of Holdfast|cut off/, text);
  }
});

test("another version of the format is refused with who made it", async () => {
  const header = Buffer.from(JSON.stringify({ format: 2, version: "8.0.0", news: true }));
  const head = Buffer.concat([fileMagic, u32(header.length), header]);
  const read = await readBack(Buffer.concat([head, digestOf(head)]));
  assert.deepEqual(
    read,
    err("it has format 2 and was made by holdfast 8.0.0; this one reads format 1"),
  );
});

test("a wrong passphrase is told as one, and none is asked for where nothing is encrypted", async () => {
  const bytes = await bytesOf(batches, { passphrase });
  const wrong = await readBack(bytes, "incorrect horse");
  assert.match(wrong.ok ? "" : wrong.error, /^the passphrase is wrong/);
  assert.deepEqual(await readBack(bytes), err("asked"));
  assert.equal((await readBack(await bytesOf(batches))).ok, true);
});

test("an encrypted backup whose checksums were made anew is refused by its seal", async () => {
  const bytes = await bytesOf(batches, { passphrase });
  const length = bytes.readUInt32BE(fileMagic.length);
  const headEnd = fileMagic.length + 4 + length;
  const header = bytes.subarray(fileMagic.length + 4, headEnd).toString();
  const other = Buffer.from(header.replace('"server":"1"', '"server":"2"'));
  assert.notEqual(other.toString(), header);
  const head = Buffer.concat([fileMagic, u32(other.length), other]);
  let digest = digestOf(head);
  const changed: Buffer[] = [head, digest];
  for (let at = headEnd + 32; bytes.readUInt8(at) <= 3 && at < bytes.length - 12; ) {
    const size = bytes.readUInt32BE(at + 1);
    const frame = bytes.subarray(at, at + 5 + size);
    digest = digestOf(digest, frame);
    changed.push(Buffer.from(frame), digest);
    at += 5 + size + 32;
  }
  const read = await readBack(Buffer.concat(changed), passphrase);
  assert.match(read.ok ? "" : read.error, /somebody has changed the file on purpose/);
});

test("writeBackup() breaks off where its items do", async () => {
  const broken = (async function* () {
    yield await Promise.resolve(err("the store is gone"));
  })();
  const read = async (): Promise<number> => {
    let sizeBytes = 0;
    for await (const piece of writeBackup({ facts, items: broken })) sizeBytes += piece.length;
    return sizeBytes;
  };
  await assert.rejects(read(), new BackupBroken("the store is gone"));
});
