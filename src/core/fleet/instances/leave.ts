/** The end of an instance: its service is stopped by the manager and forgotten, then the instance is. */
import { emit, type FleetContext, markAgentTurn, markCopy, tellDeployment } from "../context.ts";
import { setAlarm } from "../memory/alarms.ts";
import { dropCopy, setShare, stopWaiting } from "../memory/copies.ts";
import { countWrites } from "../rollouts/counts.ts";
import type { Copy } from "../state.ts";
import { putInstance, slotBack } from "./change.ts";

/** Begins to remove an instance. From here on it is in no upgrade, and the slot is free again. */
export function removeInstance(context: FleetContext, copy: Copy, because: string): void {
  const { state } = context;
  if (!state.armed || copy.expected !== undefined) return;
  const { deployment, node, service } = copy.instance;
  const record = state.services.get(service);
  const change = putInstance(state, copy, { phase: "removing", upgrade: undefined });
  const slot = slotBack(state, node);
  markAgentTurn(state, node);
  stopWaiting(state, copy);
  setShare(state, copy, undefined);
  setAlarm(state.alarms, { kind: "copy", deployment, node }, undefined);
  const told = tellDeployment(deployment, { code: "instance-removed", node, because });
  const counts = countWrites(state, deployment);
  state.dirty.deployments.add(deployment);
  state.dirty.pools.add(deployment);
  if (record === undefined) {
    forget(context, copy);
    emit(context, [{ kind: "forget-instance", deployment, node }, ...slot, ...counts, told]);
    return;
  }
  const removal = record.removing ? [] : [{ kind: "remove-service", service } as const];
  if (!record.removing) copy.expected = { kind: "removal" };
  emit(context, [change, ...removal, ...slot, ...counts, told]);
}

/** Forgets the instance once its service is gone. */
export function continueRemoval(context: FleetContext, copy: Copy): void {
  const { state } = context;
  const { deployment, node, service } = copy.instance;
  const record = state.services.get(service);
  if (record === undefined) {
    if (copy.expected !== undefined) return;
    forget(context, copy);
    emit(context, [{ kind: "forget-instance", deployment, node }]);
  } else if (!record.removing && copy.expected === undefined && state.armed) {
    copy.expected = { kind: "removal" };
    emit(context, [{ kind: "remove-service", service }]);
  }
}

function forget({ state }: FleetContext, copy: Copy): void {
  const { deployment, node } = copy.instance;
  dropCopy(state, copy);
  state.dirty.deployments.add(deployment);
  markCopy(state, deployment, node);
}
