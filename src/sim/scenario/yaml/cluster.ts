/** The cluster of a scenario: its nodes, services, groups, rules and what is used of them. */
import { type NodeId, parseNodeId, type ServiceId } from "../../../core/ids.ts";
import type { Capacity } from "../../../core/model/capacity.ts";
import type { PlacementGroup, Rule } from "../../../core/model/rule.ts";
import type { Result } from "../../../core/result.ts";
import type { NodePlan, ServicePlan } from "../../plan.ts";
import { fullServiceId, nodeNames, nodesMax, type References } from "./names.ts";
import { type Faults, namedParts, readPart } from "./parts.ts";
import {
  capacity,
  groupOf,
  groupSchema,
  nodeSchema,
  partName,
  ruleOf,
  ruleSchema,
  servicePlanOf,
  serviceSchema,
} from "./schemas.ts";

/** Most services, groups or rules that a scenario may have. */
const countMax = 100_000;

/** The nodes: a number of them, a list of names, or a map. */
export function readNodes(value: unknown, faults: Faults): readonly NodePlan[] {
  const path = ["nodes"];
  const isNumber = typeof value === "number";
  if (isNumber && (!Number.isInteger(value) || value < 1 || value > nodesMax)) {
    faults.add(path, `write a whole number from 1 to ${nodesMax}, or the nodes by name`);
    return [];
  }
  if (value === undefined) faults.add(path, 'it is missing: write e.g. "nodes: 3"');
  const parts = namedParts(
    isNumber ? [...nodeNames(value)] : value,
    { path, nameField: "node", countMax: nodesMax },
    faults,
  );
  if (value !== undefined && parts.length === 0) faults.add(path, "there must be one at least");
  return parts.flatMap((part) => {
    const node: Result<NodeId, string> = parseNodeId(part.name);
    if (!node.ok) faults.add(part.path, node.error);
    const fields = readPart(nodeSchema, part.value, part.path, faults);
    return node.ok && fields !== undefined ? [{ node: node.value, ...fields }] : [];
  });
}

/** The services: a list of names or a map, each with what is not the default. */
export function readServices(
  value: unknown,
  references: References,
  faults: Faults,
): readonly ServicePlan[] {
  const schema = serviceSchema(references);
  const parts = namedParts(value, { path: ["services"], nameField: "id", countMax }, faults);
  return parts.flatMap((part) => {
    const fields = readPart(schema, part.value, part.path, faults);
    const id = fullServiceId(part.name, fields?.type);
    if (!id.ok) faults.add(part.path, id.error);
    return id.ok && fields !== undefined ? [servicePlanOf(id.value, fields)] : [];
  });
}

/** The placement groups. */
export function readGroups(
  value: unknown,
  references: References,
  faults: Faults,
): readonly PlacementGroup[] {
  const schema = groupSchema(references);
  const parts = namedParts(value, { path: ["groups"], nameField: "name", countMax }, faults);
  return parts.flatMap((part) => {
    const name = readPart(partName, part.name, part.path, faults);
    const fields = readPart(schema, part.value, part.path, faults);
    return name === undefined || fields === undefined ? [] : [groupOf(name, fields)];
  });
}

/** The rules. */
export function readRules(value: unknown, references: References, faults: Faults): readonly Rule[] {
  const schema = ruleSchema(references);
  const parts = namedParts(value, { path: ["rules"], nameField: "name", countMax }, faults);
  return parts.flatMap((part) => {
    const name = readPart(partName, part.name, part.path, faults);
    const fields = readPart(schema, part.value, part.path, faults);
    return name === undefined || fields === undefined ? [] : [ruleOf(name, fields)];
  });
}

/** What services use at the start. */
export function readUsage(
  value: unknown,
  references: References,
  faults: Faults,
): readonly { readonly service: ServiceId; readonly use: Capacity }[] {
  const parts = namedParts(value, { path: ["usage"], nameField: "service", countMax }, faults);
  return parts.flatMap((part) => {
    const service = readPart(references.service, part.name, part.path, faults);
    const use = readPart(capacity, part.value, part.path, faults);
    return service === undefined || use === undefined ? [] : [{ service, use }];
  });
}
