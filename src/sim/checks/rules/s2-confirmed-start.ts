/**
 * S2: a copy is started only under a live lease of the epoch that its instruction names, and after the store has
 * confirmed that instruction. A confirmation holds for restarts until the agent gives the service up.
 */
import type { NodeId, ServiceId } from "../../../core/ids.ts";
import { keys } from "../../../wire/records.ts";
import type { Copy } from "../../node/copies.ts";
import type { RequestOf } from "../../server/agent-protocol.ts";
import type { Commit } from "../../store/simulated-store.ts";
import type { Check, CheckContext } from "../check.ts";
import { reportFactsOf } from "../ledger.ts";

type Confirmed = Pick<RequestOf<"confirm">, "uid" | "epoch">;

/** Remembers what was confirmed to which node, and compares every start with it. */
export function createConfirmedStartCheck(context: CheckContext): Check {
  const { view, ledger, accuse } = context;
  const confirmed = new Map<string, Confirmed>();
  /** Instances that were seen before. */
  const seen = new Set<string>();

  function confirm(request: RequestOf<"confirm">, askedAtMs: number): void {
    const { node, service, uid, epoch } = request;
    if (!ledger.wasInstruction(service, uid, askedAtMs)) {
      accuse("S2", `a server confirmed ${uid} for ${service}, which was over when it was asked`);
    }
    if (!ledger.heldLease(node, epoch, askedAtMs)) {
      accuse("S2", `a server confirmed ${uid} on ${node}, whose lease of epoch ${epoch} was over`);
    }
    confirmed.set(placeOf(service, node), { uid, epoch });
  }

  function start({ service, node, startedUnder }: Copy): void {
    if (startedUnder === undefined) return; // by hand: no agent's matter
    const { uid, epoch } = startedUnder;
    const lease = ledger.leases.get(node);
    if (lease?.epoch !== epoch) {
      const held = lease === undefined ? "none" : `that of epoch ${lease.epoch}`;
      accuse(
        "S2",
        `${node} starts ${service} under epoch ${epoch}; the lease that it holds: ${held}`,
      );
    }
    const known = confirmed.get(placeOf(service, node));
    if (known?.uid !== uid || known.epoch !== epoch) {
      accuse("S2", `${node} starts ${service} under ${uid}, which no server has confirmed`);
    }
  }

  return {
    onCopy({ instanceId, state }) {
      const copy = view.copies.get(instanceId);
      // A copy that was moved live is taken up: it runs at once, under an instance of its own.
      const isStart = state === "starting" || (state === "running" && !seen.has(instanceId));
      if (state === "gone") seen.delete(instanceId);
      else seen.add(instanceId);
      if (copy !== undefined && isStart) start(copy);
    },
    onAnswer({ request, answer, askedAtMs }) {
      if (request.kind !== "confirm" || answer.kind !== "confirmed" || !answer.current) return;
      confirm(request, askedAtMs);
    },
    beforeCommit(commit) {
      for (const place of givenUp(commit)) confirmed.delete(place);
    },
  };
}

function placeOf(service: ServiceId | string, node: NodeId | string): string {
  return `${service} on ${node}`;
}

/** Where an agent's accepted word ends what was confirmed to it: from then on another node may start the service. */
function* givenUp({ changes }: Commit): Iterable<string> {
  for (const change of changes) {
    if (change.kind !== "put" || !change.entry.key.startsWith(keys.reports)) continue;
    const { node, result } = reportFactsOf(change.entry.value);
    if (result !== "stopped" && result !== "failed") continue;
    yield placeOf(change.entry.key.slice(keys.reports.length), node);
  }
}
