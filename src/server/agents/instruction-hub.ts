/** Tells each connected agent the instructions of its node, as they change, and nothing of other nodes. */
import { compareIds, type NodeId, type ServiceId } from "../../core/ids.ts";
import type { InstructionMessage } from "../../wire/agent-protocol.ts";
import type { SseStream } from "../http/sse.ts";
import type { ClusterView, ViewChange } from "../view/cluster-view.ts";
import { instructionOf } from "../view/compose.ts";

export interface InstructionHub {
  /** The stream of a node's agent; an older one of the same node is closed. */
  attach(node: NodeId, stream: SseStream): void;
  /** Tells a node's agent something else; false: it is not connected here. */
  tell(node: NodeId, message: InstructionMessage): boolean;
}

interface Connected {
  readonly stream: SseStream;
  /** Services that the agent was told are its node's. */
  readonly told: Set<ServiceId>;
}

/** Follows the view for as long as the view goes on. */
export function createInstructionHub(view: ClusterView): InstructionHub {
  const agents = new Map<NodeId, Connected>();

  function send(stream: SseStream, message: InstructionMessage): void {
    stream.send({ event: message.kind, data: message });
  }

  function snapshot(node: NodeId, agent: Connected): void {
    const services = [...(view.tables.servicesOn.get(node) ?? [])].sort(compareIds);
    const instructions = services
      .map((service) => instructionOf(view.tables, service))
      .filter((instruction) => instruction !== undefined);
    agent.told.clear();
    for (const { service } of instructions) agent.told.add(service);
    send(agent.stream, { kind: "snapshot", instructions });
  }

  function changed(change: ViewChange): void {
    for (const service of change.instructed) {
      const instruction = instructionOf(view.tables, service);
      // A service leaves one of the nodes that the change names, or stays where it is.
      for (const node of change.nodes) {
        if (node === instruction?.node) continue;
        const agent = agents.get(node);
        if (agent?.told.delete(service) === true) send(agent.stream, { kind: "gone", service });
      }
      const agent = instruction === undefined ? undefined : agents.get(instruction.node);
      if (agent === undefined || instruction === undefined) continue;
      agent.told.add(service);
      send(agent.stream, { kind: "instruction", instruction });
    }
  }

  view.listen({
    changed,
    reset() {
      for (const [node, agent] of agents) snapshot(node, agent);
    },
  });

  return {
    attach(node, stream) {
      agents.get(node)?.stream.close();
      const agent = { stream, told: new Set<ServiceId>() };
      agents.set(node, agent);
      stream.onClose(() => {
        if (agents.get(node) === agent) agents.delete(node);
      });
      snapshot(node, agent);
    },
    tell(node, message) {
      const agent = agents.get(node);
      if (agent === undefined) return false;
      send(agent.stream, message);
      return true;
    },
  };
}
