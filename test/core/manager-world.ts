/**
 * A dumb world around the manager for property tests: a store that persists its effects, nodes with leases, and
 * agents that do what an agent does, each step of it at a moment that the test chooses. It counts what really
 * runs, so that it can tell whether the manager ever lets two copies live.
 */
import assert from "node:assert/strict";
import { epochOf, type ServiceId } from "../../src/core/ids.ts";
import type { ArmingMode } from "../../src/core/manager/event.ts";
import { whyInputOf } from "../../src/core/manager/why-input.ts";
import type { Freeze } from "../../src/core/model/freeze.ts";
import type { AgentMode } from "../../src/core/model/node.ts";
import type { NodeMode } from "../../src/core/model/node-mode.ts";
import type { PlacementGroup, Rule } from "../../src/core/model/rule.ts";
import { isPlaced, type Service, type ServiceCommand } from "../../src/core/model/service.ts";
import type { ClusterSettings } from "../../src/core/model/settings.ts";
import { instantMs } from "../../src/core/time.ts";
import { nodeId, service } from "./manager-harness.ts";
import type { WorldNode } from "./world/node.ts";

import { WorldStore } from "./world/store.ts";

/** Rounds after the last fault, and how many of them at the end have to be quiet. */
const healRounds = 60;
const quietRounds = 15;

export class World extends WorldStore {
  /** What a person wants of nodes when all faults are over; of others: that they are enabled. */
  readonly modesAfterHealing = new Map<string, NodeMode>();

  // What can happen to nodes.

  changeNode(node: WorldNode): void {
    if (node.registered) this.send({ kind: "node-changed", node: this.registration(node) });
  }

  /** A person removes a node that is off for sure; it may join again. */
  remove(node: WorldNode): void {
    const mayRun = [...this.statuses.values()].some(
      (status) => isPlaced(status) && status.node === node.name && status.mayOutliveLease,
    );
    if (!node.registered || node.lease !== undefined || mayRun || node.copies.size > 0) return;
    node.registered = false;
    node.up = false;
    node.maintenance = false;
    node.personMode = "enabled";
    node.confirmedOff = 0;
    this.send({ kind: "node-removed", node: nodeId(node.name) });
  }

  /** The node asks for a lease and gets it, if its old one is gone. */
  join(node: WorldNode, resets = false): void {
    node.up = true;
    if (node.lease !== undefined) return;
    if (!node.registered) {
      node.registered = true;
      this.changeNode(node);
    }
    for (const copy of node.copies.values()) assert.ok(copy.keep, "S3");
    node.epoch += 1;
    node.leaseEpoch = node.epoch;
    node.resets = resets;
    node.leaving = undefined;
    this.story.push(`${node.name}: lease ${node.epoch}`);
    this.send(this.leaseGranted(node));
  }

  tellMode(node: WorldNode, mode: AgentMode): void {
    if (!node.up || node.lease === undefined || node.mode === mode) return;
    node.mode = mode;
    this.send({ kind: "agent-mode", node: nodeId(node.name), mode });
  }

  /** The agent begins to leave; what it does when it may is `release`. */
  beginLeaving(node: WorldNode, how: NonNullable<WorldNode["leaving"]>): void {
    if (!node.up || node.lease === undefined) return;
    node.leaving = how;
    const isRestart = how === "restart" || how === "freeze";
    this.tellMode(node, isRestart ? "restart" : how === "failover" ? "shutdown" : "maintenance");
  }

  /** An agent that leaves and may do so gives its lease back; what it leaves running nobody watches. */
  release(node: WorldNode): void {
    if (!node.mayRelease(this.services.keys())) return;
    const { leaving, lease } = node;
    if (lease === undefined) return;
    if (leaving !== "restart") {
      node.copies.clear();
      if (leaving !== "freeze") {
        node.confirmedOff = lease;
        this.changeNode(node);
      }
    }
    node.resets = false;
    this.send({
      kind: "lease-granted",
      node: nodeId(node.name),
      epoch: lease,
      resetsOnLoss: false,
    });
    node.up = false;
    this.expire(node);
  }

  powerOff(node: WorldNode): void {
    node.lose();
    this.story.push(`${node.name}: power off`);
  }

  /** Cut off from the store: copies live on until the watchdog acts. */
  isolate(node: WorldNode): void {
    node.up = false;
    this.story.push(`${node.name}: isolated`);
  }

  expire(node: WorldNode): void {
    const { lease } = node;
    if (node.up || lease === undefined) return;
    node.expire();
    this.story.push(`${node.name}: lease ${lease} gone`);
    this.send({ kind: "lease-gone", node: nodeId(node.name), epoch: lease });
  }

  /** A person pulls the plug of a node without a lease and says so. */
  confirmOff(node: WorldNode): void {
    if (node.lease !== undefined || !node.registered) return;
    this.powerOff(node);
    node.confirmedOff = node.epoch;
    this.changeNode(node);
  }

  answerFencing(index: number): void {
    const [asked] = this.fencings.splice(index % Math.max(this.fencings.length, 1), 1);
    if (asked === undefined) return;
    const node = this.node(asked.node);
    if (node.lease !== undefined || node.epoch !== asked.epoch) return;
    node.epoch += 1;
    this.send({ kind: "node-fenced", node: nodeId(node.name), epoch: epochOf(node.epoch) });
  }

  // What agents do.

  /** The agent learns the present instruction for a service. */
  see(node: WorldNode, id: ServiceId): void {
    const status = this.statuses.get(id);
    if (!node.up || node.lease === undefined) return;
    if (status !== undefined && isPlaced(status) && status.node === node.name) {
      node.seen.set(id, status);
      return;
    }
    node.seen.delete(id);
    node.copies.delete(id); // it is no longer this node's
  }

  /** The agent executes what it has seen last; `fails`: what it tries does not succeed. */
  act(node: WorldNode, id: ServiceId, fails = false): void {
    const status = node.task(id);
    if (status === undefined) return;
    const isCurrent = this.statuses.get(id)?.uid === status.uid;
    const result = node.execute(status, { isCurrent, fails });
    if (result === undefined) return;
    node.done.add(status.uid);
    this.mail.push(node.reportOf(status, result));
  }

  /** A report arrives; the server takes it only from a live epoch and under the current uid. */
  deliver(index: number): void {
    const [report] = this.mail.splice(index % Math.max(this.mail.length, 1), 1);
    if (report === undefined) return;
    const current = this.statuses.get(report.service);
    const isCurrent = current?.uid === report.uid && isPlaced(current);
    if (!isCurrent || current.node !== report.node) return;
    if (this.node(report.node).lease !== report.epoch) return;
    this.reports.set(report.service, report);
    this.send({ kind: "report", report });
  }

  /** The node's agent does all that it is told now, and is heard. */
  live(node: WorldNode): void {
    for (const id of [...this.services.keys()]) {
      this.see(node, id);
      this.act(node, id);
    }
    while (this.mail.length > 0) this.deliver(0);
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

  command(id: ServiceId, kind: "migrate" | "relocate" | "stop", target: string): void {
    if (this.services.has(id)) this.order(id, kind, target);
  }

  private order(id: ServiceId, kind: ServiceCommand["kind"], target: string): void {
    this.commandCount += 1;
    const commandId = `c${this.commandCount}`;
    const command = { id: commandId, kind, target: nodeId(target), timeoutMs: undefined };
    this.commands.set(id, command);
    this.send({ kind: "command", service: id, command });
  }

  /** While nobody watches it, a person moves it by hand and says so (A9). */
  moveByHand(id: ServiceId, target: WorldNode): void {
    const status = this.statuses.get(id);
    const isLeft =
      status !== undefined &&
      isPlaced(status) &&
      this.arming === "ignore" &&
      status.suspended === true;
    if (!isLeft || target.lease === undefined || !target.up) return;
    this.isLate = false;
    this.flush();
    const isStill = this.statuses.get(id) === status;
    const copy = isStill ? this.node(status.node).copies.get(id) : undefined;
    if (copy === undefined || status.node === target.name) return;
    this.node(status.node).copies.delete(id);
    target.copies.set(id, { keep: true });
    this.story.push(`a person moves ${id} to ${target.name}`);
    this.order(id, "located", target.name);
  }

  putRule(rule: Rule): void {
    this.rules.set(rule.name, rule);
    this.send({ kind: "rule-changed", rule });
  }

  removeRule(name: string): void {
    if (this.rules.delete(name)) this.send({ kind: "rule-removed", name });
  }

  putGroup(group: PlacementGroup): void {
    this.groups.set(group.name, group);
    this.send({ kind: "group-changed", group });
  }

  set(settings: Partial<ClusterSettings>): void {
    this.settings = { ...this.settings, ...settings };
    this.send({ kind: "settings-changed", settings: this.settings });
  }

  arm(mode: ArmingMode): void {
    this.arming = mode;
    this.send({ kind: "arming-changed", mode });
  }

  /** A person freezes the cluster for a while; undefined: or ends that. */
  freeze(freeze: Pick<Freeze, "failover"> | undefined, forMs?: number): void {
    const untilMs = forMs === undefined ? undefined : instantMs(this.nowMs + forMs);
    this.frozen = freeze && { by: "person", because: undefined, untilMs, ...freeze };
    this.send({ kind: "freeze-changed", freeze: this.frozen });
  }

  /** Time passes, at most until the manager wants to be woken. */
  tick(): void {
    if (this.wakeAtMs === undefined) return;
    this.nowMs = Math.max(this.nowMs, this.wakeAtMs);
    this.send({ kind: "tick" });
  }

  // What must hold.

  /** S1: never two copies of one service. */
  check(): void {
    for (const id of this.services.keys()) {
      const at = this.nodes.filter((node) => node.copies.has(id)).map((node) => node.name);
      assert.ok(at.length <= 1, `S1: ${id} runs on ${at.join(" and ")}\n${this.story.join("\n")}`);
    }
  }

  /**
   * Ends all faults and lets everything happen that is due, until nothing happens any more. `absent`: a node that does
   * not come back, and is confirmed to be off.
   */
  heal(absent: WorldNode | undefined): void {
    this.isLate = false;
    this.flush();
    for (const node of this.nodes) {
      if (node.leaving !== undefined || node === absent) node.up = false;
      this.expire(node);
    }
    if (absent !== undefined) this.confirmOff(absent);
    for (const node of this.nodes) {
      if (node === absent) {
        node.personMode = "enabled";
        this.changeNode(node);
        continue;
      }
      this.join(node);
      this.tellMode(node, "active");
      node.maintenance = false;
      node.personMode = this.modesAfterHealing.get(node.name) ?? "enabled";
      this.changeNode(node);
    }
    this.arm("armed");
    this.freeze(undefined);
    let countBefore = 0;
    for (let round = 0; round < healRounds; round += 1) {
      if (round === healRounds - quietRounds) countBefore = this.statusCount;
      this.tick();
      while (this.fencings.length > 0) this.answerFencing(0);
      for (const node of this.nodes) this.live(node);
      this.check();
    }
    const isQuiet = this.statusCount === countBefore;
    assert.ok(isQuiet, `S9: it never comes to rest\n${this.story.join("\n")}`);
  }

  /** S9: after `heal`, what is to run runs once, unless nothing permits its start, and what is not to run does not. */
  checkHealed(): void {
    for (const [id, known] of this.services) {
      const status = this.statuses.get(id);
      const count = this.nodes.filter((node) => node.copies.has(id)).length;
      const told = `${id} requested ${known.requested} is ${status?.state}\n${this.story.join("\n")}`;
      if (known.requested === "ignored" || status?.state === "error") continue;
      const isToRun = known.requested === "started" && this.isWanted(id);
      if (isToRun && this.lacks(id) !== undefined) continue; // it runs on, or cannot start
      assert.equal(count, isToRun ? 1 : 0, `S9: ${told}`);
    }
  }

  /** Whether it is to run, and all that it cannot do without. */
  private isWanted(id: ServiceId): boolean {
    const known = this.services.get(id);
    if (known?.requested !== "started" || this.statuses.get(id)?.state === "error") return false;
    return known.requires.every((other) => this.isWanted(other));
  }

  /** Why a service that is to run cannot start: what it waits for cannot, or each node is refused. */
  private lacks(id: ServiceId): string | undefined {
    const known = this.services.get(id);
    for (const other of [...(known?.requires ?? []), ...(known?.after ?? [])]) {
      if (this.isWanted(other) && this.lacks(other) !== undefined) return `it waits for ${other}`;
    }
    const status = this.statuses.get(id);
    if (status?.state === "request_start" && status.reason.code === "no-other-node") {
      return "its node is closed to it";
    }
    if (status === undefined || (status.state !== "queued" && status.state !== "recovery")) {
      return undefined;
    }
    const { nodes } = whyInputOf(this.manager, id);
    const isFree = nodes.some((node) => node.state === "online" && node.refusal === undefined);
    return isFree ? undefined : "no node is permitted";
  }
}
