/** What the manager stores of instances, slots and rollouts; people see them, and only the manager writes them. */
import * as z from "zod";
import { instancePhases } from "../../core/fleet/model/instance.ts";
import { rolloutOrders, rolloutStates } from "../../core/fleet/model/rollout.ts";
import { nameSchema, nodeIdSchema, serviceIdSchema } from "../ids.ts";

const version = { version: z.literal(1) };

export const releaseSchema = z.object({ version: z.string(), inputsKey: z.string() });

/** `instances/<deployment>/<node>` */
export const instanceRecordSchema = z.object({
  ...version,
  deployment: nameSchema,
  node: nodeIdSchema,
  service: serviceIdSchema,
  phase: z.enum(instancePhases),
  release: releaseSchema,
  rollout: z.int(),
  previous: releaseSchema.optional(),
  upgrade: z
    .object({ rollout: z.int(), from: releaseSchema, to: releaseSchema, sinceMs: z.number() })
    .optional(),
  failedAttempts: z.int(),
  attemptSinceMs: z.number(),
  givenUp: z.array(
    z.object({
      release: releaseSchema,
      because: z.string(),
      atMs: z.number(),
      under: z.string(),
    }),
  ),
  isVerified: z.boolean(),
  wasHealthy: z.boolean(),
  outcome: z.enum(["done", "failed"]).optional(),
});
export type InstanceRecord = z.output<typeof instanceRecordSchema>;

/** `upgrade-slots/<group>` */
export const upgradeSlotRecordSchema = z.object({
  ...version,
  group: nameSchema,
  node: nodeIdSchema,
  use: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("service"),
      deployment: z.string(),
      from: z.string(),
      to: z.string(),
    }),
    z.object({ kind: z.literal("agent"), policy: z.string(), from: z.string(), to: z.string() }),
  ]),
  sinceMs: z.number(),
});
export type UpgradeSlotRecord = z.output<typeof upgradeSlotRecordSchema>;

/** `rollouts/<deployment>/<number>`; the number has leading zeros, so that the keys are in order. */
export const rolloutRecordSchema = z.object({
  ...version,
  deployment: nameSchema,
  number: z.int(),
  generation: z.int(),
  to: releaseSchema,
  state: z.enum(rolloutStates),
  because: z.string(),
  startedAtMs: z.number(),
  endedAtMs: z.number().optional(),
  total: z.int(),
  done: z.int(),
  failed: z.int(),
  offline: z.int(),
  canariesDoneAtMs: z.number().optional(),
  withheld: z.array(releaseSchema),
});
export type RolloutRecord = z.output<typeof rolloutRecordSchema>;

/** `rollout-orders/<deployment>`: a person's word about its rollout; a new one replaces it. */
export const rolloutOrderRecordSchema = z.object({
  ...version,
  id: z.string(),
  order: z.enum(rolloutOrders),
  by: z.string(),
});
export type RolloutOrderRecord = z.output<typeof rolloutOrderRecordSchema>;
