/**
 * Reports on their way to the manager, a few at a time: a call's time-out counts from its beginning, and of thousands at
 * once most would wait for a connection for longer than that. Servers would be left that only have much to do, and with
 * them the streams over which the lease is renewed.
 */
import type { AgentEffect } from "../../core/agent/effect.ts";
import type { ServiceId } from "../../core/ids.ts";

type Report = Extract<AgentEffect, { readonly kind: "report" }>;

/** Fewer than there are connections to a server: a confirmation finds one free. */
const underWayMax = 12;

/**
 * Returns the function that takes a report in. Of each service only the newest waits, in the place of the one before,
 * whose answer nobody wants any more. `send` resolves when the report was answered or given up, and never throws.
 */
export function createReportQueue(
  send: (report: Report) => Promise<void>,
): (report: Report) => void {
  const waiting = new Map<ServiceId, Report>();
  let underWayCount = 0;

  async function sendInTurn(): Promise<void> {
    underWayCount += 1;
    for (;;) {
      const [next] = waiting.values();
      if (next === undefined) break;
      waiting.delete(next.service);
      await send(next);
    }
    underWayCount -= 1;
  }

  return (report) => {
    waiting.set(report.service, report);
    if (underWayCount < underWayMax) void sendInTurn();
  };
}
