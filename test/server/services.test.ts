import assert from "node:assert/strict";
import test from "node:test";
import { eventually, type Harness, listOf, serviceBody, startHarness } from "./harness.ts";

const path = "/v1/services/process:api";

async function put(harness: Harness, more: object, headers: Record<string, string> = {}) {
  return await harness.call("PUT", path, { body: serviceBody("api", more), headers });
}

test("PUT /v1/services/:id creates, replaces, and compares If-Match", async (t) => {
  const harness = await startHarness(t);
  const made = await put(harness, {}, { "if-none-match": "*" });
  assert.equal(made.status, 201);
  const etag = String(made.headers["etag"]);
  assert.equal(etag, `"${String(made.json["revision"])}"`);
  const twice = await put(harness, { maxRestart: 2 }, { "if-none-match": "*" });
  assert.equal(twice.status, 412);
  assert.equal(twice.json["code"], "changed-meanwhile");
  const changed = await put(harness, { maxRestart: 3 }, { "if-match": etag });
  assert.equal(changed.status, 200);
  assert.notEqual(changed.headers["etag"], etag);
  const stale = await put(harness, { maxRestart: 4 }, { "if-match": etag });
  assert.equal(stale.status, 412);
  const now = await harness.call("GET", path);
  assert.equal(now.json["config"]?.["maxRestart"], 3);
  assert.equal(now.headers["etag"], changed.headers["etag"]);
});

test("PUT /v1/services/:id of what is there already writes nothing", async (t) => {
  const harness = await startHarness(t);
  const made = await put(harness, {});
  const again = await put(harness, {});
  assert.equal(again.status, 200);
  assert.equal(again.json["revision"], made.json["revision"]);
});

test("PUT /v1/services/:id with If-Match lets one of many at once win", async (t) => {
  const harness = await startHarness(t);
  const etag = String((await put(harness, {})).headers["etag"]);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      put(harness, { maxRestart: index + 2 }, { "if-match": etag }),
    ),
  );
  const statuses = answers.map((answer) => answer.status).sort();
  assert.deepEqual(statuses, [200, ...Array.from({ length: 9 }, () => 412)]);
});

test("PATCH /v1/services/:id merges, removes with null, and checks the whole", async (t) => {
  const harness = await startHarness(t);
  await put(harness, { description: "old", node: "node1" });
  const patched = await harness.call("PATCH", path, {
    body: { description: null, maxRestart: 5, process: { arguments: ["a"], user: "nobody" } },
  });
  assert.equal(patched.status, 200, patched.text);
  const config = patched.json["config"];
  assert.equal(config?.["description"], undefined);
  assert.equal(config?.["node"], "node1");
  assert.equal(config?.["process"]?.["command"], "/bin/true");
  assert.deepEqual(config?.["process"]?.["arguments"], ["a"]);
  const without = await harness.call("PATCH", path, { body: { process: { user: null } } });
  assert.equal(without.json["config"]?.["process"]?.["user"], undefined);
  const bad = await harness.call("PATCH", path, { body: { process: { command: null } } });
  assert.equal(bad.json["code"], "bad-input");
  assert.equal(listOf(bad.json["faults"])[0]?.["path"], "process.command");
});

test("DELETE /v1/services/:id is asked for once or often, and refuses changes until it is gone", async (t) => {
  const harness = await startHarness(t);
  await harness.agent("node1");
  await put(harness, {});
  await eventually("it is placed", async () => {
    const service = await harness.call("GET", path);
    return String(service.json["node"]) === "node1";
  });
  const first = await harness.call("DELETE", path);
  assert.equal(first.status, 202);
  assert.equal(first.json["removing"], true);
  assert.equal((await harness.call("DELETE", path)).status, 202);
  const change = await put(harness, { maxRestart: 7 });
  assert.equal(change.json["code"], "conflict");
  const command = await harness.call("POST", `${path}/commands`, { body: { command: "stop" } });
  assert.equal(command.json["code"], "conflict");
  assert.equal((await harness.call("DELETE", "/v1/services/process:none")).status, 404);
});

test("DELETE /v1/services/:id forgets at once what never had a node", async (t) => {
  const harness = await startHarness(t);
  await put(harness, {});
  assert.equal((await harness.call("DELETE", path)).status, 202);
  await eventually("it is gone", async () => (await harness.call("GET", path)).status === 404);
  const events = await harness.call("GET", "/v1/events?subject=process:api&limit=1");
  assert.equal(listOf(events.json["items"])[0]?.["to"], "removed");
});

test("POST /v1/services/:id/commands refuses what cannot be done, with the reason", async (t) => {
  const harness = await startHarness(t);
  await put(harness, {});
  const order = (body: object) => harness.call("POST", `${path}/commands`, { body });
  assert.match(String((await order({ command: "stop" })).json["detail"]), /waits for a node/);
  await harness.agent("node1");
  await eventually("it is placed", async () => {
    const service = await harness.call("GET", path);
    return String(service.json["state"]) === "started";
  });
  const cases: readonly (readonly [string, RegExp])[] = [
    ["node9", /no node "node9"/],
    ["node1", /on node "node1" already/],
  ];
  for (const [target, says] of cases) {
    const answer = await order({ command: "migrate", target });
    assert.equal(answer.json["code"], "refused", target);
    assert.match(String(answer.json["detail"]), says);
  }
  await harness.agent("node2");
  const accepted = await order({ command: "relocate", target: "node2" });
  assert.equal(accepted.status, 202, accepted.text);
  await eventually("the manager takes it up", async () => {
    const service = await harness.call("GET", path);
    return (
      String(service.json["state"]) === "relocate" && String(service.json["target"]) === "node2"
    );
  });
  await harness.call("PATCH", path, { body: { state: "disabled" } });
  assert.match(String((await order({ command: "stop" })).json["detail"]), /is disabled/);
});

test("GET /v1/services/:id/why tells state, nodes and history", async (t) => {
  const harness = await startHarness(t);
  await put(harness, {});
  await eventually("the manager has seen it", async () => {
    const why = await harness.call("GET", `${path}/why`);
    return listOf(why.json["history"]).length > 0;
  });
  const why = await harness.call("GET", `${path}/why`);
  assert.equal(why.json["state"], "queued");
  assert.match(String(why.json["summary"]), /process:api/);
  assert.equal((await harness.call("GET", "/v1/services/process:none/why")).status, 404);
});

test("change() writes who did what from where, in the order of the changes", async (t) => {
  const harness = await startHarness(t);
  await put(harness, {});
  await put(harness, { maxRestart: 2 });
  await put(harness, { maxRestart: -1 });
  await harness.call("PUT", "/v1/settings", { body: { profile: "fast" } });
  await harness.call("DELETE", path);
  const audit = await harness.call("GET", "/v1/audit");
  const items = listOf(audit.json["items"]);
  assert.deepEqual(
    items.map((item) => item["action"]),
    ["service.remove", "settings.change", "service.replace", "service.add"],
  );
  for (const item of items) {
    assert.equal(item["who"], "admin/first");
    assert.equal(item["from"], "127.0.0.1");
  }
  assert.equal(items[2]?.["detail"], "changed: maxRestart");
  const last = await harness.call("GET", "/v1/audit?limit=1");
  assert.deepEqual(listOf(last.json["items"]), items.slice(0, 1));
});

test("GET, PUT /v1/settings compare If-Match, from the first change on", async (t) => {
  const harness = await startHarness(t);
  const before = await harness.call("GET", "/v1/settings");
  assert.equal(before.headers["etag"], '"0"');
  const options = { body: { profile: "patient" }, headers: { "if-match": '"0"' } };
  assert.equal((await harness.call("PUT", "/v1/settings", options)).status, 200);
  assert.equal((await harness.call("PUT", "/v1/settings", options)).status, 412);
  const cluster = await harness.call("GET", "/v1/cluster");
  assert.equal(cluster.json["times"]?.["ttlMs"], 60_000);
});

test("GET /v1/events pages backwards by sequence", async (t) => {
  const harness = await startHarness(t);
  await harness.agent("node1");
  for (const name of ["a", "b", "c"]) {
    await harness.call("POST", "/v1/services", { body: serviceBody(name) });
  }
  await eventually("all are placed", async () => {
    const services = listOf((await harness.call("GET", "/v1/services")).json["items"]);
    return services.every((service) => String(service["state"]) === "started");
  });
  const all = listOf((await harness.call("GET", "/v1/events")).json["items"]);
  const paged: unknown[] = [];
  for (let before = ""; ; ) {
    const query = before === "" ? "?limit=2" : `?limit=2&before=${before}`;
    const page = listOf((await harness.call("GET", `/v1/events${query}`)).json["items"]);
    if (page.length === 0) break;
    paged.push(...page);
    before = String(page.at(-1)?.["sequence"]);
  }
  assert.ok(all.length >= 7);
  assert.deepEqual(paged, all);
});
