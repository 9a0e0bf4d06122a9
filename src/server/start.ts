/** Starts a control-plane server on an open store, and stops it in order. */
import type { AddressInfo } from "node:net";
import * as z from "zod";
import { assert } from "../core/assert.ts";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Store } from "../ports/store.ts";
import { type ElectionOptions, runElection } from "../runtime/election.ts";
import { runManager } from "../runtime/manager-loop.ts";
import { problemOf } from "../wire/errors.ts";
import type { SettingsInput } from "../wire/settings.ts";
import { createInstructionHub } from "./agents/instruction-hub.ts";
import { createLogRelay } from "./agents/log-relay.ts";
import type { ServerContext } from "./context.ts";
import { prepareDirectory, readServerId, removeServerInfo, writeServerInfo } from "./files.ts";
import { prepareCluster } from "./first-start.ts";
import { type App, createApp } from "./http/app.ts";
import { ProblemError } from "./http/problem-error.ts";
import { requireRole } from "./http/scopes.ts";
import { createStreamSet } from "./http/sse.ts";
import { agentRoutes } from "./routes/agent-routes.ts";
import { armingRoutes } from "./routes/arming-routes.ts";
import { clusterRoutes } from "./routes/cluster-routes.ts";
import { eventRoutes } from "./routes/events-routes.ts";
import { groupRoutes } from "./routes/groups-routes.ts";
import { logRoutes } from "./routes/logs-routes.ts";
import { nodeRoutes } from "./routes/nodes-routes.ts";
import { ruleRoutes } from "./routes/rules-routes.ts";
import { serviceRoutes } from "./routes/services-routes.ts";
import { settingsRoutes } from "./routes/settings-routes.ts";
import { tokenRoutes } from "./routes/tokens-routes.ts";
import { openClusterView, type RunningView } from "./view/cluster-view.ts";

export interface ServerOptions {
  /** Open; the server does not close it. */
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** For the server's own files; made if it is not there. */
  readonly dataDirectory: string;
  /** Port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Default: the one kept in the data directory since the first start. */
  readonly serverId?: string | undefined;
  readonly version: string;
  /** Settings of a cluster that has none yet. */
  readonly initialSettings?: SettingsInput | undefined;
  /** `checked`: every answer is compared with its schema, for tests. Default `trusted`. */
  readonly answers?: "trusted" | "checked" | undefined;
  /** Times of the election; default: the election's own. */
  readonly election?: Pick<ElectionOptions, "ttlMs" | "renewEveryMs"> | undefined;
}

export interface RunningServer {
  readonly url: string;
  readonly serverId: string;
  /** Stops accepting, ends streams, steps down as manager. Idempotent. The store stays open. */
  close(): Promise<void>;
  /** Resolves when it was closed; rejects when it stopped by itself: its store ended, or a bug. */
  readonly closed: Promise<void>;
}

/** Starts a server. The error is one line for the operator. */
export async function startServer(options: ServerOptions): Promise<Result<RunningServer, string>> {
  const { dataDirectory, clock, log, store } = options;
  const directory = await prepareDirectory(dataDirectory);
  if (!directory.ok) return directory;
  const kept = await readServerId(dataDirectory);
  if (!kept.ok) return kept;
  const serverId = options.serverId ?? kept.value;
  const prepared = await prepareCluster(options);
  if (!prepared.ok) return prepared;
  const stop = new AbortController();
  const running = await openClusterView({ store, clock, log, signal: stop.signal });
  if (!running.ok) {
    stop.abort();
    return err(running.error.message);
  }
  const context = contextOf(options, serverId, running.value);
  const app = await createApp(context);
  addRoutes(app, context);
  const listening = await listen(app, options);
  if (!listening.ok) {
    stop.abort();
    await app.close();
    return listening;
  }
  const url = listening.value;
  const told = await writeServerInfo(dataDirectory, { url, pid: process.pid });
  if (!told.ok) log.write("warn", told.error);
  return ok(run(options, { context, app, url, stop, viewDone: running.value.done }));
}

function contextOf(options: ServerOptions, serverId: string, running: RunningView): ServerContext {
  const { store, clock, log, version, answers = "trusted" } = options;
  const { view } = running;
  const instructions = createInstructionHub(view);
  return {
    store,
    clock,
    log: log.with({ component: "server" }),
    view,
    serverId,
    version,
    streams: createStreamSet(),
    instructions,
    logs: createLogRelay(clock, instructions),
    answers,
  };
}

function addRoutes(app: App, context: ServerContext): void {
  openRoutes(app, context);
  app.register(async (scope) => {
    const people = scope as App; // `register` hands over the same app, without its types
    requireRole(people, context, "admin");
    clusterRoutes(people, context);
    settingsRoutes(people, context);
    armingRoutes(people, context);
    nodeRoutes(people, context);
    groupRoutes(people, context);
    ruleRoutes(people, context);
    serviceRoutes(people, context);
    logRoutes(people, context);
    eventRoutes(people, context);
    tokenRoutes(people, context);
  });
  app.register(async (scope) => {
    const agents = scope as App; // as above
    requireRole(agents, context, "agent");
    agentRoutes(agents, context);
  });
}

/** What needs no token. */
function openRoutes(app: App, context: ServerContext): void {
  app.register(async (scope) => {
    const open = scope as App; // as above
    const alive = z.object({ status: z.literal("ok") });
    // Load balancers like to ask with HEAD.
    const options = { exposeHeadRoute: true, schema: { response: { 200: alive }, security: [] } };
    open.get("/livez", options, () => ({ status: "ok" as const }));
    open.get("/readyz", options, () => {
      if (context.view.connected) return { status: "ok" as const };
      throw new ProblemError(problemOf("unavailable", "this server is cut off from its store"));
    });
    open.get("/openapi.json", { schema: { security: [] } }, () => app.swagger());
  });
}

async function listen(app: App, options: ServerOptions): Promise<Result<string, string>> {
  const { host, port } = options.listen;
  try {
    await app.listen({ host, port });
  } catch (error: unknown) {
    return err(`cannot listen on ${host} port ${port}: ${sentenceOfSystemError(error)}`);
  }
  const address = app.server.address();
  assert(isAddressInfo(address), "a TCP server has an address and a port");
  return ok(`http://${reachable(address)}:${address.port}`);
}

/** The address as a caller on this machine writes it; "all addresses" is none to call. */
function reachable({ address, family }: AddressInfo): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  if (address === "::") return "[::1]";
  return family === "IPv6" ? `[${address}]` : address;
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}

interface Parts {
  readonly context: ServerContext;
  readonly app: App;
  readonly url: string;
  readonly stop: AbortController;
  readonly viewDone: RunningView["done"];
}

function run(options: ServerOptions, parts: Parts): RunningServer {
  const { store, clock, dataDirectory } = options;
  const { context, app, url, stop } = parts;
  const { serverId } = context;
  const resign = new AbortController();
  const managerLog = options.log.with({ component: "manager" });
  const election = runElection({
    ...options.election,
    store,
    clock,
    serverId,
    log: managerLog,
    signal: resign.signal,
    lead: (term) => runManager({ store, clock, log: managerLog, term }),
  });
  let closing: Promise<void> | undefined;
  // In this order: nobody new comes in, those inside are sent out, the office is free, the view ends.
  const shutDown = async () => {
    context.streams.closeAll();
    context.logs.closeAll();
    await app.close();
    resign.abort();
    // A bug in the manager is told by `closed`; here it only must not keep the rest open.
    await Promise.allSettled([election]);
    stop.abort();
    await parts.viewDone;
    await removeServerInfo(dataDirectory);
  };
  const close = () => {
    closing ??= shutDown();
    return closing;
  };
  const closed = Promise.all([
    election,
    parts.viewDone.then((end) => {
      if (!end.ok && closing === undefined) throw new Error(end.error.message);
    }),
  ]).then(async () => {
    await closing;
  });
  // Whoever waits for `closed` hears of it; without anybody it must not end the process a second time.
  closed.catch(() => undefined);
  return { url, serverId, close, closed };
}
