/** Whether the cluster acts by itself, as people see it: what was asked for, how far it is, and what holds it up. */
import { compareIds, type ServiceId } from "../../core/ids.ts";
import type { ArmingResource } from "../../wire/api.ts";
import type { StatusRecord } from "../../wire/records.ts";
import type { ViewTables } from "./view-tables.ts";

/** Sentences of one answer, at most. */
const waitsForMax = 20;

/** Whether a person has suspended the cluster, or is about to. */
export function isDisarmed(tables: ViewTables): boolean {
  return tables.arming !== undefined && tables.arming.value.mode !== "armed";
}

/** What was asked for and how far the manager has come. Revision 0: nobody has ever asked. */
export function armingResource(tables: ViewTables): ArmingResource {
  const { arming } = tables;
  if (arming === undefined) return { revision: 0, mode: "armed", state: "armed", waitsFor: [] };
  const { mode, by, reason, sinceMs } = arming.value;
  const state = stateOf(tables);
  return {
    revision: arming.revision,
    mode,
    state,
    by,
    ...(reason === undefined ? {} : { reason }),
    sinceMs,
    waitsFor: state === "disarming" ? waitsFor(tables) : [],
  };
}

/** The manager's word counts only if it came after the person's. */
function stateOf({ arming, armingState }: ViewTables): ArmingResource["state"] {
  if (arming === undefined || arming.value.mode === "armed") return "armed";
  if (armingState === undefined || armingState.revision < arming.revision) return "disarming";
  return armingState.value.state === "disarmed" ? "disarmed" : "disarming";
}

const unsettled: readonly StatusRecord["state"][] = [
  "fence",
  "recovery",
  "migrate",
  "relocate",
  "request_start_balance",
];

function waitsFor(tables: ViewTables): string[] {
  const sentences: string[] = [];
  for (const service of [...tables.statuses.keys()].sort(compareIds)) {
    const sentence = hindrance(tables, service);
    if (sentence !== undefined) sentences.push(sentence);
  }
  if (sentences.length <= waitsForMax) return sentences;
  const moreCount = sentences.length - waitsForMax;
  return [...sentences.slice(0, waitsForMax), `and ${moreCount} more services`];
}

/** Why this service is not yet let go of; undefined: it is. */
function hindrance(tables: ViewTables, service: ServiceId): string | undefined {
  const status = tables.statuses.get(service)?.value;
  if (status?.node === undefined) return undefined;
  const { state, node, uid } = status;
  if (unsettled.includes(state))
    return `${service} is in ${state}, which is brought to its end first`;
  if (state !== "freeze" && status.suspended !== true) {
    const isLeftAnyway = state === "error" || state === "ignored";
    return isLeftAnyway ? undefined : `${service} waits for the manager to let go of it`;
  }
  const report = tables.reports.get(service)?.value;
  const isReleased = report?.uid === uid && report.result === "released";
  if (isReleased || !tables.leases.has(node)) return undefined;
  return `the agent of ${node} has not let go of ${service} yet`;
}
