/** The fields of nodes, services, groups, rules and paces in a scenario that people write. */
import * as z from "zod";
import { compareIds, type ServiceId, serviceTypeOf } from "../../../core/ids.ts";
import type { PlacementGroup, Rule } from "../../../core/model/rule.ts";
import { isolationPolicies, requestedStates } from "../../../core/model/service.ts";
import { constraintField, propertiesField } from "../../../wire/fleet/common.ts";
import { nameSchema } from "../../../wire/ids.ts";
import { affinities, refuseTwins } from "../../../wire/placement.ts";
import { moveKinds, priorityRange } from "../../../wire/service-config.ts";
import type { Misbehaviour, NodePlan, Pace, ServicePlan } from "../../plan.ts";
import { defaultPace, defaultService, wellBehaved } from "../defaults.ts";
import { checked, type References } from "./names.ts";
import { nodePriorities } from "./node-priorities.ts";
import { readDuration, readSize } from "./quantity.ts";

export const duration: z.ZodType<number, unknown> = checked(readDuration);
export const size: z.ZodType<number, unknown> = checked(readSize);
const amount = z.number().min(0);
const count = z.int().min(0).max(1_000);

/** What a node has, or a service may use. */
export const capacity = z
  .strictObject({ cpuCores: amount.default(0), memory: size.optional() })
  .transform(({ cpuCores, memory = 0 }) => ({ cpuCores, memoryBytes: memory }));

/** Names of taints or volumes. */
const names = z.array(nameSchema).max(32).superRefine(refuseTwins);

const onOff = z.enum(["on", "off"]);

/** A node; by default it is on, on the network, and runs a server. */
export const nodeSchema = z
  .strictObject({
    power: onOff.default("on"),
    network: onOff.default("on"),
    capacity: capacity.optional(),
    taints: names.default([]),
    server: z.boolean().default(true),
    properties: propertiesField.optional(),
    constraint: constraintField.optional(),
  })
  .transform(
    (fields): Omit<NodePlan, "node"> => ({
      power: fields.power,
      network: fields.network,
      capacity: fields.capacity,
      taints: [...fields.taints].sort(compareIds),
      server: fields.server,
      ...(fields.properties === undefined ? {} : { properties: fields.properties }),
      ...(fields.constraint === undefined ? {} : { constraint: fields.constraint }),
    }),
  );

/** Fields of a driver that does not do what it is told; undefined: none is given. */
export function misbehaviourFields(references: References) {
  return {
    failingStarts: count.optional(),
    failingMoves: count.optional(),
    cannotStop: z.boolean().optional(),
    missing: z.boolean().optional(),
    onlyOn: references.node.optional(),
  };
}

type MisbehaviourFields = {
  readonly [Field in keyof Misbehaviour]?: Misbehaviour[Field] | undefined;
};

/** Undefined when no field says anything. */
export function misbehaviourOf(fields: MisbehaviourFields): Misbehaviour | undefined {
  const { failingStarts, failingMoves, cannotStop, missing, onlyOn } = fields;
  const said = [failingStarts, failingMoves, cannotStop, missing, onlyOn];
  if (said.every((field) => field === undefined)) return undefined;
  return {
    failingStarts: failingStarts ?? wellBehaved.failingStarts,
    failingMoves: failingMoves ?? wellBehaved.failingMoves,
    cannotStop: cannotStop ?? wellBehaved.cannotStop,
    missing: missing ?? wellBehaved.missing,
    onlyOn,
  };
}

/** A service without its id; `type` is a part of the id. */
export function serviceSchema(references: References) {
  return z.strictObject({
    type: z.string().optional(),
    node: references.node.optional(),
    state: z.enum(requestedStates).optional(),
    group: references.group.optional(),
    failback: z.boolean().optional(),
    autoRebalance: z.boolean().optional(),
    maxRestart: count.optional(),
    maxRelocate: count.optional(),
    onIsolation: z.enum(isolationPolicies).optional(),
    limits: capacity.optional(),
    mayOvercommit: z.boolean().optional(),
    after: references.services.optional(),
    requires: references.services.optional(),
    priority: z.int().min(priorityRange.min).max(priorityRange.max).optional(),
    tolerations: names.optional(),
    volumes: names.optional(),
    moveBy: z.enum(moveKinds).optional(),
    misbehaviour: z.strictObject(misbehaviourFields(references)).optional(),
    lock: z.string().min(1).max(100).optional(),
  });
}

/** The service with all defaults filled in. */
export function servicePlanOf(
  id: ServiceId,
  fields: z.output<ReturnType<typeof serviceSchema>>,
): ServicePlan {
  const { type: _, misbehaviour, ...rest } = fields;
  const said = Object.entries(rest).filter(([, value]) => value !== undefined);
  const service: ServicePlan = {
    ...defaultService(id, serviceTypeOf(id)),
    ...Object.fromEntries(said),
    misbehaviour: misbehaviour === undefined ? undefined : misbehaviourOf(misbehaviour),
  };
  return service;
}

/** A placement group without its name. */
export function groupSchema(references: References) {
  return z.strictObject({
    nodes: nodePriorities(references),
    restricted: z.boolean().default(false),
    nofailback: z.boolean().default(false),
  });
}

/** A rule without its name. */
export function ruleSchema(references: References) {
  const shared = { services: references.services, disabled: z.boolean().default(false) };
  return z.discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("node-affinity"),
      ...shared,
      nodes: nodePriorities(references),
      strict: z.boolean().default(false),
    }),
    z.strictObject({
      type: z.literal("resource-affinity"),
      ...shared,
      affinity: z.enum(affinities),
    }),
  ]);
}

/** The group with its name. */
export function groupOf(
  name: string,
  fields: z.output<ReturnType<typeof groupSchema>>,
): PlacementGroup {
  const { nodes, restricted, nofailback } = fields;
  return { name, nodes, restricted, nofailback };
}

/** The rule with its name. */
export function ruleOf(name: string, fields: z.output<ReturnType<typeof ruleSchema>>): Rule {
  const { services, disabled } = fields;
  if (fields.type === "resource-affinity") {
    return { kind: fields.type, name, services, affinity: fields.affinity, disabled };
  }
  return {
    kind: fields.type,
    name,
    services,
    nodes: fields.nodes,
    strict: fields.strict,
    disabled,
  };
}

/** Names of groups and rules. */
export const partName = nameSchema;

/** How fast the parts react; what is not said is as in production. */
export const paceSchema = z
  .strictObject({
    round: duration.optional(),
    operation: duration.optional(),
    message: duration.optional(),
    store: duration.optional(),
    boot: duration.optional(),
    presence: z.boolean().optional(),
    watchdog: z.enum(["guard", "reset"]).optional(),
    idleAfter: duration.optional(),
    electionTtl: duration.optional(),
  })
  .transform(
    (said): Pace => ({
      roundMs: said.round ?? defaultPace.roundMs,
      operationMs: said.operation ?? defaultPace.operationMs,
      messageMs: said.message ?? defaultPace.messageMs,
      storeMs: said.store ?? defaultPace.storeMs,
      bootMs: said.boot ?? defaultPace.bootMs,
      presence: said.presence ?? defaultPace.presence,
      watchdog: said.watchdog ?? defaultPace.watchdog,
      idleAfterMs: said.idleAfter ?? defaultPace.idleAfterMs,
      electionTtlMs: said.electionTtl ?? defaultPace.electionTtlMs,
    }),
  );
