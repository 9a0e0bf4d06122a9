/** Makes the driver's expected failures, each one sentence for a person. */
import { err } from "../../../core/result.ts";
import type { WorkloadError } from "../../../ports/workload.ts";

/** A failure of this kind, as a `Result`. */
export function failure(
  kind: WorkloadError["kind"],
  message: string,
): { readonly ok: false; readonly error: WorkloadError } {
  return err({ kind, message });
}

/** What an unknown thrown value says, bounded. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 500);
}
