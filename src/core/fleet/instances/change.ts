/** The writes that instances are changed with; each changes memory at once, as if it had been written already. */
import { assert } from "../../assert.ts";
import { epochOf, instanceIdOf, type NodeId, serviceTypeOf } from "../../ids.ts";
import type { RequestedState } from "../../model/service.ts";
import { mutated } from "../../mutation.ts";
import type { FleetContext } from "../context.ts";
import type { FleetWrite } from "../effect.ts";
import { setInstance } from "../memory/copies.ts";
import { groupOf, isUpgrading, membersOf } from "../memory/nodes.ts";
import type { Deployment } from "../model/deployment.ts";
import type { Instance, SlotUse } from "../model/instance.ts";
import type { Copy, FleetState } from "../state.ts";

/** The service that a deployment's instance on the node is. */
export function serviceOf(deployment: Deployment, node: NodeId): Instance["service"] {
  return instanceIdOf(serviceTypeOf(deployment.service), deployment.name, node);
}

/** Writes the instance with these changes. */
export function putInstance(
  state: FleetState,
  copy: Copy,
  changes: Partial<Omit<Instance, "deployment" | "node" | "service">>,
): FleetWrite {
  const instance = { ...copy.instance, ...changes };
  setInstance(state, copy, instance);
  return { kind: "put-instance", instance };
}

/** Writes its service's record from the instance's release; nothing else is done about it until that is seen. */
export function putService(copy: Copy, requested: RequestedState): FleetWrite {
  assert(copy.expected === undefined, "an instance's service is written once at a time");
  const { deployment, node, service, release } = copy.instance;
  copy.expected = { kind: "record", release, requested };
  copy.healthySinceMs = undefined;
  return { kind: "put-service", deployment, node, service, release, requested };
}

/** Takes the slot of the node's group: the others are as they were looked at when that was decided. */
export function takeSlot(
  { state, now }: FleetContext,
  slot: { readonly group: string; readonly node: NodeId; readonly use: SlotUse },
): FleetWrite {
  const { group, node } = slot;
  const isFree = !state.slots.has(group) || mutated("S7-slot-not-compared");
  assert(isFree, "S7: an upgrade slot is taken only when nobody has it");
  const taken = { ...slot, sinceMs: now };
  state.slots.set(group, taken);
  const others = membersOf(state, group).filter((member) => member !== node);
  const members = others.map((member) => {
    return { node: member, epoch: state.epochs.get(member)?.epoch ?? epochOf(0) };
  });
  return { kind: "take-slot", slot: taken, members };
}

/** Gives the slot of the node's group back, if the node has it and is in no upgrade any more. */
export function slotBack(state: FleetState, node: NodeId): readonly FleetWrite[] {
  const group = groupOf(state, node);
  if (group === undefined || state.slots.get(group)?.node !== node) return [];
  if (isUpgrading(state, node)) return [];
  state.slots.delete(group);
  state.dirty.groups.add(group);
  return [{ kind: "give-slot-back", group, node }];
}

/** What its record is to say next so that it starts with its present release. */
export function nextRequest(state: FleetState, copy: Copy): RequestedState {
  const { service } = copy.instance;
  const managerState = state.statuses.get(service)?.state;
  const isDisabled = state.services.get(service)?.requested === "disabled";
  if (isDisabled) return isDown(state, copy) ? "started" : "disabled";
  return managerState === "error" ? "disabled" : "started";
}

/** Whether nothing of it runs, and nothing keeps it from being started. */
export function isDown(state: FleetState, { instance }: Copy): boolean {
  const status = state.statuses.get(instance.service);
  return (
    status === undefined ||
    status.state === "stopped" ||
    status.state === "queued" ||
    status.state === "recovery"
  );
}
