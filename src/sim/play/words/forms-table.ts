/** All commands that can be written, each with its pattern, what it does, and how it is made. */
import { assert } from "../../../core/assert.ts";
import type { NodeId, ServiceId } from "../../../core/ids.ts";
import { nodeOrders } from "../../../core/model/node-mode.ts";
import type { RequestedState } from "../../../core/model/service.ts";
import type { Action, Misbehaviour } from "../../plan.ts";
import { wellBehaved } from "../../scenario/defaults.ts";
import type { PlayCommand } from "../command.ts";
import { type Slot, slotsOf, type Values } from "./pattern.ts";

/** One way to write a command. */
export interface CommandForm {
  readonly pattern: string;
  readonly slots: readonly Slot[];
  readonly help: string;
  readonly topic: "nodes" | "services" | "cluster" | "time" | "session";
  readonly make: (values: Values) => PlayCommand;
}

type Topic = CommandForm["topic"];

const crashRestartMs = 2_000;
const backMsDefault = 10_000;
const neverStarts: Misbehaviour = { ...wellBehaved, failingStarts: 1_000_000 };

const wishes: ReadonlyMap<string, RequestedState> = new Map([
  ["start", "started"],
  ["stop", "stopped"],
  ["disable", "disabled"],
  ["ignore", "ignored"],
]);

function form(
  topic: Topic,
  pattern: string,
  help: string,
  make: (values: Values) => PlayCommand,
): CommandForm {
  return { topic, pattern, help, slots: slotsOf(pattern), make };
}

/** A form whose command is a deed. */
function deed(
  topic: Topic,
  pattern: string,
  help: string,
  make: (values: Values) => Action,
): CommandForm {
  return form(topic, pattern, help, (values) => ({ kind: "act", action: make(values) }));
}

function nodeOf({ nodes }: Values, index = 0): NodeId {
  const node = nodes[index];
  assert(node !== undefined, "the pattern asks for a node");
  return node;
}

function serviceOf({ services }: Values): ServiceId {
  const [service] = services;
  assert(service !== undefined, "the pattern asks for a service");
  return service;
}

function isOn({ words }: Values): boolean {
  return words.includes("on");
}

/** In the order in which help shows them. */
export const commandForms: readonly CommandForm[] = [
  deed("nodes", "power NODE on|off", "pull its plug, or give power back", (values) => ({
    kind: "power",
    node: nodeOf(values),
    on: isOn(values),
  })),
  deed("nodes", "network NODE on|off", "pull its network cable, or plug it in", (values) => ({
    kind: "network",
    node: nodeOf(values),
    on: isOn(values),
  })),
  deed("nodes", "cut NODE NODE", "lose all messages from the first to the second", (values) => ({
    kind: "cut",
    from: nodeOf(values),
    to: nodeOf(values, 1),
    on: true,
  })),
  deed("nodes", "mend NODE NODE", "undo that cut", (values) => ({
    kind: "cut",
    from: nodeOf(values),
    to: nodeOf(values, 1),
    on: false,
  })),
  deed(
    "nodes",
    "maintenance NODE on|off",
    "move its services away, or let them back",
    (values) => ({
      kind: "maintenance",
      node: nodeOf(values),
      on: isOn(values),
    }),
  ),
  deed(
    "nodes",
    "node disable|flush|offline|enable NODE",
    "whether it takes services, keeps them, is watched",
    (values) => ({
      kind: "node-mode",
      node: nodeOf(values),
      order: nodeOrders.find((order) => values.words.includes(order)) ?? "enable",
    }),
  ),
  deed("nodes", "reboot NODE", "shut it down in order and start it again", (values) => ({
    kind: "reboot",
    node: nodeOf(values),
  })),
  deed("nodes", "shutdown NODE", "shut it down in order", (values) => ({
    kind: "shutdown",
    node: nodeOf(values),
  })),
  deed("nodes", "restart-agent NODE", "restart its agent alone, as an upgrade does", (values) => ({
    kind: "restart-agent",
    node: nodeOf(values),
  })),
  deed("nodes", "freeze agent|server|guard NODE", "stop that process where it is", (values) => ({
    kind: "pause",
    part: partOf(values),
    node: nodeOf(values),
    on: true,
  })),
  deed("nodes", "thaw agent|server|guard NODE", "let that process go on", (values) => ({
    kind: "pause",
    part: partOf(values),
    node: nodeOf(values),
    on: false,
  })),
  deed(
    "nodes",
    "crash agent|server NODE",
    "kill that process; it comes back after 2 s",
    (values) => ({
      kind: "crash",
      part: values.words.includes("agent") ? "agent" : "server",
      node: nodeOf(values),
      restartAfterMs: crashRestartMs,
    }),
  ),
  form("nodes", "crash manager", "kill the server that is manager now", () => ({
    kind: "crash-manager",
  })),
  deed("nodes", "confirm-off NODE", "say that you have made sure that it is off", (values) => ({
    kind: "confirm-off",
    node: nodeOf(values),
  })),
  deed("nodes", "clock NODE NUMBER", "let its clock run so many ppm fast", (values) => ({
    kind: "clock",
    node: nodeOf(values),
    ppm: values.number ?? 0,
  })),
  deed("services", "start|stop|disable|ignore SERVICE", "say what you want of it", (values) => ({
    kind: "request",
    service: serviceOf(values),
    state: wishes.get(values.words[0] ?? "") ?? "started",
  })),
  deed(
    "services",
    "migrate|relocate SERVICE NODE",
    "move it: live where it can, or by stop and start",
    (values) => ({
      kind: "move",
      service: serviceOf(values),
      by: values.words[0] === "migrate" ? "migrate" : "relocate",
      target: nodeOf(values),
    }),
  ),
  deed("services", "kill SERVICE", "let its process end by itself", (values) => ({
    kind: "workload-exit",
    service: serviceOf(values),
  })),
  deed("services", "break SERVICE", "let every start of it fail", (values) => ({
    kind: "driver",
    service: serviceOf(values),
    misbehaviour: neverStarts,
    hangs: false,
  })),
  deed("services", "repair SERVICE", "let it start again", (values) => ({
    kind: "driver",
    service: serviceOf(values),
    misbehaviour: undefined,
    hangs: false,
  })),
  form(
    "services",
    "why SERVICE",
    "why it is where it is, and what each node is for it",
    (values) => ({
      kind: "why",
      service: serviceOf(values),
    }),
  ),
  deed("cluster", "disarm [freeze|ignore]", "suspend the cluster's own decisions", (values) => ({
    kind: "arming",
    mode: values.words[1] === "ignore" ? "ignore" : "freeze",
  })),
  deed("cluster", "arm", "let it decide again", () => ({ kind: "arming", mode: "armed" })),
  deed("cluster", "freeze [held]", "refuse all other people's changes", ({ words }) => ({
    kind: "freeze",
    failover: words[1] === "held" ? "held" : "goes-on",
    forMs: undefined,
  })),
  deed("cluster", "unfreeze", "let people change things again", () => ({ kind: "unfreeze" })),
  deed("cluster", "store ok|unavailable|slow|read-only", "how the store behaves", ({ words }) => ({
    kind: "store",
    mode: storeModes.find((mode) => mode === words[1]) ?? "ok",
    server: undefined,
  })),
  form("time", "run DURATION", "let so much time pass at once, e.g. run 20s", (values) => ({
    kind: "run",
    forMs: values.durationMs ?? 0,
  })),
  form("time", "next", "to the next thing that happens", () => ({ kind: "next" })),
  form("time", "back [DURATION]", "so far back in time (10s)", (values) => ({
    kind: "back",
    byMs: values.durationMs ?? backMsDefault,
  })),
  form("time", "undo", "back to before the last thing that happened", () => ({ kind: "undo" })),
  form("time", "pause", "stop time", () => ({ kind: "pause" })),
  form("time", "go", "let time run", () => ({ kind: "go" })),
  form("time", "speed NUMBER", "times real time: 1, 2, 5, 10 or 60", (values) => ({
    kind: "speed",
    factor: values.number ?? 1,
  })),
  form("session", "show", "the cluster as it is now", () => ({ kind: "show" })),
  form(
    "session",
    "save FILE",
    "all that you did, as a scenario for holdfast sim run",
    (values) => ({
      kind: "save",
      file: values.file ?? "",
    }),
  ),
  form("session", "help", "these words", () => ({ kind: "help" })),
  form("session", "quit", "end", () => ({ kind: "quit" })),
];

const storeModes = ["ok", "unavailable", "slow", "read-only"] as const;

function partOf({ words }: Values): "agent" | "server" | "guard" {
  if (words.includes("guard")) return "guard";
  return words.includes("server") ? "server" : "agent";
}
