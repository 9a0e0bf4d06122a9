import assert from "node:assert/strict";
import test from "node:test";
import { listOf, serviceBody, startHarness } from "../harness.ts";
import { addDefinitions, assertFaults, deploymentBody, putDeployment } from "./support.ts";

test("the generation of a deployment grows with each change, and with nothing else", async (t) => {
  const harness = await startHarness(t);
  await addDefinitions(harness, ["1", "2"]);
  const first = await putDeployment(harness, ["1"]);
  assert.deepEqual([first.status, Number(first.json["generation"])], [201, 1]);
  const same = await putDeployment(harness, ["1"]);
  assert.deepEqual([same.status, Number(same.json["generation"])], [200, 1]);
  assert.equal(Number(same.json["revision"]), Number(first.json["revision"]));
  const second = await putDeployment(harness, ["2", "1"]);
  assert.equal(Number(second.json["generation"]), 2);
  const list = await harness.call("GET", "/v1/deployments");
  const [only] = listOf(list.json["items"]);
  assert.equal(Number(only?.["generation"]), 2);
});

test("a change of a deployment can be conditional on its revision", async (t) => {
  const harness = await startHarness(t);
  await addDefinitions(harness, ["1", "2"]);
  await putDeployment(harness, ["1"]);
  const put = (versions: readonly string[], headers: Record<string, string>) =>
    harness.call("PUT", "/v1/deployments/web", { body: deploymentBody(versions), headers });
  const shown = await harness.call("GET", "/v1/deployments/web");
  const etag = String(shown.headers["etag"]);
  assert.equal((await put(["2"], { "if-none-match": "*" })).status, 412);
  assert.equal((await put(["2"], { "if-match": etag })).status, 200);
  assert.equal((await put(["1"], { "if-match": etag })).status, 412);
});

const bad: readonly (readonly [string, object, Readonly<Record<string, RegExp>>])[] = [
  ["no versions", { versions: [] }, { versions: /./ }],
  [
    "a version that is none",
    { versions: [{ version: "new" }] },
    { "versions.0.version": /"new" is no version/ },
  ],
  [
    "a version without definition",
    { versions: [{ version: "1" }, { version: "9" }] },
    { "versions.1.version": /there is no version 9 of "process:web"/ },
  ],
  [
    "a version twice",
    { versions: [{ version: "1" }, { version: "1.0" }] },
    { "versions.1.version": /named twice/ },
  ],
  [
    "a priority twice",
    { versions: [{ version: "1", priority: 2 }, { version: "2" }] },
    { "versions.1.priority": /priority 2 is that of version 1 too/ },
  ],
  [
    "a constraint that does not parse",
    { constraint: "rack == r1 AND )" },
    { constraint: /at character 16: expected .*found "\)"/ },
  ],
  [
    "unknown properties",
    { constraint: "zon == x OR rack == r1 OR NOT gpus > 1" },
    { constraint: /no node has a property/ },
  ],
  [
    "an unknown input",
    { inputs: { PORT: 1, HOST: "x" } },
    { "inputs.HOST": /they have PORT, NAME/ },
  ],
  [
    "a missing input",
    { inputs: {} },
    { "inputs.PORT": /is missing \(version 1 expects a number\)/ },
  ],
  [
    "an input of another type",
    { inputs: { PORT: "80" } },
    { "inputs.PORT": /version 1 expects a number, this is a string/ },
  ],
  [
    "a share that is none",
    { rollout: { maxUnavailable: "150%" } },
    { "rollout.maxUnavailable": /./ },
  ],
  ["an unknown field", { replicas: 3 }, { replicas: /unknown field/ }],
  ["another name than the path's", { name: "other" }, { name: /the path says "web"/ }],
];

test("a deployment with faults is refused with their places, and nothing is kept", async (t) => {
  const harness = await startHarness(t);
  await harness.agent("n1");
  const inputs = [
    { name: "PORT", type: "number" },
    { name: "NAME", default: "x" },
  ];
  await addDefinitions(harness, ["1", "2"], { inputs });
  for (const [what, more, faults] of bad) {
    const body = deploymentBody(["1"], { inputs: { PORT: 80 }, ...more });
    const answer = await harness.call("PUT", "/v1/deployments/web", { body });
    await t.test(what, () => {
      if (what !== "unknown properties") return assertFaults(answer, faults);
      assert.equal(answer.status, 400);
      assert.match(
        String(answer.json["detail"]),
        /at character 1: .*"zon".*at character 31: .*"gpus"/,
      );
    });
  }
  const list = await harness.call("GET", "/v1/deployments");
  assert.deepEqual(listOf(list.json["items"]), []);
});

test("a deployment of another service under the same name is refused", async (t) => {
  const harness = await startHarness(t);
  await addDefinitions(harness, ["1"]);
  await addDefinitions(harness, ["1"], { service: "process:other" });
  await putDeployment(harness, ["1"]);
  const body = deploymentBody(["1"], { service: "process:other" });
  const answer = await harness.call("PUT", "/v1/deployments/web", { body });
  assertFaults(answer, { service: /is of "process:web", and stays so/ });
});

test("a deployment that fits nowhere is let in with a warning", async (t) => {
  const harness = await startHarness(t);
  await addDefinitions(harness, ["1"]);
  const none = await putDeployment(harness, ["1"]);
  assert.match(none.text, /there is no node yet/);
  await harness.agent("n1");
  const misfit = await putDeployment(harness, ["1"], { constraint: "rack == r9" });
  assert.match(misfit.text, /no node fits at the moment/);
  const fit = await putDeployment(harness, ["1"], { constraint: "rack == r1" });
  assert.equal("warnings" in fit.json, false, fit.text);
});

test("a property that no node has passes where the caller allows it", async (t) => {
  const harness = await startHarness(t);
  await addDefinitions(harness, ["1"]);
  const body = deploymentBody(["1"], { constraint: "zone == x" });
  const path = "/v1/deployments/web?allowUnknownProperties=true";
  assert.equal((await harness.call("PUT", path, { body })).status, 201);
  const wrong = "/v1/deployments/web?allowUnknownProperties=1";
  assert.equal((await harness.call("PUT", wrong, { body })).status, 400);
});

test("a deployment that is removed says so, and one that is not there is not found", async (t) => {
  const harness = await startHarness(t);
  await addDefinitions(harness, ["1"]);
  await putDeployment(harness, ["1"]);
  const removed = await harness.call("DELETE", "/v1/deployments/web");
  assert.deepEqual([removed.status, String(removed.json["removing"])], [202, "true"]);
  for (const [method, path] of [
    ["GET", "/v1/deployments/ghost"],
    ["DELETE", "/v1/deployments/ghost"],
    ["GET", "/v1/deployments/ghost/status"],
    ["GET", "/v1/deployments/ghost/rollouts"],
    ["POST", "/v1/deployments/ghost/rollout/pause"],
  ] as const) {
    const answer = await harness.call(method, path);
    assert.equal(answer.status, 404, path);
    assert.match(answer.text, /there is no deployment \\"ghost\\"/);
  }
});

test("an order about a rollout that there is not is refused", async (t) => {
  const harness = await startHarness(t);
  await addDefinitions(harness, ["1"]);
  await putDeployment(harness, ["1"]);
  const answer = await harness.call("POST", "/v1/deployments/web/rollout/pause");
  assert.deepEqual([answer.status, String(answer.json["code"])], [409, "refused"], answer.text);
  assert.match(String(answer.json["detail"]), /has had no rollout yet/);
  const other = await harness.call("POST", "/v1/deployments/web/rollout/stop");
  assert.equal(other.status, 400, "no such order");
});

test("people cannot write, remove or order what is an instance of a deployment", async (t) => {
  const harness = await startHarness(t);
  const id = "process:web@n1";
  const body = { ...serviceBody("web@n1"), id };
  for (const [method, path, sent] of [
    ["POST", "/v1/services", body],
    ["PUT", `/v1/services/${id}`, body],
    ["DELETE", `/v1/services/${id}`, undefined],
    ["POST", `/v1/services/${id}/commands`, { command: "stop" }],
    ["POST", `/v1/services/${id}/commands`, { command: "migrate", target: "n2" }],
    ["POST", `/v1/services/${id}/commands`, { command: "located", target: "n2" }],
  ] as const) {
    const answer = await harness.call(method, path, { body: sent });
    assert.deepEqual([answer.status, String(answer.json["code"])], [409, "refused"], path);
    const line = '"process:web@n1" belongs to deployment "web": change that';
    assert.equal(String(answer.json["detail"]), line);
  }
});

test("check says for each node whether a deployment fits, and which clause fails", async (t) => {
  const harness = await startHarness(t);
  await harness.agent("n1");
  await harness.agent("n2");
  await addDefinitions(harness, ["1"]);
  await addDefinitions(harness, ["2"], { constraint: "agentVersion >= 7" });
  await harness.call("PATCH", "/v1/nodes/n2", { body: { setProperties: { rack: "r2" } } });
  await putDeployment(harness, ["2", "1"], { constraint: "rack == r1" });
  const check = (body: object) => harness.call("POST", "/v1/check", { body });
  const all = listOf((await check({ deployment: "web" })).json["items"]);
  assert.deepEqual(
    all.map((line) => [line["node"], line["compatible"], line["version"]].map(String)),
    [
      ["n1", "true", "1"],
      ["n2", "false", "undefined"],
    ],
  );
  const why = JSON.stringify(all[1]);
  assert.match(why, /"side":"deployment".*rack == r1.*rack.*r2/);
  const one = listOf((await check({ node: "n1" })).json["items"]);
  assert.match(
    JSON.stringify(one),
    /"version":"2","side":"definition","because":".*agentVersion >= 7/,
  );
  const draft = deploymentBody(["1"], { name: "draft", constraint: "rack == r2" });
  const asIf = listOf((await check({ deployment: draft, node: "n2" })).json["items"]);
  assert.equal(String(asIf[0]?.["compatible"]), "true");
  assert.equal((await check({})).status, 400);
  assert.equal((await check({ node: "ghost" })).status, 404);
  assert.equal((await check({ deployment: "ghost" })).status, 404);
});
