/** The plan of what people say a node is, and of what it asks of deployments. */
import { isDeepStrictEqual } from "node:util";
import type { PropertyValue } from "../../../core/constraints/constraint.ts";
import { builtInProperties, isBuiltIn } from "../../../core/constraints/effective-properties.ts";
import type { NodeId } from "../../../core/ids.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import { jsonOf } from "../../../runtime/manager-records.ts";
import type { Problem } from "../../../wire/errors.ts";
import { propertiesMax } from "../../../wire/fleet/common.ts";
import type { NodeChange } from "../../../wire/fleet/resources.ts";
import { keys, type NodeRecord } from "../../../wire/records.ts";
import { brokenPrecondition, type Precondition } from "../../http/etag.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged } from "../change.ts";
import { nodeRow } from "../node-changes.ts";
import { badInput } from "./bad-input.ts";
import { checkDeploymentProperties, type UnknownProperties } from "./known-properties.ts";

export interface ChangeNodeOptions {
  readonly precondition: Precondition;
  readonly unknownProperties: UnknownProperties;
}

/** Sets and takes away what the change names, and leaves the rest. */
export function planNodeProperties(
  tables: ViewTables,
  node: NodeId,
  change: NodeChange,
  { precondition, unknownProperties }: ChangeNodeOptions,
): Result<ChangePlan, Problem> {
  const found = nodeRow(tables, node);
  if (!found.ok) return found;
  const { value, revision } = found.value;
  const broken = brokenPrecondition(precondition, `node "${node}"`, revision);
  if (broken !== undefined) return err(broken);
  const wishes = Object.entries(change.setProperties ?? {});
  const faults = wishes
    .filter(([name]) => isBuiltIn(name))
    .map(([name]) => ({
      path: `setProperties.${name}`,
      message: `Holdfast itself says this; people cannot set ${builtInProperties.join(", ")}`,
    }));
  if (faults.length > 0) return badInput(faults);
  const properties = merged(value.setProperties ?? {}, wishes);
  if (Object.keys(properties).length > propertiesMax) {
    const message = `there may be ${propertiesMax} properties at most`;
    return badInput([{ path: "setProperties", message }]);
  }
  const constraint = change.constraint === undefined ? value.constraint : change.constraint;
  if (typeof change.constraint === "string" && change.constraint !== value.constraint) {
    const known = checkDeploymentProperties(tables, change.constraint, unknownProperties);
    if (!known.ok) return known;
  }
  const record = recordWith(value, properties, constraint ?? undefined);
  if (isDeepStrictEqual(record, value)) return ok(nothingToDo);
  const key = `${keys.nodes}${node}`;
  return ok({
    compare: [unchanged(key, found.value)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
    action: "node.change",
    subject: node,
    detail: JSON.stringify(change),
  });
}

function merged(
  before: Readonly<Record<string, PropertyValue>>,
  wishes: readonly (readonly [string, PropertyValue | null])[],
): Record<string, PropertyValue> {
  const properties = { ...before };
  for (const [name, value] of wishes) {
    if (value === null) delete properties[name];
    else properties[name] = value;
  }
  return properties;
}

function recordWith(
  { setProperties: _before, constraint: _asked, ...record }: NodeRecord,
  properties: Readonly<Record<string, PropertyValue>>,
  constraint: string | undefined,
): object {
  return {
    ...record,
    ...(Object.keys(properties).length === 0 ? {} : { setProperties: properties }),
    ...(constraint === undefined ? {} : { constraint }),
  };
}
