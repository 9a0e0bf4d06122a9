/** The orders of the recorded form, such as `service vm:101 migrate node2`, as actions of the simulator. */
import { type NodeId, parseNodeId, parseServiceId, type ServiceId } from "../../../core/ids.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import type { Action } from "../../plan.ts";
import type { ConformanceScenario } from "./schema.ts";
import { readServiceOrder, type ServiceOrders } from "./service-steps.ts";

/** What the orders before this one have done; kept while the steps are read in their order. */
export interface StepReader {
  /** The actions of one order, or what is wrong with it. */
  read(order: string): Result<readonly Action[], string>;
}

interface StoreFaults {
  readonly writesFail: boolean;
  readonly readsFail: boolean;
}

type Words = readonly string[];
type Read = (words: Words) => Result<readonly Action[], string>;

/** Each order's form, for people who wrote another one. */
const forms = {
  power: "power NODE on|off",
  network: "network NODE on|off",
  reboot: "reboot NODE",
  shutdown: "shutdown NODE",
  "restart-lrm": "restart-lrm NODE",
  crm: "crm NODE stop|enable-node-maintenance|disable-node-maintenance|disarm-ha freeze|disarm-ha ignore|arm-ha",
  "skip-round": "skip-round crm|lrm [COUNT]",
  cfs: "cfs NODE rw|update fail|work",
  service: "service ID WORD ...",
  "pve-manager-version": "pve-manager-version NODE set VERSION",
} as const;

/** Rounds that one order may skip. */
const roundsMax = 10_000;

/** Makes a reader for the steps of one scenario. */
export function createStepReader(scenario: ConformanceScenario): StepReader {
  const nodes = Object.keys(scenario.nodes);
  const storeFaults = new Map<NodeId, StoreFaults>();
  const orders: ServiceOrders = {
    usage: scenario.usage,
    services: new Set(Object.keys(scenario.services)),
    locks: new Map(),
    node: (text) => knownNode(nodes, text),
  };
  for (const [service, { lock }] of Object.entries(scenario.services)) {
    if (lock !== undefined) orders.locks.set(service, lock);
  }
  const onNode =
    (read: (node: NodeId, words: Words) => readonly Action[] | undefined, form: string): Read =>
    (words) => {
      const node = knownNode(nodes, words[0]);
      if (!node.ok) return node;
      const actions = read(node.value, words.slice(1));
      return actions === undefined ? err(`write: ${form}`) : ok(actions);
    };
  const readers: Readonly<Record<keyof typeof forms, Read>> = {
    power: onNode((node, words) => powerActions(node, words, storeFaults), forms.power),
    network: onNode(switched("network"), forms.network),
    reboot: onNode(alone("reboot"), forms.reboot),
    shutdown: onNode(alone("shutdown"), forms.shutdown),
    "restart-lrm": onNode(alone("restart-agent"), forms["restart-lrm"]),
    crm: onNode(managerActions, forms.crm),
    "skip-round": skippedRounds,
    cfs: onNode((node, words) => storeActions(node, words, storeFaults), forms.cfs),
    service: (words) => serviceActions(words, orders),
    "pve-manager-version": onNode(
      (_node, words) => (words[0] === "set" && words.length === 2 ? [] : undefined),
      forms["pve-manager-version"],
    ),
  };
  return {
    read: (order) => {
      const [first = "", ...words] = order.trim().split(/\s+/);
      const known = Object.entries(readers).find(([word]) => word === first);
      if (known !== undefined) return known[1](words);
      return err(`unknown step "${first}"; known are: ${Object.keys(readers).join(", ")}`);
    },
  };
}

/** The node of this name, which the scenario must have. */
function knownNode(nodes: readonly string[], text: string | undefined): Result<NodeId, string> {
  if (text === undefined) return err(`the node is missing; there are: ${nodes.join(", ")}`);
  if (!nodes.includes(text)) {
    return err(`there is no node "${text}"; there are: ${nodes.join(", ")}`);
  }
  return parseNodeId(text);
}

function onOffOf(words: Words): boolean | undefined {
  if (words.length !== 1) return undefined;
  if (words[0] === "on") return true;
  return words[0] === "off" ? false : undefined;
}

function switched(kind: "network"): (node: NodeId, words: Words) => readonly Action[] | undefined {
  return (node, words) => {
    const on = onOffOf(words);
    return on === undefined ? undefined : [{ kind, node, on }];
  };
}

/** A node that gets its power back has its network too, and no fault in what it sees of the store. */
function powerActions(
  node: NodeId,
  words: Words,
  faults: Map<NodeId, StoreFaults>,
): readonly Action[] | undefined {
  const on = onOffOf(words);
  if (on === undefined) return undefined;
  const power: Action = { kind: "power", node, on };
  if (!on) return [power];
  const network: Action = { kind: "network", node, on };
  const store: Action = { kind: "store", mode: "ok", server: node };
  return faults.delete(node) ? [store, power, network] : [power, network];
}

function alone(
  kind: "reboot" | "shutdown" | "restart-agent",
): (node: NodeId, words: Words) => readonly Action[] | undefined {
  return (node, words) => (words.length === 0 ? [{ kind, node }] : undefined);
}

function managerActions(node: NodeId, words: Words): readonly Action[] | undefined {
  switch (words.join(" ")) {
    case "stop":
      return [{ kind: "stop-server", node }];
    case "enable-node-maintenance":
      return [{ kind: "maintenance", node, on: true }];
    case "disable-node-maintenance":
      return [{ kind: "maintenance", node, on: false }];
    case "disarm-ha freeze":
      return [{ kind: "arming", mode: "freeze" }];
    case "disarm-ha ignore":
      return [{ kind: "arming", mode: "ignore" }];
    case "arm-ha":
      return [{ kind: "arming", mode: "armed" }];
    default:
      return undefined;
  }
}

function skippedRounds(words: Words): Result<readonly Action[], string> {
  const [who, text = "1"] = words;
  const count = Number(text);
  const part = who === "crm" ? "manager" : "agents";
  const isKnown = who === "crm" || who === "lrm";
  if (!isKnown || words.length > 2 || !Number.isInteger(count) || count < 1 || count > roundsMax) {
    return err(`write: ${forms["skip-round"]}`);
  }
  return ok([{ kind: "skip-rounds", part, node: undefined, count }]);
}

/** Without fresh reads a server can serve nobody; without writes it still answers what it reads. */
function storeActions(
  node: NodeId,
  words: Words,
  faults: Map<NodeId, StoreFaults>,
): readonly Action[] | undefined {
  const [part, outcome] = words;
  if (words.length !== 2 || (outcome !== "fail" && outcome !== "work")) return undefined;
  if (part !== "rw" && part !== "update") return undefined;
  const before = faults.get(node) ?? { writesFail: false, readsFail: false };
  const fails = outcome === "fail";
  const after = part === "rw" ? { ...before, writesFail: fails } : { ...before, readsFail: fails };
  faults.set(node, after);
  return [{ kind: "store", mode: storeMode(after), server: node }];
}

function storeMode({ writesFail, readsFail }: StoreFaults): "unavailable" | "read-only" | "ok" {
  if (readsFail) return "unavailable";
  return writesFail ? "read-only" : "ok";
}

function serviceActions(words: Words, orders: ServiceOrders): Result<readonly Action[], string> {
  const [text = "", ...rest] = words;
  const service: Result<ServiceId, string> = parseServiceId(text);
  return service.ok ? readServiceOrder(service.value, rest, orders) : service;
}
