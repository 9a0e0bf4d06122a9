/** The nodes and services that a scenario has, as far as they can be told before it is checked, and references to them. */
import * as z from "zod";
import {
  type NodeId,
  nodeOfInstance,
  parseNodeId,
  parseServiceId,
  type ServiceId,
} from "../../../core/ids.ts";
import { err, ok, type Result } from "../../../core/result.ts";

/** Most nodes that a scenario may have: as many as Holdfast is made for. */
export const nodesMax = 1_000;
/** Type of a service that says none. */
export const serviceTypeDefault = "process";

/** Schemas that take the name of something that the scenario has. */
export interface References {
  readonly node: z.ZodType<NodeId, unknown>;
  /** One, a list of them, or `all`. */
  readonly nodes: z.ZodType<readonly NodeId[], unknown>;
  /** By id, or by name alone where only one has it. */
  readonly service: z.ZodType<ServiceId, unknown>;
  /** One, or a list of them. */
  readonly services: z.ZodType<readonly ServiceId[], unknown>;
  readonly group: z.ZodType<string, unknown>;
}

/** Makes the references of a scenario from its data as written. */
export function createReferences(data: object): References {
  const nodes = nodeNames(fieldOf(data, "nodes"));
  const services = serviceIds(data);
  const groups = groupNames(data);
  const node = checked((value) => findNode(nodes, value));
  const deployments = deploymentNames(data);
  const findAny = (value: unknown): Result<ServiceId, string> =>
    instanceIn(value, { deployments, nodes }) ?? findService(services, value);
  const service = checked(findAny);
  return {
    node,
    service,
    group: checked((value) => findGroup(groups, value)),
    nodes: z.unknown().transform((value, context) => {
      const isAll = value === "all" && !nodes.includes("all");
      return each(isAll ? nodes : value, (item) => findNode(nodes, item), context);
    }),
    services: z.unknown().transform((value, context) => each(value, findAny, context)),
  };
}

/** A schema of a function that reads a value or says what is wrong with it. */
export function checked<T>(read: (value: unknown) => Result<T, string>): z.ZodType<T, unknown> {
  return z.unknown().transform((value, context) => {
    const result = read(value);
    if (result.ok) return result.value;
    context.addIssue({ code: "custom", message: result.error });
    return z.NEVER;
  });
}

/** One value, or each of a list, with the place of each fault. */
function each<T>(
  value: unknown,
  read: (item: unknown) => Result<T, string>,
  context: z.RefinementCtx,
): readonly T[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  return items.flatMap((item, index) => {
    const result = read(item);
    if (result.ok) return [result.value];
    const path = Array.isArray(value) ? [index] : [];
    context.addIssue({ code: "custom", path, message: result.error });
    return [];
  });
}

function findNode(names: readonly string[], value: unknown): Result<NodeId, string> {
  if (typeof value !== "string" && typeof value !== "number") return err("name a node");
  const text = String(value);
  if (!names.includes(text)) {
    return err(`there is no node "${text}"; there are: ${names.join(", ")}`);
  }
  return parseNodeId(text);
}

function findService(ids: readonly ServiceId[], value: unknown): Result<ServiceId, string> {
  if (typeof value !== "string" && typeof value !== "number") return err("name a service");
  const text = String(value);
  const exact = ids.find((id) => id === text);
  if (exact !== undefined) return ok(exact);
  const [found, second] = ids.filter((id) => id.slice(id.indexOf(":") + 1) === text);
  if (found === undefined) {
    const known = ids.length === 0 ? "there is none" : `there are: ${shortList(ids)}`;
    return err(`there is no service "${text}"; ${known}`);
  }
  if (second !== undefined) {
    return err(`"${text}" could be ${found} or ${second}: write the whole id`);
  }
  return ok(found);
}

/** The instance of a deployment, as `<type>:<deployment>@<node>`; undefined: it is none. */
function instanceIn(
  value: unknown,
  {
    deployments,
    nodes,
  }: { readonly deployments: readonly string[]; readonly nodes: readonly string[] },
): Result<ServiceId, string> | undefined {
  if (typeof value !== "string" || !value.includes("@")) return undefined;
  const id = parseServiceId(value);
  if (!id.ok) return id;
  const node = nodeOfInstance(id.value);
  if (node === undefined || !nodes.includes(node)) return err(`there is no node "${node}"`);
  const name = value.slice(value.indexOf(":") + 1, value.lastIndexOf("@"));
  return deployments.includes(name) ? id : err(`there is no deployment "${name}"`);
}

function deploymentNames(data: object): readonly string[] {
  const deployments = fieldOf(data, "deployments");
  const steps = fieldOf(data, "steps");
  const nameOf = (item: unknown): string => String(fieldOf(item, "name") ?? item);
  const first = Array.isArray(deployments)
    ? deployments.map(nameOf)
    : Object.keys(deployments ?? {});
  const later = Array.isArray(steps) ? steps.map((step) => fieldOf(step, "deploy")) : [];
  return [...first, ...later.filter((one) => one !== undefined).map(nameOf)];
}

function findGroup(names: readonly string[], value: unknown): Result<string, string> {
  const text = String(value);
  if (names.includes(text)) return ok(text);
  const known = names.length === 0 ? "there is none" : `there are: ${shortList(names)}`;
  return err(`there is no group "${text}"; ${known}`);
}

const shownMax = 12;

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, shownMax).join(", ");
  return names.length > shownMax ? `${shown} and ${names.length - shownMax} more` : shown;
}

/** The names that a number, a list or a map of nodes stands for. */
export function nodeNames(nodes: unknown): readonly string[] {
  if (typeof nodes === "number") {
    const count = Number.isInteger(nodes) ? Math.min(nodes, nodesMax) : 0;
    return Array.from({ length: Math.max(0, count) }, (_, index) => `node${index + 1}`);
  }
  if (Array.isArray(nodes)) {
    return nodes.map((item: unknown) =>
      String(typeof item === "object" ? fieldOf(item, "node") : item),
    );
  }
  return typeof nodes === "object" && nodes !== null ? Object.keys(nodes) : [];
}

/** The whole id of a service: `web` with its type is `<type>:web`. */
export function fullServiceId(name: string, type: unknown): Result<ServiceId, string> {
  if (name.includes(":")) return parseServiceId(name);
  return parseServiceId(`${typeof type === "string" ? type : serviceTypeDefault}:${name}`);
}

function serviceIds(data: object): readonly ServiceId[] {
  const services = fieldOf(data, "services");
  const steps = fieldOf(data, "steps");
  const found: Result<ServiceId, string>[] = [];
  if (Array.isArray(services)) {
    for (const item of services) found.push(idOfItem(item));
  } else if (typeof services === "object" && services !== null) {
    for (const [name, value] of Object.entries(services)) {
      found.push(fullServiceId(name, fieldOf(value, "type")));
    }
  }
  if (Array.isArray(steps)) {
    for (const step of steps) {
      const added = fieldOf(step, "add");
      if (added !== undefined) found.push(idOfItem(added));
    }
  }
  return [...new Set(found.flatMap((id) => (id.ok ? [id.value] : [])))];
}

function groupNames(data: object): readonly string[] {
  const groups = fieldOf(data, "groups");
  const steps = fieldOf(data, "steps");
  const nameOf = (item: unknown): string => String(fieldOf(item, "name") ?? item);
  const first = Array.isArray(groups) ? groups.map(nameOf) : Object.keys(groups ?? {});
  const later = Array.isArray(steps) ? steps.map((step) => fieldOf(step, "put group")) : [];
  return [...first, ...later.filter((group) => group !== undefined).map(nameOf)];
}

/** A service in a list: its name, or a map with its `id`. */
function idOfItem(item: unknown): Result<ServiceId, string> {
  if (typeof item === "object") {
    return fullServiceId(String(fieldOf(item, "id")), fieldOf(item, "type"));
  }
  return fullServiceId(String(item), undefined);
}

/** A field of what may or may not be a map. */
export function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
