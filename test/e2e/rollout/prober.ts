/**
 * A client of the service that goes round its members: each request begins at the next one and goes on to the others
 * until one answers well. It counts the requests that nobody answered, which is what must not happen, and remembers who
 * has answered what.
 */
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { waitFor } from "../harness/wait.ts";

const askEveryMs = 10;
const answerMsMax = 2_000;

/** A copy of the service, as its answers name it. */
const answerSchema = z.object({
  node: z.string(),
  version: z.string(),
  greeting: z.string(),
  copy: z.string(),
});
export type Answer = z.output<typeof answerSchema>;

/** Where a member of the service answers. */
export interface Member {
  readonly host: string;
  readonly port: number;
}

/** A request that no member answered. */
export interface Dark {
  readonly atMs: number;
  /** Of each member that was tried. */
  readonly errors: readonly string[];
}

export class Prober {
  readonly #members: ReadonlyMap<string, Member>;
  readonly #stop = new AbortController();
  readonly dark: Dark[] = [];
  /** Good answers, in their order, each copy's run of them counted once. */
  readonly copies: Answer[] = [];
  requestCount = 0;
  /** Requests that the first member did not answer, and another did. */
  passedOnCount = 0;
  #running: Promise<void> | undefined;
  readonly #seen = new Set<string>();

  constructor(members: ReadonlyMap<string, Member>) {
    this.#members = members;
  }

  /** Begins; resolves when every member has answered. */
  async start(): Promise<void> {
    this.#running = this.#run();
    await waitFor("every member to answer", 10_000, () => {
      return [...this.#members.keys()].every((node) => this.copiesOf(node).length > 0);
    });
  }

  /** Ends it, and waits for the last request. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Copies of the service that have answered well, of one node. */
  copiesOf(node: string): readonly Answer[] {
    return this.copies.filter((copy) => copy.node === node);
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#ask();
      await sleep(askEveryMs);
    }
  }

  async #ask(): Promise<void> {
    const members = [...this.#members];
    const errors: string[] = [];
    const atMs = performance.now();
    this.requestCount += 1;
    for (let tried = 0; tried < members.length; tried += 1) {
      const chosen = members[(this.requestCount + tried) % members.length];
      if (chosen === undefined) continue;
      const [node, member] = chosen;
      const answer = await ask(member);
      if (typeof answer === "string") {
        errors.push(`${node}: ${answer}`);
        continue;
      }
      if (tried > 0) this.passedOnCount += 1;
      this.#note(answer);
      return;
    }
    this.dark.push({ atMs, errors });
  }

  #note(answer: Answer): void {
    const key = `${answer.copy} ${answer.version} ${answer.greeting}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.copies.push(answer);
  }
}

/** A member's answer, or what is wrong with it. A new connection each time: a copy that stops takes none along. */
function ask({ host, port }: Member): Promise<Answer | string> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(answerMsMax);
    const options = { host, port, agent: false, signal };
    const asked = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("error", (error) => resolve(error.message));
      response.on("end", () => {
        if (response.statusCode === 200) resolve(answerSchema.parse(JSON.parse(text)));
        else resolve(`status ${response.statusCode}`);
      });
    });
    asked.on("error", (error) => resolve(error.message));
    asked.end();
  });
}

/** The answer of one member now; undefined: it does not answer well. */
export async function askMember(member: Member): Promise<Answer | undefined> {
  const answer = await ask(member);
  return typeof answer === "string" ? undefined : answer;
}
