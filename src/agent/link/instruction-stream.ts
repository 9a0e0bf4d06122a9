/** Reads the manager's instructions as server-sent events, and goes to the next server when a stream dies. */
import type { IncomingMessage } from "node:http";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import {
  agentPaths,
  type InstructionMessage,
  instructionMessageSchema,
} from "../../wire/agent-protocol.ts";
import { createPause } from "../pause.ts";
import { openRequest } from "./http.ts";
import type { Servers } from "./servers.ts";

export interface InstructionStreamOptions {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
  /** `server` is the one that said it. */
  readonly onMessage: (message: InstructionMessage, server: string) => void;
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
    let heard = false;
    let why = "the server closed it";
    const outgoing = openRequest(options.servers.streams, {
      server,
      path: agentPaths.instructions,
      token: options.servers.token,
      method: "GET",
      headers: { accept: "text/event-stream" },
      signal,
    });
    // Calls find out sooner than the silence of a stream that the server is gone, or cut off from its store.
    const forget = options.servers.onFailure((failed) => {
      if (failed === server) outgoing.destroy(new Error("it does not answer calls"));
    });
    outgoing.setTimeout(silenceMsMax, () => outgoing.destroy(new Error("it was silent too long")));
    outgoing.on("error", (error) => {
      why = error.message;
    });
    outgoing.on("close", () => {
      forget();
      resolve({ heard, why });
    });
    outgoing.on("response", (incoming) => {
      incoming.on("error", (error) => {
        why = error.message;
      });
      if (incoming.statusCode !== 200) {
        why = `HTTP status ${incoming.statusCode}`;
        incoming.destroy();
        return;
      }
      readEvents(incoming, (data) => {
        heard = true;
        handData(data, server, options);
      });
    });
    outgoing.end();
  });
}

function handData(data: string, server: string, options: InstructionStreamOptions): void {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    options.log.write("warn", `a message of ${server} is not JSON and is left out`);
    return;
  }
  const parsed = instructionMessageSchema.safeParse(value);
  if (parsed.success) options.onMessage(parsed.data, server);
  else options.log.write("warn", `a message of ${server} is not understood and is left out`);
}

/** Calls back with the joined `data:` lines of each event. */
function readEvents(incoming: IncomingMessage, onData: (data: string) => void): void {
  let rest = "";
  let data: string[] = [];
  incoming.setEncoding("utf8");
  incoming.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
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
