/** Who may come in by their version; what is in already is never turned away, only told of. */

import { ok, type Result } from "../../core/result.ts";
import {
  type Newcomer,
  skewVerdict,
  skewWarnings,
  type Versioned,
} from "../../core/upgrade/skew.ts";
import type { Problem } from "../../wire/errors.ts";
import type { ServerContext } from "../context.ts";
import { refuse } from "../http/problem-error.ts";
import type { ViewTables } from "../view/view-tables.ts";

type SkewContext = Pick<ServerContext, "controlPlane" | "serverId" | "version" | "log">;

/** The servers that are there now, this one among them: what one that is down runs says nothing of what it will run. */
export function liveServers(context: Omit<SkewContext, "log">, tables: ViewTables): Versioned[] {
  const { controlPlane, serverId, version } = context;
  const own = { name: controlPlane?.self.name ?? serverId, version };
  const others = [...tables.servers.values()]
    .filter(({ value: { id } }) => id !== serverId && tables.serverLeases.has(id))
    .map(({ value: { name, serverVersion } }) => ({ name, version: serverVersion }));
  return [own, ...others];
}

/** Whether a machine that is not in yet may come in. What is unknown of its version is in the log. */
export function checkVersion(
  context: SkewContext,
  tables: ViewTables,
  newcomer: Newcomer,
): Result<void, Problem> {
  const verdict = skewVerdict(newcomer, liveServers(context, tables));
  if (verdict.kind === "refused") return refuse("version-skew", verdict.sentence);
  if (verdict.kind === "unknown") context.log.write("warn", verdict.sentence);
  return ok(undefined);
}

/** What does not fit among the servers and agents of now, one sentence each. */
export function versionWarnings(
  context: Omit<SkewContext, "log">,
  tables: ViewTables,
): readonly string[] {
  const agents = [...tables.nodes.values()]
    .map(({ value }) => ({ name: String(value.node), version: value.agentVersion }))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
  return skewWarnings(liveServers(context, tables), agents);
}
