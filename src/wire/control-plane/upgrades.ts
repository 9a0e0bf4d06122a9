/** The upgrade of the control plane, as it is stored and as people see it. */
import * as z from "zod";
import {
  stepKinds,
  stepStates,
  upgradeStates,
  upgradeStrategies,
} from "../../core/upgrade/model.ts";
import { upgradeOrders } from "../../core/upgrade/orders.ts";
import { sha256Schema } from "../bundles.ts";
import { versionField } from "../fleet/common.ts";

const packageSchema = z.object({ version: z.string(), sha256: sha256Schema.optional() });

const stepSchema = z.object({
  name: z.string(),
  kind: z.enum(stepKinds),
  server: z.string().optional(),
  state: z.enum(stepStates),
  detail: z.string(),
  beganAtMs: z.number().optional(),
  endedAtMs: z.number().optional(),
});

const takenOrderSchema = z.object({
  order: z.string(),
  who: z.string(),
  from: z.string(),
  atMs: z.number(),
});

/** `system-upgrade`: the one that is under way, or the last one. */
export const upgradeRecordSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  by: z.string(),
  strategy: z.enum(upgradeStrategies),
  from: z.string(),
  to: packageSchema,
  schema: z.object({ from: z.int(), to: z.int() }),
  pauseAfter: z.array(z.string()),
  state: z.enum(upgradeStates),
  detail: z.string(),
  steps: z.array(stepSchema),
  attempt: z.int().min(1),
  backup: z.object({ server: z.string(), file: z.string(), sha256: sha256Schema }).optional(),
  unaudited: z.array(takenOrderSchema).optional(),
  startedAtMs: z.number(),
  endedAtMs: z.number().optional(),
});
export type UpgradeRecord = z.output<typeof upgradeRecordSchema>;

/** `silence`: agents have leases of this life until the key is gone, because nobody will answer them for a while. */
export const silenceRecordSchema = z.object({
  version: z.literal(1),
  /** The upgrade that asks for it. */
  by: z.string(),
  ttlMs: z.number().positive(),
});
export type SilenceRecord = z.output<typeof silenceRecordSchema>;

/** `POST /v1/upgrade` */
export const upgradeRequestSchema = z.strictObject({
  /** Version of a package that the servers keep, or its SHA-256. */
  to: z.union([versionField, sha256Schema]),
  /** Default: rolling where the schema of the store allows it. */
  strategy: z.enum(upgradeStrategies).optional(),
  /** Steps after which it waits for `resume`: names, or kinds. */
  pauseAfter: z.array(z.string().max(100)).max(100).default([]),
});
export type UpgradeRequest = z.input<typeof upgradeRequestSchema>;

/** `PUT /v1/upgrade/order` */
export const upgradeOrderRequestSchema = z.strictObject({ order: z.enum(upgradeOrders) });
export type UpgradeOrderWord = z.output<typeof upgradeOrderRequestSchema>["order"];

/** `GET /v1/upgrade`; null: there has never been one. */
export const upgradeResourceSchema = upgradeRecordSchema
  .omit({ version: true, unaudited: true })
  .extend({ revision: z.int() });
export type UpgradeResource = z.output<typeof upgradeResourceSchema>;
export const upgradeAnswerSchema = z.object({ upgrade: upgradeResourceSchema.nullable() });

/** One thing that speaks against an upgrade now. */
export const upgradeFindingSchema = z.object({
  /** `blocks`: nothing is begun while it is so. `warns`: a person should know of it. */
  level: z.enum(["blocks", "warns"]),
  /** What kind of thing, for programs. */
  code: z.string(),
  /** What it is about: a service, a node, a server; empty: all of it. */
  subject: z.string(),
  detail: z.string(),
});

/** `GET /v1/upgrade/check?to=` */
export const upgradeCheckSchema = z.object({
  verdict: z.enum(["go", "no-go"]),
  from: z.string(),
  to: z.string().optional(),
  /** How it would be done; undefined: nothing was said of where to. */
  strategy: z.enum(upgradeStrategies).optional(),
  schema: z.object({ from: z.int(), to: z.int() }).optional(),
  findings: z.array(upgradeFindingSchema),
});
export type UpgradeCheck = z.output<typeof upgradeCheckSchema>;
