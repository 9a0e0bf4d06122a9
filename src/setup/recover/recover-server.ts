/**
 * `server recover`: most servers are lost for good, and this one's member cannot decide alone. What it holds is copied,
 * the copy becomes a cluster of one, out of the others' reach, and only when a person has said so does the copy take the
 * place of the data.
 */
import { rm } from "node:fs/promises";
import { openPkiDirectory } from "../../adapters/certificates/pki-directory.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { openCredentials, type ServerCredentials } from "../engine/credentials.ts";
import { type EngineOptions, type OpenEngine, openEngine } from "../engine/open-engine.ts";
import { hasVoted } from "../join/member-data.ts";
import { freePorts } from "../place/free-ports.ts";
import { isThere } from "../place/is-there.ts";
import { checkPortsFree } from "../place/machine.ts";
import { renewEndedPairs } from "../server-certificates.ts";
import {
  readEngine,
  readIdentity,
  type ServerIdentity,
  type ServerPlaces,
  type StoreEngine,
  serverPlaces,
} from "../server-files.ts";
import { copyData } from "./copy-data.ts";
import { leaseTtlMsOf, readKnowledge } from "./knowledge.ts";
import { beginNewLife } from "./new-life.ts";
import { aloneOf, completeRecovery, recoveryFolders, switchToCopy } from "./recovery-switch.ts";

export interface RecoverOptions {
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Survivor {
  /** What this server knows, for the person who decides. */
  readonly words: string;
  /** Makes it the truth. The answer says what comes next. */
  recover(): Promise<Result<string, string>>;
  /** Leaves everything as it was, if it was not recovered. Idempotent. */
  close(): Promise<void>;
}

/** The answer is a survivor, or that an earlier recovery was cut off near its end and is done now. */
export async function openSurvivor(
  options: RecoverOptions,
): Promise<Result<Survivor | "completed", string>> {
  const places = serverPlaces(options.dataDirectory);
  const member = await readMember(places);
  if (!member.ok) return member;
  const { identity } = member.value;
  const free = await checkPortsFree({ ...identity, member: "own" });
  if (!free.ok) {
    return err(
      `this server still runs, or its member does: stop it first (systemctl stop holdfast-server); ${free.error}`,
    );
  }
  if (await isThere(recoveryFolders(places).done)) {
    const completed = await completeRecovery(places);
    return completed.ok ? ok("completed") : completed;
  }
  const pki = await openPkiDirectory(options.dataDirectory);
  if (!pki.ok) return pki;
  await renewEndedPairs({ pki: pki.value, clock: options.clock }, options.log);
  const credentials = await openCredentials(pki.value);
  if (!credentials.ok) return credentials;
  const { copy } = recoveryFolders(places);
  const copied = await copyData(places.etcdData, copy);
  if (!copied.ok) return copied;
  const survivor = await openCopy(options, {
    places,
    ...member.value,
    credentials: credentials.value,
  });
  if (!survivor.ok) await rm(copy, { recursive: true, force: true });
  return survivor;
}

interface MemberHere {
  readonly identity: ServerIdentity;
  readonly stored: Parameters<typeof aloneOf>[0];
}

async function readMember(places: ServerPlaces): Promise<Result<MemberHere, string>> {
  const read = await readEngine(places);
  if (!read.ok) return read;
  const identity = await readIdentity(places);
  if (!identity.ok) return identity;
  const stored: StoreEngine | undefined = read.value;
  // One that is on its way in may have all data and a vote already; without a vote it may lack most of it.
  const isEmpty = stored?.engine === "etcd" && stored.joining && !(await hasVoted(places.etcdData));
  if (isEmpty || (stored !== undefined && identity.value === undefined)) {
    return err("this server had not come in yet, so it holds nothing; join it anew");
  }
  if (stored?.engine !== "etcd" || stored.member === undefined || identity.value === undefined) {
    return err(`${places.dataDirectory} holds no member of etcd; there is nothing to recover`);
  }
  return ok({ identity: identity.value, stored: { ...stored, member: stored.member } });
}

interface CopyParts extends MemberHere {
  readonly places: ServerPlaces;
  readonly credentials: ServerCredentials;
}

/**
 * At addresses of its own: the others would take a message of a cluster of one as the word that they were removed, and
 * end for good, although a person has not even been asked.
 */
async function openCopy(
  options: RecoverOptions,
  { places, identity, stored, credentials }: CopyParts,
): Promise<Result<Survivor, string>> {
  const { copy } = recoveryFolders(places);
  const [clientPort = 0, peerPort = 0] = await freePorts(2);
  const memberAddresses = {
    clientUrl: `https://127.0.0.1:${clientPort}`,
    peerUrl: `https://127.0.0.1:${peerPort}`,
    listenHost: "127.0.0.1",
  };
  const engineOptions: EngineOptions = {
    ...options,
    places: { ...places, etcdData: copy },
    ...{ identity, credentials, memberAddresses, memberStart: "force-new" },
  };
  const alone = aloneOf(stored, identity);
  const engine = await openEngine(alone, engineOptions);
  if (!engine.ok) return engine;
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await engine.value.close();
    await rm(copy, { recursive: true, force: true });
  };
  const known = await readKnowledge(engine.value, { identity, credentials });
  if (!known.ok) {
    await close();
    return known;
  }
  return ok({
    words: known.value,
    close,
    recover: async () => {
      const renewed = await renew(engineOptions, engine.value);
      if (!renewed.ok) {
        await close();
        return renewed;
      }
      isOpen = false;
      await engine.value.close();
      const switched = await switchToCopy(places);
      return switched.ok ? ok(nextSteps(places)) : switched;
    },
  });
}

/** In the copy: the old life's leases run out, and what names it counts no longer. */
async function renew(options: EngineOptions, engine: OpenEngine): Promise<Result<void, string>> {
  const { identity, credentials, clock, log, signal } = options;
  const ttlMs = await leaseTtlMsOf(engine.store);
  if (!ttlMs.ok) return ttlMs;
  // An agent may have been promised so long by the quorum that is lost, whatever this member knows of it (S3).
  await pause(clock, ttlMs.value, signal);
  if (signal.aborted) return err("it was told to end; nothing was changed");
  const access = { endpoints: engine.memberUrls(), tls: () => credentials.etcd(), clock, log };
  return await beginNewLife({ access, store: engine.store, identity, clock });
}

function nextSteps(places: ServerPlaces): string {
  return (
    `it is a cluster of one now; the data of before is kept in ${recoveryFolders(places).before}\n` +
    "start this server (systemctl start holdfast-server); empty the data directories of the others, and join them anew with: holdfast join-script --server"
  );
}
