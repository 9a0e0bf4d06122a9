/** Takes an event into the mirror and marks what it may change; decides nothing itself. */
import { assertNever } from "../assert.ts";
import { applyAgentEvent, applyNodeEvent } from "./apply-node-event.ts";
import { type FleetContext, markCopy, markDeployment, markNode, markWaiting } from "./context.ts";
import type { FleetEvent, InstanceReport, InstanceService } from "./event.ts";
import { indexAgent } from "./memory/agents.ts";
import { takeDue } from "./memory/alarms.ts";
import { addCopy, addTo, isSame, removeFrom } from "./memory/copies.ts";
import { deploymentKeyOf } from "./memory/key.ts";
import { partsOfInstance } from "./memory/service-id.ts";
import type { Deployment } from "./model/deployment.ts";
import type { Rollout } from "./model/rollout.ts";
import type { FleetState } from "./state.ts";

/** Applies `event` to the mirror. */
export function applyEvent(context: FleetContext, event: FleetEvent): void {
  const { state } = context;
  switch (event.kind) {
    case "definition-added":
    case "definition-removed":
      changeDefinition(state, event);
      return;
    case "deployment-changed":
      changeDeployment(state, event.deployment);
      return;
    case "deployment-removed":
      removeDeployment(state, event.name);
      return;
    case "rollout-order":
      state.orders.set(event.deployment, { id: event.id, order: event.order, by: event.by });
      state.dirty.deployments.add(event.deployment);
      return;
    case "instance-service":
    case "instance-service-removed":
    case "instance-status":
    case "instance-report":
      applyInstanceEvent(state, event);
      return;
    case "instance-loaded":
      if (!state.loaded) addCopy(state, event.instance);
      return;
    case "slot-loaded":
      if (!state.loaded) state.slots.set(event.slot.group, event.slot);
      return;
    case "rollout-loaded":
      if (!state.loaded) loadRollout(state, event.rollout);
      return;
    case "fleet-arming":
      changeArming(state, event.armed);
      return;
    case "fleet-freeze":
      changeFreeze(state, event.frozen);
      return;
    case "fleet-loaded":
      finishLoading(context);
      return;
    case "fleet-tick":
      return;
    case "policy-changed":
    case "policy-removed":
    case "package-added":
    case "package-removed":
    case "agent-upgrade-report":
    case "agent-upgrade-loaded":
      applyAgentEvent(state, event);
      return;
    case "fleet-node-changed":
    case "fleet-node-removed":
    case "fleet-epoch":
    case "fleet-lease":
    case "ha-group-changed":
    case "ha-group-removed":
    case "ha-member-changed":
      applyNodeEvent(state, event);
      return;
    default:
      assertNever(event);
  }
}

/** Marks what a time has come for. */
export function markDue({ state, now }: FleetContext): void {
  for (const target of takeDue(state.alarms, now)) {
    switch (target.kind) {
      case "copy":
        markCopy(state, target.deployment, target.node);
        break;
      case "rollout":
        markWaiting(state, target.deployment);
        break;
      case "agent":
        state.dirty.agents.add(target.node);
        break;
      default:
        assertNever(target);
    }
  }
}

type DefinitionEvent = Extract<FleetEvent, { kind: "definition-added" | "definition-removed" }>;

function changeDefinition(state: FleetState, event: DefinitionEvent): void {
  const isNew = event.kind === "definition-added";
  const { service, version } = isNew ? event.definition : event;
  const defined = state.definitions.get(service) ?? new Map();
  state.definitions.set(service, defined);
  if (isNew) defined.set(version, event.definition);
  else defined.delete(version);
  for (const name of state.deploymentsOf.get(service) ?? []) {
    const deployment = state.deployments.get(name);
    if (!deployment?.versions.some((one) => one.version === version)) continue;
    state.deploymentKeys.set(name, deploymentKeyOf(deployment, defined));
    markDeployment(state, name);
  }
}

function changeDeployment(state: FleetState, deployment: Deployment): void {
  const { name, service } = deployment;
  const before = state.deployments.get(name);
  if (before !== undefined) removeFrom(state.deploymentsOf, before.service, name);
  const versions = [...deployment.versions].sort((left, right) => left.priority - right.priority);
  state.deployments.set(name, { ...deployment, versions });
  addTo(state.deploymentsOf, service, name);
  state.deploymentKeys.set(name, deploymentKeyOf(deployment, state.definitions.get(service)));
  markDeployment(state, name);
  for (const node of state.copies.get(name)?.keys() ?? []) {
    const group = state.groupOf.get(node);
    if (group !== undefined) state.dirty.groups.add(group);
  }
}

function removeDeployment(state: FleetState, name: string): void {
  const before = state.deployments.get(name);
  if (before === undefined) return;
  removeFrom(state.deploymentsOf, before.service, name);
  state.deployments.delete(name);
  state.deploymentKeys.delete(name);
  markDeployment(state, name);
}

type InstanceEvent = Extract<
  FleetEvent,
  {
    kind: "instance-service" | "instance-service-removed" | "instance-status" | "instance-report";
  }
>;

function applyInstanceEvent(state: FleetState, event: InstanceEvent): void {
  switch (event.kind) {
    case "instance-service":
      takeService(state, event.service);
      return;
    case "instance-service-removed": {
      state.services.delete(event.service);
      state.statuses.delete(event.service);
      state.reports.delete(event.service);
      const parts = partsOfInstance(event.service);
      const copy = state.copies.get(parts.deployment)?.get(parts.node);
      if (copy?.instance.service === event.service && copy.expected?.kind === "removal") {
        copy.expected = undefined;
      }
      markCopy(state, parts.deployment, parts.node);
      return;
    }
    case "instance-status": {
      const { service, state: managerState, uid, suspended } = event;
      state.statuses.set(service, { state: managerState, uid, suspended });
      markService(state, service);
      return;
    }
    case "instance-report":
      takeReport(state, event.report);
      return;
    default:
      assertNever(event);
  }
}

/** The fleet's own write is seen: the instance goes on. */
function takeService(state: FleetState, record: InstanceService): void {
  state.services.set(record.service, record);
  const { deployment, node } = partsOfInstance(record.service);
  const copy = state.copies.get(deployment)?.get(node);
  const expected = copy?.instance.service === record.service ? copy.expected : undefined;
  const isSeen =
    expected?.kind === "removal"
      ? record.removing
      : expected !== undefined &&
        !record.removing &&
        expected.requested === record.requested &&
        isSame(expected.release, record.release);
  if (copy !== undefined && isSeen) copy.expected = undefined;
  if (copy?.instance.service !== record.service) state.strays.add(record.service);
  markCopy(state, deployment, node);
}

function takeReport(state: FleetState, report: InstanceReport): void {
  state.reports.set(report.service, report);
  markService(state, report.service);
}

function markService(state: FleetState, service: InstanceService["service"]): void {
  const { deployment, node } = partsOfInstance(service);
  markCopy(state, deployment, node);
}

function loadRollout(state: FleetState, rollout: Rollout): void {
  const known = state.rollouts.get(rollout.deployment) ?? [];
  const rollouts = [...known, rollout].sort((left, right) => left.number - right.number);
  state.rollouts.set(rollout.deployment, rollouts);
}

function changeArming(state: FleetState, armed: boolean): void {
  if (state.armed === armed) return;
  state.armed = armed;
  if (state.loaded) lookAgain(state);
}

function changeFreeze(state: FleetState, frozen: boolean): void {
  if (state.frozen === frozen) return;
  state.frozen = frozen;
  if (state.loaded) lookAgain(state);
}

/** Everything may be begun now that could not be before, or the other way round. */
function lookAgain(state: FleetState): void {
  for (const name of state.deployments.keys()) markDeployment(state, name);
  for (const node of state.nodes.keys()) markNode(state, node, "as-it-is");
  for (const name of state.copies.keys()) markDeployment(state, name);
}

/** Everything is looked at; what is healthy counts from now on. */
function finishLoading({ state, now }: FleetContext): void {
  state.loaded = true;
  for (const name of state.deployments.keys()) markDeployment(state, name);
  for (const [name, copies] of state.copies) {
    markDeployment(state, name);
    for (const copy of copies.values()) {
      // Nobody knows for how long there was no manager, and the agents perhaps without a word of what to run.
      copy.clockFromMs = now;
    }
  }
  for (const service of state.services.keys()) markService(state, service);
  for (const node of state.nodes.keys()) state.dirty.agents.add(node);
  for (const upgrade of state.agentUpgrades.values()) {
    indexAgent(state, upgrade);
    state.dirty.agents.add(upgrade.node);
  }
  for (const name of state.rollouts.keys()) state.dirty.deployments.add(name);
  for (const name of state.orders.keys()) state.dirty.deployments.add(name);
  for (const group of state.groups.keys()) state.dirty.groups.add(group);
  for (const group of state.slots.keys()) state.dirty.groups.add(group);
  state.dirty.agentPools = true;
}
