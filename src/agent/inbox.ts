/** Takes in what the server says: keeps each service's configuration, and tells the core the rest. */
import type { AgentEvent } from "../core/agent/event.ts";
import type { ServiceId } from "../core/ids.ts";
import type { Instruction, InstructionMessage } from "../wire/agent-protocol.ts";
import type { AgentUpgradeOrder } from "../wire/fleet/agent-upgrades.ts";
import type { StoredServiceConfig } from "../wire/service-config.ts";
import { agentInstructionOf } from "./assignments.ts";

/** What the stream itself does not understand. */
export type InboxMessage = Exclude<InstructionMessage, { kind: "lease-answer" }>;
type Order = Extract<InstructionMessage, { kind: "log-request" | "exec-request" }>;

export interface Inbox {
  /** `server` is the one that said it. */
  take(message: InboxMessage, server: string): void;
  /** The configuration that came with the service's present instruction. */
  configOf(service: ServiceId): StoredServiceConfig | undefined;
}

/** What is not the core's to know. */
export interface InboxListeners {
  /** `servers` are ways to the one that waits for the answer, the best first. */
  readonly onOrder: (order: Order, servers: readonly [string, ...string[]]) => void;
  readonly onServers: (urls: readonly string[]) => void;
  readonly onUpgrade: (order: AgentUpgradeOrder | undefined) => void;
}

export function createInbox(
  dispatch: (event: AgentEvent) => void,
  { onOrder, onServers, onUpgrade }: InboxListeners,
): Inbox {
  const instructions = new Map<ServiceId, Instruction>();
  return {
    configOf: (service) => instructions.get(service)?.config,
    take(message, server) {
      switch (message.kind) {
        case "snapshot":
          instructions.clear();
          for (const each of message.instructions) instructions.set(each.service, each);
          dispatch({
            kind: "snapshot",
            instructions: message.instructions.map(agentInstructionOf),
          });
          return;
        case "instruction": {
          const { instruction } = message;
          instructions.set(instruction.service, instruction);
          dispatch({ kind: "instruction", instruction: agentInstructionOf(instruction) });
          return;
        }
        case "gone":
          instructions.delete(message.service);
          dispatch({ kind: "gone", service: message.service });
          return;
        case "servers":
          onServers(message.urls);
          return;
        case "agent-upgrade":
          onUpgrade(message.upgrade);
          return;
        case "log-request":
        case "exec-request": {
          const { answerTo = server } = message;
          onOrder(message, answerTo === server ? [server] : [answerTo, server]);
          return;
        }
      }
    },
  };
}
