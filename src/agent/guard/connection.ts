/** The agent's end of the guard's socket: requests with answers, and what the guard says by itself. */
import { connect } from "node:net";
import { err, ok, type Result } from "../../core/result.ts";
import { createLineReader } from "./line-reader.ts";
import { type GuardMessage, type GuardRequest, lineBytesMax, parseMessage } from "./protocol.ts";

export type GuardAnswerMessage = Extract<GuardMessage, { kind: "answer" }>;

export interface GuardConnection {
  /** Resolves with the guard's answer; `undefined`: the connection has ended, or no answer came in time. */
  request(request: GuardRequest): Promise<GuardAnswerMessage | undefined>;
  /** Ends it. The guard sees its agent gone. */
  close(): void;
}

export interface GuardConnectionEvents {
  onFired(epoch: number): void;
  onLog(sentence: string): void;
  /** It ended, by whichever side. Called once. */
  onClose(): void;
}

const connectTimeoutMs = 1_000;
/** A guard that does not answer for so long is as good as none. */
const answerTimeoutMs = 2_000;
const pendingCountMax = 20_000;

/** Connects to a guard's socket. */
export function connectToGuard(
  path: string,
  events: GuardConnectionEvents,
): Promise<Result<GuardConnection, string>> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const timer = setTimeout(() => socket.destroy(new Error("timed out")), connectTimeoutMs);
    socket.once("error", (error) => {
      clearTimeout(timer);
      resolve(err(error.message));
    });
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve(ok(serve(socket, events)));
    });
  });
}

type PendingAnswer = (answer: GuardAnswerMessage | undefined) => void;

function serve(socket: ReturnType<typeof connect>, events: GuardConnectionEvents): GuardConnection {
  const pending = new Map<number, PendingAnswer>();
  let lastId = 0;
  const onLine = (line: string): void => {
    const message = parseMessage(line);
    if (message === undefined) socket.destroy();
    else if (message.kind === "fired") events.onFired(message.epoch);
    else if (message.kind === "log") events.onLog(message.sentence);
    else pending.get(message.id)?.(message);
  };
  const read = createLineReader(lineBytesMax * 16, onLine);
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    if (!read(chunk)) socket.destroy();
  });
  socket.on("error", () => socket.destroy()); // "close" follows and says the same
  socket.on("close", () => {
    for (const answer of [...pending.values()]) answer(undefined);
    events.onClose();
  });
  return {
    request: (request) =>
      new Promise((resolve) => {
        if (!socket.writable || pending.size >= pendingCountMax) {
          resolve(undefined);
          return;
        }
        lastId += 1;
        const id = lastId;
        const finish: PendingAnswer = (answer) => {
          clearTimeout(timer);
          pending.delete(id);
          resolve(answer);
        };
        const timer = setTimeout(() => {
          finish(undefined);
          socket.destroy();
        }, answerTimeoutMs);
        pending.set(id, finish);
        socket.write(`${JSON.stringify({ id, ...request })}\n`);
      }),
    close: () => socket.destroy(),
  };
}
