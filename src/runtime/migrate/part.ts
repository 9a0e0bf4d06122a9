/** What came of one part of a migration. */
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Store } from "../../ports/store.ts";
import { pause } from "../manager-pulse.ts";

/** In a row, in which others came first or the store did not answer. */
const failuresMax = 20;
const againMs = 250;

/** It is done, it is to be looked at anew, or it cannot be done. */
export type Part<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "again"; readonly because: string }
  | { readonly kind: "failed"; readonly because: string };

/** A write that others came before, or whose outcome is not known, is looked at anew. */
export function partOf<T>(written: Awaited<ReturnType<Store["txn"]>>, value: T): Part<T> {
  if (!written.ok) return { kind: "again", because: written.error.message };
  const because = "other servers change the store all the time";
  return written.value.succeeded ? { kind: "done", value } : { kind: "again", because };
}

/** Does part after part, and what others came before again; the value of the part that says it is over, or one line. */
export async function untilOver<T>(
  work: () => Promise<Part<T | "more">>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Result<T, string>> {
  for (let failures = 0; ; ) {
    if (signal.aborted) return err("it was interrupted");
    const part = await work();
    switch (part.kind) {
      case "failed":
        return err(part.because);
      case "done":
        if (part.value !== "more") return ok(part.value);
        failures = 0;
        break;
      case "again":
        failures += 1;
        if (failures >= failuresMax) return err(part.because);
        await pause(clock, againMs, signal);
    }
  }
}
