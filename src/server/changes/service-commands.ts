/** The plan of a person's order about one service, refused at once where it cannot be carried out. */
import { randomUUID } from "node:crypto";
import { type NodeId, parseNodeId, type ServiceId } from "../../core/ids.ts";
import { nodeModeWords } from "../../core/model/node-mode.ts";
import { intoleranceOf } from "../../core/placement/taints.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { commandRequestSchema } from "../../wire/api.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import { keys, type StatusRecord } from "../../wire/records.ts";
import { refuse } from "../http/problem-error.ts";
import { isDisarmed } from "../view/arming.ts";
import type { ViewTables } from "../view/view-tables.ts";
import type { ChangePlan } from "./change.ts";
import { refuseInstance, serviceRow } from "./service-changes.ts";

type Wish = ReturnType<typeof commandRequestSchema.parse>;

/** States in which a service takes no orders, each with what stands against it. */
const deafStates: Partial<Record<StatusRecord["state"], string>> = {
  queued: "waits for a node",
  error: "is in error; disable it first, then start it",
  ignored: "is ignored",
  freeze: "is frozen while its node is away",
  fence: "waits for its lost node to be fenced",
  recovery: "is being recovered already",
};

/** Makes the order, to be taken up by the manager. */
export function planCommand(
  tables: ViewTables,
  service: ServiceId,
  order: { readonly wish: Wish; readonly id: string; readonly by: string },
): Result<ChangePlan, Problem> {
  const refused = refuseInstance(service);
  if (!refused.ok) return refused;
  const row = serviceRow(tables, service);
  if (!row.ok) return row;
  const { config, removing } = row.value.value;
  if (removing) return refuse("conflict", `service "${service}" is being removed`);
  const { wish } = order;
  if (config.state === "disabled" && wish.command !== "located") {
    return refuse("refused", `service "${service}" is disabled`);
  }
  const status = tables.statuses.get(service)?.value;
  const refusal =
    wish.command === "located"
      ? problemOfLocation(tables, service, wish.target, status)
      : problemOfOrder(tables, service, wish, status);
  if (refusal !== undefined) return err(refusal);
  const record = {
    version: 1,
    id: order.id,
    kind: wish.command,
    by: order.by,
    ...(wish.command === "stop" ? { timeoutMs: wish.timeoutMs } : { target: wish.target }),
  };
  const target = wish.command === "stop" ? "" : ` to ${wish.target}`;
  return ok({
    compare: [
      { kind: "modified-at", key: `${keys.services}${service}`, revision: row.value.revision },
    ],
    operations: [{ kind: "put", key: `${keys.commands}${service}`, value: jsonOf(record) }],
    action: `service.${wish.command}`,
    subject: service,
    detail: `command ${order.id}${target}`,
  });
}

/** A new order's id. */
export function newCommandId(): string {
  return randomUUID();
}

function problemOfOrder(
  tables: ViewTables,
  service: ServiceId,
  wish: Exclude<Wish, { command: "located" }>,
  status: StatusRecord | undefined,
): Problem | undefined {
  if (isDisarmed(tables)) {
    return problemOf("refused", "the cluster is disarmed and takes no orders; arm it first");
  }
  const against = deafStates[status?.state ?? "queued"];
  if (against !== undefined) return problemOf("refused", `service "${service}" ${against}`);
  if (status?.node !== undefined && tables.nodes.get(status.node)?.value.mode === "offline") {
    const because = `node "${status.node}" is offline; enable it first`;
    return problemOf("refused", `service "${service}" is left alone: ${because}`);
  }
  return wish.command === "stop"
    ? undefined
    : problemOfTarget(tables, service, wish.target, status);
}

/** Only of what nobody watches a person may say where it is: all else is known better (S1). */
function problemOfLocation(
  tables: ViewTables,
  service: ServiceId,
  target: string,
  status: StatusRecord | undefined,
): Problem | undefined {
  const state = status?.state;
  const isLeftAlone = status?.suspended === true || state === "ignored" || state === "stopped";
  if (!isLeftAlone) {
    return problemOf(
      "refused",
      `service "${service}" is managed: only what is stopped, ignored, or left alone by a disarmed cluster can be moved by hand`,
    );
  }
  return problemOfNode(tables, target);
}

function problemOfNode(tables: ViewTables, target: string): Problem | undefined {
  const node = parseNodeId(target);
  if (!node.ok) {
    return problemOf("bad-input", node.error, [{ path: "target", message: node.error }]);
  }
  return tables.nodes.has(node.value)
    ? undefined
    : problemOf("refused", `there is no node "${target}"`);
}

function problemOfTarget(
  tables: ViewTables,
  service: ServiceId,
  target: string,
  status: StatusRecord | undefined,
): Problem | undefined {
  const node = parseNodeId(target);
  if (!node.ok || !tables.nodes.has(node.value)) return problemOfNode(tables, target);
  const state = tables.nodeStates.get(node.value)?.value.state ?? "unknown";
  if (state !== "online") return problemOf("refused", `node "${target}" is ${state}, not online`);
  if (status?.node === target)
    return problemOf("refused", `service "${service}" is on node "${target}" already`);
  const because = whyClosed(tables, { service, status, node: node.value });
  if (because === undefined) return undefined;
  return problemOf("refused", `service "${service}" cannot go to node "${target}": ${because}`);
}

/** What keeps the service itself off the node, whatever rules say: its volumes, a taint, a person. */
function whyClosed(
  tables: ViewTables,
  wish: {
    readonly service: ServiceId;
    readonly status: StatusRecord | undefined;
    readonly node: NodeId;
  },
): string | undefined {
  const { service, status, node } = wish;
  const config = tables.services.get(service)?.value.config;
  const bound = status?.boundTo;
  const volumes = config?.volumes ?? [];
  if (volumes.length > 0 && bound !== undefined && bound !== node && tables.nodes.has(bound)) {
    return `its volumes (${volumes.join(", ")}) are bound to node "${bound}"`;
  }
  const { mode = "enabled", taints = [] } = tables.nodes.get(node)?.value ?? {};
  if (mode !== "enabled") return nodeModeWords(mode);
  const taint = intoleranceOf(config?.tolerations ?? [], taints);
  return taint === undefined ? undefined : `it does not tolerate the taint "${taint}"`;
}
