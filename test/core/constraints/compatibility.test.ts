/** The three sides of a deployment on a node: which one refuses, and how it says so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  builtInProperties,
  effectiveProperties,
  isBuiltIn,
} from "../../../src/core/constraints/effective-properties.ts";
import { type CompatibilityInput, checkCompatible } from "../../../src/core/fleet/compatibility.ts";
import { service } from "../placement/placement-samples.ts";
import { parsed } from "./samples.ts";

interface Sides {
  readonly deployment?: string;
  readonly definition?: string;
  readonly node?: string;
}

function inputOf({ deployment, definition, node }: Sides): CompatibilityInput {
  const constraintOf = (text: string | undefined) =>
    text === undefined ? undefined : parsed(text);
  return {
    deployment: {
      name: "web",
      properties: { tier: "test", team: "blue", version: "9.9", service: "process:else" },
      constraint: constraintOf(deployment),
    },
    definition: {
      service: service("process:web"),
      version: "1.2.0",
      properties: { team: "green", needs: ["gpu", "disk"] },
      constraint: constraintOf(definition),
    },
    node: { properties: { cores: 2, zone: "a" }, constraint: constraintOf(node) },
  };
}

test("checkCompatible() is content when nobody asks for anything", () => {
  assert.deepEqual(checkCompatible(inputOf({})), { ok: true });
});

test("checkCompatible() is content when all three sides hold", () => {
  const sides = {
    deployment: "zone in 'a,b'",
    definition: "cores >= 2",
    node: "tier == test AND needs == disk AND version in [1.0.0,2.0.0) AND service == process:web",
  };
  assert.deepEqual(checkCompatible(inputOf(sides)), { ok: true });
});

test("checkCompatible() lets the deployment's properties go before those of the version", () => {
  assert.deepEqual(checkCompatible(inputOf({ node: "team == blue" })), { ok: true });
});

const refusals: readonly (readonly [Sides, string, string, string])[] = [
  [
    { deployment: "zone == a AND cores >= 4", definition: "cores > 9" },
    "deployment",
    "cores >= 4",
    "deployment web asks for cores >= 4, and the node has cores = 2",
  ],
  [
    { deployment: "zone == a", definition: "gpu == true", node: "tier == live" },
    "definition",
    "gpu == true",
    'version 1.2.0 of process:web asks for gpu == true, and the node has no property "gpu"',
  ],
  [
    { node: "NOT tier == test" },
    "node",
    "NOT tier == test",
    'the node asks for NOT tier == test, and deployment web with version 1.2.0 of process:web has tier = "test"',
  ],
  [
    { node: "cores == 2" },
    "node",
    "cores == 2",
    'the node asks for cores == 2, and deployment web with version 1.2.0 of process:web has no property "cores"',
  ],
];

for (const [sides, side, clause, because] of refusals) {
  test(`checkCompatible() names the ${side} with ${clause}`, () => {
    const answer = checkCompatible(inputOf(sides));
    assert.ok(!answer.ok);
    assert.deepEqual(
      { side: answer.side, clause: answer.clause, because: answer.because },
      { side, clause, because },
    );
  });
}

test("effectiveProperties() lets nobody set a built-in property", () => {
  const properties = { cores: 4, node: "fake", site: "a", rack: 3 };
  const setProperties = { cores: 64, hostname: "fake", node: "fake", site: "b", gpu: true };
  const facts = { node: "n1", agentVersion: "1.0.0", properties, setProperties };
  assert.deepEqual(effectiveProperties(facts), {
    cores: 4,
    node: "n1",
    agentVersion: "1.0.0",
    site: "b",
    rack: 3,
    gpu: true,
  });
  assert.ok(builtInProperties.every(isBuiltIn));
  assert.equal(isBuiltIn("gpu"), false);
});
