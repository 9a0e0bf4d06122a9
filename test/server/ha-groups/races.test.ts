/** Requests at once: a node never comes into two groups, whatever the order, on either embedded store. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import type { Store } from "../../../src/ports/store.ts";
import { createMemoryStore } from "../../../src/stores/memory/memory-store.ts";
import { openSqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import { type Answer, clock, type Harness } from "../harness.ts";
import { allGroups, put, register, startCluster } from "./support.ts";

const stores: Readonly<Record<string, (t: TestContext) => Promise<Store>>> = {
  memory: async () => createMemoryStore({ clock }),
  sqlite: async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-races-"));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const opened = await openSqliteStore({ file: join(folder, "store.sqlite"), clock });
    if (!opened.ok) throw new Error(opened.error.message);
    return opened.value;
  },
};

async function startOn(t: TestContext, kind: string): Promise<Harness> {
  const store = await stores[kind]?.(t);
  assert.ok(store !== undefined);
  const harness = await startCluster(t, { store });
  t.after(() => store.close());
  return harness;
}

function statuses(answers: readonly Answer[]): readonly number[] {
  return answers.map(({ status }) => status).sort((left, right) => left - right);
}

/** How often each node is named by all groups together, as the members' records and the groups say. */
async function countOf(harness: Harness, node: string): Promise<number> {
  return Object.values(await allGroups(harness))
    .flat()
    .filter((member) => member === node).length;
}

for (const kind of Object.keys(stores)) {
  test(`of two requests at once that put a node into two groups, one wins (${kind})`, async (t) => {
    const harness = await startOn(t, kind);
    await put(harness, "a", {});
    await put(harness, "b", {});
    for (let round = 0; round < 20; round += 1) {
      const add = (group: string) => harness.call("PUT", `/v1/ha-groups/${group}/members/node1`);
      const answers = await Promise.all(["a", "b"].map(add));
      assert.deepEqual(statuses(answers), [200, 409]);
      assert.equal(await countOf(harness, "node1"), 1);
      for (const group of ["a", "b"]) {
        await harness.call("DELETE", `/v1/ha-groups/${group}/members/node1`);
      }
    }
  });

  test(`of two new groups at once with a member in common, one is made (${kind})`, async (t) => {
    const harness = await startOn(t, kind);
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all([
        put(harness, "a", { members: ["node1", "node2"] }),
        put(harness, "b", { members: ["node2", "node3"] }),
      ]);
      assert.deepEqual(statuses(answers), [201, 409]);
      assert.equal(Object.keys(await allGroups(harness)).length, 1, "all of it or nothing");
      for (const group of ["a", "b"]) await harness.call("DELETE", `/v1/ha-groups/${group}`);
    }
  });

  test(`a node that is removed while it is added ends in no group (${kind})`, async (t) => {
    const harness = await startOn(t, kind);
    await put(harness, "a", {});
    for (let round = 0; round < 10; round += 1) {
      const node = `extra${round}`;
      const joined = await register(harness, node);
      assert.equal(joined.status, 200, joined.text);
      const [added, removed] = await Promise.all([
        harness.call("PUT", `/v1/ha-groups/a/members/${node}`),
        harness.call("DELETE", `/v1/nodes/${node}`),
      ]);
      assert.ok([200, 404].includes(added.status), added.text);
      assert.equal(removed.status, 204, removed.text);
      assert.equal(await countOf(harness, node), 0);
      const left = await harness.store.get(`ha-members/${node}`);
      assert.ok(left.ok && left.value.entry === undefined);
    }
  });

  test(`a member that is added while its group is deleted ends in no group (${kind})`, async (t) => {
    const harness = await startOn(t, kind);
    for (let round = 0; round < 10; round += 1) {
      await put(harness, "a", { members: ["node2"] });
      const [added, removed] = await Promise.all([
        harness.call("PUT", "/v1/ha-groups/a/members/node1"),
        harness.call("DELETE", "/v1/ha-groups/a"),
      ]);
      assert.ok([200, 404].includes(added.status), added.text);
      assert.equal(removed.status, 204, removed.text);
      const left = await harness.store.range("ha-members/");
      assert.ok(left.ok);
      assert.deepEqual(left.value.entries, []);
    }
  });
}
