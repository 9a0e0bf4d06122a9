/** Says how far the upgrade of this agent is, until a server has heard it. */
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { agentPaths } from "../../wire/agent-protocol.ts";
import type { AgentUpgradeReportRequest } from "../../wire/fleet/agent-upgrades.ts";
import { anyAnswerSchema, type Servers } from "../link/servers.ts";
import { createPause } from "../pause.ts";

/** `refused`: a server knows for sure that this upgrade is over, or is not to be installed. */
export type ReportOutcome = "accepted" | "refused" | "aborted";

export interface UpgradeReports {
  /** Asks one server after the other, again and again, until there is an answer or the signal aborts. */
  say(report: AgentUpgradeReportRequest, signal: AbortSignal): Promise<ReportOutcome>;
}

const timeoutMs = 3_000;
const retryMsMin = 250;
const retryMsMax = 5_000;
const detailLengthMax = 2_000;

export function createUpgradeReports(options: {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
}): UpgradeReports {
  const { servers, clock, log } = options;
  return {
    async say(report, signal) {
      const pause = createPause(clock);
      const wake = (): void => pause.end();
      signal.addEventListener("abort", wake, { once: true });
      const body = { ...report, detail: report.detail.slice(0, detailLengthMax) };
      try {
        for (let attempt = 0; !signal.aborted; attempt += 1) {
          const answer = await servers.call(agentPaths.upgrade, body, anyAnswerSchema, {
            timeoutMs,
          });
          if (answer.kind === "ok") return "accepted";
          log.write("warn", `the upgrade is "${report.state}", but: ${answer.detail}`);
          if (answer.kind === "refused") return "refused";
          await pause.wait(Math.min(retryMsMin * 2 ** Math.min(attempt, 10), retryMsMax));
        }
        return "aborted";
      } finally {
        signal.removeEventListener("abort", wake);
      }
    },
  };
}
