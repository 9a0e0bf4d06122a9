/** Reads the stored records of a fleet, each value once. */
import { definitionRecordSchema } from "../../wire/fleet/definitions.ts";
import { deploymentRecordSchema } from "../../wire/fleet/deployments.ts";
import { haGroupRecordSchema, haMemberRecordSchema } from "../../wire/fleet/ha-groups.ts";
import {
  instanceRecordSchema,
  rolloutRecordSchema,
  upgradeSlotRecordSchema,
} from "../../wire/fleet/instances.ts";
import { agentUpgradeRecordSchema, policyRecordSchema } from "../../wire/fleet/policies.ts";
import { reportRecordSchema } from "../../wire/records.ts";
import { reader } from "./records.ts";

export const readAgentUpgrade = reader(agentUpgradeRecordSchema);
export const readDefinition = reader(definitionRecordSchema);
export const readDeployment = reader(deploymentRecordSchema);
export const readHaGroup = reader(haGroupRecordSchema);
export const readHaMember = reader(haMemberRecordSchema);
export const readInstance = reader(instanceRecordSchema);
export const readPolicy = reader(policyRecordSchema);
export const readReport = reader(reportRecordSchema);
export const readRollout = reader(rolloutRecordSchema);
export const readSlot = reader(upgradeSlotRecordSchema);
