/**
 * Moves the control plane of this server from the embedded store to a member of etcd of its own. Until `store.json`
 * names etcd the embedded store is the truth, and what etcd's folder holds is worth nothing: it is emptied first.
 */
import { randomUUID } from "node:crypto";
import { assert } from "../../core/assert.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { EtcdAccess } from "../../stores/etcd/etcd-access.ts";
import { readMeta, writeMeta } from "../../stores/etcd/etcd-meta.ts";
import type { MoveStatus } from "../../wire/servers.ts";
import { type EngineOptions, type OpenEngine, openEngine } from "../engine/open-engine.ts";
import { engineOf } from "../init-server.ts";
import { emptyFolder } from "../join/member-data.ts";
import { checkMemberPorts } from "../place/machine.ts";
import {
  readEngine,
  type ServerIdentity,
  type ServerPlaces,
  type StoreEngine,
  writeEngine,
} from "../server-files.ts";
import type { GatedStore } from "./gated-store.ts";
import { type MoveStep, moveStore } from "./move-store.ts";

/**
 * What etcd's revisions are raised by beyond those of the old engine: whatever the old one still writes while it is
 * copied stays below.
 */
const revisionLead = 1_000_000;

const stepWords: Readonly<Record<MoveStep, string>> = {
  copy: "copies",
  follow: "copies",
  hold: "holds writes back for a moment",
  compare: "compares",
  switch: "switches:",
};

/** A member that was just started, with nothing in it, answers within a second or two. */
const openMsMax = 60_000;

export interface MoveToEtcdOptions extends EngineOptions {
  readonly source: GatedStore;
  /** Default: a member of this server's own. */
  readonly target?: EtcdEngine | undefined;
  readonly onStatus: (status: MoveStatus) => void;
}

export type EtcdEngine = Extract<StoreEngine, { engine: "etcd" }>;

/**
 * The engine that is the truth from now on, open. After an error the embedded store is it, as before. Throws where it
 * cannot be known which one is: then nobody may write to either, and the next start knows it.
 */
export async function moveToEtcd(options: MoveToEtcdOptions): Promise<Result<OpenEngine, string>> {
  const { places, source, log } = options;
  const say = (detail: string): void => {
    log.write("info", `moves to etcd: ${detail}`);
    options.onStatus({ state: "going-on", detail });
  };
  const engine = options.target ?? ownMember(options.identity);
  say(engine.member === undefined ? "opens etcd" : "starts a member of its own");
  const target = await openTarget(options, engine);
  if (!target.ok) return target;
  const moved = await moveStore({
    source,
    target: target.value.store,
    switchOver: () => switchOver(places, engine),
    onStep: (step, detail) => say(`${stepWords[step]} ${detail}`),
    signal: options.signal,
  });
  if (moved.ok) return target;
  await target.value.close();
  return moved;
}

function ownMember(identity: ServerIdentity): EtcdEngine {
  const engine = engineOf({ engine: "etcd", etcdUrls: [] }, identity);
  assert(engine.engine === "etcd", "etcd was asked for");
  return engine;
}

async function openTarget(
  options: MoveToEtcdOptions,
  engine: EtcdEngine,
): Promise<Result<OpenEngine, string>> {
  const { places, identity, log } = options;
  if (engine.member !== undefined) {
    const emptied = await emptyFolder(places.etcdData);
    if (!emptied.ok) return emptied;
    // The API's own port is this server's, or nobody's.
    const free = await checkMemberPorts(identity);
    if (!free.ok) return err(`${free.error}; the member needs this port: end what listens there`);
  }
  const tooLate = AbortSignal.timeout(openMsMax);
  const target = await openEngine(engine, {
    ...options,
    signal: AbortSignal.any([options.signal, tooLate]),
    beforeOpen: (access) => raiseRevisions(options, access),
  });
  if (!target.ok) {
    return tooLate.aborted ? err(`etcd did not answer within ${openMsMax / 1_000} s`) : target;
  }
  const present = await target.value.store.range("");
  if (present.ok && present.value.entries.length === 0) return target;
  await target.value.close();
  if (!present.ok) return err(present.error.message);
  log.write("error", "etcd is not empty", { keyCount: present.value.entries.length });
  return err(
    "this etcd holds data of Holdfast already; if nobody needs it, delete it with: etcdctl del --prefix /holdfast/",
  );
}

/** Throws where the word on the disk cannot be known: it may be the new one after the next power failure. */
async function switchOver(places: ServerPlaces, engine: EtcdEngine): Promise<Result<void, string>> {
  const written = await writeEngine(places, engine);
  if (written.ok) return written;
  const present = await readEngine(places);
  if (present.ok && present.value?.engine === "embedded") return written;
  throw new Error(`${written.error}; it is not known which store counts until the next start`);
}

/** Makes the new engine count on from where the old one is, also where another move has begun before. */
async function raiseRevisions(
  { source }: MoveToEtcdOptions,
  access: EtcdAccess,
): Promise<Result<void, string>> {
  const now = await source.get("settings");
  if (!now.ok) return err(now.error.message);
  const before = await readMeta(access);
  if (!before.ok) return err(before.error.message);
  const revisionOffset = Math.max(
    now.value.revision + revisionLead,
    before.value?.meta.revisionOffset ?? 0,
  );
  const clusterId = before.value?.meta.clusterId ?? randomUUID();
  const meta = { schema: 1, clusterId, revisionOffset } as const;
  const written = await writeMeta(access, { meta, replaces: before.value ?? "nothing" });
  if (!written.ok) return err(written.error.message);
  return written.value ? ok(undefined) : err("somebody else writes to this etcd");
}
