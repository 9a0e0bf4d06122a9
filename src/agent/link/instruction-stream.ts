/**
 * Reads the manager's instructions as server-sent events, and goes to the next server when a stream dies. While one is
 * open, the lease is renewed over it.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import {
  agentLinesContentType,
  agentPaths,
  instructionMessageSchema,
} from "../../wire/agent-protocol.ts";
import type { InboxMessage } from "../inbox.ts";
import { createPause } from "../pause.ts";
import { openRequest } from "./http.ts";
import { createLeaseChannel, type LeaseChannel } from "./lease-channel.ts";
import type { Servers } from "./servers.ts";

export interface InstructionStreamOptions {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
  /** `server` is the one that said it. */
  readonly onMessage: (message: InboxMessage, server: string) => void;
}

export interface InstructionStream {
  stop(): Promise<void>;
}

/** A stream without a byte for so long is dead: servers send a comment every five seconds. */
const silenceMsMax = 11_000;
const retryMs = 100;
const retryMsMax = 2_000;
/** Longest event: a snapshot of thousands of services. */
const eventCharactersMax = 16_777_216;

/** Begins at once and goes on until it is stopped. */
export function createInstructionStream(options: InstructionStreamOptions): InstructionStream {
  const pause = createPause(options.clock);
  const controller = new AbortController();
  let stopped = false;

  async function run(): Promise<void> {
    let failureCount = 0;
    let turn = 0;
    while (!stopped) {
      const { servers } = options;
      // The one that answers calls first; where its streams fail all the same, the others in turn.
      const others = servers.urls().filter((url) => url !== servers.preferred());
      const server = [servers.preferred(), ...others][turn % (others.length + 1)] ?? "";
      const outcome = await readStream(server, options, controller.signal);
      if (stopped) return;
      failureCount = outcome.heard ? 0 : failureCount + 1;
      turn = outcome.heard ? 0 : turn + 1;
      options.log.write("warn", `instructions from ${server} ended: ${outcome.why}`);
      await pause.wait(Math.min(retryMs * 2 ** Math.min(failureCount, 10), retryMsMax));
    }
  }

  const running = run();
  return {
    async stop() {
      stopped = true;
      controller.abort();
      pause.end();
      await running;
    },
  };
}

interface StreamEnd {
  /** At least one message came. */
  readonly heard: boolean;
  readonly why: string;
}

function readStream(
  server: string,
  options: InstructionStreamOptions,
  signal: AbortSignal,
): Promise<StreamEnd> {
  return new Promise((resolve) => {
    const { servers } = options;
    let heard = false;
    let why = "the server closed it";
    const outgoing = openRequest(servers.streams, {
      server,
      path: agentPaths.instructions,
      token: servers.token,
      method: "POST",
      headers: { accept: "text/event-stream", "content-type": agentLinesContentType },
      signal,
    });
    const channel = createLeaseChannel(server, (line) => outgoing.write(line));
    // Calls find out sooner than the silence of a stream that the server is gone, or cut off from its store.
    const forget = servers.onFailure((failed) => {
      if (failed === server) outgoing.destroy(new Error("it does not answer calls"));
    });
    const silence = endSilent(outgoing);
    outgoing.on("error", (error) => {
      why = error.message;
    });
    outgoing.on("close", () => {
      forget();
      clearTimeout(silence);
      servers.setChannel(undefined);
      channel.end();
      resolve({ heard, why });
    });
    outgoing.on("response", (incoming) => {
      incoming.on("error", (error) => {
        why = error.message;
      });
      incoming.on("close", () => outgoing.destroy());
      if (incoming.statusCode !== 200) {
        why = `HTTP status ${incoming.statusCode}`;
        incoming.destroy();
        return;
      }
      incoming.on("data", () => silence.refresh());
      readEvents(incoming, (data) => {
        // Not before the snapshot is here, which may take long on a slow line.
        if (!heard) servers.setChannel(channel);
        heard = true;
        handData(data, options, channel);
      });
    });
    outgoing.flushHeaders();
  });
}

/** Not the socket's own time-out: that would count what is sent, too. */
function endSilent(outgoing: ClientRequest): NodeJS.Timeout {
  return setTimeout(() => outgoing.destroy(new Error("it was silent too long")), silenceMsMax);
}

function handData(data: string, options: InstructionStreamOptions, channel: LeaseChannel): void {
  const { server } = channel;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    options.log.write("warn", `a message of ${server} is not JSON and is left out`);
    return;
  }
  const parsed = instructionMessageSchema.safeParse(value);
  if (!parsed.success) {
    options.log.write("warn", `a message of ${server} is not understood and is left out`);
  } else if (parsed.data.kind === "lease-answer") channel.take(parsed.data);
  else options.onMessage(parsed.data, server);
}

/** Calls back with the joined `data:` lines of each event. */
function readEvents(incoming: IncomingMessage, onData: (data: string) => void): void {
  let rest = "";
  let data: string[] = [];
  incoming.setEncoding("utf8");
  incoming.on("data", (chunk: string) => {
    const lines = chunk.split("\n");
    // Only the new part is searched: the line of a long snapshot comes in hundreds of parts.
    lines[0] = rest + (lines[0] ?? "");
    rest = lines.pop() ?? "";
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "" && data.length > 0) {
        onData(data.join("\n"));
        data = [];
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
      }
    }
    if (rest.length > eventCharactersMax) incoming.destroy(new Error("an event is too long"));
  });
}
