/**
 * S4: a service leaves a node only with a proof that it is dead there, an epoch grows only while no lease of it lives,
 * and words of an older epoch, or about an older instruction, are not recorded.
 */
import type { NodeId, ServiceId } from "../../../core/ids.ts";
import type { StoreChange, StoredEntry } from "../../../ports/store.ts";
import { nodeIdIn, serviceIdIn } from "../../../runtime/manager-records.ts";
import { keys, type StatusRecord } from "../../../wire/records.ts";
import { readEpoch, readLease, readStatus } from "../../store/records.ts";
import type { Commit } from "../../store/simulated-store.ts";
import type { Check, CheckContext } from "../check.ts";
import { fieldIn, reportFactsOf, textIn } from "../ledger.ts";

/** Compares each commit with what was true just before it. */
export function createProvenLossCheck(context: CheckContext): Check {
  return {
    beforeCommit(commit) {
      for (const change of commit.changes) {
        if (change.kind === "put") checkPut(context, commit, change);
      }
    },
  };
}

function checkPut(
  context: CheckContext,
  commit: Commit,
  { entry }: Extract<StoreChange, { kind: "put" }>,
): void {
  if (entry.key.startsWith(keys.statuses)) checkStatus(context, commit, entry);
  else if (entry.key.startsWith(keys.epochs)) checkEpoch(context, commit, entry);
  else if (entry.key.startsWith(keys.reports)) checkReport(context, entry);
  else if (entry.key.startsWith(keys.leases)) checkGrant(context, entry);
}

function checkStatus(context: CheckContext, commit: Commit, entry: StoredEntry): void {
  const service = serviceIdIn(entry.key, keys.statuses);
  const before = context.ledger.statuses.get(service);
  const next = readStatus(entry);
  if (before?.node === undefined || before.nodeEpoch === undefined) return;
  const leaves = next.node !== before.node;
  const isGivenUp = next.state === "recovery" && before.state !== "recovery";
  if (!leaves && !isGivenUp) return;
  if (wasLocated(commit, service)) return; // a person's word for where it is
  if (wasStopped(context, service, before)) return;
  const why = whyMayLive(context, before.node, before);
  if (why !== undefined) {
    accuse(context, `${service} is taken from ${before.node} (${before.state}), but ${why}`);
  } else if (leaves && !isConditional(commit, before.node)) {
    accuse(
      context,
      `${service} goes from the dead ${before.node} to ${next.node} without naming its epoch`,
    );
  }
}

function wasLocated({ txn }: Commit, service: ServiceId): boolean {
  return (txn?.then ?? []).some((operation) => {
    if (operation.kind !== "put" || !operation.key.startsWith(keys.events)) return false;
    if (textIn(operation.value, "subject") !== service) return false;
    return textIn(fieldIn(operation.value, "reason"), "code") === "located";
  });
}

function accuse(context: CheckContext, sentence: string): void {
  context.accuse("S4", sentence);
}

function wasStopped(context: CheckContext, service: ServiceId, before: StatusRecord): boolean {
  const report = context.ledger.reports.get(service);
  return report?.uid === before.uid && report.result === "stopped";
}

function whyMayLive(
  { ledger }: CheckContext,
  node: NodeId,
  status: StatusRecord,
): string | undefined {
  const { mayOutliveLease } = status;
  const nodeEpoch: number = status.nodeEpoch ?? 0;
  const epoch = ledger.epochs.get(node) ?? 0;
  if (epoch <= nodeEpoch) return `its epoch ${nodeEpoch} was not ended`;
  if (mayOutliveLease !== true) return undefined;
  if ((ledger.nodes.get(node)?.confirmedOffEpoch ?? 0) >= nodeEpoch) return undefined;
  // What was taken out of the cluster had nothing that could outlive its lease, and can start nothing.
  if (ledger.removedNodes.has(node)) return undefined;
  if ((ledger.resetEpochs.get(node) ?? 0) >= nodeEpoch) return undefined;
  return "it may outlive the lease and nobody confirmed that the node was off";
}

function isConditional({ txn }: Commit, node: NodeId): boolean {
  return txn?.compare.some(({ key }) => key === `${keys.epochs}${node}`) === true;
}

function checkEpoch(context: CheckContext, commit: Commit, entry: StoredEntry): void {
  const node = nodeIdIn(entry.key, keys.epochs);
  const before = context.ledger.epochs.get(node) ?? 0;
  const { epoch } = readEpoch(entry);
  if (epoch <= before) accuse(context, `the epoch of ${node} goes from ${before} to ${epoch}`);
  const lease = context.ledger.leases.get(node);
  if (lease !== undefined) {
    accuse(context, `the epoch of ${node} is raised while its lease of ${lease.epoch} lives`);
  }
  const key = `${keys.leases}${node}`;
  const named = commit.txn?.compare.some((fact) => fact.kind === "absent" && fact.key === key);
  if (named !== true)
    accuse(context, `the epoch of ${node} is raised without asking for its lease`);
}

function checkReport(context: CheckContext, entry: StoredEntry): void {
  const service = serviceIdIn(entry.key, keys.reports);
  const { node, epoch, uid } = reportFactsOf(entry.value);
  const { ledger } = context;
  const lease = ledger.leases.get(node as NodeId); // a node's name that a server wrote
  if (lease?.epoch !== epoch) {
    accuse(
      context,
      `a word of ${node} on ${service} of epoch ${epoch}, which is over, is recorded`,
    );
  }
  const status = ledger.statuses.get(service);
  if (status?.uid !== uid || status.node !== node) {
    accuse(context, `a word of ${node} on ${service} under ${uid}, which is over, is recorded`);
  }
}

function checkGrant(context: CheckContext, entry: StoredEntry): void {
  const node = nodeIdIn(entry.key, keys.leases);
  const { epoch } = readLease(entry);
  const held = context.ledger.leases.get(node);
  if (held !== undefined && held.epoch !== epoch) {
    accuse(context, `${node} is granted epoch ${epoch} while its lease of ${held.epoch} lives`);
  }
}
