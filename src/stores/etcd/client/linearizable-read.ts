/** The smallest read that a quorum must confirm: whether a member still belongs to one, and in which term. */
import type { Result } from "../../../core/result.ts";
import type { Connection } from "./connection.ts";
import type { CallFailure } from "./failure.ts";
import type { RangeResponse } from "./messages.ts";
import { range } from "./methods.ts";

/** Any key will do; this one is small, or is not there. */
const key = Buffer.from("/holdfast/meta");

/** Asks this member and no other. */
export function linearizableRead(
  connection: Connection,
  timeoutMs: number,
): Promise<Result<RangeResponse, CallFailure>> {
  return connection.call(
    range,
    { key, countOnly: true },
    {
      timeoutMs,
      onRetire: "cancel",
    },
  );
}
