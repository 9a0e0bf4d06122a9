/** The address in front of all servers: once it is written, every server has its certificate issued anew with it. */
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import type { ControlPlaneRecord } from "../../wire/servers.ts";
import { type ChangePlan, nothingToDo, unchanged } from "../changes/change.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** Sets the address, or takes it away. */
export function planLoadBalancer(
  tables: ViewTables,
  loadBalancer: string | undefined,
): Result<ChangePlan, Problem> {
  const row = tables.controlPlane;
  if (row?.value.loadBalancer === loadBalancer) return ok(nothingToDo);
  const { loadBalancer: _before, ...rest } = row?.value ?? { version: 1 as const, isolate: false };
  const record: ControlPlaneRecord = {
    ...rest,
    ...(loadBalancer === undefined ? {} : { loadBalancer }),
  };
  return ok({
    compare: [unchanged(keys.controlPlane, row)],
    operations: [{ kind: "put", key: keys.controlPlane, value: jsonOf(record) }],
    action: "server.load-balancer",
    subject: "control-plane",
    detail: loadBalancer ?? "none",
  });
}
