/** What a server knows of the store for its agents: instructions by node, and the settings. */
import type { AgentInstruction } from "../../core/agent/state.ts";
import { compareIds, epochOf, type NodeId, type ServiceId, serviceTypeOf } from "../../core/ids.ts";
import type { StoreChange, StoredEntry } from "../../ports/store.ts";
import { nodeIdIn, serviceIdIn } from "../../runtime/manager-records.ts";
import type { AgentUpgradeRecord } from "../../wire/fleet/policies.ts";
import { keys, type ServiceRecord, type StatusRecord } from "../../wire/records.ts";
import { type Settings, settingsSchema } from "../../wire/settings.ts";
import { readAgentUpgrade } from "../store/fleet-records.ts";
import { readService, readSettings, readStatus } from "../store/records.ts";
import { restartKeyOf } from "../workloads/programs.ts";

/** What the view is made of. */
export const viewPrefixes: readonly string[] = [
  keys.settings,
  keys.services,
  keys.statuses,
  keys.agentUpgrades,
];

/** A service whose instruction has changed, and the nodes that it left or is on. */
export interface Instructed {
  readonly kind: "service";
  readonly service: ServiceId;
  readonly nodes: readonly NodeId[];
}

/** A node whose agent is told something else about itself. */
interface Upgraded {
  readonly kind: "upgrade";
  readonly node: NodeId;
}

/** What a failed start or a crash costs before it is tried again, as in the process driver's defaults. */
const restart = { delayMs: 500, delayMsMax: 30_000, resetAfterMs: 60_000 };

/** Failing services move live when a person orders it; the manager by itself stops and hands them over. */
function movesWhenOrdered(service: ServiceId): boolean {
  return serviceTypeOf(service) === "fa";
}

/** One server's view. */
export class View {
  settings: Settings = settingsSchema.parse({});
  readonly #services = new Map<ServiceId, { record: ServiceRecord; revision: number }>();
  readonly #statuses = new Map<ServiceId, StatusRecord>();
  readonly #upgrades = new Map<NodeId, AgentUpgradeRecord>();

  /** Takes in a record; the answer says whose instruction changed. */
  put(entry: StoredEntry): Instructed | Upgraded | undefined {
    if (entry.key.startsWith(keys.agentUpgrades)) {
      const node = nodeIdIn(entry.key, keys.agentUpgrades);
      this.#upgrades.set(node, readAgentUpgrade(entry));
      return { kind: "upgrade", node };
    }
    if (entry.key === keys.settings) {
      this.settings = readSettings(entry).settings;
      return undefined;
    }
    if (entry.key.startsWith(keys.services)) {
      const record = readService(entry);
      const service = serviceIdIn(entry.key, keys.services);
      this.#services.set(service, { record, revision: entry.modRevision });
      return this.#instructed(service, undefined);
    }
    if (!entry.key.startsWith(keys.statuses)) return undefined;
    const service = serviceIdIn(entry.key, keys.statuses);
    const before = this.#statuses.get(service);
    this.#statuses.set(service, readStatus(entry));
    return this.#instructed(service, before);
  }

  /** Takes in a change; the answer says whose instruction changed. */
  apply(change: StoreChange): Instructed | Upgraded | undefined {
    if (change.kind === "put") return this.put(change.entry);
    if (change.key.startsWith(keys.agentUpgrades)) {
      const node = nodeIdIn(change.key, keys.agentUpgrades);
      this.#upgrades.delete(node);
      return { kind: "upgrade", node };
    }
    if (change.key.startsWith(keys.services)) {
      const service = serviceIdIn(change.key, keys.services);
      this.#services.delete(service);
      return this.#instructed(service, undefined);
    }
    if (!change.key.startsWith(keys.statuses)) return undefined;
    const service = serviceIdIn(change.key, keys.statuses);
    const before = this.#statuses.get(service);
    this.#statuses.delete(service);
    return this.#instructed(service, before);
  }

  /** What is ordered about a node's own agent; undefined: nothing. */
  upgradeOf(node: NodeId): AgentUpgradeRecord | undefined {
    const upgrade = this.#upgrades.get(node);
    return upgrade?.order === "none" ? undefined : upgrade;
  }

  /** The instruction of a service to the agent of its node; undefined: nobody is told anything. */
  instructionOf(service: ServiceId): AgentInstruction | undefined {
    const status = this.#statuses.get(service);
    const row = this.#services.get(service);
    if (status?.node === undefined || row === undefined) return undefined;
    const { config } = row.record;
    const restartKey = restartKeyOf(row.record);
    return {
      service,
      uid: status.uid,
      state: status.state,
      node: status.node,
      nodeEpoch: status.nodeEpoch ?? epochOf(0),
      target: status.target,
      moveBy: movesWhenOrdered(service) ? "live" : config.moveBy,
      suspended: status.suspended,
      clearLocks: status.clearLocks,
      stopTimeoutMs: status.stopTimeoutMs,
      survivesIsolation: status.survivesIsolation ?? false,
      restartCountMax: config.maxRestart,
      restartDelayMs: restart.delayMs,
      restartDelayMsMax: restart.delayMsMax,
      restartResetAfterMs: restart.resetAfterMs,
      restartKey,
      configurationKey: restartKey,
      configRevision: row.revision,
    };
  }

  /** All instructions of a node, in order of the services' ids. */
  instructionsFor(node: NodeId): readonly AgentInstruction[] {
    const found: AgentInstruction[] = [];
    for (const [service, status] of this.#statuses) {
      const instruction = status.node === node ? this.instructionOf(service) : undefined;
      if (instruction !== undefined) found.push(instruction);
    }
    return found.sort((left, right) => compareIds(left.service, right.service));
  }

  #instructed(service: ServiceId, before: StatusRecord | undefined): Instructed {
    const nodes = new Set<NodeId>();
    if (before?.node !== undefined) nodes.add(before.node);
    const node = this.#statuses.get(service)?.node;
    if (node !== undefined) nodes.add(node);
    return { kind: "service", service, nodes: [...nodes] };
  }
}
