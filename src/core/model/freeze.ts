/**
 * A frozen cluster: people change nothing, and the manager begins nothing that is not failover, until the freeze is
 * taken back or its time is over.
 */
import type { InstantMs } from "../time.ts";

/** What a person has said. */
export interface Freeze {
  /** Who, as the audit names them. */
  readonly by: string;
  /** Why; undefined: nobody has said. */
  readonly because: string | undefined;
  /** It ends by itself then; undefined: not before it is taken back. */
  readonly untilMs: InstantMs | undefined;
  /** `goes-on`: lost nodes are fenced and their services recovered; `held`: that waits, too. */
  readonly failover: "goes-on" | "held";
}

/** Whether the freeze counts: one whose time is over is as good as none, also before it is taken away. */
export function isInForce({ untilMs }: Freeze, now: InstantMs): boolean {
  return untilMs === undefined || now < untilMs;
}

/** The freeze in words, without a full stop, e.g. `frozen by ada: upgrade`. */
export function freezeWords({ by, because, failover }: Freeze): string {
  const held = failover === "held" ? ", failover included" : "";
  return `frozen by ${by}${held}${because === undefined ? "" : `: ${because}`}`;
}
