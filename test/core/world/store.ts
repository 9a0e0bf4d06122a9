/** The store of a random world and the manager over it, which may be told late, die in mid-write and be replaced. */
import assert from "node:assert/strict";
import { epochOf, type ServiceId } from "../../../src/core/ids.ts";
import type { ArmingMode } from "../../../src/core/manager/event.ts";
import {
  createManagerState,
  type ManagerEffect,
  type ManagerEvent,
  type ManagerState,
  stepAll,
} from "../../../src/core/manager/step.ts";
import type { Freeze } from "../../../src/core/model/freeze.ts";
import type { NodeRegistration, NodeState } from "../../../src/core/model/node.ts";
import type { PlacementGroup, Rule } from "../../../src/core/model/rule.ts";
import {
  isPlaced,
  type Service,
  type ServiceCommand,
  type ServiceReport,
  type ServiceStatus,
} from "../../../src/core/model/service.ts";
import { type ClusterSettings, defaultSettings } from "../../../src/core/model/settings.ts";
import { durationMs, instantMs } from "../../../src/core/time.ts";
import { nodeId, registration } from "../manager-harness.ts";
import { WorldNode } from "./node.ts";

/** The store with its manager: what is written, what the manager knows, and how it learns. */
export class WorldStore {
  readonly nodes: readonly WorldNode[];
  readonly services = new Map<ServiceId, Service>();
  readonly statuses = new Map<ServiceId, ServiceStatus>();
  readonly reports = new Map<ServiceId, ServiceReport>();
  readonly commands = new Map<ServiceId, ServiceCommand>();
  readonly rules = new Map<string, Rule>();
  readonly groups = new Map<string, PlacementGroup>();
  /** Reports on their way, in any order. */
  readonly mail: ServiceReport[] = [];
  /** `fence-node` effects that the store has not answered yet. */
  readonly fencings: { readonly node: string; readonly epoch: number }[] = [];
  readonly story: string[] = [];
  settings: ClusterSettings = { ...defaultSettings, goneAfterMs: durationMs(50) };
  arming: ArmingMode = "armed";
  frozen: Freeze | undefined;
  /** Events that the manager has not been told yet: it learns them together. */
  isLate = false;
  /** The manager dies after so many more effects. */
  effectsLeft = Number.POSITIVE_INFINITY;
  protected late: ManagerEvent[] = [];
  protected readonly nodeStates = new Map<string, NodeState>();
  manager: ManagerState = createManagerState({ uidPrefix: "e0" });
  protected elections = 0;
  protected commandCount = 0;
  protected statusCount = 0;
  protected nowMs = 0;
  protected wakeAtMs: number | undefined = undefined;

  constructor(nodeCount: number) {
    this.nodes = Array.from({ length: nodeCount }, (_, index) => new WorldNode(`node${index + 1}`));
    this.restartManager();
  }

  /** A new manager takes over with nothing but what is in the store. */
  restartManager(): void {
    this.story.push("a new manager");
    this.fencings.length = 0;
    this.late = [];
    this.effectsLeft = Number.POSITIVE_INFINITY;
    this.elections += 1;
    this.manager = createManagerState({ uidPrefix: `e${this.elections}` });
    for (const event of this.stored()) this.decide([event]);
    this.decide([{ kind: "loaded" }]);
  }

  /** All that is in the store, in the order in which a manager loads it. */
  protected *stored(): Iterable<ManagerEvent> {
    yield { kind: "settings-changed", settings: this.settings };
    for (const group of this.groups.values()) yield { kind: "group-changed", group };
    for (const rule of this.rules.values()) yield { kind: "rule-changed", rule };
    yield { kind: "arming-changed", mode: this.arming };
    if (this.frozen !== undefined) yield { kind: "freeze-changed", freeze: this.frozen };
    for (const node of this.nodes) {
      if (node.registered) yield { kind: "node-changed", node: this.registration(node) };
    }
    for (const node of this.nodes) {
      const state = this.nodeStates.get(node.name);
      const epoch = epochOf(node.epoch);
      if (state !== undefined)
        yield { kind: "node-state-loaded", node: nodeId(node.name), state, epoch };
      if (node.epoch > 0) yield { kind: "agent-mode", node: nodeId(node.name), mode: node.mode };
    }
    for (const node of this.nodes) if (node.lease !== undefined) yield this.leaseGranted(node);
    for (const known of this.services.values()) yield { kind: "service-changed", service: known };
    for (const status of this.statuses.values()) yield { kind: "status-loaded", status };
    for (const report of this.reports.values()) yield { kind: "report", report };
    for (const [id, command] of this.commands) yield { kind: "command", service: id, command };
  }

  send(event: ManagerEvent): void {
    this.late.push(event);
    if (!this.isLate) this.flush();
  }

  /** The manager learns what it has not been told yet, all at once. */
  flush(): void {
    const events = this.late;
    this.late = [];
    this.decide(events);
  }

  protected decide(events: readonly ManagerEvent[]): void {
    if (events.length === 0) return;
    this.nowMs += 1;
    for (const event of events) this.story.push(`  ${JSON.stringify(event)}`);
    try {
      const { effects, wakeAtMs } = stepAll(this.manager, events, instantMs(this.nowMs));
      this.wakeAtMs = wakeAtMs;
      for (const effect of effects) {
        if (this.effectsLeft <= 0) {
          this.restartManager();
          return;
        }
        this.effectsLeft -= 1;
        this.persist(effect);
      }
    } catch (error) {
      throw new Error(`${String(error)}\n${this.story.join("\n")}`, { cause: error });
    }
  }

  protected persist(effect: ManagerEffect): void {
    switch (effect.kind) {
      case "put-status": {
        for (const { node, epoch } of effect.conditions) {
          // In this world the manager has been told everything when it decides: a condition always holds.
          assert.equal(this.node(node).epoch, epoch, "S4: the node's epoch is the condition's");
        }
        const last = effect.path.at(-1);
        assert.ok(last);
        this.checkPlace(this.statuses.get(effect.service), last);
        this.statuses.set(effect.service, last);
        this.statusCount += 1;
        const path = effect.path.map((status) => {
          if (!isPlaced(status)) return status.state;
          const target = "target" in status ? `->${status.target}` : "";
          return `${status.state} ${status.node}${target}`;
        });
        this.story.push(`${effect.service}: ${path.join(", ")}`);
        return;
      }
      case "put-node-state":
        this.nodeStates.set(effect.node, effect.path.at(-1)?.to ?? "unknown");
        this.story.push(`${effect.node}: ${effect.path.map(({ to }) => to).join(", ")}`);
        return;
      case "forget-service":
        this.statuses.delete(effect.service);
        this.services.delete(effect.service);
        this.reports.delete(effect.service);
        this.commands.delete(effect.service);
        return;
      case "forget-node": {
        const node = this.node(effect.node);
        assert.equal(
          node.registered || node.lease !== undefined,
          false,
          "only what is gone is forgotten",
        );
        this.nodeStates.delete(effect.node);
        node.epoch = 0;
        node.mode = "active";
        this.story.push(`${effect.node} is forgotten`);
        return;
      }
      case "purge-node":
        this.purge(effect);
        return;
      case "fence-node":
        this.fencings.push(effect);
        return;
      case "finish-command":
        if (this.commands.get(effect.service)?.id === effect.commandId) {
          this.commands.delete(effect.service);
        }
        return;
      case "set-requested": {
        const known = this.services.get(effect.service);
        assert.ok(known);
        this.services.set(effect.service, { ...known, requested: effect.requested });
        return;
      }
      case "end-freeze":
        this.frozen = undefined; // the store's word for it is no news
        return;
      case "put-arming-state":
      case "put-rejected-rules":
      case "announce":
        return;
    }
  }

  /** The store's transaction, which nothing stands against: the manager has been told everything. */
  private purge({ node: name, epoch }: Extract<ManagerEffect, { kind: "purge-node" }>): void {
    const node = this.node(name);
    assert.equal(node.lease, undefined, "only what is lost is purged");
    assert.ok(
      node.registered && !node.maintenance && node.personMode !== "offline",
      "of the cluster, and not away by a person's will",
    );
    assert.equal(node.epoch, epoch);
    const others = this.nodes.filter(({ registered }) => registered);
    const missing = others.filter(({ lease, maintenance, mode, personMode }) => {
      const isAway = maintenance || mode === "maintenance" || personMode === "offline";
      return lease === undefined && !isAway;
    });
    assert.ok(missing.length * 2 <= others.length, "most nodes are there");
    for (const id of node.copies.keys()) {
      const status = this.statuses.get(id);
      const isThere = status !== undefined && isPlaced(status) && status.node === name;
      assert.ok(!isThere, `${id} does not run on what is purged`);
    }
    node.registered = false;
    node.confirmedOff = 0;
    node.personMode = "enabled";
    this.story.push(`${name} is purged`);
    this.late.push({ kind: "node-removed", node: nodeId(name) });
  }

  /** S8: nothing goes to a node that is closed to it, or away from its volumes, unless a person has moved it. */
  private checkPlace(before: ServiceStatus | undefined, next: ServiceStatus): void {
    const service = this.services.get(next.service);
    if (service === undefined || !isPlaced(next) || next.reason.code === "located") return;
    const was = before !== undefined && isPlaced(before) ? before : undefined;
    const place = "target" in next ? next.target : next.node;
    if (place === was?.node || (was !== undefined && "target" in was && place === was.target))
      return;
    const { personMode } = this.node(place);
    assert.equal(personMode, "enabled", `S8: ${next.service} goes to ${place}, ${personMode}`);
    const taint = this.node(place).taints.find((one) => !service.tolerations.includes(one));
    assert.equal(taint, undefined, `S8: ${next.service} goes to ${place} despite ${taint}`);
    const bound = service.volumes.length > 0 ? was?.boundTo : undefined;
    const isBound = bound !== undefined && bound !== place && this.node(bound).registered;
    assert.ok(!isBound, `S8: ${next.service} goes to ${place}, its volumes are on ${bound}`);
  }

  node(name: string): WorldNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    assert.ok(node, name);
    return node;
  }

  protected registration(node: WorldNode): NodeRegistration {
    const { maintenance, memoryBytes, personMode: mode, taints } = node;
    return registration(node.name, {
      confirmedOffEpoch: epochOf(node.confirmedOff),
      maintenance,
      mode,
      taints,
      capacity: memoryBytes === undefined ? undefined : { cpuCores: 4, memoryBytes },
    });
  }

  protected leaseGranted(node: WorldNode): ManagerEvent {
    const { resets: resetsOnLoss, epoch } = node;
    const name = nodeId(node.name);
    return { kind: "lease-granted", node: name, epoch: epochOf(epoch), resetsOnLoss };
  }
}
