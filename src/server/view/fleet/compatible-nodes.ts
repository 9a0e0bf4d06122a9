/** Which version of a deployment fits a node: the core's own check, over stored records. */
import { checkCompatible } from "../../../core/fleet/compatibility.ts";
import type { Definition } from "../../../core/fleet/model/deployment.ts";
import type { NodeId } from "../../../core/ids.ts";
import {
  definitionOf,
  deploymentOf,
  fleetRegistrationOf,
} from "../../../runtime/fleet/fleet-records.ts";
import type { DeploymentRecord } from "../../../wire/fleet/deployments.ts";
import type { CheckLine } from "../../../wire/fleet/resources.ts";
import type { NodeRecord } from "../../../wire/records.ts";
import type { ViewTables } from "../view-tables.ts";
import { definitionId } from "./definition-resource.ts";

/** The first version that fits, and why those before it do not. */
export type Verdict = Pick<CheckLine, "version" | "refusals">;

/** Checks nodes against one deployment; what does not depend on the node is looked up once. */
export function verdictFor(
  tables: ViewTables,
  record: DeploymentRecord,
): (node: NodeRecord) => Verdict {
  const deployment = deploymentOf(record);
  const definitions: Definition[] = [];
  const missing: CheckLine["refusals"] = [];
  for (const { version } of deployment.versions) {
    const row = tables.definitions.get(definitionId(deployment.service, version));
    if (row !== undefined) definitions.push(definitionOf(row.value));
    else missing.push({ version, side: "definition", because: "there is no such definition" });
  }
  return (node) => {
    const registration = fleetRegistrationOf(node);
    const refusals = [...missing];
    for (const definition of definitions) {
      const checked = checkCompatible({ deployment, definition, node: registration });
      const { version } = definition;
      if (checked.ok) return { version, refusals };
      refusals.push({ version, side: checked.side, because: checked.because });
    }
    return { refusals };
  };
}

/** One line for each node. */
export function checkLines(
  tables: ViewTables,
  record: DeploymentRecord,
  nodes: readonly NodeId[],
): CheckLine[] {
  const check = verdictFor(tables, record);
  return nodes.flatMap((node): CheckLine[] => {
    const row = tables.nodes.get(node);
    if (row === undefined) return [];
    const verdict = check(row.value);
    const compatible = verdict.version !== undefined;
    return [{ deployment: record.deployment.name, node, compatible, ...verdict }];
  });
}
