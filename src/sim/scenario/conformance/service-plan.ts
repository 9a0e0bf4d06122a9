/** Services of the recorded form; those of type `fa` say in their digits how they fail. */
import { type NodeId, parseNodeId, type ServiceId, serviceTypeOf } from "../../../core/ids.ts";
import type { RequestedState } from "../../../core/model/service.ts";
import type { Misbehaviour, ServicePlan } from "../../plan.ts";
import { defaultService } from "../defaults.ts";
import type { ConformanceScenario } from "./schema.ts";
import { limitsOf } from "./usage.ts";

type RecordedService = NonNullable<ConformanceScenario["services"][ServiceId]>;

/** A service as it is configured at the start. */
export function servicePlanOf(
  id: ServiceId,
  service: RecordedService,
  usage: ConformanceScenario["usage"],
): ServicePlan {
  const { node, state, group, failback, autoRebalance, maxRestart, maxRelocate, lock } = service;
  return {
    ...addedServiceOf({ id, node, state }, usage),
    group,
    failback,
    autoRebalance,
    maxRestart,
    maxRelocate,
    lock,
  };
}

/** A service that is added in a step: nothing but its place and state is said. */
export function addedServiceOf(
  service: { readonly id: ServiceId; readonly node: NodeId; readonly state: RequestedState },
  usage: ConformanceScenario["usage"],
): ServicePlan {
  const { id } = service;
  return {
    ...defaultService(id, serviceTypeOf(id)),
    ...service,
    limits: limitsOf(usage, id),
    mayOvercommit: true, // that system does not look at memory
    misbehaviour: misbehaviourOf(id),
  };
}

/**
 * What the digits `abcdef` of a failing service mean; undefined: it does as it is told. By `e` = 0 it does not exist,
 * which kept that system from nothing that can be seen here: such services started like others.
 */
export function misbehaviourOf(id: ServiceId): Misbehaviour | undefined {
  if (serviceTypeOf(id) !== "fa") return undefined;
  const digits = id.slice(id.indexOf(":") + 1);
  const digit = (index: number, missing: number): number => {
    const found = digits.charAt(index);
    return /^\d$/.test(found) ? Number(found) : missing;
  };
  const only = parseNodeId(`node${digit(5, 0)}`);
  return {
    failingStarts: digit(1, 0),
    failingMoves: digit(2, 0),
    cannotStop: digit(3, 0) !== 0,
    missing: false,
    onlyOn: digit(5, 0) !== 0 && only.ok ? only.value : undefined,
  };
}
