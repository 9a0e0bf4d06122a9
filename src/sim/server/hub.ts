/** Tells each connected agent the instructions of its node, as they change, and nothing of other nodes. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { StreamMessage } from "./agent-protocol.ts";
import type { Instructed, View } from "./view.ts";

/** A server's end of one agent's stream. */
export interface Stream {
  readonly node: NodeId;
  /** Sends a message; they arrive in their order, or the stream dies. */
  send(message: StreamMessage): void;
  /** The server closes it. */
  close(): void;
}

interface Connected {
  readonly stream: Stream;
  /** Services that the agent was told are its node's. */
  readonly told: Set<ServiceId>;
}

/** The streams of one server's agents. */
export class Hub {
  readonly #view: View;
  readonly #agents = new Map<NodeId, Connected>();

  constructor(view: View) {
    this.#view = view;
  }

  /** Begins a stream with all instructions of its node; an older one of the same node is closed. */
  attach(stream: Stream): void {
    const { node } = stream;
    const before = this.#agents.get(node);
    this.#agents.delete(node);
    before?.stream.close();
    const instructions = this.#view.instructionsFor(node);
    const told = new Set(instructions.map(({ service }) => service));
    this.#agents.set(node, { stream, told });
    stream.send({ kind: "snapshot", instructions });
    const upgrade = this.#view.upgradeOf(node);
    if (upgrade !== undefined) stream.send({ kind: "agent-upgrade", upgrade });
  }

  /** Forgets a stream that has ended. */
  detach(stream: Stream): void {
    if (this.#agents.get(stream.node)?.stream === stream) this.#agents.delete(stream.node);
  }

  /** Closes all. */
  closeAll(): void {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    for (const { stream } of agents) stream.close();
  }

  /** Tells a node's agent what is ordered about itself. */
  onUpgrade(node: NodeId): void {
    const upgrade = this.#view.upgradeOf(node);
    this.#agents.get(node)?.stream.send({ kind: "agent-upgrade", upgrade });
  }

  /** Tells those who have to know that an instruction has changed. */
  onChange({ service, nodes }: Instructed): void {
    const instruction = this.#view.instructionOf(service);
    for (const node of nodes) {
      if (node === instruction?.node) continue;
      const agent = this.#agents.get(node);
      if (agent?.told.delete(service) === true) agent.stream.send({ kind: "gone", service });
    }
    const agent = instruction === undefined ? undefined : this.#agents.get(instruction.node);
    if (agent === undefined || instruction === undefined) return;
    agent.told.add(service);
    agent.stream.send({ kind: "instruction", instruction });
  }
}
