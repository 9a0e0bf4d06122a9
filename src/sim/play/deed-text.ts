/** An action as a person would type it, so that what was done can be read, and typed again. */
import { assertNever } from "../../core/assert.ts";
import type { RequestedState } from "../../core/model/service.ts";
import { type FleetAction, isFleetAction } from "../fleet-plan.ts";
import type { Action } from "../plan.ts";
import { writeDuration } from "../scenario/yaml/quantity.ts";

const wishWords: Readonly<Record<RequestedState, string>> = {
  started: "start",
  stopped: "stop",
  disabled: "disable",
  ignored: "ignore",
};

/** One line; kinds that cannot be typed are told in the same manner. */
export function deedText(action: Action): string {
  if (isFleetAction(action)) return fleetDeed(action);
  switch (action.kind) {
    case "power":
    case "network":
    case "maintenance":
      return `${action.kind} ${action.node} ${onOff(action.on)}`;
    case "node-mode":
      return `node ${action.order} ${action.node}`;
    case "cut":
      return `${action.on ? "cut" : "mend"} ${action.from} ${action.to}`;
    case "pause":
      return `${action.on ? "freeze" : "thaw"} ${action.part} ${action.node}`;
    case "crash":
      return `crash ${action.part} ${action.node}`;
    case "crash-manager":
      return `crash manager after ${action.afterWrites} writes`;
    case "reboot":
    case "shutdown":
    case "restart-agent":
    case "confirm-off":
    case "stop-server":
      return `${action.kind} ${action.node}`;
    case "taint":
      return `${action.on ? "taint" : "untaint"} ${action.node} ${action.name}`;
    case "remove-node":
      return `remove node ${action.node}`;
    case "clock":
      return `clock ${action.node} ${action.ppm}`;
    case "link":
      return `link ${action.node} delay ${writeDuration(action.delayMs)} loss ${action.lossShare}`;
    case "skip-rounds":
      return `skip-rounds ${action.part} ${action.count}`;
    case "store":
      return `store ${action.mode}${action.server === undefined ? "" : ` ${action.server}`}`;
    case "arming":
      return action.mode === "armed" ? "arm" : `disarm ${action.mode}`;
    case "settings":
      return "settings";
    case "freeze":
      return action.failover === "held" ? "freeze held" : "freeze";
    case "unfreeze":
      return "unfreeze";
    case "put-group":
      return `put-group ${action.group.name}`;
    case "put-rule":
      return `put-rule ${action.rule.name}`;
    case "remove-group":
    case "remove-rule":
      return `${action.kind} ${action.name}`;
    case "driver":
    case "workload-exit":
    case "request":
    case "move":
    case "stop":
    case "located":
    case "add":
    case "remove":
    case "lock":
    case "limits":
    case "usage":
      return serviceDeed(action);
    default:
      return assertNever(action);
  }
}

/** Word and name; its content is too much for a line. */
function fleetDeed(action: FleetAction): string {
  switch (action.kind) {
    case "put-ha-group":
      return `${action.kind} ${action.group.name}`;
    case "ha-member":
      return `${action.kind} ${action.node} ${action.group ?? "none"}`;
    case "put-definition":
      return `${action.kind} ${action.definition.service} ${action.definition.version}`;
    case "remove-definition":
      return `${action.kind} ${action.of} ${action.version}`;
    case "put-deployment":
      return `${action.kind} ${action.deployment.name}`;
    case "rollout":
      return `${action.order} rollout ${action.deployment}`;
    case "set-properties":
      return `${action.kind} ${action.node}`;
    case "put-package":
      return `${action.kind} ${action.package.version}`;
    case "put-policy":
      return `${action.kind} ${action.policy.name}`;
    case "remove-ha-group":
    case "remove-deployment":
    case "remove-policy":
      return `${action.kind} ${action.name}`;
    default:
      return assertNever(action);
  }
}

type ServiceAction = Extract<Action, { readonly service: unknown }>;

function serviceDeed(action: ServiceAction): string {
  switch (action.kind) {
    case "request":
      return `${wishWords[action.state]} ${action.service}`;
    case "move":
      return `${action.by} ${action.service} ${action.target}`;
    case "workload-exit":
      return `kill ${action.service}`;
    case "driver":
      return `${action.misbehaviour === undefined && !action.hangs ? "repair" : "break"} ${action.service}`;
    case "located":
      return `located ${action.service} ${action.node}`;
    case "add":
      return `add ${action.service.id}`;
    case "lock":
      return action.name === undefined
        ? `unlock ${action.service}`
        : `lock ${action.service} ${action.name}`;
    case "stop":
      return `stop ${action.service} within ${writeDuration(action.timeoutMs)}`;
    case "remove":
    case "limits":
    case "usage":
      return `${action.kind} ${action.service}`;
    default:
      return assertNever(action);
  }
}

function onOff(on: boolean): string {
  return on ? "on" : "off";
}
