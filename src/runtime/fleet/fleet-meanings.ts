/** What the store's records mean to the fleet's core. */
import type { FleetEvent } from "../../core/fleet/event.ts";
import { type NodeId, nodeOfInstance } from "../../core/ids.ts";
import type { JsonValue, StoreRevision } from "../../ports/store.ts";
import { bundleRecordSchema } from "../../wire/bundles.ts";
import { definitionRecordSchema } from "../../wire/fleet/definitions.ts";
import { deploymentRecordSchema } from "../../wire/fleet/deployments.ts";
import { haGroupRecordSchema, haMemberRecordSchema } from "../../wire/fleet/ha-groups.ts";
import {
  instanceRecordSchema,
  rolloutOrderRecordSchema,
  rolloutRecordSchema,
  upgradeSlotRecordSchema,
} from "../../wire/fleet/instances.ts";
import {
  agentUpgradeRecordSchema,
  agentUpgradeReportRecordSchema,
  policyRecordSchema,
} from "../../wire/fleet/policies.ts";
import {
  armingRecordSchema,
  epochRecordSchema,
  keys,
  leaseRecordSchema,
  nodeRecordSchema,
  reportRecordSchema,
  serviceRecordSchema,
  statusRecordSchema,
} from "../../wire/records.ts";
import { nameIn, nodeIdIn, readRecord, serviceIdIn } from "../manager-records.ts";
import {
  agentUpgradeOf,
  agentUpgradeReportOf,
  definitionOf,
  deploymentOf,
  fleetRegistrationOf,
  instanceOf,
  policyOf,
  rolloutOf,
  slotOf,
} from "./fleet-records.ts";

/** What a record means to the core; `key` is the whole key. Without `load`, loading it is like its change. */
export interface Meaning {
  readonly load?: (key: string, value: JsonValue, revision: StoreRevision) => FleetEvent;
  readonly put?: (key: string, value: JsonValue, revision: StoreRevision) => FleetEvent | undefined;
  readonly deleted?: (key: string, previous: JsonValue) => FleetEvent | undefined;
}

function isInstance(key: string, prefix: string): boolean {
  return nodeOfInstance(serviceIdIn(key, prefix)) !== undefined;
}

function groupOf(node: NodeId, group: string | undefined): FleetEvent {
  return { kind: "ha-member-changed", node, group };
}

const meanings: readonly (readonly [string, Meaning])[] = [
  [
    keys.arming,
    {
      put(key, value) {
        const { mode } = readRecord(armingRecordSchema, key, value);
        return { kind: "fleet-arming", armed: mode === "armed" };
      },
      deleted: () => ({ kind: "fleet-arming", armed: true }),
    },
  ],
  [
    keys.freeze,
    {
      // Also one whose time is over: that is the manager's to see, who deletes it then.
      put: () => ({ kind: "fleet-freeze", frozen: true }),
      deleted: () => ({ kind: "fleet-freeze", frozen: false }),
    },
  ],
  [
    keys.nodes,
    {
      put(key, value) {
        const record = readRecord(nodeRecordSchema, key, value);
        return { kind: "fleet-node-changed", node: fleetRegistrationOf(record) };
      },
      deleted: (key) => ({ kind: "fleet-node-removed", node: nodeIdIn(key, keys.nodes) }),
    },
  ],
  [
    keys.epochs,
    {
      put(key, value) {
        const { epoch, incarnation } = readRecord(epochRecordSchema, key, value);
        const node = nodeIdIn(key, keys.epochs);
        return { kind: "fleet-epoch", node, epoch, fenced: incarnation === undefined };
      },
    },
  ],
  [
    keys.leases,
    {
      put(key, value) {
        const { epoch } = readRecord(leaseRecordSchema, key, value);
        return { kind: "fleet-lease", node: nodeIdIn(key, keys.leases), epoch };
      },
      deleted: (key) => ({
        kind: "fleet-lease",
        node: nodeIdIn(key, keys.leases),
        epoch: undefined,
      }),
    },
  ],
  [
    keys.services,
    {
      put(key, value, revision) {
        if (!isInstance(key, keys.services)) return undefined;
        const { config, instance, removing } = readRecord(serviceRecordSchema, key, value);
        if (instance === undefined) return undefined;
        const { release } = instance;
        const { id: service, state: requested } = config;
        return {
          kind: "instance-service",
          service: { service, revision, release, requested, removing },
        };
      },
      deleted: (key) =>
        isInstance(key, keys.services)
          ? { kind: "instance-service-removed", service: serviceIdIn(key, keys.services) }
          : undefined,
    },
  ],
  [
    keys.statuses,
    {
      put(key, value) {
        if (!isInstance(key, keys.statuses)) return undefined;
        const record = readRecord(statusRecordSchema, key, value);
        const { service, state, uid, suspended = false } = record;
        return { kind: "instance-status", service, state, uid, suspended };
      },
    },
  ],
  [
    keys.reports,
    {
      put(key, value) {
        if (!isInstance(key, keys.reports)) return undefined;
        const record = readRecord(reportRecordSchema, key, value);
        const { service, node, epoch, uid, result, health, configRevision, detail } = record;
        return {
          kind: "instance-report",
          report: { service, node, epoch, uid, result, health, configRevision, detail },
        };
      },
    },
  ],
  [
    keys.haGroups,
    {
      put(key, value) {
        const { name, whenMembersOffline } = readRecord(haGroupRecordSchema, key, value);
        return { kind: "ha-group-changed", group: { name, whenMembersOffline } };
      },
      deleted: (key) => ({ kind: "ha-group-removed", name: nameIn(key, keys.haGroups) }),
    },
  ],
  [
    keys.haMembers,
    {
      put(key, value) {
        const { group } = readRecord(haMemberRecordSchema, key, value);
        return groupOf(nodeIdIn(key, keys.haMembers), group);
      },
      deleted: (key) => groupOf(nodeIdIn(key, keys.haMembers), undefined),
    },
  ],
  [
    keys.definitions,
    {
      put(key, value) {
        const record = readRecord(definitionRecordSchema, key, value);
        return { kind: "definition-added", definition: definitionOf(record) };
      },
      deleted(key, previous) {
        const { service, version } = readRecord(definitionRecordSchema, key, previous).definition;
        return { kind: "definition-removed", service, version };
      },
    },
  ],
  [
    keys.deployments,
    {
      put(key, value) {
        const record = readRecord(deploymentRecordSchema, key, value);
        return { kind: "deployment-changed", deployment: deploymentOf(record) };
      },
      deleted: (key) => ({ kind: "deployment-removed", name: nameIn(key, keys.deployments) }),
    },
  ],
  [
    keys.rolloutOrders,
    {
      put(key, value) {
        const { id, order, by } = readRecord(rolloutOrderRecordSchema, key, value);
        const deployment = nameIn(key, keys.rolloutOrders);
        return { kind: "rollout-order", deployment, order, id, by };
      },
    },
  ],
  [
    keys.bundles,
    {
      put(key, value) {
        const record = readRecord(bundleRecordSchema, key, value);
        const { sha256, package: contents, signature } = record;
        if (contents === undefined || signature === undefined) return undefined;
        return { kind: "package-added", package: { version: contents.version, sha256 } };
      },
      deleted: (key) => ({ kind: "package-removed", sha256: nameIn(key, keys.bundles) }),
    },
  ],
  [
    keys.policies,
    {
      put(key, value) {
        const record = readRecord(policyRecordSchema, key, value);
        return { kind: "policy-changed", policy: policyOf(record) };
      },
      deleted: (key) => ({ kind: "policy-removed", name: nameIn(key, keys.policies) }),
    },
  ],
  [
    keys.agentUpgradeReports,
    {
      put(key, value) {
        const record = readRecord(agentUpgradeReportRecordSchema, key, value);
        const report = agentUpgradeReportOf(nodeIdIn(key, keys.agentUpgradeReports), record);
        return { kind: "agent-upgrade-report", report };
      },
    },
  ],
  [
    keys.instances,
    {
      load(key, value) {
        const record = readRecord(instanceRecordSchema, key, value);
        return { kind: "instance-loaded", instance: instanceOf(record) };
      },
    },
  ],
  [
    keys.upgradeSlots,
    {
      load(key, value) {
        const record = readRecord(upgradeSlotRecordSchema, key, value);
        return { kind: "slot-loaded", slot: slotOf(record) };
      },
    },
  ],
  [
    keys.rollouts,
    {
      load(key, value) {
        const record = readRecord(rolloutRecordSchema, key, value);
        return { kind: "rollout-loaded", rollout: rolloutOf(record) };
      },
    },
  ],
  [
    keys.agentUpgrades,
    {
      load(key, value) {
        const record = readRecord(agentUpgradeRecordSchema, key, value);
        return { kind: "agent-upgrade-loaded", upgrade: agentUpgradeOf(record) };
      },
    },
  ],
];

/** What a record under this key means. */
export function meaningOf(key: string): Meaning | undefined {
  return meanings.find(([prefix]) => key.startsWith(prefix))?.[1];
}
