/**
 * How a recovered copy takes the place of a member's data. One rename says that the copy counts; everything after it can
 * be done again from the start, and is when a server or another recovery begins.
 */
import { rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "../../adapters/certificates/durable-file.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { isThere } from "../place/is-there.ts";
import {
  addressesOf,
  readEngine,
  readIdentity,
  type ServerIdentity,
  type ServerPlaces,
  type StoreEngine,
  writeEngine,
} from "../server-files.ts";

type EtcdEngine = Extract<StoreEngine, { engine: "etcd" }>;
type MemberEngine = EtcdEngine & { readonly member: NonNullable<EtcdEngine["member"]> };

/** Folders beside a member's data. */
export function recoveryFolders({ etcdData }: Pick<ServerPlaces, "etcdData">): {
  /** The copy that is worked on; worth nothing. */
  readonly copy: string;
  /** The copy that counts. */
  readonly done: string;
  /** What was there before, kept for a person. */
  readonly before: string;
} {
  return {
    copy: `${etcdData}.recovering`,
    done: `${etcdData}.recovered`,
    before: `${etcdData}.before-recovery`,
  };
}

/** `store.json` of a member that is a cluster of its own. */
export function aloneOf(stored: MemberEngine, identity: ServerIdentity): MemberEngine {
  const { name } = stored.member;
  const initialCluster = `${name}=${addressesOf(identity).peerUrl}`;
  const member = { name, initialCluster, state: "new" as const };
  return { version: 1, engine: "etcd", member, endpoints: [], joining: false };
}

/** From here on the copy counts; nothing may have it open. */
export async function switchToCopy(places: ServerPlaces): Promise<Result<void, string>> {
  const { copy, done } = recoveryFolders(places);
  const decided = await attempt(`cannot rename ${copy}`, async () => {
    await rename(copy, done);
    await syncFolder(dirname(done));
  });
  return decided.ok ? await completeRecovery(places) : decided;
}

/** Ends a recovery that was cut off after the copy counted; does nothing where there is none. */
export async function completeRecovery(places: ServerPlaces): Promise<Result<void, string>> {
  const { done, before } = recoveryFolders(places);
  if (!(await isThere(done))) return ok(undefined);
  const stored = await readEngine(places);
  if (!stored.ok) return stored;
  const identity = await readIdentity(places);
  if (!identity.ok) return identity;
  const engine = stored.value;
  if (engine?.engine !== "etcd" || engine.member === undefined || identity.value === undefined) {
    return err(`${done} belongs to no member of etcd: move it away`);
  }
  const { etcdData } = places;
  const kept = await attempt(`cannot rename ${etcdData} to ${before}`, async () => {
    if (!(await isThere(etcdData))) return;
    await rm(before, { recursive: true, force: true });
    await rename(etcdData, before);
  });
  if (!kept.ok) return kept;
  const written = await writeEngine(
    places,
    aloneOf({ ...engine, member: engine.member }, identity.value),
  );
  if (!written.ok) return written;
  return await attempt(`cannot rename ${done} to ${etcdData}`, async () => {
    await rename(done, etcdData);
    await syncFolder(dirname(etcdData));
  });
}

async function attempt(what: string, action: () => Promise<void>): Promise<Result<void, string>> {
  try {
    await action();
    return ok(undefined);
  } catch (error: unknown) {
    return err(`${what}: ${sentenceOfSystemError(error)}`);
  }
}
