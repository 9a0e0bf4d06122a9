/** What each single key does, on a node's line, on a service's line, or anywhere. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { PlayCommand } from "../../sim/play/command.ts";
import { speeds } from "../../sim/play/player.ts";
import type { ClusterView, NodeView, ServiceView } from "../../sim/play/view.ts";

/** What the keys are about: the line that is selected, and how time runs. */
export interface KeyContext {
  readonly view: ClusterView;
  readonly node: NodeView | undefined;
  readonly service: ServiceView | undefined;
  readonly paused: boolean;
  readonly speed: number;
}

/** What a key leads to. `choose-node`: its command waits for a node to be chosen. */
export type KeyDeed =
  | { readonly kind: "command"; readonly command: PlayCommand }
  | {
      readonly kind: "choose-node";
      readonly by: "migrate" | "relocate";
      readonly service: ServiceId;
    }
  | { readonly kind: "select"; readonly step: 1 | -1 }
  | { readonly kind: "type" };

export interface KeyBinding {
  /** As readline names them: a key's name, or the character that it writes. */
  readonly keys: readonly string[];
  readonly place: "node" | "service" | "anywhere";
  readonly help: string;
  /** Undefined: nothing can be done with it here. */
  readonly deed: (context: KeyContext) => KeyDeed | undefined;
}

function command(value: PlayCommand): KeyDeed {
  return { kind: "command", command: value };
}

function act(action: Extract<PlayCommand, { kind: "act" }>["action"]): KeyDeed {
  return command({ kind: "act", action });
}

function onNode(
  keys: readonly string[],
  help: string,
  make: (node: NodeId, view: NodeView) => KeyDeed,
): KeyBinding {
  const deed = ({ node }: KeyContext): KeyDeed | undefined =>
    node === undefined ? undefined : make(node.node, node);
  return { keys, place: "node", help: `node: ${help}`, deed };
}

function onService(
  keys: readonly string[],
  help: string,
  make: (service: ServiceId) => KeyDeed,
): KeyBinding {
  const deed = ({ service }: KeyContext): KeyDeed | undefined =>
    service === undefined ? undefined : make(service.service);
  return { keys, place: "service", help: `service: ${help}`, deed };
}

function anywhere(
  keys: readonly string[],
  help: string,
  deed: (context: KeyContext) => KeyDeed,
): KeyBinding {
  return { keys, place: "anywhere", help, deed };
}

const stepMs = 1_000;
const backMs = 10_000;

/** In the order in which help shows them. Of two for one key the first that fits is taken. */
export const keyBindings: readonly KeyBinding[] = [
  anywhere(["up"], "select the line above", () => ({ kind: "select", step: -1 })),
  anywhere(["down", "tab"], "select the line below", () => ({ kind: "select", step: 1 })),
  onNode(["p"], "power off or on", (node, { powered }) =>
    act({ kind: "power", node, on: !powered }),
  ),
  onNode(["n"], "network off or on", (node, { connected }) =>
    act({ kind: "network", node, on: !connected }),
  ),
  onNode(["m"], "maintenance on or off", (node, { maintenance }) =>
    act({ kind: "maintenance", node, on: !maintenance }),
  ),
  onNode(["a"], "freeze its agent, or let it go on", (node, { agent }) =>
    act({ kind: "pause", part: "agent", node, on: agent !== "paused" }),
  ),
  onNode(["c"], "crash its server", (node) =>
    act({ kind: "crash", part: "server", node, restartAfterMs: 2_000 }),
  ),
  onNode(["r"], "reboot it in order", (node) => act({ kind: "reboot", node })),
  onService(["s"], "start", (service) => act({ kind: "request", service, state: "started" })),
  onService(["x"], "stop", (service) => act({ kind: "request", service, state: "stopped" })),
  onService(["d"], "disable", (service) => act({ kind: "request", service, state: "disabled" })),
  onService(["m"], "migrate to a node", (service) => ({
    kind: "choose-node",
    by: "migrate",
    service,
  })),
  onService(["l"], "relocate to a node", (service) => ({
    kind: "choose-node",
    by: "relocate",
    service,
  })),
  onService(["k"], "kill its process", (service) => act({ kind: "workload-exit", service })),
  onService(["w"], "why it is where it is", (service) => command({ kind: "why", service })),
  anywhere(["K"], "crash the manager's server", () => command({ kind: "crash-manager" })),
  anywhere(["D"], "disarm the cluster, or arm it", ({ view }) =>
    act({ kind: "arming", mode: view.arming.mode === "armed" ? "freeze" : "armed" }),
  ),
  anywhere(["space"], "stop time, or let it run", ({ paused }) =>
    command({ kind: paused ? "go" : "pause" }),
  ),
  anywhere(["+", "="], "faster", ({ speed }) =>
    command({ kind: "speed", factor: speeds.find((each) => each > speed) ?? speed }),
  ),
  anywhere(["-"], "slower", ({ speed }) =>
    command({ kind: "speed", factor: speeds.findLast((each) => each < speed) ?? speed }),
  ),
  anywhere(["."], "one second on", () => command({ kind: "run", forMs: stepMs })),
  anywhere(["right", "e"], "to the next thing that happens", () => command({ kind: "next" })),
  anywhere(["left", "u"], "back to before the last thing that happened", () =>
    command({ kind: "undo" }),
  ),
  anywhere(["b"], "back 10 seconds", () => command({ kind: "back", byMs: backMs })),
  anywhere([":", "return"], "type a command", () => ({ kind: "type" })),
  anywhere(["?", "h"], "all keys and commands", () => command({ kind: "help" })),
  anywhere(["q"], "end", () => command({ kind: "quit" })),
];
