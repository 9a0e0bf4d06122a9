/** What agents say of themselves and of their upgrades: what `src/server/agents/upgrade-reports.ts` does, over callbacks. */
import { jsonOf } from "../../runtime/manager-records.ts";
import type { AgentUpgradeReportRecord } from "../../wire/fleet/policies.ts";
import { keys } from "../../wire/records.ts";
import { readAgentUpgrade } from "../store/fleet-records.ts";
import { readNode } from "../store/records.ts";
import type { AgentAnswer, Reply, RequestOf } from "./agent-protocol.ts";
import { type LeaseContext, unavailable } from "./leases.ts";

/** Recorded while it is the upgrade that the node was told of; `initiated` only with the order to install (S7). */
export function reportUpgrade(
  { link }: LeaseContext,
  request: RequestOf<"upgrade-report">,
  reply: Reply,
): void {
  const { node, id, state, detail, agentVersion } = request;
  const key = `${keys.agentUpgrades}${node}`;
  link.get(key, (read) => {
    if (!read.ok) {
      reply(unavailable(read.error));
      return;
    }
    const entry = read.value;
    const order = entry === undefined ? undefined : readAgentUpgrade(entry);
    if (entry === undefined || order?.id !== id) {
      reply(refused(`upgrade "${id}" is over`));
    } else if (state === "initiated" && order.order !== "install") {
      reply(refused(`upgrade "${id}" is not to be installed`));
    } else {
      const record: AgentUpgradeReportRecord = {
        version: 1,
        id,
        state,
        detail,
        agentVersion,
        atMs: 0,
      };
      const txn = {
        compare: [{ kind: "modified-at", key, revision: entry.modRevision }],
        then: [{ kind: "put", key: `${keys.agentUpgradeReports}${node}`, value: jsonOf(record) }],
      } as const;
      link.txn(txn, (written) => {
        if (!written.ok) reply(unavailable(written.error));
        else if (written.value.succeeded) reply({ kind: "done" });
        else reply({ kind: "unavailable", detail: "the upgrade has changed just now" });
      });
    }
  });
}

/** The version of the agent that the node has from now on. */
export function joinNode({ link }: LeaseContext, request: RequestOf<"join">, reply: Reply): void {
  const { node, agentVersion } = request;
  const key = `${keys.nodes}${node}`;
  link.get(key, (read) => {
    if (!read.ok) {
      reply(unavailable(read.error));
      return;
    }
    const entry = read.value;
    if (entry === undefined) {
      reply(refused(`node "${node}" is not in the cluster`));
      return;
    }
    const txn = {
      compare: [{ kind: "modified-at", key, revision: entry.modRevision }],
      then: [{ kind: "put", key, value: jsonOf({ ...readNode(entry), agentVersion }) }],
    } as const;
    link.txn(txn, (written) => {
      if (!written.ok) reply(unavailable(written.error));
      else if (written.value.succeeded) reply({ kind: "done" });
      else reply({ kind: "unavailable", detail: "the node's record has changed just now" });
    });
  });
}

function refused(detail: string): AgentAnswer {
  return { kind: "refused", code: "conflict", detail };
}
