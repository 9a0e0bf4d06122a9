/** The schema of each kind of record, by its name in `keys`: what this program can read, and what not. */
import type * as z from "zod";
import { userRecordSchema } from "../access.ts";
import { backupRunRecordSchema, backupScheduleRecordSchema } from "../backup/schedule.ts";
import { bundleCopyRecordSchema, bundleRecordSchema } from "../bundles.ts";
import { lineOfFaults } from "../errors.ts";
import { definitionRecordSchema } from "../fleet/definitions.ts";
import { deploymentInputsRecordSchema, deploymentRecordSchema } from "../fleet/deployments.ts";
import { haGroupRecordSchema, haMemberRecordSchema } from "../fleet/ha-groups.ts";
import {
  instanceRecordSchema,
  rolloutOrderRecordSchema,
  rolloutRecordSchema,
  upgradeSlotRecordSchema,
} from "../fleet/instances.ts";
import {
  agentUpgradeRecordSchema,
  agentUpgradeReportRecordSchema,
  policyRecordSchema,
} from "../fleet/policies.ts";
import { joinTokenRecordSchema } from "../joining.ts";
import { serverOrderRecordSchema, serverReportRecordSchema } from "../packages/server-upgrades.ts";
import {
  agentModeRecordSchema,
  agentOrderRecordSchema,
  armingRecordSchema,
  armingStateRecordSchema,
  auditRecordSchema,
  commandRecordSchema,
  epochRecordSchema,
  eventRecordSchema,
  freezeRecordSchema,
  groupRecordSchema,
  keys,
  leaseRecordSchema,
  managerRecordSchema,
  nodeRecordSchema,
  nodeStateRecordSchema,
  rejectedRulesRecordSchema,
  relationsRecordSchema,
  removedNodeRecordSchema,
  reportRecordSchema,
  ruleRecordSchema,
  serviceRecordSchema,
  settingsRecordSchema,
  statusRecordSchema,
  tokenRecordSchema,
  usageRecordSchema,
} from "../records.ts";
import {
  controlPlaneRecordSchema,
  joinRecordSchema,
  lostServerRecordSchema,
  peerProofRecordSchema,
  removedServerRecordSchema,
  revocationRecordSchema,
  serverCounterRecordSchema,
  serverLeaseRecordSchema,
  serverRecordSchema,
  serverRemovalRecordSchema,
} from "../servers.ts";
import { officeAddressRecordSchema } from "./office.ts";
import { serverConfigOrderRecordSchema, serverConfigRecordSchema } from "./server-config.ts";
import {
  beforeImageRecordSchema,
  migrationRecordSchema,
  schemaRecordSchema,
} from "./store-schema.ts";
import { silenceRecordSchema, upgradeRecordSchema } from "./upgrades.ts";

/** Every kind of record that there is. */
export const recordSchemas: Readonly<Record<keyof typeof keys, z.ZodType>> = {
  settings: settingsRecordSchema,
  schema: schemaRecordSchema,
  migration: migrationRecordSchema,
  migrationBefore: beforeImageRecordSchema,
  manager: managerRecordSchema,
  groups: groupRecordSchema,
  rules: ruleRecordSchema,
  arming: armingRecordSchema,
  armingState: armingStateRecordSchema,
  freeze: freezeRecordSchema,
  officeAddress: officeAddressRecordSchema,
  systemUpgrade: upgradeRecordSchema,
  silence: silenceRecordSchema,
  backupSchedule: backupScheduleRecordSchema,
  backupRun: backupRunRecordSchema,
  rejectedRules: rejectedRulesRecordSchema,
  relations: relationsRecordSchema,
  nodes: nodeRecordSchema,
  removedNodes: removedNodeRecordSchema,
  epochs: epochRecordSchema,
  nodeStates: nodeStateRecordSchema,
  leases: leaseRecordSchema,
  agentModes: agentModeRecordSchema,
  services: serviceRecordSchema,
  statuses: statusRecordSchema,
  reports: reportRecordSchema,
  commands: commandRecordSchema,
  usages: usageRecordSchema,
  events: eventRecordSchema,
  audit: auditRecordSchema,
  tokens: tokenRecordSchema,
  users: userRecordSchema,
  bundles: bundleRecordSchema,
  bundleCopies: bundleCopyRecordSchema,
  peerProofs: peerProofRecordSchema,
  agentOrders: agentOrderRecordSchema,
  servers: serverRecordSchema,
  serverCounter: serverCounterRecordSchema,
  serverConfigs: serverConfigRecordSchema,
  serverConfigOrders: serverConfigOrderRecordSchema,
  serverLeases: serverLeaseRecordSchema,
  lostServers: lostServerRecordSchema,
  serverRemovals: serverRemovalRecordSchema,
  removedServers: removedServerRecordSchema,
  serverUpgrades: serverOrderRecordSchema,
  serverUpgradeReports: serverReportRecordSchema,
  joins: joinRecordSchema,
  joinTokens: joinTokenRecordSchema,
  revocations: revocationRecordSchema,
  controlPlane: controlPlaneRecordSchema,
  haGroups: haGroupRecordSchema,
  haMembers: haMemberRecordSchema,
  definitions: definitionRecordSchema,
  deployments: deploymentRecordSchema,
  deploymentInputs: deploymentInputsRecordSchema,
  instances: instanceRecordSchema,
  rollouts: rolloutRecordSchema,
  rolloutOrders: rolloutOrderRecordSchema,
  upgradeSlots: upgradeSlotRecordSchema,
  policies: policyRecordSchema,
  agentUpgrades: agentUpgradeRecordSchema,
  agentUpgradeReports: agentUpgradeReportRecordSchema,
};

const prefixes: readonly (readonly [string, z.ZodType])[] = Object.entries(recordSchemas).map(
  ([kind, schema]) => [keys[kind as keyof typeof keys], schema], // the table's names are those of `keys`
);

/** Why this program cannot read an entry, e.g. `is of no kind that it knows`; undefined: it can. */
export function flawOfRecord(entry: {
  readonly key: string;
  readonly value: unknown;
}): string | undefined {
  const found = prefixes.find(([prefix]) =>
    prefix.endsWith("/") ? entry.key.startsWith(prefix) : entry.key === prefix,
  );
  if (found === undefined) return "is of no kind that this version knows";
  const parsed = found[1].safeParse(entry.value);
  return parsed.success ? undefined : `cannot be read: ${lineOfFaults(parsed.error)}`;
}
