/** An agent's, or a guard's, requests: to the server that answered last, then to the others. */
import type { NodeId } from "../../core/ids.ts";
import type { Engine } from "../engine/engine.ts";
import type { LocalTimer, NodeClock } from "../engine/node-clock.ts";
import type { Process } from "../engine/process.ts";
import type { AgentAnswer, AgentRequest } from "../server/agent-protocol.ts";
import type { Server } from "../server/server.ts";

export interface CallerOptions {
  readonly engine: Engine;
  readonly node: NodeId;
  readonly clock: NodeClock;
  readonly process: Process;
  /** Nodes with servers, in the order in which they are tried first. */
  readonly serverNodes: readonly NodeId[];
  /** The server that runs on a node now. */
  readonly serverOn: (node: NodeId) => Server | undefined;
  /** Which one answered last; shared by all of one agent's callers. */
  readonly preferred: { index: number };
}

/** `sentAtMs`: when the request that was answered was sent, on the node's clock. */
type Done = (answer: AgentAnswer, sentAtMs: number) => void;

const noServer: AgentAnswer = { kind: "unavailable", detail: "no server runs there" };

/** Makes one call at a time. */
export class Caller {
  readonly #options: CallerOptions;
  readonly #timer: LocalTimer;
  #request: AgentRequest | undefined;
  #done: Done | undefined;
  #timeoutMs = 0;
  #turn = 0;
  /** Of the attempt that goes on; an answer to an older one is of no use. */
  #attempt = 0;
  #sentAtMs = 0;

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#timer = options.clock.timer(() => {
      const attempt = this.#attempt;
      options.process.enter(() => this.#onAnswer(attempt, noServer));
    });
  }

  /** Asks; `timeoutMs` is for one server. Replaces a call that goes on, which is not answered then. */
  call(request: AgentRequest, timeoutMs: number, done: Done): void {
    this.#request = request;
    this.#timeoutMs = timeoutMs;
    this.#done = done;
    this.#turn = 0;
    this.#send();
  }

  /** Answers nothing any more. */
  close(): void {
    this.#attempt += 1;
    this.#done = undefined;
    this.#timer.close();
  }

  #send(): void {
    const { engine, node, clock, process, serverNodes, serverOn, preferred } = this.#options;
    const { network } = engine;
    const request = this.#request;
    const index = (preferred.index + this.#turn) % serverNodes.length;
    const to = serverNodes[index];
    if (request === undefined || to === undefined) return;
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#sentAtMs = clock.nowMs;
    this.#timer.set(this.#sentAtMs + this.#timeoutMs);
    const reply = (answer: AgentAnswer): void =>
      network.send(to, node, () => process.enter(() => this.#onAnswer(attempt, answer)));
    network.send(node, to, () => {
      const server = serverOn(to);
      if (server === undefined) reply(noServer);
      else server.handle(request, reply);
    });
  }

  #onAnswer(attempt: number, answer: AgentAnswer): void {
    const done = this.#done;
    if (attempt !== this.#attempt || done === undefined) return;
    const { serverNodes, preferred } = this.#options;
    const { length } = serverNodes;
    if (answer.kind === "unavailable" && this.#turn + 1 < length) {
      this.#turn += 1;
      this.#send();
      return;
    }
    this.#attempt += 1;
    this.#done = undefined;
    this.#request = undefined;
    this.#timer.clear();
    if (answer.kind !== "unavailable") {
      preferred.index = (preferred.index + this.#turn) % length;
    }
    done(answer, this.#sentAtMs);
  }
}

/** One call with a caller of its own. */
export function callOnce(
  options: CallerOptions,
  request: AgentRequest,
  timeoutMs: number,
  done: (answer: AgentAnswer) => void,
): void {
  const caller = new Caller(options);
  caller.call(request, timeoutMs, (answer) => {
    caller.close();
    done(answer);
  });
}
