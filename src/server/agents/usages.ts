/** What an agent measured of its services' use of the node; the manager places by it. */
import type { NodeId } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Compare } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { usageRequestSchema } from "../../wire/agent-protocol.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys, type UsageRecord } from "../../wire/records.ts";
import type { ServerContext } from "../context.ts";
import { fromStore, refuse } from "../http/problem-error.ts";
import { changeAttemptsMax } from "../limits.ts";
import { freshTables } from "../view/fresh.ts";
import { liveLease } from "./leases.ts";

type UsageRequest = ReturnType<typeof usageRequestSchema.parse>;

/** Records the use of those services that are the node's, while its agent holds the lease that it names. */
export async function putUsages(
  context: ServerContext,
  node: NodeId,
  { epoch, usages }: UsageRequest,
): Promise<Result<void, Problem>> {
  for (let attempt = 0; attempt < changeAttemptsMax; attempt += 1) {
    const lease = await liveLease(context, node, epoch);
    if (!lease.ok) return lease;
    const tables = await freshTables(context);
    if (!tables.ok) return tables;
    const { services, servicesOn } = tables.value;
    const own = usages.filter(
      ({ service }) => servicesOn.get(node)?.has(service) === true && services.has(service),
    );
    if (own.length === 0) return ok(undefined);
    const { key, createRevision } = lease.value.entry;
    const known = own.map(({ service }): Compare => {
      return { kind: "present", key: `${keys.services}${service}` }; // a removed one leaves nothing behind
    });
    const written = fromStore(
      await context.store.txn({
        compare: [{ kind: "created-at", key, revision: createRevision }, ...known],
        then: own.map(({ service, cpuCores, memoryBytes }) => {
          const record: UsageRecord = { version: 1, cpuCores, memoryBytes };
          return { kind: "put", key: `${keys.usages}${service}`, value: jsonOf(record) } as const;
        }),
      }),
    );
    if (!written.ok) return written;
    if (written.value.succeeded) return ok(undefined);
  }
  return refuse("unavailable", `the services of node "${node}" change all the time`);
}
