/**
 * What the writes of the fleet are conditional on, as the store shows it; and the events that the fleet's core is told of
 * the store's changes.
 */
import type { FleetEvent } from "../../core/fleet/event.ts";
import { type NodeId, nodeOfInstance, type ServiceId } from "../../core/ids.ts";
import type { StoreChange, StoredEntry, StoreRevision } from "../../ports/store.ts";
import { type DefinitionRecord, definitionRecordSchema } from "../../wire/fleet/definitions.ts";
import {
  type DeploymentRecord,
  deploymentInputsRecordSchema,
  deploymentRecordSchema,
} from "../../wire/fleet/deployments.ts";
import {
  type HaGroupRecord,
  haGroupRecordSchema,
  haMemberRecordSchema,
} from "../../wire/fleet/ha-groups.ts";
import {
  rolloutOrderRecordSchema,
  type UpgradeSlotRecord,
  upgradeSlotRecordSchema,
} from "../../wire/fleet/instances.ts";
import { keys, type ServiceRecord, serviceRecordSchema } from "../../wire/records.ts";
import { nameIn, nodeIdIn, readRecord, serviceIdIn } from "../manager-records.ts";
import { meaningOf } from "./fleet-meanings.ts";

/** What is loaded for the fleet beside what the manager loads, in the order in which its core is told. */
export const fleetPrefixes: readonly string[] = [
  keys.haGroups,
  keys.haMembers,
  keys.definitions,
  keys.deployments,
  keys.deploymentInputs,
  keys.instances,
  keys.upgradeSlots,
  keys.rollouts,
  keys.rolloutOrders,
  keys.bundles,
  keys.policies,
  keys.agentUpgrades,
  keys.agentUpgradeReports,
];

/** A record with the revision of its last change. */
export interface Mirrored<T> {
  readonly value: T;
  readonly revision: StoreRevision;
}

type DeploymentInputs = ReturnType<typeof deploymentInputsRecordSchema.parse>["inputs"];

/** Below the names of a deployment: what belongs to it alone. */
type KeysOf = Map<string, Set<string>>;

export class FleetMirror {
  readonly #definitions = new Map<string, Mirrored<DefinitionRecord>>();
  readonly #deployments = new Map<string, Mirrored<DeploymentRecord>>();
  readonly #inputs = new Map<string, DeploymentInputs>();
  readonly #services = new Map<ServiceId, Mirrored<ServiceRecord>>();
  readonly #slots = new Map<string, Mirrored<UpgradeSlotRecord>>();
  readonly #orders = new Map<string, Mirrored<string>>();
  readonly #haGroups = new Map<string, Mirrored<HaGroupRecord>>();
  /** The group that a node is in. */
  readonly #haMembers = new Map<NodeId, Mirrored<string>>();
  readonly #keysOf: KeysOf = new Map();

  definition(service: ServiceId, version: string): Mirrored<DefinitionRecord> | undefined {
    return this.#definitions.get(`${service}/${version}`);
  }

  deployment(name: string): Mirrored<DeploymentRecord> | undefined {
    return this.#deployments.get(name);
  }

  inputs(deployment: string, inputsKey: string): DeploymentInputs | undefined {
    return this.#inputs.get(`${deployment}/${inputsKey}`);
  }

  service(service: ServiceId): Mirrored<ServiceRecord> | undefined {
    return this.#services.get(service);
  }

  slot(group: string): Mirrored<UpgradeSlotRecord> | undefined {
    return this.#slots.get(group);
  }

  haGroup(name: string): Mirrored<HaGroupRecord> | undefined {
    return this.#haGroups.get(name);
  }

  /** The name of the node's HA group. */
  haGroupOf(node: NodeId): Mirrored<string> | undefined {
    return this.#haMembers.get(node);
  }

  /** The order's id. */
  order(deployment: string): Mirrored<string> | undefined {
    return this.#orders.get(deployment);
  }

  /** Keys of the inputs and rollouts of a deployment. */
  keysOf(deployment: string): readonly string[] {
    return [...(this.#keysOf.get(deployment) ?? [])];
  }

  /** Takes in a record while loading; the answer is what the core is told of it. */
  load(entry: StoredEntry): readonly FleetEvent[] {
    this.#remember(entry);
    const meaning = meaningOf(entry.key);
    const event = (meaning?.load ?? meaning?.put)?.(entry.key, entry.value, entry.modRevision);
    return event === undefined ? [] : [event];
  }

  /** Takes in a change. What only the manager writes is no news. */
  apply(change: StoreChange): readonly FleetEvent[] {
    if (change.kind === "put") {
      const { key, value, modRevision } = change.entry;
      this.#remember(change.entry);
      const event = meaningOf(key)?.put?.(key, value, modRevision);
      return event === undefined ? [] : [event];
    }
    this.#forget(change.key);
    const event = meaningOf(change.key)?.deleted?.(change.key, change.previous);
    return event === undefined ? [] : [event];
  }

  #remember({ key, value, modRevision: revision }: StoredEntry): void {
    if (key.startsWith(keys.services)) {
      const service = serviceIdIn(key, keys.services);
      if (nodeOfInstance(service) === undefined) return;
      const record = readRecord(serviceRecordSchema, key, value);
      this.#services.set(service, { value: record, revision });
    } else if (key.startsWith(keys.definitions)) {
      const record = readRecord(definitionRecordSchema, key, value);
      this.#definitions.set(nameIn(key, keys.definitions), { value: record, revision });
    } else if (key.startsWith(keys.deployments)) {
      const record = readRecord(deploymentRecordSchema, key, value);
      this.#deployments.set(nameIn(key, keys.deployments), { value: record, revision });
    } else if (key.startsWith(keys.deploymentInputs)) {
      const { inputs } = readRecord(deploymentInputsRecordSchema, key, value);
      this.#inputs.set(nameIn(key, keys.deploymentInputs), inputs);
      this.#belong(key, keys.deploymentInputs);
    } else if (key.startsWith(keys.upgradeSlots)) {
      const record = readRecord(upgradeSlotRecordSchema, key, value);
      this.#slots.set(nameIn(key, keys.upgradeSlots), { value: record, revision });
    } else if (key.startsWith(keys.rolloutOrders)) {
      const { id } = readRecord(rolloutOrderRecordSchema, key, value);
      this.#orders.set(nameIn(key, keys.rolloutOrders), { value: id, revision });
    } else if (key.startsWith(keys.rollouts)) {
      this.#belong(key, keys.rollouts);
    } else if (key.startsWith(keys.haGroups)) {
      const record = readRecord(haGroupRecordSchema, key, value);
      this.#haGroups.set(record.name, { value: record, revision });
    } else if (key.startsWith(keys.haMembers)) {
      const { group } = readRecord(haMemberRecordSchema, key, value);
      this.#haMembers.set(nodeIdIn(key, keys.haMembers), { value: group, revision });
    }
  }

  #forget(key: string): void {
    if (key.startsWith(keys.services)) this.#services.delete(serviceIdIn(key, keys.services));
    if (key.startsWith(keys.definitions)) this.#definitions.delete(nameIn(key, keys.definitions));
    if (key.startsWith(keys.deployments)) this.#deployments.delete(nameIn(key, keys.deployments));
    if (key.startsWith(keys.upgradeSlots)) this.#slots.delete(nameIn(key, keys.upgradeSlots));
    if (key.startsWith(keys.rolloutOrders)) this.#orders.delete(nameIn(key, keys.rolloutOrders));
    if (key.startsWith(keys.deploymentInputs)) {
      this.#inputs.delete(nameIn(key, keys.deploymentInputs));
      this.#keysOf.get(deploymentIn(key, keys.deploymentInputs))?.delete(key);
    }
    if (key.startsWith(keys.haGroups)) this.#haGroups.delete(nameIn(key, keys.haGroups));
    if (key.startsWith(keys.haMembers)) this.#haMembers.delete(nodeIdIn(key, keys.haMembers));
    if (key.startsWith(keys.rollouts)) {
      this.#keysOf.get(deploymentIn(key, keys.rollouts))?.delete(key);
    }
  }

  #belong(key: string, prefix: string): void {
    const deployment = deploymentIn(key, prefix);
    const known = this.#keysOf.get(deployment) ?? new Set();
    this.#keysOf.set(deployment, known.add(key));
  }
}

/** Of `<prefix><deployment>/...`. */
function deploymentIn(key: string, prefix: string): string {
  const rest = key.slice(prefix.length);
  return rest.slice(0, rest.indexOf("/"));
}
