/** `server run` and `server init`, with real parts. */
import { dirname, resolve } from "node:path";
import { systemClock as clock } from "../adapters/clock/system-clock.ts";
import type { FlushableLog } from "../adapters/log/pino-log.ts";
import { programVersion } from "../cli/commands/version.ts";
import { done, fail, type Outcome } from "../cli/failure.ts";
import type { CliIo } from "../cli/io.ts";
import type { ServerInitOptions, ServerRunOptions } from "../cli/roles.ts";
import { exchangeFacade } from "../compat/exchange/facade.ts";
import { ok } from "../core/result.ts";
import type { LauncherState } from "../launcher/launched.ts";
import type { OwnConfig } from "../server/own-config/own-config.ts";
import { loadCertificates } from "../setup/engine/given-certificates.ts";
import { initServer } from "../setup/init-server.ts";
import { officeOf } from "../setup/office/office-file.ts";
import { openOffice } from "../setup/office/open-office.ts";
import { checkHost, checkServerName } from "../setup/place/names.ts";
import { completeRestore } from "../setup/restore/restore-switch.ts";
import { runInitialisedServer } from "../setup/run-server.ts";
import {
  addressesOf,
  readIdentity,
  type ServerIdentity,
  serverPlaces,
} from "../setup/server-files.ts";
import { keepOffice } from "./keep-office.ts";
import { moveServer } from "./move-role.ts";
import { startUnit } from "./start-unit.ts";

/** What `main.ts` has for it. */
export interface ServerRunParts {
  readonly openLog: () => Promise<FlushableLog>;
  readonly ownConfig: OwnConfig;
  /** Whether a launcher looks after this process now. */
  readonly launcher: () => LauncherState;
  /** Executable and arguments of the guard of a floating address. */
  readonly addressGuard: readonly string[];
  readonly signal: AbortSignal;
}

/** A server whose data directory was initialised; undefined: it was not, so that it is run in the plain way. */
export async function runServerOfDirectory(
  options: ServerRunOptions,
  { openLog, ownConfig, launcher, addressGuard, signal }: ServerRunParts,
): Promise<Outcome | undefined> {
  const { dataDirectory, listen, profile } = options;
  const restored = await completeRestore(dataDirectory);
  if (!restored.ok) return fail(1, restored.error);
  const identity = await readIdentity(serverPlaces(dataDirectory));
  if (!identity.ok) return fail(1, identity.error);
  if (identity.value === undefined) return withoutOffice(options);
  const settings = await officeOf(dataDirectory, options.office);
  if (!settings.ok) return fail(1, settings.error);
  const log = await openLog();
  const server = identity.value;
  const parts = { server, dataDirectory, guardCommand: addressGuard, clock, log };
  const office = await openOffice({ ...parts, settings: settings.value });
  if (!office.ok) {
    log.flush();
    return fail(1, office.error);
  }
  const ended = await runInitialisedServer({
    dataDirectory,
    identity: identity.value,
    listen,
    initialSettings: profile === undefined ? undefined : { profile },
    facades: [exchangeFacade],
    version: programVersion,
    ownConfig,
    launcher,
    office: office.value,
    clock,
    log,
    signal,
  });
  await office.value.close();
  log.flush();
  return ended.ok ? done : fail(1, ended.error, "its log says more");
}

/** A server that was never initialised is one of a kind: nobody else could be manager in its place. */
function withoutOffice({ office }: ServerRunOptions): Outcome | undefined {
  if (Object.values(office).every((wish) => wish === undefined)) return undefined;
  const what = "hooks and a floating address are for a server that was initialised";
  return fail(2, what, "run first: holdfast server init");
}

/** Makes the first server, or moves the one that is here to etcd. */
export async function initServerRole(options: ServerInitOptions, io: CliIo): Promise<Outcome> {
  const { dataDirectory, etcdFiles } = options;
  const name = checkServerName(options.name);
  if (!name.ok) return fail(2, name.error, "give another one with --name");
  const host = checkHost(options.host);
  if (!host.ok) return fail(2, host.error, "give another one with --host");
  const certificates = etcdFiles === undefined ? ok(undefined) : await loadCertificates(etcdFiles);
  if (!certificates.ok) return fail(1, certificates.error);
  const etcdCertificates = certificates.value;
  const plan = { ...options, host: host.value, etcdCertificates, clock };
  const made = await initServer(plan);
  if (!made.ok) return fail(1, made.error);
  const kept = await keepOffice(options, io);
  if (!kept.ok) return kept;
  const { identity } = made.value;
  switch (made.value.kind) {
    case "already": {
      io.stdout.write(
        `${dataDirectory} is initialised already: server ${identity.id} "${identity.name}" on the ${made.value.engine} store, at ${addressesOf(identity).url}\n`,
      );
      sayWhatStays(options, identity, io);
      return await startUnit("server", options, io);
    }
    case "move":
      sayWhatStays(options, identity, io);
      return await moveServer({ ...plan, identity }, io);
    case "made":
      return await start(options, identity, io);
  }
}

/** What was asked for and is not done here, with the command that does it. */
function sayWhatStays(
  { loadBalancer, isolate, host, port, name }: ServerInitOptions,
  identity: ServerIdentity,
  io: CliIo,
): void {
  const wishes: string[] = [];
  if (loadBalancer !== undefined) wishes.push(`holdfast server load-balancer ${loadBalancer}`);
  if (isolate) wishes.push("holdfast server isolate on");
  for (const wish of wishes) io.stdout.write(`what else was asked for is done with: ${wish}\n`);
  const isOther = host !== identity.host || port !== identity.port || name !== identity.name;
  if (isOther && wishes.length === 0) io.stdout.write("its name and address stay as they are\n");
}

async function start(
  options: ServerInitOptions,
  identity: ServerIdentity,
  io: CliIo,
): Promise<Outcome> {
  const { dataDirectory, engine } = options;
  io.stdout.write(
    `server ${identity.id} "${identity.name}" is initialised on the ${engine} store, at ${addressesOf(identity).url}\n` +
      `the first admin's token is in ${dataDirectory}/admin.token\n`,
  );
  const started = await startUnit("server", options, io);
  if (!started.ok) return started;
  if (resolve(dataDirectory) !== dirname(io.places.adminTokenFile)) {
    io.stdout.write(
      `for the command line: export HOLDFAST_SERVER=${addressesOf(identity).url} HOLDFAST_CA=${resolve(dataDirectory, "pki/ca.crt")} HOLDFAST_TOKEN_FILE=${resolve(dataDirectory, "admin.token")}\n`,
    );
  }
  io.stdout.write(
    engine === "etcd"
      ? "next, as root: holdfast server list; more machines: holdfast join-script --node, holdfast join-script --server\n"
      : "next, as root: holdfast server list; more machines: holdfast join-script --node; more servers: holdfast server init --ha first\n",
  );
  return done;
}
