/** Deployments, HA groups and agents that are upgraded in the simulator: the production core on simulated nodes. */
import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { createSafetyChecks } from "../../../src/sim/checks/safety.ts";
import { parseScenario } from "../../../src/sim/scenario/parse-scenario.ts";
import type { TraceLine } from "../../../src/sim/trace.ts";
import { createWorld, type World } from "../../../src/sim/world.ts";

interface Played {
  readonly world: World;
  /** What the manager said about fleets, with the time in seconds. */
  readonly told: readonly string[];
  /** The fewest copies that ran at one instant once all had run, by deployment. */
  readonly runningMin: ReadonlyMap<string, number>;
}

/** Plays a scenario to its end; no rule may be broken on the way. */
function play(text: string): Played {
  const read = parseScenario(text, "fleet.yaml");
  assert.ok(read.ok, read.ok ? "" : read.error.join("\n"));
  const plan = read.value;
  const checks = createSafetyChecks(plan);
  const told: string[] = [];
  const running = new Map<string, Set<string>>();
  const runningMin = new Map<string, number>();
  const world = createWorld(plan, {
    ...checks.observer,
    onTrace(line: TraceLine) {
      if (line.kind === "fleet") told.push(line.sentence);
    },
    onCopy(change) {
      checks.observer.onCopy(change);
      const name = change.service.slice(0, change.service.indexOf("@"));
      const ids = running.get(name) ?? new Set();
      running.set(name, ids);
      if (change.state === "running") ids.add(change.instanceId);
      else ids.delete(change.instanceId);
      const isUp = runningMin.has(name) || ids.size === plan.nodes.length;
      if (isUp) runningMin.set(name, Math.min(runningMin.get(name) ?? ids.size, ids.size));
    },
  });
  checks.attach(world);
  world.runUntil(plan.endAtMs);
  checks.end();
  assert.deepEqual(checks.violations, []);
  return { world, told, runningMin };
}

function releasesIn(world: World): readonly string[] {
  return world.store.range("instances/").map(({ value }) => {
    const { release, phase } = Object(value);
    return `${Object(value).node} ${phase} ${release.version}`;
  });
}

function latestRollout(world: World): string {
  const last = world.store.range("rollouts/").at(-1);
  return String(Object(last?.value).state);
}

const trio = `
nodes: 3
haGroups: { trio: [node1, node2, node3] }
definitions:
  process:api:
    1.0.0:
    2.0.0: { healthyAfter: 2s }
    3.0.0: { start: fails }
    4.0.0: { start: hangs }
deployments:
  api: { service: process:api, versions: [1.0.0], rollout: { healthyFor: 2s } }
`;
const fine =
  "{ name: api, service: process:api, versions: [2.0.0, 1.0.0], rollout: { healthyFor: 2s } }";

describe("a deployment in an HA group", () => {
  it("is upgraded one member at a time, each healthy before the next one's turn", () => {
    const { world, told, runningMin } = play(`${trio}
steps: [{ at: 20s, deploy: ${fine} }]
until: 2m
`);
    assert.deepEqual(releasesIn(world), [
      "node1 running 2.0.0",
      "node2 running 2.0.0",
      "node3 running 2.0.0",
    ]);
    assert.equal(runningMin.get("process:api"), 2);
    assert.equal(latestRollout(world), "succeeded");
    const turns = told.filter((line) => /is upgraded|is done/.test(line));
    assert.equal(turns.length, 6);
    for (const [index, line] of turns.entries()) {
      assert.match(line, index % 2 === 0 ? /is upgraded/ : /is done/);
    }
  });

  for (const [version, what] of [
    ["3.0.0", "fails to start"],
    ["4.0.0", "never ends its start"],
  ] as const) {
    it(`goes back where a version ${what}, and the others stay as they are`, () => {
      const lines = `[{ version: ${version}, retries: 1, retryDuration: 5s }, 1.0.0]`;
      const { world, runningMin } = play(`${trio}
steps:
  - at: 20s
    deploy: { name: api, service: process:api, versions: ${lines}, rollout: { failedShareMax: 0.2 } }
until: 5m
`);
      assert.deepEqual(releasesIn(world), [
        "node1 running 1.0.0",
        "node2 running 1.0.0",
        "node3 running 1.0.0",
      ]);
      assert.equal(runningMin.get("process:api"), 2);
      assert.match(latestRollout(world), /rolled-back|failed/);
    });
  }

  it("goes on when the upgrading node and the manager die in the middle", () => {
    const { world } = play(`${trio}
steps:
  - { at: 20s, deploy: ${fine} }
  - { at: 22s, power off: node1, for: 40s }
until: 5m
`);
    assert.deepEqual(releasesIn(world), [
      "node1 running 2.0.0",
      "node2 running 2.0.0",
      "node3 running 2.0.0",
    ]);
    assert.deepEqual(world.store.range("upgrade-slots/"), []);
  });

  it("restarts its processes one by one when only its inputs change", () => {
    const { world, runningMin } = play(`${trio}
steps:
  - at: 20s
    deploy: { name: api, service: process:api, versions: [1.0.0], inputs: { LEVEL: 2 } }
until: 2m
`);
    assert.equal(runningMin.get("process:api"), 2);
    assert.equal(latestRollout(world), "succeeded");
  });

  it("can be paused, taken up again and aborted by a person", () => {
    const { world, told } = play(`${trio}
steps:
  - { at: 20s, deploy: ${fine} }
  - { at: 21s, pause rollout: api }
  - { at: 60s, resume rollout: api }
  - { at: 63s, abort rollout: api }
until: 4m
`);
    assert.ok(told.some((line) => line.includes("is paused")));
    assert.equal(latestRollout(world), "rolled-back");
    assert.deepEqual(
      releasesIn(world).map((line) => line.slice(-5)),
      ["1.0.0", "1.0.0", "1.0.0"],
    );
  });

  it("has instances on the nodes that fit, which come and go with properties", () => {
    const { world } = play(`
nodes: { node1: { properties: { zone: a } }, node2: { properties: { zone: b } } }
definitions: { process:api: { 1.0.0: } }
deployments:
  api: { service: process:api, versions: [1.0.0], constraint: zone == a }
steps:
  - { at: 20s, properties: { node: node1, set: { zone: b } } }
  - { at: 21s, properties: { node: node2, set: { zone: a } } }
until: 1m
`);
    assert.deepEqual(releasesIn(world), ["node2 running 1.0.0"]);
    const nodes = [...world.copies.values()].map(({ node }) => node);
    assert.deepEqual(nodes, ["node2"]);
  });
});

describe("a management policy", () => {
  const pair = `
nodes: 3
haGroups: { trio: [node1, node2, node3] }
definitions: { process:api: { 1.0.0: } }
deployments: { api: { service: process:api, versions: [1.0.0] } }
`;

  function agentVersions(world: World): readonly string[] {
    return world.store.range("nodes/").map(({ value }) => String(Object(value).agentVersion));
  }

  it("upgrades the agents of a group one by one, and what they look after runs on", () => {
    const { world, runningMin } = play(`${pair}
packages: [0.2.0]
steps: [{ at: 20s, put policy: { name: agents, agentVersion: latest, healthyWithin: 20s } }]
until: 2m
`);
    assert.deepEqual(agentVersions(world), ["0.2.0", "0.2.0", "0.2.0"]);
    assert.equal(runningMin.get("process:api"), 3);
  });

  it("goes back to the agent before where the new one is not healthy in time", () => {
    const { world } = play(`${pair}
packages: { 0.2.0: { install: unhealthy } }
steps: [{ at: 20s, put policy: { name: agents, agentVersion: 0.2.0, healthyWithin: 4s } }]
until: 4m
`);
    assert.deepEqual(agentVersions(world), ["0.1.0", "0.1.0", "0.1.0"]);
    const states = world.store.range("agent-upgrades/").map(({ value }) => Object(value).state);
    assert.deepEqual(states, ["rolled-back", "rolled-back", "rolled-back"]);
  });
});
