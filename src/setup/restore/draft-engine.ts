/** The store that is filled: a new file of the embedded one, or a new member of etcd that is a cluster of its own. */
import { randomUUID } from "node:crypto";
import { openPkiDirectory } from "../../adapters/certificates/pki-directory.ts";
import { missingForMember } from "../../adapters/etcd/programs.ts";
import { assert } from "../../core/assert.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Store, StoreRevision } from "../../ports/store.ts";
import type { EtcdAccess } from "../../stores/etcd/etcd-access.ts";
import { readMeta, writeMeta } from "../../stores/etcd/etcd-meta.ts";
import { raiseRevision } from "../../stores/sqlite/raise-revision.ts";
import { openSqliteStore } from "../../stores/sqlite/sqlite-store.ts";
import { openCredentials } from "../engine/credentials.ts";
import { openEngine } from "../engine/open-engine.ts";
import { engineOf } from "../init-server.ts";
import { checkMemberPorts } from "../place/machine.ts";
import { serverPlaces } from "../server-files.ts";
import type { RestoredServer } from "./write-server.ts";

/** A member with nothing in it answers within a second or two. */
const openMsMax = 60_000;

/** Open until it is closed. */
export interface OpenedDraft {
  readonly store: Store;
  close(): Promise<void>;
}

interface DraftOptions {
  readonly engine: "embedded" | "etcd";
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

interface DraftParts {
  readonly draft: string;
  readonly server: RestoredServer;
  /** It counts on from here. */
  readonly revision: StoreRevision;
}

/** Opens an empty store in the draft. */
export function openDraft(
  options: DraftOptions,
  parts: DraftParts,
): Promise<Result<OpenedDraft, string>> {
  return options.engine === "embedded" ? openFile(options, parts) : openMember(options, parts);
}

async function openFile(
  { clock }: DraftOptions,
  { draft, revision }: DraftParts,
): Promise<Result<OpenedDraft, string>> {
  const { sqliteFile: file } = serverPlaces(draft);
  const raised = raiseRevision(file, revision);
  if (!raised.ok) return raised;
  // Nobody watches what is written here.
  const opened = await openSqliteStore({ file, clock, historyRevisionsMax: 1 });
  if (!opened.ok) return err(opened.error.message);
  return ok({ store: opened.value, close: () => opened.value.close() });
}

async function openMember(
  options: DraftOptions,
  { draft, server, revision }: DraftParts,
): Promise<Result<OpenedDraft, string>> {
  const { identity } = server;
  assert(identity !== undefined, "only an initialised server can have a member of etcd");
  const missing = await missingForMember();
  if (missing !== undefined) return err(missing);
  const free = await checkMemberPorts(identity);
  if (!free.ok) return err(`${free.error}: end what listens there`);
  const pki = await openPkiDirectory(draft);
  if (!pki.ok) return pki;
  const credentials = await openCredentials(pki.value);
  if (!credentials.ok) return credentials;
  const tooLate = AbortSignal.timeout(openMsMax);
  return await openEngine(engineOf({ engine: "etcd", etcdUrls: [] }, identity), {
    ...options,
    places: serverPlaces(draft),
    identity,
    credentials: credentials.value,
    signal: AbortSignal.any([options.signal, tooLate]),
    beforeOpen: (access) => countFrom(access, revision),
  });
}

async function countFrom(
  access: EtcdAccess,
  revisionOffset: StoreRevision,
): Promise<Result<void, string>> {
  const present = await readMeta(access);
  if (!present.ok) return err(present.error.message);
  // An attempt before this one may have been done although nobody heard of it.
  if (present.value?.meta.revisionOffset === revisionOffset) return ok(undefined);
  const meta = { schema: 1, clusterId: randomUUID(), revisionOffset } as const;
  const written = await writeMeta(access, { meta, replaces: "nothing" });
  if (!written.ok) return err(written.error.message);
  return written.value ? ok(undefined) : err("this member is not empty");
}
