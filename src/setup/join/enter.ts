/**
 * A server's way into the replicated store: it waits for its turn, enters as a learner that copies without a vote, and
 * is promoted when it has caught up. A way in that fails leaves no member behind; one that was cut off goes on where it
 * was, because the others may need a member that votes already. One that can never serve does not keep its vote.
 */
import { removedWords } from "../../adapters/etcd/member.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { MemberAdmin } from "../../ports/members.ts";
import type { Store } from "../../ports/store.ts";
import { createEtcdAdmin } from "../../stores/etcd/etcd-admin.ts";
import {
  type EngineOptions,
  type OpenEngine,
  openEngine,
  openReplicatedStore,
} from "../engine/open-engine.ts";
import { memberNameOf } from "../init-server.ts";
import { checkMachine } from "../place/machine.ts";
import { addressesOf, type StoreEngine, writeEngine } from "../server-files.ts";
import { checkAdmission, type Entrant, type Refusal } from "./admission.ts";
import { emptyFolder, hasMemberData, noteVote } from "./member-data.ts";
import { addOrFind, promote, removeOwn, repeat } from "./membership.ts";
import { type Turn, waitForTurn } from "./turn.ts";

type EtcdEngine = Extract<StoreEngine, { engine: "etcd" }>;

export type EnterOptions = EngineOptions & Entrant;

export interface EnteredEngine {
  readonly engine: OpenEngine;
  /**
   * To be called once the server is registered: it has come in, and the next one's turn comes. The error: it was too slow,
   * and its member was taken out meanwhile.
   */
  registered(): Promise<Result<void, string>>;
  /**
   * To be called when it is not, as it `failed` or was told to end: the next one need not wait. The way in goes on when
   * it is started again; where its program does not fit, its member is taken out, and the engine is closed.
   */
  givenUp(why: "failed" | "ended"): Promise<void>;
}

/** Brings this server in. After an error it may be started again. */
export async function enterCluster(
  stored: EtcdEngine,
  options: EnterOptions,
): Promise<Result<EnteredEngine, string>> {
  const { member } = stored;
  if (member === undefined) return await enter(stored, options);
  if (await hasMemberData(options.places.etcdData)) {
    const resumed = await resume(stored, options);
    if (!resumed.ok) return resumed;
    if (resumed.value !== "removed") return ok(resumed.value);
    options.log.write("warn", "its member was taken out while it was away; it enters anew");
  }
  const alone = outsideOf(stored);
  const cleared = await leave(alone, options);
  return cleared.ok ? await enter(alone, options) : cleared;
}

/** `store.json` of a server that has nothing of its own yet. */
function outsideOf({ member: _member, ...rest }: EtcdEngine): EtcdEngine {
  return { ...rest, joining: true };
}

/** Forgets a member that is none any more. In this order: a folder without data is taken for a way in that begins. */
async function leave(alone: EtcdEngine, { places }: EngineOptions): Promise<Result<void, string>> {
  const written = await writeEngine(places, alone);
  return written.ok ? await emptyFolder(places.etcdData) : written;
}

async function enter(
  stored: EtcdEngine,
  options: EnterOptions,
): Promise<Result<EnteredEngine, string>> {
  const { identity, credentials, clock, log } = options;
  const machine = await checkMachine({ ...identity, member: "own" });
  if (!machine.ok) return machine;
  const access = { endpoints: stored.endpoints, tls: () => credentials.etcd(), clock, log };
  const store = await openReplicatedStore(access, options);
  if (!store.ok) return store;
  const admin = createEtcdAdmin(access);
  const turn = await takeTurn(store.value, options, { isMember: false });
  const entered = turn.ok ? await becomeMember(admin, stored, options) : err(turn.error.because);
  await admin.close();
  if (turn.ok && entered.ok) {
    const { engine, joined } = entered.value;
    return ok(enteredEngine(joined, options, { engine, turn: turn.value, store: store.value }));
  }
  if (turn.ok) await turn.value.end();
  await store.value.close();
  return entered.ok ? err("it was told to end") : entered;
}

/** The member is there, and may be the one that the others lack: it is started first, and looked at then. */
async function resume(
  stored: EtcdEngine,
  options: EnterOptions,
): Promise<Result<EnteredEngine | "removed", string>> {
  const { credentials, clock, log } = options;
  log.write("info", "goes on with its way into the store's cluster");
  const engine = await openEngine(stored, options);
  if (!engine.ok) return engine.error === removedWords ? ok("removed") : engine;
  const end = async (outcome: Result<"removed", string>): Promise<typeof outcome> => {
    await engine.value.close();
    return outcome;
  };
  const turn = await takeTurn(engine.value.store, options, { isMember: true });
  if (!turn.ok) {
    const { kind, because } = turn.error;
    if (kind === "unfit") await takeOut(engine.value, stored, options);
    return await end(err(because));
  }
  const endpoints = engine.value.memberUrls();
  const admin = createEtcdAdmin({ endpoints, tls: () => credentials.etcd(), clock, log });
  const promoted = await promoteIfMember(admin, options);
  await admin.close();
  if (promoted.ok && promoted.value === "member") {
    await tellVote(options);
    return ok(enteredEngine(stored, options, { engine: engine.value, turn: turn.value }));
  }
  await turn.value.end();
  return await end(promoted.ok ? ok("removed") : promoted);
}

/** For `server recover`, should the others be lost before this one has come in. */
async function tellVote({ places, log }: EngineOptions): Promise<void> {
  const noted = await noteVote(places.etcdData);
  if (!noted.ok) log.write("warn", noted.error);
}

async function promoteIfMember(
  admin: MemberAdmin,
  options: EngineOptions,
): Promise<Result<"member" | "removed", string>> {
  const { peerUrl } = addressesOf(options.identity);
  const members = await repeat(options, () => admin.memberList());
  if (!members.ok) return members;
  const own = members.value.find(({ peerUrls }) => peerUrls.includes(peerUrl));
  if (own === undefined) return ok("removed");
  if (!own.isLearner) return ok("member");
  const promoted = await repeat(options, () => promote(admin, own.id));
  return promoted.ok ? ok("member") : promoted;
}

/** Waits until it is this server's turn, and looks whether it may come in at all. */
async function takeTurn(
  store: Store,
  options: EnterOptions,
  { isMember }: { readonly isMember: boolean },
): Promise<Result<Turn, Refusal>> {
  const { identity, clock, log, signal } = options;
  const { peerUrl, url } = addressesOf(identity);
  const { id, name } = identity;
  const record = { version: 1 as const, id, name, peerUrl, url, sinceMs: clock.wallMs() };
  const turn = await waitForTurn({ store, record, clock, log, signal, isMember });
  if (!turn.ok) return err({ kind: "other", because: turn.error });
  const admitted = await checkAdmission(store, options);
  if (admitted.ok) return turn;
  await turn.value.end();
  return admitted;
}

function enteredEngine(
  joined: EtcdEngine,
  options: EnterOptions,
  parts: { readonly engine: OpenEngine; readonly turn: Turn; readonly store?: Store },
): EnteredEngine {
  const { engine, turn, store } = parts;
  const next = async (): Promise<void> => {
    await turn.end();
    await store?.close();
  };
  return {
    engine,
    async registered() {
      const noted = await noteIn(engine, joined, options);
      await next();
      return noted;
    },
    async givenUp(why) {
      // What failed may be something else, and this one is needed yet.
      const looked = why === "failed" && !options.signal.aborted;
      const admitted = looked ? await checkAdmission(engine.store, options) : ok(undefined);
      await next();
      if (admitted.ok || admitted.error.kind === "other") return;
      await takeOut(engine, joined, options);
    },
  };
}

/** Whoever was silent for too long on the way in has lost its place, and then its member, but may still be registered. */
async function noteIn(
  { admin }: OpenEngine,
  joined: EtcdEngine,
  { identity, places, log }: EngineOptions,
): Promise<Result<void, string>> {
  const members = await admin?.memberList();
  if (members?.ok !== true) {
    log.write("warn", "its next start looks whether it has come in: the members do not say so now");
    return ok(undefined);
  }
  const { peerUrl } = addressesOf(identity);
  const isIn = members.value.some(({ peerUrls }) => peerUrls.includes(peerUrl));
  if (isIn) return await writeEngine(places, { ...joined, joining: false });
  return err("its member was taken out before it had come in; start it again");
}

/**
 * Takes out the member of a server that cannot serve, and closes the engine. Until it is out it votes, however long that
 * takes: the others may not be able to agree to it, or to anything, without this vote.
 */
async function takeOut(
  engine: OpenEngine,
  stored: EtcdEngine,
  options: EngineOptions,
): Promise<void> {
  const { identity, log, signal } = options;
  const { admin } = engine;
  if (admin === undefined) return;
  const ended = new AbortController();
  void engine.ended.then(() => ended.abort());
  log.write("info", "cannot serve here: takes its member out of the store's cluster");
  const until = { ...options, signal: AbortSignal.any([signal, ended.signal]) };
  const step = () => removeOwn(admin, addressesOf(identity).peerUrl);
  const removed = await repeat(until, step, Number.POSITIVE_INFINITY);
  await engine.close();
  // The next start enters anew; where it does not know yet that it is out, the others tell it.
  const left = removed.ok ? await leave(outsideOf(stored), options) : removed;
  if (!left.ok) log.write("warn", `its member is left behind for now: ${left.error}`);
}

interface Started {
  readonly engine: OpenEngine;
  /** What `store.json` says from then on. */
  readonly joined: EtcdEngine;
}

async function becomeMember(
  admin: MemberAdmin,
  stored: EtcdEngine,
  options: EngineOptions,
): Promise<Result<Started, string>> {
  const { identity, places, log } = options;
  const { peerUrl } = addressesOf(identity);
  // What an earlier attempt has left: no server is registered with it, and its data is gone.
  const cleared = await removeOwn(admin, peerUrl);
  if (!cleared.ok) return err(cleared.error.message);
  const emptied = await emptyFolder(places.etcdData);
  if (!emptied.ok) return emptied;
  log.write("info", "enters the store's cluster as a learner");
  const added = await repeat(options, () => addOrFind(admin, peerUrl));
  if (!added.ok) return added;
  const started = await startAsLearner(admin, stored, options);
  const promoted = started.ok ? await repeat(options, () => promote(admin, added.value)) : started;
  if (started.ok && promoted.ok) {
    await tellVote(options);
    log.write("info", "has caught up and votes from now on");
    return started;
  }
  // First out of the cluster, while its member may still be needed to agree to that.
  const removed = await admin.remove(added.value);
  if (started.ok) await started.value.engine.close();
  if (removed.ok || removed.error.kind === "not-found") {
    const left = await leave(outsideOf(stored), options);
    if (!left.ok) log.write("warn", left.error);
  } else {
    log.write("warn", `its member is left behind for now: ${removed.error.message}`);
  }
  return promoted.ok ? err("it was told to end") : promoted;
}

async function startAsLearner(
  admin: MemberAdmin,
  stored: EtcdEngine,
  options: EngineOptions,
): Promise<Result<Started, string>> {
  const members = await admin.memberList();
  if (!members.ok) return err(members.error.message);
  const { peerUrl } = addressesOf(options.identity);
  const name = memberNameOf(options.identity.id);
  const initialCluster = members.value
    .flatMap((member) =>
      member.peerUrls.map((url) => `${url === peerUrl ? name : member.name}=${url}`),
    )
    .join(",");
  const joined: EtcdEngine = {
    ...stored,
    member: { name, initialCluster, state: "existing" },
    joining: true,
  };
  // Before it starts: from now on a server that was cut off goes on with this member.
  const written = await writeEngine(options.places, joined);
  if (!written.ok) return written;
  const engine = await openEngine(joined, options);
  return engine.ok ? ok({ engine: engine.value, joined }) : engine;
}
