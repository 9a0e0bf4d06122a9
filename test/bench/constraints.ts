/** What it costs to hold deployments against nodes: one against a whole fleet, and one node against all deployments. */
import type { Constraint } from "../../src/core/constraints/constraint.ts";
import { parseConstraint } from "../../src/core/constraints/parse.ts";
import { type CompatibilityInput, checkCompatible } from "../../src/core/fleet/compatibility.ts";
import { parseServiceId } from "../../src/core/ids.ts";

type Deployment = CompatibilityInput["deployment"];
type Definition = CompatibilityInput["definition"];
type Node = CompatibilityInput["node"];

export const nodeCount = 10_000;
export const deploymentCount = 1_000;
const runCount = 20;

export interface ConstraintTimes {
  /** One deployment against all nodes: the first time, when nothing is compiled yet, and the times after it. */
  readonly nodesMsFirst: number;
  readonly nodesMs: readonly number[];
  /** One node against all deployments. */
  readonly deploymentsMs: readonly number[];
  /** Reading the constraints of all deployments, which is done once for each of them. */
  readonly parseMs: number;
  /** Nodes that the deployments fit on average, to show that both answers are measured. */
  readonly compatibleShare: number;
}

/** Every side asks for something; about half of the pairs fit. */
export function measureConstraints(): ConstraintTimes {
  const nodes = Array.from({ length: nodeCount }, (_, index) => nodeOf(index));
  const parseAt = performance.now();
  const deployments = Array.from({ length: deploymentCount }, (_, index) => deploymentOf(index));
  const parseMs = performance.now() - parseAt;
  const definition = definitionOf();
  const first = deployments[0] ?? deploymentOf(0);
  const nodesMsFirst = timed(() => checkNodes(first, definition, nodes)).ms;
  const nodesMs: number[] = [];
  const deploymentsMs: number[] = [];
  let fitCount = 0;
  for (let run = 0; run < runCount; run += 1) {
    const deployment = deployments[run] ?? first;
    const checked = timed(() => checkNodes(deployment, definition, nodes));
    fitCount += checked.value;
    nodesMs.push(checked.ms);
    const node = nodeOf(run);
    deploymentsMs.push(timed(() => checkDeployments(deployments, definition, node)).ms);
  }
  const compatibleShare = fitCount / (runCount * nodeCount);
  return { nodesMsFirst, nodesMs, deploymentsMs, parseMs, compatibleShare };
}

function checkNodes(deployment: Deployment, definition: Definition, nodes: readonly Node[]) {
  let fitCount = 0;
  for (const node of nodes) if (checkCompatible({ deployment, definition, node }).ok) fitCount += 1;
  return fitCount;
}

function checkDeployments(
  deployments: readonly Deployment[],
  definition: Definition,
  node: Node,
): number {
  let fitCount = 0;
  for (const deployment of deployments) {
    if (checkCompatible({ deployment, definition, node }).ok) fitCount += 1;
  }
  return fitCount;
}

function nodeOf(index: number): Node {
  return {
    properties: {
      node: `n${index}`,
      hostname: `host-${index}`,
      architecture: index % 8 === 7 ? "arm64" : "amd64",
      cores: 2 + (index % 15),
      memoryBytes: (1 + (index % 32)) * 1_000_000_000,
      agentVersion: `0.${1 + (index % 3)}.${index % 20}`,
      zone: `zone-${index % 12}`,
      site: index % 100,
      kinds: index % 2 === 0 ? ["camera", "door"] : ["camera"],
      gpu: index % 5 === 0,
    },
    constraint: constraintOf('tier in "live,test" AND NOT version in [0.0.0,1.0.0)'),
  };
}

function deploymentOf(index: number): Deployment {
  return {
    name: `deployment-${index}`,
    properties: { tier: "live", team: `team-${index % 7}` },
    constraint: constraintOf(
      `architecture == amd64 AND cores >= ${2 + (index % 4)} AND agentVersion in [0.1.5,2.0.0) AND ` +
        `(gpu == true OR zone in "zone-1,zone-3,zone-5,zone-7,zone-${index % 12}" OR kinds == door) AND NOT site == ${index % 100}`,
    ),
  };
}

function definitionOf(): Definition {
  const service = parseServiceId("process:bench");
  if (!service.ok) throw new Error(service.error);
  return {
    service: service.value,
    version: "1.4.2",
    properties: { license: "free", needs: ["disk"] },
    constraint: constraintOf("memoryBytes >= 2000000000 AND agentVersion >= 0.1.2"),
  };
}

function constraintOf(text: string): Constraint {
  const parsed = parseConstraint(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

function timed<T>(work: () => T): { readonly value: T; readonly ms: number } {
  const startedAt = performance.now();
  const value = work();
  return { value, ms: performance.now() - startedAt };
}
