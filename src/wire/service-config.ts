/** What a person writes about a service: `service add`, `apply -f`, `PUT /v1/services/{id}`. */
import * as z from "zod";
import { isolationPolicies, requestedStates } from "../core/model/service.ts";
import { nameSchema, nodeIdSchema, serviceIdSchema } from "./ids.ts";
import { refuseTwins } from "./placement.ts";
import { processConfigSchema } from "./process-config.ts";

/** Types that have a driver, each with the schema of its part of the configuration. */
export const driverConfigSchemas = { process: processConfigSchema } as const;
export const driverTypes: readonly string[] = Object.keys(driverConfigSchemas);

/** `live`: while it runs; `cold`: stopped and handed over; `stop`: stopped here and started there. */
export const moveKinds = ["live", "cold", "stop"] as const;

/** Services that one service may name as going before it. */
const orderMax = 100;
const orderField = z.array(serviceIdSchema).max(orderMax).superRefine(refuseTwins);
/** Taints that one service may tolerate, and volumes that it may name. */
const namesMax = 32;
const namesField = z.array(nameSchema).max(namesMax).superRefine(refuseTwins);
/** Most important first when many are recovered at once. */
export const priorityRange = { min: -1_000, max: 1_000 } as const;
const priorityField = z.int().min(priorityRange.min).max(priorityRange.max);
/** More than any machine has: a number beyond it is a slip of the pen. */
const cpuCoresMax = 100_000;
const memoryBytesMax = 2 ** 50;

/** An amount of machine: what a node has, what a service may use or uses. */
export const capacitySchema = z.strictObject({
  cpuCores: z.number().min(0).max(cpuCoresMax).default(0),
  memoryBytes: z.int().min(0).max(memoryBytesMax).default(0),
});

const serviceFields = {
  state: z.enum(requestedStates).default("started"),
  maxRestart: z.int().min(0).max(1_000).default(1),
  maxRelocate: z.int().min(0).max(1_000).default(1),
  onIsolation: z.enum(isolationPolicies).default("stop"),
  /** Where it is placed first, if that node is online. */
  node: nodeIdSchema.optional(),
  /** Its placement group. */
  group: nameSchema.optional(),
  /** It goes back by itself to a node of higher priority. */
  failback: z.boolean().default(true),
  /** It may be moved to even out load. */
  autoRebalance: z.boolean().default(true),
  /** What it may use at most; 0 cores: as many as its node has. */
  limits: capacitySchema.optional(),
  /** It may be placed where memory does not suffice. */
  mayOvercommit: z.boolean().default(false),
  /** These must be running before it starts, if they are to run at all. */
  after: orderField.default([]),
  /** It cannot do without these. */
  requires: orderField.default([]),
  /** Higher goes first when many are recovered at once. */
  priority: priorityField.default(0),
  /** Taints of nodes that it may be placed on all the same. */
  tolerations: namesField.default([]),
  /** Volumes on its node's own disks: it stays where it has once run, as long as that node is in the cluster. */
  volumes: namesField.default([]),
  description: z.string().max(1_000).optional(),
  process: processConfigSchema.optional(),
};

/** Exactly the part that the type of the id asks for must be there; `field`: where the id is written. */
export function checkDriverPart(
  value: { readonly id: string; readonly process?: unknown },
  context: z.RefinementCtx,
  field = "id",
): void {
  const type = value.id.slice(0, value.id.indexOf(":"));
  if (!driverTypes.includes(type)) {
    forgetUnknownField(type, context);
    context.addIssue({
      code: "custom",
      path: [field],
      message: `no driver for service type "${type}"; this version has: ${driverTypes.join(", ")}`,
    });
  } else if (value.process === undefined) {
    context.addIssue({
      code: "custom",
      path: [type],
      message: `"${value.id}" needs a part "${type}" with at least "command"`,
    });
  }
}

/** A part of a type without driver is no second fault. */
function forgetUnknownField(name: string, context: z.RefinementCtx): void {
  for (const [index, issue] of context.issues.entries()) {
    if (issue.code !== "unrecognized_keys") continue;
    const keys = issue.keys.filter((key) => key !== name);
    context.issues.splice(index, 1, ...(keys.length === 0 ? [] : [{ ...issue, keys }]));
    return;
  }
}

/** A service's whole configuration. */
export const serviceConfigSchema = z
  .strictObject({ id: serviceIdSchema, ...serviceFields })
  .superRefine((value, context) => checkDriverPart(value, context));
/** With all defaults filled in. */
export type ServiceConfig = z.output<typeof serviceConfigSchema>;
/** As a person writes it. */
export type ServiceConfigInput = z.input<typeof serviceConfigSchema>;

/**
 * A service's configuration as it is stored and told to agents: of any type, with or without a driver in this
 * version. Fields that this version does not know are kept.
 */
export const storedServiceConfigSchema = z.looseObject({
  id: serviceIdSchema,
  ...serviceFields,
  /** How its driver moves it; undefined: it is stopped here and started there. */
  moveBy: z.enum(moveKinds).optional(),
});
export type StoredServiceConfig = z.output<typeof storedServiceConfigSchema>;

/** `PATCH`: fields to change; null removes an optional one; `process` is merged one level deep. */
export const serviceChangeSchema = z.strictObject({
  state: z.enum(requestedStates).optional(),
  maxRestart: z.int().min(0).max(1_000).optional(),
  maxRelocate: z.int().min(0).max(1_000).optional(),
  onIsolation: z.enum(isolationPolicies).optional(),
  node: nodeIdSchema.nullable().optional(),
  group: nameSchema.nullable().optional(),
  failback: z.boolean().optional(),
  autoRebalance: z.boolean().optional(),
  limits: capacitySchema.nullable().optional(),
  mayOvercommit: z.boolean().optional(),
  after: orderField.optional(),
  requires: orderField.optional(),
  priority: priorityField.optional(),
  tolerations: namesField.optional(),
  volumes: namesField.optional(),
  description: z.string().max(1_000).nullable().optional(),
  process: z.record(z.string(), z.unknown()).optional(),
});
export type ServiceChange = z.input<typeof serviceChangeSchema>;
