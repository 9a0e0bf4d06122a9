/**
 * What rules and room say about a service's place, worked out from the store's records in the plainest way: a second
 * opinion, which shares nothing with the placement of the core.
 */
import { type NodeId, nodeOfInstance, type ServiceId } from "../../../core/ids.ts";
import type { JsonValue, StoreChange } from "../../../ports/store.ts";
import {
  groupRecordSchema,
  keys,
  type RuleRecord,
  rejectedRulesRecordSchema,
  ruleRecordSchema,
  type StatusRecord,
} from "../../../wire/records.ts";
import type { Ledger } from "../ledger.ts";

type Rule = RuleRecord["rule"];
type Group = ReturnType<typeof groupRecordSchema.parse>["group"];

/** States in which a service weighs on its node for those that must be apart from it. */
const presentStates: ReadonlySet<string> = new Set([
  "started",
  "request_stop",
  "fence",
  "freeze",
  "error",
  "recovery",
  "migrate",
  "relocate",
]);
/** States in which its memory is spoken for on its node. */
const committedStates: ReadonlySet<string> = new Set([
  "request_start",
  "request_start_balance",
  "started",
  "request_stop",
  "freeze",
  "migrate",
  "relocate",
  "error",
]);

/** Rules and groups as the store has them. */
export class PlacementFacts {
  readonly #ledger: Ledger;
  readonly #rules = new Map<string, Rule>();
  readonly #groups = new Map<string, Group>();
  #rejected: ReadonlySet<string> = new Set();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  apply(change: StoreChange): void {
    const key = change.kind === "put" ? change.entry.key : change.key;
    const value = change.kind === "put" ? change.entry.value : undefined;
    if (key.startsWith(keys.rules)) this.#applyRule(key, value);
    else if (key.startsWith(keys.groups)) this.#applyGroup(key, value);
    else if (key === keys.rejectedRules && value !== undefined) {
      const { rejections } = rejectedRulesRecordSchema.parse(value);
      this.#rejected = new Set(rejections.map(({ rule }) => rule));
    }
  }

  /** Which strict rule or group forbids the node; undefined: none does. */
  forbiddenBy(service: ServiceId, node: NodeId): string | undefined {
    for (const rule of this.#rules.values()) {
      if (rule.type !== "node-affinity" || !rule.strict || !this.#counts(rule)) continue;
      if (!rule.services.includes(service)) continue;
      if (!rule.nodes.some((listed) => listed.node === node)) return rule.name;
    }
    const name = this.#ledger.services.get(service)?.config.group;
    const group = name === undefined ? undefined : this.#groups.get(name);
    if (group === undefined || !group.restricted || this.#rejected.has(`group ${name}`)) {
      return undefined;
    }
    return group.nodes.some((listed) => listed.node === node) ? undefined : `group ${name}`;
  }

  /**
   * The taint of the node that the service does not tolerate, or what a person wants of the node; undefined: it is open.
   * `status`: where the service was; a disabled node keeps what it has.
   */
  closedBy(service: ServiceId, node: NodeId, status: StatusRecord | undefined): string | undefined {
    const { mode = "enabled" } = this.#ledger.nodes.get(node) ?? {};
    const isThere = status?.node === node;
    const isOwn = nodeOfInstance(service) === node;
    if (mode === "offline" || (mode === "disabled" && !isThere)) return mode;
    if (mode === "flushed" && !(isOwn && isThere)) return mode;
    if (isOwn) return undefined; // its deployment's constraint decides
    const { tolerations = [] } = this.#ledger.services.get(service)?.config ?? {};
    return this.#ledger.nodes.get(node)?.taints.find((taint) => !tolerations.includes(taint));
  }

  /** Whether the service's volumes are on another node, which is in the cluster. */
  boundElsewhere(service: ServiceId, status: StatusRecord | undefined, node: NodeId): boolean {
    const { volumes = [] } = this.#ledger.services.get(service)?.config ?? {};
    const bound = status?.boundTo;
    if (volumes.length === 0 || bound === undefined || bound === node) return false;
    return this.#ledger.nodes.has(bound);
  }

  /**
   * A service on the node, or on its way there, that this one must be apart from; undefined: none. `passing`: those
   * that came there at the same time without being about to run.
   */
  counterpartOn(
    service: ServiceId,
    node: NodeId,
    passing: ReadonlySet<ServiceId>,
  ): ServiceId | undefined {
    for (const rule of this.#rules.values()) {
      if (rule.type !== "resource-affinity" || rule.affinity !== "negative") continue;
      if (!this.#counts(rule) || !rule.services.includes(service)) continue;
      const found = rule.services.find(
        (other) => other !== service && !passing.has(other) && this.#isOn(other, node),
      );
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Whether any rule relates the service to others. */
  isRelated(service: ServiceId): boolean {
    for (const rule of this.#rules.values()) {
      if (rule.type === "resource-affinity" && rule.services.includes(service)) return true;
    }
    return false;
  }

  /**
   * Memory that is missing on the node for all that is placed there, in bytes; 0 or less: none. `without`: those that
   * came at the same time and ask for no room.
   */
  overcommittedBytes(node: NodeId, without: ReadonlySet<ServiceId> = new Set()): number {
    const capacity = this.#ledger.nodes.get(node)?.capacity?.memoryBytes;
    if (capacity === undefined) return 0;
    let bytes = -capacity;
    for (const [service, status] of this.#ledger.statuses) {
      if (!commits(status, node) || without.has(service)) continue;
      bytes += this.#ledger.services.get(service)?.config.limits?.memoryBytes ?? 0;
    }
    return bytes;
  }

  #isOn(service: ServiceId, node: NodeId): boolean {
    const status = this.#ledger.statuses.get(service);
    if (status === undefined) return false;
    if (status.target === node) return true;
    return status.node === node && presentStates.has(status.state);
  }

  #counts(rule: Rule): boolean {
    return !rule.disabled && !this.#rejected.has(rule.name);
  }

  #applyRule(key: string, value: JsonValue | undefined): void {
    if (value === undefined) this.#rules.delete(key.slice(keys.rules.length));
    else this.#rules.set(key.slice(keys.rules.length), ruleRecordSchema.parse(value).rule);
  }

  #applyGroup(key: string, value: JsonValue | undefined): void {
    if (value === undefined) this.#groups.delete(key.slice(keys.groups.length));
    else this.#groups.set(key.slice(keys.groups.length), groupRecordSchema.parse(value).group);
  }
}

function commits(status: StatusRecord, node: NodeId): boolean {
  return status.target === node || (status.node === node && committedStates.has(status.state));
}
