/** A server's word about its order, in the store: once for each change, and never about another order. */
import type { Result } from "../../core/result.ts";
import type { ServerUpgradeState } from "../../core/upgrade/facts.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Compare, Store, StoredEntry, StoreError } from "../../ports/store.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import {
  type ServerOrderRecord,
  type ServerReportRecord,
  serverOrderRecordSchema,
  serverReportDetailMax,
  serverReportRecordSchema,
} from "../../wire/packages/server-upgrades.ts";
import { keys } from "../../wire/records.ts";

/** An order with the revision of the store that wrote it. */
export interface KnownOrder extends ServerOrderRecord {
  readonly revision: number;
}

/** `refused`: the order is not the server's any more. */
export type SayOutcome = "written" | "refused" | "aborted";

export interface Saying {
  /** Of the order. */
  readonly id: string;
  readonly state: ServerUpgradeState;
  readonly detail: string;
}

export interface ServerReports {
  /** Tries until it is written, or the signal aborts. */
  say(saying: Saying, signal: AbortSignal): Promise<SayOutcome>;
}

export interface ServerReportsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverId: string;
  /** Of the program that runs. */
  readonly version: string;
}

const againMs = 250;

/** Writes them. */
export function createServerReports(options: ServerReportsOptions): ServerReports {
  const { clock, log } = options;
  return {
    async say(saying, signal) {
      let told = "";
      while (!signal.aborted) {
        const outcome = await trySay(options, saying);
        if (outcome.kind !== "again") return outcome.kind;
        if (outcome.because !== told) {
          log.write("warn", `the upgrade is "${saying.state}", but: ${outcome.because}`);
        }
        told = outcome.because;
        await pause(clock, againMs, signal);
      }
      return "aborted";
    },
  };
}

type Attempt =
  | { readonly kind: "written" | "refused" }
  | { readonly kind: "again"; readonly because: string };

async function trySay(options: ServerReportsOptions, saying: Saying): Promise<Attempt> {
  const { store, clock, serverId, version } = options;
  const order = await readOrder(store, serverId);
  if (!order.ok) return { kind: "again", because: order.error.message };
  if (order.value?.id !== saying.id) return { kind: "refused" };
  const key = `${keys.serverUpgradeReports}${serverId}`;
  const read = await store.get(key);
  if (!read.ok) return { kind: "again", because: read.error.message };
  const { entry } = read.value;
  const detail = saying.detail.slice(0, serverReportDetailMax);
  if (isSaid(entry, { ...saying, detail }, version)) return { kind: "written" };
  const report: ServerReportRecord = {
    version: 1,
    ...{ id: saying.id, state: saying.state, serverVersion: version, detail },
    atMs: clock.wallMs(),
  };
  const orderKey = `${keys.serverUpgrades}${serverId}`;
  const written = await store.txn({
    compare: [
      { kind: "modified-at", key: orderKey, revision: order.value.revision },
      unchanged(key, entry),
    ],
    then: [{ kind: "put", key, value: jsonOf(report) }],
  });
  if (!written.ok) return { kind: "again", because: written.error.message };
  if (written.value.succeeded) return { kind: "written" };
  return { kind: "again", because: "its order changes at this moment" };
}

function unchanged(key: string, entry: StoredEntry | undefined): Compare {
  if (entry === undefined) return { kind: "absent", key };
  return { kind: "modified-at", key, revision: entry.modRevision };
}

function isSaid(entry: StoredEntry | undefined, saying: Saying, version: string): boolean {
  const parsed = serverReportRecordSchema.safeParse(entry?.value);
  if (!parsed.success) return false;
  const { id, state, detail, serverVersion } = parsed.data;
  const isSame = id === saying.id && state === saying.state && detail === saying.detail;
  return isSame && serverVersion === version;
}

/** What the server of this id is told to do now; undefined: nothing that it understands. */
export async function readOrder(
  store: Pick<Store, "get">,
  serverId: string,
): Promise<Result<KnownOrder | undefined, StoreError>> {
  const read = await store.get(`${keys.serverUpgrades}${serverId}`);
  if (!read.ok) return read;
  return { ok: true, value: orderIn(read.value.entry) };
}

function orderIn(entry: StoredEntry | undefined): KnownOrder | undefined {
  if (entry === undefined) return undefined;
  const parsed = serverOrderRecordSchema.safeParse(entry.value);
  return parsed.success ? { ...parsed.data, revision: entry.modRevision } : undefined;
}
