/** Random things that people ask of a fleet, and the losses that come right in the middle of what follows. */
import type { NodeId } from "../../core/ids.ts";
import type { Weighted } from "./dice.ts";
import {
  agentVersions,
  haGroupNames,
  randomDefinition,
  randomDeployment,
  randomPackage,
  randomPolicy,
  serviceOfDeployment,
  zones,
} from "./fleet.ts";
import type { Script } from "./moment.ts";

type Event = (script: Script, atMs: number) => void;

/** What people do to a fleet, and how often. */
export const fleetOrders: readonly Weighted<Event>[] = [
  [16, deploy],
  [14, deployAndLose],
  [8, orderRollout],
  [7, changeMember],
  [2, changeGroup],
  [2, removeGroup],
  [4, setProperties],
  [2, removeDeployment],
  [2, instanceFault],
  [5, upgradeAgents],
  [3, pushPackage],
  [1, removePolicy],
  [3, addVersion],
];

function deploymentName(script: Script): string {
  return script.dice.pick(script.cast.deployments);
}

function deploy(script: Script, atMs: number): void {
  const { dice, cast } = script;
  const deployment = randomDeployment(dice, deploymentName(script), cast);
  script.at(atMs, { kind: "put-deployment", deployment });
  // Every now and then it is changed again in the middle of its rollout.
  if (dice.chance(30)) deploy(script, atMs + dice.spread(10, 20_000));
}

/** SIGKILL of a node, of the manager, or of both, while a rollout goes on. */
function deployAndLose(script: Script, atMs: number): void {
  const { dice } = script;
  deploy(script, atMs);
  const losses = dice.between(1, 3);
  for (let index = 0; index < losses; index += 1) {
    const thenMs = atMs + dice.spread(5, 30_000);
    if (dice.chance(50)) {
      const afterWrites = dice.between(1, 4);
      const restartAfterMs = dice.spread(10, 4_000);
      script.at(thenMs, { kind: "crash-manager", afterWrites, restartAfterMs });
    }
    if (dice.chance(40)) losePower(script, thenMs);
    else if (dice.chance(50)) {
      const node = script.node();
      const restartAfterMs = dice.spread(10, 10_000);
      script.at(thenMs, { kind: "crash", node, part: "agent", restartAfterMs });
    }
  }
}

function losePower(script: Script, atMs: number): void {
  const node = script.node();
  script.during(atMs, script.while(), [
    { kind: "power", node, on: false },
    { kind: "power", node, on: true },
  ]);
}

function orderRollout(script: Script, atMs: number): void {
  const { dice } = script;
  const deployment = deploymentName(script);
  const order = dice.pick(["pause", "abort"] as const);
  deploy(script, atMs);
  script.at(atMs + dice.spread(10, 20_000), { kind: "rollout", deployment, order });
  if (order === "pause") {
    const thenMs = atMs + 20_000 + script.while();
    script.at(thenMs, { kind: "rollout", deployment, order: dice.pick(["resume", "abort"]) });
  }
}

function changeMember(script: Script, atMs: number): void {
  const { dice } = script;
  const group = dice.chance(70) ? dice.pick(haGroupNames) : undefined;
  const node = script.node();
  script.at(atMs, { kind: "ha-member", node, group });
  if (dice.chance(40)) {
    script.at(atMs + script.while(), { kind: "ha-member", node, group: dice.pick(haGroupNames) });
  }
}

function changeGroup(script: Script, atMs: number): void {
  const { dice } = script;
  const whenMembersOffline = dice.pick(["continue", "wait"] as const);
  script.at(atMs, {
    kind: "put-ha-group",
    group: { name: dice.pick(haGroupNames), whenMembersOffline },
  });
}

/** It is made again, with other members. */
function removeGroup(script: Script, atMs: number): void {
  const { dice } = script;
  const name = dice.pick(haGroupNames);
  script.at(atMs, { kind: "remove-ha-group", name });
  const thenMs = atMs + script.while();
  script.at(thenMs, { kind: "put-ha-group", group: { name, whenMembersOffline: "continue" } });
  for (const { node } of dice.some(script.cast.nodes, 60)) {
    script.at(thenMs + 10, { kind: "ha-member", node, group: name });
  }
}

/** Nodes have a zone from the start, most of them. */
export function fleetZone(script: Script, node: NodeId): void {
  const properties = { zone: script.dice.pick(zones) };
  script.at(0, { kind: "set-properties", node, properties });
}

function setProperties(script: Script, atMs: number): void {
  const { dice } = script;
  const properties = dice.chance(80) ? { zone: dice.pick(zones) } : {};
  script.at(atMs, { kind: "set-properties", node: script.node(), properties });
}

/** It is added again after a while. */
function removeDeployment(script: Script, atMs: number): void {
  const name = deploymentName(script);
  script.at(atMs, { kind: "remove-deployment", name });
  deploy(script, atMs + 20_000 + script.while());
}

/** Often together with a change of what runs there: the slots are the same. */
function upgradeAgents(script: Script, atMs: number): void {
  const { dice } = script;
  if (dice.chance(60)) pushPackage(script, atMs);
  script.at(atMs, { kind: "put-policy", policy: randomPolicy(dice) });
  if (dice.chance(50)) deployAndLose(script, atMs + dice.spread(10, 10_000));
}

function pushPackage(script: Script, atMs: number): void {
  const { dice } = script;
  const pushed = randomPackage(dice, dice.pick(agentVersions));
  script.at(atMs, { kind: "put-package", package: pushed });
}

/** A version that there was not yet is rolled out at once; the last one that was added may go again. */
function addVersion(script: Script, atMs: number): void {
  const { dice, cast } = script;
  const name = deploymentName(script);
  const service = serviceOfDeployment(name);
  const definition = randomDefinition(dice, {
    service,
    nodes: cast.nodes,
    count: cast.definitions.length,
  });
  cast.definitions.push(definition);
  script.at(atMs, { kind: "put-definition", definition });
  const { version } = definition;
  const some = randomDeployment(dice, name, cast);
  const line = some.versions[0];
  if (line === undefined) return;
  const versions = [
    { ...line, version },
    ...some.versions.filter((one) => one.version !== version),
  ];
  script.at(atMs + 1, {
    kind: "put-deployment",
    deployment: { ...some, versions: versions.slice(0, 3) },
  });
  if (dice.chance(30)) {
    script.at(atMs + script.while(), { kind: "remove-definition", of: service, version });
  }
}

function removePolicy(script: Script, atMs: number): void {
  script.at(atMs, { kind: "remove-policy", name: "agents" });
}

/** The process of one instance ends by itself. */
function instanceFault(script: Script, atMs: number): void {
  const service = script.instance();
  script.at(atMs, { kind: "workload-exit", service });
}
