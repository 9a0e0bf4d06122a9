/** A world that watches over S7 with every write of the fleet: one at a time, and no last copy taken down. */
import assert from "node:assert/strict";
import type { FleetEffect } from "../../../src/core/fleet/effect.ts";
import type { Instance } from "../../../src/core/fleet/model/instance.ts";
import { nodeOfInstance, type ServiceId } from "../../../src/core/ids.ts";
import { keyOf, World, type WorldNode } from "./world.ts";

export class WatchedWorld extends World {
  /** Members that came into their group with an upgrade: they end it beside another one. */
  readonly excused = new Set<string>();
  private readonly installed = new Set<string>();
  private underBefore = new Set<string>();

  // What people change of groups may bring two upgrades together; the fleet may not.
  override member(name: string, group: string | undefined): void {
    this.excuse(name);
    super.member(name, group);
  }

  /** Upgrades of these nodes may stand beside others from now on. */
  excuse(...names: readonly string[]): void {
    for (const name of names) if (this.isUpgrading(this.node(name))) this.excused.add(name);
  }

  isUpgrading(node: WorldNode): boolean {
    if (this.agentUpgrades.get(node.id)?.order === "install") return true;
    return [...this.deployments.values()].some(({ name, haSemantics }) => {
      const upgrade = this.instances.get(keyOf(name, node.id))?.upgrade;
      return haSemantics === "one-at-a-time" && upgrade !== undefined;
    });
  }

  membersOf(group: string): readonly WorldNode[] {
    return [...this.nodes.values()].filter((node) => node.registered && node.group === group);
  }

  /** Whether the store shows the instance's service healthy now. */
  isHealthy(id: ServiceId): boolean {
    const service = this.services.get(id);
    const node = service === undefined ? undefined : this.nodes.get(service.node);
    const report = service?.report;
    if (service === undefined || report === undefined || node?.lease === undefined) return false;
    if (service.removing || service.requested !== "started" || service.state !== "started") {
      return false;
    }
    return (
      report.uid === service.uid &&
      report.epoch === node.lease &&
      report.revision >= service.revision &&
      report.result === "running" &&
      report.health === "healthy"
    );
  }

  protected override beforeEffect(effect: FleetEffect): void {
    this.underBefore = new Set(
      [...this.nodes.values()].filter((n) => this.isUpgrading(n)).map(({ id }) => id),
    );
    for (const write of effect.writes) {
      if (write.kind === "put-service") this.checkTakenDown(write.service);
    }
  }

  /** A healthy one of a group is taken down only while another healthy one is there, or nobody else could be. */
  private checkTakenDown(id: ServiceId): void {
    const name = nodeOfInstance(id);
    const node = name === undefined ? undefined : this.nodes.get(name);
    const deployment = id.slice(id.indexOf(":") + 1, id.lastIndexOf("@"));
    const isOrdered = this.deployments.get(deployment)?.haSemantics === "one-at-a-time";
    if (node?.group === undefined || !this.groups.has(node.group)) return;
    if (!isOrdered || !this.isHealthy(id)) return;
    const others = this.membersOf(node.group).filter((other) => {
      const instance = this.instances.get(keyOf(deployment, other.id));
      const isThere = other.id !== node.id && other.lease !== undefined;
      if (!isThere || instance === undefined || instance.phase === "removing") return false;
      return instance.phase !== "failed" || instance.wasHealthy;
    });
    const healthy = others.filter((other) => {
      const instance = this.instances.get(keyOf(deployment, other.id));
      return instance !== undefined && this.isHealthy(instance.service);
    });
    const ids = others.map((other) => other.id).join();
    assert.ok(
      others.length === 0 || healthy.length > 0,
      `S7: ${id} is the last healthy copy beside ${ids}`,
    );
  }

  protected override afterEffect(effect: FleetEffect): void {
    for (const write of effect.writes) {
      // A node that was fenced in the middle of it may never have heard of it: it is asked, and told again.
      if (write.kind === "put-agent-upgrade" && write.upgrade.state === "unknown") {
        this.installed.delete(write.upgrade.id);
      }
      if (write.kind === "put-agent-upgrade" && write.upgrade.order === "install") {
        assert.ok(!this.installed.has(write.upgrade.id), "an agent is told to install once");
        this.installed.add(write.upgrade.id);
      }
      if (write.kind === "put-instance") this.checkInstance(write.instance);
    }
    for (const node of this.nodes.values())
      if (!this.isUpgrading(node)) this.excused.delete(node.id);
    this.checkGroups();
  }

  private checkInstance(instance: Instance): void {
    const { phase, upgrade, release } = instance;
    assert.equal(phase === "upgrading", upgrade !== undefined, "an upgrade is a phase");
    if (upgrade !== undefined) assert.deepEqual(upgrade.to, release);
  }

  private checkGroups(): void {
    for (const group of this.groups.keys()) {
      const busy = this.membersOf(group).filter((node) => this.isUpgrading(node));
      const ordered = busy.filter(({ id }) => !this.excused.has(id));
      const words = busy.map(({ id }) => id).join();
      assert.ok(ordered.length <= 1, `S7: ${words} of ${group} are upgraded at once`);
      const begun = ordered.filter(({ id }) => !this.underBefore.has(id));
      assert.ok(begun.length === 0 || busy.length === 1, `S7: ${words} of ${group}, one has begun`);
    }
  }

  /** When everything is written: a slot is held by who is in an upgrade, and there is one for each upgrade. */
  checkSettled(): void {
    for (const [group, { node }] of this.slots) {
      const holder = this.nodes.get(node);
      assert.ok(this.groups.has(group) && holder?.group === group, `${node} is in ${group}`);
      assert.ok(holder.registered && this.isUpgrading(holder), `${node} is in an upgrade`);
    }
    for (const group of this.groups.keys()) {
      const busy = this.membersOf(group).some((node) => this.isUpgrading(node));
      assert.equal(busy, this.slots.has(group), `the slot of ${group}`);
    }
    for (const name of this.deployments.keys()) {
      const active = [...this.rollouts.values()].filter(
        ({ deployment, endedAtMs }) => deployment === name && endedAtMs === undefined,
      );
      assert.ok(active.length <= 1, `one rollout of ${name} goes on at a time`);
    }
  }
}
