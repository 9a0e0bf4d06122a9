/**
 * A dumb world around the fleet for tests: a store that takes its effects, nodes with leases, and in one piece what the
 * manager's core and the agents make of service records. It watches over S7 with every write.
 */
import assert from "node:assert/strict";
import type { Properties } from "../../../src/core/constraints/constraint.ts";
import { sentenceOf } from "../../../src/core/explain/sentence.ts";
import type { FleetEffect, FleetWrite } from "../../../src/core/fleet/effect.ts";
import type { FleetEvent } from "../../../src/core/fleet/event.ts";
import type {
  AgentPackage,
  AgentUpgrade,
  AgentUpgradeReport,
  ManagementPolicy,
} from "../../../src/core/fleet/model/agent-upgrade.ts";
import type { Definition, Deployment } from "../../../src/core/fleet/model/deployment.ts";
import type { HaGroup } from "../../../src/core/fleet/model/fleet-node.ts";
import type { Instance, Release, UpgradeSlot } from "../../../src/core/fleet/model/instance.ts";
import type { Rollout, RolloutOrder } from "../../../src/core/fleet/model/rollout.ts";
import { createFleetState, type FleetState, stepFleet } from "../../../src/core/fleet/step.ts";
import { epochOf, instructionUidOf, type NodeId, type ServiceId } from "../../../src/core/ids.ts";
import type { NodeMode } from "../../../src/core/model/node-mode.ts";
import type {
  ManagerState,
  ReportResult,
  RequestedState,
} from "../../../src/core/model/service.ts";
import { instantMs } from "../../../src/core/time.ts";

export interface WorldNode {
  readonly id: NodeId;
  registered: boolean;
  type: "device" | "cluster";
  properties: Properties;
  agentVersion: string;
  maintenance: boolean;
  mode: NodeMode;
  epoch: number;
  lease: number | undefined;
  fenced: boolean;
  group: string | undefined;
}

/** One service record, with what manager and agent made of it. */
export interface WorldService {
  readonly id: ServiceId;
  readonly node: NodeId;
  revision: number;
  release: Release;
  requested: RequestedState;
  removing: boolean;
  state: ManagerState | undefined;
  uid: number;
  report:
    | {
        uid: number;
        epoch: number;
        revision: number;
        result: ReportResult;
        health: "none" | "healthy" | "unhealthy";
      }
    | undefined;
  /** What really runs. */
  running: { readonly release: Release; isGood: boolean } | undefined;
}

export interface WorldOrder {
  readonly id: string;
  readonly order: RolloutOrder;
}

/** What is stored, and the fleet that is told of it. */
export class WorldStore {
  state: FleetState = createFleetState({ uidPrefix: "t0" });
  nowMs = 1_000_000;
  revision = 1;
  elections = 0;
  wakeAtMs: number | undefined = undefined;
  armed = true;
  frozen = false;
  readonly nodes = new Map<NodeId, WorldNode>();
  readonly groups = new Map<string, HaGroup>();
  readonly definitions = new Map<string, Definition>();
  readonly deployments = new Map<string, Deployment>();
  readonly services = new Map<ServiceId, WorldService>();
  readonly instances = new Map<string, Instance>();
  readonly slots = new Map<string, UpgradeSlot>();
  readonly rollouts = new Map<string, Rollout>();
  readonly orders = new Map<string, WorldOrder>();
  readonly policies = new Map<string, ManagementPolicy>();
  readonly packages = new Map<string, AgentPackage>();
  readonly agentUpgrades = new Map<NodeId, AgentUpgrade>();
  readonly agentReports = new Map<NodeId, AgentUpgradeReport>();
  /** Sentences that were told, the newest last. */
  readonly told: string[] = [];
  readonly story: string[] = [];
  /** Effects that are still written before the manager dies. */
  effectsLeft = Number.POSITIVE_INFINITY;
  lastEffects: readonly FleetEffect[] = [];

  /** Tells the fleet, and writes what it wants. */
  send(...events: readonly FleetEvent[]): void {
    for (const event of events) this.note(`  ${JSON.stringify(event)}`);
    let step: ReturnType<typeof stepFleet>;
    try {
      step = stepFleet(this.state, events, instantMs(this.nowMs));
    } catch (error) {
      throw new Error(`${String(error)}\n${this.story.slice(-120).join("\n")}`, { cause: error });
    }
    this.wakeAtMs = step.wakeAtMs;
    this.lastEffects = step.effects;
    const echo: FleetEvent[] = [];
    for (const effect of step.effects) {
      if (this.effectsLeft <= 0) {
        this.reload();
        return;
      }
      this.effectsLeft -= 1;
      this.persist(effect, echo);
    }
    if (echo.length > 0) this.send(...echo);
  }

  /** A new manager is told what there is. */
  reload(): void {
    this.effectsLeft = Number.POSITIVE_INFINITY;
    this.elections += 1;
    this.note(`manager ${this.elections} begins`);
    this.state = createFleetState({ uidPrefix: `t${this.elections}` });
    const events: FleetEvent[] = [
      { kind: "fleet-arming", armed: this.armed },
      { kind: "fleet-freeze", frozen: this.frozen },
    ];
    for (const group of this.groups.values()) events.push({ kind: "ha-group-changed", group });
    for (const node of this.nodes.values()) {
      const { id, epoch, fenced, lease, group } = node;
      if (node.registered) events.push(this.nodeEvent(node));
      if (group !== undefined) events.push({ kind: "ha-member-changed", node: id, group });
      events.push({ kind: "fleet-epoch", node: id, epoch: epochOf(epoch), fenced });
      if (lease !== undefined) {
        events.push({ kind: "fleet-lease", node: id, epoch: epochOf(lease) });
      }
    }
    for (const definition of this.definitions.values()) {
      events.push({ kind: "definition-added", definition });
    }
    for (const deployment of this.deployments.values()) {
      events.push({ kind: "deployment-changed", deployment });
    }
    for (const instance of this.instances.values()) {
      events.push({ kind: "instance-loaded", instance });
    }
    for (const service of this.services.values()) events.push(...this.eventsOf(service));
    for (const slot of this.slots.values()) events.push({ kind: "slot-loaded", slot });
    for (const rollout of this.rollouts.values()) events.push({ kind: "rollout-loaded", rollout });
    for (const [deployment, { id, order }] of this.orders) {
      events.push({ kind: "rollout-order", deployment, id, order, by: "mia" });
    }
    for (const policy of this.policies.values()) events.push({ kind: "policy-changed", policy });
    for (const one of this.packages.values()) events.push({ kind: "package-added", package: one });
    for (const upgrade of this.agentUpgrades.values()) {
      events.push({ kind: "agent-upgrade-loaded", upgrade });
    }
    for (const report of this.agentReports.values()) {
      events.push({ kind: "agent-upgrade-report", report });
    }
    this.send(...events, { kind: "fleet-loaded" });
  }

  eventsOf(service: WorldService): readonly FleetEvent[] {
    const { id, revision, release, requested, removing } = service;
    const record = { service: id, revision, release, requested, removing };
    return [
      { kind: "instance-service", service: record },
      ...this.statusEvents(service),
      ...this.reportEvents(service),
    ];
  }

  statusEvents({ id, state, uid }: WorldService): readonly FleetEvent[] {
    if (state === undefined) return [];
    const suspended = false;
    return [{ kind: "instance-status", service: id, state, uid: uidOf(uid), suspended }];
  }

  reportEvents({ id, node, report }: WorldService): readonly FleetEvent[] {
    if (report === undefined) return [];
    const { epoch, uid, result, health, revision: configRevision } = report;
    const detail = result === "failed" ? "exit code 1" : "";
    return [
      {
        kind: "instance-report",
        report: {
          service: id,
          node,
          epoch: epochOf(epoch),
          uid: uidOf(uid),
          result,
          health,
          configRevision,
          detail,
        },
      },
    ];
  }

  nodeEvent(node: WorldNode): FleetEvent {
    const { id, type, properties, agentVersion, maintenance, mode } = node;
    return {
      kind: "fleet-node-changed",
      node: {
        id,
        type,
        properties: { ...properties, node: id },
        constraint: undefined,
        agentVersion,
        maintenance,
        mode,
      },
    };
  }

  note(line: string): void {
    this.story.push(`${this.nowMs} ${line}`);
    if (this.story.length > 4_000) this.story.splice(0, 2_000);
  }

  /** One transaction: all of it, or nothing. */
  protected persist(effect: FleetEffect, echo: FleetEvent[]): void {
    this.revision += 1;
    this.beforeEffect(effect);
    for (const write of effect.writes) {
      this.note(`> ${JSON.stringify(write)}`);
      this.write(write, echo);
    }
    this.afterEffect(effect);
  }

  protected beforeEffect(_effect: FleetEffect): void {
    // Worlds that watch more than this one do so here.
  }

  protected afterEffect(_effect: FleetEffect): void {
    // The same.
  }

  private write(write: FleetWrite, echo: FleetEvent[]): void {
    switch (write.kind) {
      case "put-service": {
        const known = this.services.get(write.service);
        const defined = [...this.definitions.values()].some(
          ({ version }) => version === write.release.version,
        );
        assert.ok(defined, `there is a definition of ${write.release.version}`);
        assert.ok(known?.removing !== true, "what is being removed is not written");
        const service: WorldService = known ?? {
          id: write.service,
          node: write.node,
          revision: 0,
          release: write.release,
          requested: write.requested,
          removing: false,
          state: undefined,
          uid: 0,
          report: undefined,
          running: undefined,
        };
        service.revision = this.revision;
        service.release = write.release;
        service.requested = write.requested;
        this.services.set(write.service, service);
        const [record] = this.eventsOf(service);
        if (record !== undefined) echo.push(record);
        return;
      }
      case "remove-service": {
        const service = this.services.get(write.service);
        assert.ok(service, `${write.service} is there to be removed`);
        service.removing = true;
        service.revision = this.revision;
        const [record] = this.eventsOf(service);
        if (record !== undefined) echo.push(record);
        return;
      }
      case "put-instance":
        this.instances.set(keyOf(write.instance.deployment, write.instance.node), write.instance);
        return;
      case "forget-instance":
        assert.ok(this.instances.delete(keyOf(write.deployment, write.node)), "it was there");
        return;
      case "take-slot":
        assert.ok(!this.slots.has(write.slot.group), "S7: nobody has the slot");
        for (const { node, epoch } of write.members) {
          assert.equal(this.nodes.get(node)?.epoch ?? 0, epoch, "S7: the others are as they were");
        }
        this.slots.set(write.slot.group, write.slot);
        return;
      case "give-slot-back":
        assert.equal(this.slots.get(write.group)?.node, write.node, "who gives it back has it");
        this.slots.delete(write.group);
        return;
      case "put-rollout":
        this.rollouts.set(rolloutKey(write.rollout), write.rollout);
        return;
      case "forget-rollout":
        assert.ok(this.rollouts.delete(rolloutKey(write)), "the rollout was there");
        return;
      case "finish-rollout-order":
        assert.equal(this.orders.get(write.deployment)?.id, write.id, "an order is finished once");
        this.orders.delete(write.deployment);
        return;
      case "forget-deployment":
        assert.ok(this.deployments.delete(write.deployment), "the deployment was there");
        echo.push({ kind: "deployment-removed", name: write.deployment });
        return;
      case "put-agent-upgrade":
        this.agentUpgrades.set(write.upgrade.node, write.upgrade);
        return;
      case "forget-agent-upgrade":
        assert.ok(this.agentUpgrades.delete(write.node), "the upgrade was there");
        return;
      case "tell":
        this.told.push(`${write.about} ${write.subject}: ${sentenceOf(write.reason)}`);
        return;
    }
  }

  node(name: string): WorldNode {
    const node = [...this.nodes.values()].find(({ id }) => id === name);
    assert.ok(node, `there is a node ${name}`);
    return node;
  }
}

/** A uid out of a number. */
export function uidOf(uid: number) {
  return instructionUidOf(`u${uid}`);
}

/** How instances are named in this world. */
export function keyOf(deployment: string, node: string): string {
  return `${deployment}/${node}`;
}

function rolloutKey({ deployment, number }: Pick<Rollout, "deployment" | "number">): string {
  return `${deployment}/${number}`;
}
