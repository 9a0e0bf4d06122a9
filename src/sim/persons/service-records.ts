/** The records that the API would write for a plan's services, groups and nodes. */
import { epochOf } from "../../core/ids.ts";
import type { Rule } from "../../core/model/rule.ts";
import type { JsonValue } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { firstAgentVersion } from "../node/upgrade/upgrade-disk.ts";
import type { NodePlan, ServicePlan } from "../plan.ts";

/** `services/<id>` */
export function serviceRecordOf(plan: ServicePlan, nowMs: number): JsonValue {
  const { misbehaviour: _misbehaviour, lock: _lock, ...config } = plan;
  return jsonOf({ version: 1, config, removing: false, addedAtMs: Math.round(nowMs) });
}

/** `nodes/<node>` */
export function nodeRecordOf(plan: NodePlan): JsonValue {
  const { node, capacity, taints, properties: setProperties, constraint } = plan;
  return jsonOf({
    version: 1,
    node,
    type: "device",
    properties: {},
    agentVersion: firstAgentVersion,
    registeredAtMs: 0,
    confirmedOffEpoch: epochOf(0),
    maintenance: false,
    mode: "enabled",
    capacity,
    taints,
    setProperties,
    constraint,
  });
}

/** `rules/<name>` */
export function ruleRecordOf(rule: Rule): JsonValue {
  const { kind, ...rest } = rule;
  return jsonOf({ version: 1, rule: { type: kind, ...rest } });
}
