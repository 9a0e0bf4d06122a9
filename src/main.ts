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
import type { RunningAgent } from "./agent/options.ts";
import { askSecret } from "./cli/ask-secret.ts";
import { processBytes } from "./cli/bytes.ts";
import { programVersion } from "./cli/commands/version.ts";
import { done, type ExitCode, fail, type Outcome } from "./cli/failure.ts";
import { type CliIo, defaultPlaces } from "./cli/io.ts";
import type {
  AgentLeaveOptions,
  AgentRunOptions,
  BalancerRunOptions,
  LogOptions,
  Roles,
  ServerRunOptions,
} from "./cli/roles.ts";
import { runCli } from "./cli/run-cli.ts";
import type { Capacity } from "./core/model/capacity.ts";
import {
  type Launched,
  type LauncherState,
  launchedBy,
  launcherStateOf,
} from "./launcher/launched.ts";
import { launcherVariable } from "./launcher/places.ts";
import type { Log } from "./ports/log.ts";

const interruption = new AbortController();
/** The one that asked for the end. */
let endSignal: NodeJS.Signals | undefined;
const endSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The first signal asks for an orderly end, the second one ends the process at once. */
function onEndSignal(name: NodeJS.Signals): void {
  if (interruption.signal.aborted) process.exit(130);
  endSignal = name;
  interruption.abort();
}

const io: CliIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  bytes: processBytes(process),
  environment: process.env,
  places: defaultPlaces(process.env),
  signal: interruption.signal,
  ask,
  askSecret: (question) => askSecret(question, process, interruption.signal),
  readStandardInput: () => text(process.stdin),
  nowMs: () => Date.now(),
};

const roles: Roles = {
  runServer,
  initServer: async (options) =>
    (await import("./roles/server-role.ts")).initServerRole(options, io),
  joinServer: async (options) => (await import("./roles/join-role.ts")).joinServerRole(options, io),
  joinNode: async (options) => (await import("./roles/join-role.ts")).joinNodeRole(options, io),
  recoverServer: async (options) =>
    (await import("./roles/recover-role.ts")).recoverServerRole(options, io),
  createBackup: async (options) =>
    (await import("./roles/backup-role.ts")).createBackupRole(options, io),
  restoreBackup: async (options) =>
    (await import("./roles/backup-role.ts")).restoreBackupRole(options, io),
  launchServer: (options) => launch("server", options),
  runAgent,
  launchAgent: (options) => launch("agent", options),
  leaveAgent,
  runBalancer,
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

/** A server that was never initialised speaks plain HTTP: to this machine alone, unless it is told otherwise. */
const plainListen = { host: "127.0.0.1", port: 7440 };

async function runServer(options: ServerRunOptions): Promise<Outcome> {
  const [{ systemClock: clock }, { openSqliteStore }, { checkPlace }, { startServer }] =
    await Promise.all([
      import("./adapters/clock/system-clock.ts"),
      import("./stores/sqlite/sqlite-store.ts"),
      import("./server/preflight.ts"),
      import("./server/start.ts"),
    ]);
  const { runServerOfDirectory } = await import("./roles/server-role.ts");
  const { readServerSecrets } = await import("./setup/restore/server-secrets.ts");
  const { saveBeforeMigration } = await import("./setup/save-before-migration.ts");
  const { openServerConfig } = await import("./roles/server-config.ts");
  const config = await openServerConfig(options);
  if (!config.ok) return fail(1, config.error);
  const openServerLog = async () => {
    const log = await openLog("server", config.value.log);
    config.value.follow(log);
    return log;
  };
  const initialised = await runServerOfDirectory(options, {
    openLog: openServerLog,
    ownConfig: config.value.own,
    launcher: launcherState,
    addressGuard: [process.execPath, ...process.execArgv, addressGuardPath()],
    signal: io.signal,
  });
  if (initialised !== undefined) return initialised;
  const { dataDirectory, profile, listen = plainListen } = options;
  const { host, port } = listen;
  const place = await checkPlace({ dataDirectory, listen: { host, port } });
  if (!place.ok) return fail(1, place.error.what, place.error.hint);
  const store = await openSqliteStore({ file: join(dataDirectory, "store.sqlite"), clock });
  if (!store.ok) return fail(1, store.error.message);
  const log = await openServerLog();
  const server = await startServer({
    store: store.value,
    clock,
    log,
    dataDirectory,
    listen: { host, port },
    version: programVersion,
    ownConfig: config.value.own,
    initialSettings: profile === undefined ? undefined : { profile },
    saveBefore: saveBeforeMigration({
      dataDirectory,
      clock,
      version: programVersion,
      serverId: "",
    }),
    facades: [(await import("./compat/exchange/facade.ts")).exchangeFacade],
    secrets: () => readServerSecrets(dataDirectory),
  });
  if (!server.ok) {
    await store.value.close();
    log.flush();
    return fail(1, server.error);
  }
  log.write("info", `listens on ${server.value.url}`, { server: server.value.serverId });
  const end = await endOf(server.value.closed.then(() => "it ended by itself"));
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
  const { openAgentCertificate } = await import("./roles/agent-certificate.ts");
  const certificate = await openAgentCertificate(dataDirectory, { clock, log });
  // A token is for nodes that have not joined: what a certificate says, nobody else can say.
  if (!certificate.ok && token === undefined) return certificate;
  const agent = await startAgent({
    dataDirectory,
    servers,
    token: certificate.ok ? undefined : token,
    certificate: certificate.ok ? certificate.value : undefined,
    properties,
    haGroup: options.haGroup,
    capacity: capacityOf(options),
    restartPatienceMs: options.restartPatienceMs,
    shutdownPatienceMs: options.shutdownPatienceMs,
    watchdogs: systemd.ok ? [systemd.value] : [],
    watchdogPath: watchdogDevice,
    signal: io.signal,
    clock,
    log,
    version: programVersion,
    launcher: launcherState,
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
  if (io.signal.aborted) await endAgent(agent.value, options, log);
  log.flush();
  return end;
}

/** What looks after this process, if it lives; undefined: the agent was started without. */
function launcher(): Launched | undefined {
  return launchedBy(process.env[launcherVariable], process.ppid);
}

function launcherState(): LauncherState {
  return launcherStateOf(process.env[launcherVariable], process.ppid);
}

async function launch(
  role: "agent" | "server",
  { dataDirectory }: { readonly dataDirectory: string },
): Promise<Outcome> {
  const { becomeLauncher } = await import("./roles/launch-role.ts");
  return becomeLauncher({ role, dataDirectory, main: import.meta.url });
}

/** It was told to end by a signal. */
async function endAgent(agent: RunningAgent, options: AgentRunOptions, log: Log): Promise<void> {
  const { createSystemdHost } = await import("./adapters/host/systemd-host.ts");
  const { env: environment } = process;
  // The launcher is what systemd started, if there is one.
  const started = launcher() ?? { pid: process.pid, parentPid: process.ppid };
  const host = createSystemdHost({ environment, ...started, log });
  // Only systemd sends SIGTERM for a reason that it can be asked for; whoever else sends it means the process.
  const kind = endSignal === "SIGTERM" ? await host.whyEnding() : undefined;
  if (kind === undefined || (kind === "agent-restart" && options.onExit === "stop")) {
    const mode = options.onExit === "stop" ? "stop-all" : "leave-running";
    log.write("info", endWords[mode]);
    await agent.close(mode);
  } else {
    log.write("info", `ends: systemd says that this is for a ${kind}`);
    const outcome = await agent.leave(kind);
    log.write(outcome === "late" ? "error" : "info", `its services: ${outcome}`);
  }
}

/** What was said about the node's size. */
function capacityOf({ cpuCores, memoryBytes }: AgentRunOptions): Partial<Capacity> {
  return {
    ...(cpuCores === undefined ? {} : { cpuCores }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  };
}

async function leaveAgent(options: AgentLeaveOptions): Promise<Outcome> {
  const { askToLeave } = await import("./agent/departure/control.ts");
  const answer = await askToLeave(options.dataDirectory, { ...options, signal: io.signal });
  if (!answer.ok) return fail(1, answer.error);
  const { outcome, sentence } = answer.value;
  if (outcome === "late") return fail(1, sentence, "look at its log");
  process.stdout.write(`${sentence}\n`);
  return done;
}

async function runBalancer(options: BalancerRunOptions): Promise<Outcome> {
  const [{ systemClock: clock }, { startBalancer }] = await Promise.all([
    import("./adapters/clock/system-clock.ts"),
    import("./balancer/start.ts"),
  ]);
  const log = await openLog("balancer", options.log);
  const balancer = await startBalancer({ ...options, clock, log });
  if (!balancer.ok) {
    log.flush();
    return fail(1, balancer.error);
  }
  log.write("info", `listens on ${balancer.value.address}`);
  const end = await endOf(new Promise<never>(() => undefined)); // it never ends by itself
  log.write("info", "ends: takes no more connections, and waits for those that there are");
  await balancer.value.close();
  log.flush();
  return end;
}

const endWords = {
  "stop-all": "ends: stops its workloads and releases its lease",
  "leave-running":
    "ends: its workloads run on until an agent takes them over or the lease's deadline",
} as const;

function addressGuardPath(): string {
  const bundled = fileURLToPath(new URL("address-guard.js", import.meta.url));
  const source = fileURLToPath(new URL("address-guard/main.ts", import.meta.url));
  return existsSync(bundled) ? bundled : source;
}

/** Bundled beside this file, or the source beside this source. */
function guardPath(): string {
  const bundled = fileURLToPath(new URL("guard.js", import.meta.url));
  return existsSync(bundled)
    ? bundled
    : fileURLToPath(new URL("agent/guard/main.ts", import.meta.url));
}

/** Waits for a signal, or for the role's own end, which is a failure when it says why. */
async function endOf(closed: Promise<string | undefined>): Promise<Outcome> {
  const asked = new Promise<"asked">((resolve) => {
    const tell = (): void => resolve("asked");
    if (io.signal.aborted) tell();
    else io.signal.addEventListener("abort", tell, { once: true });
  });
  try {
    const first = await Promise.race([asked, closed.then((why) => ({ why }))]);
    if (first === "asked" || first.why === undefined) return done;
    return fail(1, first.why, "its log says more");
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
