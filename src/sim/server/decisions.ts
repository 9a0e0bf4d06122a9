/** Tells what a manager's transaction that succeeded has changed, as the trace has it. */
import type { Reason } from "../../core/explain/reason.ts";
import { sentenceOf } from "../../core/explain/sentence.ts";
import { isMoving, isPlaced, type ServiceStatus } from "../../core/model/service.ts";
import type { OfficeEffect } from "../../runtime/manager-draft.ts";
import type { Engine } from "../engine/engine.ts";

/** States that are told with the node that they are about, unless they follow a freeze, which keeps it where it is. */
const statesWithNode: ReadonlySet<string> = new Set([
  "started",
  "migrate",
  "relocate",
  "request_start_balance",
]);

/** Reasons that come while a state lasts, and that a person wants to know. */
const saidOfStates: ReadonlySet<string> = new Set<Reason["code"]>([
  "no-other-node",
  "may-stay",
  "waits-for-node",
  "waits-for-volumes",
  "volumes-freed",
]);

/** Adds the lines of one effect. */
export function tellDecision(engine: Engine, effect: OfficeEffect): void {
  switch (effect.kind) {
    case "fleet":
      for (const write of effect.writes) {
        if (write.kind !== "tell") continue;
        const { about, subject, reason } = write;
        engine.tell({ kind: "fleet", about, subject, sentence: sentenceOf(reason) });
      }
      return;
    case "put-status": {
      let from = effect.from;
      for (const status of effect.path) {
        tellStatus(engine, from, status);
        from = status;
      }
      return;
    }
    case "forget-service": {
      const { service, from } = effect;
      if (from === undefined || from.state === "queued" || from.state === "ignored") return;
      const reason = sentenceOf(effect.reason);
      engine.tell({ kind: "decision", service, state: "unmanaged", reason });
      return;
    }
    case "put-node-state":
      for (const { from, to, reason } of effect.path) {
        const { node } = effect;
        if (from === "fence") engine.tell({ kind: "fence-acknowledged", node });
        engine.tell({ kind: "node", node, state: to, reason: sentenceOf(reason) });
      }
      return;
    case "forget-node":
      note(engine, effect.node, sentenceOf(effect.reason));
      return;
    case "put-arming-state":
      note(engine, "cluster", `${effect.state}: ${sentenceOf(effect.reason)}`);
      return;
    case "announce":
      note(engine, effect.subject, sentenceOf(effect.reason));
      return;
    case "end-freeze":
      note(engine, "cluster", sentenceOf(effect.reason));
      return;
    case "finish-command":
      if (effect.reason.code === "command-refused") {
        note(engine, effect.service, sentenceOf(effect.reason));
      }
      return;
    case "put-rejected-rules": // each is announced too
    case "set-requested":
    case "fence-node":
    case "purge-node": // the node that is gone is told, with the reason
      return;
  }
}

function note(engine: Engine, about: string, sentence: string): void {
  engine.tell({ kind: "note", about, sentence });
}

function tellStatus(engine: Engine, from: ServiceStatus | undefined, status: ServiceStatus): void {
  if (!isPlaced(status)) return;
  const { service, node, state } = status;
  const reason = sentenceOf(status.reason);
  const wasManaged = from !== undefined && from.state !== "queued" && from.state !== "ignored";
  if (state === "ignored") {
    if (wasManaged) engine.tell({ kind: "decision", service, state: "unmanaged", reason });
    return;
  }
  if (!wasManaged) engine.tell({ kind: "decision", service, state: "managed", node, reason });
  else if (isSame(from, status)) {
    if (saidOfStates.has(status.reason.code)) note(engine, service, reason);
    return;
  }
  engine.tell({
    kind: "decision",
    service,
    state,
    ...(statesWithNode.has(state) && from?.state !== "freeze" ? { node } : {}),
    ...(isMoving(status) ? { target: status.target } : {}),
    reason,
  });
}

/** Nothing changed that a person would call another state; what is suspended is nobody's for now. */
function isSame(from: ServiceStatus, to: ServiceStatus): boolean {
  if (!isPlaced(from) || !isPlaced(to) || from.state !== to.state) return false;
  if (from.suspended === true || to.suspended === true) return true;
  if (from.uid !== to.uid && to.reason.code === "retry-same-node") return false;
  if (isMoving(from) && isMoving(to) && from.target !== to.target) return false;
  return from.node === to.node;
}
