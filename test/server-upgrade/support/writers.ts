/** Clients that write and read all the time, each with a server of its own to begin with, and remember what they were told. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiError, ApiResult } from "../../../src/client/api-error.ts";
import { type Client, createClient } from "../../../src/client/client.ts";

/** Servers, and what an admin has to show to them. */
export interface CallTarget {
  readonly servers: readonly { readonly url: string }[];
  /** PEM of the authority of the servers' certificates. */
  readonly ca: string;
  readonly token: string;
}

export interface Writing {
  /** Ids of the services that a server said are written. */
  readonly acknowledged: readonly string[];
  /** Reads of one of them that showed it. */
  readonly readCount: number;
  /** Failed calls that were worth another try, by their reason. */
  readonly retried: ReadonlyMap<string, number>;
  /** Failed calls of which no client could make anything: there must be none. */
  readonly hopeless: readonly string[];
  /** The longest time that one call took with all its retries, in ms. */
  readonly longestMs: number;
}

export interface WriterOptions {
  /** Between two writes of a client; default 20. */
  readonly pauseMs?: number;
  /** What was written last is read so often meanwhile; default: never. */
  readonly readEveryMs?: number;
}

const againMs = 50;
const pauseMsUsual = 20;
/** Each time other names. */
let runs = 0;

/** Nothing was done, or nobody knows: the same call again is right. */
function isRetryable({ kind, code }: ApiError): boolean {
  if (["unreachable", "timed-out", "cut-off"].includes(kind)) return true;
  return code === "unavailable" || code === "outcome-unknown";
}

/** Begins; the function ends it, and gives what came of it. */
export function startWriters(
  target: CallTarget,
  options: WriterOptions = {},
): () => Promise<Writing> {
  const { pauseMs = pauseMsUsual, readEveryMs } = options;
  runs += 1;
  const run = runs;
  const acknowledged: string[] = [];
  const retried = new Map<string, number>();
  const hopeless: string[] = [];
  let readCount = 0;
  let longestMs = 0;
  let isOver = false;
  const urls = target.servers.map(({ url }) => url);
  const program = { command: "true", arguments: [] };

  /** Again and again, until it is done, or nothing can be made of the answer. */
  async function call(
    words: string,
    ask: () => Promise<ApiResult<unknown>>,
    isDone: (error: ApiError, attempt: number) => boolean,
  ): Promise<boolean> {
    const beganAtMs = performance.now();
    for (let attempt = 0; ; attempt += 1) {
      const answer = await ask();
      longestMs = Math.max(longestMs, performance.now() - beganAtMs);
      if (answer.ok || isDone(answer.error, attempt)) return true;
      const { kind, code, message } = answer.error;
      if (!isRetryable(answer.error)) {
        hopeless.push(`${words}: ${kind} ${code ?? ""} ${message}`);
        return false;
      }
      const reason = `${kind} ${code ?? ""}`.trim();
      retried.set(reason, (retried.get(reason) ?? 0) + 1);
      await sleep(againMs);
    }
  }

  async function readFor(client: Client, id: string, everyMs: number): Promise<void> {
    const endAtMs = performance.now() + pauseMs;
    while (!isOver && performance.now() < endAtMs) {
      const isRead = await call(
        `read ${id}`,
        () => client.service(id),
        () => false,
      );
      if (isRead) readCount += 1;
      await sleep(everyMs);
    }
  }

  async function write(index: number): Promise<void> {
    const [server = "", ...otherServers] = [...urls.slice(index), ...urls.slice(0, index)];
    const { ca: authorityPem, token } = target;
    const client = createClient({ server, otherServers, authorityPem, token });
    for (let count = 0; !isOver; count += 1) {
      const id = `process:w${run}-${index}-${count}`;
      const isWritten = await call(
        id,
        () => client.addService({ id, state: "stopped", process: program }),
        // The attempt before may have made it.
        ({ code }, attempt) => code === "already-exists" && attempt > 0,
      );
      if (isWritten) acknowledged.push(id);
      if (isWritten && readEveryMs !== undefined) await readFor(client, id, readEveryMs);
      else await sleep(pauseMs);
    }
  }

  const writers = urls.map((_url, index) => write(index));
  return async () => {
    isOver = true;
    await Promise.all(writers);
    return { acknowledged, readCount, retried, hopeless, longestMs };
  };
}
