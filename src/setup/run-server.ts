/**
 * Runs this machine's server until it is told to end: opens the engine that holds the truth, serves, and begins again
 * where the engine was changed under it.
 */
import { swapCertificate } from "../adapters/certificates/hot-swap.ts";
import { openPkiDirectory } from "../adapters/certificates/pki-directory.ts";
import { isStatementOf } from "../adapters/certificates/statement.ts";
import { programMigrations } from "../core/migrations/program.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { PkiDirectory } from "../ports/certificates.ts";
import { untilSchema, type WaitingContext } from "../server/schema/until-schema.ts";
import { type RunningServer, startServer } from "../server/start.ts";
import { schemaActs } from "../server/upgrade/waiting/acts.ts";
import { runWaitingCarrier } from "../server/upgrade/waiting/carrier.ts";
import { openCredentials, type ServerCredentials } from "./engine/credentials.ts";
import { type OpenEngine, openEngine } from "./engine/open-engine.ts";
import { applyFirstPlan } from "./first-plan.ts";
import { type EnteredEngine, enterCluster } from "./join/enter.ts";
import { openLocalControlPlane } from "./local-control-plane.ts";
import { createMover, type Mover } from "./move/mover.ts";
import { listenHostsOf } from "./place/machine.ts";
import { completeRecovery } from "./recover/recovery-switch.ts";
import { readServerSecrets } from "./restore/server-secrets.ts";
import type { RunServerOptions } from "./run-options.ts";
import { saveBeforeMigration } from "./save-before-migration.ts";
import { renewEndedPairs } from "./server-certificates.ts";
import { readEngine, type ServerPlaces, type StoreEngine, serverPlaces } from "./server-files.ts";
import { runSideTasks } from "./side-tasks.ts";
import { followServerOrders, type OrderFollower } from "./upgrade/follow-orders.ts";
import { createTrialProgress, isOnTrial, wasGivenUp } from "./upgrade/trial.ts";

interface Parts {
  readonly options: RunServerOptions;
  readonly places: ServerPlaces;
  readonly pki: PkiDirectory;
  readonly credentials: ServerCredentials;
}

/** Why one round of serving ended. */
type RoundEnd =
  | { readonly kind: "asked" }
  /** The launcher is to start another version. */
  | { readonly kind: "handed-over" }
  | { readonly kind: "moved"; readonly engine: OpenEngine };

/** Resolves when it was told to end and has. The error is one line for the operator. */
export async function runInitialisedServer(
  options: RunServerOptions,
): Promise<Result<void, string>> {
  const places = serverPlaces(options.dataDirectory);
  const completed = await completeRecovery(places);
  if (!completed.ok) return completed;
  const pki = await openPkiDirectory(options.dataDirectory);
  if (!pki.ok) return pki;
  const { clock, log, certificateLifeMs: lifeMs } = options;
  await renewEndedPairs({ pki: pki.value, clock, lifeMs }, log);
  const credentials = await openCredentials(pki.value);
  if (!credentials.ok) return credentials;
  const stored = await readEngine(places);
  if (!stored.ok) return stored;
  if (stored.value === undefined) {
    return err(
      `${options.dataDirectory} is not initialised to its end; run holdfast server init again`,
    );
  }
  const parts: Parts = { options, places, pki: pki.value, credentials: credentials.value };
  return await serveUntilAsked(parts, stored.value);
}

async function serveUntilAsked(parts: Parts, stored: StoreEngine): Promise<Result<void, string>> {
  const opened = await open(parts, stored);
  if (!opened.ok) return parts.options.signal.aborted ? ok(undefined) : opened;
  let { engine } = opened.value;
  let entering: Entering | undefined = opened.value;
  for (;;) {
    const end = await serve(parts, engine, entering);
    entering = undefined;
    await engine.close();
    if (!end.ok) return end;
    if (end.value.kind !== "moved") return ok(undefined);
    engine = end.value.engine;
  }
}

/** What is to be done once the server is registered, or is not. */
type Entering = Pick<EnteredEngine, "registered" | "givenUp">;

const notEntering: Entering = {
  registered: () => Promise.resolve(ok(undefined)),
  givenUp: () => Promise.resolve(),
};

async function open(parts: Parts, stored: StoreEngine): Promise<Result<EnteredEngine, string>> {
  const options = engineOptionsOf(parts);
  if (stored.engine === "etcd" && stored.joining) {
    const { version, migrations = programMigrations } = parts.options;
    return await enterCluster(stored, { ...options, program: { version, migrations } });
  }
  const engine = await openEngine(stored, options);
  return engine.ok ? ok({ engine: engine.value, ...notEntering }) : engine;
}

function engineOptionsOf({
  options,
  places,
  credentials,
}: Parts): Parameters<typeof openEngine>[1] {
  const { identity, clock, log, signal } = options;
  return { places, identity, credentials, clock, log, signal };
}

async function serve(
  parts: Parts,
  engine: OpenEngine,
  entering: Entering = notEntering,
): Promise<Result<RoundEnd, string>> {
  const ready = await waitForSchema(parts, engine);
  if (!ready.ok) {
    await entering.givenUp("failed");
    return ready;
  }
  if (ready.value !== "ready") {
    await entering.givenUp("ended");
    return ok({ kind: ready.value });
  }
  const mover = createMover(engine, engineOptionsOf(parts));
  const server = await start(parts, engine, mover);
  if (!server.ok) {
    const isAsked = parts.options.signal.aborted;
    await entering.givenUp(isAsked ? "ended" : "failed");
    return isAsked ? ok({ kind: "asked" }) : server;
  }
  const registered = await entering.registered();
  const { log, identity } = parts.options;
  if (registered.ok) log.write("info", `server ${identity.id} listens on ${server.value.url}`);
  const end = registered.ok
    ? await serveUntilEnd(parts, engine, { mover, server: server.value })
    : registered;
  await mover.end();
  // Others decide from now on, while those that are inside here are still served.
  const isReplaced = end.ok && end.value.kind === "handed-over";
  if (isReplaced && engine.engine === "etcd") await server.value.stepDown();
  await server.value.close();
  return end;
}

/** Nothing is written before the store has the shape that this program writes. */
async function waitForSchema(
  parts: Parts,
  { store, ended }: OpenEngine,
): Promise<Result<"ready" | "asked" | "handed-over", string>> {
  const { options, credentials } = parts;
  const place = { ...options, launcher: options.launcher ?? (() => "none" as const) };
  return await untilSchema({
    ...options,
    store,
    storeEnded: ended,
    serverId: options.identity.id,
    saveBefore: saveBeforeMigration({ ...options, serverId: options.identity.id }),
    wasGivenUp: (upgrade) => wasGivenUp(options.dataDirectory, upgrade),
    isOnTrial: () => isOnTrial(place),
    onProgress: createTrialProgress(place),
    listen: listenOf(options),
    tls: credentials.api(),
    whileWaiting: (context) => {
      const { handOver, ended: ordersEnded } = followWhileWaiting(parts, context);
      const carried = carryWhileWaiting(parts, context);
      const all = Promise.all([ordersEnded, carried, options.whileWaiting?.(context)]);
      return { handOver, ended: all.then(() => undefined) };
    },
  });
}

/** A server on trial proves itself by waiting for the schema that it was promised; it can also be told to go back. */
function followWhileWaiting(
  { options, credentials }: Parts,
  { store, schema, signal }: WaitingContext,
): OrderFollower {
  const { identity, clock, log, dataDirectory, version, launcher = () => "none" } = options;
  return followServerOrders({
    ...{ store, clock, log, dataDirectory, version, launcher, signal },
    serverId: identity.id,
    isSigned: (statement, signature) =>
      isStatementOf(credentials.api().authorityPem, statement, signature),
    packages: undefined,
    health: () => Promise.resolve(err(`it waits for schema ${schema} of the store`)),
    waitsForSchema: schema,
  });
}

/** Whoever of those that wait is elected brings the store to the schema that they wait for. */
function carryWhileWaiting({ options }: Parts, { store, signal }: WaitingContext): Promise<void> {
  const { clock, log, identity, version, migrations, check } = options;
  const common = { store, clock, serverId: identity.id };
  const acts = schemaActs({ ...common, version, migrations, check });
  return runWaitingCarrier({ ...common, log, acts, signal });
}

function listenOf({ listen, identity }: RunServerOptions): NonNullable<RunServerOptions["listen"]> {
  return listen ?? { host: listenHostsOf(identity.host).api, port: identity.port };
}

async function start(
  { options, credentials, pki }: Parts,
  engine: OpenEngine,
  mover: Mover,
): Promise<Result<RunningServer, string>> {
  const { identity, clock, log } = options;
  const { store } = engine;
  const planned = await applyFirstPlan(store, options.dataDirectory);
  if (!planned.ok) return planned;
  const controlPlane = await openLocalControlPlane({
    identity,
    pki,
    clock,
    lifeMs: options.certificateLifeMs,
    engine: engine.engine,
    hasMember: engine.hasMember,
    serials: credentials.serials,
    memberStatus: engine.memberStatus,
    memberUrls: engine.memberUrls,
    tls: credentials.api,
    foreignEtcd: engine.foreign,
    move: mover,
  });
  if (!controlPlane.ok) return controlPlane;
  return await startServer({
    store,
    clock,
    log,
    dataDirectory: options.dataDirectory,
    listen: listenOf(options),
    serverId: identity.id,
    version: options.version,
    migrations: options.migrations,
    check: options.check,
    ownConfig: options.ownConfig,
    office: options.office,
    launcher: options.launcher ?? (() => "none"),
    initialSettings: options.initialSettings,
    facades: options.facades,
    secrets: () => readServerSecrets(options.dataDirectory),
    signal: options.signal,
    storeEnded: engine.ended,
    controlPlane: {
      controlPlane: controlPlane.value,
      tls: credentials.api(),
      admin: engine.admin,
      swapCertificate,
    },
  });
}

interface Serving {
  readonly mover: Mover;
  readonly server: RunningServer;
}

async function serveUntilEnd(
  parts: Parts,
  engine: OpenEngine,
  { mover, server }: Serving,
): Promise<Result<RoundEnd, string>> {
  const { signal } = parts.options;
  const stop = new AbortController();
  const tasks = runSideTasks({ ...parts, engine, server, signal: stop.signal });
  const orders = followOrders(parts, engine, { mover, server, signal: stop.signal });
  const asked = Promise.withResolvers<RoundEnd>();
  const onAsked = (): void => asked.resolve({ kind: "asked" });
  signal.addEventListener("abort", onAsked, { once: true });
  if (signal.aborted) onAsked();
  try {
    return await Promise.race([
      asked.promise.then(ok),
      orders.handOver.then(() => ok({ kind: "handed-over" as const })),
      mover.moved.then((next) => ok({ kind: "moved" as const, engine: next })),
      engine.ended.then((why) => err(why ?? "the store was closed")),
      server.closed.then(() => err("the server ended by itself")),
      tasks.failed,
    ]);
  } catch (error: unknown) {
    return err(error instanceof Error ? error.message : String(error));
  } finally {
    signal.removeEventListener("abort", onAsked);
    stop.abort();
    await tasks.ended;
    await orders.ended;
  }
}

/** What the cluster wants of this server's own program. */
function followOrders(
  { options, credentials }: Parts,
  { store }: OpenEngine,
  { mover, server, signal }: Serving & { readonly signal: AbortSignal },
): OrderFollower {
  const { identity, clock, log, dataDirectory, version, launcher = () => "none" } = options;
  return followServerOrders({
    ...{ store, clock, log, dataDirectory, version, launcher, signal },
    serverId: identity.id,
    isSigned: (statement, signature) =>
      isStatementOf(credentials.api().authorityPem, statement, signature),
    packages: server.packages,
    health: server.health,
    busy: () => (mover.status().state === "going-on" ? "its store is being moved" : undefined),
  });
}
