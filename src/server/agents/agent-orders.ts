/**
 * Brings what a person wants of a node's agent to that agent, whichever server holds its stream: over the own stream,
 * else by a short-lived record that every server sees, with the address that the agent is to answer to.
 */
import type { NodeId } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Store } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { AgentOrder } from "../../wire/agent-protocol.ts";
import type { Problem } from "../../wire/errors.ts";
import { type AgentOrderRecord, keys } from "../../wire/records.ts";
import { fromStore, refuse } from "../http/problem-error.ts";
import { agentOrderTtlMs } from "../limits.ts";
import type { ClusterView } from "../view/cluster-view.ts";
import type { InstructionHub } from "./instruction-hub.ts";

export interface AgentOrders {
  /** The order is on its way after this; the value takes back what was written for it. */
  deliver(node: NodeId, order: AgentOrder): Promise<Result<() => Promise<void>, Problem>>;
  /** Where this server is reached, once that is known. */
  listensAt(url: string): void;
}

export interface AgentOrdersOptions {
  readonly store: Store;
  readonly view: ClusterView;
  readonly hub: InstructionHub;
  /** Where others reach this server, if somebody has said so. */
  readonly advertisedUrl: string | undefined;
}

const nothingWritten = () => Promise.resolve();

export function createAgentOrders(options: AgentOrdersOptions): AgentOrders {
  const { store, view, hub, advertisedUrl } = options;
  let url = advertisedUrl;

  async function write(record: AgentOrderRecord): Promise<Result<() => Promise<void>, Problem>> {
    const lease = fromStore(await store.grantLease(agentOrderTtlMs));
    if (!lease.ok) return lease;
    const leaseId = lease.value;
    const key = `${keys.agentOrders}${record.order.requestId}`;
    const put = { kind: "put", key, value: jsonOf(record), leaseId } as const;
    const written = fromStore(await store.txn({ compare: [], then: [put] }));
    if (!written.ok) return written;
    return ok(async () => {
      await store.revokeLease(leaseId); // where that fails, the lease ends by itself
    });
  }

  return {
    async deliver(node, order) {
      const answerTo = advertisedUrl === undefined ? {} : { answerTo: advertisedUrl };
      if (hub.tell(node, { ...order, ...answerTo })) return ok(nothingWritten);
      const isElsewhere = !store.capabilities.exclusive && view.tables.leases.has(node);
      if (!isElsewhere || url === undefined) {
        return refuse("unavailable", `the agent of node "${node}" is not connected`);
      }
      return write({ version: 1, node, order, answerTo: url });
    },
    listensAt(listening) {
      url ??= listening;
    },
  };
}
