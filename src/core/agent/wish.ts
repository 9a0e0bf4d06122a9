/** What an instruction asks of this node, and whether the lease allows to begin something now. */
import { assertNever } from "../assert.ts";
import type { NodeId } from "../ids.ts";
import type { AgentInstruction, AgentLease, AgentState, Slot } from "./state.ts";

/**
 * `silent-down`: stop it and tell nobody. `leave`: neither start nor stop it. `move`: have its driver move it away.
 * `stay`: it was to be placed anew before its start, and runs already.
 */
export type Wish =
  | { readonly kind: "up"; readonly instruction: AgentInstruction; readonly lease: AgentLease }
  | { readonly kind: "down"; readonly instruction: AgentInstruction }
  | { readonly kind: "move"; readonly instruction: AgentInstruction; readonly target: NodeId }
  | { readonly kind: "stay"; readonly instruction: AgentInstruction }
  | { readonly kind: "silent-down" }
  | { readonly kind: "leave" };

/** What is to become of the service here, by its instruction, the lease's epoch and the agent's own end. */
export function wishFor(state: AgentState, slot: Slot): Wish {
  if (state.closing === "released") return { kind: "leave" };
  if (state.closing !== "no") return { kind: "silent-down" };
  if (slot.assignment.kind === "unknown") return { kind: "leave" };
  if (slot.assignment.kind === "gone") return { kind: "silent-down" };
  return wishOf(state, slot, slot.assignment.instruction);
}

function wishOf(state: AgentState, slot: Slot, instruction: AgentInstruction): Wish {
  if (instruction.node !== state.node || instruction.suspended === true) return { kind: "leave" };
  const lease = state.lease?.epoch === instruction.nodeEpoch ? state.lease : undefined;
  switch (instruction.state) {
    case "started":
      return lease === undefined ? { kind: "leave" } : { kind: "up", instruction, lease };
    case "stopped": // enforced always, whatever the epoch: a stop can harm no other node
      return { kind: "down", instruction };
    case "request_stop":
      return lease === undefined ? { kind: "leave" } : { kind: "down", instruction };
    case "request_start_balance":
      if (lease === undefined) return { kind: "leave" };
      return slot.phase.kind === "running" || slot.phase.kind === "starting"
        ? { kind: "stay", instruction }
        : moveOf(instruction);
    case "migrate":
    case "relocate":
      return lease === undefined ? { kind: "leave" } : moveOf(instruction);
    case "queued":
    case "request_start":
    case "freeze":
    case "fence":
    case "recovery":
    case "error":
    case "ignored":
      return { kind: "leave" };
    default:
      return assertNever(instruction.state);
  }
}

/** This node is the source: the target is told to start it only after this one's word. */
function moveOf(instruction: AgentInstruction): Wish {
  const { target, moveBy } = instruction;
  if (target === undefined || moveBy === undefined || moveBy === "stop") {
    return { kind: "down", instruction };
  }
  return { kind: "move", instruction, target };
}

/** Whether a live instruction says that nobody touches the service: frozen, ignored or suspended. */
export function isLeftAlone(state: AgentState, slot: Slot): boolean {
  if (slot.assignment.kind !== "given" || state.closing !== "no") return false;
  const { instruction } = slot.assignment;
  if (instruction.node !== state.node || instruction.nodeEpoch !== state.lease?.epoch) return false;
  const isLeft = instruction.state === "freeze" || instruction.state === "ignored";
  return isLeft || instruction.suspended === true;
}

/** Whether a start may begin: a live lease with time left before services are asked to end (S2, S3). */
export function mayStart(state: AgentState, now: number): boolean {
  return state.lease !== undefined && !state.isolating && now < state.lease.isolateAtMs;
}

/** Whether the guard has to kill it at the deadline: all but what the manager knows to survive (S3). */
export function mustBeTracked(instruction: AgentInstruction): boolean {
  return !instruction.survivesIsolation && instruction.state !== "ignored";
}
