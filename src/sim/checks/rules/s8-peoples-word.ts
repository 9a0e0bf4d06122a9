/**
 * S8: `error` is left only by a person's word, what a person does not want is not started, and what is frozen, ignored
 * or suspended is not touched.
 */
import type { AgentEffect } from "../../../core/agent/effect.ts";
import { parseServiceId, type ServiceId } from "../../../core/ids.ts";
import type { StoredEntry } from "../../../ports/store.ts";
import { keys, type StatusRecord } from "../../../wire/records.ts";
import { readStatus } from "../../store/records.ts";
import type { Check, CheckContext } from "../check.ts";
import { textIn } from "../ledger.ts";
import type { CarriedOut } from "../view.ts";
import { Recent } from "./recent.ts";

const startStates: ReadonlySet<string> = new Set([
  "started",
  "request_start",
  "request_start_balance",
]);

/** Compares what managers decide and agents do with what persons said. */
export function createPeoplesWordCheck(context: CheckContext): Check {
  const { view, ledger } = context;
  const recent = new Recent(view.plan.pace);
  return {
    beforeCommit({ changes }) {
      for (const change of changes) {
        if (change.kind !== "put") continue;
        if (change.entry.key.startsWith(keys.events)) checkHistory(context, recent, change.entry);
        if (!change.entry.key.startsWith(keys.statuses)) continue;
        const next = readStatus(change.entry);
        const before = ledger.statuses.get(next.service);
        checkError(context, recent, before, next);
        checkStart(context, recent, before, next);
      }
    },
    afterCommit({ changes }) {
      for (const change of changes) recent.apply(change, view.nowMs);
    },
    onEffect(carriedOut) {
      checkUntouched(context, carriedOut);
    },
  };
}

function checkError(
  { accuse, view }: CheckContext,
  recent: Recent,
  before: StatusRecord | undefined,
  next: StatusRecord,
): void {
  if (before?.state !== "error" || next.state === "error") return;
  if (recent.mayBeDisabled(next.service, view.nowMs)) return;
  accuse("S8", `${next.service} leaves error for ${next.state}, and nobody asked for that`);
}

/** A state that a step only went through is no status; the history tells of it all the same. */
function checkHistory(
  { accuse, view }: CheckContext,
  recent: Recent,
  { value }: StoredEntry,
): void {
  if (textIn(value, "kind") !== "service" || textIn(value, "from") !== "error") return;
  const to = textIn(value, "to");
  const service = parseServiceId(textIn(value, "subject"));
  if (!service.ok || to === "error" || to === "" || to === "removed") return;
  if (recent.mayBeDisabled(service.value, view.nowMs)) return;
  accuse("S8", `${service.value} leaves error for ${to}, and nobody asked for that`);
}

function checkStart(
  { accuse, view }: CheckContext,
  recent: Recent,
  before: StatusRecord | undefined,
  next: StatusRecord,
): void {
  if (before?.uid === next.uid || next.suspended === true || !startStates.has(next.state)) return;
  const wish = recent.settledWish(next.service, view.nowMs);
  if (wish === undefined || wish.state === "started") return;
  if (before !== undefined && startStates.has(before.state)) return; // it was to run, and is on its way to a stop
  accuse("S8", `${next.service} is put to ${next.state}, and a person wants it ${wish.state}`);
}

/** What its agent has reported released is nobody's until there is another instruction. */
function checkUntouched({ view, ledger, accuse }: CheckContext, carriedOut: CarriedOut): void {
  const { node, effect } = carriedOut;
  const service = touchedBy(effect);
  if (service === undefined) return;
  const status = ledger.statuses.get(service);
  const report = ledger.reports.get(service);
  if (status === undefined || status.node !== node || report?.uid !== status.uid) return;
  if (report.result !== "released" || report.node !== node) return;
  if (ledger.leases.get(node)?.epoch !== report.epoch) return; // the instruction went with the lease
  if (view.agentState(node)?.closing !== "no") return; // its node goes down
  accuse(
    "S8",
    `${node} does "${effect.kind}" to ${service}, which is left alone (${status.state})`,
  );
}

function touchedBy(effect: AgentEffect): ServiceId | undefined {
  const touches = effect.kind === "start" || effect.kind === "stop" || effect.kind === "move";
  return touches ? effect.service : undefined;
}
