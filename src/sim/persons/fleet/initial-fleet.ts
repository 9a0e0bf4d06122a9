/** The records of a fleet that is there when a play begins. */
import { keys } from "../../../wire/records.ts";
import type { FleetPlan } from "../../fleet-plan.ts";
import {
  definitionRecordOf,
  deploymentRecordOf,
  haGroupRecordOf,
  packageRecordOf,
  policyRecordOf,
} from "./fleet-records.ts";

interface Row {
  readonly key: string;
  readonly record: object;
}

/** What the API would have written, in an order in which it would have been taken. */
export function fleetRecordsOf(fleet: FleetPlan | undefined): readonly Row[] {
  if (fleet === undefined) return [];
  const rows: Row[] = [];
  for (const group of fleet.haGroups) {
    const { name } = group;
    rows.push({ key: `${keys.haGroups}${name}`, record: haGroupRecordOf(group, 0, undefined) });
    for (const node of group.members) {
      rows.push({ key: `${keys.haMembers}${node}`, record: { version: 1, group: name } });
    }
  }
  for (const definition of fleet.definitions) {
    const key = `${keys.definitions}${definition.service}/${definition.version}`;
    rows.push({ key, record: definitionRecordOf(definition, 0) });
  }
  for (const deployment of fleet.deployments) {
    const { name, inputs } = deployment;
    const record = deploymentRecordOf(deployment, 0, undefined);
    rows.push({ key: `${keys.deployments}${name}`, record });
    const key = `${keys.deploymentInputs}${name}/${record.inputsKey}`;
    rows.push({ key, record: { version: 1, inputs } });
  }
  for (const each of fleet.packages) {
    const record = packageRecordOf(each, 0);
    rows.push({ key: `${keys.bundles}${record.sha256}`, record });
  }
  for (const policy of fleet.policies) {
    const record = policyRecordOf(policy, 0, undefined);
    rows.push({ key: `${keys.policies}${policy.name}`, record });
  }
  return rows;
}
