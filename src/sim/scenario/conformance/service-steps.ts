/** The orders of the recorded form that begin with `service ID`. */
import type { NodeId, ServiceId } from "../../../core/ids.ts";
import { type RequestedState, requestedStates } from "../../../core/model/service.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import type { Action } from "../../plan.ts";
import type { ConformanceScenario } from "./schema.ts";
import { addedServiceOf } from "./service-plan.ts";
import { bytesOfMebibytes, useOf } from "./usage.ts";

/** What must be known of the scenario, and what the orders before have done. */
export interface ServiceOrders {
  readonly usage: ConformanceScenario["usage"];
  /** Those that there are at this step. */
  readonly services: Set<string>;
  readonly locks: Map<string, string>;
  node(text: string | undefined): Result<NodeId, string>;
}

type Actions = Result<readonly Action[], string>;
type Read = (service: ServiceId, words: readonly string[], orders: ServiceOrders) => Actions;

/** The lock that is meant when none is named. */
const lockDefault = "backup";
/** Longest time that a stop may be given: a day, in seconds. */
const stopSecondsMax = 86_400;

const readers: Readonly<Record<string, Read>> = {
  started: requested("started"),
  stopped: requested("stopped"),
  disabled: requested("disabled"),
  ignored: requested("ignored"),
  migrate: move("migrate"),
  relocate: move("relocate"),
  stop: readStop,
  add: readAdd,
  delete: readDelete,
  lock: readLock,
  unlock: readUnlock,
  "manual-migrate": readLocated,
  "set-static-stats": readLimits,
  "set-dynamic-stats": readUse,
};

/** The actions of one order about a service, or what is wrong with it. */
export function readServiceOrder(
  service: ServiceId,
  words: readonly string[],
  orders: ServiceOrders,
): Actions {
  const [word = "", ...rest] = words;
  const known = Object.entries(readers).find(([name]) => name === word);
  if (known === undefined) {
    const names = Object.keys(readers).join(", ");
    return err(`unknown word "${word}" after "service ${service}"; known are: ${names}`);
  }
  if (word !== "add" && !orders.services.has(service)) {
    return err(`there is no service "${service}"; there are: ${[...orders.services].join(", ")}`);
  }
  return known[1](service, rest, orders);
}

function requested(state: RequestedState): Read {
  return (service, words) =>
    words.length === 0
      ? ok([{ kind: "request", service, state }])
      : err(`write: service ${service} ${state}`);
}

function move(by: "migrate" | "relocate"): Read {
  return (service, words, orders) => {
    const target = orders.node(words[0]);
    if (!target.ok) return target;
    if (words.length > 1) return err(`write: service ${service} ${by} NODE`);
    return ok([{ kind: "move", service, by, target: target.value }]);
  };
}

function readStop(service: ServiceId, words: readonly string[]): Actions {
  const seconds = Number(words[0] ?? Number.NaN);
  if (words.length !== 1 || !(seconds >= 0 && seconds <= stopSecondsMax)) {
    return err(`write: service ${service} stop SECONDS`);
  }
  return ok([{ kind: "stop", service, timeoutMs: seconds * 1_000 }]);
}

function readAdd(service: ServiceId, words: readonly string[], orders: ServiceOrders): Actions {
  const [nodeText, stateText = "started", runningText = "0"] = words;
  const node = orders.node(nodeText);
  if (!node.ok) return node;
  const state = requestedStates.find((known) => known === stateText);
  if (state === undefined || words.length > 3 || !/^[01]$/.test(runningText)) {
    return err(`write: service ${service} add NODE [${requestedStates.join("|")}] [0|1]`);
  }
  if (orders.services.has(service)) return err(`service "${service}" is there already`);
  orders.services.add(service);
  const { usage } = orders;
  return ok([
    {
      kind: "add",
      service: addedServiceOf({ id: service, node: node.value, state }, usage),
      running: runningText === "1",
    },
    { kind: "usage", service, ...useOf(usage, service) },
  ]);
}

function readDelete(service: ServiceId, words: readonly string[], orders: ServiceOrders): Actions {
  if (words.length > 0) return err(`write: service ${service} delete`);
  orders.services.delete(service);
  return ok([{ kind: "remove", service, release: true }]);
}

function readLock(service: ServiceId, words: readonly string[], orders: ServiceOrders): Actions {
  if (words.length > 1) return err(`write: service ${service} lock [NAME]`);
  const name = words[0] ?? lockDefault;
  orders.locks.set(service, name);
  return ok([{ kind: "lock", service, name }]);
}

/** A lock of another name stays. */
function readUnlock(service: ServiceId, words: readonly string[], orders: ServiceOrders): Actions {
  if (words.length > 1) return err(`write: service ${service} unlock [NAME]`);
  const name = words[0];
  if (name !== undefined && orders.locks.get(service) !== name) return ok([]);
  orders.locks.delete(service);
  return ok([{ kind: "lock", service, name: undefined }]);
}

function readLocated(service: ServiceId, words: readonly string[], orders: ServiceOrders): Actions {
  const node = orders.node(words[0]);
  if (!node.ok) return node;
  if (words.length > 1) return err(`write: service ${service} manual-migrate NODE`);
  return ok([{ kind: "located", service, node: node.value }]);
}

function readLimits(service: ServiceId, words: readonly string[]): Actions {
  const figures = figuresOf(words, { cpu: "maxcpu", memory: "maxmem" });
  if (figures === undefined) {
    return err(`write: service ${service} set-static-stats maxcpu CORES maxmem MIB`);
  }
  return ok([{ kind: "limits", service, ...figures }]);
}

function readUse(service: ServiceId, words: readonly string[]): Actions {
  const figures = figuresOf(words, { cpu: "cpu", memory: "mem" });
  if (figures === undefined) {
    return err(`write: service ${service} set-dynamic-stats cpu CORES mem MIB`);
  }
  return ok([{ kind: "usage", service, ...figures }]);
}

interface Figures {
  readonly cpuCores: number | undefined;
  readonly memoryBytes: number | undefined;
}

/** Pairs of a name and a number, at least one; undefined: not of that form. */
function figuresOf(
  words: readonly string[],
  names: { readonly cpu: string; readonly memory: string },
): Figures | undefined {
  if (words.length === 0 || words.length % 2 !== 0) return undefined;
  const found = new Map<string, number>();
  for (let index = 0; index < words.length; index += 2) {
    const name = words[index] ?? "";
    const value = Number(words[index + 1] ?? Number.NaN);
    if ((name !== names.cpu && name !== names.memory) || !(value >= 0)) return undefined;
    found.set(name, value);
  }
  const mebibytes = found.get(names.memory);
  return {
    cpuCores: found.get(names.cpu),
    memoryBytes: mebibytes === undefined ? undefined : bytesOfMebibytes(mebibytes),
  };
}
