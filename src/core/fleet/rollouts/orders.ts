/** People's words about rollouts: each is carried out once, or refused with a reason. */
import { assertNever } from "../../assert.ts";
import {
  emit,
  type FleetContext,
  markDeployment,
  markWaiting,
  tellDeployment,
} from "../context.ts";
import type { FleetWrite } from "../effect.ts";
import type { Rollout, RolloutState } from "../model/rollout.ts";
import type { PendingOrder } from "../state.ts";
import { setRollout, sumsOf, withCounts } from "./counts.ts";
import { isActive, latestRollout } from "./latest.ts";

/** Takes up the order about the deployment's rollout, if there is one. */
export function takeUpOrder(context: FleetContext, deployment: string): void {
  const { state } = context;
  const order = state.orders.get(deployment);
  if (order === undefined) return;
  state.orders.delete(deployment);
  const finish = { kind: "finish-rollout-order", deployment, id: order.id } as const;
  const latest = latestRollout(state, deployment);
  const because = refusalOf(order, latest);
  if (latest === undefined || because !== undefined) {
    const { by } = order;
    const reason = {
      code: "rollout-refused",
      order: order.order,
      by,
      because: because ?? "",
    } as const;
    emit(context, [finish, tellDeployment(deployment, reason)]);
    return;
  }
  switch (order.order) {
    case "pause":
      enter(context, { latest, to: "paused", because: `paused by ${order.by}` }, [finish]);
      return;
    case "resume":
      enter(context, { latest, to: "running", because: `resumed by ${order.by}` }, [finish]);
      return;
    case "abort":
      takeBack(context, latest, `aborted by ${order.by}`, [finish]);
      return;
    default:
      assertNever(order.order);
  }
}

function refusalOf({ order }: PendingOrder, latest: Rollout | undefined): string | undefined {
  if (latest === undefined) return "there is no rollout";
  const { number, state } = latest;
  if (!isActive(state)) return `rollout ${number} is over (${state})`;
  if (state === "rolling-back") return `rollout ${number} is rolling back`;
  if (order === "pause" && state === "paused") return `rollout ${number} is paused already`;
  if (order === "resume" && state === "running") return `rollout ${number} is running already`;
  return undefined;
}

/** Everything that the rollout brought goes back, under the same rules. */
export function takeBack(
  context: FleetContext,
  latest: Rollout,
  because: string,
  writes: readonly FleetWrite[] = [],
): void {
  const withheld = [...latest.withheld, latest.to];
  const counted = withCounts(context.state, latest);
  const failed = counted.failed + sumsOf(context.state, latest.deployment).failing;
  const taken = { ...counted, failed, withheld };
  enter(context, { latest: taken, to: "rolling-back", because }, writes);
  markDeployment(context.state, latest.deployment);
}

/** Puts the rollout into another state that is not its end. */
function enter(
  context: FleetContext,
  change: {
    readonly latest: Rollout;
    readonly to: RolloutState;
    readonly because: string;
  },
  writes: readonly FleetWrite[],
): void {
  const { state } = context;
  const { latest, to, because } = change;
  const { deployment, number: rollout } = latest;
  const next = withCounts(state, { ...latest, state: to, because });
  const reason = { code: "rollout-state", rollout, state: to, because } as const;
  emit(context, [setRollout(state, next), ...writes, tellDeployment(deployment, reason)]);
  markWaiting(state, deployment);
}
