/** An agent's stream of instructions from one server, and its way to the next server when the stream dies. */
import type { NodeId } from "../../core/ids.ts";
import type { Engine } from "../engine/engine.ts";
import type { LocalTimer, NodeClock } from "../engine/node-clock.ts";
import type { Process } from "../engine/process.ts";
import type { StreamMessage } from "../server/agent-protocol.ts";
import type { Stream } from "../server/hub.ts";
import type { Server } from "../server/server.ts";

/** A stream without a byte for so long is dead. */
const silenceMsMax = 15_000;
const connectTimeoutMs = 2_000;
const retryMs = 100;
const retryMsMax = 2_000;

export interface StreamClientOptions {
  readonly engine: Engine;
  readonly node: NodeId;
  readonly clock: NodeClock;
  readonly process: Process;
  readonly serverNodes: readonly NodeId[];
  readonly serverOn: (node: NodeId) => Server | undefined;
  readonly onMessage: (message: StreamMessage) => void;
}

/** Always connected to one server, or on its way to the next one. */
export class StreamClient {
  readonly #options: StreamClientOptions;
  readonly #retry: LocalTimer;
  #turn = 0;
  #failureCount = 0;
  #connection: Connection | undefined;

  constructor(options: StreamClientOptions) {
    this.#options = options;
    const { clock, process } = options;
    this.#retry = clock.timer(() => process.enter(() => this.#connect()));
    process.onEnd(() => {
      this.#retry.close();
      this.#connection?.end();
    });
    this.#connect();
  }

  /** Power, network, cuts or pauses have changed. */
  onTopology(): void {
    this.#connection?.onTopology();
  }

  #connect(): void {
    const { engine, node, serverNodes, serverOn } = this.#options;
    const to = serverNodes[this.#turn % serverNodes.length];
    if (to === undefined) return;
    const connection = new Connection(this.#options, to, (heard) => {
      if (this.#connection !== connection) return;
      this.#connection = undefined;
      this.#turn += 1;
      this.#failureCount = heard ? 0 : Math.min(this.#failureCount + 1, 10);
      const delayMs = Math.min(retryMs * 2 ** this.#failureCount, retryMsMax);
      this.#retry.set(this.#options.clock.nowMs + delayMs);
    });
    this.#connection = connection;
    engine.network.send(node, to, () => {
      const server = serverOn(to);
      if (server === undefined) connection.close();
      else server.process.enter(() => connection.open(server));
    });
  }
}

/** One connection between an agent and a server. What is sent arrives in its order, however late, or it dies. */
class Connection implements Stream {
  readonly node: NodeId;
  readonly #options: StreamClientOptions;
  readonly #to: NodeId;
  readonly #onEnd: (heard: boolean) => void;
  readonly #silence: LocalTimer;
  #server: Server | undefined;
  #outbox: StreamMessage[] = [];
  /** Arrivals that are planned. */
  #underWay = 0;
  #lastArrivalMs = 0;
  #heard = false;
  /** Nothing comes through, for a while already. */
  #isSilent = false;
  /** The server has ended it: it says nothing any more. */
  #closed = false;
  #ended = false;

  constructor(options: StreamClientOptions, to: NodeId, onEnd: (heard: boolean) => void) {
    const { clock, process } = options;
    this.node = options.node;
    this.#options = options;
    this.#to = to;
    this.#onEnd = onEnd;
    this.#silence = clock.timer(() => process.enter(() => this.#die()));
    this.#silence.set(clock.nowMs + connectTimeoutMs);
  }

  /** The server has the request. */
  open(server: Server): void {
    if (this.#ended) return;
    this.#server = server;
    if (!server.attach(this)) this.close();
  }

  send(message: StreamMessage): void {
    if (this.#ended) return;
    this.#outbox.push(message);
    this.#plan();
  }

  /** The server closes it: the agent hears that if it can. */
  close(): void {
    if (this.#ended || this.#closed) return;
    this.#closed = true;
    const { engine, node, process, clock } = this.#options;
    this.#silence.set(clock.nowMs + silenceMsMax);
    engine.network.send(this.#to, node, () => process.enter(() => this.#die()));
  }

  /** Ends without a word to anybody. */
  end(): void {
    this.#ended = true;
    this.#outbox = [];
    this.#silence.close();
    this.#server?.detach(this);
  }

  onTopology(): void {
    if (this.#ended || this.#closed || !this.#heard) return;
    if (!this.#isAlive()) {
      if (this.#isSilent) return;
      this.#isSilent = true;
      this.#silence.set(this.#options.clock.nowMs + silenceMsMax);
      return;
    }
    this.#isSilent = false;
    this.#silence.clear();
    this.#plan();
  }

  #isAlive(): boolean {
    const server = this.#server;
    if (server === undefined || !server.process.isAlive || server.process.isPaused) return false;
    return this.#options.engine.network.canTalk(this.#to, this.node);
  }

  #plan(): void {
    const { schedule, network } = this.#options.engine;
    while (this.#underWay < this.#outbox.length) {
      const atMs = schedule.nowMs + network.reliableMs(this.#to, this.node);
      this.#lastArrivalMs = Math.max(this.#lastArrivalMs, atMs);
      this.#underWay += 1;
      schedule.at(this.#lastArrivalMs, () => this.#arrive());
    }
  }

  #arrive(): void {
    this.#underWay -= 1;
    const { engine, process, onMessage } = this.#options;
    // What does not get through waits until it does, or the stream is given up.
    if (this.#ended || !engine.network.canTalk(this.#to, this.node)) return;
    const event = this.#outbox.shift();
    if (event === undefined) return;
    if (!this.#heard && !this.#closed) this.#silence.clear();
    this.#heard = true;
    process.enter(() => {
      if (!this.#ended) onMessage(event);
    });
  }

  #die(): void {
    if (this.#ended) return;
    this.end();
    this.#onEnd(this.#heard);
  }
}
