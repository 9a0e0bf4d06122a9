/** What people ask of a fleet, as the operations that the API would write, or why it refuses. */
import { assertNever } from "../../../core/assert.ts";
import { compareIds, type NodeId } from "../../../core/ids.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import type { Operation, StoredEntry } from "../../../ports/store.ts";
import { jsonOf } from "../../../runtime/manager-records.ts";
import type { DeploymentConfig } from "../../../wire/fleet/deployments.ts";
import { keys } from "../../../wire/records.ts";
import type { DefinitionPlan, FleetAction, HaGroupPlan } from "../../fleet-plan.ts";
import {
  readDeployment,
  readHaGroup,
  readHaMember,
  readInstance,
  readPolicy,
  readRollout,
} from "../../store/fleet-records.ts";
import { readNode } from "../../store/records.ts";
import type { SimulatedStore } from "../../store/simulated-store.ts";
import {
  definitionRecordOf,
  deploymentRecordOf,
  haGroupRecordOf,
  inputsKeyOf,
  packageRecordOf,
  policyRecordOf,
} from "./fleet-records.ts";

/** What is to be written; the error: what is refused, about what. */
export type Asked = Result<
  readonly Operation[],
  { readonly about: string; readonly because: string }
>;

type Kinds<Kind extends FleetAction["kind"]> = Extract<FleetAction, { readonly kind: Kind }>;

/** The people of a fleet. */
export class FleetApi {
  readonly #store: SimulatedStore;
  #orderCount = 0;

  constructor(store: SimulatedStore) {
    this.#store = store;
  }

  ask(action: FleetAction, nowMs: number): Asked {
    switch (action.kind) {
      case "put-ha-group":
        return this.#putHaGroup(action.group, nowMs);
      case "remove-ha-group":
        return this.#removeHaGroup(action.name);
      case "ha-member":
        return this.#haMember(action, nowMs);
      case "put-definition":
        return this.#putDefinition(action.definition, nowMs);
      case "remove-definition":
        return this.#removeDefinition(action);
      case "put-deployment":
        return this.#putDeployment(action.deployment, nowMs);
      case "remove-deployment":
        return this.#removeDeployment(action.name);
      case "rollout":
        return this.#rollout(action);
      case "set-properties":
        return this.#setProperties(action);
      case "put-package": {
        const record = packageRecordOf(action.package, nowMs);
        return ok([put(`${keys.bundles}${record.sha256}`, record)]);
      }
      case "put-policy": {
        const { policy } = action;
        const entry = this.#entry(`${keys.policies}${policy.name}`);
        const before = entry === undefined ? undefined : readPolicy(entry);
        return ok([put(`${keys.policies}${policy.name}`, policyRecordOf(policy, nowMs, before))]);
      }
      case "remove-policy":
        return ok([{ kind: "delete", key: `${keys.policies}${action.name}` }]);
      default:
        return assertNever(action);
    }
  }

  /** The node is taken out of the cluster, and with that out of its group. */
  leave(node: NodeId, nowMs: number): readonly Operation[] {
    const key = `${keys.haMembers}${node}`;
    const entry = this.#entry(key);
    if (entry === undefined) return [];
    return [{ kind: "delete", key }, ...this.#writtenAnew([readHaMember(entry).group], nowMs)];
  }

  #entry(key: string): StoredEntry | undefined {
    return this.#store.get(key);
  }

  #putHaGroup(group: Omit<HaGroupPlan, "members">, nowMs: number): Asked {
    const key = `${keys.haGroups}${group.name}`;
    const entry = this.#entry(key);
    const before = entry === undefined ? undefined : readHaGroup(entry);
    return ok([put(key, haGroupRecordOf(group, nowMs, before))]);
  }

  #removeHaGroup(name: string): Asked {
    const key = `${keys.haGroups}${name}`;
    if (this.#entry(key) === undefined) return refused(name, "there is no such HA group");
    const members = this.#store
      .range(keys.haMembers)
      .filter((entry) => readHaMember(entry).group === name);
    return ok([key, ...members.map((entry) => entry.key)].map((each) => remove(each)));
  }

  #haMember({ node, group }: Kinds<"ha-member">, nowMs: number): Asked {
    const key = `${keys.haMembers}${node}`;
    const entry = this.#entry(key);
    const before = entry === undefined ? undefined : readHaMember(entry).group;
    if (before === group) return ok([]);
    if (this.#entry(`${keys.nodes}${node}`) === undefined) {
      return refused(node, "there is no such node");
    }
    if (group !== undefined && this.#entry(`${keys.haGroups}${group}`) === undefined) {
      return refused(group, "there is no such HA group");
    }
    const change = group === undefined ? remove(key) : put(key, { version: 1, group });
    return ok([change, ...this.#writtenAnew([before, group], nowMs)]);
  }

  /** A group's record is written with each change of who is in it. */
  #writtenAnew(names: readonly (string | undefined)[], nowMs: number): readonly Operation[] {
    return names.flatMap((name) => {
      const entry = name === undefined ? undefined : this.#entry(`${keys.haGroups}${name}`);
      if (entry === undefined) return [];
      return [put(entry.key, { ...readHaGroup(entry), updatedAtMs: nowMs })];
    });
  }

  #putDefinition(definition: DefinitionPlan, nowMs: number): Asked {
    const { service, version } = definition;
    const key = `${keys.definitions}${service}/${version}`;
    if (this.#entry(key) !== undefined) {
      return refused(`${service} ${version}`, "it is there already, and never changes");
    }
    return ok([put(key, definitionRecordOf(definition, nowMs))]);
  }

  #removeDefinition({ of: service, version }: Kinds<"remove-definition">): Asked {
    const about = `${service} ${version}`;
    const key = `${keys.definitions}${service}/${version}`;
    if (this.#entry(key) === undefined) return refused(about, "there is no such definition");
    const naming = this.#store
      .range(keys.deployments)
      .map((entry) => readDeployment(entry).deployment)
      .find((one) => one.service === service && one.versions.some((v) => v.version === version));
    if (naming !== undefined) return refused(about, `deployment ${naming.name} names it`);
    const using = this.#store
      .range(keys.instances)
      .map(readInstance)
      .find(({ release, previous, upgrade }) =>
        [release, previous, upgrade?.from, upgrade?.to].some((one) => one?.version === version),
      );
    if (using !== undefined) return refused(about, `${using.service} may run it`);
    return ok([remove(key)]);
  }

  #putDeployment(deployment: DeploymentConfig, nowMs: number): Asked {
    const { name, service, versions, inputs } = deployment;
    const key = `${keys.deployments}${name}`;
    const entry = this.#entry(key);
    const before = entry === undefined ? undefined : readDeployment(entry);
    if (before?.removing === true) return refused(name, "it is being removed");
    if (before !== undefined && before.deployment.service !== service) {
      return refused(name, `it is of ${before.deployment.service}`);
    }
    for (const { version } of versions) {
      if (this.#entry(`${keys.definitions}${service}/${version}`) !== undefined) continue;
      return refused(name, `there is no version ${version} of ${service}`);
    }
    const inputsAt = `${keys.deploymentInputs}${name}/${inputsKeyOf(inputs)}`;
    return ok([
      put(key, deploymentRecordOf(deployment, nowMs, before)),
      put(inputsAt, { version: 1, inputs }),
    ]);
  }

  #removeDeployment(name: string): Asked {
    const entry = this.#entry(`${keys.deployments}${name}`);
    if (entry === undefined) return refused(name, "there is no such deployment");
    const record = readDeployment(entry);
    if (record.removing) return ok([]);
    const generation = record.generation + 1;
    return ok([put(entry.key, { ...record, removing: true, generation })]);
  }

  #rollout({ deployment, order }: Kinds<"rollout">): Asked {
    const last = this.#store
      .range(`${keys.rollouts}${deployment}/`)
      .toSorted((left, right) => compareIds(left.key, right.key))
      .at(-1);
    if (last === undefined) return refused(deployment, "it has had no rollout yet");
    const { state, number } = readRollout(last);
    if (!startsOf[order].includes(state)) {
      return refused(deployment, `rollout ${number} is ${state}: it takes no ${order}`);
    }
    this.#orderCount += 1;
    const record = { version: 1, id: `person-${this.#orderCount}`, order, by: "person" };
    return ok([put(`${keys.rolloutOrders}${deployment}`, record)]);
  }

  #setProperties({ node, properties }: Kinds<"set-properties">): Asked {
    const entry = this.#entry(`${keys.nodes}${node}`);
    if (entry === undefined) return refused(node, "there is no such node");
    return ok([put(entry.key, { ...readNode(entry), setProperties: properties })]);
  }
}

/** States of a rollout that take an order. */
const startsOf: Readonly<Record<Kinds<"rollout">["order"], readonly string[]>> = {
  pause: ["running"],
  resume: ["paused"],
  abort: ["running", "paused"],
};

function refused(about: string, because: string): Asked {
  return err({ about, because });
}

function put(key: string, record: object): Operation {
  return { kind: "put", key, value: jsonOf(record) };
}

function remove(key: string): Operation {
  return { kind: "delete", key };
}
