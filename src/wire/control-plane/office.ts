/** What goes with the office of manager: what servers agree on, and what each one keeps for itself. */
import * as z from "zod";

/**
 * `office-address`: whose the floating address is. It hangs on no lease: another server takes it over by writing the
 * record, after which the holder can prolong nothing, and waits until the holder's last time is over.
 */
export const officeAddressRecordSchema = z.object({
  version: z.literal(1),
  serverId: z.string(),
  /** For people. */
  address: z.string(),
  /** `waiting`: an earlier holder may have it still. `held`: nobody else has it. */
  state: z.enum(["waiting", "held"]),
});
export type OfficeAddressRecord = z.output<typeof officeAddressRecordSchema>;

/** Longest time that a hook may take. */
export const hookTimeLimitMsMax = 600_000;
/** Of a server that was told nothing else. */
export const hookTimeLimitMsDefault = 30_000;

/** What a server does because it is manager, or is no more; kept beside its identity, never copied to others. */
export const officeSettingsSchema = z.strictObject({
  version: z.literal(1),
  /** Absolute paths of programs. */
  leaderHook: z.string().startsWith("/").optional(),
  followerHook: z.string().startsWith("/").optional(),
  hookTimeLimitMs: z.int().min(100).max(hookTimeLimitMsMax).optional(),
  address: z
    .strictObject({
      address: z.union([z.ipv4(), z.ipv6()]),
      prefixLength: z.int().min(1).max(128),
      interface: z.string().regex(/^[^\s/]{1,15}$/),
    })
    .optional(),
});
export type OfficeSettings = z.output<typeof officeSettingsSchema>;

/** What a person wants otherwise; `none`: not any more; undefined: as it is. */
export interface OfficeWishes {
  readonly leaderHook: string | undefined;
  readonly followerHook: string | undefined;
  readonly hookTimeLimitMs: number | undefined;
  readonly address: OfficeSettings["address"] | "none";
}

/** The settings with what is wanted otherwise. */
export function withWishes(kept: OfficeSettings | undefined, wishes: OfficeWishes): OfficeSettings {
  const wanted = Object.entries({ ...wishes }).filter(([, value]) => value !== undefined);
  const merged = { ...kept, version: 1, ...Object.fromEntries(wanted) };
  return officeSettingsSchema.parse(
    Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== "none")),
  );
}
