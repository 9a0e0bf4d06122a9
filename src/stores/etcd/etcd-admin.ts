/** Members of an etcd cluster: asked, added, promoted and removed over gRPC, with etcd's refusals told apart. */
import { err, ok, type Result } from "../../core/result.ts";
import type {
  MemberAdmin,
  MemberError,
  MemberId,
  StoreMember,
  StoreMemberStatus,
} from "../../ports/members.ts";
import { readAttemptMs } from "./client/client-limits.ts";
import { Connection } from "./client/connection.ts";
import type { CallFailure } from "./client/failure.ts";
import { linearizableRead } from "./client/linearizable-read.ts";
import type { EtcdMember, StatusResponse } from "./client/messages.ts";
import {
  type Method,
  memberAdd,
  memberList,
  memberPromote,
  memberRemove,
  status,
} from "./client/methods.ts";
import { TlsMaterial } from "./client/tls.ts";
import { type EtcdAccess, flawOfAccess, flawOfUrl } from "./etcd-access.ts";
import { changeErrorOf, readErrorOf } from "./members/member-error.ts";
import { saveSnapshot } from "./members/snapshot.ts";

/** A change of the members is answered when it is carried out; etcd itself gives up after seven seconds. */
const changeMsMax = 8_000;
/** Connections that are kept for the next question. */
const connectionsMax = 32;

/** Looks after the members of this cluster. The certificates are asked for anew at each new connection. */
export function createEtcdAdmin(access: EtcdAccess): MemberAdmin {
  return new EtcdAdmin(access);
}

class EtcdAdmin implements MemberAdmin {
  readonly #access: EtcdAccess;
  readonly #tls: TlsMaterial;
  readonly #connections = new Map<string, Connection>();
  #urls: readonly string[];
  #isClosed = false;

  constructor(access: EtcdAccess) {
    this.#access = access;
    this.#tls = new TlsMaterial(access.tls, access.log);
    this.#urls = access.endpoints;
  }

  memberList(endpoint?: string): Promise<Result<readonly StoreMember[], MemberError>> {
    if (endpoint !== undefined) return this.#on(endpoint, listOf);
    return this.#anywhere(async (connection) => {
      // etcd 3.4 answers from the member's own knowledge; after such a read that is up to date.
      const read = await linearizableRead(connection, readAttemptMs);
      return read.ok ? await listOf(connection) : err(readErrorOf(read.error));
    });
  }

  async memberAddAsLearner(peerUrl: string): Promise<Result<StoreMember, MemberError>> {
    const flaw = flawOfUrl(peerUrl);
    if (flaw !== undefined) return err({ kind: "refused", message: flaw });
    const added = await this.#change(memberAdd, { peerUrls: [peerUrl], isLearner: true });
    if (!added.ok) return added;
    const { member } = added.value;
    return member === null ? err(noAnswer) : ok(memberOf(member));
  }

  async promote(memberId: MemberId): Promise<Result<void, MemberError>> {
    const known = await this.#known(memberId);
    if (!known.ok) return known;
    if (!known.value.isLearner) {
      const message = `the member "${known.value.name}" has its vote already`;
      return err({ kind: "not-a-learner", message });
    }
    const done = await this.#change(memberPromote, { id: memberId });
    return done.ok ? ok(undefined) : done;
  }

  async remove(memberId: MemberId): Promise<Result<void, MemberError>> {
    const known = await this.#known(memberId);
    if (!known.ok) return known;
    const done = await this.#change(memberRemove, { id: memberId });
    return done.ok ? ok(undefined) : done;
  }

  status(endpoint: string): Promise<Result<StoreMemberStatus, MemberError>> {
    return this.#on(endpoint, async (connection) => {
      const timing = { timeoutMs: readAttemptMs, leader: "not-needed" } as const;
      const asked = await connection.call(status, {}, timing);
      return asked.ok ? ok(statusOf(asked.value)) : err(readErrorOf(asked.error));
    });
  }

  health(endpoint: string): Promise<Result<void, MemberError>> {
    return this.#on(endpoint, async (connection) => {
      const read = await linearizableRead(connection, readAttemptMs);
      return read.ok ? ok(undefined) : err(readErrorOf(read.error));
    });
  }

  snapshot(endpoint: string, file: string): Promise<Result<number, MemberError>> {
    return this.#on(endpoint, (connection) => {
      return saveSnapshot({ connection, file, clock: this.#access.clock });
    });
  }

  setEndpoints(urls: readonly string[]): void {
    const usable = urls.filter((url) => flawOfUrl(url) === undefined);
    if (usable.length > 0) this.#urls = usable;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
    return Promise.resolve();
  }

  /** Looks before it asks for a change: one that cannot be is sometimes dropped by etcd without an answer. */
  async #known(memberId: MemberId): Promise<Result<StoreMember, MemberError>> {
    const members = await this.memberList();
    if (!members.ok) return members;
    const found = members.value.find(({ id }) => id === memberId);
    if (found !== undefined) return ok(found);
    return err({ kind: "not-found", message: `there is no member "${memberId}"` });
  }

  /** A change is tried on the next member only when this one has certainly not done it. */
  #change<Q, A>(method: Method<Q, A>, request: Q): Promise<Result<A, MemberError>> {
    return this.#anywhere(async (connection) => {
      const done = await connection.call(method, request, { timeoutMs: changeMsMax });
      return done.ok ? done : err(changeErrorOf(done.error));
    });
  }

  /** On the first member that is available. */
  async #anywhere<T>(
    work: (connection: Connection) => Promise<Result<T, MemberError>>,
  ): Promise<Result<T, MemberError>> {
    let last: Result<T, MemberError> = err({ kind: "unavailable", message: "there is no member" });
    for (const url of this.#urls) {
      last = await this.#on(url, work);
      if (last.ok || last.error.kind !== "unavailable") return last;
    }
    return last;
  }

  async #on<T>(
    url: string,
    work: (connection: Connection) => Promise<Result<T, MemberError>>,
  ): Promise<Result<T, MemberError>> {
    const flaw = flawOfAccess({ ...this.#access, endpoints: [url] });
    if (flaw !== undefined) return err({ kind: "refused", message: flaw });
    if (this.#isClosed) return err({ kind: "unavailable", message: "the connections are closed" });
    return await work(this.#connectionTo(url));
  }

  #connectionTo(url: string): Connection {
    const known = this.#connections.get(url);
    if (known !== undefined && !known.isRetired) return known;
    known?.close();
    const [oldest] = this.#connections;
    if (oldest !== undefined && this.#connections.size >= connectionsMax) {
      oldest[1].retire();
      this.#connections.delete(oldest[0]);
    }
    const connection = new Connection({ url, tls: this.#tls.values(), clock: this.#access.clock });
    this.#connections.set(url, connection);
    return connection;
  }
}

async function listOf(
  connection: Connection,
): Promise<Result<readonly StoreMember[], MemberError>> {
  const timing = { timeoutMs: readAttemptMs, leader: "not-needed" } as const;
  const asked: Result<{ readonly members: readonly EtcdMember[] }, CallFailure> =
    await connection.call(memberList, {}, timing);
  return asked.ok ? ok(asked.value.members.map(memberOf)) : err(readErrorOf(asked.error));
}

function memberOf({ id, name, peerUrls, clientUrls, isLearner }: EtcdMember): StoreMember {
  return { id, name, peerUrls, clientUrls, isLearner };
}

function statusOf(response: StatusResponse): StoreMemberStatus {
  return {
    memberId: response.header?.memberId ?? "0",
    leaderId: response.leader === "0" ? undefined : response.leader,
    raftTerm: Number(response.raftTerm),
    raftIndex: Number(response.raftIndex),
    appliedIndex: Number(response.raftAppliedIndex),
    sizeBytes: Number(response.dbSizeBytes),
    version: response.version,
    isLearner: response.isLearner,
    faults: response.errors,
  };
}

const noAnswer: MemberError = {
  kind: "unknown-outcome",
  message: "etcd's answer does not name the member that it has added",
};
