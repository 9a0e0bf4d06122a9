/** Tokens of nodes that were removed: they go at the latest with the last word that their node was removed. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Operation } from "../../../src/ports/store.ts";
import { createMemoryStore } from "../../../src/stores/memory/memory-store.ts";
import { clock, eventually, type Harness, startHarness } from "../harness.ts";

/** As many as are remembered. */
const rememberedMax = 1_000;

function removal(node: string): Operation {
  const value = { version: 1, node, epoch: 1, because: "a person removed it", atMs: 0 };
  return { kind: "put", key: `removed-nodes/${node}`, value };
}

function agentToken(id: string, node: string): Operation {
  const record = { version: 2, id, sha256: "0".repeat(64), role: "agent", node, name: id };
  const value = { ...record, ownsNodes: [], ownsServices: [], createdAtMs: 0 };
  return { kind: "put", key: `tokens/${id}`, value };
}

async function write(harness: Harness, then: readonly Operation[]): Promise<void> {
  const written = await harness.store.txn({ compare: [], then });
  assert.ok(written.ok, written.ok ? "" : written.error.message);
}

async function keysBelow(harness: Harness, prefix: string): Promise<readonly string[]> {
  const read = await harness.store.range(prefix);
  assert.ok(read.ok);
  return read.value.entries.map(({ key }) => key.slice(prefix.length));
}

/** A server that remembers as many removed nodes as it may, `old0` first, and a node without a lease. */
async function full(t: test.TestContext, oldTokens: readonly Operation[]): Promise<Harness> {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const harness = await startHarness(t, { store });
  const agent = await harness.agent("n1");
  await agent.post("/v1/agent/release", { epoch: agent.epoch, leaseId: agent.leaseId });
  if (oldTokens.length > 0) await write(harness, oldTokens);
  await write(harness, [removal("old0")]);
  const others = Array.from({ length: rememberedMax - 1 }, (_none, index) => {
    return removal(`old${index + 1}`);
  });
  for (let first = 0; first < others.length; first += 500) {
    await write(harness, others.slice(first, first + 500));
  }
  return harness;
}

/** Removes `n1`; the value is what the store changed in that one revision. */
async function removeNode(harness: Harness): Promise<readonly string[]> {
  await eventually("n1 is removed", async () => {
    return (await harness.call("DELETE", "/v1/nodes/n1")).status === 204;
  });
  const read = await harness.store.get("removed-nodes/n1");
  assert.ok(read.ok && read.value.entry !== undefined);
  const fromRevision = read.value.entry.modRevision;
  const stop = new AbortController();
  const watch = harness.store.watch("", { fromRevision, signal: stop.signal });
  for await (const batch of watch) {
    assert.ok(batch.ok);
    stop.abort();
    return batch.value.changes.map((change) =>
      change.kind === "put" ? change.entry.key : `-${change.key}`,
    );
  }
  return [];
}

test("DELETE /v1/nodes/:id forgets the oldest removed node together with its tokens", async (t) => {
  const harness = await full(t, [agentToken("aa", "old0"), agentToken("bb", "old1")]);
  await write(harness, [agentToken("cc", "old0")]);
  const changed = await removeNode(harness);
  const deleted = changed.filter((key) => key.startsWith("-"));
  assert.deepEqual(deleted.sort(), ["-nodes/n1", "-removed-nodes/old0", "-tokens/aa"]);
  const tokens = await keysBelow(harness, "tokens/");
  assert.ok(tokens.includes("bb"), "its node is remembered still");
  assert.ok(tokens.includes("cc"), "made after the removal, it is a person's word");
  assert.equal((await keysBelow(harness, "removed-nodes/")).length, rememberedMax);
});

test("DELETE /v1/nodes/:id keeps a removed node in mind until the last of its tokens is gone", async (t) => {
  const many = Array.from({ length: 150 }, (_none, index) => agentToken(`x${index}`, "old0"));
  const harness = await full(t, many);
  const changed = await removeNode(harness);
  const deleted = changed.filter((key) => key.startsWith("-"));
  assert.equal(deleted.filter((key) => key.startsWith("-tokens/")).length, 100, "a bound");
  assert.ok(!deleted.includes("-removed-nodes/old0"), "50 tokens are left");
  // The next entry in its place goes on with it, whoever makes it.
  const token = await harness.agentToken("n2");
  const body = { agentVersion: "1", properties: {} };
  const joined = await harness.call("POST", "/v1/agent/join", { token, body });
  assert.equal(joined.status, 200, joined.text);
  const left = await keysBelow(harness, "tokens/");
  assert.ok(!left.some((id) => id.startsWith("x")), left.join());
  assert.ok(!(await keysBelow(harness, "removed-nodes/")).includes("old0"));
});

test("POST /v1/agent/join is refused while a removed node of that name has more tokens than go at once", async (t) => {
  const harness = await startHarness(t);
  const many = Array.from({ length: 101 }, (_none, index) => agentToken(`x${index}`, "n3"));
  await write(harness, many);
  await write(harness, [removal("n3")]);
  const token = await harness.agentToken("n3");
  const body = { agentVersion: "1", properties: {} };
  const refused = await harness.call("POST", "/v1/agent/join", { token, body });
  assert.equal(refused.status, 429, refused.text);
  assert.match(String(refused.json["detail"]), /"n3" still has 101 tokens; revoke them first/);
  assert.equal((await harness.call("DELETE", "/v1/tokens/x0")).status, 204);
  const joined = await harness.call("POST", "/v1/agent/join", { token, body });
  assert.equal(joined.status, 200, joined.text);
  const left = await keysBelow(harness, "tokens/");
  assert.ok(!left.some((id) => id.startsWith("x")), "none of them speaks for the new node");
});
