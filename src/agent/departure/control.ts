/**
 * How `holdfast agent leave` reaches the agent of this machine: a socket in the agent's data directory (mode 0600),
 * one line of request, and one line of answer when the agent has left.
 */
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { type LeavingKind, leavingKinds } from "../../core/model/node.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { LeaveOutcome } from "../options.ts";

export interface ControlAnswer {
  readonly outcome: LeaveOutcome;
  /** For people. */
  readonly sentence: string;
}

export interface Control {
  /** Listens no more, and leaves the place to the next agent. Who asked before is answered still. */
  leavePlace(): void;
  /** Gives those who asked time to hear the answer. */
  close(): Promise<void>;
}

const socketName = "agent.sock";
const lineBytesMax = 1_000;
const connectionsMax = 8;
const requestWithinMs = 5_000;
const hearWithinMs = 1_000;

/** Listens; `leave` is called for each request, and answered to whoever sent it. */
export function openControl(
  dataDirectory: string,
  leave: (kind: LeavingKind) => Promise<ControlAnswer>,
): Promise<Result<Control, string>> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    serve(socket, leave);
  });
  server.maxConnections = connectionsMax;
  return listen(server, dataDirectory).then((listening) => {
    if (!listening.ok) return listening;
    return ok({
      leavePlace() {
        if (server.listening) server.close(); // which deletes the socket
      },
      async close() {
        this.leavePlace();
        await Promise.all([...open].map(untilHeard));
        listening.value();
      },
    });
  });
}

/** Asks the agent of a data directory to leave; resolves when it has, or with why it was not asked. */
export async function askToLeave(
  dataDirectory: string,
  request: { readonly kind: LeavingKind; readonly signal: AbortSignal },
): Promise<Result<ControlAnswer, string>> {
  const place = openPlace(dataDirectory);
  if (!place.ok) return err(`no agent runs on ${dataDirectory}: ${place.error}`);
  const socket = createConnection(place.value.path);
  const giveUp = (): void => void socket.destroy();
  request.signal.addEventListener("abort", giveUp, { once: true });
  try {
    const line = await exchange(socket, request.kind);
    if (!line.ok) return err(`the agent of ${dataDirectory} cannot be asked: ${line.error}`);
    return parseAnswer(line.value);
  } finally {
    request.signal.removeEventListener("abort", giveUp);
    socket.destroy();
    place.value.close();
  }
}

/** A path that is short enough for a unix socket however long the directory's own is. */
function openPlace(
  dataDirectory: string,
): Result<{ readonly path: string; readonly close: () => void }, string> {
  try {
    const directory = openSync(dataDirectory, constants.O_RDONLY | constants.O_DIRECTORY);
    const path = `/proc/self/fd/${directory}/${socketName}`;
    return ok({ path, close: () => closeSync(directory) });
  } catch (error: unknown) {
    return err(sentenceOfSystemError(error));
  }
}

/** Nobody but the agent's user ever gets at the socket: it is made with its mode. */
async function listen(server: Server, dataDirectory: string): Promise<Result<() => void, string>> {
  const place = openPlace(dataDirectory);
  if (!place.ok) return place;
  rmSync(join(dataDirectory, socketName), { force: true });
  const listening = Promise.withResolvers<Result<() => void, string>>();
  server.once("error", (error) => {
    place.value.close();
    listening.resolve(err(`cannot open ${socketName}: ${sentenceOfSystemError(error)}`));
  });
  server.once("listening", () => listening.resolve(ok(place.value.close)));
  const before = process.umask(0o177);
  server.listen(place.value.path); // the socket is made before this returns
  process.umask(before);
  server.unref();
  return listening.promise;
}

function serve(socket: Socket, leave: (kind: LeavingKind) => Promise<ControlAnswer>): void {
  let received = "";
  let isAsked = false;
  const timer = setTimeout(() => socket.destroy(), requestWithinMs);
  socket.on("error", () => socket.destroy());
  socket.on("close", () => clearTimeout(timer));
  socket.setEncoding("utf8").on("data", (text: string) => {
    received += text;
    if (received.length > lineBytesMax) socket.destroy();
    if (isAsked || !received.endsWith("\n")) return;
    isAsked = true;
    clearTimeout(timer);
    const kind = leavingKinds.find((each) => `leave ${each}\n` === received);
    if (kind === undefined) socket.destroy();
    else void leave(kind).then((answer) => socket.end(`${JSON.stringify(answer)}\n`));
  });
}

function untilHeard(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), hearWithinMs);
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function exchange(socket: Socket, kind: LeavingKind): Promise<Result<string, string>> {
  return new Promise((resolve) => {
    let received = "";
    let why = "it ended without a word";
    socket.setEncoding("utf8");
    socket.on("error", (error) => {
      const isNobody = /ENOENT|ECONNREFUSED/.test(error.message);
      why = isNobody ? "none runs there" : sentenceOfSystemError(error);
    });
    socket.on("close", () => resolve(received.endsWith("\n") ? ok(received) : err(why)));
    socket.on("data", (text: string) => {
      received += text;
      if (received.length > lineBytesMax) socket.destroy();
    });
    socket.write(`leave ${kind}\n`);
  });
}

const outcomes: readonly LeaveOutcome[] = ["stopped", "released", "detached", "late"];

function parseAnswer(line: string): Result<ControlAnswer, string> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && "outcome" in value && "sentence" in value) {
      const outcome = outcomes.find((each) => each === value.outcome);
      if (outcome !== undefined) return ok({ outcome, sentence: String(value.sentence) });
    }
  } catch {
    // not JSON: the same to the caller as any other answer that is none
  }
  return err("the agent's answer is none of this version's: end it with SIGTERM instead");
}
