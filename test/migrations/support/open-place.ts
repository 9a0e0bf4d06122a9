/** A store that more than one process of a test opens. */
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import type { Store } from "../../../src/ports/store.ts";
import type { EtcdTls } from "../../../src/stores/etcd/client/tls.ts";
import { openEtcdStore } from "../../../src/stores/etcd/etcd-store.ts";
import { openSqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import { silentLog as log } from "../../setup/support/silent-log.ts";

export type StorePlace =
  | { readonly kind: "sqlite"; readonly file: string }
  | {
      readonly kind: "etcd";
      readonly endpoints: readonly string[];
      readonly tls: EtcdTls;
      readonly prefix: string;
    };

/** Opens it; throws with the store's words. */
export async function openPlace(place: StorePlace): Promise<Store> {
  const opened =
    place.kind === "sqlite"
      ? await openSqliteStore({ file: place.file, clock })
      : await openEtcdStore({ ...place, clock, log });
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}
