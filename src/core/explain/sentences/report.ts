/** Sentences about what agents report. */
import { assertNever } from "../../assert.ts";
import type { Reason } from "../reason.ts";

/** Reasons that rest on an agent's word. */
export const reportCodes = [
  "reported-running",
  "reported-stopped",
  "start-failed",
  "retry-same-node",
  "relocates-exhausted",
  "agent-error",
  "stop-failed",
  "wrong-node",
  "runs-already",
  "agent-restarts",
] as const;
export type ReportReason = Extract<Reason, { code: (typeof reportCodes)[number] }>;

/** The sentence, without a full stop. */
export function sentenceAboutReport(reason: ReportReason): string {
  switch (reason.code) {
    case "reported-running":
      return `node "${reason.node}" reports it running`;
    case "reported-stopped":
      return `node "${reason.node}" reports it stopped`;
    case "start-failed":
      return `it failed to start on node "${reason.node}" (${reason.detail}); failure ${reason.failedCount}, up to ${reason.relocateMax} lead to another node: trying "${reason.target}"`;
    case "retry-same-node":
      return `it failed to start on node "${reason.node}" (${reason.detail}); every permitted node was tried, so it is tried there again`;
    case "relocates-exhausted":
      return `it failed to start on ${reason.nodes.map((node) => `"${node}"`).join(", ")} (${reason.detail}); maxRelocate is ${reason.relocateMax}`;
    case "agent-error":
      return `node "${reason.node}" reports an unknown error: ${reason.detail}`;
    case "stop-failed":
      return `it could not be stopped on node "${reason.node}": ${reason.detail}`;
    case "wrong-node":
      return `node "${reason.node}" says that the service is not its own: ${reason.detail}`;
    case "runs-already":
      return `it runs on node "${reason.node}" already and stays there`;
    case "agent-restarts":
      return `the agent of node "${reason.node}", or the node, restarts: it is left as it is until then`;
    default:
      return assertNever(reason);
  }
}
