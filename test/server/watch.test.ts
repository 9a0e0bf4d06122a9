import assert from "node:assert/strict";
import test from "node:test";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { clock, type Harness, openStream, serviceBody, startHarness } from "./harness.ts";

function watch(harness: Harness, query = "", headers: Record<string, string> = {}) {
  const options = { token: harness.adminToken, headers };
  return openStream(harness.server.url, `/v1/watch${query}`, options);
}

async function add(harness: Harness, name: string): Promise<number> {
  const answer = await harness.call("POST", "/v1/services", { body: serviceBody(name) });
  assert.equal(answer.status, 201, answer.text);
  return Number(answer.json["revision"]);
}

test("GET /v1/watch begins with what there is, says ready, then tells changes", async (t) => {
  const harness = await startHarness(t);
  await harness.agent("node1");
  await add(harness, "first");
  const stream = await watch(harness);
  t.after(() => stream.close());
  await stream.until("ready", (message) => message.event === "ready");
  const begin = stream.messages.map((message) => `${message.event} ${String(message.data["id"])}`);
  assert.ok(begin.includes("node node1"));
  assert.ok(begin.includes("service process:first"));
  const revision = await add(harness, "second");
  const told = await stream.until(
    "the new service",
    (message) => message.event === "service" && String(message.data["id"]) === "process:second",
  );
  assert.equal(told.id, String(revision));
  await stream.until(
    "its placement on the node, in the node's list",
    (message) =>
      message.event === "node" && JSON.stringify(message.data["services"]).includes("second"),
  );
  await stream.until(
    "the event with its reason",
    (message) => message.event === "event" && String(message.data["subject"]) === "process:second",
  );
});

test("GET /v1/watch resumes after a revision with nothing lost and no event told twice", async (t) => {
  const harness = await startHarness(t);
  await harness.agent("node1");
  const before = await add(harness, "a");
  const names = ["b", "c", "d"];
  for (const name of names) await add(harness, name);
  await harness.call("PATCH", "/v1/services/process:b", { body: { state: "disabled" } });
  const stream = await watch(harness, `?after=${before}`);
  t.after(() => stream.close());
  await stream.until("ready", (message) => message.event === "ready");
  for (const name of names) {
    const id = `process:${name}`;
    await stream.until(id, (each) => each.event === "service" && String(each.data["id"]) === id);
  }
  await add(harness, "e");
  await stream.until(
    "the live change after the replay",
    (message) => message.event === "event" && String(message.data["subject"]) === "process:e",
  );
  const sequences = stream.messages
    .filter((message) => message.event === "event")
    .map((message) => String(message.data["sequence"]));
  assert.deepEqual(sequences, [...new Set(sequences)].sort(), "each once, in order");
  const revisions = stream.messages
    .filter((message) => message.event === "event")
    .map((message) => Number(message.data["revision"]));
  assert.ok(revisions.every((revision) => revision > before));
});

test("GET /v1/watch takes up at Last-Event-ID, which counts more than after", async (t) => {
  const harness = await startHarness(t);
  await add(harness, "a");
  const stream = await watch(harness);
  await stream.until("ready", (message) => message.event === "ready");
  await add(harness, "b");
  const last = await stream.until(
    "b",
    (message) => message.event === "service" && String(message.data["id"]) === "process:b",
  );
  stream.close();
  await add(harness, "c");
  const again = await watch(harness, "?after=1", { "last-event-id": String(last.id) });
  t.after(() => again.close());
  await again.until(
    "c",
    (message) => message.event === "service" && String(message.data["id"]) === "process:c",
  );
  assert.ok(
    again.messages.every(
      (message) => message.event !== "service" || String(message.data["id"]) !== "process:a",
    ),
    "what was before is not told again",
  );
});

test("GET /v1/watch answers 410 when the history is gone", async (t) => {
  const store = createMemoryStore({ clock, historyRevisionsMax: 5 });
  t.after(() => store.close());
  const harness = await startHarness(t, { store });
  for (let index = 0; index < 30; index += 1) await add(harness, `s${index}`);
  const stream = await watch(harness, "?after=1");
  assert.equal(stream.status, 410);
  const current = (await harness.call("GET", "/v1/cluster")).json["revision"];
  const fresh = await watch(harness, `?after=${String(current)}`);
  t.after(() => fresh.close());
  assert.equal(fresh.status, 200);
});

test("GET /v1/watch answers 410 at once for a revision that has not happened", async (t) => {
  const harness = await startHarness(t);
  const startedAtMs = performance.now();
  const answer = await harness.call("GET", "/v1/watch?after=999999");
  assert.deepEqual([answer.status, answer.json["code"]], [410, "compacted"]);
  assert.ok(performance.now() - startedAtMs < 2_000, "it does not wait for it");
});

test("GET /v1/watch tells only the kinds that were asked for, and deletions", async (t) => {
  const harness = await startHarness(t);
  await add(harness, "a");
  const stream = await watch(harness, "?kinds=service");
  t.after(() => stream.close());
  await stream.until("ready", (message) => message.event === "ready");
  await harness.call("DELETE", "/v1/services/process:a");
  await stream.until(
    "the deletion",
    (message) => message.event === "service-deleted" && String(message.data["id"]) === "process:a",
  );
  const kinds = new Set(stream.messages.map((message) => message.event));
  assert.deepEqual([...kinds].sort(), ["ready", "service", "service-deleted"]);
});

test("close() of the server ends the streams", async (t) => {
  const harness = await startHarness(t);
  const stream = await watch(harness);
  await stream.until("ready", (message) => message.event === "ready");
  await harness.server.close();
  assert.equal(stream.ended(), true);
});
