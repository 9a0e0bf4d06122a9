/**
 * Many agents in one process, against a real server: each joins, renews its lease, follows its instructions and reports as
 * a real one does, and its services are a timer instead of processes. For tests and benches with more nodes than a machine
 * has room for.
 */
import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { readServerSentEvents } from "../../src/client/server-sent-events.ts";
import {
  agentPaths,
  confirmAnswerSchema,
  type Instruction,
  instructionMessageSchema,
  type LeaseAnswer,
  leaseAnswerSchema,
  type ReportRequest,
} from "../../src/wire/agent-protocol.ts";

export interface LightAgentsOptions {
  /** `http://host:port` */
  readonly server: string;
  /** Tokens by node. */
  readonly tokens: ReadonlyMap<string, string>;
  /** A start takes so long, until its copy is healthy. */
  readonly startMs: number;
}

/** A time in which a node's copy of a service did not run, after it had run; undefined end: it does not yet. */
export interface Gap {
  readonly node: string;
  readonly service: string;
  readonly fromMs: number;
  untilMs: number | undefined;
}

const pauseMs = 200;
const answerMsMax = 5_000;

export class LightAgents {
  readonly #agents: readonly LightAgent[];
  readonly #stop = new AbortController();
  /** By `performance.now()`, oldest first. */
  readonly gaps: Gap[] = [];

  constructor(options: LightAgentsOptions) {
    const parts = { ...options, gaps: this.gaps, signal: this.#stop.signal };
    this.#agents = [...options.tokens].map(([node, token]) => new LightAgent(node, token, parts));
  }

  /** Resolves when all hold a lease. */
  async start(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.start()));
  }

  stop(): void {
    this.#stop.abort();
    for (const agent of this.#agents) agent.close();
  }
}

interface Parts {
  readonly server: string;
  readonly startMs: number;
  readonly gaps: Gap[];
  readonly signal: AbortSignal;
}

/** What one service is on its node. */
interface Copy {
  instruction: Instruction;
  /** What runs, or is being started; undefined: nothing. */
  content: string | undefined;
  isRunning: boolean;
  gap: Gap | undefined;
  /** Work on it goes on, one thing after the other. */
  work: Promise<void>;
}

class LightAgent {
  readonly #node: string;
  readonly #token: string;
  readonly #parts: Parts;
  readonly #http = new Agent({ keepAlive: true });
  readonly #copies = new Map<string, Copy>();
  #lease: LeaseAnswer | undefined;

  constructor(node: string, token: string, parts: Parts) {
    this.#node = node;
    this.#token = token;
    this.#parts = parts;
  }

  close(): void {
    this.#http.destroy();
  }

  /** Joins, and holds a lease; goes on with both until the signal aborts. */
  async start(): Promise<void> {
    const body = {
      agentVersion: "0.0.1",
      properties: {},
      capacity: { cpuCores: 1, memoryBytes: 1e9 },
    };
    while ((await this.#post(agentPaths.join, body)).status !== 200) await sleep(pauseMs);
    const incarnation = `light-${this.#node}-incarnation`;
    await this.#takeLease(incarnation);
    void this.#renew(incarnation);
    void this.#follow();
  }

  async #takeLease(incarnation: string): Promise<void> {
    while (!this.#parts.signal.aborted) {
      const answer = await this.#post(agentPaths.lease, { incarnation });
      if (answer.status === 200) {
        this.#lease = leaseAnswerSchema.parse(JSON.parse(answer.body));
        return;
      }
      await sleep(pauseMs);
    }
  }

  async #renew(incarnation: string): Promise<void> {
    const { signal } = this.#parts;
    while (!signal.aborted && this.#lease !== undefined) {
      const { leaseId, epoch, renewEveryMs } = this.#lease;
      await sleep(renewEveryMs);
      const answer = await this.#post(agentPaths.lease, { incarnation, renew: { leaseId, epoch } });
      if (answer.status !== 409 || signal.aborted) continue;
      // Its copies would be dead by now: a timer cannot be killed late, so it begins anew.
      for (const copy of this.#copies.values()) this.#down(copy);
      await this.#takeLease(incarnation);
    }
  }

  async #follow(): Promise<void> {
    const { server, signal } = this.#parts;
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        const headers = { authorization: `Bearer ${this.#token}`, accept: "text/event-stream" };
        const options = { method: "POST", headers, signal };
        const asked = request(`${server}${agentPaths.instructions}`, options);
        asked.on("error", () => resolve());
        asked.on("response", (response) => {
          response.setEncoding("utf8");
          this.#read(response).then(resolve, () => resolve());
        });
        asked.end();
      });
      if (!signal.aborted) await sleep(pauseMs);
    }
  }

  async #read(stream: IncomingMessage): Promise<void> {
    for await (const { data } of readServerSentEvents(stream)) {
      const message = instructionMessageSchema.parse(JSON.parse(data));
      if (message.kind === "instruction") this.#take(message.instruction);
      else if (message.kind === "gone") this.#forget(message.service);
      else if (message.kind === "snapshot") {
        const named = new Set<string>(message.instructions.map(({ service }) => service));
        for (const service of this.#copies.keys()) if (!named.has(service)) this.#forget(service);
        for (const instruction of message.instructions) this.#take(instruction);
      }
    }
  }

  #forget(service: string): void {
    const copy = this.#copies.get(service);
    if (copy !== undefined) this.#down(copy);
    this.#copies.delete(service);
  }

  #take(instruction: Instruction): void {
    const { service } = instruction;
    const known = this.#copies.get(service);
    const copy = known ?? {
      instruction,
      content: undefined,
      isRunning: false,
      gap: undefined,
      work: Promise.resolve(),
    };
    copy.instruction = instruction;
    this.#copies.set(service, copy);
    copy.work = copy.work.then(() => this.#carryOut(copy, instruction));
  }

  /** What is out of date by the time that it is its turn is left to the newer one. */
  async #carryOut(copy: Copy, instruction: Instruction): Promise<void> {
    if (copy.instruction !== instruction || this.#lease === undefined) return;
    const { state, service, uid, config } = instruction;
    const isMine = instruction.nodeEpoch === this.#lease.epoch;
    if (state === "request_stop" || state === "stopped" || state === "error") {
      this.#down(copy);
      if (state === "request_stop") await this.#report(instruction, "stopped");
      return;
    }
    if (state !== "started" || !isMine) return;
    const content = JSON.stringify(config.process);
    if (!copy.isRunning || copy.content !== content) {
      this.#down(copy);
      const { epoch } = this.#lease;
      const asked = await this.#post(agentPaths.confirm, { service, uid, epoch });
      if (asked.status !== 200) return;
      if (!confirmAnswerSchema.parse(JSON.parse(asked.body)).current) return;
      copy.content = content;
      await sleep(this.#parts.startMs);
      copy.isRunning = true;
      if (copy.gap !== undefined) copy.gap.untilMs = performance.now();
      copy.gap = undefined;
    }
    await this.#report(instruction, "running");
  }

  #down(copy: Copy): void {
    if (!copy.isRunning) return;
    copy.isRunning = false;
    const { service } = copy.instruction;
    copy.gap = { node: this.#node, service, fromMs: performance.now(), untilMs: undefined };
    this.#parts.gaps.push(copy.gap);
  }

  async #report(instruction: Instruction, result: "running" | "stopped"): Promise<void> {
    const { service, uid, configRevision } = instruction;
    const report: ReportRequest = {
      ...{ service, uid, result, configRevision, detail: "" },
      epoch: this.#lease?.epoch ?? 0,
      health: result === "running" ? "healthy" : "none",
    };
    for (let answer = 0; answer !== 204 && answer !== 200 && answer !== 409; ) {
      if (this.#parts.signal.aborted) return;
      answer = (await this.#post(agentPaths.report, report)).status;
      if (answer >= 500 || answer === 0) await sleep(pauseMs);
      else if (answer >= 400 && answer !== 409) throw new Error(`the report is refused: ${answer}`);
    }
  }

  #headers(): Readonly<Record<string, string>> {
    return { authorization: `Bearer ${this.#token}`, "content-type": "application/json" };
  }

  /** Status 0: there was no answer. */
  #post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: string }> {
    const { server, signal } = this.#parts;
    return new Promise((resolve) => {
      const nothing = () => resolve({ status: 0, body: "" });
      const within = AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]);
      const options = { method: "POST", agent: this.#http, signal: within };
      const asked = request(`${server}${path}`, { ...options, headers: this.#headers() });
      asked.on("error", nothing);
      asked.on("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("error", nothing);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
      });
      asked.end(JSON.stringify(body));
    });
  }
}
