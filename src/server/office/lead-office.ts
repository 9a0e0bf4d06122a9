/** One time of office on a server: the manager, beside it the keeper of the servers, backups and upgrades, and what goes with the office. */
import { createManagerDesk } from "../../runtime/manager-desk.ts";
import { type ManagerOptions, runManager } from "../../runtime/manager-loop.ts";
import { backupSourceOf } from "../backup/backup-source.ts";
import { runSchedule } from "../backup/run-schedule.ts";
import type { ServerContext } from "../context.ts";
import { runKeeper } from "../control-plane/keeper/keeper.ts";
import { upgradeActs } from "../upgrade/acts.ts";
import { runUpgradeCarrier } from "../upgrade/carrier.ts";
import { createOfficeDuties, type OfficeDuties, type OfficeParts } from "./duties.ts";

/** What this server does besides deciding; undefined: nothing. */
export function dutiesOf(
  context: Pick<ServerContext, "store" | "clock" | "log" | "serverId" | "controlPlane" | "view">,
  parts: OfficeParts | undefined,
): OfficeDuties | undefined {
  if (parts?.hooks === undefined && parts?.address === undefined) return undefined;
  const { store, clock, serverId, controlPlane, view } = context;
  return createOfficeDuties({
    ...parts,
    ...{ store, clock },
    log: context.log.with({ component: "office" }),
    server: { id: serverId, name: controlPlane?.self.name ?? serverId },
    hasOther: () => {
      const { servers, lostServers } = view.tables;
      return [...servers.keys()].some((id) => id !== serverId && !lostServers.has(id));
    },
  });
}

/** Resolves when the term is over, or was given up, and nothing of it goes on. */
export async function leadOffice(context: ServerContext, options: ManagerOptions): Promise<void> {
  const given = new AbortController();
  const term = { ...options.term, signal: AbortSignal.any([options.term.signal, given.signal]) };
  const stepDown = (because: string): void => {
    options.log.write("warn", `gives the office up: ${because}`);
    given.abort();
  };
  const desk = createManagerDesk();
  // Whoever waits for the manager to write something must not wait for ever.
  const managing = runManager({ ...options, term, desk }).finally(() => desk.close());
  const attending = context.office?.lead({ ...term, desk, stepDown });
  const saving = runSchedule({ ...context, ...options, source: backupSourceOf(context), term });
  const acts = upgradeActs(context);
  const upgrading = runUpgradeCarrier({ context, desk, term, acts });
  const keeping = runKeeper({ context, desk, term });
  await Promise.all([managing, keeping, attending, saving, upgrading]);
}
