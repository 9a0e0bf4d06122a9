/** Opens the replicated store: finds a member, reads what revisions begin at, and checks that etcd's limits suffice. */
import { err, ok, type Result } from "../../core/result.ts";
import { CallOrder } from "./call-order.ts";
import { Attempts } from "./client/attempts.ts";
import { Endpoints } from "./client/endpoints.ts";
import { TlsMaterial } from "./client/tls.ts";
import { type EtcdAccess, flawOfAccess } from "./etcd-access.ts";
import { flawOfLimits } from "./etcd-limits.ts";
import { readMetaWith } from "./etcd-meta.ts";
import { readKey } from "./etcd-reads.ts";
import { GatheredReads } from "./gathered-reads.ts";
import { KeySpace } from "./key-space.ts";
import { LeaseDoubt } from "./leases/lease-doubt.ts";
import { Renewals } from "./leases/renewals.ts";
import { type EtcdStore, type EtcdStoreParts, ReplicatedStore } from "./replicated-store.ts";
import { Room } from "./room.ts";
import { EtcdWatches } from "./watches/etcd-watches.ts";

export interface EtcdStoreOptions extends EtcdAccess {
  /** Begins every key of the store in etcd, ends with "/"; default "/holdfast/data/". */
  readonly prefix?: string | undefined;
  /** Revisions that are held in memory for slower readers of watches; default 1,000. */
  readonly watchRevisionsMax?: number | undefined;
}

/** Why the store could not be opened. `inaccessible`: no member answers; `incompatible`: it cannot serve as it is. */
export interface StoreOpenError {
  readonly kind: "inaccessible" | "incompatible";
  /** One line for a person; names the addresses. */
  readonly message: string;
}

const prefixDefault = "/holdfast/data/";
const watchRevisionsMaxDefault = 1_000;
const watchBytesMax = 16 * 1_048_576;

/** Opens the store. One clear line says why not. */
export async function openEtcdStore(
  options: EtcdStoreOptions,
): Promise<Result<EtcdStore, StoreOpenError>> {
  const where = `etcd at ${options.endpoints.join(", ")}`;
  const flaw = flawOfAccess(options) ?? flawOfStorePrefix(options.prefix);
  if (flaw !== undefined) {
    return err({ kind: "incompatible", message: `cannot open the store in ${where}: ${flaw}` });
  }
  const { clock, log } = options;
  const endpoints = new Endpoints({ ...options, tls: new TlsMaterial(options.tls, log) });
  const doubt = new LeaseDoubt(clock);
  const onTerm = (raftTerm: number): void => doubt.note(raftTerm);
  const attempts = new Attempts({ endpoints, clock, onTerm });
  const fail = (kind: StoreOpenError["kind"], why: string): Result<never, StoreOpenError> => {
    endpoints.close();
    return err({ kind, message: `cannot open the store in ${where}: ${why}` });
  };
  const meta = await readMetaWith(attempts);
  if (!meta.ok) {
    const isRefused = meta.error.kind === "refused";
    return fail(isRefused ? "incompatible" : "inaccessible", meta.error.message);
  }
  const limits = await flawOfLimits(endpoints.current());
  if (limits !== undefined) return fail("incompatible", limits);
  const revisionOffset = meta.value?.meta.revisionOffset ?? 0;
  const keys = new KeySpace({ prefix: options.prefix ?? prefixDefault, revisionOffset });
  return ok(new ReplicatedStore(partsOf(options, { endpoints, attempts, keys, doubt })));
}

function partsOf(
  options: EtcdStoreOptions,
  base: Pick<EtcdStoreParts, "endpoints" | "attempts" | "keys" | "doubt">,
): EtcdStoreParts {
  const { clock } = options;
  const onTerm = (raftTerm: number): void => base.doubt.note(raftTerm);
  const watches = new EtcdWatches({
    ...base,
    onTerm,
    clock,
    revision: async () => {
      const read = await readKey(base, "any");
      return read.ok ? ok(read.value.revision) : read;
    },
    revisionsMax: options.watchRevisionsMax ?? watchRevisionsMaxDefault,
    bytesMax: watchBytesMax,
  });
  const renewals = new Renewals({ ...base, clock, onTerm });
  const room = new Room(base.endpoints);
  const reads = new GatheredReads({ ...base, clock });
  return { ...base, order: new CallOrder(clock), reads, room, renewals, watches };
}

function flawOfStorePrefix(prefix: string | undefined): string | undefined {
  if (prefix === undefined || /^\/[\x21-\x7e]*\/$/.test(prefix)) return undefined;
  return `the prefix "${prefix}" is not as it must be: it begins and ends with "/" and has no spaces`;
}
