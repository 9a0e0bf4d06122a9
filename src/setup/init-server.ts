/**
 * Makes the first server of a control plane: who it is, authorities and certificates, an admin's token, and which
 * engine holds the truth. The last step is the engine: until it is written nothing was initialised, and the command
 * can be given again.
 */
import { openPkiDirectory } from "../adapters/certificates/pki-directory.ts";
import { ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import { prepareDirectory, readAdminToken, writeAdminToken } from "../server/files.ts";
import { createToken, tokenIdOf } from "../server/http/auth.ts";
import { type EtcdCertificates, keepGivenCertificates } from "./engine/given-certificates.ts";
import { writeFirstPlan } from "./first-plan.ts";
import { checkMachine } from "./place/machine.ts";
import { certifySelf, createAuthorities } from "./server-certificates.ts";
import {
  addressesOf,
  readEngine,
  readIdentity,
  type ServerIdentity,
  type StoreEngine,
  serverPlaces,
  writeEngine,
  writeIdentity,
} from "./server-files.ts";

export interface InitOptions {
  readonly dataDirectory: string;
  readonly name: string;
  /** Name or address where other machines reach this one. */
  readonly host: string;
  readonly port: number;
  /** `embedded`: for one server. `etcd`: a member that this server runs, or those at `etcdUrls`. */
  readonly engine: "embedded" | "etcd";
  readonly etcdUrls: readonly string[];
  /** For `etcdUrls`: what opens them; undefined: they are plain http. */
  readonly etcdCertificates?: EtcdCertificates | undefined;
  readonly loadBalancer: string | undefined;
  /** Nodes that are servers too take services only that tolerate it. */
  readonly isolate: boolean;
  readonly clock: Clock;
}

/** `move`: it is initialised, on the embedded store, and etcd is wanted. */
export type InitOutcome =
  | { readonly kind: "made"; readonly identity: ServerIdentity }
  | { readonly kind: "already"; readonly identity: ServerIdentity; readonly engine: string }
  | { readonly kind: "move"; readonly identity: ServerIdentity };

/** The first id; the others come from the counter in the store. */
const firstId = "1";
/** Of the admin's token that the first start looks for. */
const firstTokenId = "admin";

/** Initialises a data directory. The error is one line for the operator. */
export async function initServer(options: InitOptions): Promise<Result<InitOutcome, string>> {
  const places = serverPlaces(options.dataDirectory);
  const prepared = await prepareDirectory(options.dataDirectory);
  if (!prepared.ok) return prepared;
  const present = await readEngine(places);
  if (!present.ok) return present;
  const kept = await readIdentity(places);
  if (!kept.ok) return kept;
  if (present.value !== undefined && kept.value !== undefined) {
    const { engine } = present.value;
    if (engine === "embedded" && options.engine === "etcd") {
      return ok({ kind: "move", identity: kept.value });
    }
    return ok({ kind: "already", identity: kept.value, engine });
  }
  const identity: ServerIdentity = {
    version: 1,
    id: firstId,
    name: options.name,
    host: options.host,
    port: options.port,
  };
  const member = options.engine === "etcd" && options.etcdUrls.length === 0 ? "own" : "none";
  const machine = await checkMachine({ ...identity, member });
  if (!machine.ok) return machine;
  const made = await makeAll(options, identity);
  return made.ok ? ok({ kind: "made", identity }) : made;
}

async function makeAll(
  options: InitOptions,
  identity: ServerIdentity,
): Promise<Result<void, string>> {
  const { dataDirectory, clock, loadBalancer, isolate } = options;
  const places = serverPlaces(dataDirectory);
  const pki = await openPkiDirectory(dataDirectory);
  if (!pki.ok) return pki;
  const steps: (() => Promise<Result<void, string>>)[] = [
    () => writeIdentity(places, identity),
    () => createAuthorities(pki.value, clock),
    () => certifySelf({ pki: pki.value, clock }, { ...identity, loadBalancer }),
    () => makeToken(dataDirectory),
    () => writeFirstPlan(dataDirectory, { loadBalancer, isolate }),
    () => keepGivenCertificates(places, options.etcdCertificates),
    () => writeEngine(places, engineOf(options, identity)),
  ];
  for (const step of steps) {
    const done = await step();
    if (!done.ok) return done;
  }
  return ok(undefined);
}

async function makeToken(dataDirectory: string): Promise<Result<void, string>> {
  const kept = await readAdminToken(dataDirectory);
  if (!kept.ok) return kept;
  // An earlier attempt may have been cut off between making the file and writing it.
  if (kept.value !== undefined && tokenIdOf(kept.value) !== undefined) return ok(undefined);
  return await writeAdminToken(dataDirectory, createToken(firstTokenId).token);
}

/** The engine of a first server: a cluster of one, or members that others run. */
export function engineOf(
  options: Pick<InitOptions, "engine" | "etcdUrls" | "etcdCertificates">,
  identity: ServerIdentity,
): StoreEngine {
  if (options.engine === "embedded") return { version: 1, engine: "embedded" };
  if (options.etcdUrls.length > 0) {
    const given = options.etcdCertificates === undefined ? {} : { certificates: "given" as const };
    const endpoints = [...options.etcdUrls];
    return { version: 1, engine: "etcd", endpoints, ...given, joining: false };
  }
  const name = memberNameOf(identity.id);
  const { peerUrl } = addressesOf(identity);
  const member = { name, initialCluster: `${name}=${peerUrl}`, state: "new" as const };
  return { version: 1, engine: "etcd", member, endpoints: [], joining: false };
}

/** What etcd calls a server's member. */
export function memberNameOf(serverId: string): string {
  return `holdfast-${serverId}`;
}
