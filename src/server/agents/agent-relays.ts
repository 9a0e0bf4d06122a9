/** All that persons can want of agents, brought to them in one way. */
import type { Readable } from "node:stream";
import type { Clock } from "../../ports/clock.ts";
import { execsMax, logRequestsMax } from "../limits.ts";
import { type AgentOrdersOptions, createAgentOrders } from "./agent-orders.ts";
import { type AgentRelay, createAgentRelay } from "./agent-relay.ts";
import type { ExecEndpoint } from "./exec-bridge.ts";

export interface AgentRelays {
  /** Output of services, as text. */
  readonly logs: AgentRelay<Readable>;
  /** Commands beside services, as frames in both directions. */
  readonly execs: AgentRelay<ExecEndpoint>;
  /** Where this server is reached, once that is known. */
  listensAt(url: string): void;
  /** Ends all of it. */
  closeAll(): void;
}

export interface AgentRelaysOptions extends AgentOrdersOptions {
  readonly clock: Clock;
}

/** Relays without anybody in them. */
export function createAgentRelays(options: AgentRelaysOptions): AgentRelays {
  const { clock } = options;
  const orders = createAgentOrders(options);
  const logs = createAgentRelay<Readable>({
    clock,
    orders,
    what: "log requests",
    openMax: logRequestsMax,
    bodyOf: (body) => body,
  });
  const execs = createAgentRelay<ExecEndpoint>({
    clock,
    orders,
    what: "commands beside services",
    openMax: execsMax,
    bodyOf: ({ input }) => input,
  });
  return {
    logs,
    execs,
    listensAt: orders.listensAt,
    closeAll() {
      logs.closeAll();
      execs.closeAll();
    },
  };
}
