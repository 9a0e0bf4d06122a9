/**
 * Names and numbers that must not be mixed up, each branded. Only the `parse...` functions here make them
 * from outside text; the `...Of` functions brand numbers that Holdfast itself made.
 */
import { assert } from "./assert.ts";
import { err, ok, type Result } from "./result.ts";

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A node's name, unique in the cluster: a host name's letters, e.g. `node1`. */
export type NodeId = Brand<string, "NodeId">;
/** `<type>:<name>`, e.g. `process:api`; an instance of a deployment: `<type>:<deployment>@<node>`. */
export type ServiceId = Brand<string, "ServiceId">;
/** Grows by at least one each time a node's lease is newly granted or its node is fenced; 0: never granted. */
export type Epoch = Brand<number, "Epoch">;
/** Identity of one instruction of the manager; changes with every change of a service's state. */
export type InstructionUid = Brand<string, "InstructionUid">;

/** Longest node name: a DNS label (RFC 1123). */
export const nodeIdLengthMax = 63;
/** Longest service name after the colon. */
export const serviceNameLengthMax = 100;

const nodePattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const servicePattern =
  /^([a-z][a-z0-9]*):([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:@([a-z0-9-]+))?$/;

/** Checks a node name. The error says what is wrong with it. */
export function parseNodeId(text: string): Result<NodeId, string> {
  if (text.length > nodeIdLengthMax) {
    return err(
      `node name is ${text.length} characters long, at most ${nodeIdLengthMax} are allowed`,
    );
  }
  if (!nodePattern.test(text)) {
    return err(
      `"${text}" cannot be a node name: use a-z, 0-9 and "-", beginning and ending with a letter or digit`,
    );
  }
  return ok(text as NodeId); // checked just above
}

/** Checks a service id of the form `<type>:<name>`. The error says what is wrong with it. */
export function parseServiceId(text: string): Result<ServiceId, string> {
  const match = servicePattern.exec(text);
  if (match === null) {
    return err(
      `"${text}" cannot be a service id: write <type>:<name>, e.g. process:api, with letters, digits, ".", "_" and "-" in the name`,
    );
  }
  const name = match[2] ?? "";
  if (name.length > serviceNameLengthMax) {
    return err(
      `service name is ${name.length} characters long, at most ${serviceNameLengthMax} are allowed`,
    );
  }
  const node = match[3];
  if (node !== undefined) {
    const instance = parseNodeId(node);
    if (!instance.ok) return instance;
  }
  return ok(text as ServiceId); // checked just above
}

/** The service that is the instance of a deployment on a node; `type`: of the deployment's service. */
export function instanceIdOf(type: string, deployment: string, node: NodeId): ServiceId {
  return `${type}:${deployment}@${node}` as ServiceId; // made of checked parts
}

/** The node that an instance belongs to, the only one that it ever runs on; undefined: it is no instance. */
export function nodeOfInstance(service: ServiceId): NodeId | undefined {
  const at = service.lastIndexOf("@");
  return at < 0 ? undefined : (service.slice(at + 1) as NodeId); // part of a checked id
}

/** The part of a service id before the colon, which names its driver. */
export function serviceTypeOf(id: ServiceId): string {
  return id.slice(0, id.indexOf(":"));
}

/** Brands an epoch: a whole number from 0. */
export function epochOf(value: number): Epoch {
  assert(Number.isSafeInteger(value) && value >= 0, "an epoch is a whole number from 0");
  return value as Epoch; // checked just above
}

/** Brands an instruction uid; it is opaque text to all but the manager. */
export function instructionUidOf(value: string): InstructionUid {
  assert(value.length > 0, "an instruction uid is not empty");
  return value as InstructionUid; // any non-empty text is one
}

/** Orders ids by their characters' code units, the same on every machine (never `localeCompare`). */
export function compareIds(left: string, right: string): number {
  if (left < right) return -1;
  return left > right ? 1 : 0;
}
