/** The plans of people's changes to management policies. What follows from them on the nodes is the manager's to do. */
import { isDeepStrictEqual } from "node:util";
import { err, ok, type Result } from "../../../core/result.ts";
import { jsonOf } from "../../../runtime/manager-records.ts";
import type { Problem } from "../../../wire/errors.ts";
import type { PolicyConfig, PolicyRecord } from "../../../wire/fleet/policies.ts";
import { keys } from "../../../wire/records.ts";
import { brokenPrecondition, type Precondition } from "../../http/etag.ts";
import { refuse } from "../../http/problem-error.ts";
import { policiesMax } from "../../limits.ts";
import { packageVersions, policyNodes } from "../../view/fleet/policy-resource.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged } from "../change.ts";
import { badInput } from "./bad-input.ts";
import { checkNodeProperties, type UnknownProperties } from "./known-properties.ts";

export interface PutPolicyOptions {
  readonly precondition: Precondition;
  readonly by: string;
  readonly nowMs: number;
  readonly unknownProperties: UnknownProperties;
}

/** Adds the policy, or replaces it. Nothing is written when it is the same already. */
export function planPutPolicy(
  tables: ViewTables,
  policy: PolicyConfig,
  options: PutPolicyOptions,
): Result<ChangePlan, Problem> {
  const { name } = policy;
  const row = tables.policies.get(name);
  const broken = brokenPrecondition(options.precondition, `policy "${name}"`, row?.revision);
  if (broken !== undefined) return err(broken);
  if (isDeepStrictEqual(row?.value.policy, policy)) return ok(nothingToDo);
  if (row === undefined && tables.policies.size >= policiesMax) {
    return refuse("too-many", `there are ${policiesMax} policies already`);
  }
  const startAtMs = policy.start === undefined ? options.nowMs : Date.parse(policy.start);
  const over = faultOfWindow(policy, startAtMs, options.nowMs);
  if (over !== undefined) return over;
  const known = checkNodeProperties(tables, policy.constraint, options.unknownProperties);
  if (!known.ok) return known;
  const key = `${keys.policies}${name}`;
  const record: PolicyRecord = {
    version: 1,
    policy,
    generation: (row?.value.generation ?? 0) + 1,
    startAtMs,
    by: options.by,
    addedAtMs: row?.value.addedAtMs ?? options.nowMs,
    // A person may switch off what an upgrade asks of agents; what asks for another version is theirs.
    ...(row?.value.policy.agentVersion === policy.agentVersion ? { order: row.value.order } : {}),
  };
  return ok({
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
    action: row === undefined ? "policy.add" : "policy.change",
    subject: name,
    detail: JSON.stringify(policy),
    warnings: warningsOf(tables, record),
  });
}

/** Nothing could ever be begun under it. */
function faultOfWindow(
  { windowMs }: PolicyConfig,
  startAtMs: number,
  nowMs: number,
): ReturnType<typeof badInput> | undefined {
  if (windowMs === undefined || startAtMs + windowMs > nowMs) return undefined;
  const end = new Date(startAtMs + windowMs).toISOString();
  const message = `the window is over already: it ended at ${end}`;
  return badInput([{ path: "windowMs", message }]);
}

function warningsOf(tables: ViewTables, record: PolicyRecord): string[] {
  const { agentVersion, enabled } = record.policy;
  const versions = packageVersions(tables);
  const warnings: string[] = [];
  if (agentVersion === "latest" ? versions.length === 0 : !versions.includes(agentVersion)) {
    const what = agentVersion === "latest" ? "" : ` of version ${agentVersion}`;
    warnings.push(
      `there is no package${what} yet: nodes wait until somebody pushes it with: holdfast bundle push FILE`,
    );
  }
  if (policyNodes(tables, record).length === 0) warnings.push("it chooses no node at the moment");
  if (!enabled) warnings.push("it is not enabled: nothing comes of it before it is");
  return warnings;
}

/** Removes the policy. The manager calls off what has not begun. */
export function planRemovePolicy(
  tables: ViewTables,
  name: string,
  precondition: Precondition,
): Result<ChangePlan, Problem> {
  const row = tables.policies.get(name);
  if (row === undefined) return refuse("not-found", `there is no policy "${name}"`);
  const broken = brokenPrecondition(precondition, `policy "${name}"`, row.revision);
  if (broken !== undefined) return err(broken);
  const key = `${keys.policies}${name}`;
  return ok({
    compare: [unchanged(key, row)],
    operations: [{ kind: "delete", key }],
    action: "policy.remove",
    subject: name,
    detail: "",
  });
}
