/** Cluster-wide settings: times, and how the manager decides. Every field has a default. */
import * as z from "zod";
import {
  balanceMethods,
  defaultSettings,
  schedulers,
  shutdownPolicies,
} from "../core/model/settings.ts";
import { faultOfTimes, type LeaseTimes, profiles } from "../core/model/times.ts";
import { type DurationMs, durationMs } from "../core/time.ts";

export const profileNames = ["fast", "balanced", "patient"] as const;
const duration = z.int().min(50).max(86_400_000).transform(durationMs);

const timesSchema = z
  .strictObject({ ttlMs: duration, watchdogMs: duration, renewEveryMs: duration })
  .superRefine((times, context) => {
    const fault = faultOfTimes(times);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  });

/** Moving services by itself when nodes are loaded unevenly for a while. */
const autoRebalanceSchema = z.strictObject({
  method: z.enum(balanceMethods).default("bruteforce"),
  /** Imbalance above which something is done. */
  threshold: z.number().min(0).max(100).default(0.3),
  /** Rounds in a row for which the imbalance must have lasted. */
  holdRounds: z.int().min(0).max(1_000).default(3),
  /** Least relative improvement that is worth a move. */
  margin: z.number().min(0).max(1).default(0.1),
});

/** Slows recovery down when more than `lostShare` of the nodes are lost at once. */
const brakeSchema = z.strictObject({
  lostShare: z.number().min(0).max(1).default(defaultSettings.brake.lostShare),
  recoveriesAtOnce: z.int().min(1).max(10_000).default(defaultSettings.brake.recoveriesAtOnce),
});

/** What becomes of a service for which memory would not suffice. */
export const admissionActions = ["refuse", "warn"] as const;

/** How many node losses the memory that services state must survive, and what becomes of a service that breaks it. */
const admissionSchema = z.strictObject({
  losses: z.int().min(0).max(10).default(1),
  action: z.enum(admissionActions).default("refuse"),
});

/** How much files for machines without internet may take on each server's disk. */
const bundlesSchema = z.strictObject({
  /** Largest bundle, in bytes; by default 4 GiB. */
  fileBytesMax: z.int().min(1).default(4_294_967_296),
  /** All of them together; by default 32 GiB. */
  totalBytesMax: z.int().min(1).default(34_359_738_368),
});

/** How clients of the exchange that Holdfast can stand in for know the cluster. */
const compatSchema = z.strictObject({
  /** The one organisation that there is for them. */
  organisation: z
    .string()
    .max(63)
    .regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/, "use letters, digits, ., _ and -")
    .default("holdfast"),
});

/** `GET`, `PUT /v1/settings`. */
export const settingsSchema = z.strictObject({
  profile: z.enum(profileNames).default("balanced"),
  /** Instead of the profile's. */
  times: timesSchema.optional(),
  /** How long a node must be missed before its services are fenced. */
  suspectMs: z.int().min(0).max(3_600_000).transform(durationMs).default(defaultSettings.suspectMs),
  /**
   * When a cluster starts, services without a node wait so long at most for known nodes to come in; 0: not at all.
   * Absent or null: as long as a lease lives, after which a node counts as lost anyway.
   */
  coldStartMs: z.int().min(0).max(600_000).transform(durationMs).nullish(),
  /** What becomes of a node's services when it is shut down. */
  shutdownPolicy: z.enum(shutdownPolicies).default(defaultSettings.shutdownPolicy),
  /** How a node is chosen. */
  scheduler: z.enum(schedulers).default(defaultSettings.scheduler),
  /** Choose the best node again whenever a service is requested started. */
  rebalanceOnStart: z.boolean().default(defaultSettings.rebalanceOnStart),
  /** Absent or null: off. */
  autoRebalance: autoRebalanceSchema.nullish(),
  /** How often the manager looks at what no event tells. */
  roundMs: z.int().min(1_000).max(600_000).transform(durationMs).default(defaultSettings.roundMs),
  /** A node that is registered no longer is forgotten after so long. */
  goneAfterMs: z
    .int()
    .min(1_000)
    .max(2_592_000_000)
    .transform(durationMs)
    .default(defaultSettings.goneAfterMs),
  /** A node or server that has been lost for so long is taken out of the cluster; 0: never. */
  purgeAfterMs: z
    .int()
    .min(0)
    .max(2_592_000_000)
    .transform(durationMs)
    .default(defaultSettings.purgeAfterMs),
  /** No server is taken out while fewer than so many others are ready. */
  readyServersMin: z.int().min(1).max(100).default(defaultSettings.readyServersMin),
  /** Starts, stops and moves that may go on at a time on one node. */
  operationsPerNode: z.int().min(1).max(100).default(4),
  brake: brakeSchema.prefault({}),
  /** Absent or null: every service is let in. */
  admission: admissionSchema.nullish(),
  bundles: bundlesSchema.prefault({}),
  compat: compatSchema.prefault({}),
});
export type Settings = z.output<typeof settingsSchema>;
/** As a person writes them. */
export type SettingsInput = z.input<typeof settingsSchema>;

/** `PATCH /v1/settings`: fields to change, one level deep; null sets a field back to its default. */
export const settingsChangeSchema = z.record(z.string().max(100), z.unknown());
export type SettingsChange = z.output<typeof settingsChangeSchema>;

/** The times in force. */
export function timesOf(settings: Pick<Settings, "profile" | "times">): LeaseTimes {
  return settings.times ?? profiles[settings.profile];
}

/** How long is waited for known nodes on a cold start. */
export function coldStartOf(
  settings: Pick<Settings, "profile" | "times" | "coldStartMs">,
): DurationMs {
  return settings.coldStartMs ?? timesOf(settings).ttlMs;
}
