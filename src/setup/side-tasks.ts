/**
 * What a server does beside serving: keeps its certificates fresh, has them issued anew when the load balancer's
 * address changes, tells etcd which certificates count no longer, and keeps the list of members on the disk.
 */

import { inspectCertificate } from "../adapters/certificates/inspect-certificate.ts";
import { createKeyAndRequest } from "../adapters/certificates/key-and-request.ts";
import { assert } from "../core/assert.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { PkiDirectory } from "../ports/certificates.ts";
import type { StoreChange, StoredEntry } from "../ports/store.ts";
import { type CertificateRotation, keepCertificateFresh } from "../runtime/certificate-rotation.ts";
import { pause } from "../runtime/manager-pulse.ts";
import { readRecord } from "../runtime/manager-records.ts";
import { openSnapshot } from "../runtime/manager-snapshot.ts";
import type { ServerHolder } from "../server/control-plane/control-plane.ts";
import { noteSerials } from "../server/control-plane/registration.ts";
import type { RunningServer } from "../server/start.ts";
import { keys } from "../wire/records.ts";
import {
  controlPlaneRecordSchema,
  revocationRecordSchema,
  serverRecordSchema,
} from "../wire/servers.ts";
import type { ServerCredentials } from "./engine/credentials.ts";
import type { OpenEngine } from "./engine/open-engine.ts";
import type { RunServerOptions } from "./run-options.ts";
import { namesOfServer, reissueForServer, writeRevocations } from "./server-certificates.ts";
import { readEngine, type ServerPlaces, writeEngine } from "./server-files.ts";

export interface SideTaskOptions {
  readonly options: RunServerOptions;
  readonly places: ServerPlaces;
  readonly pki: PkiDirectory;
  readonly credentials: ServerCredentials;
  readonly engine: OpenEngine;
  readonly server: RunningServer;
  /** Ends them. */
  readonly signal: AbortSignal;
}

export interface SideTasks {
  /** Resolves when one found that this server cannot go on. */
  readonly failed: Promise<Result<never, string>>;
  /** All have ended. */
  readonly ended: Promise<void>;
}

const watchAgainMs = 500;
const watched = [keys.controlPlane, keys.revocations, keys.servers, keys.removedServers] as const;

/** Begins them. */
export function runSideTasks(task: SideTaskOptions): SideTasks {
  const failed = Promise.withResolvers<Result<never, string>>();
  const facts = new ControlPlaneFacts(task, (why) => failed.resolve(err(why)));
  const ended = follow(task, facts).then(() => facts.ended());
  return { failed: failed.promise, ended };
}

async function follow(task: SideTaskOptions, facts: ControlPlaneFacts): Promise<void> {
  const { signal, engine, options } = task;
  while (!signal.aborted) {
    const snapshot = await openSnapshot(engine.store, watched, signal);
    if (snapshot.ok) {
      await facts.load(snapshot.value.entries.values());
      for (;;) {
        const next = await snapshot.value.changes.next();
        if (next.done === true || !next.value.ok) break;
        if (facts.take(next.value.value.changes)) await facts.apply();
      }
    }
    if (!signal.aborted) await pause(options.clock, watchAgainMs, signal);
  }
}

/** What the store says of the control plane, and what follows from it on this machine. */
class ControlPlaneFacts {
  readonly #task: SideTaskOptions;
  readonly #fail: (why: string) => void;
  readonly #entries = new Map<string, StoredEntry>();
  readonly #rotations: readonly CertificateRotation[];
  #loadBalancer: string | undefined;
  #revoked = "";
  #memberUrls = "";

  constructor(task: SideTaskOptions, fail: (why: string) => void) {
    this.#task = task;
    this.#fail = fail;
    this.#rotations = [this.#keepFresh("server"), this.#keepFresh("etcd")];
  }

  async load(entries: Iterable<StoredEntry>): Promise<void> {
    this.#entries.clear();
    for (const entry of entries) this.#entries.set(entry.key, entry);
    await this.apply();
  }

  /** The changes are those of the whole store; the answer is whether one concerns the control plane. */
  take(changes: readonly StoreChange[]): boolean {
    let isConcerned = false;
    for (const change of changes) {
      const key = change.kind === "put" ? change.entry.key : change.key;
      if (!watched.some((prefix) => key.startsWith(prefix))) continue;
      isConcerned = true;
      if (change.kind === "put") this.#entries.set(key, change.entry);
      else this.#entries.delete(key);
    }
    return isConcerned;
  }

  async apply(): Promise<void> {
    if (this.#entries.has(`${keys.removedServers}${this.#identity.id}`)) {
      this.#fail(`server ${this.#identity.id} was removed from the cluster`);
    }
    await this.#applyLoadBalancer();
    await this.#applyRevocations();
    await this.#applyMembers();
    await this.#applySerials();
  }

  /** What can be revoked when this server is taken out. */
  async #applySerials(): Promise<void> {
    const { credentials, engine, options } = this.#task;
    const entry = this.#entries.get(`${keys.servers}${this.#identity.id}`);
    const serials = credentials.serials();
    if (entry === undefined || !serials.ok) return;
    const known = readRecord(serverRecordSchema, entry.key, entry.value);
    const { certificate, etcdCertificate } = serials.value;
    const isNoted =
      known.serials.includes(certificate) && known.etcdSerials.includes(etcdCertificate);
    if (isNoted) return;
    const noted = await noteSerials(engine.store, this.#identity.id, serials.value);
    if (!noted.ok) options.log.write("warn", `cannot note new certificates: ${noted.error}`);
  }

  async ended(): Promise<void> {
    await Promise.all(this.#rotations.map((rotation) => rotation.ended));
  }

  get #identity(): RunServerOptions["identity"] {
    return this.#task.options.identity;
  }

  #holder(): ServerHolder {
    return { ...this.#identity, loadBalancer: this.#loadBalancer };
  }

  #keepFresh(pair: "server" | "etcd"): CertificateRotation {
    const { pki, options, credentials, server, signal } = this.#task;
    return keepCertificateFresh({
      pair,
      directory: pki,
      names: () => namesOfServer(this.#holder()),
      key: pair === "etcd" ? "kept" : "new",
      createKeyAndRequest,
      inspectCertificate,
      issue: async (requestPem) => {
        const issuer = { pki, clock: options.clock, lifeMs: options.certificateLifeMs };
        const issued = await reissueForServer(issuer, { pair, requestPem }, this.#holder());
        return issued.ok ? ok({ certificatePem: issued.value }) : issued;
      },
      onChanged: async () => {
        const reloaded = await credentials.reload();
        const shown = reloaded.ok ? server.setTls(credentials.api()) : reloaded;
        if (!shown.ok) options.log.write("error", shown.error);
        await this.#applySerials();
      },
      spread: Math.random(), // all servers of a cluster may have been made within a minute
      clock: options.clock,
      log: options.log,
      signal,
    });
  }

  /** The certificates must hold the balancer's name before anybody comes through it. */
  async #applyLoadBalancer(): Promise<void> {
    const entry = this.#entries.get(keys.controlPlane);
    const record =
      entry === undefined
        ? undefined
        : readRecord(controlPlaneRecordSchema, entry.key, entry.value);
    this.#loadBalancer = record?.loadBalancer;
    const { log } = this.#task.options;
    for (const [index, pair] of (["server", "etcd"] as const).entries()) {
      if (await this.#holdsAllNames(pair)) continue;
      const rotation = this.#rotations[index];
      assert(rotation !== undefined, "each pair has its rotation");
      const issued = await rotation.reissueNow();
      if (issued.ok) log.write("info", `the certificate "${pair}" is issued anew, with all names`);
    }
  }

  async #holdsAllNames(pair: "server" | "etcd"): Promise<boolean> {
    const read = await this.#task.pki.readPair(pair);
    if (!read.ok || read.value === undefined) return true; // nothing to compare: the rotation says what is wrong
    const facts = inspectCertificate(read.value.certificatePem);
    if (!facts.ok) return true;
    const wanted = namesOfServer(this.#holder());
    const held = new Set([...facts.value.dnsNames, ...facts.value.addresses]);
    const names = [...wanted.dnsNames, ...wanted.addresses];
    return names.length === held.size && names.every((name) => held.has(name));
  }

  async #applyRevocations(): Promise<void> {
    const revoked = [...this.#entries.values()]
      .filter((entry) => entry.key.startsWith(keys.revocations))
      .map((entry) => readRecord(revocationRecordSchema, entry.key, entry.value))
      .filter(({ authority }) => authority === "etcd");
    const key = revoked.map(({ serial }) => serial).join();
    if (key === this.#revoked) return;
    const { pki, options } = this.#task;
    const written = await writeRevocations(pki, options.clock, revoked);
    if (written.ok) this.#revoked = key;
    else options.log.write("error", `cannot tell etcd of revoked certificates: ${written.error}`);
  }

  /** The members that this server can go to, also after a restart in which its own is not well. */
  async #applyMembers(): Promise<void> {
    const { engine, places, options } = this.#task;
    if (!engine.hasMember) return;
    const urls = [...this.#entries.values()]
      .filter((entry) => entry.key.startsWith(keys.servers))
      .map((entry) => readRecord(serverRecordSchema, entry.key, entry.value))
      .filter(({ id }) => id !== this.#identity.id)
      .flatMap(({ member }) => (member === undefined ? [] : [member.clientUrl]))
      .sort();
    if (urls.join() === this.#memberUrls) return;
    this.#memberUrls = urls.join();
    engine.setMemberUrls(urls);
    const stored = await readEngine(places);
    if (!stored.ok || stored.value?.engine !== "etcd") return;
    const written = await writeEngine(places, { ...stored.value, endpoints: urls });
    if (!written.ok) options.log.write("warn", written.error);
  }
}
