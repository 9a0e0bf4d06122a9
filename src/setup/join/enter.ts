/**
 * A server's way into the replicated store: it waits for its turn, enters as a learner that copies without a vote, and
 * is promoted when it has caught up. A way in that fails leaves no member behind; one that was cut off goes on where it
 * was, because the others may need a member that votes already.
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
import { checkAdmission } from "./admission.ts";
import { emptyFolder, hasMemberData } from "./member-data.ts";
import { addOrFind, clearLeftovers, promote, repeat } from "./membership.ts";
import { type Turn, waitForTurn } from "./turn.ts";

type EtcdEngine = Extract<StoreEngine, { engine: "etcd" }>;

export interface EnteredEngine {
  readonly engine: OpenEngine;
  /** To be called once the server is registered: it has come in, and the next one's turn comes. */
  registered(): Promise<Result<void, string>>;
  /** To be called when it is not: the next one need not wait. The way in goes on when it is started again. */
  givenUp(): Promise<void>;
}

/** Brings this server in. After an error it may be started again. */
export async function enterCluster(
  stored: EtcdEngine,
  options: EngineOptions,
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
  options: EngineOptions,
): Promise<Result<EnteredEngine, string>> {
  const { identity, credentials, clock, log } = options;
  const machine = await checkMachine({ ...identity, member: "own" });
  if (!machine.ok) return machine;
  const access = { endpoints: stored.endpoints, tls: () => credentials.etcd(), clock, log };
  const store = await openReplicatedStore(access, options);
  if (!store.ok) return store;
  const admin = createEtcdAdmin(access);
  const turn = await takeTurn(store.value, options, { isMember: false });
  const entered = turn.ok ? await becomeMember(admin, stored, options) : turn;
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
  options: EngineOptions,
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
  if (!turn.ok) return await end(turn);
  const endpoints = engine.value.memberUrls();
  const admin = createEtcdAdmin({ endpoints, tls: () => credentials.etcd(), clock, log });
  const promoted = await promoteIfMember(admin, options);
  await admin.close();
  if (promoted.ok && promoted.value === "member") {
    return ok(enteredEngine(stored, options, { engine: engine.value, turn: turn.value }));
  }
  await turn.value.end();
  return await end(promoted.ok ? ok("removed") : promoted);
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
  options: EngineOptions,
  { isMember }: { readonly isMember: boolean },
): Promise<Result<Turn, string>> {
  const { identity, clock, log, signal } = options;
  const { peerUrl, url } = addressesOf(identity);
  const { id, name } = identity;
  const record = { version: 1 as const, id, name, peerUrl, url, sinceMs: clock.wallMs() };
  const turn = await waitForTurn({ store, record, clock, log, signal, isMember });
  if (!turn.ok) return turn;
  const admitted = await checkAdmission(store, identity);
  if (admitted.ok) return turn;
  await turn.value.end();
  return admitted;
}

function enteredEngine(
  joined: EtcdEngine,
  { places }: EngineOptions,
  parts: { readonly engine: OpenEngine; readonly turn: Turn; readonly store?: Store },
): EnteredEngine {
  const { engine, turn, store } = parts;
  const givenUp = async (): Promise<void> => {
    await turn.end();
    await store?.close();
  };
  return {
    engine,
    givenUp,
    async registered() {
      const written = await writeEngine(places, { ...joined, joining: false });
      await givenUp();
      return written;
    },
  };
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
  const cleared = await clearLeftovers(admin, peerUrl);
  if (!cleared.ok) return cleared;
  const emptied = await emptyFolder(places.etcdData);
  if (!emptied.ok) return emptied;
  log.write("info", "enters the store's cluster as a learner");
  const added = await repeat(options, () => addOrFind(admin, peerUrl));
  if (!added.ok) return added;
  const started = await startAsLearner(admin, stored, options);
  const promoted = started.ok ? await repeat(options, () => promote(admin, added.value)) : started;
  if (started.ok && promoted.ok) {
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
