/**
 * What one effect of the fleet means for the store. All of it goes into one transaction, together with the conditions that
 * it rests on.
 */
import { assertNever } from "../../core/assert.ts";
import type { FleetEffect, FleetWrite } from "../../core/fleet/effect.ts";
import type { EpochCondition } from "../../core/model/epoch-condition.ts";
import { mutated } from "../../core/mutation.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { InstantMs } from "../../core/time.ts";
import type { Compare, Operation } from "../../ports/store.ts";
import { keys } from "../../wire/records.ts";
import type { EventFacts } from "../event-operations.ts";
import { jsonOf } from "../manager-records.ts";
import type { FleetMirror, Mirrored } from "./fleet-mirror.ts";
import { rolloutKey } from "./fleet-records.ts";
import { instanceConfigOf } from "./instance-config.ts";

/** Conditions, writes and events that belong together. */
export interface FleetPart {
  readonly compare: readonly Compare[];
  readonly operations: readonly Operation[];
  readonly events: readonly EventFacts[];
}

type WriteOf<Kind extends FleetWrite["kind"]> = Extract<FleetWrite, { kind: Kind }>;

const nothing: FleetPart = { compare: [], operations: [], events: [] };

export interface FleetDraftOptions {
  readonly mirror: FleetMirror;
  readonly now: InstantMs;
  /** The store's word for "the node's epoch is still this one"; undefined: it is known that it is not. */
  readonly compareEpoch: (condition: EpochCondition) => Compare | undefined;
}

/** Keys whose content the effect's conditions are about. */
export function guardedKeysOf({ writes }: FleetEffect): readonly string[] {
  return writes.flatMap((write) => {
    switch (write.kind) {
      case "put-service":
      case "remove-service":
        return [`${keys.services}${write.service}`];
      case "take-slot": {
        const { group, node } = write.slot;
        return [`${keys.upgradeSlots}${group}`, `${keys.haMembers}${node}`];
      }
      case "give-slot-back":
        return [`${keys.upgradeSlots}${write.group}`];
      case "finish-rollout-order":
        return [`${keys.rolloutOrders}${write.deployment}`];
      case "forget-deployment":
        return [`${keys.deployments}${write.deployment}`];
      case "put-instance":
      case "forget-instance":
      case "put-rollout":
      case "forget-rollout":
      case "put-agent-upgrade":
      case "forget-agent-upgrade":
      case "tell":
        return [];
      default:
        return assertNever(write);
    }
  });
}

/** The transaction's part; the error says what the effect rests on and is so no longer. */
export function fleetPartOf(
  effect: FleetEffect,
  options: FleetDraftOptions,
): Result<FleetPart, string> {
  const compare: Compare[] = [];
  const operations: Operation[] = [];
  const events: EventFacts[] = [];
  for (const write of effect.writes) {
    const part = partOf(write, options);
    if (!part.ok) return part;
    compare.push(...part.value.compare);
    operations.push(...part.value.operations);
    events.push(...part.value.events);
  }
  return ok({ compare, operations, events });
}

function partOf(write: FleetWrite, options: FleetDraftOptions): Result<FleetPart, string> {
  const { mirror } = options;
  switch (write.kind) {
    case "put-service":
      return putService(write, options);
    case "remove-service":
      return removeService(write, mirror);
    case "put-instance": {
      const { instance } = write;
      const key = `${keys.instances}${instance.deployment}/${instance.node}`;
      return ok(putOf(key, { ...instance }));
    }
    case "forget-instance":
      return ok(deleteOf(`${keys.instances}${write.deployment}/${write.node}`));
    case "take-slot": {
      const { slot } = write;
      const key = `${keys.upgradeSlots}${slot.group}`;
      if (mutated("S7-slot-not-compared")) return ok(putOf(key, { ...slot }));
      if (mirror.slot(slot.group) !== undefined) return err(`the slot of ${slot.group} is taken`);
      // A write may wait for long until a store takes it: the node has to be in the group still.
      const member = mirror.haGroupOf(slot.node);
      if (member?.value !== slot.group) return err(`${slot.node} is not in ${slot.group} any more`);
      const compare: Compare[] = [
        { kind: "absent", key },
        unchanged(`${keys.haMembers}${slot.node}`, member),
      ];
      for (const condition of write.members) {
        const epoch = options.compareEpoch(condition);
        if (epoch === undefined) return err(`${condition.node} has come or gone meanwhile`);
        compare.push(epoch);
      }
      return ok({ ...putOf(key, { ...slot }), compare });
    }
    case "give-slot-back":
      return giveSlotBack(write, mirror);
    case "put-rollout": {
      const { rollout } = write;
      return ok(putOf(rolloutKey(rollout.deployment, rollout.number), { ...rollout }));
    }
    case "forget-rollout":
      return ok(deleteOf(rolloutKey(write.deployment, write.number)));
    case "finish-rollout-order":
      return ok(finishOrder(write, mirror));
    case "forget-deployment":
      return forgetDeployment(write, mirror);
    case "put-agent-upgrade":
      return ok(putOf(`${keys.agentUpgrades}${write.upgrade.node}`, { ...write.upgrade }));
    case "forget-agent-upgrade":
      return ok(deleteOf(`${keys.agentUpgrades}${write.node}`));
    case "tell": {
      const { about: kind, subject, reason } = write;
      return ok({ ...nothing, events: [{ kind, subject, reason }] });
    }
    default:
      return assertNever(write);
  }
}

function putOf(key: string, record: object): FleetPart {
  return {
    ...nothing,
    operations: [{ kind: "put", key, value: jsonOf({ version: 1, ...record }) }],
  };
}

function deleteOf(key: string): FleetPart {
  return { ...nothing, operations: [{ kind: "delete", key }] };
}

/** The record is what it was when the decision was made. */
function unchanged(key: string, row: Mirrored<unknown> | undefined): Compare {
  return row === undefined
    ? { kind: "absent", key }
    : { kind: "modified-at", key, revision: row.revision };
}

function putService(
  { deployment, node, service, release, requested }: WriteOf<"put-service">,
  { mirror, now }: FleetDraftOptions,
): Result<FleetPart, string> {
  const of = mirror.deployment(deployment)?.value.deployment;
  const definition = of === undefined ? undefined : mirror.definition(of.service, release.version);
  const inputs = mirror.inputs(deployment, release.inputsKey);
  if (of === undefined || definition === undefined || inputs === undefined) {
    return err(`deployment ${deployment} has no version ${release.version} with these inputs`);
  }
  const key = `${keys.services}${service}`;
  const row = mirror.service(service);
  if (row?.value.removing === true) return err(`${service} is being removed`);
  const definitionKey = `${keys.definitions}${of.service}/${release.version}`;
  const { definition: content } = definition.value;
  const record = {
    version: 1,
    config: instanceConfigOf({ service, node, requested, definition: content, inputs }),
    removing: false,
    addedAtMs: row?.value.addedAtMs ?? now,
    instance: { deployment, release },
  };
  return ok({
    ...nothing,
    compare: [unchanged(key, row), unchanged(definitionKey, definition)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
  });
}

/** The manager stops it first, then it forgets it. */
function removeService(
  { service }: WriteOf<"remove-service">,
  mirror: FleetMirror,
): Result<FleetPart, string> {
  const key = `${keys.services}${service}`;
  const row = mirror.service(service);
  if (row === undefined || row.value.removing) return ok(nothing);
  return ok({
    ...nothing,
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf({ ...row.value, removing: true }) }],
  });
}

function giveSlotBack(
  { group, node }: WriteOf<"give-slot-back">,
  mirror: FleetMirror,
): Result<FleetPart, string> {
  const key = `${keys.upgradeSlots}${group}`;
  const row = mirror.slot(group);
  if (row === undefined || row.value.node !== node) {
    return err(`node ${node} does not hold the slot of ${group}`);
  }
  return ok({ ...deleteOf(key), compare: [unchanged(key, row)] });
}

/** Deletes the order itself, and never a newer one, which somebody was told is written (S6). */
function finishOrder(
  { deployment, id }: WriteOf<"finish-rollout-order">,
  mirror: FleetMirror,
): FleetPart {
  const key = `${keys.rolloutOrders}${deployment}`;
  const row = mirror.order(deployment);
  if (row?.value !== id) return nothing;
  return { ...deleteOf(key), compare: [unchanged(key, row)] };
}

function forgetDeployment(
  { deployment }: WriteOf<"forget-deployment">,
  mirror: FleetMirror,
): Result<FleetPart, string> {
  const key = `${keys.deployments}${deployment}`;
  const row = mirror.deployment(deployment);
  if (row === undefined) return ok(nothing);
  if (!row.value.removing) return err(`deployment ${deployment} is no longer being removed`);
  const belongings = [...mirror.keysOf(deployment), `${keys.rolloutOrders}${deployment}`];
  return ok({
    ...nothing,
    compare: [unchanged(key, row)],
    operations: [key, ...belongings].map((each) => ({ kind: "delete" as const, key: each })),
  });
}
