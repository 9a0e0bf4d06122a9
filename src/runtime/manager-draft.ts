/**
 * Turns the manager's effects into transactions: as many effects as fit, in their order, each transaction
 * conditional on the election (S5) and on the epochs that the effects rest on (S4).
 */
import { assertNever } from "../core/assert.ts";
import type { Reason } from "../core/explain/reason.ts";
import type { FleetEffect } from "../core/fleet/effect.ts";
import type { ManagerEffect, NodeTransition } from "../core/manager/effect.ts";
import type { EpochCondition } from "../core/model/epoch-condition.ts";
import { isMoving, isPlaced, type ServiceStatus } from "../core/model/service.ts";
import { mutated } from "../core/mutation.ts";
import type { InstantMs } from "../core/time.ts";
import type { Compare, JsonValue, Operation, StoreRevision, Txn } from "../ports/store.ts";
import { keys } from "../wire/records.ts";
import { type EventFacts, eventOperations } from "./event-operations.ts";
import { fleetPartOf, guardedKeysOf } from "./fleet/fleet-draft.ts";
import type { FleetMirror } from "./fleet/fleet-mirror.ts";
import { leftBehind } from "./fleet/left-behind.ts";
import type { ManagerMirror } from "./manager-mirror.ts";
import { jsonOf, statusRecordOf } from "./manager-records.ts";

/** Operations of one transaction, about. */
export const draftOperationsMax = 200;

type FenceEffect = Extract<ManagerEffect, { kind: "fence-node" }>;
type TellingEffect = Extract<
  ManagerEffect,
  { kind: "put-arming-state" | "put-rejected-rules" | "announce" }
>;
type StatusEffect = Extract<ManagerEffect, { kind: "put-status" }>;

/** What the two core machines of the manager's office want written, in one queue. */
export type OfficeEffect = ManagerEffect | FleetEffect;

/** What the next transaction is to be; `stale`: the mirror has moved past what an effect rests on. */
export type Draft =
  | { readonly kind: "write"; readonly txn: Txn; readonly effectCount: number }
  | { readonly kind: "fence"; readonly txn: Txn; readonly effect: FenceEffect }
  | { readonly kind: "stale"; readonly because: string };

export interface DraftOptions {
  readonly mirror: ManagerMirror;
  /** What effects of the fleet rest on. */
  readonly fleet: FleetMirror;
  /** Revision that made the key `manager`. */
  readonly createRevision: StoreRevision;
  readonly now: InstantMs;
  /** Number of the next event; each call takes one. */
  readonly nextSequence: () => number;
}

/** Makes one transaction of the first effects of a queue that is not empty. */
export function draftOf(effects: readonly OfficeEffect[], options: DraftOptions): Draft {
  const [first] = effects;
  if (first?.kind === "fence-node") return fenceDraft(first, options);
  const draft = new DraftBuilder(options);
  let effectCount = 0;
  for (const effect of effects) {
    if (effect.kind === "fence-node") break;
    // A command's end stays with the effect before it, so that it cannot be carried out twice.
    if (draft.isFull() && effect.kind !== "finish-command") break;
    // What one effect of the fleet has written, the next one's conditions must see: that is for the next transaction.
    if (effect.kind === "fleet" && draft.touches(guardedKeysOf(effect))) break;
    const stale = draft.add(effect);
    if (stale !== undefined) return { kind: "stale", because: stale };
    effectCount += 1;
  }
  return { kind: "write", txn: draft.txn(), effectCount };
}

function fenceDraft(effect: FenceEffect, options: DraftOptions): Draft {
  const { node, epoch } = effect;
  const compare = compareEpoch({ node, epoch }, options.mirror);
  if (compare === undefined) {
    // Somebody raised it first: the watch has told the core, and there is nothing to fence.
    return { kind: "write", txn: { compare: [], then: [] }, effectCount: 1 };
  }
  return {
    kind: "fence",
    effect,
    txn: {
      compare: [
        election(options.createRevision),
        { kind: "absent", key: `${keys.leases}${node}` },
        compare,
      ],
      then: [
        { kind: "put", key: `${keys.epochs}${node}`, value: { version: 1, epoch: epoch + 1 } },
      ],
    },
  };
}

/** The store's word for "the node's epoch is still this one"; undefined: the mirror knows that it is not. */
function compareEpoch(condition: EpochCondition, mirror: ManagerMirror): Compare | undefined {
  const key = `${keys.epochs}${condition.node}`;
  const mirrored = mirror.epochOf(condition.node);
  if (mirrored === undefined) {
    return condition.epoch === 0 ? { kind: "absent", key } : undefined;
  }
  if (mirrored.epoch !== condition.epoch) return undefined;
  return { kind: "modified-at", key, revision: mirrored.revision };
}

/** The manager's election, which every write of it names (S5). */
export function election(revision: StoreRevision): Compare {
  return { kind: "created-at", key: keys.manager, revision };
}

class DraftBuilder {
  readonly #options: DraftOptions;
  readonly #compares = new Map<string, Compare>();
  /** By key: a later effect's word replaces an earlier one's, as both happen at once. */
  readonly #operations = new Map<string, Operation>();

  constructor(options: DraftOptions) {
    this.#options = options;
    if (!mutated("S5-no-election")) {
      this.#compares.set(keys.manager, election(options.createRevision));
    }
  }

  isFull(): boolean {
    return this.#operations.size >= draftOperationsMax;
  }

  txn(): Txn {
    return { compare: [...this.#compares.values()], then: [...this.#operations.values()] };
  }

  touches(guarded: readonly string[]): boolean {
    return guarded.some((key) => this.#operations.has(key) || this.#compares.has(key));
  }

  /** Adds an effect; the answer says why it no longer holds. */
  add(effect: Exclude<OfficeEffect, FenceEffect>): string | undefined {
    switch (effect.kind) {
      case "fleet":
        return this.#addFleet(effect);
      case "put-status":
        return this.#putStatus(effect);
      case "put-node-state":
        this.#putNodeState(effect.node, effect.path);
        return undefined;
      case "forget-service":
        return this.#forgetService(effect);
      case "set-requested":
        return this.#setRequested(effect);
      case "finish-command":
        this.#finishCommand(effect);
        return undefined;
      case "forget-node":
        this.#forgetNode(effect);
        return undefined;
      case "purge-node":
        return this.#purgeNode(effect);
      case "end-freeze":
        this.#endFreeze(effect.reason);
        return undefined;
      case "put-arming-state":
      case "put-rejected-rules":
      case "announce":
        this.#tell(effect);
        return undefined;
      default:
        return assertNever(effect);
    }
  }

  #addFleet(effect: FleetEffect): string | undefined {
    const { fleet, mirror, now } = this.#options;
    const part = fleetPartOf(effect, {
      mirror: fleet,
      now,
      compareEpoch: (condition) => compareEpoch(condition, mirror),
    });
    if (!part.ok) return part.error;
    for (const compare of part.value.compare) this.#compares.set(compare.key, compare);
    for (const operation of part.value.operations) this.#operations.set(operation.key, operation);
    for (const facts of part.value.events) this.#event(facts);
    return undefined;
  }

  #putStatus(effect: StatusEffect): string | undefined {
    for (const condition of effect.conditions) {
      const compare = compareEpoch(condition, this.#options.mirror);
      if (compare === undefined) return `the epoch of ${condition.node} is not ${condition.epoch}`;
      this.#compares.set(compare.key, compare);
    }
    let from: ServiceStatus | undefined = effect.from;
    let last: ServiceStatus = effect.path[0];
    for (const status of effect.path) {
      this.#event({
        kind: "service",
        subject: effect.service,
        from: from?.state,
        to: status.state,
        node: isPlaced(status) ? status.node : undefined,
        target: isMoving(status) ? status.target : undefined,
        reason: status.reason,
      });
      from = status;
      last = status;
    }
    this.#put(`${keys.statuses}${effect.service}`, statusRecordOf(last));
    return undefined;
  }

  #putNodeState(node: string, path: readonly [NodeTransition, ...NodeTransition[]]): void {
    let last: NodeTransition = path[0];
    for (const transition of path) {
      const { from, to, reason } = transition;
      this.#event({ kind: "node", subject: node, from, to, reason });
      last = transition;
    }
    const record = { version: 1, state: last.to, sinceMs: this.#options.now, reason: last.reason };
    this.#put(`${keys.nodeStates}${node}`, jsonOf(record));
  }

  #forgetService(effect: Extract<ManagerEffect, { kind: "forget-service" }>): string | undefined {
    const { service, from, reason } = effect;
    const configuration = this.#options.mirror.serviceOf(service);
    if (configuration !== undefined) {
      // Somebody who added it anew in the meantime keeps it.
      if (!configuration.record.removing) return `${service} is no longer being removed`;
      const key = `${keys.services}${service}`;
      this.#compares.set(key, { kind: "modified-at", key, revision: configuration.revision });
      this.#delete(key);
    }
    this.#delete(`${keys.statuses}${service}`);
    this.#delete(`${keys.reports}${service}`);
    this.#delete(`${keys.commands}${service}`);
    this.#delete(`${keys.usages}${service}`);
    this.#event({ kind: "service", subject: service, from: from?.state, to: "removed", reason });
    return undefined;
  }

  /** Deletes the order itself, and never a newer one, which somebody was told is written (S6). */
  #finishCommand(effect: Extract<ManagerEffect, { kind: "finish-command" }>): void {
    const { service, commandId, reason } = effect;
    const pending = this.#options.mirror.commandOf(service);
    if (pending?.id === commandId) {
      const key = `${keys.commands}${service}`;
      this.#compares.set(key, { kind: "modified-at", key, revision: pending.revision });
      this.#delete(key);
    }
    if (reason.code === "command-refused") {
      this.#event({ kind: "command", subject: service, reason });
    }
  }

  /** Whoever registered it again, or holds a lease for it, in the meantime keeps its epoch (S4). */
  #forgetNode({ node, reason }: Extract<ManagerEffect, { kind: "forget-node" }>): void {
    for (const key of [`${keys.nodes}${node}`, `${keys.leases}${node}`]) {
      this.#compares.set(key, { kind: "absent", key });
    }
    this.#delete(`${keys.nodeStates}${node}`);
    this.#delete(`${keys.epochs}${node}`);
    this.#delete(`${keys.agentModes}${node}`);
    this.#event({ kind: "node", subject: node, from: "gone", to: "forgotten", reason });
  }

  /** The node itself stays known as `gone` until nothing names it; its machine is turned away from here on. */
  #purgeNode(effect: Extract<ManagerEffect, { kind: "purge-node" }>): string | undefined {
    const { node, epoch, because, reason } = effect;
    const { mirror, now } = this.#options;
    const registration = mirror.nodeOf(node);
    const compare = compareEpoch({ node, epoch }, mirror);
    if (registration === undefined) return `node ${node} is registered no longer`;
    if (compare === undefined) return `the epoch of ${node} is not ${epoch}`;
    const key = `${keys.nodes}${node}`;
    const leaseKey = `${keys.leases}${node}`;
    const { identity, revision } = registration;
    this.#compares.set(compare.key, compare);
    this.#compares.set(leaseKey, { kind: "absent", key: leaseKey });
    this.#compares.set(key, { kind: "modified-at", key, revision });
    this.#delete(key);
    const removed = { version: 1, node, identity, epoch, because, atMs: now };
    this.#put(`${keys.removedNodes}${node}`, jsonOf(removed));
    const membership = leftBehind(node, { mirror: this.#options.fleet, now });
    for (const condition of membership.compare) this.#compares.set(condition.key, condition);
    for (const operation of membership.operations) this.#operations.set(operation.key, operation);
    this.#event({ kind: "node", subject: node, reason });
    return undefined;
  }

  /** A freeze that was made or changed in the meantime stays. */
  #endFreeze(reason: Reason): void {
    const { mirror, now } = this.#options;
    const stored = mirror.freeze();
    if (stored?.untilMs === undefined || now < stored.untilMs) return;
    const key = keys.freeze;
    this.#compares.set(key, { kind: "modified-at", key, revision: stored.revision });
    this.#delete(key);
    this.#event({ kind: "cluster", subject: "cluster", reason });
  }

  /** What concerns the cluster as a whole. */
  #tell(effect: TellingEffect): void {
    switch (effect.kind) {
      case "put-arming-state": {
        const { state, reason } = effect;
        const record = { version: 1, state, sinceMs: this.#options.now, reason };
        this.#put(keys.armingState, jsonOf(record));
        this.#event({ kind: "cluster", subject: "cluster", reason });
        return;
      }
      case "put-rejected-rules":
        this.#put(keys.rejectedRules, jsonOf({ version: 1, rejections: effect.rejections }));
        return;
      case "announce": {
        const { subject, reason } = effect;
        const isOfRule = reason.code === "rule-rejected" || reason.code === "rule-in-force";
        const kind = isOfRule ? "rule" : reason.code === "node-mode" ? "node" : "cluster";
        this.#event({ kind, subject, reason });
        return;
      }
      default:
        assertNever(effect);
    }
  }

  #setRequested(effect: Extract<ManagerEffect, { kind: "set-requested" }>): string | undefined {
    const { service, requested, reason } = effect;
    const configuration = this.#options.mirror.serviceOf(service);
    if (configuration === undefined) return `${service} has no configuration any more`;
    const { record, revision } = configuration;
    const key = `${keys.services}${service}`;
    this.#compares.set(key, { kind: "modified-at", key, revision });
    this.#put(key, jsonOf({ ...record, config: { ...record.config, state: requested } }));
    this.#event({ kind: "service", subject: service, reason });
    return undefined;
  }

  #event(facts: EventFacts): void {
    const place = { sequence: this.#options.nextSequence(), now: this.#options.now };
    for (const operation of eventOperations(facts, place)) {
      this.#operations.set(operation.key, operation);
    }
  }

  #put(key: string, value: JsonValue): void {
    this.#operations.set(key, { kind: "put", key, value });
  }

  #delete(key: string): void {
    this.#operations.set(key, { kind: "delete", key });
  }
}
