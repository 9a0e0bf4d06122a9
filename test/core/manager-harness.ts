/** Builds managers in a wanted situation for table tests, and says what a step did in few words. */
import assert from "node:assert/strict";
import { sentenceOf } from "../../src/core/explain/sentence.ts";
import {
  type Epoch,
  epochOf,
  type InstructionUid,
  instructionUidOf,
  type NodeId,
  parseNodeId,
  parseServiceId,
  type ServiceId,
} from "../../src/core/ids.ts";
import {
  createManagerState,
  type ManagerEffect,
  type ManagerEvent,
  type ManagerState,
  stepAll,
} from "../../src/core/manager/step.ts";
import type { NodeRegistration } from "../../src/core/model/node.ts";
import type {
  ReportResult,
  Service,
  ServiceCommand,
  ServiceStatus,
} from "../../src/core/model/service.ts";
import { defaultSettings } from "../../src/core/model/settings.ts";
import { durationMs, instantMs } from "../../src/core/time.ts";

/** A node's id from text that is known to be right. */
export function nodeId(text: string): NodeId {
  const result = parseNodeId(text);
  assert.ok(result.ok, text);
  return result.value;
}

/** A service's id from text that is known to be right. */
export function serviceId(text: string): ServiceId {
  const result = parseServiceId(text);
  assert.ok(result.ok, text);
  return result.value;
}

/** A service with the defaults of the API. */
export function service(id: string, patch: Partial<Service> = {}): Service {
  return {
    id: serviceId(id),
    requested: "started",
    maxRestart: 1,
    maxRelocate: 1,
    onIsolation: "stop",
    home: undefined,
    removing: false,
    group: undefined,
    failback: true,
    autoRebalance: true,
    limits: undefined,
    mayOvercommit: false,
    after: [],
    requires: [],
    priority: 0,
    movesLive: false,
    tolerations: [],
    volumes: [],
    ...patch,
  };
}

/** A node's registration as of its agent's first joining. */
export function registration(
  name: string,
  patch: Partial<NodeRegistration> = {},
): NodeRegistration {
  return {
    id: nodeId(name),
    confirmedOffEpoch: epochOf(0),
    maintenance: false,
    mode: "enabled",
    capacity: undefined,
    taints: [],
    ...patch,
  };
}

/** A manager under test, with a clock and a record of the effects of its last step. */
export class Manager {
  readonly state: ManagerState;
  nowMs = 1_000_000;
  effects: readonly ManagerEffect[] = [];
  wakeAtMs: number | undefined = undefined;

  constructor(options: { readonly suspectMs?: number } = {}) {
    this.state = createManagerState({ uidPrefix: "t" });
    const suspectMs = durationMs(options.suspectMs ?? 0);
    this.send({ kind: "settings-changed", settings: { ...defaultSettings, suspectMs } });
    this.send({ kind: "loaded" });
  }

  send(event: ManagerEvent): readonly ManagerEffect[] {
    return this.sendAll([event]);
  }

  /** Tells several things that became known at once. */
  sendAll(events: readonly ManagerEvent[]): readonly ManagerEffect[] {
    const result = stepAll(this.state, events, instantMs(this.nowMs));
    this.effects = result.effects;
    this.wakeAtMs = result.wakeAtMs;
    return result.effects;
  }

  /** Registers nodes and grants each a lease of epoch 1. */
  online(...names: readonly string[]): this {
    for (const name of names) {
      this.send({
        kind: "node-changed",
        node: registration(name),
      });
      this.grant(name, 1);
    }
    return this;
  }

  /** An epoch, branded. */
  epoch(value: number): Epoch {
    return epochOf(value);
  }

  grant(name: string, epoch: number): void {
    this.send({ kind: "lease-granted", node: nodeId(name), epoch: epochOf(epoch) });
  }

  lose(name: string, epoch: number): void {
    this.send({ kind: "lease-gone", node: nodeId(name), epoch: epochOf(epoch) });
  }

  /** Answers the pending `fence-node` of a node as the store would. */
  fenced(name: string, epoch: number): void {
    this.send({ kind: "node-fenced", node: nodeId(name), epoch: epochOf(epoch) });
  }

  confirmOff(name: string, epoch: number): void {
    const node = registration(name, { confirmedOffEpoch: epochOf(epoch) });
    this.send({ kind: "node-changed", node });
  }

  add(id: string, patch: Partial<Service> = {}): this {
    this.send({ kind: "service-changed", service: service(id, patch) });
    return this;
  }

  set(id: string, patch: Partial<Service>): void {
    const known = this.state.services.get(serviceId(id));
    assert.ok(known, `${id} is known`);
    this.send({ kind: "service-changed", service: { ...known, ...patch } });
  }

  status(id: string): ServiceStatus {
    const status = this.state.statuses.get(serviceId(id));
    assert.ok(status, `${id} has a status`);
    return status;
  }

  /** Reports under the current instruction, or under `uid`. */
  report(
    id: string,
    result: ReportResult,
    options: { uid?: InstructionUid; epoch?: Epoch; stable?: boolean } = {},
  ): void {
    const status = this.status(id);
    assert.ok(status.state !== "queued", "only a placed service can be reported");
    this.send({
      kind: "report",
      report: {
        service: status.service,
        node: status.node,
        epoch: options.epoch ?? status.nodeEpoch,
        uid: options.uid ?? status.uid,
        result,
        detail: result === "failed" ? "exit code 1" : "",
        stable: options.stable ?? false,
      },
    });
  }

  command(id: string, kind: ServiceCommand["kind"], target?: string): void {
    this.send({
      kind: "command",
      service: serviceId(id),
      command: {
        id: "c1",
        kind,
        target: target === undefined ? undefined : nodeId(target),
        timeoutMs: undefined,
      },
    });
  }

  /** `state node[ -> target]`, e.g. `relocate node1 -> node2`. */
  where(id: string): string {
    return words(this.status(id));
  }

  /** The states that the last step led the service through. */
  path(id: string): readonly string[] {
    for (const effect of this.effects) {
      if (effect.kind === "put-status" && effect.service === id) return effect.path.map(words);
    }
    return [];
  }

  has(kind: ManagerEffect["kind"]): boolean {
    return this.effects.some((effect) => effect.kind === kind);
  }

  sentence(id: string): string {
    return sentenceOf(this.status(id).reason);
  }
}

function words(status: ServiceStatus): string {
  if (status.state === "queued") return "queued";
  const target = "target" in status ? ` -> ${status.target}` : "";
  return `${status.state} ${status.node}${target}`;
}

/** A uid that no manager gave. */
export const foreignUid: InstructionUid = instructionUidOf("another-manager-1");
