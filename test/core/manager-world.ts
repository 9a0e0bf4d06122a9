/**
 * A dumb world around the manager for property tests: a store that persists its effects, nodes with leases, and
 * agents that do what an agent does, each step of it at a moment that the test chooses. It counts what really
 * runs, so that it can tell whether the manager ever lets two copies live.
 */
import assert from "node:assert/strict";
import { epochOf, type ServiceId } from "../../src/core/ids.ts";
import {
  createManagerState,
  type ManagerEffect,
  type ManagerEvent,
  type ManagerState,
  step,
} from "../../src/core/manager/step.ts";
import type { NodeRegistration } from "../../src/core/model/node.ts";
import {
  isPlaced,
  type PlacedStatus,
  type RequestedState,
  type Service,
  type ServiceReport,
  type ServiceStatus,
} from "../../src/core/model/service.ts";
import { defaultSettings } from "../../src/core/model/settings.ts";
import { instantMs } from "../../src/core/time.ts";
import { nodeId, registration, service } from "./manager-harness.ts";

interface WorldNode {
  readonly name: string;
  epoch: number;
  confirmedOff: number;
  leaseEpoch: number | undefined;
  /** Powered and reaching the store: asks for a lease when it has none. */
  up: boolean;
  /** What runs: service, and whether the copy outlives the lease. */
  readonly copies: Map<ServiceId, { keep: boolean }>;
  /** Uids that were executed. */
  readonly done: Set<string>;
}

export class World {
  readonly nodes: readonly WorldNode[];
  readonly services = new Map<ServiceId, Service>();
  readonly statuses = new Map<ServiceId, ServiceStatus>();
  readonly reports = new Map<ServiceId, ServiceReport>();
  /** Reports on their way, in any order. */
  readonly mail: ServiceReport[] = [];
  /** `fence-node` effects that the store has not answered yet. */
  readonly fencings: { readonly node: string; readonly epoch: number }[] = [];
  readonly story: string[] = [];
  private manager: ManagerState;
  private elections = 0;
  private nowMs = 0;
  private wakeAtMs: number | undefined = undefined;

  constructor(nodeCount: number) {
    this.nodes = Array.from({ length: nodeCount }, (_, index) => ({
      name: `node${index + 1}`,
      epoch: 0,
      confirmedOff: 0,
      leaseEpoch: undefined,
      up: false,
      copies: new Map<ServiceId, { keep: boolean }>(),
      done: new Set<string>(),
    }));
    this.manager = this.load();
  }

  /** A new manager takes over with nothing but what is in the store. */
  restartManager(): void {
    this.fencings.length = 0;
    this.manager = this.load();
    this.send({ kind: "loaded" });
  }

  private load(): ManagerState {
    this.elections += 1;
    this.manager = createManagerState({ uidPrefix: `e${this.elections}` });
    this.send({ kind: "settings-changed", settings: defaultSettings });
    for (const node of this.nodes) {
      this.send({ kind: "node-changed", node: this.registration(node) });
      const state = node.leaseEpoch === undefined ? "unknown" : "online";
      const epoch = epochOf(node.epoch);
      this.send({ kind: "node-state-loaded", node: nodeId(node.name), state, epoch });
      if (node.leaseEpoch !== undefined) {
        this.send({
          kind: "lease-granted",
          node: nodeId(node.name),
          epoch: epochOf(node.leaseEpoch),
        });
      }
    }
    for (const known of this.services.values())
      this.send({ kind: "service-changed", service: known });
    for (const status of this.statuses.values()) this.send({ kind: "status-loaded", status });
    for (const report of this.reports.values()) this.send({ kind: "report", report });
    return this.manager;
  }

  send(event: ManagerEvent): void {
    this.nowMs += 1;
    this.story.push(`  ${JSON.stringify(event)}`);
    try {
      const { effects, wakeAtMs } = step(this.manager, event, instantMs(this.nowMs));
      this.wakeAtMs = wakeAtMs;
      for (const effect of effects) this.persist(effect);
    } catch (error) {
      throw new Error(this.story.join("\n"), { cause: error });
    }
  }

  private persist(effect: ManagerEffect): void {
    switch (effect.kind) {
      case "put-status": {
        for (const { node, epoch } of effect.conditions) {
          // In this world the manager's mirror is never behind, so a condition always holds.
          assert.equal(this.node(node).epoch, epoch, "S4: the node's epoch is the condition's");
        }
        const last = effect.path.at(-1);
        assert.ok(last);
        this.statuses.set(effect.service, last);
        this.story.push(
          `${effect.service}: ${effect.path.map((status) => status.state).join(" ")}`,
        );
        return;
      }
      case "forget-service":
        this.statuses.delete(effect.service);
        this.services.delete(effect.service);
        this.reports.delete(effect.service);
        return;
      case "fence-node":
        this.fencings.push(effect);
        return;
      case "set-requested": {
        const known = this.services.get(effect.service);
        assert.ok(known);
        this.services.set(effect.service, { ...known, requested: effect.requested });
        return;
      }
      default:
        return;
    }
  }

  node(name: string): WorldNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    assert.ok(node, name);
    return node;
  }

  private registration(node: WorldNode): NodeRegistration {
    return registration(node.name, { confirmedOffEpoch: epochOf(node.confirmedOff) });
  }

  // What can happen to nodes.

  /** The node asks for a lease and gets it, if its old one is gone. */
  join(node: WorldNode): void {
    node.up = true;
    if (node.leaseEpoch !== undefined) return;
    node.epoch += 1;
    node.leaseEpoch = node.epoch;
    this.story.push(`${node.name}: lease ${node.epoch}`);
    this.send({ kind: "lease-granted", node: nodeId(node.name), epoch: epochOf(node.epoch) });
  }

  /** Power cut: everything on it is dead at once; its lease lives on until it expires. */
  powerOff(node: WorldNode): void {
    node.up = false;
    node.copies.clear();
    // An agent that boots again in the same epoch finds nothing running and brings its own up again.
    node.done.clear();
    this.story.push(`${node.name}: power off`);
  }

  /** Cut off from the store: copies live on until the watchdog acts. */
  isolate(node: WorldNode): void {
    node.up = false;
    this.story.push(`${node.name}: isolated`);
  }

  /** The lease expires: the watchdog has killed all that does not outlive it (S3) just before. */
  expire(node: WorldNode): void {
    if (node.up || node.leaseEpoch === undefined) return;
    for (const [id, copy] of [...node.copies]) if (!copy.keep) node.copies.delete(id);
    const epoch = epochOf(node.leaseEpoch);
    node.leaseEpoch = undefined;
    this.story.push(`${node.name}: lease ${epoch} gone`);
    this.send({ kind: "lease-gone", node: nodeId(node.name), epoch });
  }

  /** A person pulls the plug of a node without a lease and says so. */
  confirmOff(node: WorldNode): void {
    if (node.leaseEpoch !== undefined) return;
    this.powerOff(node);
    node.confirmedOff = node.epoch;
    this.send({ kind: "node-changed", node: this.registration(node) });
  }

  answerFencing(index: number): void {
    const [asked] = this.fencings.splice(index % Math.max(this.fencings.length, 1), 1);
    if (asked === undefined) return;
    const node = this.node(asked.node);
    if (node.leaseEpoch !== undefined || node.epoch !== asked.epoch) return;
    node.epoch += 1;
    this.send({ kind: "node-fenced", node: nodeId(node.name), epoch: epochOf(node.epoch) });
  }

  // What agents do.

  /** The node's agent executes the current instruction for one service, after the linearizable read of S2. */
  act(node: WorldNode, id: ServiceId): void {
    const status = this.statuses.get(id);
    if (!node.up || node.leaseEpoch === undefined || status === undefined) return;
    if (!isPlaced(status) || status.node !== node.name || status.nodeEpoch !== node.leaseEpoch)
      return;
    if (node.done.has(status.uid)) return;
    this.execute(node, status);
  }

  private execute(node: WorldNode, status: PlacedStatus): void {
    const id = status.service;
    const running = node.copies.get(id);
    switch (status.state) {
      case "started":
        node.copies.set(id, { keep: status.survivesIsolation });
        break;
      case "ignored":
        if (running !== undefined) running.keep = true;
        break;
      case "request_stop":
      case "stopped":
      case "migrate":
      case "relocate":
        node.copies.delete(id);
        break;
      default:
        return;
    }
    node.done.add(status.uid);
    const result = status.state === "started" ? "running" : "stopped";
    if (status.state !== "ignored") this.mail.push(this.reportOf(status, result));
  }

  /** A start fails: nothing runs, and the agent says so. */
  failStart(node: WorldNode, id: ServiceId): void {
    const status = this.statuses.get(id);
    if (!node.up || node.leaseEpoch === undefined || status === undefined) return;
    if (!isPlaced(status) || status.state !== "started" || status.node !== node.name) return;
    if (status.nodeEpoch !== node.leaseEpoch || node.done.has(status.uid)) return;
    node.copies.delete(id);
    node.done.add(status.uid);
    this.mail.push(this.reportOf(status, "failed"));
  }

  private reportOf(status: PlacedStatus, result: "running" | "stopped" | "failed"): ServiceReport {
    const { service: id, node, nodeEpoch: epoch } = status;
    return { service: id, node, epoch, uid: status.uid, result, detail: "", stable: true };
  }

  /** A report arrives; the server takes it only from a live epoch and under the current uid. */
  deliver(index: number): void {
    const [report] = this.mail.splice(index % Math.max(this.mail.length, 1), 1);
    if (report === undefined) return;
    const current = this.statuses.get(report.service)?.uid === report.uid;
    if (!current || this.node(report.node).leaseEpoch !== report.epoch) return;
    this.reports.set(report.service, report);
    this.send({ kind: "report", report });
  }

  // What people do.

  add(id: string, patch: Partial<Service>): void {
    const added = service(id, patch);
    if (this.services.has(added.id)) return;
    this.services.set(added.id, added);
    this.send({ kind: "service-changed", service: added });
  }

  change(id: ServiceId, patch: Partial<Service>): void {
    const known = this.services.get(id);
    if (known === undefined || known.removing) return;
    const changed = { ...known, ...patch };
    this.services.set(id, changed);
    this.send({ kind: "service-changed", service: changed });
  }

  request(id: ServiceId, requested: RequestedState): void {
    this.change(id, { requested });
  }

  command(id: ServiceId, kind: "migrate" | "relocate" | "stop", target: string): void {
    if (!this.services.has(id)) return;
    const command = { id: "c", kind, target: nodeId(target), timeoutMs: undefined };
    this.send({ kind: "command", service: id, command });
  }

  // What must hold.

  /** S1: never two copies of one service. S8: nothing that is `disabled` and confirmed stopped runs. */
  check(): void {
    for (const id of this.services.keys()) {
      const at = this.nodes.filter((node) => node.copies.has(id)).map((node) => node.name);
      assert.ok(at.length <= 1, `S1: ${id} runs on ${at.join(" and ")}\n${this.story.join("\n")}`);
    }
  }

  /** Ends all faults and lets everything happen that is due; afterwards every service must be where it belongs. */
  heal(): void {
    for (const node of this.nodes) this.expire(node);
    for (const node of this.nodes) this.join(node);
    for (let round = 0; round < 200; round += 1) {
      if (this.wakeAtMs !== undefined) {
        this.nowMs = Math.max(this.nowMs, this.wakeAtMs);
        this.send({ kind: "tick" });
      }
      while (this.fencings.length > 0) this.answerFencing(0);
      for (const node of this.nodes) for (const id of this.services.keys()) this.act(node, id);
      if (this.mail.length === 0 && this.fencings.length === 0) return;
      while (this.mail.length > 0) this.deliver(0);
      this.check();
    }
    assert.fail(`S9: it never comes to rest\n${this.story.slice(-40).join("\n")}`);
  }

  /** S9: after `heal`, what is to run runs once, and what is not to run does not. */
  checkHealed(): void {
    for (const [id, known] of this.services) {
      const status = this.statuses.get(id);
      const count = this.nodes.filter((node) => node.copies.has(id)).length;
      const told = `${id} requested ${known.requested} is ${status?.state}\n${this.story.join("\n")}`;
      if (known.requested === "ignored" || status?.state === "error") continue;
      assert.equal(count, known.requested === "started" ? 1 : 0, `S9: ${told}`);
    }
  }
}
