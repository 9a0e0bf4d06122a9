/** Takes an event into the mirror and marks what it may change; decides nothing about services itself. */
import { assertNever } from "../assert.ts";
import type { Service, ServiceReport } from "../model/service.ts";
import { type Context, loadStatus } from "./context.ts";
import type { ManagerEvent } from "./event.ts";
import {
  changeNode,
  fencedNode,
  finishLoadingNodes,
  grantedLease,
  loadNodeState,
  lostLease,
  markOverdueSuspects,
  removedNode,
} from "./nodes.ts";
import { retryRemoval } from "./states/on-error.ts";

/** Applies `event` to the mirror. */
export function applyEvent(context: Context, event: ManagerEvent): void {
  const { state } = context;
  switch (event.kind) {
    case "settings-changed":
      state.settings = event.settings;
      return;
    case "service-changed":
      changeService(context, event.service);
      return;
    case "service-removed":
      state.services.delete(event.service);
      state.dirty.add(event.service);
      return;
    case "node-changed":
      changeNode(context, event.node);
      return;
    case "node-removed":
      removedNode(context, event.node);
      return;
    case "lease-granted":
      grantedLease(context, event);
      return;
    case "lease-gone":
      lostLease(context, event);
      return;
    case "report":
      takeReport(context, event.report);
      return;
    case "command":
      state.commands.set(event.service, event.command);
      state.dirty.add(event.service);
      return;
    case "node-fenced":
      fencedNode(context, event);
      return;
    case "status-loaded":
      loadStatus(state, event.status);
      return;
    case "node-state-loaded":
      loadNodeState(context, event);
      return;
    case "loaded":
      finishLoadingNodes(context);
      state.loaded = true;
      for (const service of state.services.keys()) state.dirty.add(service);
      for (const service of state.statuses.keys()) state.dirty.add(service);
      return;
    case "tick":
      markOverdueSuspects(context);
      return;
    default:
      assertNever(event);
  }
}

function changeService(context: Context, service: Service): void {
  const { state } = context;
  state.services.set(service.id, service);
  state.dirty.add(service.id);
  if (state.loaded && service.removing) retryRemoval(context, service);
}

function takeReport(context: Context, report: ServiceReport): void {
  const { state } = context;
  const status = state.statuses.get(report.service);
  // A late word on an instruction that is no longer the current one changes nothing (S4).
  if (state.loaded && status?.uid !== report.uid) return;
  state.reports.set(report.service, report);
  state.dirty.add(report.service);
}
