/**
 * The guard's process: `guard DATA-DIRECTORY`. It shares no event loop, heap or disk with the agent that feeds
 * it, takes no signal while it guards, and ends by itself when there is nothing left to guard.
 */
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "../../ports/log.ts";
import type { Watchdog } from "../../ports/watchdog.ts";
import { createKeeper, type Keeper } from "./keeper.ts";
import { holdLifeline } from "./lifeline.ts";
import { createLineReader } from "./line-reader.ts";
import { startTicksOf } from "./process-table.ts";
import { type GuardMessage, lineBytesMax, parseRequest } from "./protocol.ts";

/** Longest path that a unix socket's address has room for. */
const socketPathBytesMax = 100;
/** How long a supervisor may take to start a lost agent again before its workloads are killed. */
const graceMs = 400;
/** A guard that no agent has connected to for so long ends. */
const unusedMsMax = 60_000;

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** In the data directory where its path is short enough, else in a private directory for temporary files. */
function socketPathFor(dataDirectory: string): string {
  const path = join(dataDirectory, "guard.sock");
  if (Buffer.byteLength(path) <= socketPathBytesMax) return path;
  return join(mkdtempSync(join(tmpdir(), "holdfast-guard-")), "guard.sock");
}

/** Only here is the code for a kernel watchdog loaded: most nodes have none, and a guard has to stay small. */
async function openDevice(path: string, tell: Tell): Promise<Watchdog | undefined> {
  const { openDeviceWatchdog } = await import("../../adapters/watchdogs/device.ts");
  const log: Log = {
    write: (_level, sentence) => tell({ kind: "log", sentence }),
    with: () => log,
  };
  const opened = await openDeviceWatchdog({ path, log, now: monotonicMs });
  if (opened.ok) return opened.value;
  tell({ kind: "log", sentence: opened.error });
  return undefined;
}

/** After the kill only: until then the guard waits for no disk. */
async function dropLease(dataDirectory: string, epoch: number): Promise<boolean> {
  const path = join(dataDirectory, "lease.json");
  try {
    const lease: unknown = JSON.parse(await readFile(path, "utf8"));
    const isNewer =
      typeof lease === "object" &&
      lease !== null &&
      "epoch" in lease &&
      typeof lease.epoch === "number" &&
      lease.epoch > epoch;
    if (!isNewer) await rm(path, { force: true });
    return true;
  } catch (error: unknown) {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
  }
}

type Tell = (message: GuardMessage) => void;

/** Serves one agent at a time: a second one is told that the guard is busy. `onFirst`: one is there at last. */
function serveAgents(server: Server, keeper: Keeper, onFirst: () => void): Tell {
  let current: Socket | undefined;
  let isFirst = true;
  const tell = (socket: Socket | undefined, message: GuardMessage): void => {
    if (socket?.writable) socket.write(`${JSON.stringify(message)}\n`);
  };
  server.on("connection", (socket) => {
    socket.setEncoding("utf8");
    const answerLine = (line: string): void => {
      const parsed = parseRequest(line);
      if (parsed === undefined) {
        socket.destroy();
        return;
      }
      const { id, request } = parsed;
      if (request.kind === "hello" && current === undefined) {
        current = socket;
        if (isFirst) onFirst();
        isFirst = false;
        keeper.onAgent();
      }
      if (current !== socket) {
        tell(socket, { kind: "answer", id, answer: "busy" });
        return;
      }
      const status = request.kind === "hello" ? keeper.status() : undefined;
      tell(socket, { kind: "answer", id, answer: keeper.handle(request), status });
    };
    const read = createLineReader(lineBytesMax, answerLine);
    socket.on("data", (chunk: string) => {
      if (!read(chunk)) socket.destroy();
    });
    socket.on("error", () => socket.destroy()); // "close" follows and says the same
    socket.on("close", () => {
      if (current !== socket) return;
      current = undefined;
      keeper.onAgentGone();
    });
  });
  return (message) => tell(current, message);
}

function run(dataDirectory: string): void {
  const agentId = readFileSync(join(dataDirectory, "agent-id"), "utf8").trim();
  const socketPath = socketPathFor(dataDirectory);
  const notePath = join(dataDirectory, "guard.json");
  rmSync(socketPath, { force: true });
  const server = createServer();
  let tell: Tell = () => undefined;
  const keeper = createKeeper({
    agentId,
    now: monotonicMs,
    graceMs,
    openDevice: (path) => openDevice(path, (message) => tell(message)),
    dropLease: (epoch) => dropLease(dataDirectory, epoch),
    onFired: (epoch) => tell({ kind: "fired", epoch }),
    onIdle: () => process.exit(0),
  });
  // Not before an agent is there: a guard that knows of nothing must not keep alive what an agent that died as it
  // was starting it has left.
  tell = serveAgents(server, keeper, () => holdLifeline(dataDirectory));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE"] as const) {
    process.on(signal, () => undefined); // a guard ends when it has nothing to guard, and not before
  }
  setTimeout(() => {
    server.getConnections((_error, count) => {
      if (keeper.status().epoch === 0 && count === 0) process.exit(0); // nobody ever needed it
    });
  }, unusedMsMax);
  process.umask(0o077);
  server.listen(socketPath, () => {
    chmodSync(socketPath, 0o600);
    const note = { pid: process.pid, startTicks: startTicksOf(process.pid), socketPath };
    writeFileSync(`${notePath}.new`, JSON.stringify(note), { mode: 0o600 });
    renameSync(`${notePath}.new`, notePath);
  });
}

const dataDirectory = process.argv[2];
if (dataDirectory === undefined) {
  process.stderr.write("usage: guard DATA-DIRECTORY\n");
  process.exit(2);
}
run(dataDirectory);
