/** What people ask of the cluster: written into the store as the API would, as soon as a server can write. */
import { assertNever } from "../../core/assert.ts";
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { Capacity } from "../../core/model/capacity.ts";
import { modeAfter } from "../../core/model/node-mode.ts";
import { type OpenNode, whyNotClose, withTaint } from "../../core/placement/taints.ts";
import type { JsonValue, Operation, StoredEntry } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { type CommandRecord, keys } from "../../wire/records.ts";
import type { Engine } from "../engine/engine.ts";
import { type FleetAction, isFleetAction } from "../fleet-plan.ts";
import type { Action } from "../plan.ts";
import {
  readArming,
  readCommand,
  readEpoch,
  readFreeze,
  readNode,
  readNodeState,
  readService,
  readStatus,
} from "../store/records.ts";
import { FleetApi } from "./fleet/fleet-api.ts";
import { ruleRecordOf, serviceRecordOf } from "./service-records.ts";

type ApiKind =
  | "maintenance"
  | "node-mode"
  | "confirm-off"
  | "taint"
  | "remove-node"
  | "arming"
  | "freeze"
  | "unfreeze"
  | "request"
  | "move"
  | "stop"
  | "located"
  | "add"
  | "remove"
  | "limits"
  | "usage"
  | "put-group"
  | "put-rule"
  | "remove-group"
  | "remove-rule"
  | "settings"
  | FleetAction["kind"];
/** An action that only changes what is stored. */
export type ApiAction = Extract<Action, { readonly kind: ApiKind }>;

export interface ApiOptions {
  readonly engine: Engine;
  /** Whether some server can write now. */
  readonly canWrite: () => boolean;
  /** A person moves a service by hand; the answer says why they leave it. */
  readonly moveByHand: (service: ServiceId, target: NodeId) => string | undefined;
}

/** Pause before what no server could write is tried again. */
const retryMs = 500;

/** The people of the world, who do not give up. */
export class Api {
  readonly #options: ApiOptions;
  /** What could not be written yet, in order. */
  readonly #waiting: ApiAction[] = [];
  /** As last measured. */
  readonly #usages = new Map<ServiceId, Capacity>();
  readonly #fleet: FleetApi;
  #commandCount = 0;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#fleet = new FleetApi(options.engine.store);
  }

  act(action: ApiAction): void {
    this.#waiting.push(action);
    if (this.#waiting.length === 1) this.#work();
  }

  #work(): void {
    const { engine, canWrite } = this.#options;
    const { schedule } = engine;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!canWrite()) {
        schedule.at(schedule.nowMs + retryMs, () => this.#work());
        return;
      }
      this.#waiting.shift();
      const operations = this.#isHeldUp(next)
        ? this.#refuse("cluster", "it is frozen")
        : this.#operationsFor(next);
      if (operations.length > 0) engine.store.txn({ compare: [], then: operations });
    }
  }

  /** A frozen cluster takes nothing from people but its own end; what is measured is no person's. */
  #isHeldUp({ kind }: ApiAction): boolean {
    if (kind === "freeze" || kind === "unfreeze" || kind === "usage") return false;
    const entry = this.#entry(keys.freeze);
    if (entry === undefined) return false;
    const { untilMs } = readFreeze(entry);
    return untilMs === undefined || this.#options.engine.schedule.nowMs < untilMs;
  }

  #operationsFor(action: ApiAction): readonly Operation[] {
    const nowMs = Math.round(this.#options.engine.schedule.nowMs);
    if (isFleetAction(action)) return this.#ofFleet(action, nowMs);
    switch (action.kind) {
      case "maintenance":
        return this.#maintenance(action.node, action.on);
      case "node-mode":
        return this.#nodeMode(action);
      case "confirm-off":
        return this.#confirmOff(action.node);
      case "taint":
        return this.#taint(action);
      case "remove-node":
        return this.#removeNode(action.node);
      case "arming":
        return [put(keys.arming, { version: 1, mode: action.mode, by: "person", sinceMs: nowMs })];
      case "freeze":
        return [put(keys.freeze, freezeRecordOf(action, nowMs))];
      case "unfreeze":
        return [{ kind: "delete", key: keys.freeze }];
      case "request":
        return this.#configure(action.service, { state: action.state });
      case "move":
        return this.#command(action.service, { kind: action.by, target: action.target });
      case "stop":
        return this.#command(action.service, { kind: "stop", timeoutMs: action.timeoutMs });
      case "located":
        return this.#located(action.service, action.node);
      case "add":
        return [
          putValue(`${keys.services}${action.service.id}`, serviceRecordOf(action.service, nowMs)),
        ];
      case "remove":
        return this.#remove(action.service, action.release);
      case "limits":
        return this.#limits(action);
      case "usage":
        return this.#usage(action);
      case "put-group":
        return [put(`${keys.groups}${action.group.name}`, { version: 1, group: action.group })];
      case "put-rule":
        return [putValue(`${keys.rules}${action.rule.name}`, ruleRecordOf(action.rule))];
      case "remove-group":
        return [{ kind: "delete", key: `${keys.groups}${action.name}` }];
      case "remove-rule":
        return [{ kind: "delete", key: `${keys.rules}${action.name}` }];
      case "settings":
        return [put(keys.settings, { version: 1, settings: action.settings })];
      default:
        return assertNever(action);
    }
  }

  #ofFleet(action: FleetAction, nowMs: number): readonly Operation[] {
    const asked = this.#fleet.ask(action, nowMs);
    if (asked.ok) return asked.value;
    return this.#refuse(asked.error.about, asked.error.because);
  }

  /** Only of an online node, and not in a disarmed cluster, where nothing would move; its end is always allowed. */
  #maintenance(node: NodeId, on: boolean): readonly Operation[] {
    const entry = this.#entry(`${keys.nodes}${node}`);
    if (entry === undefined) return this.#refuse(node, "there is no such node");
    const stateEntry = this.#entry(`${keys.nodeStates}${node}`);
    const state = stateEntry === undefined ? "unknown" : readNodeState(stateEntry).state;
    if (on && !this.#isArmed()) return this.#refuse(node, "the cluster is disarmed");
    if (on && readNode(entry).mode === "offline") return this.#refuse(node, "it is offline");
    if (on && state !== "online") return this.#refuse(node, `it is ${state}, not online`);
    return [put(entry.key, { ...readNode(entry), maintenance: on })];
  }

  #nodeMode({ node, order }: Extract<ApiAction, { kind: "node-mode" }>): readonly Operation[] {
    const entry = this.#entry(`${keys.nodes}${node}`);
    if (entry === undefined) return this.#refuse(node, "there is no such node");
    const record = readNode(entry);
    const mode = modeAfter(record.mode, order);
    if (!mode.ok) return this.#refuse(node, mode.error);
    if (order === "flush" && !this.#isArmed()) return this.#refuse(node, "the cluster is disarmed");
    return mode.value === record.mode ? [] : [put(entry.key, { ...record, mode: mode.value })];
  }

  #isArmed(): boolean {
    const entry = this.#entry(keys.arming);
    return entry === undefined || readArming(entry).mode === "armed";
  }

  #confirmOff(node: NodeId): readonly Operation[] {
    const entry = this.#entry(`${keys.nodes}${node}`);
    const epochEntry = this.#entry(`${keys.epochs}${node}`);
    if (entry === undefined) return this.#refuse(node, "there is no such node");
    if (epochEntry === undefined) return this.#refuse(node, "it has never been up");
    if (this.#entry(`${keys.leases}${node}`) !== undefined) {
      return this.#refuse(node, "its lease is still alive");
    }
    if (this.#options.engine.network.isPowered(node)) {
      return this.#refuse(node, "it has power, and people tell the truth");
    }
    return [put(entry.key, { ...readNode(entry), confirmedOffEpoch: readEpoch(epochEntry).epoch })];
  }

  /** Closed only while another node is open to all. */
  #taint({ node, name, on }: Extract<ApiAction, { kind: "taint" }>): readonly Operation[] {
    const entry = this.#entry(`${keys.nodes}${node}`);
    if (entry === undefined) return this.#refuse(node, "there is no such node");
    const record = readNode(entry);
    const why = on ? whyNotClose(node, this.#openNodes()) : undefined;
    if (why !== undefined) return this.#refuse(node, why);
    const taints = withTaint(record.taints, name, on ? "on" : "off");
    return [put(entry.key, { ...record, taints })];
  }

  *#openNodes(): Iterable<OpenNode> {
    for (const { node } of this.#options.engine.plan.nodes) {
      const entry = this.#entry(`${keys.nodes}${node}`);
      if (entry === undefined) continue;
      const state = this.#entry(`${keys.nodeStates}${node}`);
      const isOnline = state !== undefined && readNodeState(state).state === "online";
      const { taints, mode } = readNode(entry);
      yield { node, isOnline, taints, mode };
    }
  }

  /** Only when nothing can run there any more; its machine is turned away from then on. */
  #removeNode(node: NodeId): readonly Operation[] {
    const { engine } = this.#options;
    const key = `${keys.nodes}${node}`;
    const entry = this.#entry(key);
    if (entry === undefined) return this.#refuse(node, "there is no such node");
    if (this.#entry(`${keys.leases}${node}`) !== undefined) {
      return this.#refuse(node, "it holds a live lease");
    }
    const epochEntry = this.#entry(`${keys.epochs}${node}`);
    const epoch = epochEntry === undefined ? 0 : readEpoch(epochEntry).epoch;
    const statuses = engine.store.range(keys.statuses).map(readStatus);
    const kept = statuses.find((one) => one.node === node && one.mayOutliveLease === true);
    if (kept !== undefined) return this.#refuse(node, `${kept.service} may still run there`);
    const atMs = Math.round(engine.schedule.nowMs);
    const because = "a person removed it";
    const removed = { version: 1, node, epoch, because, atMs };
    return [
      { kind: "delete", key },
      put(`${keys.removedNodes}${node}`, removed),
      ...this.#fleet.leave(node, atMs),
    ];
  }

  #configure(service: ServiceId, fields: object): readonly Operation[] {
    const entry = this.#entry(`${keys.services}${service}`);
    if (entry === undefined) return this.#refuse(service, "there is no such service");
    const record = readService(entry);
    return [put(entry.key, { ...record, config: { ...record.config, ...fields } })];
  }

  #command(
    service: ServiceId,
    order: Pick<CommandRecord, "kind" | "target" | "timeoutMs">,
  ): readonly Operation[] {
    if (this.#entry(`${keys.services}${service}`) === undefined) {
      return this.#refuse(service, "there is no such service");
    }
    const pending = this.#entry(`${keys.commands}${service}`);
    const isFound = pending === undefined || readCommand(pending).kind !== "located";
    // A later word for where it is replaces the one before: the person has moved it already.
    if (!isFound && order.kind !== "located") {
      return this.#refuse(service, "it is being looked for where a person has moved it");
    }
    this.#commandCount += 1;
    const record = { version: 1, id: `person-${this.#commandCount}`, by: "person", ...order };
    return [put(`${keys.commands}${service}`, record)];
  }

  /** What is released is left as it runs: an ignored service is nobody's. */
  #remove(service: ServiceId, release: boolean): readonly Operation[] {
    if (release) return this.#configure(service, { state: "ignored" });
    const entry = this.#entry(`${keys.services}${service}`);
    if (entry === undefined) return this.#refuse(service, "there is no such service");
    return [put(entry.key, { ...readService(entry), removing: true })];
  }

  /** The person has done what they say when they say it. */
  #located(service: ServiceId, target: NodeId): readonly Operation[] {
    const why = this.#options.moveByHand(service, target);
    if (why !== undefined) return this.#refuse(service, why);
    return this.#command(service, { kind: "located", target });
  }

  #limits(action: Extract<ApiAction, { kind: "limits" | "usage" }>): readonly Operation[] {
    const { service, cpuCores, memoryBytes } = action;
    const entry = this.#entry(`${keys.services}${service}`);
    const before = entry === undefined ? undefined : readService(entry).config.limits;
    const limits = {
      cpuCores: cpuCores ?? before?.cpuCores ?? 0,
      memoryBytes: memoryBytes ?? before?.memoryBytes ?? 0,
    };
    return this.#configure(service, { limits });
  }

  #usage(action: Extract<ApiAction, { kind: "limits" | "usage" }>): readonly Operation[] {
    const { service } = action;
    const key = `${keys.usages}${service}`;
    const before = this.#usages.get(service);
    const use = {
      cpuCores: action.cpuCores ?? before?.cpuCores ?? 0,
      memoryBytes: action.memoryBytes ?? before?.memoryBytes ?? 0,
    };
    this.noteUsage(service, use);
    return [put(key, { version: 1, ...use })];
  }

  /** What was measured at the start. */
  noteUsage(service: ServiceId, use: Capacity): void {
    this.#usages.set(service, use);
  }

  #entry(key: string): StoredEntry | undefined {
    return this.#options.engine.store.get(key);
  }

  #refuse(about: string, because: string): readonly Operation[] {
    this.#options.engine.tell({ kind: "note", about, sentence: `refused: ${because}` });
    return [];
  }
}

function freezeRecordOf(
  { failover, forMs }: Extract<ApiAction, { kind: "freeze" }>,
  nowMs: number,
): object {
  const untilMs = forMs === undefined ? {} : { untilMs: nowMs + forMs };
  const record = { version: 1, by: "person", sinceMs: nowMs, ...untilMs };
  return { ...record, failover: failover === "goes-on" };
}

function put(key: string, record: object): Operation {
  return { kind: "put", key, value: jsonOf(record) };
}

function putValue(key: string, value: JsonValue): Operation {
  return { kind: "put", key, value };
}
