/** What an instance's upgrade waits for, apart from the other instances: its node, its rollout, a write. */
import type { WaitReason } from "../../explain/fleet-reason.ts";
import type { InstantMs } from "../../time.ts";
import type { Place } from "../instances/place.ts";
import { inMaintenance, isInstallingAgent, isOnline, isPutOffline } from "../memory/nodes.ts";
import { sumsOf } from "../rollouts/counts.ts";
import { latestRollout } from "../rollouts/latest.ts";
import { needsRollout } from "../rollouts/need.ts";
import type { FleetState } from "../state.ts";

/** Why the instance cannot be upgraded now, whatever the others do; undefined: it can. */
export function whyNotReady(
  state: FleetState,
  place: Place,
  now: InstantMs,
): WaitReason | undefined {
  const { copy, node } = place;
  if (!state.armed) return { code: "waits-for-arming" };
  if (state.frozen) return { code: "waits-for-freeze" };
  if (isPutOffline(state, node.id)) return { code: "waits-for-node-enabled", node: node.id };
  if (!isOnline(state, node.id)) return { code: "waits-for-node-online", node: node.id };
  if (inMaintenance(state, node.id)) return { code: "waits-for-node-open", node: node.id };
  if (isInstallingAgent(state, node.id)) return { code: "waits-for-own-agent", node: node.id };
  const record = state.services.get(copy.instance.service);
  const isWritten = copy.expected === undefined && record !== undefined && !record.removing;
  if (!isWritten) return { code: "waits-for-write" };
  return whyHeldUp(state, place, now);
}

/** Why the rollout does not let another one begin; undefined: it does. A late one follows one that is over. */
function whyHeldUp(
  state: FleetState,
  { deployment }: Place,
  now: InstantMs,
): WaitReason | undefined {
  const latest = latestRollout(state, deployment.name);
  if (latest === undefined || needsRollout(state, deployment)) return { code: "waits-for-rollout" };
  const { number: rollout } = latest;
  if (latest.state === "paused") return { code: "waits-for-resume", rollout };
  const { canaries } = deployment.rollout;
  if (latest.state !== "running" || canaries === undefined) return undefined;
  const { canariesDoneAtMs } = latest;
  const { done, under } = sumsOf(state, deployment.name);
  const isOpen =
    canariesDoneAtMs === undefined
      ? done + under < canaries.count
      : now >= canariesDoneAtMs + canaries.waitMs;
  return isOpen ? undefined : { code: "waits-for-canaries", rollout, canaries: canaries.count };
}
