/** Placement groups and rules: what is taken, what is refused and why, and what is shown of them. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import {
  type Answer,
  eventually,
  type Harness,
  listOf,
  serviceBody,
  startHarness,
} from "./harness.ts";

async function startCluster(t: TestContext): Promise<Harness> {
  const harness = await startHarness(t, { initialSettings: { profile: "patient" } });
  for (const node of ["node1", "node2", "node3"]) await harness.agent(node);
  return harness;
}

function put(
  harness: Harness,
  collection: "groups" | "rules",
  body: { readonly name: string; readonly [field: string]: unknown },
  headers: Record<string, string> = {},
): Promise<Answer> {
  return harness.call("PUT", `/v1/${collection}/${body.name}`, { body, headers });
}

async function addService(harness: Harness, name: string, more: object = {}): Promise<void> {
  const made = await harness.call("POST", "/v1/services", { body: serviceBody(name, more) });
  assert.equal(made.status, 201, made.text);
}

const left = { name: "left", nodes: [{ node: "node1", priority: 2 }, { node: "node2" }] };
const apart = {
  name: "apart",
  type: "resource-affinity",
  affinity: "negative",
  services: ["process:a", "process:b"],
};

test("PUT /v1/groups/:name adds, replaces, compares If-Match, and writes the audit", async (t) => {
  const harness = await startCluster(t);
  const made = await put(harness, "groups", left, { "if-none-match": "*" });
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(made.json["config"], {
    name: "left",
    nodes: [
      { node: "node1", priority: 2 },
      { node: "node2", priority: 0 },
    ],
    restricted: false,
    nofailback: false,
  });
  const same = await put(harness, "groups", left);
  assert.deepEqual([same.status, same.json["revision"]], [200, made.json["revision"]]);
  const etag = String(made.headers["etag"]);
  const changed = await put(harness, "groups", { ...left, restricted: true }, { "if-match": etag });
  assert.equal(changed.status, 200);
  const stale = await put(harness, "groups", left, { "if-match": etag });
  assert.equal(stale.status, 412);
  const audit = await harness.call("GET", "/v1/audit");
  const actions = listOf(audit.json["items"]).map((item) => String(item["action"]));
  assert.deepEqual(actions.slice(0, 2), ["group.replace", "group.add"]);
});

test("PUT /v1/groups/:name names each node that there is not, at its place", async (t) => {
  const harness = await startCluster(t);
  const answer = await put(harness, "groups", {
    name: "left",
    nodes: [{ node: "node1" }, { node: "node8" }, { node: "node9" }],
  });
  assert.deepEqual([answer.status, answer.json["code"]], [400, "bad-input"]);
  assert.deepEqual(answer.json["faults"], [
    { path: "nodes.1.node", message: 'there is no node "node8"' },
    { path: "nodes.2.node", message: 'there is no node "node9"' },
  ]);
  assert.equal((await harness.call("GET", "/v1/groups/left")).status, 404);
});

test("DELETE /v1/groups/:name is refused while services refer to it, and names them", async (t) => {
  const harness = await startCluster(t);
  await put(harness, "groups", left);
  await addService(harness, "b", { group: "left" });
  await addService(harness, "a", { group: "left" });
  const shown = await harness.call("GET", "/v1/groups/left");
  assert.deepEqual(shown.json["services"], ["process:a", "process:b"]);
  const refused = await harness.call("DELETE", "/v1/groups/left");
  assert.deepEqual([refused.status, refused.json["code"]], [409, "refused"]);
  assert.match(String(refused.json["detail"]), /^group "left" is in use by process:a, process:b$/);
  for (const name of ["a", "b"]) {
    await harness.call("PATCH", `/v1/services/process:${name}`, { body: { group: null } });
  }
  assert.equal((await harness.call("DELETE", "/v1/groups/left")).status, 204);
  assert.deepEqual((await harness.call("GET", "/v1/groups")).json["items"], []);
});

test("a service cannot join a group that there is not", async (t) => {
  const harness = await startCluster(t);
  const body = serviceBody("a", { group: "lfet" });
  const answer = await harness.call("POST", "/v1/services", { body });
  assert.deepEqual([answer.status, answer.json["code"]], [400, "bad-input"]);
  assert.deepEqual(answer.json["faults"], [{ path: "group", message: 'there is no group "lfet"' }]);
});

test("a group is what its services are placed by", async (t) => {
  const harness = await startCluster(t);
  const nodes = [{ node: "node3", priority: 1 }, { node: "node2" }];
  await put(harness, "groups", { name: "right", nodes, restricted: true });
  await addService(harness, "a", { group: "right" });
  await eventually("it is placed on the best node of its group", async () => {
    const service = await harness.call("GET", "/v1/services/process:a");
    return String(service.json["node"]) === "node3";
  });
  const why = await harness.call("GET", "/v1/services/process:a/why");
  assert.match(
    why.json["rules"]?.[0] as unknown as string,
    /group right: it may run only on node3/,
  );
  const verdict = listOf(why.json["nodes"]).find((item) => String(item["node"]) === "node1");
  assert.equal(String(verdict?.["verdict"]), "refused");
});

test("PUT /v1/rules/:name names unknown services and nodes at their places", async (t) => {
  const harness = await startCluster(t);
  await addService(harness, "a");
  const answer = await put(harness, "rules", {
    name: "place",
    type: "node-affinity",
    services: ["process:a", "process:x"],
    nodes: [{ node: "node9" }],
  });
  assert.deepEqual([answer.status, answer.json["code"]], [400, "bad-input"]);
  assert.deepEqual(
    listOf(answer.json["faults"])
      .map((fault) => String(fault["path"]))
      .sort(),
    ["nodes.0.node", "services.1"],
  );
});

test("PUT /v1/rules/:name refuses a rule that contradicts another, with the reason", async (t) => {
  const harness = await startCluster(t);
  await addService(harness, "a");
  await addService(harness, "b");
  assert.equal((await put(harness, "rules", apart)).status, 201);
  const together = await put(harness, "rules", {
    ...apart,
    name: "together",
    affinity: "positive",
  });
  assert.deepEqual([together.status, together.json["code"]], [409, "refused"]);
  assert.match(String(together.json["detail"]), /rule "(apart|together)" could not hold: /);
  assert.match(String(together.json["detail"]), /process:a/);
  const shown = await harness.call("GET", "/v1/rules");
  assert.deepEqual(
    listOf(shown.json["items"]).map((rule) => [rule["name"], rule["inForce"]]),
    [["apart", true]],
    "the rule that was there stays in force",
  );
});

test("PUT /v1/rules/:name refuses a rule that contradicts itself or the cluster", async (t) => {
  const harness = await startCluster(t);
  for (const name of ["a", "b", "c", "d"]) await addService(harness, name);
  const single = await put(harness, "rules", { ...apart, services: ["process:a"] });
  assert.equal(single.json["code"], "refused", single.text);
  const services = ["a", "b", "c", "d"].map((name) => `process:${name}`);
  const many = await put(harness, "rules", { ...apart, services });
  assert.equal(many.json["code"], "refused", many.text);
  assert.deepEqual((await harness.call("GET", "/v1/rules")).json["items"], []);
});

test("a second node-affinity rule for a service, also by way of its group, is refused", async (t) => {
  const harness = await startCluster(t);
  await addService(harness, "a");
  await put(harness, "groups", left);
  const place = {
    name: "place",
    type: "node-affinity",
    services: ["process:a"],
    nodes: [{ node: "node1" }],
  };
  assert.equal((await put(harness, "rules", place)).status, 201);
  const second = await put(harness, "rules", { ...place, name: "place2" });
  assert.equal(second.json["code"], "refused", second.text);
  const joined = await harness.call("PATCH", "/v1/services/process:a", { body: { group: "left" } });
  assert.equal(joined.json["code"], "refused", joined.text);
  const disabled = await put(harness, "rules", { ...place, disabled: true });
  assert.deepEqual(
    [disabled.status, disabled.json["inForce"], disabled.json["because"]],
    [200, false, "it is disabled"],
  );
  const now = await harness.call("PATCH", "/v1/services/process:a", { body: { group: "left" } });
  assert.equal(now.status, 200, now.text);
  const enabled = await put(harness, "rules", place);
  assert.equal(enabled.json["code"], "refused", "what became impossible meanwhile stays off");
});

test("a rule that became impossible later is shown as such, and harms nobody", async (t) => {
  const harness = await startCluster(t);
  await addService(harness, "a");
  await addService(harness, "b", { state: "ignored" });
  assert.equal((await put(harness, "rules", apart)).status, 201);
  await harness.call("DELETE", "/v1/services/process:b");
  await eventually("the service is forgotten", async () => {
    return (await harness.call("GET", "/v1/services/process:b")).status === 404;
  });
  const rule = await harness.call("GET", "/v1/rules/apart");
  assert.equal(rule.json["inForce"], false);
  assert.match(String(rule.json["because"]), /service/);
  await eventually("the manager says so too", async () => {
    const { json } = await harness.call("GET", "/v1/cluster");
    return listOf(json["rejectedRules"]).some((item) => String(item["rule"]) === "apart");
  });
  const events = await harness.call("GET", "/v1/events?subject=apart");
  assert.equal(listOf(events.json["items"])[0]?.["kind"], "rule");
  const kept = await put(harness, "rules", { ...apart, disabled: true });
  assert.equal(kept.status, 200, "it can still be changed");
});

test("DELETE /v1/rules/:name compares If-Match and forgets the rule", async (t) => {
  const harness = await startCluster(t);
  await addService(harness, "a");
  await addService(harness, "b");
  const made = await put(harness, "rules", apart);
  const path = "/v1/rules/apart";
  const wrong = await harness.call("DELETE", path, { headers: { "if-match": '"1"' } });
  assert.equal(wrong.status, 412);
  const etag = String(made.headers["etag"]);
  assert.equal((await harness.call("DELETE", path, { headers: { "if-match": etag } })).status, 204);
  assert.equal((await harness.call("DELETE", path)).status, 404);
});

test("GET /v1/upgrade/check names the services that strict rules leave no other node", async (t) => {
  const harness = await startCluster(t);
  const boundOnes = async (): Promise<readonly string[]> => {
    const { json } = await harness.call("GET", "/v1/upgrade/check");
    const found = listOf(json["findings"]).filter(({ code }) => String(code) === "bound");
    return found.map(({ subject, detail }) => `${String(subject)}: ${String(detail)}`);
  };
  for (const node of ["node1", "node2", "node3"]) {
    await eventually(`${node} is online`, async () => {
      return String((await harness.call("GET", `/v1/nodes/${node}`)).json["state"]) === "online";
    });
  }
  for (const [name, node] of [
    ["a", "node1"],
    ["b", "node2"],
    ["c", "node3"],
  ] as const) {
    await addService(harness, name, { node });
    await eventually(`${name} is on ${node}`, async () => {
      const { json } = await harness.call("GET", `/v1/services/process:${name}`);
      return String(json["node"]) === node;
    });
  }
  await put(harness, "rules", apart);
  assert.deepEqual(await boundOnes(), [], "the third node is free for both");
  await put(harness, "rules", { ...apart, services: ["process:a", "process:b", "process:c"] });
  const found = await boundOnes();
  assert.equal(found.length, 3);
  assert.match(
    found.join("; "),
    /process:a: it cannot move away: on every other node is one of those that it never runs beside: process:b, process:c/,
  );
  await harness.call("DELETE", "/v1/rules/apart");
  const only = {
    ...{ name: "only", type: "node-affinity", services: ["process:a"], strict: true },
    nodes: [{ node: "node1" }],
  };
  assert.equal((await put(harness, "rules", only)).status, 201);
  assert.match((await boundOnes()).join("; "), /process:a: it cannot move away: only leaves it/);
});
