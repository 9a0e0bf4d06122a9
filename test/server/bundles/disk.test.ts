/** Contents on a server's disk: what is thrown away, and what is written anew meanwhile. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../../src/adapters/clock/system-clock.ts";
import { ok } from "../../../src/core/result.ts";
import { type BundleDisk, openBundleDisk } from "../../../src/server/bundles/disk.ts";

const content = Buffer.from("content that is about to be damaged");
const sha256 = createHash("sha256").update(content).digest("hex");
const { signal } = new AbortController();

async function diskWithDamage(t: TestContext): Promise<BundleDisk> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-disk-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const disk = await openBundleDisk(folder, systemClock);
  assert(disk.ok);
  await write(disk.value);
  await writeFile(join(folder, "bundles", sha256), "content that is not what it has been");
  return disk.value;
}

async function write(disk: BundleDisk): Promise<void> {
  const source = async () => ok(pieces());
  const wanted = { sha256, sizeBytes: content.length, draft: "once", source, signal } as const;
  assert((await disk.write(wanted)).ok);
}

async function* pieces(): AsyncGenerator<Buffer> {
  yield content;
}

test("throwAway() counts the content as missing at once, and deletes it", async (t) => {
  const disk = await diskWithDamage(t);
  assert.equal(await disk.check(sha256, { pace: "fast", signal }), "damaged");
  const thrown = disk.throwAway(sha256);
  assert.equal(disk.files.has(sha256), false, "whoever pushes it now is not told that it is there");
  assert((await thrown).ok);
  assert.equal(await disk.check(sha256, { pace: "fast", signal }), "missing");
});

test("throwAway() leaves what was written anew, however late its turn comes", async (t) => {
  const disk = await diskWithDamage(t);
  // Two have found the damage: the one who sends it, and the one who verifies it.
  const thrown = [disk.throwAway(sha256), disk.throwAway(sha256)];
  await write(disk);
  await Promise.all(thrown);
  assert.equal(await disk.check(sha256, { pace: "fast", signal }), "ok");
});
