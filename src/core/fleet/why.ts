/** Says what an instance, or the agent of a node, waits for now: asks the same questions as those who decide. */
import type { WaitReason } from "../explain/fleet-reason.ts";
import { sentenceOf } from "../explain/sentence.ts";
import type { NodeId } from "../ids.ts";
import { nodeModeWords } from "../model/node-mode.ts";
import type { InstantMs } from "../time.ts";
import { whyNotInstall } from "./agents/turn.ts";
import { pictureOf, whyNeeded, whyOffline } from "./groups/health-of-members.ts";
import { whyNotReady } from "./groups/readiness.ts";
import { unavailableMax } from "./groups/tend-pool.ts";
import { candidatesFor, wantOf } from "./instances/candidates.ts";
import type { Place } from "./instances/place.ts";
import { copyOf, isSame } from "./memory/copies.ts";
import { groupOf, isOnline, isUpgrading, membersOf, orderingGroup } from "./memory/nodes.ts";
import type { Deployment } from "./model/deployment.ts";
import type { FleetRegistration } from "./model/fleet-node.ts";
import { sumsOf } from "./rollouts/counts.ts";
import type { Copy, FleetState } from "./state.ts";

/** What becomes of a deployment on a node, for a person. */
export interface InstanceExplanation {
  /** `absent`: it has none there and is to have none. `as-wanted`: it runs what it is to run. */
  readonly verdict:
    | "absent"
    | "installing"
    | "as-wanted"
    | "upgrading"
    | "waiting"
    | "failed"
    | "removing";
  /** A sentence, without a full stop. */
  readonly sentence: string;
}

/** Why the instance of a deployment on a node is as it is. */
export function whyInstance(
  state: FleetState,
  subject: { readonly deployment: string; readonly node: NodeId },
  now: InstantMs,
): InstanceExplanation {
  const deployment = state.deployments.get(subject.deployment);
  const node = state.nodes.get(subject.node);
  if (deployment === undefined) return absent(`there is no deployment "${subject.deployment}"`);
  if (node === undefined) return absent(`there is no node "${subject.node}"`);
  const copy = copyOf(state, deployment.name, node.id);
  if (copy === undefined) return whyAbsent(state, deployment, node);
  return whyPresent(state, { copy, deployment, node }, now);
}

function absent(sentence: string): InstanceExplanation {
  return { verdict: "absent", sentence };
}

function whyAbsent(
  state: FleetState,
  deployment: Deployment,
  node: FleetRegistration,
): InstanceExplanation {
  const { releases, refusal } = candidatesFor(state, { deployment, node, instance: undefined });
  const [release] = releases;
  if (release === undefined) return absent(refusal);
  if (deployment.removing) return absent("the deployment is removed");
  if (node.mode !== "enabled") return absent(nodeModeWords(node.mode));
  const sentence = `version ${release.version} is about to be installed`;
  return { verdict: "installing", sentence };
}

function whyPresent(state: FleetState, place: Place, now: InstantMs): InstanceExplanation {
  const { copy } = place;
  const { phase, release, upgrade } = copy.instance;
  const health = copy.healthySinceMs === undefined ? "not healthy" : "healthy";
  switch (phase) {
    case "removing":
      return { verdict: "removing", sentence: "it is being stopped, then it is forgotten" };
    case "installing":
      return {
        verdict: "installing",
        sentence: `version ${release.version} starts, ${tried(copy)}`,
      };
    case "upgrading": {
      const from = upgrade?.from.version ?? "";
      const sentence = `it is upgraded from version ${from} to ${release.version} and ${health}, ${tried(copy)}`;
      return { verdict: "upgrading", sentence };
    }
    case "running":
    case "failed": {
      const wait = waitOf(state, place, now);
      if (wait !== undefined) return waits(state, place, wait);
      if (phase === "running") {
        return { verdict: "as-wanted", sentence: `it runs version ${release.version}, ${health}` };
      }
      const last = copy.instance.givenUp.at(-1)?.because ?? "it is not healthy";
      return { verdict: "failed", sentence: `no version becomes healthy here: ${last}` };
    }
  }
}

function tried({ instance }: Copy): string {
  return `attempt ${instance.failedAttempts + 1}`;
}

function waits(state: FleetState, { copy }: Place, wait: WaitReason | "turn"): InstanceExplanation {
  const to = wantOf(state, copy).release.version;
  const what = wait === "turn" ? "its turn is next" : sentenceOf(wait);
  const sentence = `it runs version ${copy.instance.release.version} and is to run ${to}: ${what}`;
  return { verdict: "waiting", sentence };
}

/** What the instance's upgrade waits for; undefined: there is nothing to upgrade. */
export function waitOf(
  state: FleetState,
  place: Place,
  now: InstantMs,
): WaitReason | "turn" | undefined {
  const { copy, deployment, node } = place;
  if (copy.candidates === undefined || copy.candidates.length === 0) return undefined;
  if (isSame(wantOf(state, copy).release, copy.instance.release)) return undefined;
  const group = orderingGroup(state, deployment.name, node.id);
  const own = whyNotReady(state, place, now);
  if (own !== undefined) return own;
  return (group === undefined ? poolWait(state, place) : groupWait(state, place, group)) ?? "turn";
}

function poolWait(state: FleetState, { copy, deployment }: Place): WaitReason | undefined {
  const max = unavailableMax(state, deployment);
  const { unavailable } = sumsOf(state, deployment.name);
  if (copy.healthySinceMs === undefined || unavailable < max) return undefined;
  return { code: "waits-for-others", unavailable, max };
}

function groupWait(
  state: FleetState,
  { copy, deployment, node }: Place,
  group: string,
): WaitReason | undefined {
  const slot = state.slots.get(group);
  if (slot !== undefined) return { code: "waits-for-slot", group, holder: slot.node };
  const busy = membersOf(state, group).find((member) => isUpgrading(state, member));
  if (busy !== undefined) {
    return { code: "waits-for-member", group, member: busy, because: "upgrading" };
  }
  const picture = pictureOf(state, deployment.name, group);
  return whyOffline(state, picture, node.id) ?? whyNeeded(picture, copy);
}

/** What the upgrade of a node's agent waits for, as a sentence; undefined: nothing, or the record says it. */
export function whyAgent(state: FleetState, node: NodeId, now: InstantMs): string | undefined {
  if (!state.agentWaitsIn.has(node)) return undefined;
  const own = whyNotInstall(state, node, now);
  if (own === "window") return "the policy's window is over";
  if (own !== undefined) return sentenceOf(own);
  const group = groupOf(state, node);
  if (group === undefined) return "as many nodes in no HA group as the policy allows are at it";
  const slot = state.slots.get(group);
  if (slot !== undefined) {
    return sentenceOf({ code: "waits-for-slot", group, holder: slot.node });
  }
  const offline = membersOf(state, group).filter((member) => !isOnline(state, member));
  const wait = whyOffline(state, { group, offline }, node);
  return wait === undefined ? "its turn is next" : sentenceOf(wait);
}
