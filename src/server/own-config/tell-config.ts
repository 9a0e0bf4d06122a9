/**
 * Tells the others what this server has of its own, in the store, and carries out what people want changed of it: the
 * order is taken from the store, kept on this server's disk, and answered with what holds then.
 */
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Compare, Operation, Store } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type {
  ServerConfigOrderRecord,
  ServerConfigRecord,
} from "../../wire/control-plane/server-config.ts";
import { keys } from "../../wire/records.ts";
import { unchanged } from "../changes/change.ts";
import type { ClusterView } from "../view/cluster-view.ts";
import type { Row } from "../view/table-slots.ts";
import type { OwnConfig } from "./own-config.ts";

export interface TellConfigOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly view: Pick<ClusterView, "tables" | "listen">;
  readonly config: OwnConfig;
  readonly serverId: string;
  /** For people. */
  readonly name: string;
}

export interface ToldConfig {
  /** Stops, when what is under way is done. */
  end(): Promise<void>;
}

/** A store that did not take it is asked again after so long. */
const againMs = 1_000;

/** Begins. What hinders it is in the log. */
export function tellConfig(options: TellConfigOptions): ToldConfig {
  const { clock, view, serverId } = options;
  let working: Promise<void> = Promise.resolve();
  let hasEnded = false;
  let cancel = (): void => undefined;
  const look = (): void => {
    working = working.then(async () => {
      if (hasEnded || (await tell(options))) return;
      cancel();
      cancel = clock.after(againMs, look);
    });
  };
  const mine = [keys.serverConfigOrders, keys.serverConfigs].map(
    (prefix) => `${prefix}${serverId}`,
  );
  const unlisten = view.listen({
    changed({ changedKeys }) {
      if (changedKeys.some((key) => mine.includes(key))) look();
    },
    reset: look,
  });
  look();
  return {
    async end() {
      hasEnded = true;
      unlisten();
      cancel();
      await working;
    },
  };
}

/** Whether there is nothing left to do. */
async function tell(options: TellConfigOptions): Promise<boolean> {
  const { config, log, serverId, view } = options;
  const order = view.tables.serverConfigOrders.get(serverId);
  const before = view.tables.serverConfigs.get(serverId)?.value;
  let { lastOrder } = before ?? {};
  // One whose answer could not be written is carried out again: it says what is to be, not what is to change.
  if (order !== undefined) {
    const changed = await config.change(order.value.change);
    lastOrder = { id: order.value.order, ...(changed.ok ? {} : { error: changed.error }) };
    if (!changed.ok) log.write("error", `its settings stay as they are: ${changed.error}`);
  }
  const record: ServerConfigRecord = {
    ...{ version: 1, id: serverId, name: options.name, ...config.shown() },
    ...(lastOrder === undefined ? {} : { lastOrder }),
  };
  if (order === undefined && isDeepStrictEqual(before, record)) return true;
  const written = await options.store.txn(writing(record, order));
  if (!written.ok)
    log.write("debug", `the others do not know its settings yet: ${written.error.message}`);
  // If it did not succeed, this server was removed, or has another order by now, which its view will show.
  return written.ok;
}

function writing(
  record: ServerConfigRecord,
  order: Row<ServerConfigOrderRecord> | undefined,
): { compare: readonly Compare[]; then: readonly Operation[] } {
  const orderKey = `${keys.serverConfigOrders}${record.id}`;
  return {
    compare: [
      { kind: "absent", key: `${keys.removedServers}${record.id}` },
      unchanged(orderKey, order),
    ],
    then: [
      { kind: "put", key: `${keys.serverConfigs}${record.id}`, value: jsonOf(record) },
      ...(order === undefined ? [] : [{ kind: "delete" as const, key: orderKey }]),
    ],
  };
}
