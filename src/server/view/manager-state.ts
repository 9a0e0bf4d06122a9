/** The manager's memory as the stored records make it, so that an explanation rests on the manager's own functions. */
import type { ManagerEvent } from "../../core/manager/event.ts";
import { createManagerState, type ManagerState, stepAll } from "../../core/manager/step.ts";
import type { InstantMs } from "../../core/time.ts";
import {
  clusterSettingsOf,
  freezeOf,
  registrationOf,
  reportOf,
  ruleOf,
  serviceOf,
  statusOf,
} from "../../runtime/manager-records.ts";
import { compile, ruleFactsOf } from "../changes/rulebook.ts";
import { freezeInForce } from "./freeze.ts";
import type { ViewTables } from "./view-tables.ts";

/** A manager that knows everything and has decided nothing: its states are the stored ones. */
export function managerStateOf(tables: ViewTables, now: InstantMs): ManagerState {
  const state = createManagerState({ uidPrefix: "view" });
  stepAll(state, [...eventsOf(tables, now)], now);
  state.rulebook = compile(ruleFactsOf(tables));
  return state;
}

/** In the order in which a manager loads. */
function* eventsOf(tables: ViewTables, now: InstantMs): Iterable<ManagerEvent> {
  yield { kind: "settings-changed", settings: clusterSettingsOf(tables.settings.value) };
  for (const { value } of tables.groups.values()) {
    yield { kind: "group-changed", group: value.group };
  }
  for (const { value } of tables.rules.values()) {
    yield { kind: "rule-changed", rule: ruleOf(value.rule) };
  }
  if (tables.arming !== undefined) {
    yield { kind: "arming-changed", mode: tables.arming.value.mode };
  }
  const freeze = freezeInForce(tables, now);
  if (freeze !== undefined) yield { kind: "freeze-changed", freeze: freezeOf(freeze.value) };
  yield* nodeEvents(tables);
  for (const { value } of tables.services.values()) {
    yield { kind: "service-changed", service: serviceOf(value) };
  }
  for (const [service, { value }] of tables.usages) {
    const { cpuCores, memoryBytes } = value;
    yield { kind: "usage", service, use: { cpuCores, memoryBytes } };
  }
  for (const { value } of tables.statuses.values()) {
    yield { kind: "status-loaded", status: statusOf(value) };
  }
  for (const { value } of tables.reports.values()) {
    yield { kind: "report", report: reportOf(value) };
  }
}

function* nodeEvents(tables: ViewTables): Iterable<ManagerEvent> {
  for (const { value } of tables.nodes.values()) {
    yield { kind: "node-changed", node: registrationOf(value) };
  }
  for (const [node, { value }] of tables.nodeStates) {
    const epoch = tables.epochs.get(node)?.value.epoch;
    if (epoch !== undefined) yield { kind: "node-state-loaded", node, state: value.state, epoch };
  }
  for (const [node, { value }] of tables.agentModes) {
    yield { kind: "agent-mode", node, mode: value.mode };
  }
  for (const [node, { value }] of tables.leases) {
    yield { kind: "lease-granted", node, epoch: value.epoch };
  }
}
