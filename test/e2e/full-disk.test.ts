/** The disk under the store is full: changes are refused in words, leases live on, no service notices. */
import assert from "node:assert/strict";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { profiles } from "../../src/core/model/times.ts";
import { startTestCluster, type TestCluster } from "./harness/cluster.ts";
import { type Holder, holdNamespace, missingNamespaces } from "./harness/namespace.ts";
import { probe } from "./harness/probe-service.ts";
import { holdsFor, waitFor } from "./harness/wait.ts";

const missing = missingNamespaces(["mount"], ["mount"]);
const diskBytes = 8 * 1_048_576;
/** A mount point that exists everywhere; in the server's own mount namespace the disk lies over it. */
const mountPoint = "/mnt";

/** The cluster's server runs where `<directory>/server` is on a small disk of its own. */
function smallDisk(holder: Holder): (path: string) => string {
  return (path) => `/proc/${holder.pid}/root${path}`;
}

/** Fills the disk to its last byte with a file beside the store. */
function fill(path: string): void {
  for (let chunkBytes = 1_048_576; chunkBytes >= 1; chunkBytes = Math.floor(chunkBytes / 4)) {
    for (;;) {
      const before = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      try {
        writeFileSync(path, Buffer.alloc(chunkBytes), { flag: "a" });
      } catch (error: unknown) {
        assert.match(String(error), /ENOSPC/);
        break;
      }
      if (statSync(path).size === before) break;
    }
  }
}

async function addUntilRefused(cluster: TestCluster): Promise<{ added: string[]; words: string }> {
  const added: string[] = [];
  for (let index = 0; index < 2_000; index += 1) {
    const id = `process:filler-${index}`;
    const config = probe(cluster, id, {
      fields: { state: "stopped", description: "x".repeat(1_000) },
    });
    const answer = await cluster.client.addService(config);
    if (answer.ok) {
      added.push(id);
      continue;
    }
    assert.equal(answer.error.code, "store-refuses");
    return { added, words: answer.error.message };
  }
  throw new Error("the store was never full");
}

test("a full disk under the store: 503 in one line, nothing acknowledged is lost, leases go on", {
  timeout: 90_000,
}, async (t) => {
  if (missing !== undefined) return t.skip(missing);
  const setup = `mount -t tmpfs -o size=${diskBytes},mode=0700 none ${mountPoint}`;
  const holder = await holdNamespace("mount", setup);
  t.after(() => holder.end());
  const inside = smallDisk(holder);
  const cluster = await startTestCluster(t, {
    nodes: ["node1", "node2"],
    enter: (name) => (name === "server" ? holder.enter : []),
    serverData: mountPoint,
    serverPath: inside,
  });
  await cluster.add(probe(cluster, "process:a"));
  await cluster.add(probe(cluster, "process:b"));
  await cluster.runs("process:a");
  await cluster.runs("process:b");
  for (const id of ["process:a", "process:b"]) await cluster.copies(id, 1);

  const filler = join(inside(mountPoint), "filler");
  fill(filler);
  const { added, words } = await addUntilRefused(cluster);
  assert.match(words, /^[^\n]+$/, "one line");

  await holdsFor("services run on and the API reads", profiles.fast.ttlMs + 2_000, async () => {
    return (
      cluster.isBeating("process:a", 1_000) &&
      cluster.isBeating("process:b", 1_000) &&
      (await cluster.client.cluster()).ok
    );
  });
  const refused = await cluster.client.changeService("process:a", { state: "stopped" });
  assert.equal(refused.ok ? "done" : refused.error.code, "store-refuses");

  rmSync(filler);
  const late = probe(cluster, "process:late", { fields: { state: "stopped" } });
  await waitFor(
    "writes to work again",
    15_000,
    async () => (await cluster.client.addService(late)).ok,
  );
  const there = (await cluster.status()).services.map(({ id }) => id);
  for (const id of added) assert.ok(there.includes(id), `${id} was acknowledged`);
  assert.equal((await cluster.service("process:a")).requested, "started", "the refused change");

  await cluster.end("server", "SIGKILL");
  cluster.startServer();
  await waitFor("the server to answer", 10_000, async () => (await cluster.client.cluster()).ok);
  const kept = (await cluster.status()).services.map(({ id }) => id);
  assert.deepEqual(kept.toSorted(), there.toSorted(), "the same after a kill and a restart");
  assert.equal(cluster.lives("process:a").length, 1, "the services never noticed");
  cluster.assertNeverTwice();
});
