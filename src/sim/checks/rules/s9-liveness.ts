/**
 * S9: once all faults are over, every service that is to run and that some node may take runs within a bound, and the
 * manager's memory is what the store says. A plan that ends with a calm of more than the bound can be checked.
 */
import { compareIds, type NodeId, type ServiceId } from "../../../core/ids.ts";
import { selectInputOf } from "../../../core/manager/moves/choose.ts";
import type { ManagerState } from "../../../core/manager/state.ts";
import { isPlaced } from "../../../core/model/service.ts";
import { selectNode } from "../../../core/placement/select-node.ts";
import { statusRecordOf } from "../../../runtime/manager-records.ts";
import type { ServiceRecord, StatusRecord } from "../../../wire/records.ts";
import { keys } from "../../../wire/records.ts";
import { livenessBoundMs } from "../bound.ts";
import type { Check, CheckContext } from "../check.ts";
import { PlacementFacts } from "./placement-facts.ts";

/** Keeps, for each service, since when no copy of it runs; looks at all of them at the end. */
export function createLivenessCheck(context: CheckContext): Check {
  const { view, ledger, accuse } = context;
  const facts = new PlacementFacts(ledger);
  const running = new Map<ServiceId, Set<string>>();
  const darkSinceMs = new Map<ServiceId, number>();
  let lastWishAtMs = 0;

  return {
    onCopy({ service, instanceId, state }) {
      const instances = running.get(service) ?? new Set();
      running.set(service, instances);
      if (state === "running" || state === "stopping") instances.add(instanceId);
      else instances.delete(instanceId);
      if (instances.size > 0) darkSinceMs.delete(service);
      else if (!darkSinceMs.has(service)) darkSinceMs.set(service, view.nowMs);
    },
    beforeCommit({ changes }) {
      for (const change of changes) {
        facts.apply(change);
        const key = change.kind === "put" ? change.entry.key : change.key;
        if (isWish(key)) lastWishAtMs = view.nowMs;
      }
    },
    onEnd() {
      const boundMs = livenessBoundMs(view.plan);
      const calmSinceMs = Math.max(lastWishAtMs, view.plan.actions.at(-1)?.atMs ?? 0);
      if (view.nowMs - calmSinceMs < boundMs) return; // the calm was too short to say anything
      const state = view.managerState();
      if (state === undefined) {
        accuse("S9", "nobody is manager although all faults have been over for long");
        return;
      }
      const oracle = new Oracle(context, facts, state);
      for (const [id, record] of [...ledger.services].sort(([l], [r]) => compareIds(l, r))) {
        if ((running.get(id)?.size ?? 0) > 0 || !oracle.mustRun(id, record)) continue;
        const sinceMs = darkSinceMs.get(id) ?? 0;
        if (view.nowMs - sinceMs < boundMs) continue;
        const status = ledger.statuses.get(id);
        const where = status?.node === undefined ? "" : ` on ${status.node}`;
        const stands = `${status?.state ?? "no state"}${where}`;
        accuse(
          "S9",
          `${id} is to run and does not (${stands}), ${seconds(boundMs)} s after all faults`,
        );
      }
      compareMemory(context, state);
    },
  };
}

function isWish(key: string): boolean {
  const { services, rules, groups, arming, freeze, settings } = keys;
  return [services, rules, groups, arming, freeze, settings].some((prefix) =>
    key.startsWith(prefix),
  );
}

function seconds(ms: number): number {
  return Math.round(ms / 1_000);
}

/** Says whether a service has to run at the end. */
class Oracle {
  readonly #context: CheckContext;
  readonly #facts: PlacementFacts;
  readonly #state: ManagerState;

  constructor(context: CheckContext, facts: PlacementFacts, state: ManagerState) {
    this.#context = context;
    this.#facts = facts;
    this.#state = state;
  }

  mustRun(id: ServiceId, record: ServiceRecord, depth = 0): boolean {
    const { view, ledger } = this.#context;
    const { config, removing } = record;
    // Instances are judged with their deployments.
    if (record.instance !== undefined) return false;
    if (removing || config.state !== "started" || depth > ledger.services.size) return false;
    if (this.#state.arming !== "armed" || this.#state.freeze?.failover === "held") return false;
    const status = ledger.statuses.get(id);
    if (status?.state === "error" || this.#isLeftAlone(status)) return false;
    if (this.#waits(config.requires, depth, "always")) return false;
    if (this.#waits(config.after, depth, "if-wanted")) return false;
    return view.plan.nodes.some(({ node }) => this.#mayTake(node, id, record, status));
  }

  /** Its node is not watched, by a person's word. What is to be recovered is not there any more. */
  #isLeftAlone(status: StatusRecord | undefined): boolean {
    if (status?.node === undefined || status.state === "recovery") return false;
    return this.#context.ledger.nodes.get(status.node)?.mode === "offline";
  }

  /** Whether one of these does not run and need not run either, so that who comes after it waits for ever. */
  #waits(others: readonly ServiceId[], depth: number, when: "always" | "if-wanted"): boolean {
    const { ledger } = this.#context;
    return others.some((other) => {
      const record = ledger.services.get(other);
      const isWanted =
        record?.config.state === "started" &&
        !record.removing &&
        ledger.statuses.get(other)?.state !== "error";
      if (record === undefined || !isWanted) return when === "always";
      return !this.mustRun(other, record, depth + 1);
    });
  }

  #mayTake(
    node: NodeId,
    id: ServiceId,
    record: ServiceRecord,
    status: StatusRecord | undefined,
  ): boolean {
    const { view, ledger } = this.#context;
    const lease = ledger.leases.get(node);
    const agent = view.agentState(node);
    if (lease === undefined || agent?.lease?.epoch !== lease.epoch) return false;
    if (agent.leaving !== undefined || ledger.nodes.get(node)?.maintenance !== false) return false;
    if (ledger.nodes.get(node)?.mode === "offline") return false;
    const isHere = status?.node === node && status.state === "started";
    if (this.#facts.boundElsewhere(id, status, node)) return false;
    if (!isHere && this.#facts.closedBy(id, node, status) !== undefined) return false;
    // Who is bound to others goes where they are: only the core can say whether there is a place for them all.
    if (this.#facts.isRelated(id)) return isHere || this.#coreWouldTake(id);
    if (this.#facts.forbiddenBy(id, node) !== undefined) return false;
    if (isHere) return true;
    const needed = record.config.limits?.memoryBytes ?? 0;
    if (record.config.mayOvercommit || needed === 0) return true;
    return this.#facts.overcommittedBytes(node) + needed <= 0;
  }

  #coreWouldTake(id: ServiceId): boolean {
    const service = this.#state.services.get(id);
    const known = this.#state.statuses.get(id);
    if (service === undefined) return false;
    const status = known === undefined || !isPlaced(known) ? undefined : known;
    const input = selectInputOf(this.#state, service, { status, preference: "best-score" });
    return selectNode(input) !== undefined;
  }
}

/** What the manager believes is what the store says. */
function compareMemory({ ledger, accuse }: CheckContext, state: ManagerState): void {
  for (const [id, record] of ledger.statuses) {
    const known = state.statuses.get(id);
    const isSame =
      known !== undefined && JSON.stringify(sorted(statusRecordOf(known))) === textOf(record);
    if (!isSame) accuse("S9", `the manager's memory of ${id} is not what the store says`);
  }
  for (const id of state.statuses.keys()) {
    if (!ledger.statuses.has(id)) accuse("S9", `the manager remembers ${id}, which is no more`);
  }
  for (const [node, { leaseEpoch }] of state.nodes) {
    if (leaseEpoch === ledger.leases.get(node)?.epoch) continue;
    accuse("S9", `the manager's memory of the lease of ${node} is not what the store says`);
  }
}

function textOf(record: StatusRecord): string {
  return JSON.stringify(sorted(JSON.parse(JSON.stringify(record))));
}

/** The same value with the fields of its objects in order of name. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([left], [right]) => compareIds(left, right));
  return Object.fromEntries(entries.map(([name, field]) => [name, sorted(field)]));
}
