/** What this server makes backups from. */
import type { ServerContext } from "../context.ts";
import type { BackupSource } from "./make-backup.ts";

/** For routes, the schedule, and upgrades. */
export function backupSourceOf(
  context: Pick<ServerContext, "store" | "clock" | "serverId" | "version" | "secrets">,
): BackupSource {
  const { store, clock, serverId, version, secrets } = context;
  return { store, clock, serverId, version, secrets };
}
