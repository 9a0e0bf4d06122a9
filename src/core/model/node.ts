/** What the manager knows of a node: its lease and a person's wish decide its state, nothing else. */
import type { Epoch, NodeId } from "../ids.ts";
import { mutated } from "../mutation.ts";
import type { InstantMs } from "../time.ts";
import type { Capacity } from "./capacity.ts";
import type { NodeMode } from "./node-mode.ts";
import type { ShutdownPolicy } from "./settings.ts";

/** `docs/states/node.md` says what each means and when it changes. */
export const nodeStates = ["online", "maintenance", "unknown", "fence", "gone"] as const;
export type NodeState = (typeof nodeStates)[number];

/**
 * What an agent is about to do. `restart`: it, or its whole node, comes back, so its services are frozen.
 * `shutdown`: its services are stopped and may run elsewhere. `maintenance`: they move away first.
 */
export const agentModes = ["active", "restart", "shutdown", "maintenance"] as const;
export type AgentMode = (typeof agentModes)[number];

/** How an agent leaves: alone, to come back at once, or because its node goes down. */
export const leavingKinds = ["agent-restart", "reboot", "power-off"] as const;
export type LeavingKind = (typeof leavingKinds)[number];

/** The mode that a leaving agent goes into. Under a person's maintenance, or offline, the policy is not applied. */
export function modeOfLeaving(
  kind: LeavingKind,
  cluster: { readonly policy: ShutdownPolicy; readonly inMaintenance: boolean },
): AgentMode {
  if (kind === "agent-restart") return "restart";
  if (cluster.inMaintenance) return "shutdown";
  switch (cluster.policy) {
    case "freeze":
      return "restart";
    case "failover":
      return "shutdown";
    case "migrate":
      return "maintenance";
    case "conditional":
      return kind === "reboot" ? "restart" : "shutdown";
  }
}

/** The taint of a node that is a server too and is closed for services. */
export const controlPlaneTaint = "control-plane";

/** A registered node as the manager reads it from the store. */
export interface NodeRegistration {
  readonly id: NodeId;
  /** A device or a person confirmed that it was off up to and including this epoch (S4). */
  readonly confirmedOffEpoch: Epoch;
  /** A person asked for maintenance. */
  readonly maintenance: boolean;
  /** What a person wants of it as a whole. */
  readonly mode: NodeMode;
  /** What the node has for services; undefined: nobody said. */
  readonly capacity: Capacity | undefined;
  /** It takes only services that tolerate all of these; sorted by name. */
  readonly taints: readonly string[];
}

/** A node in the manager's memory. */
export interface ManagedNode extends NodeRegistration {
  readonly state: NodeState;
  /** The highest epoch that the store knows for the node: of its lease, or set by fencing. */
  readonly epoch: Epoch;
  /** The epoch of the lease that it holds now; undefined: it holds none. */
  readonly leaseEpoch: Epoch | undefined;
  /** The lease's loss means that a kernel watchdog has reset the whole node: nothing of its epoch survives. */
  readonly resetsOnLoss: boolean;
  /** When it was last seen to lose its lease, or to be silent; undefined while it is heard. */
  readonly lostAtMs: InstantMs | undefined;
  readonly agentMode: AgentMode;
  /** When its registration was found gone; undefined: it is registered. */
  readonly goneAtMs: InstantMs | undefined;
}

/** Whether nobody is to watch it, by a person's word. One that was taken out of the cluster has no such word any more. */
export function isOffline(node: Pick<ManagedNode, "mode" | "goneAtMs">): boolean {
  if (mutated("S8-offline-watched")) return false;
  return node.mode === "offline" && node.goneAtMs === undefined;
}

/** Whether a person or the node's own agent asks for maintenance: then it is away by somebody's will. */
export function wantsMaintenance(node: Pick<ManagedNode, "maintenance" | "agentMode">): boolean {
  return node.maintenance || node.agentMode === "maintenance";
}
