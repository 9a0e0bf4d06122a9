/** The end of a deployment: when its last instance is forgotten, its rollouts are, and then it is. */
import { emit, type FleetContext } from "../context.ts";
import type { FleetWrite } from "../effect.ts";
import { setAlarm } from "../memory/alarms.ts";
import { removeFrom } from "../memory/copies.ts";

/** Forgets a deployment that is being removed, or that is gone already, once nothing of it is left. */
export function forgetDeployment(context: FleetContext, name: string): void {
  const { state } = context;
  if ((state.copies.get(name)?.size ?? 0) > 0) return;
  const deployment = state.deployments.get(name);
  const rollouts = state.rollouts.get(name) ?? [];
  const order = state.orders.get(name);
  const writes: FleetWrite[] = rollouts.map(({ number }) => ({
    kind: "forget-rollout",
    deployment: name,
    number,
  }));
  if (order !== undefined) {
    writes.push({ kind: "finish-rollout-order", deployment: name, id: order.id });
  }
  if (deployment !== undefined) {
    writes.push({ kind: "forget-deployment", deployment: name });
    removeFrom(state.deploymentsOf, deployment.service, name);
  }
  state.deployments.delete(name);
  state.deploymentKeys.delete(name);
  state.rollouts.delete(name);
  state.orders.delete(name);
  state.copies.delete(name);
  state.sums.delete(name);
  setAlarm(state.alarms, { kind: "rollout", deployment: name }, undefined);
  if (writes.length > 0) emit(context, writes);
}
