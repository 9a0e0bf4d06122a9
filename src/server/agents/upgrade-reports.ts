/** What an agent says of the upgrade of itself: recorded while it is the one that its node was told of. */
import type { NodeId } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf, readRecord } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import type { AgentUpgradeReportRequest } from "../../wire/fleet/agent-upgrades.ts";
import {
  type AgentUpgradeReportRecord,
  agentUpgradeRecordSchema,
} from "../../wire/fleet/policies.ts";
import { keys } from "../../wire/records.ts";
import type { ServerContext } from "../context.ts";
import { fromStore, refuse } from "../http/problem-error.ts";
import { changeAttemptsMax } from "../limits.ts";

/** The order is read from the store: an agent that says `initiated` and is heard has its HA group's slot (S7). */
export async function reportUpgrade(
  context: ServerContext,
  node: NodeId,
  request: AgentUpgradeReportRequest,
): Promise<Result<void, Problem>> {
  const key = `${keys.agentUpgrades}${node}`;
  for (let attempt = 0; attempt < changeAttemptsMax; attempt += 1) {
    const read = fromStore(await context.store.get(key));
    if (!read.ok) return read;
    const { entry } = read.value;
    const order =
      entry === undefined ? undefined : readRecord(agentUpgradeRecordSchema, key, entry.value);
    if (entry === undefined || order?.id !== request.id) {
      return refuse("not-found", `upgrade "${request.id}" of the agent of "${node}" is over`);
    }
    if (request.state === "initiated" && order.order !== "install") {
      return refuse("conflict", `upgrade "${request.id}" is not to be installed (${order.order})`);
    }
    const record: AgentUpgradeReportRecord = {
      version: 1,
      ...request,
      atMs: context.clock.wallMs(),
    };
    const written = fromStore(
      await context.store.txn({
        compare: [{ kind: "modified-at", key, revision: entry.modRevision }],
        then: [{ kind: "put", key: `${keys.agentUpgradeReports}${node}`, value: jsonOf(record) }],
      }),
    );
    if (!written.ok) return written;
    if (written.value.succeeded) return ok(undefined);
  }
  return refuse("unavailable", `the upgrade of the agent of "${node}" changes all the time`);
}
