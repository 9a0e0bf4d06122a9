import assert from "node:assert/strict";
import test from "node:test";
import { listOf, startHarness } from "../harness.ts";
import { addDefinitions, assertFaults, definitionBody, putDeployment } from "./support.ts";

test("a definition is added, listed, shown, and removed", async (t) => {
  const harness = await startHarness(t);
  const added = await harness.call("POST", "/v1/definitions", { body: definitionBody("1.10.0") });
  assert.equal(added.status, 201, added.text);
  assert.equal(added.headers["location"], "/v1/definitions/process:web/1.10.0");
  await addDefinitions(harness, ["1.9.0"]);
  const list = await harness.call("GET", "/v1/definitions");
  const versions = listOf(list.json["items"]).map((item) => String(item["version"]));
  assert.deepEqual(versions, ["1.9.0", "1.10.0"], "the lowest version first");
  const shown = await harness.call("GET", "/v1/definitions/process:web/1.9.0");
  assert.equal(shown.json["config"]?.["maxRestart"], 1, "with its defaults");
  const removed = await harness.call("DELETE", "/v1/definitions/process:web/1.9.0");
  assert.equal(removed.status, 204);
  const gone = await harness.call("GET", "/v1/definitions/process:web/1.9.0");
  assert.equal(gone.status, 404);
  assert.match(gone.text, /there is no definition \\"process:web\/1.9.0\\"/);
});

test("a definition never changes: the same again is fine, other content is a conflict", async (t) => {
  const harness = await startHarness(t);
  await addDefinitions(harness, ["1.2.0"]);
  const add = (version: string, more: object = {}) =>
    harness.call("POST", "/v1/definitions", { body: definitionBody(version, more) });
  const before = await harness.call("GET", "/v1/definitions/process:web/1.2.0");
  const same = await add("1.2.0");
  assert.equal(same.status, 200);
  assert.equal(String(same.json["revision"]), String(before.json["revision"]));
  const other = await add("1.2.0", { maxRestart: 7 });
  assert.deepEqual([other.status, String(other.json["code"])], [409, "conflict"]);
  assert.match(String(other.json["detail"]), /version 1\.2\.0 of "process:web".*never changes/);
  const twin = await add("1.2");
  assert.equal(twin.status, 409, "another spelling of the same version");
  const after = await harness.call("GET", "/v1/definitions/process:web/1.2.0");
  assert.deepEqual(after.json, before.json);
});

test("a definition that a deployment names is not removed", async (t) => {
  const harness = await startHarness(t);
  await addDefinitions(harness, ["1", "2"]);
  await putDeployment(harness, ["2"]);
  const refused = await harness.call("DELETE", "/v1/definitions/process:web/2");
  assert.deepEqual([refused.status, String(refused.json["code"])], [409, "refused"]);
  assert.match(String(refused.json["detail"]), /named by web/);
  assert.equal((await harness.call("DELETE", "/v1/definitions/process:web/1")).status, 204);
});

const bad: readonly (readonly [string, object, Readonly<Record<string, RegExp>>])[] = [
  ["no version", { version: undefined }, { version: /is missing/ }],
  ["a version that is none", { version: "latest" }, { version: /"latest" is no version/ }],
  ["an instance as service", { service: "process:web@n1" }, { service: /without "@"/ }],
  ["a type without driver", { service: "vm:web" }, { service: /no driver for service type "vm"/ }],
  ["no part for its type", { process: undefined }, { process: /needs a part "process"/ }],
  ["a constraint that breaks off", { constraint: "cores >=" }, { constraint: /at character 9/ }],
  [
    "a property that no node has",
    { constraint: "cores >= 2 AND zon == x" },
    { constraint: /at character 16: no node has a property "zon"/ },
  ],
  [
    "a default of another type",
    { inputs: [{ name: "PORT", type: "number", default: "x" }] },
    { "inputs.0.default": /the input is a number, its default is a string/ },
  ],
  [
    "an input twice",
    { inputs: [{ name: "A" }, { name: "B" }, { name: "A" }] },
    { "inputs.2": /"A" is named twice/ },
  ],
  ["an unknown field", { colour: "red" }, { colour: /unknown field/ }],
];

test("a definition with faults is refused with their places, and nothing is kept", async (t) => {
  const harness = await startHarness(t);
  await harness.agent("n1");
  for (const [what, more, faults] of bad) {
    const body = definitionBody("1", more);
    const answer = await harness.call("POST", "/v1/definitions", { body });
    await t.test(what, () => assertFaults(answer, faults));
  }
  const list = await harness.call("GET", "/v1/definitions");
  assert.deepEqual(listOf(list.json["items"]), []);
});

test("a property that no node has passes where the caller allows it", async (t) => {
  const harness = await startHarness(t);
  const body = definitionBody("1", { constraint: "zone == x" });
  const path = "/v1/definitions?allowUnknownProperties=true";
  assert.equal((await harness.call("POST", path, { body })).status, 201);
});
