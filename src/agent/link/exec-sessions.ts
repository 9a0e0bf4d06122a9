/**
 * Commands that persons run beside services of this node: each over a request of its own to the server that has the
 * person, with frames in both directions. A command lives no longer than that request, its time and its service.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import type { ServiceId } from "../../core/ids.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { agentPaths } from "../../wire/agent-protocol.ts";
import { execContentType } from "../../wire/exec/frames.ts";
import { createExecChannel } from "./exec-channel.ts";
import { type ExecPlace, runExec } from "./exec-run.ts";
import { openRequest } from "./http.ts";
import type { Servers } from "./servers.ts";

export interface ExecOrder {
  readonly requestId: string;
  readonly service: ServiceId;
}

export interface ExecSessions {
  /** Begins one, unless too many go on. `servers` are ways to the one that waits for it, the best first. */
  begin(order: ExecOrder, place: ExecPlace, servers: readonly string[]): Promise<void>;
  /** Kills all, and begins none any more. Resolves when they are over. */
  close(): Promise<void>;
}

const sessionCountMax = 16;
const connectTimeoutMs = 10_000;

export interface ExecSessionsOptions {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
}

export function createExecSessions(options: ExecSessionsOptions): ExecSessions {
  const { servers, clock, log } = options;
  const running = new Map<string, Promise<void>>();
  const closing = new AbortController();

  async function run(order: ExecOrder, place: ExecPlace, urls: readonly string[]): Promise<void> {
    const { requestId, service } = order;
    try {
      const { outgoing, incoming } = await connectToAny(servers, requestId, urls);
      const channel = createExecChannel({ outgoing, incoming, clock });
      await runExec({ channel, service, place, clock, closing: closing.signal });
    } catch (error: unknown) {
      const why = sentenceOfSystemError(error);
      log.write("info", `a command beside ${service} was not run: ${why}`);
    }
  }

  return {
    async begin(order, place, urls) {
      const { requestId, service } = order;
      if (running.has(requestId) || closing.signal.aborted) return; // told twice, by two servers
      if (running.size >= sessionCountMax) {
        log.write("warn", `no command is run beside ${service}: ${running.size} run already`);
        return;
      }
      const session = run(order, place, urls);
      running.set(requestId, session);
      await session;
      running.delete(requestId);
    },
    async close() {
      closing.abort();
      await Promise.all(running.values());
    },
  };
}

interface Connected {
  readonly outgoing: ClientRequest;
  readonly incoming: IncomingMessage;
}

async function connectToAny(
  servers: Servers,
  requestId: string,
  urls: readonly string[],
): Promise<Connected> {
  let failed: unknown;
  for (const url of urls) {
    try {
      return await connect(servers, requestId, url);
    } catch (error: unknown) {
      failed = error; // the next way may lead there
    }
  }
  throw failed;
}

/** Resolves when the server has begun its answer; rejects when it refuses or is not to be reached. */
function connect(servers: Servers, requestId: string, server: string): Promise<Connected> {
  const outgoing = openRequest(servers.streams, {
    server,
    path: `${agentPaths.exec}/${encodeURIComponent(requestId)}`,
    token: servers.token,
    method: "POST",
    headers: { "content-type": execContentType },
    signal: servers.signal,
  });
  outgoing.setNoDelay(true);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      outgoing.destroy(new Error(`${server} has not answered in ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    outgoing.on("error", (error) => {
      clearTimeout(timer);
      reject(error); // later ones are told by "close"
    });
    outgoing.on("response", (incoming) => {
      clearTimeout(timer);
      if (incoming.statusCode === 200) {
        resolve({ outgoing, incoming });
        return;
      }
      incoming.destroy();
      reject(new Error(`${server} answers with status ${incoming.statusCode}`));
    });
    outgoing.flushHeaders();
  });
}
