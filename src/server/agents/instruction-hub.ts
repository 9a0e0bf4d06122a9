/**
 * Tells each connected agent the instructions of its node, as they change, and what persons want of it at other
 * servers; nothing of other nodes.
 */
import { compareIds, type NodeId, type ServiceId } from "../../core/ids.ts";
import { nodeIdIn } from "../../runtime/manager-records.ts";
import type { InstructionMessage } from "../../wire/agent-protocol.ts";
import type { AgentUpgradeRecord } from "../../wire/fleet/policies.ts";
import { keys, type NodeRecord } from "../../wire/records.ts";
import { isAboutServers, serverUrls } from "../control-plane/server-urls.ts";
import type { SseStream } from "../http/sse.ts";
import type { ClusterView, ViewChange } from "../view/cluster-view.ts";
import { instructionOf } from "../view/compose.ts";
import type { ViewTables } from "../view/view-tables.ts";

export interface InstructionHub {
  /** The stream of a node's agent; an older one of the same node is closed. */
  attach(node: NodeId, stream: SseStream): void;
  /** Tells a node's agent something else; false: it is not connected here. */
  tell(node: NodeId, message: InstructionMessage): boolean;
}

interface Connected {
  readonly stream: SseStream;
  /** The node's registration when the stream began; undefined: it had none. */
  readonly registered: NodeRecord | undefined;
  /** Services that the agent was told are its node's. */
  readonly told: Set<ServiceId>;
}

/** Follows the view for as long as the view goes on. */
export function createInstructionHub(view: ClusterView): InstructionHub {
  const agents = new Map<NodeId, Connected>();
  /** Orders of other servers, and whom they were passed on to. */
  const passed = new Map<string, Connected>();

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

  /** What other servers want of agents whose streams are here. */
  function passOrders(): void {
    const { agentOrders } = view.tables;
    for (const requestId of passed.keys()) {
      if (!agentOrders.has(requestId)) passed.delete(requestId);
    }
    for (const [requestId, { value }] of agentOrders) {
      const agent = agents.get(value.node);
      if (agent === undefined || passed.get(requestId) === agent) continue;
      passed.set(requestId, agent);
      send(agent.stream, { ...value.order, answerTo: value.answerTo });
    }
  }

  function tellServers(agent: Connected): void {
    const urls = serverUrls({ view });
    if (urls.length > 0) send(agent.stream, { kind: "servers", urls });
  }

  /** What the manager wants the agent itself to become; nothing is said where nothing ever was. */
  function tellUpgrade(node: NodeId, agent: Connected): void {
    const upgrade = view.tables.agentUpgrades.get(node)?.value;
    if (upgrade !== undefined) send(agent.stream, upgradeMessageOf(view.tables, upgrade));
  }

  function passUpgrades(changedKeys: readonly string[]): void {
    for (const key of changedKeys) {
      if (!key.startsWith(keys.agentUpgrades)) continue;
      const node = nodeIdIn(key, keys.agentUpgrades);
      const agent = agents.get(node);
      if (agent === undefined) continue;
      if (view.tables.agentUpgrades.has(node)) tellUpgrade(node, agent);
      else send(agent.stream, { kind: "agent-upgrade" });
    }
  }

  /** A machine that was removed hears nothing of the one that has its name now. */
  function partFromRemoved(nodes: Iterable<NodeId>): void {
    for (const node of nodes) {
      const { stream, registered } = agents.get(node) ?? {};
      const now = view.tables.nodes.get(node)?.value;
      const isSame =
        registered?.identity === now?.identity &&
        registered?.registeredAtMs === now?.registeredAtMs;
      if (!isSame) stream?.close();
    }
  }

  function changed(change: ViewChange): void {
    partFromRemoved(change.nodes);
    passOrders();
    passUpgrades(change.changedKeys);
    if (change.changedKeys.some(isAboutServers)) {
      for (const agent of agents.values()) tellServers(agent);
    }
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
      partFromRemoved([...agents.keys()]);
      for (const [node, agent] of agents) {
        snapshot(node, agent);
        tellServers(agent);
        tellUpgrade(node, agent);
      }
      passOrders();
    },
  });

  return {
    attach(node, stream) {
      agents.get(node)?.stream.close();
      const registered = view.tables.nodes.get(node)?.value;
      const agent = { stream, registered, told: new Set<ServiceId>() };
      agents.set(node, agent);
      stream.onClose(() => {
        if (agents.get(node) === agent) agents.delete(node);
      });
      snapshot(node, agent);
      tellServers(agent);
      tellUpgrade(node, agent);
      passOrders();
    },
    tell(node, message) {
      const agent = agents.get(node);
      if (agent === undefined) return false;
      send(agent.stream, message);
      return true;
    },
  };
}

/** The order with what an agent needs to fetch the package and to verify it. */
function upgradeMessageOf(
  { bundles }: Pick<ViewTables, "bundles">,
  { id, order, package: wanted, healthyWithinMs }: AgentUpgradeRecord,
): InstructionMessage {
  if (order === "none" || wanted === undefined) return { kind: "agent-upgrade" };
  const { version, sha256 } = wanted;
  const { sizeBytes, signature } = bundles.get(sha256)?.value ?? {};
  const contents = { version, sha256, sizeBytes, signature };
  return { kind: "agent-upgrade", upgrade: { id, order, package: contents, healthyWithinMs } };
}
