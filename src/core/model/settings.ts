/** Cluster-wide settings that the core decides with. */
import { type DurationMs, durationMs } from "../time.ts";
import { type LeaseTimes, type ProfileName, profiles } from "./times.ts";

export interface ClusterSettings {
  readonly profile: ProfileName;
  /** The times in force: the profile's, or what a person set instead. */
  readonly times: LeaseTimes;
  /**
   * How long a node must be missed before its services are fenced. 0 in a running cluster, because a lease
   * that expired in the store is proof enough (S4); other systems' waiting time can be set.
   */
  readonly suspectMs: DurationMs;
}

/** The settings of a cluster that nobody has set. */
export const defaultSettings: ClusterSettings = settingsOfProfile("balanced");

/** The settings that a profile's name stands for. */
export function settingsOfProfile(profile: ProfileName): ClusterSettings {
  return { profile, times: profiles[profile], suspectMs: durationMs(0) };
}
