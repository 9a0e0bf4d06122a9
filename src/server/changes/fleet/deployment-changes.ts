/** The plans of people's changes to deployments. What follows from them on the nodes is the manager's to do. */
import { isDeepStrictEqual } from "node:util";
import { err, ok, type Result } from "../../../core/result.ts";
import { jsonOf } from "../../../runtime/manager-records.ts";
import type { Problem } from "../../../wire/errors.ts";
import type { DefinitionConfig } from "../../../wire/fleet/definitions.ts";
import type { DeploymentConfig, DeploymentRecord } from "../../../wire/fleet/deployments.ts";
import { keys } from "../../../wire/records.ts";
import { brokenPrecondition, type Precondition } from "../../http/etag.ts";
import { refuse } from "../../http/problem-error.ts";
import { deploymentsMax } from "../../limits.ts";
import { definitionId } from "../../view/fleet/definition-resource.ts";
import type { Row } from "../../view/table-slots.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged, withRelations } from "../change.ts";
import { badInput, type Fault } from "./bad-input.ts";
import { faultsOfInputs, inputsKeyOf } from "./deployment-inputs.ts";
import { warningsOf } from "./deployment-warnings.ts";
import { checkNodeProperties, type UnknownProperties } from "./known-properties.ts";

export interface PutDeploymentOptions {
  readonly precondition: Precondition;
  readonly by: string;
  readonly nowMs: number;
  readonly unknownProperties: UnknownProperties;
}

/** The deployment's row; a problem when there is none. */
export function deploymentRow(
  tables: ViewTables,
  name: string,
): Result<Row<DeploymentRecord>, Problem> {
  const row = tables.deployments.get(name);
  return row === undefined ? refuse("not-found", `there is no deployment "${name}"`) : ok(row);
}

/** Adds the deployment, or replaces it. Nothing is written when it is the same already. */
export function planPutDeployment(
  tables: ViewTables,
  deployment: DeploymentConfig,
  options: PutDeploymentOptions,
): Result<ChangePlan, Problem> {
  const { name } = deployment;
  const row = tables.deployments.get(name);
  const broken = brokenPrecondition(options.precondition, `deployment "${name}"`, row?.revision);
  if (broken !== undefined) return err(broken);
  if (row?.value.removing === true) {
    return refuse(
      "conflict",
      `deployment "${name}" is being removed; add it again once it is gone`,
    );
  }
  if (isDeepStrictEqual(row?.value.deployment, deployment)) return ok(nothingToDo);
  if (row === undefined && tables.deployments.size >= deploymentsMax) {
    return refuse("too-many", `there are ${deploymentsMax} deployments already`);
  }
  const record = checkedRecord(tables, deployment, { ...options, row: row?.value });
  if (!record.ok) return record;
  const { inputsKey } = record.value;
  const key = `${keys.deployments}${name}`;
  const inputsAt = `${keys.deploymentInputs}${name}/${inputsKey}`;
  const inputs = jsonOf({ version: 1, inputs: deployment.inputs });
  const plan: ChangePlan = {
    compare: [unchanged(key, row)],
    operations: [
      { kind: "put", key, value: jsonOf(record.value) },
      ...(row?.value.inputsKey === inputsKey
        ? []
        : [{ kind: "put", key: inputsAt, value: inputs } as const]),
    ],
    action: row === undefined ? "deployment.add" : "deployment.change",
    subject: name,
    detail: `generation ${record.value.generation}: ${changedFields(row?.value.deployment, deployment)}`,
    warnings: warningsOf(tables, record.value),
  };
  // The versions that it names must not be removed at the same time.
  return ok(withRelations(tables, plan));
}

/** The record that the deployment would have, if it fits to what there is. */
export function checkedRecord(
  tables: ViewTables,
  deployment: DeploymentConfig,
  options: {
    readonly by: string;
    readonly nowMs: number;
    readonly unknownProperties: UnknownProperties;
    /** What it replaces. */
    readonly row: DeploymentRecord | undefined;
  },
): Result<DeploymentRecord, Problem> {
  const { by, nowMs, unknownProperties, row } = options;
  if (row !== undefined && row.deployment.service !== deployment.service) {
    const message = `deployment "${deployment.name}" is of "${row.deployment.service}", and stays so: use another name for "${deployment.service}"`;
    return badInput([{ path: "service", message }]);
  }
  const definitions = definitionsOf(tables, deployment);
  if (!definitions.ok) return definitions;
  const misfits = faultsOfInputs(deployment.inputs, definitions.value);
  if (misfits.length > 0) return badInput(misfits);
  // One that was let in stays: what it names may have gone since.
  const isNew = deployment.constraint !== row?.deployment.constraint;
  const unknown = isNew ? unknownProperties : "allowed";
  const known = checkNodeProperties(tables, deployment.constraint, unknown);
  if (!known.ok) return known;
  return ok({
    version: 1,
    deployment,
    generation: (row?.generation ?? 0) + 1,
    inputsKey: inputsKeyOf(deployment.inputs),
    by,
    addedAtMs: row?.addedAtMs ?? nowMs,
    removing: false,
  });
}

function definitionsOf(
  tables: ViewTables,
  { service, versions }: DeploymentConfig,
): Result<readonly DefinitionConfig[], Problem> {
  const faults: Fault[] = [];
  const definitions: DefinitionConfig[] = [];
  for (const [index, { version }] of versions.entries()) {
    const row = tables.definitions.get(definitionId(service, version));
    if (row !== undefined) definitions.push(row.value.definition);
    else {
      const message = `there is no version ${version} of "${service}"; add it first with: holdfast definition add`;
      faults.push({ path: `versions.${index}.version`, message });
    }
  }
  return faults.length === 0 ? ok(definitions) : badInput(faults);
}

/** Names of the fields that differ, never their values: inputs may hold secrets. */
function changedFields(before: DeploymentConfig | undefined, after: DeploymentConfig): string {
  if (before === undefined) return "new";
  const left = new Map<string, unknown>(Object.entries(before));
  const right = new Map<string, unknown>(Object.entries(after));
  const names = [...new Set([...left.keys(), ...right.keys()])].sort();
  const changed = names.filter((name) => !isDeepStrictEqual(left.get(name), right.get(name)));
  return `changed: ${changed.join(", ")}`;
}

/** Has the manager stop all instances, then forget the deployment. Again is the same. */
export function planRemoveDeployment(
  tables: ViewTables,
  name: string,
  precondition: Precondition,
): Result<ChangePlan, Problem> {
  const row = deploymentRow(tables, name);
  if (!row.ok) return row;
  const { value, revision } = row.value;
  const broken = brokenPrecondition(precondition, `deployment "${name}"`, revision);
  if (broken !== undefined) return err(broken);
  if (value.removing) return ok(nothingToDo);
  const key = `${keys.deployments}${name}`;
  const record = { ...value, removing: true, generation: value.generation + 1 };
  return ok({
    compare: [unchanged(key, row.value)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
    action: "deployment.remove",
    subject: name,
    detail: "",
  });
}
