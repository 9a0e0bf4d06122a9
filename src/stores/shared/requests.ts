/** What all stores refuse before they look at their data. */
import { err, type Result } from "../../core/result.ts";
import type { RangeOptions, StoreError } from "../../ports/store.ts";
import { flawOfPrefix } from "./key.ts";
import { leaseTtlMsMax } from "./limits.ts";

/** What is wrong with the options of a range, or undefined. */
export function flawOfRange(options: RangeOptions): string | undefined {
  const { limit, afterKey } = options;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0)) {
    return `a limit is a whole number from 0, not ${limit}`;
  }
  return afterKey === undefined ? undefined : flawOfPrefix(afterKey);
}

/** What is wrong with a lease's time, or undefined. */
export function flawOfTtl(ttlMs: number): string | undefined {
  if (ttlMs > 0 && ttlMs <= leaseTtlMsMax) return undefined;
  return `a lease lasts up to ${leaseTtlMsMax} ms, ${ttlMs} ms were asked for`;
}

/** A watch that yields an error and ends. */
export async function* onlyError(error: StoreError): AsyncGenerator<Result<never, StoreError>> {
  yield err(error);
}
