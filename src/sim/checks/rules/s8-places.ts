/** S8: no place that a manager chooses breaks a strict rule, a negative one, or a node's memory. */
import type { NodeId, ServiceId } from "../../../core/ids.ts";
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
  /** Services that come to where they are not to run. */
  readonly passing: ReadonlySet<ServiceId>;
  /** Services with a new place that ask for no room: whoever chose before them did not know of them. */
  readonly careless: ReadonlySet<ServiceId>;
}

interface Choice {
  readonly service: ServiceId;
  readonly node: NodeId;
  readonly reason: string;
}

/** Compares each new place with what rules and room have allowed for a while. */
export function createPlacesCheck(context: CheckContext): Check {
  const { view, ledger } = context;
  const recent = new Recent(view.plan.pace.electionTtlMs);
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
    },
    afterCommit({ changes }) {
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

/** States of services that take up no place yet, or no longer. */
const placelessStates: ReadonlySet<string> = new Set(["queued", "fence", "recovery"]);

function momentOf({ ledger }: CheckContext, changed: readonly StatusRecord[]): Moment {
  const choices: Choice[] = [];
  const passing = new Set<ServiceId>();
  const careless = new Set<ServiceId>();
  for (const next of changed) {
    const before = ledger.statuses.get(next.service);
    const isNew = before === undefined || placelessStates.has(before.state);
    if (!isNew && before.node === next.node && before.target === next.target) continue;
    if (!toRunStates.has(next.state)) passing.add(next.service);
    const choice = choiceOf(before, next);
    if (choice !== undefined) choices.push(choice);
    const mayOvercommit = ledger.services.get(next.service)?.config.mayOvercommit === true;
    if (mayOvercommit || next.reason.code === "home") careless.add(next.service);
  }
  return { choices, passing, careless };
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
  return { service: next.service, node, reason: code };
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
  const counterpart = facts.counterpartOn(service, node, moment.passing);
  if (counterpart !== undefined) accuse("S8", `${goes}, where ${counterpart} is, against a rule`);
  const config = ledger.services.get(service)?.config;
  if (config?.limits === undefined || config.mayOvercommit) return;
  const missing = facts.overcommittedBytes(node, moment.careless);
  if (config.limits.memoryBytes > 0 && missing > 0) {
    accuse("S8", `${goes}, which lacks ${missing} bytes of memory`);
  }
}
