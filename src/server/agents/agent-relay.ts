/** Brings a person who wants something of a node's agent together with the agent that answers. */
import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import type { NodeId } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { AgentOrder } from "../../wire/agent-protocol.ts";
import type { Problem } from "../../wire/errors.ts";
import { refuse } from "../http/problem-error.ts";
import { agentAnswerWithinMs } from "../limits.ts";
import type { AgentOrders } from "./agent-orders.ts";

/** `Answer`: what the agent's request brings. */
export interface AgentRelay<Answer> {
  /** Asks the agent of a node; answers with what its request brings. */
  ask(node: NodeId, orderOf: (requestId: string) => AgentOrder): Promise<Result<Answer, Problem>>;
  /** Whether somebody waits for this answer of this node. */
  isAwaited(requestId: string, node: NodeId): boolean;
  /** The agent's answer. Resolves when its request was read to its end, or the person has gone. */
  answer(requestId: string, node: NodeId, answer: Answer): Promise<Result<void, Problem>>;
  /** Ends all of it. */
  closeAll(): void;
}

export interface AgentRelayOptions<Answer> {
  readonly clock: Clock;
  readonly orders: Pick<AgentOrders, "deliver">;
  /** Of how many there may be: `log requests`. */
  readonly what: string;
  readonly openMax: number;
  /** The body of the agent's request. */
  readonly bodyOf: (answer: Answer) => Readable;
}

interface Waiting<Answer> {
  readonly node: NodeId;
  readonly take: (answer: Answer) => void;
}

/** A relay without anybody in it. */
export function createAgentRelay<Answer>(options: AgentRelayOptions<Answer>): AgentRelay<Answer> {
  const { clock, orders, what, openMax, bodyOf } = options;
  const waiting = new Map<string, Waiting<Answer>>();
  const open = new Set<Readable>();

  function untilAnswered(requestId: string, node: NodeId): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const finish = (answer: Answer | undefined) => {
        cancel();
        waiting.delete(requestId);
        resolve(answer);
      };
      const cancel = clock.after(agentAnswerWithinMs, () => {
        finish(undefined);
      });
      waiting.set(requestId, { node, take: finish });
    });
  }

  const isAwaited = (requestId: string, node: NodeId) => waiting.get(requestId)?.node === node;

  return {
    async ask(node, orderOf) {
      if (waiting.size + open.size >= openMax) {
        return refuse("too-many", `${openMax} ${what} are open already`);
      }
      const requestId = randomUUID();
      const answered = untilAnswered(requestId, node);
      const delivered = await orders.deliver(node, orderOf(requestId));
      if (!delivered.ok) {
        waiting.delete(requestId);
        return delivered;
      }
      const answer = await answered;
      void delivered.value();
      if (answer !== undefined) return ok(answer);
      return refuse(
        "unavailable",
        `the agent of node "${node}" has not answered within ${agentAnswerWithinMs} ms`,
      );
    },
    isAwaited,
    answer(requestId, node, answer) {
      const request = waiting.get(requestId);
      if (request === undefined || !isAwaited(requestId, node)) {
        return Promise.resolve(refuse("not-found", "nobody waits for this any more"));
      }
      const body = bodyOf(answer);
      open.add(body);
      return new Promise((resolve) => {
        body.once("close", () => {
          open.delete(body);
          resolve(ok(undefined));
        });
        request.take(answer);
      });
    },
    closeAll() {
      for (const body of open) body.destroy();
    },
  };
}
