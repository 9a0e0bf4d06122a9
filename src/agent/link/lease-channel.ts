/** Lease requests over the stream of instructions: an agent at rest needs one connection, not two. */
import { err, ok, type Result } from "../../core/result.ts";
import type { LeaseAnswerMessage } from "../../wire/agent-protocol.ts";
import type { HttpAnswer } from "./http.ts";

export interface AskOptions {
  /** JSON text of the request. */
  readonly body: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface LeaseChannel {
  /** The server at its other end. */
  readonly server: string;
  /**
   * Sends a request, and resolves with its answer or why there is none; with undefined where the channel ended before
   * there was an answer, so that another way may be tried.
   */
  ask(options: AskOptions): Promise<Result<HttpAnswer, string> | undefined>;
  /** An answer has come. */
  take(message: LeaseAnswerMessage): void;
  /** The stream is over. */
  end(): void;
}

/** The way for renewals, while there is a channel that answers. */
export interface LeaseWay {
  /** Undefined: there is none for now. */
  use(channel: LeaseChannel | undefined): void;
  /** Undefined: ask in another way; nothing is known of an answer. */
  ask(
    options: AskOptions & { readonly server: string },
  ): Promise<Result<HttpAnswer, string> | undefined>;
}

/** What is between may keep requests that do not end to itself: renewals have a way that does without them. */
const silentMs = 600_000;

/** A way without a channel yet. */
export function createLeaseWay(): LeaseWay {
  let channel: LeaseChannel | undefined;
  /** Servers whose channel was silent, and until when it is not used again. */
  const silentUntilMs = new Map<string, number>();
  return {
    use(fresh) {
      channel = fresh;
    },
    async ask(options) {
      const { server, signal } = options;
      if (channel?.server !== server) return undefined;
      if (performance.now() < (silentUntilMs.get(server) ?? 0)) return undefined;
      const answer = await channel.ask(options);
      const wasSilent = answer?.ok === false && !signal.aborted;
      if (wasSilent) silentUntilMs.set(server, performance.now() + silentMs);
      return answer;
    },
  };
}

/** `write` sends a line. */
export function createLeaseChannel(server: string, write: (line: string) => void): LeaseChannel {
  const waiting = new Map<number, (answer: Result<HttpAnswer, string> | undefined) => void>();
  let lastId = 0;
  let isOver = false;
  return {
    server,
    ask: ({ body, timeoutMs, signal }) =>
      new Promise((resolve) => {
        if (isOver || signal.aborted) return resolve(isOver ? undefined : err("given up"));
        lastId += 1;
        const id = lastId;
        const finish = (answer: Result<HttpAnswer, string> | undefined): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", giveUp);
          waiting.delete(id);
          resolve(answer);
        };
        const giveUp = (): void => finish(err("given up"));
        const timer = setTimeout(() => {
          finish(err(`no answer in ${Math.round(timeoutMs)} ms`));
        }, timeoutMs);
        signal.addEventListener("abort", giveUp);
        waiting.set(id, finish);
        write(`{"id":${id},"lease":${body}}\n`);
      }),
    take({ id, status, body }) {
      waiting.get(id)?.(ok({ status, body: JSON.stringify(body) }));
    },
    end() {
      isOver = true;
      for (const finish of [...waiting.values()]) finish(undefined);
    },
  };
}
