/** One entry of the audit: under a key that comes after those of all others. */
import { randomInt } from "node:crypto";
import type { Operation } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { keys } from "../../wire/records.ts";

const detailLengthMax = 2_000;

/** Who did what to what, and from where. */
export interface AuditFacts {
  readonly who: string;
  readonly from: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: string;
}

/** Where it stands. `lastKey`: of the newest entry that is known; `nowMs`: wall time. */
export interface AuditPlace {
  readonly lastKey: string | undefined;
  readonly nowMs: number;
}

/** Ordered by time, also among several servers; the last digits keep two of one millisecond apart. */
export function auditEntry(
  { who, from, action, subject, detail }: AuditFacts,
  { lastKey, nowMs }: AuditPlace,
): Extract<Operation, { kind: "put" }> {
  const earliest = Number(lastKey?.slice(keys.audit.length) ?? 0) + 1;
  const wanted = nowMs * 1_000 + randomInt(1_000);
  const key = `${keys.audit}${String(Math.max(earliest, Math.round(wanted))).padStart(16, "0")}`;
  const said = { who, from, action, subject, detail: detail.slice(0, detailLengthMax) };
  return { kind: "put", key, value: jsonOf({ version: 1, atMs: nowMs, ...said }) };
}
