/** What is written of a server that is taken out, in one transaction, and what it is told when it comes back. */
import type { Operation } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { keys } from "../../wire/records.ts";
import type { RemovedServerRecord, ServerRecord } from "../../wire/servers.ts";

const forgotten = [
  ...[keys.servers, keys.serverLeases, keys.lostServers, keys.serverRemovals],
  ...[keys.serverConfigs, keys.serverConfigOrders],
  ...[keys.serverUpgrades, keys.serverUpgradeReports],
];

/** It is forgotten, turned away when it comes back, and every certificate that it was ever given is revoked. */
export function removalOf(
  server: ServerRecord,
  { because, atMs }: { readonly because: string; readonly atMs: number },
): readonly Operation[] {
  const { id, name, serials, etcdSerials } = server;
  const removed: RemovedServerRecord = { version: 1, id, name, because, atMs };
  const revoked = [
    ...serials.map((serial) => ({ serial, authority: "cluster" as const })),
    ...etcdSerials.map((serial) => ({ serial, authority: "etcd" as const })),
  ];
  return [
    ...forgotten.map((prefix): Operation => ({ kind: "delete", key: `${prefix}${id}` })),
    { kind: "put", key: `${keys.removedServers}${id}`, value: jsonOf(removed) },
    ...revoked.map(({ serial, authority }): Operation => {
      const record = { version: 1, serial, authority, holder: `server/${id}`, because, atMs };
      return { kind: "put", key: `${keys.revocations}${serial}`, value: jsonOf(record) };
    }),
  ];
}

/** What its operator reads. */
export function removedWords({ id, because }: Pick<RemovedServerRecord, "id" | "because">): string {
  return `server ${id} was removed from the cluster (${because}); to use this machine again, empty the server's data directory and join it anew`;
}
