/**
 * S8: no place that a manager chooses breaks a strict rule, a negative one, or a node's memory, is closed to the service
 * by a taint or by a person, or takes it away from its volumes.
 */
import { type NodeId, nodeOfInstance, type ServiceId } from "../../../core/ids.ts";
import type { StoreChange } from "../../../ports/store.ts";
import type { StatusRecord } from "../../../wire/records.ts";
import { keys } from "../../../wire/records.ts";
import { readStatus } from "../../store/records.ts";
import type { Check, CheckContext } from "../check.ts";
import { PlacementFacts } from "./placement-facts.ts";
import { Recent } from "./recent.ts";

/** What runs at its place, or is about to. */
const toRunStates: ReadonlySet<string> = new Set([
  "request_start",
  "request_start_balance",
  "started",
  "migrate",
  "relocate",
]);

/** What one commit decided about places. */
interface Moment {
  /** Services that get a new place, which a manager picked by itself. */
  readonly choices: readonly Choice[];
  /** Services that get a new place, of whatever kind. */
  readonly arrived: ReadonlySet<ServiceId>;
  /** Services that come to where they are not to run. */
  readonly passing: ReadonlySet<ServiceId>;
  /** Services with a new place that ask for no room: whoever chose before them did not know of them. */
  readonly careless: ReadonlySet<ServiceId>;
}

interface Choice {
  readonly service: ServiceId;
  readonly node: NodeId;
  readonly reason: string;
  /** It is not told to start yet. */
  readonly waits: boolean;
}

/** Compares each new place with what rules and room have allowed for a while. */
export function createPlacesCheck(context: CheckContext): Check {
  const { view, ledger } = context;
  const recent = new Recent(view.plan.pace);
  const facts = new PlacementFacts(ledger);
  let moment: Moment | undefined;
  return {
    beforeCommit({ changes }) {
      const changed: StatusRecord[] = [];
      for (const change of changes) {
        if (change.kind !== "put" || !change.entry.key.startsWith(keys.statuses)) continue;
        changed.push(readStatus(change.entry));
      }
      moment = changed.length === 0 ? undefined : momentOf(context, changed);
      if (!recent.placementIsSettled(view.nowMs)) return;
      for (const next of changed) {
        checkTaints(context, facts, next);
        checkVolumes(context, facts, next);
        checkPinned(context, next);
      }
    },
    afterCommit({ changes }) {
      // Which rules a manager ignores it may say in the same breath.
      for (const change of changes.filter(isRejection)) facts.apply(change);
      if (moment !== undefined && recent.placementIsSettled(view.nowMs)) {
        for (const choice of moment.choices) checkChoice(context, facts, { choice, moment });
      }
      for (const change of changes) {
        recent.apply(change, view.nowMs);
        facts.apply(change);
      }
    },
  };
}

function isRejection(change: StoreChange): boolean {
  return (change.kind === "put" ? change.entry.key : change.key) === keys.rejectedRules;
}

/** States in which nothing of a service runs where it belongs, unless it may outlive its lease. */
const deadStates: ReadonlySet<string> = new Set(["queued", "stopped", "request_start", "recovery"]);

/** Nothing is sent to, or started on, a node that is closed to it; what runs there may stay. */
function checkTaints(
  { ledger, accuse }: CheckContext,
  facts: PlacementFacts,
  next: StatusRecord,
): void {
  const before = ledger.statuses.get(next.service);
  const { service, state, target, node } = next;
  if (node === undefined || next.reason.code === "located") return;
  if (target !== undefined && target !== before?.target) {
    const taint = facts.closedBy(service, target, before);
    if (taint !== undefined) accuse("S8", `${service} is sent to ${target} despite "${taint}"`);
  }
  const wasDead =
    before === undefined || (deadStates.has(before.state) && before.mayOutliveLease !== true);
  if (state !== "started" || (before?.node === node && !wasDead)) return;
  const isKept = ledger.services.get(service)?.config.onIsolation === "keep";
  if (next.mayOutliveLease === true && !isKept) return; // a person may have moved a copy there
  const taint = facts.closedBy(service, node, before);
  if (taint !== undefined) accuse("S8", `${service} is started on ${node} despite "${taint}"`);
}

/** An instance of a deployment runs on the node that its id names, and on no other. */
function checkPinned({ accuse }: CheckContext, { service, node, target }: StatusRecord): void {
  const own = nodeOfInstance(service);
  const place = target ?? node;
  if (own === undefined || place === undefined || place === own) return;
  accuse("S8", `${service} goes to ${place}, and it is of ${own}`);
}

/** What is bound to a node's volumes stays there, or waits for it. */
function checkVolumes(
  { ledger, accuse }: CheckContext,
  facts: PlacementFacts,
  next: StatusRecord,
): void {
  const before = ledger.statuses.get(next.service);
  const place = next.target ?? next.node;
  if (place === undefined || next.reason.code === "located") return;
  if (!facts.boundElsewhere(next.service, before, place)) return;
  accuse("S8", `${next.service} goes to ${place}, and its volumes are on ${before?.boundTo}`);
}

/** States of services that take up no place yet, or no longer. */
const placelessStates: ReadonlySet<string> = new Set(["queued", "fence", "recovery"]);

function momentOf({ ledger }: CheckContext, changed: readonly StatusRecord[]): Moment {
  const choices: Choice[] = [];
  const arrived = new Set<ServiceId>();
  const passing = new Set<ServiceId>();
  const careless = new Set<ServiceId>();
  for (const next of changed) {
    const before = ledger.statuses.get(next.service);
    const isNew = before === undefined || placelessStates.has(before.state);
    if (!isNew && before.node === next.node && before.target === next.target) continue;
    arrived.add(next.service);
    if (!toRunStates.has(next.state)) passing.add(next.service);
    const choice = choiceOf(before, next);
    if (choice !== undefined) choices.push(choice);
    const mayOvercommit = ledger.services.get(next.service)?.config.mayOvercommit === true;
    if (mayOvercommit || next.reason.code === "home") careless.add(next.service);
  }
  return { choices, arrived, passing, careless };
}

/** A node that a manager picked; undefined: it kept the one that there was, or a person named it. */
function choiceOf(before: StatusRecord | undefined, next: StatusRecord): Choice | undefined {
  const node = next.target ?? next.node;
  if (node === undefined || !toRunStates.has(next.state)) return undefined;
  if (node === before?.node || node === before?.target) return undefined;
  const { code } = next.reason;
  if (code === "located" || code === "home") return undefined;
  if (before === undefined || before.state === "queued") {
    // The first place may be the configured one, whatever rules say; it moves from there before it starts.
    if (next.target === undefined && code !== "placed") return undefined;
  }
  return { service: next.service, node, reason: code, waits: next.state === "request_start" };
}

function checkChoice(
  { ledger, accuse }: CheckContext,
  facts: PlacementFacts,
  { choice, moment }: { readonly choice: Choice; readonly moment: Moment },
): void {
  const { service, node, reason } = choice;
  const goes = `${service} goes to ${node} (${reason})`;
  const rule = facts.forbiddenBy(service, node);
  if (rule !== undefined) accuse("S8", `${goes} against "${rule}"`);
  // What only waits to start is in nobody's way, and goes elsewhere before it starts.
  const ignored = choice.waits ? moment.arrived : moment.passing;
  const counterpart = facts.counterpartOn(service, node, ignored);
  if (counterpart !== undefined) accuse("S8", `${goes}, where ${counterpart} is, against a rule`);
  const config = ledger.services.get(service)?.config;
  if (config?.limits === undefined || config.mayOvercommit) return;
  const missing = facts.overcommittedBytes(node, moment.careless);
  if (config.limits.memoryBytes > 0 && missing > 0) {
    accuse("S8", `${goes}, which lacks ${missing} bytes of memory`);
  }
}
