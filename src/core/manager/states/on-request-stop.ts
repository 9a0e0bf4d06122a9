/** A service that is being stopped on its node. */
import type { Service, SettledStatus } from "../../model/service.ts";
import { type Context, forgetService, setStatus, successor, type Verdict } from "../context.ts";
import { agentRestarts, freeze } from "../policy/arming.ts";
import { enter, followNode } from "../transitions.ts";

/** Waits for its agent's word: stopped, or `error`, because what cannot be stopped cannot be moved either. */
export function onRequestStop(context: Context, service: Service, status: SettledStatus): Verdict {
  const report = context.state.reports.get(service.id);
  const isStopped = report?.uid === status.uid && report.result === "stopped";
  // What was said to be stopped is, whatever has become of its node since.
  if (!isStopped && followNode(context, status) === "changed") return "changed";
  if (report?.uid !== status.uid) {
    if (!agentRestarts(context, status.node)) return "settled";
    freeze(context, status, { code: "agent-restarts", node: status.node });
    return "changed";
  }
  if (report.result !== "stopped") {
    const reason = { code: "stop-failed", node: status.node, detail: report.detail } as const;
    return enter(context, { status, state: "error", reason });
  }
  if (service.removing) {
    forgetService(context, service.id, { code: "removing" });
    return "settled";
  }
  const base = successor(context, status);
  // What it cannot do without stays the reason: that is what a person has to mend.
  const reason =
    status.reason.code === "requirement-lost"
      ? status.reason
      : ({ code: "reported-stopped", node: status.node } as const);
  // Confirmed dead: there is no copy that could survive anything.
  setStatus(context, { ...base, state: "stopped", mayOutliveLease: false, reason });
  return "changed";
}
