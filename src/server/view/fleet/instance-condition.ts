/** How an instance is at the moment: whether its node is there, and whether what its record says is up and healthy. */
import type { Release } from "../../../core/fleet/model/instance.ts";
import type { NodeId } from "../../../core/ids.ts";
import type { InstanceRecord } from "../../../wire/fleet/instances.ts";
import type { ReportRecord } from "../../../wire/records.ts";
import type { Row } from "../table-slots.ts";
import type { ViewTables } from "../view-tables.ts";

export interface InstanceCondition {
  readonly row: Row<InstanceRecord>;
  readonly instance: InstanceRecord;
  /** Its node holds its lease. */
  readonly isOnline: boolean;
  /** Its agent says so, of the present lease, of the present content of its service's record. */
  readonly isHealthy: boolean;
  /** The last word of its agent; undefined: there is none about the present instruction. */
  readonly report: ReportRecord | undefined;
}

/** Whether two releases are made of the same. */
export function isSameRelease(left: Release, right: Release): boolean {
  return left.version === right.version && left.inputsKey === right.inputsKey;
}

/** The condition of the instance of a deployment on a node; undefined: there is none. */
export function instanceCondition(
  tables: ViewTables,
  deployment: string,
  node: NodeId,
): InstanceCondition | undefined {
  const row = tables.instances.get(`${deployment}/${node}`);
  if (row === undefined) return undefined;
  const { service } = row.value;
  const status = tables.statuses.get(service)?.value;
  const report = tables.reports.get(service)?.value;
  const current = report !== undefined && report.uid === status?.uid ? report : undefined;
  const lease = tables.leases.get(node)?.value;
  const revision = tables.services.get(service)?.revision;
  const isHealthy =
    revision !== undefined &&
    status?.state === "started" &&
    current?.result === "running" &&
    current.epoch === lease?.epoch &&
    current.configRevision >= revision &&
    (current.health === "none" || current.health === "healthy");
  return {
    row,
    instance: row.value,
    isOnline: lease !== undefined,
    isHealthy,
    report: current,
  };
}
