/** Words that several sentences share. */
import { assertNever } from "../../assert.ts";
import type { PlacementCause } from "../reason.ts";

/** "no other service", "1 service", "7 services". */
export function services(count: number): string {
  if (count === 0) return "no other service";
  return count === 1 ? "1 service" : `${count} services`;
}

/** Why placement took the node, as the end of a sentence that has named it. */
export function becauseOf(because: PlacementCause, serviceCount?: number): string {
  const had = serviceCount === undefined ? "" : ` (it had ${services(serviceCount)})`;
  switch (because) {
    case "only-one-left":
      return `the only one that is online and permitted${had}`;
    case "best-score":
      return `the least loaded of those that are online and permitted${had}`;
    case "current-is-fine":
      return "where it is already";
    case "no-failback":
      return "where it is already, and it does not go back by itself";
    case "maintenance-over":
      return "where it was before that node's maintenance";
    case "affinity":
      return `the one that its rules prefer${had}`;
    case "next-untried":
      return `the next one that was not tried yet${had}`;
    default:
      return assertNever(because);
  }
}

/** "its volume data", "its volumes data, logs". */
export function volumes(names: readonly string[]): string {
  return `its ${names.length === 1 ? "volume" : "volumes"} ${names.join(", ")}`;
}

/** "1 h", "90 min", "45 s": in the largest unit that says it without a fraction. */
export function spanOf(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds > 0 && seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  if (seconds > 0 && seconds % 60 === 0) return `${seconds / 60} min`;
  return `${seconds} s`;
}
