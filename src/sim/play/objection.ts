/** What would change nothing, or what a real cluster would refuse, is told before it is done. */
import { assertNever } from "../../core/assert.ts";
import type { NodeId, ServiceId } from "../../core/ids.ts";
import { modeAfter } from "../../core/model/node-mode.ts";
import { isFleetAction } from "../fleet-plan.ts";
import { type Action, clockErrorPpmMax } from "../plan.ts";
import type { ClusterView, NodeView, ServiceView } from "./view.ts";

/** `already`: it would change nothing. `refused`: it cannot be done now. */
export interface Objection {
  readonly kind: "already" | "refused";
  readonly sentence: string;
}

type Verdict = Objection | undefined;
type ActionOf<Kind extends Action["kind"]> = Extract<Action, { readonly kind: Kind }>;

/** Why the action makes no sense now; undefined: it does. */
export function objectionTo(action: Action, view: ClusterView): Verdict {
  if (isFleetAction(action)) return undefined;
  switch (action.kind) {
    case "power":
      return toSwitching(action, nodeIn(view, action.node)?.powered);
    case "network":
      return toNetwork(action, nodeIn(view, action.node));
    case "maintenance":
      return toMaintenance(action, view);
    case "node-mode":
      return toMode(action, view);
    case "pause":
      return toPause(action, nodeIn(view, action.node));
    case "crash":
      return toProcess(nodeIn(view, action.node), action.part);
    case "reboot":
    case "shutdown":
    case "stop-server":
    case "restart-agent":
      return toPower(nodeIn(view, action.node));
    case "cut":
      return action.from === action.to
        ? refused("name two nodes: none is cut off from itself")
        : undefined;
    case "clock":
      return Math.abs(action.ppm) > clockErrorPpmMax
        ? refused(`a clock can run ${clockErrorPpmMax} ppm fast or slow at most`)
        : undefined;
    case "confirm-off":
      return toLeased(nodeIn(view, action.node), ", so it is not off");
    case "remove-node":
      return toLeased(nodeIn(view, action.node), "; shut it down first");
    case "request":
      return serviceIn(view, action.service)?.requested === action.state
        ? already(`${action.service} is requested ${action.state} already`)
        : undefined;
    case "move":
      return toMove(action, view);
    case "arming":
      return toArming(action.mode, view);
    case "workload-exit":
      return serviceIn(view, action.service)?.copyState === undefined
        ? refused(`nothing of ${action.service} runs`)
        : undefined;
    case "add":
    case "crash-manager":
    case "driver":
    case "limits":
    case "link":
    case "located":
    case "freeze":
    case "lock":
    case "put-group":
    case "put-rule":
    case "remove":
    case "remove-group":
    case "remove-rule":
    case "settings":
    case "skip-rounds":
    case "stop":
    case "store":
    case "taint":
    case "unfreeze":
    case "usage":
      return undefined;
    default:
      return assertNever(action);
  }
}

function already(sentence: string): Objection {
  return { kind: "already", sentence };
}

function refused(sentence: string): Objection {
  return { kind: "refused", sentence };
}

function nodeIn(view: ClusterView, node: NodeId): NodeView | undefined {
  return view.nodes.find((each) => each.node === node);
}

function serviceIn(view: ClusterView, service: ServiceId): ServiceView | undefined {
  return view.services.find((each) => each.service === service);
}

function toSwitching(
  { kind, node, on }: ActionOf<"power" | "network" | "maintenance">,
  is: boolean | undefined,
): Verdict {
  return is === on ? already(`${kind} of ${node} is ${on ? "on" : "off"} already`) : undefined;
}

function toNetwork(action: ActionOf<"network">, node: NodeView | undefined): Verdict {
  if (node?.powered !== false) return toSwitching(action, node?.connected);
  return refused(`${action.node} has no power; its network is on when power comes back`);
}

function toMaintenance(action: ActionOf<"maintenance">, view: ClusterView): Verdict {
  const node = nodeIn(view, action.node);
  const same = toSwitching(action, node?.maintenance);
  if (same !== undefined || !action.on) return same;
  if (node?.mode === "offline") return refused(`${action.node} is offline; enable it first`);
  if (view.arming.mode !== "armed") {
    return refused("the cluster is disarmed, so no service would move; arm it first");
  }
  if (node?.state === "online") return undefined;
  const state = node?.state ?? "not seen yet";
  return refused(`${action.node} is ${state}, and only an online node can go into maintenance`);
}

function toLeased(node: NodeView | undefined, end: string): Verdict {
  if (node?.leaseLeftMs === undefined) return undefined;
  return refused(`${node.node} holds a live lease${end}`);
}

function toMode({ node, order }: ActionOf<"node-mode">, view: ClusterView): Verdict {
  const mode = nodeIn(view, node)?.mode ?? "enabled";
  const next = modeAfter(mode, order);
  if (!next.ok) return refused(`${node} cannot be changed by ${order}: ${next.error}`);
  if (next.value === mode) return already(`${node} is ${mode} already`);
  if (order !== "flush" || view.arming.mode === "armed") return undefined;
  return refused("the cluster is disarmed, so no service would move; arm it first");
}

function toPause({ part, on }: ActionOf<"pause">, node: NodeView | undefined): Verdict {
  if (node === undefined) return undefined;
  const absence = part === "guard" ? toPower(node) : toProcess(node, part);
  if (absence !== undefined) return absence;
  const isPaused = part === "guard" ? node.watchdogPaused : node[part] === "paused";
  if (isPaused !== on) return undefined;
  return already(`the ${part} of ${node.node} ${on ? "is frozen" : "runs"} already`);
}

function toPower(node: NodeView | undefined): Verdict {
  return node?.powered === false ? refused(`${node.node} has no power`) : undefined;
}

function toProcess(node: NodeView | undefined, part: "agent" | "server"): Verdict {
  if (node === undefined || node[part] === "runs" || node[part] === "paused") return undefined;
  return toPower(node) ?? refused(`no ${part} runs on ${node.node} now`);
}

function toMove({ service, target }: ActionOf<"move">, view: ClusterView): Verdict {
  const found = serviceIn(view, service);
  if (found?.node === target && found.target === undefined) {
    return already(`${service} is on ${target} already`);
  }
  const state = nodeIn(view, target)?.state;
  if (state === "online") return undefined;
  return refused(`${target} is ${state ?? "not seen yet"}, and only an online node takes services`);
}

function toArming(mode: ActionOf<"arming">["mode"], view: ClusterView): Verdict {
  const { mode: present } = view.arming;
  const is = present === "armed" ? "armed" : `disarmed with ${present}`;
  if (mode === present) return already(`the cluster is ${is} already`);
  if (mode === "armed" || present === "armed") return undefined;
  return refused(`the cluster is ${is}; arm it first`);
}
