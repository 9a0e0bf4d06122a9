/** The order to install: with it begins the upgrade of an agent. */
import { assert } from "../../assert.ts";
import type { NodeId } from "../../ids.ts";
import type { FleetContext } from "../context.ts";
import { takeSlot } from "../instances/change.ts";
import { putUpgrade } from "./change.ts";
import { nextAgents } from "./turn.ts";

/** Has the node's agent swap to what it has downloaded; with the slot of `group`, or, undefined, without one. */
export function beginInstall(context: FleetContext, node: NodeId, group: string | undefined): void {
  const upgrade = context.state.agentUpgrades.get(node);
  assert(upgrade?.state === "downloaded", "an agent installs what it has downloaded");
  const { policy, from, to } = upgrade;
  const use = { kind: "agent", policy, from, to } as const;
  const slot = group === undefined ? [] : [takeSlot(context, { group, node, use })];
  putUpgrade(context, { ...upgrade, order: "install", state: "initiated", detail: "" }, slot);
}

/** Begins the installations of nodes in no group that may begin now. */
export function tendAgentPool(context: FleetContext): void {
  for (const node of nextAgents(context.state, context.now)) beginInstall(context, node, undefined);
}
