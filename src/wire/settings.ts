/** Cluster-wide settings: a profile's name, or times of one's own. */
import * as z from "zod";
import { faultOfTimes, type LeaseTimes, profiles } from "../core/model/times.ts";
import { durationMs } from "../core/time.ts";

export const profileNames = ["fast", "balanced", "patient"] as const;
const duration = z.int().min(50).max(86_400_000).transform(durationMs);

const timesSchema = z
  .strictObject({ ttlMs: duration, watchdogMs: duration, renewEveryMs: duration })
  .superRefine((times, context) => {
    const fault = faultOfTimes(times);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  });

/** `GET`, `PUT /v1/settings`. */
export const settingsSchema = z.strictObject({
  profile: z.enum(profileNames).default("balanced"),
  /** Instead of the profile's. */
  times: timesSchema.optional(),
});
export type Settings = z.output<typeof settingsSchema>;

/** The times in force. */
export function timesOf(settings: Settings): LeaseTimes {
  return settings.times ?? profiles[settings.profile];
}
