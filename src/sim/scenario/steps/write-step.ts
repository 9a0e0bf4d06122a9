/** Actions as the words of steps: the way back from `words.ts`. */
import { assertNever } from "../../../core/assert.ts";
import type { RequestedState } from "../../../core/model/service.ts";
import type { Settings } from "../../../wire/settings.ts";
import { isFleetAction } from "../../fleet-plan.ts";
import type { Action } from "../../plan.ts";
import { writeFleetStep } from "../fleet/write-fleet.ts";
import { writeDuration, writeSize } from "../yaml/quantity.ts";
import {
  type Fields,
  withoutUndefined,
  writeGroup,
  writeMisbehaviour,
  writeRule,
  writeService,
} from "../yaml/write-parts.ts";

/** A word and its value. */
export type WrittenStep = readonly [word: string, value: unknown];

const requestWords: Readonly<Record<RequestedState, string>> = {
  started: "start",
  stopped: "stop",
  disabled: "disable",
  ignored: "ignore",
};

/** The word that stands for the action, with its value. */
export function writeStep(action: Action): WrittenStep {
  if (isFleetAction(action)) return writeFleetStep(action);
  switch (action.kind) {
    case "power":
    case "network":
    case "maintenance":
      return [`${action.kind} ${action.on ? "on" : "off"}`, action.node];
    case "node-mode":
      return [`${action.order} node`, action.node];
    case "cut":
      return [action.on ? "cut" : "mend", { from: action.from, to: action.to }];
    case "link":
    case "clock":
    case "store":
      return writeFault(action);
    case "pause":
      return [`${action.on ? "pause" : "resume"} ${action.part}`, action.node];
    case "crash":
    case "crash-manager":
      return writeCrash(action);
    case "reboot":
    case "shutdown":
    case "restart-agent":
    case "stop-server":
    case "remove-node":
    case "confirm-off":
      return [action.kind.replace("-", " "), action.node];
    case "taint":
      return [action.on ? "taint" : "untaint", { node: action.node, name: action.name }];
    case "skip-rounds":
      return [
        "skip rounds",
        withoutUndefined({ part: action.part, node: action.node, count: action.count }),
      ];
    case "arming":
      return ["arming", action.mode];
    case "freeze": {
      const lasting = action.forMs === undefined ? undefined : writeDuration(action.forMs);
      return ["freeze", withoutUndefined({ failover: action.failover, lasting })];
    }
    case "unfreeze":
      return ["unfreeze", "cluster"];
    case "put-group":
      return ["put group", { name: action.group.name, ...writeGroup(action.group) }];
    case "put-rule":
      return ["put rule", { name: action.rule.name, ...writeRule(action.rule) }];
    case "remove-group":
    case "remove-rule":
      return [action.kind.replace("-", " "), action.name];
    case "settings":
      return ["settings", writeSettingsChange(action.settings)];
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
      return writeServiceStep(action);
    default:
      return assertNever(action);
  }
}

function writeCrash(action: Extract<Action, { kind: "crash" | "crash-manager" }>): WrittenStep {
  const restartAfter = writeDuration(action.restartAfterMs);
  if (action.kind === "crash") {
    return [`crash ${action.part}`, { node: action.node, restartAfter }];
  }
  return ["crash manager", { afterWrites: action.afterWrites, restartAfter }];
}

function writeFault(action: Extract<Action, { kind: "link" | "clock" | "store" }>): WrittenStep {
  switch (action.kind) {
    case "link": {
      const { node, delayMs, lossShare, jitterMs } = action;
      const delay = delayMs === 0 ? undefined : writeDuration(delayMs);
      const jitter = jitterMs === 0 ? undefined : writeDuration(jitterMs);
      const loss = lossShare === 0 ? undefined : lossShare;
      return ["link", withoutUndefined({ node, delay, loss, jitter })];
    }
    case "clock":
      return ["clock", { node: action.node, ppm: action.ppm }];
    case "store":
      return [
        "store",
        action.server === undefined ? action.mode : { mode: action.mode, server: action.server },
      ];
    default:
      return assertNever(action);
  }
}

type ServiceAction = Extract<
  Action,
  | { kind: "driver" | "workload-exit" | "request" | "move" | "stop" | "located" }
  | { kind: "add" | "remove" | "lock" | "limits" | "usage" }
>;

function writeServiceStep(action: ServiceAction): WrittenStep {
  switch (action.kind) {
    case "driver": {
      const said = action.misbehaviour === undefined ? {} : writeMisbehaviour(action.misbehaviour);
      const hangs = action.hangs ? true : undefined;
      return ["driver", withoutUndefined({ service: action.service, ...said, hangs })];
    }
    case "workload-exit":
      return ["workload exits", action.service];
    case "request":
      return [requestWords[action.state], action.service];
    case "move":
      return [action.by, { service: action.service, to: action.target }];
    case "stop":
      return ["stop", { service: action.service, timeout: writeDuration(action.timeoutMs) }];
    case "located":
      return ["located", { service: action.service, node: action.node }];
    case "add": {
      const running = action.running ? true : undefined;
      const fields = writeService(action.service);
      return ["add", withoutUndefined({ id: action.service.id, ...fields, running })];
    }
    case "remove":
      return [action.release ? "release" : "remove", action.service];
    case "lock":
      return action.name === undefined
        ? ["unlock", action.service]
        : ["lock", { service: action.service, name: action.name }];
    case "limits":
    case "usage": {
      const { kind, service, cpuCores, memoryBytes } = action;
      const memory = memoryBytes === undefined ? undefined : writeSize(memoryBytes);
      return [kind, withoutUndefined({ service, cpuCores, memory })];
    }
    default:
      return assertNever(action);
  }
}

/** A step changes fields: those that are not set are set back by null. */
function writeSettingsChange(settings: Settings): Fields {
  const { times = null, autoRebalance = null, admission = null, ...rest } = settings;
  return { ...rest, times, autoRebalance, admission };
}
