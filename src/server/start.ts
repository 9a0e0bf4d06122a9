/** Starts a control-plane server on an open store, and stops it in order. */
import type { AddressInfo } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { ServerSecrets } from "../backup/item.ts";
import { assert } from "../core/assert.ts";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { MemberAdmin } from "../ports/members.ts";
import type { LeaseId, Store } from "../ports/store.ts";
import { type ElectionOptions, runElection } from "../runtime/election.ts";
import type { SettingsInput } from "../wire/settings.ts";
import { addRoutes } from "./add-routes.ts";
import { createAgentRelays } from "./agents/agent-relays.ts";
import { createInstructionHub } from "./agents/instruction-hub.ts";
import { openBundles } from "./bundles/bundles.ts";
import type { BundleKeeper } from "./bundles/keeper.ts";
import { type PackageSource, packageSource } from "./bundles/package-source.ts";
import type { LauncherWord, ServerContext } from "./context.ts";
import type { ControlPlane } from "./control-plane/control-plane.ts";
import { keepPresence, openPresence } from "./control-plane/presence.ts";
import { ownMemberId, registerServer } from "./control-plane/registration.ts";
import { createServerReach, type ServerReach } from "./control-plane/server-reach.ts";
import { prepareDirectory, readServerId } from "./files.ts";
import { prepareCluster } from "./first-start.ts";
import { type App, createApp, type TlsCredentials } from "./http/app.ts";
import type { Facade } from "./http/facade.ts";
import { createStreamSet } from "./http/sse.ts";
import type { OfficeParts } from "./office/duties.ts";
import { dutiesOf, leadOffice } from "./office/lead-office.ts";
import type { OwnConfig } from "./own-config/own-config.ts";
import { type ToldConfig, tellConfig } from "./own-config/tell-config.ts";
import { ownHealth } from "./own-health.ts";
import { createReadiness } from "./readiness.ts";
import { openSchema, programOf, type SchemaOptions } from "./schema/open-schema.ts";
import { type ToldPlace, tellPlace } from "./tell-place.ts";
import { type ClusterView, openClusterView, type RunningView } from "./view/cluster-view.ts";

export interface ServerOptions extends Pick<SchemaOptions, "migrations" | "check" | "saveBefore"> {
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
  /** Of an initialised server: it speaks HTTPS and registers itself. */
  readonly controlPlane?: ControlPlaneOptions | undefined;
  /** Interfaces of other systems that it has besides its own; default: none. */
  readonly facades?: readonly Facade[] | undefined;
  /** What it has of its own, for people to see and change; default: nothing that they could. */
  readonly ownConfig?: OwnConfig | undefined;
  /** What goes with the office of manager on this machine; default: nothing. Whoever opened it closes it. */
  readonly office?: OfficeParts | undefined;
  /** Whether a launcher looks after this process now; default: it says nothing of it. */
  readonly launcher?: (() => LauncherWord) | undefined;
  /** What a backup holds of the server's own files; default: none of them. */
  readonly secrets?: (() => Promise<Result<ServerSecrets, string>>) | undefined;
  /** Times of the election; default: the election's own. */
  readonly election?: Pick<ElectionOptions, "ttlMs" | "renewEveryMs"> | undefined;
  /** Tells a server that is starting to end; one that runs is closed. Default: nothing does. */
  readonly signal?: AbortSignal | undefined;
  /** Resolves when the store cannot go on, with the reason: nothing is waited for then. Default: nobody says so. */
  readonly storeEnded?: Promise<string | undefined> | undefined;
}

/** What makes a server one of a control plane that was initialised. */
export interface ControlPlaneOptions {
  readonly controlPlane: ControlPlane;
  readonly tls: TlsCredentials;
  /** The members of the store, where this server looks after them. */
  readonly admin: MemberAdmin | undefined;
  /** Lets a running server show other certificates; what does not fit is refused, and it keeps what it had. */
  swapCertificate(server: TlsServer, tls: TlsCredentials): Result<void, string>;
}

export interface RunningServer {
  /** Of an initialised server: where others reach it. */
  readonly url: string;
  /** Takes other certificates for connections that begin from now on. The error says why it keeps what it has. */
  setTls(tls: TlsCredentials): Result<void, string>;
  readonly serverId: string;
  /** Packages of Holdfast that this server can get. */
  readonly packages: PackageSource;
  /** Whether it takes its full part; the error says what is missing. */
  health(): Promise<Result<void, string>>;
  /** Is manager no more, nor a candidate; it goes on serving. Resolves when another one may be manager. */
  stepDown(): Promise<void>;
  /** Stops accepting, ends streams, steps down as manager. Idempotent. The store stays open. */
  close(): Promise<void>;
  /** Resolves when it was closed; rejects when it stopped by itself: its store ended, or a bug. */
  readonly closed: Promise<void>;
}

/** Starts a server. The error is one line for the operator. */
export async function startServer(options: ServerOptions): Promise<Result<RunningServer, string>> {
  const directory = await prepareDirectory(options.dataDirectory);
  if (!directory.ok) return directory;
  const schema = await openSchema(options);
  if (!schema.ok) return schema;
  if (schema.value.kind === "wait") return err(schema.value.because);
  const { store, untilClosed } = schema.value;
  return await startOn({ ...options, store }, untilClosed);
}

async function startOn(
  options: ServerOptions,
  untilClosed: Parts["untilClosed"],
): Promise<Result<RunningServer, string>> {
  const { dataDirectory, clock, log, store } = options;
  const kept = await readServerId(dataDirectory);
  if (!kept.ok) return kept;
  const serverId = options.serverId ?? kept.value;
  const prepared = await prepareCluster(options);
  if (!prepared.ok) return prepared;
  const registered = await register(options, serverId);
  if (!registered.ok) return registered;
  const stop = new AbortController();
  const running = await openClusterView({ store, clock, log, signal: stop.signal });
  if (!running.ok) {
    stop.abort();
    return err(running.error.message);
  }
  const tls = { current: options.controlPlane?.tls };
  const bundles = await openBundles({
    ...options,
    serverId,
    view: running.value.view,
    tls: () => tls.current,
  });
  if (!bundles.ok) {
    stop.abort();
    return bundles;
  }
  const certificatePem = () => tls.current?.certificatePem;
  const parts = { serverId, running: running.value, bundles: bundles.value, certificatePem };
  const context = contextOf(options, parts);
  const app = await createApp({ ...context, tls: options.controlPlane?.tls });
  addRoutes(app, context, options.facades ?? []);
  const listening = await listen(app, options);
  if (!listening.ok) {
    await bundles.value.close();
    stop.abort();
    await app.close();
    return listening;
  }
  const url = options.controlPlane?.controlPlane.self.url ?? listening.value;
  context.relays.listensAt(listening.value);
  const isInitialised = options.controlPlane !== undefined;
  const place = tellPlace({ dataDirectory, url, view: running.value.view, log, isInitialised });
  await place.told;
  const { done: viewDone } = running.value;
  const { value: lease } = registered;
  return ok(run(options, { context, app, url, stop, tls, viewDone, lease, place, untilClosed }));
}

interface ContextParts {
  readonly serverId: string;
  readonly running: RunningView;
  readonly bundles: BundleKeeper;
  readonly certificatePem: () => string | undefined;
}

function contextOf(options: ServerOptions, parts: ContextParts): ServerContext {
  const { serverId, running, bundles } = parts;
  const { store, clock, log, version, answers = "trusted" } = options;
  const { view } = running;
  const hub = createInstructionHub(view);
  const controlPlane = options.controlPlane?.controlPlane;
  const advertisedUrl = controlPlane?.self.url;
  const base = {
    store,
    clock,
    log: log.with({ component: "server" }),
    view,
    serverId,
    controlPlane,
  };
  return {
    ...base,
    office: dutiesOf(base, options.office),
    readiness: createReadiness({ store, clock, view }),
    version,
    schema: programOf(options).migrations.schema,
    streams: createStreamSet(),
    instructions: hub,
    bundles,
    relays: createAgentRelays({ store, clock, view, hub, advertisedUrl }),
    reach: reachOf(options, view),
    members: options.controlPlane?.admin,
    dataDirectory: options.dataDirectory,
    secrets: options.secrets ?? noSecrets,
    certificatePem: parts.certificatePem,
    launcher: options.launcher,
    answers,
  };
}

const noSecrets = () => Promise.resolve(ok({ files: [], cluster: undefined }));

function reachOf(
  { controlPlane, clock }: ServerOptions,
  view: ClusterView,
): ServerReach | undefined {
  if (controlPlane === undefined) return undefined;
  return createServerReach({ ...controlPlane, view, clock });
}

/** The answer is the lease of its sign of life, where others look at it. */
async function register(
  options: ServerOptions,
  serverId: string,
): Promise<Result<LeaseId | undefined, string>> {
  const controlPlane = options.controlPlane?.controlPlane;
  if (controlPlane === undefined) return ok(undefined);
  const { self, engine, askPeer } = controlPlane;
  assert(self.id === serverId, "the server's id is the one that it was initialised with");
  const memberId = await ownMemberId({ ...options, controlPlane });
  if (!memberId.ok) return memberId;
  const serials = controlPlane.serials();
  if (!serials.ok) return serials;
  const { store, version } = options;
  // Only where others can be managers does anybody look whether it is there.
  const isLookedFor = engine === "etcd";
  return await registerServer({
    ...options,
    self,
    memberId: memberId.value,
    serials: serials.value,
    openPresence: isLookedFor ? () => openPresence(store, { serverId, version }) : undefined,
    askPeer,
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
  const scheme = options.controlPlane === undefined ? "http" : "https";
  return ok(`${scheme}://${reachable(address)}:${address.port}`);
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
  /** The certificate that counts now. */
  readonly tls: { current: TlsCredentials | undefined };
  readonly viewDone: RunningView["done"];
  /** Of its sign of life. */
  readonly lease: LeaseId | undefined;
  readonly place: ToldPlace;
  /** Rejects when another server has brought the store to a schema that is not this one's. */
  untilClosed(signal: AbortSignal): Promise<void>;
}

/** Others hear of it, and it hears of what they want, for as long as it runs. */
function tellOwnConfig(
  { ownConfig, store, clock, log }: ServerOptions,
  { view, serverId, controlPlane }: ServerContext,
): ToldConfig | undefined {
  if (ownConfig === undefined) return undefined;
  const name = controlPlane?.self.name ?? serverId;
  return tellConfig({ store, clock, log, view, config: ownConfig, serverId, name });
}

function run(options: ServerOptions, parts: Parts): RunningServer {
  const { store, clock } = options;
  const { context, app, url, stop } = parts;
  const { serverId } = context;
  const resign = new AbortController();
  const managerLog = options.log.with({ component: "manager" });
  const duties = context.office;
  duties?.begin();
  const election = runElection({
    ...options.election,
    store,
    clock,
    serverId,
    log: managerLog,
    signal: resign.signal,
    untilUnreachable: context.reach?.untilUnreachable,
    standBackMs: () => duties?.standBackMs() ?? 0,
    lead: (term) => leadOffice(context, { store, clock, log: managerLog, term }),
  });
  const { lease } = parts;
  const self = { store, clock, serverId, version: options.version, log: managerLog };
  const presence =
    lease === undefined
      ? Promise.resolve()
      : keepPresence({ ...self, lease, signal: resign.signal });
  const toldConfig = tellOwnConfig(options, context);
  let closing: Promise<void> | undefined;
  // In this order: nobody new comes in, those inside are sent out, the office is free, the view ends.
  const shutDown = async () => {
    context.readiness.shutDown();
    context.streams.closeAll();
    context.relays.closeAll();
    await context.bundles.close();
    await app.close();
    duties?.stopping();
    resign.abort();
    // A bug in the manager is told by `closed`; here it only must not keep the rest open.
    await Promise.allSettled([election, presence, election.then(() => duties?.ended())]);
    await toldConfig?.end();
    stop.abort();
    await parts.viewDone;
    await parts.place.end();
  };
  const close = () => {
    closing ??= shutDown();
    return closing;
  };
  const closed = Promise.all([
    election,
    presence,
    context.bundles.done,
    parts.untilClosed(stop.signal),
    parts.viewDone.then((end) => {
      if (!end.ok && closing === undefined) throw new Error(end.error.message);
    }),
  ]).then(async () => {
    await closing;
  });
  // Whoever waits for `closed` hears of it; without anybody it must not end the process a second time.
  closed.catch(() => undefined);
  const setTls = (tls: TlsCredentials) => showTls(options, parts, tls);
  const stepDown = async () => {
    duties?.stopping();
    resign.abort();
    await Promise.allSettled([election]); // a bug in the manager is told by `closed`
  };
  const health = () => ownHealth(context);
  const packages = packageSource(context);
  return { url, serverId, packages, health, setTls, stepDown, close, closed };
}

function showTls(options: ServerOptions, parts: Parts, tls: TlsCredentials): Result<void, string> {
  const { server } = parts.app;
  // The app's type knows plain HTTP only; with certificates it was made as an HTTPS server.
  if (!(server instanceof TlsServer)) return err("this server speaks plain HTTP");
  const swapped = options.controlPlane?.swapCertificate(server, tls) ?? ok(undefined);
  if (swapped.ok) parts.tls.current = tls;
  return swapped;
}
