/** The recorded JSON form as it is written: what it must have, what it may leave out, and what that means then. */
import * as z from "zod";
import { nodeStates } from "../../../core/model/node.ts";
import { managerStates, requestedStates } from "../../../core/model/service.ts";
import { balanceMethods, schedulers, shutdownPolicies } from "../../../core/model/settings.ts";
import { nameSchema, nodeIdSchema, serviceIdSchema, uidSchema } from "../../../wire/ids.ts";
import { affinities } from "../../../wire/placement.ts";

const gibibyte = 1_024 ** 3;
/** Of a node that says nothing. */
const nodeDefaults = { cpuCores: 24, memoryBytes: 128 * gibibyte };

const onOff = z.enum(["on", "off"]);
/** Longer than any order that can be meant. */
const orderLengthMax = 500;
const amount = z.number().min(0);

/** Also says things that have no effect here, such as the node's version. */
const nodeSchema = z.looseObject({
  power: onOff.default("off"),
  network: onOff.default("off"),
  cpuCores: amount.default(nodeDefaults.cpuCores),
  memoryBytes: amount.default(nodeDefaults.memoryBytes),
});

const serviceSchema = z.strictObject({
  node: nodeIdSchema,
  state: z.preprocess(
    (state) => (state === "enabled" ? "started" : state),
    z.enum(requestedStates).default("disabled"),
  ),
  group: nameSchema.optional(),
  failback: z.boolean().default(true),
  maxRestart: z.int().min(0).max(1_000).default(1),
  maxRelocate: z.int().min(0).max(1_000).default(1),
  lock: z.string().min(1).max(100).optional(),
  autoRebalance: z.boolean().default(true),
});

const nodePriorities = z.record(nodeIdSchema, z.int().min(0).max(1_000));

const groupSchema = z.strictObject({
  nodes: nodePriorities,
  restricted: z.boolean().default(false),
  nofailback: z.boolean().default(false),
});

const ruleSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("node-affinity"),
    resources: z.array(serviceIdSchema),
    nodes: nodePriorities,
    strict: z.boolean().default(false),
    disabled: z.boolean().default(false),
  }),
  z.strictObject({
    type: z.literal("resource-affinity"),
    resources: z.array(serviceIdSchema),
    affinity: z.enum(affinities),
    disabled: z.boolean().default(false),
  }),
]);

const autoRebalanceSchema = z.strictObject({
  method: z.enum(balanceMethods).default("bruteforce"),
  threshold: amount.default(0.3),
  holdRounds: z.int().min(0).default(3),
  margin: amount.default(0.1),
});

const settingsSchema = z.strictObject({
  shutdownPolicy: z.enum(shutdownPolicies).default("conditional"),
  scheduler: z.enum(schedulers).default("basic"),
  rebalanceOnStart: z.boolean().default(false),
  autoRebalance: autoRebalanceSchema.nullish(),
});

const usageSchema = z.strictObject({
  static: z
    .record(
      serviceIdSchema,
      z.strictObject({ maxcpu: amount.optional(), maxmem: amount.optional() }),
    )
    .prefault({}),
  dynamic: z
    .record(serviceIdSchema, z.strictObject({ cpu: amount.optional(), mem: amount.optional() }))
    .prefault({}),
});

/** What the manager before had written; what it says beyond this is of its own bookkeeping. */
const managerStatusSchema = z.looseObject({
  node_status: z.record(nodeIdSchema, z.enum(nodeStates)).prefault({}),
  service_status: z
    .record(
      serviceIdSchema,
      z.looseObject({
        state: z.enum(managerStates),
        node: nodeIdSchema,
        uid: uidSchema,
        target: nodeIdSchema.optional(),
        maintenance_node: nodeIdSchema.optional(),
        failed_nodes: z.array(nodeIdSchema).default([]),
      }),
    )
    .prefault({}),
});

const flag = z.union([z.boolean(), z.literal([0, 1])]);

/** A scenario in the recorded form; `expect` is for whoever compares. */
export const conformanceSchema = z.strictObject({
  name: z.string().min(1).max(200),
  nodes: z.record(nodeIdSchema, nodeSchema),
  services: z.record(serviceIdSchema, serviceSchema).prefault({}),
  groups: z.record(nameSchema, groupSchema).prefault({}),
  rules: z.record(nameSchema, ruleSchema).prefault({}),
  settings: settingsSchema.prefault({}),
  usage: usageSchema.prefault({}),
  managerStatus: managerStatusSchema.nullish(),
  /** By node: what runs there, as a list or as marks; or by service: where it runs. */
  running: z
    .union([
      z.record(nodeIdSchema, z.union([z.array(serviceIdSchema), z.record(serviceIdSchema, flag)])),
      z.record(serviceIdSchema, nodeIdSchema),
    ])
    .nullish(),
  steps: z
    .array(
      z.strictObject({
        at: z.number().min(0, "a time is not negative"),
        do: z.string().max(orderLengthMax),
      }),
    )
    .default([]),
  endAt: z.number().min(0),
  expect: z.unknown().optional(),
});
export type ConformanceScenario = z.output<typeof conformanceSchema>;
