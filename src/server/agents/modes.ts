/** What an agent is about to do: it leaves, in the way that the cluster's policy asks for, or is active again. */
import type { NodeId } from "../../core/ids.ts";
import { type AgentMode, modeOfLeaving } from "../../core/model/node.ts";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { modeRequestSchema } from "../../wire/agent-protocol.ts";
import type { Problem } from "../../wire/errors.ts";
import { type AgentModeRecord, keys } from "../../wire/records.ts";
import type { ServerContext } from "../context.ts";
import { fromStore, refuse } from "../http/problem-error.ts";
import { freshTables } from "../view/fresh.ts";
import { liveLease } from "./leases.ts";

type ModeRequest = ReturnType<typeof modeRequestSchema.parse>;

/** Records the mode that the request stands for, while the agent holds the lease that it names. */
export async function putMode(
  context: ServerContext,
  node: NodeId,
  { kind, epoch }: ModeRequest,
): Promise<Result<AgentMode, Problem>> {
  const lease = await liveLease(context, node, epoch);
  if (!lease.ok) return lease;
  const tables = await freshTables(context);
  if (!tables.ok) return tables;
  const policy = tables.value.settings.value.shutdownPolicy;
  const registered = tables.value.nodes.get(node)?.value;
  const inMaintenance = registered?.maintenance === true || registered?.mode === "offline";
  const mode = kind === "active" ? kind : modeOfLeaving(kind, { policy, inMaintenance });
  const known = tables.value.agentModes.get(node)?.value;
  if (known?.mode === mode && known.epoch === epoch) return ok(mode);
  const record: AgentModeRecord = { version: 1, mode, epoch };
  const { key, createRevision } = lease.value.entry;
  const written = fromStore(
    await context.store.txn({
      compare: [{ kind: "created-at", key, revision: createRevision }],
      then: [{ kind: "put", key: `${keys.agentModes}${node}`, value: jsonOf(record) }],
    }),
  );
  if (!written.ok) return written;
  if (written.value.succeeded) return ok(mode);
  return refuse("stale-epoch", `the lease of epoch ${epoch} of node "${node}" ended just now`);
}
