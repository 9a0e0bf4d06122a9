/** Takes an event into the mirror and marks what it may change; decides nothing about services itself. */
import { assertNever } from "../assert.ts";
import type { ServiceId } from "../ids.ts";
import type { Capacity } from "../model/capacity.ts";
import type { Service, ServiceReport } from "../model/service.ts";
import { type Context, loadStatus, markNeighboursDirty, markWaitingDirty } from "./context.ts";
import type { ManagerEvent } from "./event.ts";
import { dropService, putService } from "./memory/mirror.ts";
import { retally } from "./memory/size.ts";
import { fencedNode, removedNode } from "./nodes/node-fencing.ts";
import {
  changedMode,
  changeNode,
  finishLoadingNodes,
  grantedLease,
  loadNodeState,
  lostLease,
  markOverdueSuspects,
  missedNode,
  seenNode,
  suspectAnew,
} from "./nodes/nodes.ts";
import { changedArming } from "./policy/arming.ts";
import { changedFreeze } from "./policy/freeze.ts";
import { retryRemoval } from "./states/on-error.ts";

/** All is known: all is looked at. */
function finishLoading(context: Context): void {
  const { state } = context;
  finishLoadingNodes(context);
  state.loaded = true;
  for (const service of state.services.values()) {
    state.dirty.add(service.id);
    if (service.removing) retryRemoval(context, service); // who asked last may not have been heard
  }
  for (const service of state.statuses.keys()) state.dirty.add(service);
}

/** Applies `event` to the mirror. */
export function applyEvent(context: Context, event: ManagerEvent): void {
  const { state } = context;
  switch (event.kind) {
    case "settings-changed":
      state.settings = event.settings;
      if (!state.loaded) return;
      markWaitingDirty(state);
      suspectAnew(context);
      return;
    case "service-changed":
      changeService(context, event.service);
      return;
    case "service-removed":
      dropService(state, event.service);
      state.dirty.add(event.service);
      return;
    case "group-changed":
    case "group-removed":
    case "rule-changed":
    case "rule-removed":
      applyRuleEvent(context, event);
      return;
    case "arming-changed":
      changedArming(context, event.mode);
      return;
    case "freeze-changed":
      changedFreeze(context, event.freeze);
      return;
    case "arming-state-loaded":
      state.armingState = event.state;
      return;
    case "usage":
      changeUsage(context, event.service, event.use);
      return;
    case "report":
      takeReport(context, event.report);
      return;
    case "command":
      state.commands.set(event.service, event.command);
      state.dirty.add(event.service);
      return;
    case "status-loaded":
      loadStatus(state, event.status);
      return;
    case "loaded":
      finishLoading(context);
      return;
    case "tick":
      markOverdueSuspects(context);
      return;
    case "node-changed":
    case "node-removed":
    case "node-missed":
    case "node-seen":
    case "agent-mode":
    case "lease-granted":
    case "lease-gone":
    case "node-fenced":
    case "node-state-loaded":
      applyNodeEvent(context, event);
      return;
    default:
      assertNever(event);
  }
}

type RuleEvent = Extract<
  ManagerEvent,
  { kind: "group-changed" | "group-removed" | "rule-changed" | "rule-removed" }
>;

function applyRuleEvent(context: Context, event: RuleEvent): void {
  const { state } = context;
  state.rulebookStale = true;
  switch (event.kind) {
    case "group-changed":
      state.groups.set(event.group.name, event.group);
      return;
    case "group-removed":
      state.groups.delete(event.name);
      return;
    case "rule-changed":
      state.rules.set(event.rule.name, event.rule);
      return;
    case "rule-removed":
      state.rules.delete(event.name);
      return;
    default:
      assertNever(event);
  }
}

type NodeEvent = Extract<
  ManagerEvent,
  {
    kind:
      | "node-changed"
      | "node-removed"
      | "node-missed"
      | "node-seen"
      | "agent-mode"
      | "lease-granted"
      | "lease-gone"
      | "node-fenced"
      | "node-state-loaded";
  }
>;

function applyNodeEvent(context: Context, event: NodeEvent): void {
  switch (event.kind) {
    case "node-changed":
      changeNode(context, event.node);
      return;
    case "node-removed":
      removedNode(context, event.node);
      return;
    case "node-missed":
      missedNode(context, event.node);
      return;
    case "node-seen":
      seenNode(context, event.node);
      return;
    case "agent-mode":
      changedMode(context, event.node, event.mode);
      return;
    case "lease-granted":
      grantedLease(context, event);
      return;
    case "lease-gone":
      lostLease(context, event);
      return;
    case "node-fenced":
      fencedNode(context, event);
      return;
    case "node-state-loaded":
      loadNodeState(context, event);
      return;
    default:
      assertNever(event);
  }
}

function changeService(context: Context, service: Service): void {
  const { state } = context;
  putService(state, service);
  state.dirty.add(service.id);
  // What others may do can hang on what a person wants of this one.
  markNeighboursDirty(state, service.id);
  if (state.loaded && service.removing) retryRemoval(context, service);
}

function changeUsage(context: Context, service: ServiceId, use: Capacity): void {
  context.state.usages.set(service, use);
  retally(context.state, service);
}

function takeReport(context: Context, report: ServiceReport): void {
  const { state } = context;
  const status = state.statuses.get(report.service);
  // A late word on an instruction that is no longer the current one changes nothing (S4).
  if (state.loaded && status?.uid !== report.uid) return;
  const before = state.reports.get(report.service);
  state.reports.set(report.service, report);
  state.dirty.add(report.service);
  state.brake.inFlight.delete(report.service);
  if (before?.uid === report.uid && before.result === report.result) return;
  retally(state, report.service);
  markNeighboursDirty(state, report.service);
}
