/** The records of the fleet as tables: definitions, deployments, their instances and rollouts, HA groups. */
import type { NodeId } from "../../core/ids.ts";
import { type DefinitionRecord, definitionRecordSchema } from "../../wire/fleet/definitions.ts";
import { type DeploymentRecord, deploymentRecordSchema } from "../../wire/fleet/deployments.ts";
import {
  type HaGroupRecord,
  type HaMemberRecord,
  haGroupRecordSchema,
  haMemberRecordSchema,
} from "../../wire/fleet/ha-groups.ts";
import {
  type InstanceRecord,
  instanceRecordSchema,
  type RolloutOrderRecord,
  type RolloutRecord,
  rolloutOrderRecordSchema,
  rolloutRecordSchema,
  type UpgradeSlotRecord,
  upgradeSlotRecordSchema,
} from "../../wire/fleet/instances.ts";
import {
  type AgentUpgradeRecord,
  type AgentUpgradeReportRecord,
  agentUpgradeRecordSchema,
  agentUpgradeReportRecordSchema,
  type PolicyRecord,
  policyRecordSchema,
} from "../../wire/fleet/policies.ts";
import { keys } from "../../wire/records.ts";
import { type Follower, followed, type Row, type Slot, slot, type Table } from "./table-slots.ts";

export interface FleetTables {
  /** By `<service>/<version>`. */
  readonly definitions: Table<string, DefinitionRecord>;
  readonly deployments: Table<string, DeploymentRecord>;
  /** By `<deployment>/<node>`. */
  readonly instances: Table<string, InstanceRecord>;
  /** Nodes of the instances, by deployment. */
  readonly instanceNodes: ReadonlyMap<string, ReadonlySet<NodeId>>;
  /** By `<deployment>/<number>`. */
  readonly rollouts: Table<string, RolloutRecord>;
  /** Keys of `rollouts`, by deployment. */
  readonly rolloutKeys: ReadonlyMap<string, ReadonlySet<string>>;
  /** By deployment: what the manager has not taken up yet. */
  readonly rolloutOrders: Table<string, RolloutOrderRecord>;
  readonly policies: Table<string, PolicyRecord>;
  readonly agentUpgrades: Table<NodeId, AgentUpgradeRecord>;
  readonly agentUpgradeReports: Table<NodeId, AgentUpgradeReportRecord>;
  /** Without their members. */
  readonly haGroups: Table<string, HaGroupRecord>;
  readonly haMembers: Table<NodeId, HaMemberRecord>;
  /** Members by group; a group without any is not in it. */
  readonly membersOfGroup: ReadonlyMap<string, ReadonlySet<NodeId>>;
  /** By group. */
  readonly upgradeSlots: Table<string, UpgradeSlotRecord>;
}

/** Empty tables, and what fills them: prefixes of keys with their slots. */
export function createFleetTables(): {
  readonly tables: FleetTables;
  readonly slots: readonly (readonly [string, Slot])[];
} {
  const definitions = new Map<string, Row<DefinitionRecord>>();
  const deployments = new Map<string, Row<DeploymentRecord>>();
  const instances = new Map<string, Row<InstanceRecord>>();
  const instanceNodes = new Map<string, Set<NodeId>>();
  const rollouts = new Map<string, Row<RolloutRecord>>();
  const rolloutKeys = new Map<string, Set<string>>();
  const rolloutOrders = new Map<string, Row<RolloutOrderRecord>>();
  const policies = new Map<string, Row<PolicyRecord>>();
  const agentUpgrades = new Map<NodeId, Row<AgentUpgradeRecord>>();
  const agentUpgradeReports = new Map<NodeId, Row<AgentUpgradeReportRecord>>();
  const haGroups = new Map<string, Row<HaGroupRecord>>();
  const haMembers = new Map<NodeId, Row<HaMemberRecord>>();
  const membersOfGroup = new Map<string, Set<NodeId>>();
  const upgradeSlots = new Map<string, Row<UpgradeSlotRecord>>();
  return {
    tables: {
      ...{ definitions, deployments, instances, instanceNodes },
      ...{ rollouts, rolloutKeys, rolloutOrders },
      ...{ policies, agentUpgrades, agentUpgradeReports },
      ...{ haGroups, haMembers, membersOfGroup, upgradeSlots },
    },
    slots: [
      [keys.definitions, slot(definitions, definitionRecordSchema)],
      [keys.deployments, slot(deployments, deploymentRecordSchema)],
      [
        keys.instances,
        followed(
          slot(instances, instanceRecordSchema),
          (key) => instances.get(key)?.value,
          indexOf<NodeId, InstanceRecord>(instanceNodes, (_key, { deployment, node }) => [
            deployment,
            node,
          ]),
        ),
      ],
      [
        keys.rollouts,
        followed(
          slot(rollouts, rolloutRecordSchema),
          (key) => rollouts.get(key)?.value,
          indexOf<string, RolloutRecord>(rolloutKeys, (key, { deployment }) => [deployment, key]),
        ),
      ],
      [keys.rolloutOrders, slot(rolloutOrders, rolloutOrderRecordSchema)],
      [keys.policies, slot(policies, policyRecordSchema)],
      [keys.agentUpgrades, slot(agentUpgrades, agentUpgradeRecordSchema)],
      [keys.agentUpgradeReports, slot(agentUpgradeReports, agentUpgradeReportRecordSchema)],
      [keys.haGroups, slot(haGroups, haGroupRecordSchema)],
      [
        keys.haMembers,
        followed(
          slot(haMembers, haMemberRecordSchema),
          (key) => haMembers.get(nodeOfKey(key))?.value,
          indexOf<NodeId, HaMemberRecord>(membersOfGroup, (key, { group }) => [
            group,
            nodeOfKey(key),
          ]),
        ),
      ],
      [keys.upgradeSlots, slot(upgradeSlots, upgradeSlotRecordSchema)],
    ],
  };
}

function nodeOfKey(key: string): NodeId {
  return key as NodeId; // keys below `ha-members/` are node ids
}

/** Keeps an index in step: which members of a table belong to which group of it. */
function indexOf<Member, T>(
  index: Map<string, Set<Member>>,
  placeOf: (key: string, value: T) => readonly [string, Member],
): Follower<T> {
  return {
    added(key, value) {
      const [group, member] = placeOf(key, value);
      const members = index.get(group) ?? new Set();
      index.set(group, members.add(member));
    },
    removed(key, value) {
      const [group, member] = placeOf(key, value);
      const members = index.get(group);
      members?.delete(member);
      if (members?.size === 0) index.delete(group);
    },
  };
}
