/** What is done to a cluster, as one sentence for people, without a full stop. */
import { assertNever } from "../../core/assert.ts";
import type { NodeOrder } from "../../core/model/node-mode.ts";
import type { RequestedState } from "../../core/model/service.ts";
import { isFleetAction } from "../fleet-plan.ts";
import type { Action, Misbehaviour } from "../plan.ts";
import { writeDuration, writeSize } from "../scenario/yaml/quantity.ts";
import { wordsOfFleetAction } from "./fleet-words.ts";

/** The sentence. */
export function wordsOfAction(action: Action): string {
  if (isFleetAction(action)) return wordsOfFleetAction(action);
  switch (action.kind) {
    case "power":
      return action.on ? `${action.node} gets power again` : `${action.node} loses power`;
    case "network":
      return action.on ? `${action.node} is on the network` : `${action.node} is off the network`;
    case "cut":
    case "link":
    case "clock":
    case "store":
      return faultWords(action);
    case "pause":
      return `the ${action.part} on ${action.node} ${action.on ? "hangs" : "goes on"}`;
    case "crash":
      return `the ${action.part} on ${action.node} crashes and is started again after ${writeDuration(action.restartAfterMs)}`;
    case "crash-manager":
      return `the manager's server will crash after its next ${counted(action.afterWrites, "write")}, and be started again after ${writeDuration(action.restartAfterMs)}`;
    case "reboot":
      return `${action.node} is rebooted`;
    case "shutdown":
      return `${action.node} is shut down`;
    case "restart-agent":
      return `the agent on ${action.node} is restarted`;
    case "stop-server":
      return `the server on ${action.node} is stopped`;
    case "skip-rounds":
      return `${action.part === "manager" ? "the manager skips" : `${agentsOf(action.node)} skip`} ${counted(action.count, "round")}`;
    case "maintenance":
      return `maintenance of ${action.node} ${action.on ? "begins" : "ends"}`;
    case "node-mode":
      return modeWords(action.node, action.order);
    case "confirm-off":
      return `a person confirms that ${action.node} is off`;
    case "taint":
      return `a person ${action.on ? "gives" : "takes"} the taint "${action.name}" ${action.on ? "to" : "from"} ${action.node}`;
    case "remove-node":
      return `a person takes ${action.node} out of the cluster`;
    case "arming":
      return `the cluster is ${action.mode === "armed" ? "armed" : `disarmed (${action.mode})`}`;
    case "freeze":
      return `a person freezes the cluster${action.failover === "held" ? ", failover included" : "; failover goes on"}`;
    case "unfreeze":
      return "a person ends the freeze";
    case "put-group":
      return `group "${action.group.name}" is set`;
    case "put-rule":
      return `rule "${action.rule.name}" is set`;
    case "remove-group":
    case "remove-rule":
      return `${action.kind === "remove-group" ? "group" : "rule"} "${action.name}" is removed`;
    case "settings":
      return "the cluster's settings are changed";
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
      return serviceWords(action);
    default:
      return assertNever(action);
  }
}

function modeWords(node: string, order: NodeOrder): string {
  switch (order) {
    case "disable":
      return `a person disables ${node}: it takes no new services`;
    case "flush":
      return `a person flushes ${node}: its services are to leave`;
    case "offline":
      return `a person puts ${node} offline: nobody watches it`;
    case "enable":
      return `a person enables ${node}`;
    default:
      return assertNever(order);
  }
}

function agentsOf(node: string | undefined): string {
  return node === undefined ? "the agents" : `the agent on ${node}`;
}

function counted(count: number, noun: string): string {
  return count === 1 ? noun : `${count} ${noun}s`;
}

type Fault = Extract<Action, { kind: "cut" | "link" | "clock" | "store" }>;

function faultWords(action: Fault): string {
  switch (action.kind) {
    case "cut":
      return `messages from ${action.from} to ${action.to} ${action.on ? "are lost" : "get through again"}`;
    case "link":
      return linkWords(action);
    case "clock":
      if (action.ppm === 0) return `the clock of ${action.node} is right again`;
      return `the clock of ${action.node} runs ${Math.abs(action.ppm)} ppm too ${action.ppm > 0 ? "fast" : "slowly"}`;
    case "store": {
      const whose = action.server === undefined ? "" : ` for the server on ${action.server}`;
      return action.mode === "ok"
        ? `the store is well again${whose}`
        : `the store is ${action.mode}${whose}`;
    }
    default:
      return assertNever(action);
  }
}

function linkWords(action: Extract<Action, { kind: "link" }>): string {
  const { node, delayMs, lossShare, jitterMs } = action;
  const parts = [
    ...(delayMs > 0 ? [`${writeDuration(delayMs)} late`] : []),
    ...(jitterMs > 0 ? [`up to ${writeDuration(jitterMs)} later by chance`] : []),
    ...(lossShare > 0 ? [`${Math.round(lossShare * 1_000) / 10} % lost`] : []),
  ];
  if (parts.length === 0) return `messages to and from ${node} are well again`;
  return `messages to and from ${node} are ${parts.join(", ")}`;
}

const requestWords: Readonly<Record<RequestedState, string>> = {
  started: "is to run",
  stopped: "is to be stopped",
  disabled: "is disabled",
  ignored: "is to be left alone",
};

type ServiceAction = Extract<
  Action,
  | { kind: "driver" | "workload-exit" | "request" | "move" | "stop" | "located" }
  | { kind: "add" | "remove" | "lock" | "limits" | "usage" }
>;

function serviceWords(action: ServiceAction): string {
  switch (action.kind) {
    case "driver":
      return driverWords(action.service, action.misbehaviour, action.hangs);
    case "workload-exit":
      return `${action.service} ends by itself`;
    case "request":
      return `a person says: ${action.service} ${requestWords[action.state]}`;
    case "move":
      return `a person orders: ${action.by} ${action.service} to ${action.target}`;
    case "stop":
      return `a person orders: stop ${action.service} within ${writeDuration(action.timeoutMs)}`;
    case "located":
      return `a person has moved ${action.service} to ${action.node} by hand`;
    case "add":
      return `${action.service.id} is added${action.running ? ", and runs already" : ""}`;
    case "remove":
      return `${action.service} is ${action.release ? "released: no longer managed" : "removed"}`;
    case "lock":
      return action.name === undefined
        ? `${action.service} is unlocked`
        : `${action.service} is locked (${action.name})`;
    case "limits":
    case "usage":
      return figureWords(action);
    default:
      return assertNever(action);
  }
}

function figureWords(action: Extract<Action, { kind: "limits" | "usage" }>): string {
  const { service, cpuCores, memoryBytes } = action;
  const cores = cpuCores === undefined ? [] : [`${cpuCores} cores`];
  const memory = memoryBytes === undefined ? [] : [`${writeSize(memoryBytes)} of memory`];
  const verb = action.kind === "usage" ? "uses" : "may use";
  return `${service} ${verb} ${[...cores, ...memory].join(" and ")} now`;
}

function driverWords(
  service: string,
  misbehaviour: Misbehaviour | undefined,
  hangs: boolean,
): string {
  const parts = [
    ...(hangs ? ["its operations hang"] : []),
    ...(misbehaviour === undefined ? [] : misbehaviourWords(misbehaviour)),
  ];
  return parts.length === 0
    ? `${service} does as it is told again`
    : `${service}: ${parts.join(", ")}`;
}

function misbehaviourWords(misbehaviour: Misbehaviour): readonly string[] {
  const { failingStarts, failingMoves, cannotStop, missing, onlyOn } = misbehaviour;
  const where = onlyOn === undefined ? "" : ` on ${onlyOn}`;
  return [
    ...(failingStarts > 0 ? [`its next ${counted(failingStarts, "start")}${where} will fail`] : []),
    ...(failingMoves > 0 ? [`its next ${counted(failingMoves, "move")}${where} will fail`] : []),
    ...(cannotStop ? ["it cannot be stopped"] : []),
    ...(missing ? ["it does not exist"] : []),
  ];
}
