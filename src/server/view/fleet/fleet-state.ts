/** The fleet's memory as the stored records make it, so that explanations and plans rest on the fleet's own functions. */
import type { FleetEvent } from "../../../core/fleet/event.ts";
import { snapshotOf } from "../../../core/fleet/snapshot.ts";
import type { FleetState } from "../../../core/fleet/state.ts";
import type { NodeId } from "../../../core/ids.ts";
import type { InstantMs } from "../../../core/time.ts";
import {
  agentUpgradeOf,
  definitionOf,
  deploymentOf,
  fleetRegistrationOf,
  instanceOf,
  rolloutOf,
  slotOf,
} from "../../../runtime/fleet/fleet-records.ts";
import type { InstanceRecord } from "../../../wire/fleet/instances.ts";
import type { ViewTables } from "../view-tables.ts";

/** What the fleet knows that matters to one deployment, which need not be there yet; to look at only. */
export function fleetStateOf(tables: ViewTables, deployment: string, now: InstantMs): FleetState {
  return snapshotOf(eventsOf(tables, deployment), now);
}

/** In the order in which a manager loads. */
function* eventsOf(tables: ViewTables, name: string): Iterable<FleetEvent> {
  yield { kind: "fleet-arming", armed: (tables.arming?.value.mode ?? "armed") === "armed" };
  yield { kind: "fleet-freeze", frozen: tables.freeze !== undefined };
  yield* nodeEvents(tables);
  for (const { value } of tables.haGroups.values()) {
    const { name: group, whenMembersOffline } = value;
    yield { kind: "ha-group-changed", group: { name: group, whenMembersOffline } };
  }
  for (const [node, { value }] of tables.haMembers) {
    yield { kind: "ha-member-changed", node, group: value.group };
  }
  for (const { value } of tables.definitions.values()) {
    yield { kind: "definition-added", definition: definitionOf(value) };
  }
  const record = tables.deployments.get(name)?.value;
  if (record !== undefined) {
    yield { kind: "deployment-changed", deployment: deploymentOf(record) };
  }
  for (const { value } of tables.instances.values()) {
    // Of another deployment only what is being upgraded keeps anybody waiting.
    const matters = value.deployment === name || value.upgrade !== undefined;
    if (matters) yield* instanceEvents(tables, value);
  }
  for (const { value } of tables.upgradeSlots.values()) {
    yield { kind: "slot-loaded", slot: slotOf(value) };
  }
  for (const key of [...(tables.rolloutKeys.get(name) ?? [])].sort()) {
    const rollout = tables.rollouts.get(key)?.value;
    if (rollout !== undefined) yield { kind: "rollout-loaded", rollout: rolloutOf(rollout) };
  }
  for (const { value } of tables.agentUpgrades.values()) {
    yield { kind: "agent-upgrade-loaded", upgrade: agentUpgradeOf(value) };
  }
}

function* nodeEvents(tables: ViewTables): Iterable<FleetEvent> {
  for (const [node, { value }] of tables.nodes) {
    yield { kind: "fleet-node-changed", node: fleetRegistrationOf(value) };
    yield* leaseEvents(tables, node);
  }
}

function* leaseEvents(tables: ViewTables, node: NodeId): Iterable<FleetEvent> {
  const known = tables.epochs.get(node)?.value;
  if (known !== undefined) {
    const { epoch, incarnation } = known;
    yield { kind: "fleet-epoch", node, epoch, fenced: incarnation === undefined };
  }
  const lease = tables.leases.get(node)?.value;
  if (lease !== undefined) yield { kind: "fleet-lease", node, epoch: lease.epoch };
}

function* instanceEvents(tables: ViewTables, record: InstanceRecord): Iterable<FleetEvent> {
  const { service } = record;
  const row = tables.services.get(service);
  if (row?.value.instance !== undefined) {
    const { config, instance, removing } = row.value;
    const { release } = instance;
    const { revision } = row;
    const facts = { service, revision, release, requested: config.state, removing };
    yield { kind: "instance-service", service: facts };
  }
  const status = tables.statuses.get(service)?.value;
  if (status !== undefined) {
    const { state, uid, suspended = false } = status;
    yield { kind: "instance-status", service, state, uid, suspended };
  }
  const report = tables.reports.get(service)?.value;
  if (report !== undefined) yield { kind: "instance-report", report };
  yield { kind: "instance-loaded", instance: instanceOf(record) };
}
