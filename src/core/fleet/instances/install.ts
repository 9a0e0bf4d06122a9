/** The first start of a deployment's instance on a node: nothing is taken down, so nobody has to be asked. */
import type { ServiceId } from "../../ids.ts";
import { emit, type FleetContext, markCopy, tellDeployment } from "../context.ts";
import { addCopy, copyOf } from "../memory/copies.ts";
import { partsOfInstance } from "../memory/service-id.ts";
import type { Deployment } from "../model/deployment.ts";
import type { FleetRegistration } from "../model/fleet-node.ts";
import type { Instance, Release } from "../model/instance.ts";
import { latestRollout } from "../rollouts/latest.ts";
import { candidatesFor } from "./candidates.ts";
import { putInstance, putService, serviceOf } from "./change.ts";
import { settle } from "./settle.ts";

/** Installs the best version that fits, if there is one. */
export function maybeInstall(
  context: FleetContext,
  deployment: Deployment,
  node: FleetRegistration,
): void {
  const { state } = context;
  if (!state.armed || state.frozen || deployment.removing) return;
  if (node.mode !== "enabled") return; // it takes nothing new
  // A service of that name is still being removed: its end has this looked at again.
  if (state.services.has(serviceOf(deployment, node.id))) return;
  const [release] = candidatesFor(state, { deployment, node, instance: undefined }).releases;
  if (release === undefined) return;
  const copy = addCopy(state, freshInstance(context, { deployment, node, release }));
  const change = putInstance(state, copy, {});
  const service = putService(copy, "started");
  settle(context, { copy, deployment, node });
  const { version } = release;
  const reason = { code: "instance-added", node: node.id, version } as const;
  emit(context, [change, service, tellDeployment(deployment.name, reason)]);
}

/**
 * A service that is an instance by its name, and of which nobody knows anything: it becomes one, or is removed. No
 * manager leaves such a thing behind, but a record may have been taken away by hand.
 */
export function tendStray(context: FleetContext, service: ServiceId): void {
  const { state } = context;
  const record = state.services.get(service);
  const { deployment: name, node: id } = partsOfInstance(service);
  if (record === undefined || record.removing) return;
  if (copyOf(state, name, id)?.instance.service === service) return;
  const deployment = state.deployments.get(name);
  const node = state.nodes.get(id);
  const isOwn = deployment !== undefined && serviceOf(deployment, id) === service;
  if (!isOwn || node === undefined || copyOf(state, name, id) !== undefined) {
    emit(context, [{ kind: "remove-service", service }]);
    return;
  }
  const { release } = record;
  const copy = addCopy(state, freshInstance(context, { deployment, node, release }));
  emit(context, [putInstance(state, copy, {})]);
  markCopy(state, name, id);
}

function freshInstance(
  { state, now }: FleetContext,
  place: {
    readonly deployment: Deployment;
    readonly node: FleetRegistration;
    readonly release: Release;
  },
): Instance {
  const { deployment, node, release } = place;
  return {
    deployment: deployment.name,
    node: node.id,
    service: serviceOf(deployment, node.id),
    phase: "installing",
    release,
    rollout: latestRollout(state, deployment.name)?.number ?? 0,
    previous: undefined,
    upgrade: undefined,
    failedAttempts: 0,
    attemptSinceMs: now,
    givenUp: [],
    isVerified: false,
    wasHealthy: false,
    outcome: undefined,
  };
}
