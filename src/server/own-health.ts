/** Whether this server can take its full part: what a new version of it has to show before it stays. */
import { err, ok, type Result } from "../core/result.ts";
import type { ServerContext } from "./context.ts";
import { listServers } from "./control-plane/server-list.ts";

/** Entries of the store's log that a member may be behind the foremost: what a busy cluster writes while it is asked. */
const behindMax = 1_000;

/** It serves, its member of the store is in sync, and the others know its version. The error says what is missing. */
export async function ownHealth(context: ServerContext): Promise<Result<void, string>> {
  const { readiness, view, serverId, version } = context;
  const ready = await readiness.check();
  if (!ready.ok) return ready;
  const registered = view.tables.servers.get(serverId)?.value.serverVersion;
  if (registered !== version) return err(`it is not registered as version ${version} yet`);
  const own = (await listServers(context)).find(({ id }) => id === serverId);
  if (own === undefined) return err("it is in no list of servers");
  if (own.health !== "ok") return err(own.because ?? "it is cut off from its store");
  if (own.role === "learner") return err("its member of the store has no vote yet");
  const { behind = 0 } = own;
  if (behind <= behindMax) return ok(undefined);
  return err(`its member of the store is ${behind} entries behind`);
}
