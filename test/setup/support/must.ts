/** What a test takes for granted. */
import type { Result } from "../../../src/core/result.ts";

/** The value; throws with the error. */
export function must<T>(result: Result<T, string>): T {
  if (result.ok) return result.value;
  throw new Error(result.error);
}
