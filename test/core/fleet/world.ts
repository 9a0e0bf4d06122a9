/** The world of `world-store.ts` with what can happen in it: to nodes, to services, by people. */
import assert from "node:assert/strict";
import { parseConstraint } from "../../../src/core/constraints/parse.ts";
import type { FleetEvent } from "../../../src/core/fleet/event.ts";
import type { ManagementPolicy } from "../../../src/core/fleet/model/agent-upgrade.ts";
import type { Deployment } from "../../../src/core/fleet/model/deployment.ts";
import type { HaGroup } from "../../../src/core/fleet/model/fleet-node.ts";
import type { Instance, Release } from "../../../src/core/fleet/model/instance.ts";
import type { Rollout, RolloutOrder } from "../../../src/core/fleet/model/rollout.ts";
import { epochOf } from "../../../src/core/ids.ts";
import { durationMs, instantMs } from "../../../src/core/time.ts";
import { nodeId, serviceId } from "../manager-harness.ts";
import { keyOf, type WorldNode, type WorldService, WorldStore } from "./world-store.ts";

export { keyOf, type WorldNode, type WorldService } from "./world-store.ts";

/** A constraint from text that is known to be right. */
export function constraint(text: string) {
  const parsed = parseConstraint(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

/** A deployment of process:api with one version and short times. */
export function deployment(
  name: string,
  versions: readonly string[],
  patch: Partial<Deployment> = {},
): Deployment {
  return {
    name,
    service: serviceId("process:api"),
    versions: versions.map((version, index) => ({
      version,
      priority: index + 1,
      retries: 2,
      retryDurationMs: durationMs(10_000),
      verifiedDurationMs: durationMs(60_000),
    })),
    properties: {},
    constraint: undefined,
    inputsKey: "k",
    generation: 1,
    haSemantics: "one-at-a-time",
    rollout: {
      maxUnavailable: { count: 1 },
      canaries: undefined,
      failedShareMax: 1,
      healthyForMs: durationMs(1_000),
    },
    removing: false,
    ...patch,
  };
}

/** A policy that brings a version to every node at once. */
export function policy(
  name: string,
  agentVersion: string,
  patch: Partial<ManagementPolicy> = {},
): ManagementPolicy {
  return {
    name,
    constraint: undefined,
    agentVersion,
    allowDowngrade: false,
    startAtMs: instantMs(0),
    windowMs: undefined,
    spreadMs: durationMs(0),
    enabled: true,
    healthyWithinMs: durationMs(60_000),
    nodesAtOnce: 1,
    generation: 1,
    ...patch,
  };
}

/** Whether a release works on a node; `unhealthy`: it runs, and is not healthy. */
export type Fitness = (node: string, release: Release) => "good" | "fails" | "unhealthy";

export class World extends WorldStore {
  fitness: Fitness = () => "good";
  private generations = new Map<string, number>();
  private orderCount = 0;
  private uidCount = 0;

  // What can happen to nodes.

  /** Registers nodes and gives each a lease. */
  join(...names: readonly string[]): this {
    for (const name of names) {
      const id = nodeId(name);
      const node = this.nodes.get(id) ?? newNode(name);
      node.registered = true;
      this.nodes.set(id, node);
      this.send(this.nodeEvent(node));
      this.up(name);
    }
    return this;
  }

  /** The node is granted a lease. */
  up(name: string): void {
    const node = this.node(name);
    if (node.lease !== undefined || !node.registered) return;
    node.epoch += 1;
    node.lease = node.epoch;
    node.fenced = false;
    this.send(
      { kind: "fleet-epoch", node: node.id, epoch: epochOf(node.epoch), fenced: false },
      { kind: "fleet-lease", node: node.id, epoch: epochOf(node.epoch) },
    );
  }

  /** The node's lease ends; its copies run on. */
  down(name: string): void {
    const node = this.node(name);
    if (node.lease === undefined) return;
    node.lease = undefined;
    this.send({ kind: "fleet-lease", node: node.id, epoch: undefined });
  }

  fence(name: string): void {
    const node = this.node(name);
    if (node.lease !== undefined || node.fenced) return;
    node.epoch += 1;
    node.fenced = true;
    this.send({ kind: "fleet-epoch", node: node.id, epoch: epochOf(node.epoch), fenced: true });
  }

  /** A person says that the node is off: the manager lets go of what was there. */
  confirmOff(name: string): void {
    for (const service of this.services.values()) {
      if (service.node === nodeId(name)) this.enter(service, "recovery");
    }
  }

  /** A person takes the node out of the cluster. */
  leave(name: string): void {
    this.down(name);
    const node = this.node(name);
    node.registered = false;
    node.fenced = true;
    this.send({ kind: "fleet-node-removed", node: node.id });
  }

  change(name: string, patch: Partial<Omit<WorldNode, "id">>): void {
    const node = this.node(name);
    Object.assign(node, patch);
    if (node.registered) this.send(this.nodeEvent(node));
  }

  group(name: string, members: readonly string[], patch: Partial<HaGroup> = {}): this {
    const group: HaGroup = { name, whenMembersOffline: "continue", ...patch };
    this.groups.set(name, group);
    this.send({ kind: "ha-group-changed", group });
    for (const member of members) this.member(member, name);
    return this;
  }

  ungroup(name: string): void {
    for (const node of this.nodes.values())
      if (node.group === name) this.member(node.id, undefined);
    this.groups.delete(name);
    this.send({ kind: "ha-group-removed", name });
  }

  member(name: string, group: string | undefined): void {
    const node = this.node(name);
    if (node.group === group) return;
    node.group = group;
    this.send({ kind: "ha-member-changed", node: node.id, group });
  }

  // What people do.

  define(...versions: readonly string[]): this {
    for (const version of versions) {
      const service = serviceId("process:api");
      const definition = { service, version, properties: {}, constraint: undefined };
      this.definitions.set(version, definition);
      this.send({ kind: "definition-added", definition });
    }
    return this;
  }

  undefine(version: string): void {
    this.definitions.delete(version);
    const service = serviceId("process:api");
    this.send({ kind: "definition-removed", service, version });
  }

  /** Adds or changes a deployment: its generation grows. */
  deploy(name: string, versions: readonly string[], patch: Partial<Deployment> = {}): this {
    const generation = (this.generations.get(name) ?? 0) + 1;
    this.generations.set(name, generation);
    const next = deployment(name, versions, { ...patch, generation });
    this.deployments.set(name, next);
    this.send({ kind: "deployment-changed", deployment: next });
    return this;
  }

  undeploy(name: string): void {
    const known = this.deployments.get(name);
    if (known === undefined) return;
    const next = { ...known, removing: true };
    this.deployments.set(name, next);
    this.send({ kind: "deployment-changed", deployment: next });
  }

  order(name: string, order: RolloutOrder): void {
    this.orderCount += 1;
    const id = `o${this.orderCount}`;
    this.orders.set(name, { id, order });
    this.send({ kind: "rollout-order", deployment: name, order, id, by: "mia" });
  }

  arm(armed: boolean): void {
    this.armed = armed;
    this.send({ kind: "fleet-arming", armed });
  }

  freeze(frozen: boolean): void {
    this.frozen = frozen;
    this.send({ kind: "fleet-freeze", frozen });
  }

  // What the manager and the agents make of it.

  /** The manager's core takes one step with a service. */
  manage(service: WorldService): boolean {
    const node = this.nodes.get(service.node);
    const isUp = node?.lease !== undefined;
    const { removing, requested, state } = service;
    if (removing && (state === undefined || node?.registered !== true)) return this.vanish(service);
    if (removing && isUp && state !== "request_stop") return this.enter(service, "request_stop");
    if (removing || !isUp) return false;
    if (state === undefined) {
      return this.enter(service, requested === "started" ? "started" : "stopped");
    }
    if (requested === "disabled" && state === "error") return this.enter(service, "stopped");
    if (requested === "disabled" && state === "started") return this.enter(service, "request_stop");
    if (requested === "started" && state === "stopped") return this.enter(service, "started");
    const hasFailed = service.report?.uid === service.uid && service.report.result === "failed";
    return state === "started" && hasFailed ? this.enter(service, "error") : false;
  }

  private enter(service: WorldService, state: WorldService["state"]): boolean {
    this.uidCount += 1;
    service.state = state;
    service.uid = this.uidCount;
    if (state === "error") service.running = undefined;
    this.note(`${service.id}: ${state}`);
    this.send(...this.statusEvents(service));
    return true;
  }

  private vanish(service: WorldService): boolean {
    this.services.delete(service.id);
    this.send({ kind: "instance-service-removed", service: service.id });
    return true;
  }

  /** The node's agent takes one step with a service. */
  act(service: WorldService): boolean {
    const node = this.nodes.get(service.node);
    if (node?.lease === undefined) return false;
    const { state, release, running } = service;
    if (state === "request_stop") {
      service.running = undefined;
      return service.removing ? this.vanish(service) : this.enter(service, "stopped");
    }
    if (state !== "started") return false;
    const isNew =
      running?.release.version !== release.version ||
      running.release.inputsKey !== release.inputsKey;
    const fitness = this.fitness(service.node, release);
    if (isNew) {
      service.running = fitness === "fails" ? undefined : { release, isGood: true };
    }
    const result = service.running === undefined ? "failed" : "running";
    const isGood = service.running?.isGood === true && fitness === "good";
    return this.say(service, result, isGood ? "healthy" : "unhealthy");
  }

  private say(
    service: WorldService,
    result: "running" | "failed",
    health: "healthy" | "unhealthy",
  ): boolean {
    const epoch = this.nodes.get(service.node)?.lease ?? 0;
    const { uid, revision, report } = service;
    const isSaid =
      report?.uid === uid &&
      report.epoch === epoch &&
      report.revision === revision &&
      report.result === result &&
      report.health === health;
    if (isSaid) return false;
    service.report = { uid, epoch, revision, result, health };
    this.send(...this.reportEvents(service));
    return true;
  }

  /** Manager and agents do all that they can now. */
  settle(): this {
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (const service of [...this.services.values()]) {
        if (this.manage(service)) isBusy = true;
        if (this.services.has(service.id) && this.act(service)) isBusy = true;
      }
    }
    return this;
  }

  /** Time goes on, with all that happens in it by itself. */
  pass(spanMs: number): this {
    const endMs = this.nowMs + spanMs;
    this.settle();
    while (this.wakeAtMs !== undefined && this.wakeAtMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.wakeAtMs);
      this.send({ kind: "fleet-tick" });
      this.settle();
    }
    this.nowMs = endMs;
    this.send({ kind: "fleet-tick" });
    return this.settle();
  }

  // What tests ask.

  instance(name: string, node: string): Instance {
    const instance = this.instances.get(keyOf(name, node));
    assert.ok(instance, `${name} has an instance on ${node}`);
    return instance;
  }

  /** `<phase> <version>` of an instance, `-` without one. */
  at(name: string, node: string): string {
    const instance = this.instances.get(keyOf(name, node));
    return instance === undefined ? "-" : `${instance.phase} ${instance.release.version}`;
  }

  /** The same of several nodes. */
  all(name: string, ...nodes: readonly string[]): string {
    return nodes.map((node) => this.at(name, node)).join(", ");
  }

  rollout(name: string, number?: number): Rollout {
    const all = [...this.rollouts.values()].filter((one) => one.deployment === name);
    const wanted = number ?? Math.max(...all.map((one) => one.number));
    const found = all.find((one) => one.number === wanted);
    assert.ok(found, `${name} has a rollout ${number ?? ""}`);
    return found;
  }

  /** Who has the slot of a group. */
  holder(group: string): string | undefined {
    return this.slots.get(group)?.node;
  }

  /** Whether something like it was told. */
  wasTold(part: string): boolean {
    return this.told.some((line) => line.includes(part));
  }

  tell(event: FleetEvent): void {
    this.send(event);
  }
}

function newNode(name: string): WorldNode {
  return {
    id: nodeId(name),
    registered: true,
    type: "device",
    properties: {},
    agentVersion: "1.0.0",
    maintenance: false,
    mode: "enabled",
    epoch: 0,
    lease: undefined,
    fenced: false,
    group: undefined,
  };
}

/** A world with a manager in office. */
export function world(): World {
  const made = new World();
  made.send({ kind: "fleet-loaded" });
  return made;
}
