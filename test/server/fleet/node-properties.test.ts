import assert from "node:assert/strict";
import test from "node:test";
import { type Answer, type Harness, startHarness } from "../harness.ts";
import { addDefinitions, assertFaults, putDeployment } from "./support.ts";

function patch(harness: Harness, body: object, query = ""): Promise<Answer> {
  return harness.call("PATCH", `/v1/nodes/n1${query}`, { body });
}

test("properties that people set go before the agent's, and null takes one away", async (t) => {
  const harness = await startHarness(t);
  await harness.agent("n1");
  const set = { rack: "r7", gpu: true, floor: 3, zones: ["a", "b"] };
  const answer = await patch(harness, { setProperties: set });
  assert.equal(answer.status, 200, answer.text);
  const properties = answer.json["properties"];
  assert.deepEqual(properties, { ...set, node: "n1", agentVersion: "1" });
  assert.deepEqual(answer.json["setProperties"], set);
  const less = await patch(harness, { setProperties: { rack: null, gpu: null } });
  const { rack, gpu, floor } = less.json["properties"] ?? {};
  assert.deepEqual([rack, gpu, floor].map(String), ["r1", "undefined", "3"], "the agent's is back");
  const same = await patch(harness, { setProperties: { floor: 3 } });
  assert.equal(Number(same.json["revision"]), Number(less.json["revision"]), "nothing is written");
});

test("what an agent says later leaves alone what people have set", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("n1");
  await patch(harness, { setProperties: { rack: "r7" } });
  await agent.post("/v1/agent/join", {
    agentVersion: "2",
    properties: { rack: "r8", agentVersion: "0" },
  });
  const node = await harness.call("GET", "/v1/nodes/n1");
  const { rack, agentVersion } = node.json["properties"] ?? {};
  assert.deepEqual([rack, agentVersion].map(String), ["r7", "2"], "a built-in one is Holdfast's");
});

const bad: readonly (readonly [string, object, Readonly<Record<string, RegExp>>])[] = [
  [
    "a built-in property",
    { setProperties: { cores: 4 } },
    { "setProperties.cores": /Holdfast itself says this/ },
  ],
  ["a name that is none", { setProperties: { "a b": 1 } }, { "setProperties.a b": /letters/ }],
  ["a value that is none", { setProperties: { a: { b: 1 } } }, { "setProperties.a": /./ }],
  ["a constraint that breaks off", { constraint: "version >" }, { constraint: /at character 10/ }],
  [
    "a property that no deployment has",
    { constraint: "version >= 1 AND tier == gold" },
    { constraint: /at character 18: no deployment or definition has a property "tier"/ },
  ],
  ["an unknown field", { properties: {} }, { properties: /unknown field/ }],
];

test("a change of a node with faults is refused with their places", async (t) => {
  const harness = await startHarness(t);
  await harness.agent("n1");
  const before = await harness.call("GET", "/v1/nodes/n1");
  for (const [what, body, faults] of bad) {
    const answer = await patch(harness, body);
    await t.test(what, () => assertFaults(answer, faults));
  }
  const after = await harness.call("GET", "/v1/nodes/n1");
  assert.equal(Number(after.json["revision"]), Number(before.json["revision"]));
  const none = await harness.call("PATCH", "/v1/nodes/ghost", { body: {} });
  assert.equal(none.status, 404);
});

test("a node's constraint is set, seen by check, and taken away", async (t) => {
  const harness = await startHarness(t);
  await harness.agent("n1");
  await addDefinitions(harness, ["1"], { properties: { tier: "silver" } });
  await putDeployment(harness, ["1"]);
  const set = await patch(harness, { constraint: "tier == gold" });
  assert.equal(String(set.json["constraint"]), "tier == gold", set.text);
  const body = { deployment: "web" };
  const refused = await harness.call("POST", "/v1/check", { body });
  assert.match(refused.text, /"side":"node","because":".*tier == gold.*silver/);
  const other = await patch(
    harness,
    { constraint: "nothing == x" },
    "?allowUnknownProperties=true",
  );
  assert.equal(other.status, 200);
  const gone = await patch(harness, { constraint: null });
  assert.equal("constraint" in gone.json, false);
  const fits = await harness.call("POST", "/v1/check", { body });
  assert.match(fits.text, /"compatible":true/);
});
