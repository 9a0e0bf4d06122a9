/**
 * What the store says of a fleet, kept up to date with each commit from the commits alone: who is in which HA group, which
 * instances there are and which of them are healthy, who is under an upgrade, and who holds which slot.
 */
import { type NodeId, nodeOfInstance, type ServiceId } from "../../../../core/ids.ts";
import type { StoreChange, StoredEntry } from "../../../../ports/store.ts";
import { nameIn, nodeIdIn, serviceIdIn } from "../../../../runtime/manager-records.ts";
import type { DefinitionRecord } from "../../../../wire/fleet/definitions.ts";
import type { DeploymentRecord } from "../../../../wire/fleet/deployments.ts";
import type { HaGroupRecord } from "../../../../wire/fleet/ha-groups.ts";
import type {
  InstanceRecord,
  RolloutRecord,
  UpgradeSlotRecord,
} from "../../../../wire/fleet/instances.ts";
import type { AgentUpgradeRecord } from "../../../../wire/fleet/policies.ts";
import { keys, type ReportRecord, type ServiceRecord } from "../../../../wire/records.ts";
import {
  readAgentUpgrade,
  readDefinition,
  readDeployment,
  readHaGroup,
  readHaMember,
  readInstance,
  readReport,
  readRollout,
  readSlot,
} from "../../../store/fleet-records.ts";
import { readService } from "../../../store/records.ts";
import type { CheckContext } from "../../check.ts";
import type { Ledger } from "../../ledger.ts";

interface Since<T> {
  readonly value: T;
  readonly sinceMs: number;
}

/** The record of an instance's service: what its node's agent is to run. */
export interface Configured {
  readonly record: ServiceRecord;
  readonly revision: number;
  readonly sinceMs: number;
  /** Of the lease that its node held when it was written; undefined: none. */
  readonly epoch: number | undefined;
  /** It was healthy when it was written, or a fault alone had taken its health and it ran again in truth. */
  readonly served: boolean;
}

/** How an instance's health was last lost. `fleet`: its record was written anew. */
interface LostHealth {
  readonly atMs: number;
  readonly by: "fleet" | "outside";
}

/** The store's facts as of the last commit. */
export class FleetFacts {
  readonly #ledger: Ledger;
  readonly #view: Pick<CheckContext["view"], "copies">;
  /** What becomes of upgrades while a member is offline. */
  readonly groups = new Map<string, Since<HaGroupRecord["whenMembersOffline"]>>();
  /** The group that a node is in. */
  readonly members = new Map<NodeId, Since<string>>();
  /** When a node last left a group, or changed it. */
  readonly leftAtMs = new Map<NodeId, number>();
  readonly definitions = new Map<string, DefinitionRecord>();
  readonly deployments = new Map<string, Since<DeploymentRecord>>();
  /** Since when HA groups order a deployment's upgrades. */
  readonly orderedSinceMs = new Map<string, number>();
  /** When a person last changed whether they do. */
  readonly orderChangedAtMs = new Map<string, number>();
  readonly instances = new Map<ServiceId, InstanceRecord>();
  /** When the upgrade that an instance is under began. */
  readonly upgradeSinceMs = new Map<ServiceId, number>();
  readonly services = new Map<ServiceId, Configured>();
  readonly reports = new Map<ServiceId, ReportRecord>();
  readonly slots = new Map<string, UpgradeSlotRecord>();
  readonly rollouts = new Map<string, RolloutRecord>();
  readonly agentUpgrades = new Map<NodeId, AgentUpgradeRecord>();
  /** When each node's lease was granted. */
  readonly leasedAtMs = new Map<NodeId, number>();
  /** Since when an instance is healthy without interruption; it is not when it is not here. */
  readonly healthySinceMs = new Map<ServiceId, number>();
  /** When it was first healthy with its service's present record. */
  readonly firstHealthyAtMs = new Map<ServiceId, number>();
  readonly lostHealth = new Map<ServiceId, LostHealth>();

  constructor({ ledger, view }: Pick<CheckContext, "ledger" | "view">) {
    this.#ledger = ledger;
    this.#view = view;
  }

  /** Takes in all changes of one commit; the ledger shows them already. */
  apply(changes: readonly StoreChange[], nowMs: number): void {
    const touched = new Set<ServiceId>();
    for (const change of changes) {
      if (change.kind === "put") this.#put(change.entry, nowMs);
      else this.#delete(change.key, nowMs);
      const key = change.kind === "put" ? change.entry.key : change.key;
      for (const service of this.#touchedBy(key)) touched.add(service);
    }
    for (const service of touched) this.#judge(service, changes, nowMs);
  }

  /** The members of a group that have been in it for longer than `forMs`. */
  membersOf(group: string, nowMs: number, forMs = 0): readonly NodeId[] {
    return [...this.members].flatMap(([node, { value, sinceMs }]) =>
      value === group && nowMs - sinceMs >= forMs ? [node] : [],
    );
  }

  /** Whether the upgrade of an instance began when its group's order held for it already, by at least `forMs`. */
  isOrderedUpgrade({ service, node, deployment }: InstanceRecord, forMs: number): boolean {
    const member = this.members.get(node);
    const group = member === undefined ? undefined : this.groups.get(member.value);
    const orderedSinceMs = this.orderedSinceMs.get(deployment);
    const sinceMs = this.upgradeSinceMs.get(service);
    if (member === undefined || group === undefined) return false;
    if (orderedSinceMs === undefined || sinceMs === undefined) return false;
    return sinceMs - forMs > Math.max(member.sinceMs, group.sinceMs, orderedSinceMs);
  }

  /** The instance of the deployment on a node. */
  instanceOn(deployment: string, node: NodeId): InstanceRecord | undefined {
    for (const instance of this.instances.values()) {
      if (instance.deployment === deployment && instance.node === node) return instance;
    }
    return undefined;
  }

  /** Whether HA groups order the deployment's upgrades. */
  isOrdered(deployment: string): boolean {
    return this.deployments.get(deployment)?.value.deployment.haSemantics === "one-at-a-time";
  }

  /** The upgrades of the node that its group has to order: names of deployments, and `agentUse`. */
  upgradesOf(node: NodeId): readonly string[] {
    const found: string[] = [];
    for (const instance of this.instances.values()) {
      if (instance.node !== node || instance.upgrade === undefined) continue;
      if (this.isOrdered(instance.deployment)) found.push(instance.deployment);
    }
    if (this.agentUpgrades.get(node)?.order === "install") found.push(agentUse);
    return found;
  }

  #put(entry: StoredEntry, nowMs: number): void {
    const { key } = entry;
    if (key.startsWith(keys.services)) this.#putService(entry, nowMs);
    else if (key.startsWith(keys.reports)) {
      this.reports.set(serviceIdIn(key, keys.reports), readReport(entry));
    } else if (key.startsWith(keys.leases)) {
      const node = nodeIdIn(key, keys.leases);
      if (!this.leasedAtMs.has(node)) this.leasedAtMs.set(node, nowMs);
    } else if (key.startsWith(keys.instances)) {
      this.#putInstance(readInstance(entry), nowMs);
    } else if (key.startsWith(keys.upgradeSlots)) {
      this.slots.set(nameIn(key, keys.upgradeSlots), readSlot(entry));
    } else if (key.startsWith(keys.rollouts)) {
      this.rollouts.set(nameIn(key, keys.rollouts), readRollout(entry));
    } else if (key.startsWith(keys.deployments)) {
      this.#putDeployment(nameIn(key, keys.deployments), readDeployment(entry), nowMs);
    } else if (key.startsWith(keys.haMembers)) {
      const node = nodeIdIn(key, keys.haMembers);
      this.leftAtMs.set(node, nowMs);
      this.members.set(node, { value: readHaMember(entry).group, sinceMs: nowMs });
    } else if (key.startsWith(keys.haGroups)) {
      const { name, whenMembersOffline: value } = readHaGroup(entry);
      this.groups.set(name, { value, sinceMs: this.groups.get(name)?.sinceMs ?? nowMs });
    } else if (key.startsWith(keys.definitions)) {
      this.definitions.set(nameIn(key, keys.definitions), readDefinition(entry));
    } else if (key.startsWith(keys.agentUpgrades)) {
      this.agentUpgrades.set(nodeIdIn(key, keys.agentUpgrades), readAgentUpgrade(entry));
    }
  }

  #putInstance(record: InstanceRecord, nowMs: number): void {
    const { service, upgrade } = record;
    this.instances.set(service, record);
    if (upgrade === undefined) this.upgradeSinceMs.delete(service);
    else if (!this.upgradeSinceMs.has(service)) this.upgradeSinceMs.set(service, nowMs);
  }

  #putDeployment(name: string, value: DeploymentRecord, nowMs: number): void {
    const before = this.deployments.get(name)?.value.deployment.haSemantics;
    this.deployments.set(name, { value, sinceMs: nowMs });
    if (before !== value.deployment.haSemantics) this.orderChangedAtMs.set(name, nowMs);
    if (!this.isOrdered(name)) this.orderedSinceMs.delete(name);
    else if (!this.orderedSinceMs.has(name)) this.orderedSinceMs.set(name, nowMs);
  }

  #putService(entry: StoredEntry, nowMs: number): void {
    const service = serviceIdIn(entry.key, keys.services);
    const node = nodeOfInstance(service);
    if (node === undefined) return;
    const record = readService(entry);
    const epoch = this.#ledger.leases.get(node)?.epoch;
    const served =
      this.healthySinceMs.has(service) ||
      (this.lostHealth.get(service)?.by === "outside" && this.#runs(service));
    const { modRevision: revision } = entry;
    this.services.set(service, { record, revision, sinceMs: nowMs, epoch, served });
    this.firstHealthyAtMs.delete(service);
    // Whatever had taken its health: from here on it is what the manager has made of it.
    if (!this.healthySinceMs.has(service)) {
      this.lostHealth.set(service, { atMs: nowMs, by: "fleet" });
    }
  }

  #runs(service: ServiceId): boolean {
    return [...this.#view.copies.values()].some(
      (copy) => copy.service === service && copy.state === "running",
    );
  }

  #delete(key: string, nowMs: number): void {
    if (key.startsWith(keys.services)) this.services.delete(serviceIdIn(key, keys.services));
    else if (key.startsWith(keys.reports)) this.reports.delete(serviceIdIn(key, keys.reports));
    else if (key.startsWith(keys.leases)) this.leasedAtMs.delete(nodeIdIn(key, keys.leases));
    else if (key.startsWith(keys.instances)) {
      const name = nameIn(key, keys.instances);
      for (const [service, { deployment, node }] of this.instances) {
        if (`${deployment}/${node}` !== name) continue;
        this.instances.delete(service);
        this.upgradeSinceMs.delete(service);
      }
    } else if (key.startsWith(keys.upgradeSlots)) {
      this.slots.delete(nameIn(key, keys.upgradeSlots));
    } else if (key.startsWith(keys.rollouts)) this.rollouts.delete(nameIn(key, keys.rollouts));
    else if (key.startsWith(keys.deployments)) {
      this.deployments.delete(nameIn(key, keys.deployments));
    } else if (key.startsWith(keys.haMembers)) {
      const node = nodeIdIn(key, keys.haMembers);
      this.leftAtMs.set(node, nowMs);
      this.members.delete(node);
    } else if (key.startsWith(keys.haGroups)) this.groups.delete(nameIn(key, keys.haGroups));
    else if (key.startsWith(keys.definitions)) {
      this.definitions.delete(nameIn(key, keys.definitions));
    } else if (key.startsWith(keys.agentUpgrades)) {
      this.agentUpgrades.delete(nodeIdIn(key, keys.agentUpgrades));
    }
  }

  /** Instances whose health the record can have changed. */
  #touchedBy(key: string): readonly ServiceId[] {
    for (const prefix of [keys.services, keys.statuses, keys.reports]) {
      if (!key.startsWith(prefix)) continue;
      const service = serviceIdIn(key, prefix);
      return nodeOfInstance(service) === undefined ? [] : [service];
    }
    if (key.startsWith(keys.instances)) {
      const name = nameIn(key, keys.instances);
      return [...this.instances.values()].flatMap(({ deployment, node, service }) =>
        `${deployment}/${node}` === name ? [service] : [],
      );
    }
    if (!key.startsWith(keys.leases)) return [];
    const node = nodeIdIn(key, keys.leases);
    return [...this.instances.values()].flatMap((one) => (one.node === node ? [one.service] : []));
  }

  #judge(service: ServiceId, changes: readonly StoreChange[], nowMs: number): void {
    const wasHealthy = this.healthySinceMs.has(service);
    const isHealthy = this.#isHealthy(service);
    if (isHealthy && !this.firstHealthyAtMs.has(service)) {
      this.firstHealthyAtMs.set(service, nowMs);
    }
    if (isHealthy === wasHealthy) return;
    if (isHealthy) {
      this.healthySinceMs.set(service, nowMs);
      return;
    }
    this.healthySinceMs.delete(service);
    const isWritten = changes.some(
      (change) => change.kind === "put" && change.entry.key === `${keys.services}${service}`,
    );
    this.lostHealth.set(service, { atMs: nowMs, by: isWritten ? "fleet" : "outside" });
  }

  /** Whether its agent, under its node's present lease, has reported the present record running and in health. */
  #isHealthy(service: ServiceId): boolean {
    const instance = this.instances.get(service);
    const configured = this.services.get(service);
    const report = this.reports.get(service);
    const status = this.#ledger.statuses.get(service);
    if (instance === undefined || configured === undefined || report === undefined) return false;
    const { config, removing, instance: of } = configured.record;
    const isAsWanted =
      config.state === "started" && !removing && of?.release.version === instance.release.version;
    const isPresent =
      this.#ledger.leases.get(instance.node)?.epoch === report.epoch &&
      report.node === instance.node &&
      report.configRevision >= configured.revision &&
      status?.uid === report.uid;
    const isWell = report.health === "none" || report.health === "healthy";
    return (
      isAsWanted &&
      isPresent &&
      isWell &&
      status?.state === "started" &&
      report.result === "running"
    );
  }
}

/** Stands for the upgrade of a node's agent among the upgrades of the node. */
export const agentUse = "(agent)";
