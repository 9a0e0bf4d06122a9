/** Brings a person who asks for a service's output together with the agent that has it. */
import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import type { NodeId, ServiceId } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Problem } from "../../wire/errors.ts";
import { refuse } from "../http/problem-error.ts";
import { logAnswerWithinMs, logRequestsMax } from "../limits.ts";
import type { InstructionHub } from "./instruction-hub.ts";

export interface LogWish {
  readonly node: NodeId;
  readonly service: ServiceId;
  readonly linesMax: number;
  readonly follow: boolean;
}

export interface LogRelay {
  /** Asks the agent of a node; answers with the stream that the agent sends. */
  ask(wish: LogWish): Promise<Result<Readable, Problem>>;
  /** The agent's answer. Resolves when it was read to its end, or the reader has gone. */
  answer(requestId: string, node: NodeId, body: Readable): Promise<Result<void, Problem>>;
  /** Ends all of it. */
  closeAll(): void;
}

interface Waiting {
  readonly node: NodeId;
  readonly take: (body: Readable) => void;
}

/** A relay for the agents that are connected to this server. */
export function createLogRelay(clock: Clock, hub: InstructionHub): LogRelay {
  const waiting = new Map<string, Waiting>();
  const piping = new Set<Readable>();

  function untilAnswered(requestId: string, node: NodeId): Promise<Readable | undefined> {
    return new Promise((resolve) => {
      const finish = (body: Readable | undefined) => {
        cancel();
        waiting.delete(requestId);
        resolve(body);
      };
      const cancel = clock.after(logAnswerWithinMs, () => {
        finish(undefined);
      });
      waiting.set(requestId, { node, take: finish });
    });
  }

  return {
    async ask({ node, service, linesMax, follow }) {
      if (waiting.size + piping.size >= logRequestsMax) {
        return refuse("too-many", `${logRequestsMax} log requests are open already`);
      }
      const requestId = randomUUID();
      if (!hub.tell(node, { kind: "log-request", requestId, service, linesMax, follow })) {
        return refuse("unavailable", `the agent of node "${node}" is not connected to this server`);
      }
      const body = await untilAnswered(requestId, node);
      if (body !== undefined) return ok(body);
      return refuse(
        "unavailable",
        `the agent of node "${node}" has not answered within ${logAnswerWithinMs} ms`,
      );
    },
    answer(requestId, node, body) {
      const request = waiting.get(requestId);
      if (request === undefined || request.node !== node) {
        return Promise.resolve(refuse("not-found", "nobody waits for this output any more"));
      }
      piping.add(body);
      return new Promise((resolve) => {
        body.once("close", () => {
          piping.delete(body);
          resolve(ok(undefined));
        });
        request.take(body);
      });
    },
    closeAll() {
      for (const body of piping) body.destroy();
    },
  };
}
