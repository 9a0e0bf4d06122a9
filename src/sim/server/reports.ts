/** What agents say and ask about instructions: what `src/server/agents/reports.ts` does, over callbacks. */
import type { ServiceId } from "../../core/ids.ts";
import { mutated } from "../../core/mutation.ts";
import type { StoredEntry } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { keys, type ReportRecord } from "../../wire/records.ts";
import { readStatus } from "../store/records.ts";
import type { AgentAnswer, Reply, RequestOf } from "./agent-protocol.ts";
import { type LeaseContext, readHeld, unavailable } from "./leases.ts";

/** A report that loses the race against writes of its status is written again so often. */
const attemptsMax = 10;

/** Whether the instruction is still the current one and the epoch alive, by linearizable reads of both (S2). */
export function confirm(context: LeaseContext, request: RequestOf<"confirm">, reply: Reply): void {
  const { node, service, uid, epoch } = request;
  readStatusOf(context, service, reply, (entry) => {
    readHeld(context, node, reply, (held) => {
      const status = entry === undefined ? undefined : readStatus(entry);
      const current =
        held?.record.epoch === epoch &&
        status?.uid === uid &&
        status.node === node &&
        status.nodeEpoch === epoch;
      reply({ kind: "confirmed", current });
    });
  });
}

/** Records an agent's word, in a transaction that compares the lease and the status that it rests on (S4). */
export function report(
  context: LeaseContext,
  request: RequestOf<"report">,
  reply: Reply,
  attempt = 1,
): void {
  const { node, service, content } = request;
  readHeld(context, node, reply, (held) => {
    if (held?.record.epoch !== content.epoch) {
      reply(stale(`node "${node}" does not hold a live lease of epoch ${content.epoch}`));
      return;
    }
    readStatusOf(context, service, reply, (entry) => {
      const status = entry === undefined ? undefined : readStatus(entry);
      if (entry === undefined || status?.uid !== content.uid || status.node !== node) {
        reply(stale(`instruction ${content.uid} for service "${service}" is over`));
        return;
      }
      write(context, { request, leaseEntry: held.entry, statusEntry: entry, attempt }, reply);
    });
  });
}

function write(
  context: LeaseContext,
  word: {
    readonly request: RequestOf<"report">;
    readonly leaseEntry: StoredEntry;
    readonly statusEntry: StoredEntry;
    readonly attempt: number;
  },
  reply: Reply,
): void {
  const { request, leaseEntry, statusEntry, attempt } = word;
  const { node, service, content } = request;
  const record: ReportRecord = { version: 1, service, node, ...content, atMs: 0 };
  const { key, modRevision } = statusEntry;
  const txn = {
    compare: [
      { kind: "created-at", key: leaseEntry.key, revision: leaseEntry.createRevision },
      { kind: "modified-at", key, revision: modRevision },
    ],
    then: [{ kind: "put", key: `${keys.reports}${service}`, value: jsonOf(record) }],
  } as const;
  context.link.txn(txn, (written) => {
    if (!written.ok && mutated("S6-unknown-is-done")) reply({ kind: "done" });
    else if (!written.ok) reply(unavailable(written.error));
    else if (written.value.succeeded) reply({ kind: "done" });
    else if (attempt < attemptsMax) report(context, request, reply, attempt + 1);
    else reply({ kind: "unavailable", detail: "the instruction changes all the time" });
  });
}

/** Writes what an agent is about to do, on the condition of its live lease. */
export function putMode(context: LeaseContext, request: RequestOf<"mode">, reply: Reply): void {
  const { node, epoch, mode } = request;
  readHeld(context, node, reply, (held) => {
    if (held?.record.epoch !== epoch) {
      reply(stale(`node "${node}" does not hold a live lease of epoch ${epoch}`));
      return;
    }
    const { key, createRevision } = held.entry;
    const txn = {
      compare: [{ kind: "created-at", key, revision: createRevision }],
      then: [
        {
          kind: "put",
          key: `${keys.agentModes}${node}`,
          value: jsonOf({ version: 1, mode, epoch }),
        },
      ],
    } as const;
    context.link.txn(txn, (written) => {
      if (!written.ok) reply(unavailable(written.error));
      else if (written.value.succeeded) reply({ kind: "done" });
      else reply(stale(`the lease of epoch ${epoch} ended just now`));
    });
  });
}

function readStatusOf(
  context: LeaseContext,
  service: ServiceId,
  reply: Reply,
  then: (entry: StoredEntry | undefined) => void,
): void {
  context.link.get(`${keys.statuses}${service}`, (read) => {
    if (!read.ok) reply(unavailable(read.error));
    else then(read.value);
  });
}

function stale(detail: string): AgentAnswer {
  return { kind: "refused", code: "stale-epoch", detail };
}
