/** What a changed deployment would mean, before it is changed: how many steps, how long, and whether it can end. */
import { sentenceOf } from "../explain/sentence.ts";
import { compareIds, type NodeId } from "../ids.ts";
import { type DurationMs, durationMs } from "../time.ts";
import { type Picture, pictureOf, whyNeeded, whyOffline } from "./groups/health-of-members.ts";
import { candidatesFor } from "./instances/candidates.ts";
import { copyOf, isSame } from "./memory/copies.ts";
import { groupOf, inMaintenance, isOnline } from "./memory/nodes.ts";
import type { Deployment } from "./model/deployment.ts";
import type { FleetRegistration } from "./model/fleet-node.ts";
import type { Release } from "./model/instance.ts";
import { topRelease } from "./rollouts/latest.ts";
import type { Copy, FleetState } from "./state.ts";

/** What a stop and a start take where nobody has measured it. */
const assumedStartMs = 5_000;

/** A node on which an upgrade would wait for something that does not change by itself. */
export interface PlanBlock {
  readonly node: NodeId;
  /** A sentence, without a full stop. */
  readonly because: string;
}

/** The upgrades of one HA group, one after the other. */
export interface PlanChain {
  readonly group: string;
  readonly nodes: readonly NodeId[];
}

/** What a change of a deployment would come to, estimated before anything is done. */
export interface RolloutPlan {
  /** Undefined: none of the versions is defined. */
  readonly to: Release | undefined;
  /** Instances that change their release; `offline` ones among them follow when their nodes are back. */
  readonly upgrades: number;
  readonly offline: readonly NodeId[];
  /** Instances that come and that go; neither waits for anybody. */
  readonly installs: readonly NodeId[];
  readonly removals: readonly NodeId[];
  readonly chains: readonly PlanChain[];
  /** In no HA group. */
  readonly parallel: readonly NodeId[];
  /** Upgrades that follow each other at the longest. */
  readonly longestChain: number;
  readonly expectedMs: DurationMs;
  /** Without blocks, and with something healthy to be had. */
  readonly canEnd: boolean;
  readonly blocks: readonly PlanBlock[];
}

/** What the estimate assumes. */
export interface PlanOptions {
  /** How long a stop and a start take. Default: 5 s. */
  readonly startMs?: number;
}

/** Plans the deployment as it is to be; `state` knows it as it is, or not at all. Changes nothing. */
export function planRollout(
  state: FleetState,
  deployment: Deployment,
  options: PlanOptions = {},
): RolloutPlan {
  const found = sortNodes(state, deployment);
  const { changes } = found;
  const chains = new Map<string, Copy[]>();
  const parallel: Copy[] = [];
  for (const copy of changes) {
    const group =
      deployment.haSemantics === "none" ? undefined : groupOf(state, copy.instance.node);
    if (group === undefined) parallel.push(copy);
    else chains.set(group, [...(chains.get(group) ?? []), copy]);
  }
  const blocks = [
    ...[...chains].flatMap(([group, copies]) => groupBlocks(state, { deployment, group, copies })),
    ...parallel.flatMap((copy) => nodeBlocks(state, copy)),
  ];
  const longestChain = longest(deployment, { chains, parallel, pooled: found.pooled });
  const stepMs = deployment.rollout.healthyForMs + (options.startMs ?? assumedStartMs);
  const canaryMs = canaryTime(deployment, changes.length, stepMs);
  const to = topRelease(state, deployment);
  return {
    to,
    upgrades: changes.length,
    offline: changes.map(nodeOf).filter((node) => !isOnline(state, node)),
    installs: found.installs,
    removals: found.removals,
    chains: [...chains]
      .sort(([left], [right]) => compareIds(left, right))
      .map(([group, copies]) => ({ group, nodes: copies.map(nodeOf) })),
    parallel: parallel.map(nodeOf),
    longestChain,
    expectedMs: durationMs(longestChain * stepMs + canaryMs),
    canEnd: blocks.length === 0 && to !== undefined,
    blocks,
  };
}

function nodeOf({ instance }: Copy): NodeId {
  return instance.node;
}

interface SortedNodes {
  readonly changes: readonly Copy[];
  readonly installs: readonly NodeId[];
  readonly removals: readonly NodeId[];
  /** Instances in no HA group, whether they change or not. */
  readonly pooled: number;
}

function sortNodes(state: FleetState, deployment: Deployment): SortedNodes {
  const [changes, installs, removals]: [Copy[], NodeId[], NodeId[]] = [[], [], []];
  let pooled = 0;
  const nodes = [...state.nodes.values()].sort((left, right) => compareIds(left.id, right.id));
  for (const node of nodes) {
    const copy = copyOf(state, deployment.name, node.id);
    const release = releaseFor(state, deployment, node);
    if (copy === undefined || copy.instance.phase === "removing") {
      if (release !== undefined && node.mode === "enabled") installs.push(node.id);
      continue;
    }
    if (release === undefined) {
      removals.push(node.id);
      continue;
    }
    if (groupOf(state, node.id) === undefined || deployment.haSemantics === "none") pooled += 1;
    if (!isSame(release, copy.instance.release)) changes.push(copy);
  }
  return { changes, installs, removals, pooled };
}

/** The best version for the node: a changed deployment tries everything again. */
function releaseFor(
  state: FleetState,
  deployment: Deployment,
  node: FleetRegistration,
): Release | undefined {
  if (deployment.removing) return undefined;
  return candidatesFor(state, { deployment, node, instance: undefined }).releases[0];
}

function groupBlocks(
  state: FleetState,
  chain: {
    readonly deployment: Deployment;
    readonly group: string;
    readonly copies: readonly Copy[];
  },
): readonly PlanBlock[] {
  const { deployment, group, copies } = chain;
  const picture = pictureOf(state, deployment.name, group);
  const after = whenTheyAreDone(state, picture, copies);
  return copies.flatMap((copy) => {
    const { node } = copy.instance;
    const own = nodeBlocks(state, copy);
    if (own.length > 0 || !isOnline(state, node)) return own;
    const wait = whyOffline(state, picture, node) ?? whyNeeded(after, copy);
    return wait === undefined ? [] : [{ node, because: sentenceOf(wait) }];
  });
}

/** Who is not healthy is changed first, or becomes healthy by itself: what does neither stays as it is. */
function whenTheyAreDone(state: FleetState, picture: Picture, copies: readonly Copy[]): Picture {
  const changed = new Set(copies.map(nodeOf).filter((node) => !inMaintenance(state, node)));
  const mended = picture.broken.filter(({ node }) => changed.has(node)).map(({ node }) => node);
  return {
    ...picture,
    recovering: [],
    healthy: new Set([...picture.healthy, ...picture.recovering, ...mended]),
    broken: picture.broken.filter(({ node }) => !changed.has(node)),
  };
}

/** A node in maintenance is not upgraded before that is over. One that is offline is no block: it follows. */
function nodeBlocks(state: FleetState, { instance: { node } }: Copy): readonly PlanBlock[] {
  if (!inMaintenance(state, node)) return [];
  return [{ node, because: sentenceOf({ code: "waits-for-node-open", node }) }];
}

function longest(
  { rollout }: Deployment,
  found: {
    readonly chains: ReadonlyMap<string, readonly Copy[]>;
    readonly parallel: readonly Copy[];
    readonly pooled: number;
  },
): number {
  const { maxUnavailable } = rollout;
  const atOnce =
    "count" in maxUnavailable
      ? Math.max(1, maxUnavailable.count)
      : Math.max(1, Math.floor((found.pooled * maxUnavailable.percent) / 100));
  const inGroups = [...found.chains.values()].map((copies) => copies.length);
  return Math.max(0, Math.ceil(found.parallel.length / atOnce), ...inGroups);
}

/** Canaries go before all others, each in its own group or in none: a step and the wait, if others follow. */
function canaryTime({ rollout }: Deployment, upgrades: number, stepMs: number): number {
  const { canaries } = rollout;
  if (canaries === undefined || upgrades <= canaries.count) return 0;
  return stepMs + canaries.waitMs;
}
