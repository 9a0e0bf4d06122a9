/** Opens the engine that `store.json` names: the embedded store, or a member of etcd that this server looks after. */
import { stat } from "node:fs/promises";
import { startMember } from "../../adapters/etcd/member.ts";
import type { MemberPlaces } from "../../adapters/etcd/member-flags.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { MemberAdmin } from "../../ports/members.ts";
import type { Store } from "../../ports/store.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import type { MemberStatus } from "../../server/control-plane/control-plane.ts";
import type { EtcdTls } from "../../stores/etcd/client/tls.ts";
import type { EtcdAccess } from "../../stores/etcd/etcd-access.ts";
import { createEtcdAdmin } from "../../stores/etcd/etcd-admin.ts";
import { openEtcdStore } from "../../stores/etcd/etcd-store.ts";
import type { EtcdStore } from "../../stores/etcd/replicated-store.ts";
import { openSqliteStore } from "../../stores/sqlite/sqlite-store.ts";
import { createGatedStore, type GatedStore } from "../move/gated-store.ts";
import { listenHostsOf } from "../place/machine.ts";
import {
  addressesOf,
  type ServerIdentity,
  type ServerPlaces,
  type StoreEngine,
} from "../server-files.ts";
import type { ServerCredentials } from "./credentials.ts";
import { type ForeignEtcd, readGivenCertificates } from "./given-certificates.ts";
import { whyTurnedAway } from "./turned-away.ts";

export interface EngineOptions {
  readonly places: ServerPlaces;
  readonly identity: ServerIdentity;
  readonly credentials: ServerCredentials;
  readonly clock: Clock;
  readonly log: Log;
  /** Gives up waiting for a quorum. */
  readonly signal: AbortSignal;
  /** `force-new`: a cluster of this member alone. Default: `usual`. */
  readonly memberStart?: "usual" | "force-new" | undefined;
  /** Where the member is reached; default: where the others know it to be. */
  readonly memberAddresses?: MemberAddresses | undefined;
  /** Done before etcd is opened as a store; repeated until it succeeds. */
  readonly beforeOpen?: ((access: EtcdAccess) => Promise<Result<void, string>>) | undefined;
}

type MemberAddresses = Pick<MemberPlaces, "clientUrl" | "peerUrl" | "listenHost">;

export interface OpenEngine {
  readonly store: Store;
  readonly engine: "embedded" | "etcd";
  /** Of the embedded store: its writes can be held back, for a move. */
  readonly gate: GatedStore | undefined;
  /** Whether this server runs a member. */
  readonly hasMember: boolean;
  /** Members of etcd that servers look after; undefined: there are none, or others run them. */
  readonly admin: MemberAdmin | undefined;
  /** Etcd that others run: how a further server opens it. */
  readonly foreign: ForeignEtcd | undefined;
  memberStatus(): Promise<MemberStatus>;
  /** Client addresses of etcd, own first. */
  memberUrls(): readonly string[];
  /** Other members are known from now on. */
  setMemberUrls(urls: readonly string[]): void;
  close(): Promise<void>;
  /** Resolves when it cannot go on, with the reason; undefined: it was closed. */
  readonly ended: Promise<string | undefined>;
}

/** Between two attempts to open a store that has no quorum yet. */
const openAgainMs = 100;
/** How often a person is told that it still waits. */
const attemptsPerWord = 100;
/** How often a server that waits asks the others whether it is one of them still. */
const attemptsPerQuestion = 20;

/** Opens it. The error is one line for the operator. */
export function openEngine(
  engine: StoreEngine,
  options: EngineOptions,
): Promise<Result<OpenEngine, string>> {
  return engine.engine === "embedded" ? openEmbedded(options) : openEtcd(engine, options);
}

async function openEmbedded({ places, clock }: EngineOptions): Promise<Result<OpenEngine, string>> {
  const opened = await openSqliteStore({ file: places.sqliteFile, clock });
  if (!opened.ok) return err(opened.error.message);
  const gate = createGatedStore(opened.value);
  const end = Promise.withResolvers<string | undefined>();
  return ok({
    store: gate,
    engine: "embedded",
    gate,
    hasMember: false,
    admin: undefined,
    foreign: undefined,
    memberStatus: async () => ({ role: "solo", storeBytes: await sizeOf(places.sqliteFile) }),
    memberUrls: () => [],
    setMemberUrls: () => undefined,
    ended: end.promise,
    async close() {
      await gate.close();
      end.resolve(undefined);
    },
  });
}

/** With what was written since the last checkpoint; undefined: it cannot be looked at. */
async function sizeOf(sqliteFile: string): Promise<number | undefined> {
  const [main, recent] = await Promise.all(
    [sqliteFile, `${sqliteFile}-wal`].map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => undefined,
      ),
    ),
  );
  return main === undefined ? undefined : main + (recent ?? 0);
}

type EtcdEngine = Extract<StoreEngine, { engine: "etcd" }>;

async function openEtcd(
  engine: EtcdEngine,
  options: EngineOptions,
): Promise<Result<OpenEngine, string>> {
  const { places, identity, clock, log } = options;
  const at = options.memberAddresses ?? memberAddressesOf(identity);
  const own = engine.member === undefined ? [] : [at.clientUrl];
  const urlsOf = (others: readonly string[]) => [...new Set([...own, ...others])];
  let urls = urlsOf(engine.endpoints);
  const member =
    engine.member === undefined
      ? undefined
      : await startMember({
          beginning: engine.member,
          start: options.memberStart,
          places: { dataDirectory: places.etcdData, pkiDirectory: places.pki, ...at },
          clock,
          log: log.with({ component: "etcd" }),
        });
  if (member?.ok === false) return member;
  const access = { endpoints: urls, tls: tlsFor(engine, options), clock, log };
  const store = await openReplicatedStore(access, options, member?.value.ended);
  if (!store.ok) {
    await member?.value.stop();
    return store;
  }
  const admin = createEtcdAdmin(access);
  const end = Promise.withResolvers<string | undefined>();
  void member?.value.ended.then((why) => end.resolve(why));
  return ok({
    store: store.value,
    engine: "etcd",
    gate: undefined,
    hasMember: member !== undefined,
    // Members that others run are none of this control plane's: nobody here may take one out.
    admin: member === undefined ? undefined : admin,
    foreign: member === undefined ? foreignOf(engine, options) : undefined,
    memberStatus: () => statusOf(admin, urls[0] ?? at.clientUrl),
    memberUrls: () => urls,
    setMemberUrls(others) {
      urls = urlsOf(others);
      store.value.setEndpoints(urls);
      admin.setEndpoints(urls);
    },
    ended: end.promise,
    async close() {
      await store.value.close();
      await admin.close();
      await member?.value.stop();
      end.resolve(undefined);
    },
  });
}

function memberAddressesOf(identity: ServerIdentity): MemberAddresses {
  const { clientUrl, peerUrl } = addressesOf(identity);
  return { clientUrl, peerUrl, listenHost: listenHostsOf(identity.host).member };
}

function foreignOf({ certificates }: EtcdEngine, { places }: EngineOptions): ForeignEtcd {
  return {
    certificates: () => (certificates === "given" ? readGivenCertificates(places) : undefined),
  };
}

/** What opens the members: certificates of this control plane, or those that whoever runs them gave. */
function tlsFor(
  { certificates }: Pick<EtcdEngine, "certificates">,
  { places, credentials }: Pick<EngineOptions, "places" | "credentials">,
): () => EtcdTls {
  return certificates === "given" ? () => readGivenCertificates(places) : () => credentials.etcd();
}

/** A server that starts first waits for the others: without a quorum there is nothing to read. */
export async function openReplicatedStore(
  access: EtcdAccess,
  { signal, clock, log, beforeOpen, credentials }: EngineOptions,
  memberEnded?: Promise<string | undefined>,
): Promise<Result<EtcdStore, string>> {
  let endedBecause: string | undefined;
  void memberEnded?.then((why) => {
    endedBecause = why;
  });
  let prepared = beforeOpen === undefined;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const ready = prepared ? ok(undefined) : await beforeOpen?.(access);
    prepared = ready?.ok !== false;
    const opened = prepared ? await openEtcdStore(access) : undefined;
    if (opened?.ok === true) return opened;
    if (endedBecause !== undefined) return err(endedBecause);
    if (opened?.error.kind === "incompatible") return err(opened.error.message);
    if (memberEnded !== undefined && attempt % attemptsPerQuestion === 0) {
      const turnedAway = await whyTurnedAway(access.endpoints.slice(1), credentials.api());
      if (turnedAway !== undefined) return err(turnedAway);
    }
    if (attempt % attemptsPerWord === 0) {
      const why = ready?.ok === false ? ready.error : opened?.error.message;
      log.write("info", `waits for the store's members: ${why ?? "no reason given"}`);
    }
    await pause(clock, openAgainMs, signal);
  }
  return err("it was told to end");
}

async function statusOf(admin: MemberAdmin, endpoint: string): Promise<MemberStatus> {
  const status = await admin.status(endpoint);
  if (!status.ok) return { role: "error", because: status.error.message };
  const { memberId, leaderId, isLearner, raftTerm, raftIndex, appliedIndex, sizeBytes, faults } =
    status.value;
  const role = isLearner ? "learner" : memberId === leaderId ? "leader" : "follower";
  const because = leaderId === undefined ? "the store has no leader" : faults[0];
  return {
    role,
    memberId,
    leader: leaderId === undefined ? "none" : "known",
    term: raftTerm,
    index: raftIndex,
    applied: appliedIndex,
    storeBytes: sizeBytes,
    ...(because === undefined ? {} : { because }),
  };
}
