/**
 * The composition root: the one place where real parts are picked. Each role is loaded when it is asked for, so
 * that `holdfast status` does not load the server and an agent does not load what only a server needs.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { FlushableLog } from "./adapters/log/pino-log.ts";
import { programVersion } from "./cli/commands/version.ts";
import { done, type ExitCode, fail, type Outcome } from "./cli/failure.ts";
import { type CliIo, defaultPlaces } from "./cli/io.ts";
import type { AgentRunOptions, LogOptions, Roles, ServerRunOptions } from "./cli/roles.ts";
import { runCli } from "./cli/run-cli.ts";

const interruption = new AbortController();
const endSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The first signal asks for an orderly end, the second one ends the process at once. */
function onEndSignal(): void {
  if (interruption.signal.aborted) process.exit(130);
  interruption.abort();
}

const io: CliIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  places: defaultPlaces(process.env),
  signal: interruption.signal,
  ask,
  readStandardInput: () => text(process.stdin),
  nowMs: () => Date.now(),
};

const roles: Roles = {
  runServer,
  runAgent,
  runDemo: async (options) => {
    for (const signal of endSignals) process.off(signal, onEndSignal); // the demo has its own
    const { runDemo } = await import("./demo/run-demo.ts");
    const code = await runDemo({ ...options, mainPath: fileURLToPath(import.meta.url) });
    return { ok: true, value: code };
  },
  orderDemo: async (order) => {
    const { giveOrder } = await import("./demo/control.ts");
    const answer = await giveOrder(order);
    if (answer.kind === "failed") return fail(1, answer.sentence);
    process.stdout.write(`${answer.sentence}\n`);
    return done;
  },
};

async function ask(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question, { signal: interruption.signal });
  } catch {
    return "no"; // interrupted: that is no confirmation
  } finally {
    terminal.close();
  }
}

async function openLog(component: string, options: LogOptions): Promise<FlushableLog> {
  const { createPinoLog } = await import("./adapters/log/pino-log.ts");
  return createPinoLog({ component, ...options });
}

async function runServer(options: ServerRunOptions): Promise<Outcome> {
  const [{ systemClock: clock }, { openSqliteStore }, { checkPlace }, { startServer }] =
    await Promise.all([
      import("./adapters/clock/system-clock.ts"),
      import("./stores/sqlite/sqlite-store.ts"),
      import("./server/preflight.ts"),
      import("./server/start.ts"),
    ]);
  const { dataDirectory, host, port, profile } = options;
  const place = await checkPlace({ dataDirectory, listen: { host, port } });
  if (!place.ok) return fail(1, place.error.what, place.error.hint);
  const store = await openSqliteStore({ file: join(dataDirectory, "store.sqlite"), clock });
  if (!store.ok) return fail(1, store.error.message);
  const log = await openLog("server", options.log);
  const server = await startServer({
    store: store.value,
    clock,
    log,
    dataDirectory,
    listen: { host, port },
    version: programVersion,
    initialSettings: profile === undefined ? undefined : { profile },
  });
  if (!server.ok) {
    await store.value.close();
    log.flush();
    return fail(1, server.error);
  }
  log.write("info", `listens on ${server.value.url}`, { server: server.value.serverId });
  const end = await endOf(server.value.closed.then(() => undefined));
  await server.value.close();
  await store.value.close();
  log.flush();
  return end;
}

async function runAgent(options: AgentRunOptions): Promise<Outcome> {
  const [
    { systemClock: clock },
    { createSystemdWatchdog },
    { createProcessDriver },
    { startAgent },
  ] = await Promise.all([
    import("./adapters/clock/system-clock.ts"),
    import("./adapters/watchdogs/systemd.ts"),
    import("./adapters/workloads/process/process-driver.ts"),
    import("./agent/start.ts"),
  ]);
  const { dataDirectory, servers, token, properties, watchdogDevice } = options;
  const log = await openLog("agent", options.log);
  const systemd = createSystemdWatchdog({ environment: process.env, log, now: clock.monotonicMs });
  const agent = await startAgent({
    dataDirectory,
    servers,
    token,
    properties,
    watchdogs: systemd.ok ? [systemd.value] : [],
    watchdogPath: watchdogDevice,
    signal: io.signal,
    clock,
    log,
    version: programVersion,
    guardCommand: [process.execPath, ...process.execArgv, guardPath()],
    drivers: (listener) => [
      createProcessDriver({
        dataDirectory,
        clock,
        log: log.with({ component: "process" }),
        listener,
        containment: options.isolation,
      }),
    ],
  });
  if (!agent.ok) {
    log.flush();
    return io.signal.aborted ? done : fail(1, agent.error);
  }
  log.write("info", `is the agent of node ${agent.value.node}`, { servers });
  const end = await endOf(agent.value.closed);
  const mode = options.onExit === "stop" ? "stop-all" : "leave-running";
  log.write("info", endWords[mode]);
  await agent.value.close(mode);
  log.flush();
  return end;
}

const endWords = {
  "stop-all": "ends: stops its workloads and releases its lease",
  "leave-running":
    "ends: its workloads run on until an agent takes them over or the lease's deadline",
} as const;

/** Bundled beside this file, or the source beside this source. */
function guardPath(): string {
  const bundled = fileURLToPath(new URL("guard.js", import.meta.url));
  return existsSync(bundled)
    ? bundled
    : fileURLToPath(new URL("agent/guard/main.ts", import.meta.url));
}

/** Waits for a signal, or for the role's own end, which is a failure when it was not asked for. */
async function endOf(closed: Promise<string | undefined>): Promise<Outcome> {
  const asked = new Promise<"asked">((resolve) => {
    const tell = (): void => resolve("asked");
    if (io.signal.aborted) tell();
    else io.signal.addEventListener("abort", tell, { once: true });
  });
  try {
    const first = await Promise.race([asked, closed.then((why) => ({ why }))]);
    if (first === "asked") return done;
    return fail(1, first.why ?? "it ended by itself", "its log says more");
  } catch (error: unknown) {
    return fail(1, error instanceof Error ? error.message : String(error), "its log says more");
  }
}

/** A bug ends the process: one line for a person, the stack for who asks for it. */
function endOfBug(error: unknown): ExitCode {
  const message = error instanceof Error ? error.message : String(error);
  const { HOLDFAST_DEBUG: debug } = process.env;
  process.stderr.write(
    `holdfast: this is a bug in Holdfast: ${message}; HOLDFAST_DEBUG=1 shows where, please report it\n`,
  );
  if (debug !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return 1;
}

for (const signal of endSignals) process.on(signal, onEndSignal);
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0); // whoever read the output has enough of it
  });
}
process.exit(await runCli(process.argv.slice(2), io, roles).catch(endOfBug));
