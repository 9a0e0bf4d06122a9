/**
 * `backup restore`: makes a new cluster of one server from a backup, in the embedded store or in a member of etcd of its
 * own. The file is verified as a whole before anything is made; what is made counts from one rename on; and that comes
 * only when nothing can run on a promise of the old life any more.
 */
import { randomInt } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { effectiveItems } from "../../backup/effective-items.ts";
import type { AskPassphrase } from "../../backup/read-backup.ts";
import { type Program, type VerifiedBackup, verifyBackup } from "../../backup/verify-backup.ts";
import { BackupBroken } from "../../backup/write-backup.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { profiles } from "../../core/model/times.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Operation, Store } from "../../ports/store.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { keys } from "../../wire/records.ts";
import { auditByHand } from "../audit-by-hand.ts";
import { isThere } from "../place/is-there.ts";
import type { ServerIdentity } from "../server-files.ts";
import { type OpenedDraft, openDraft } from "./draft-engine.ts";
import { StoreFiller } from "./fill-store.ts";
import { additions, type LifeOptions, raised, renewed } from "./new-life.ts";
import { OldLife } from "./old-life.ts";
import { checkPlaceFree, oldServersThatAnswer } from "./place-free.ts";
import {
  completeRestore,
  isSomethingKept,
  prepareDraft,
  restoreFolders,
  switchToRestored,
} from "./restore-switch.ts";
import { identityIn, type RestoredServer, writeServer } from "./write-server.ts";

export interface RestoreOptions {
  readonly file: string;
  readonly askPassphrase: AskPassphrase;
  readonly program: Program;
  readonly dataDirectory: string;
  readonly engine: "embedded" | "etcd";
  /** `replace`: a server that is in the data directory and does not run is put aside. */
  readonly existing: "refuse" | "replace";
  /** `may-answer`: nodes and servers of the two lives never meet. Default: while one answers, nothing is restored. */
  readonly oldServers?: "may-answer" | undefined;
  /** Where others reach the server now; default: as in the backup. */
  readonly address?: { readonly host?: string | undefined; readonly port?: number | undefined };
  /**
   * `leases-over`: a person knows that no server of the old life has answered an agent for longer than a lease lives.
   * Default: it is waited for.
   */
  readonly oldLife?: "leases-over" | undefined;
  /** Says what it does. */
  readonly onStep: (sentence: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** What was made. */
export interface Restored {
  readonly backup: VerifiedBackup;
  readonly keyCount: number;
  readonly server: RestoredServer;
  /** Where what was there before is kept; undefined: nothing was. */
  readonly before: string | undefined;
}

const batchOperationsMax = 200;
const interrupted = "it was interrupted; nothing was changed";

/**
 * Restores. After an error, or a crash, nothing is changed or all is done, and it can be begun again. `completed`: an
 * earlier restore had been cut off after it counted; it is brought to its end, and this one was not begun.
 */
export async function restoreBackup(
  options: RestoreOptions,
): Promise<Result<Restored | "completed", string>> {
  const { file, dataDirectory } = options;
  if (await isThere(restoreFolders(dataDirectory).done)) {
    const completed = await completeRestore(dataDirectory);
    return completed.ok ? ok("completed") : completed;
  }
  const free = await checkPlaceFree(dataDirectory, options.existing);
  if (!free.ok) return free;
  try {
    return await restore(options);
  } catch (error: unknown) {
    if (error instanceof BackupBroken) return err(`${file}: ${error.message}`);
    if (!(error instanceof Error && "code" in error)) throw error; // only systems' errors have one
    return err(`cannot read ${file}: ${sentenceOfSystemError(error)}`);
  }
}

async function restore(options: RestoreOptions): Promise<Result<Restored, string>> {
  const { file, dataDirectory, onStep, clock } = options;
  onStep("verifies the backup");
  const verified = await verifyBackup({ ...options, bytes: createReadStream(file) });
  if (!verified.ok) return err(`${file}: ${verified.error}`);
  const backup = verified.value;
  const old = new OldLife();
  for await (const items of read(options, backup)) for (const item of items) old.add(item);
  const identity = identityIn(old, options.address);
  if (!identity.ok) return identity;
  const silent = await checkSilent(options, old);
  if (!silent.ok) return silent;
  const beganAtMs = clock.monotonicMs();
  const draft = await prepareDraft(dataDirectory);
  if (!draft.ok) return draft;
  const parts = { draft: draft.value, backup, old, identity: identity.value, beganAtMs };
  const made = await make(options, parts);
  if (made.ok) return made;
  await rm(draft.value, { recursive: true, force: true });
  return made;
}

interface MakeParts {
  readonly draft: string;
  readonly backup: VerifiedBackup;
  readonly old: OldLife;
  readonly identity: ServerIdentity | undefined;
  /** When nobody of the old life answered any more. */
  readonly beganAtMs: number;
}

async function make(options: RestoreOptions, parts: MakeParts): Promise<Result<Restored, string>> {
  const { dataDirectory, signal } = options;
  const { backup } = parts;
  const server = await writeServer(options, parts);
  if (!server.ok) return server;
  const filled = await fill(options, { ...parts, server: server.value });
  if (!filled.ok) return filled;
  await waitForLeases(options, parts);
  if (signal.aborted) return err(interrupted);
  const still = await checkAgain(options, parts.old);
  if (!still.ok) return still;
  const wasKept = await isSomethingKept(dataDirectory);
  const switched = await switchToRestored(dataDirectory);
  if (!switched.ok) return switched;
  const isNew = !wasKept && (await isSomethingKept(dataDirectory));
  const before = isNew ? restoreFolders(dataDirectory).before : undefined;
  return ok({ backup, keyCount: filled.value, server: server.value, before });
}

/** In the minutes of waiting a server may have been started: here, or one of the old life. */
async function checkAgain(options: RestoreOptions, old: OldLife): Promise<Result<void, string>> {
  const free = await checkPlaceFree(options.dataDirectory, options.existing);
  return free.ok ? await checkSilent(options, old) : free;
}

/** Whatever the backup knows of leases: settings may have been changed since, and leases granted by them (S3, S4). */
async function waitForLeases(
  options: RestoreOptions,
  { old, beganAtMs }: MakeParts,
): Promise<void> {
  const { clock, onStep, signal } = options;
  if (options.oldLife === "leases-over") return;
  const silenceMs = old.silenceMs();
  const leaseMs = Math.max(old.leaseMsMax(), silenceMs ?? 0, profiles.patient.ttlMs);
  const restMs = leaseMs - (clock.monotonicMs() - beganAtMs);
  if (restMs <= 0) return;
  const because =
    silenceMs === undefined
      ? ""
      : `; an upgrade was under way, in which nodes go on for up to ${Math.ceil(leaseMs / 1_000)} s without any server`;
  onStep(
    `waits ${Math.ceil(restMs / 1_000)} s, until nothing can run on a promise of the old servers any more${because}`,
  );
  await pause(clock, restMs, signal);
}

function read(options: RestoreOptions, backup: VerifiedBackup): ReturnType<typeof effectiveItems> {
  const { file, askPassphrase } = options;
  return effectiveItems({ bytes: createReadStream(file), askPassphrase }, backup);
}

/** A server that was never initialised has no address that others know. */
async function checkSilent(options: RestoreOptions, old: OldLife): Promise<Result<void, string>> {
  const [authorityPem, certificatePem, keyPem] = ["ca.crt", "server.crt", "server.key"].map(
    (name) => old.file(`pki/${name}`),
  );
  if (authorityPem === undefined || certificatePem === undefined || keyPem === undefined) {
    return ok(undefined);
  }
  const tls = { authorityPem, certificatePem, keyPem };
  const answering = await oldServersThatAnswer(old.servers(), tls);
  if (answering === undefined) return ok(undefined);
  const lives = `the cluster of this backup lives: ${answering}`;
  if (options.oldServers === "may-answer") {
    options.onStep(`${lives}; goes on all the same: nodes and servers of the two must never meet`);
    return ok(undefined);
  }
  return err(
    `${lives}; stop its servers for good first, or give --force where nodes and servers of the two never meet`,
  );
}

interface FillParts {
  readonly backup: VerifiedBackup;
  readonly old: OldLife;
  readonly server: RestoredServer;
  readonly draft: string;
}

async function fill(options: RestoreOptions, parts: FillParts): Promise<Result<number, string>> {
  const { backup, old, server } = parts;
  const life: LifeOptions = {
    old,
    ownServerId: server.identity?.id,
    nowMs: options.clock.wallMs(),
    spread: randomInt(1_000_000),
  };
  const revision = raised(backup.summary.revision, life);
  const opened = await openDraft(options, { ...parts, revision });
  if (!opened.ok) return opened;
  try {
    return await fillStore(options, opened.value, { ...parts, life });
  } finally {
    await opened.value.close();
  }
}

async function fillStore(
  options: RestoreOptions,
  { store }: OpenedDraft,
  { backup, life, server }: FillParts & { readonly life: LifeOptions },
): Promise<Result<number, string>> {
  options.onStep(`writes ${backup.summary.entryCount} records`);
  const filler = new StoreFiller(store);
  for await (const items of read(options, backup)) {
    for (const item of items) {
      const value = item.kind === "entry" ? renewed(item, life) : undefined;
      if (item.kind !== "entry" || value === undefined) continue;
      const put = await filler.put(item.key, value);
      if (!put.ok) return put;
    }
    if (options.signal.aborted) return err(interrupted);
  }
  const filled = await filler.finish();
  if (!filled.ok) return filled;
  const identity = server.identity ?? { id: server.serverId ?? "none", host: "this machine" };
  const noted = await auditByHand(
    { store, clock: options.clock, identity },
    { action: "backup.restore", subject: "cluster", detail: detailOf(backup) },
  );
  if (!noted.ok) return noted;
  const { plan } = backup;
  const schema = {
    version: 1,
    schema: plan.to,
    migratedAtMs: life.nowMs,
    byVersion: plan.from === plan.to ? backup.header.version : options.program.version,
  };
  const rest: Operation[] = [
    { kind: "put", key: keys.schema, value: jsonOf(schema) },
    ...additions(life),
    noted.value,
  ];
  const written = await writeAll(store, rest);
  return written.ok ? filled : written;
}

function detailOf({ header, summary }: VerifiedBackup): string {
  return `as it was at ${new Date(header.atMs).toISOString()}, revision ${summary.revision}, from server ${header.server}`;
}

async function writeAll(
  store: Store,
  operations: readonly Operation[],
): Promise<Result<void, string>> {
  const last = new Map(operations.map((operation) => [operation.key, operation]));
  const all = [...last.values()];
  for (let first = 0; first < all.length; first += batchOperationsMax) {
    const then = all.slice(first, first + batchOperationsMax);
    const written = await store.txn({ compare: [], then });
    if (!written.ok) return err(written.error.message);
  }
  return ok(undefined);
}
