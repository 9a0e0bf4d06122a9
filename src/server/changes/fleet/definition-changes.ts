/** The plans of people's changes to definitions: one is added or removed, and never changed. */
import { isDeepStrictEqual } from "node:util";
import type { ServiceId } from "../../../core/ids.ts";
import { ok, type Result } from "../../../core/result.ts";
import { compareVersions } from "../../../core/versions.ts";
import { jsonOf } from "../../../runtime/manager-records.ts";
import type { Problem } from "../../../wire/errors.ts";
import type { DefinitionConfig, DefinitionRecord } from "../../../wire/fleet/definitions.ts";
import { keys } from "../../../wire/records.ts";
import { refuse } from "../../http/problem-error.ts";
import { definitionsMax } from "../../limits.ts";
import { definitionId, deploymentsNaming } from "../../view/fleet/definition-resource.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged, withRelations } from "../change.ts";
import { checkNodeProperties, type UnknownProperties } from "./known-properties.ts";

const namedMax = 10;

export interface AddDefinitionOptions {
  readonly by: string;
  readonly nowMs: number;
  readonly unknownProperties: UnknownProperties;
}

/** Adds a version of a service. The same again is nothing to do, another content under the same version is refused. */
export function planAddDefinition(
  tables: ViewTables,
  definition: DefinitionConfig,
  { by, nowMs, unknownProperties }: AddDefinitionOptions,
): Result<ChangePlan, Problem> {
  const { service, version } = definition;
  const id = definitionId(service, version);
  const row = tables.definitions.get(id);
  if (row !== undefined) {
    if (isDeepStrictEqual(row.value.definition, definition)) return ok(nothingToDo);
    return refuse(
      "conflict",
      `version ${version} of "${service}" is there with another content, and never changes: add the new content under another version`,
    );
  }
  const twin = sameVersion(tables, service, version);
  if (twin !== undefined) {
    return refuse("conflict", `version ${version} of "${service}" is there already, as ${twin}`);
  }
  if (tables.definitions.size >= definitionsMax) {
    return refuse("too-many", `there are ${definitionsMax} definitions already`);
  }
  const known = checkNodeProperties(tables, definition.constraint, unknownProperties);
  if (!known.ok) return known;
  const key = `${keys.definitions}${id}`;
  const record: DefinitionRecord = { version: 1, definition, by, addedAtMs: nowMs };
  const plan: ChangePlan = {
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
    action: "definition.add",
    subject: id,
    detail: "",
  };
  return ok(withRelations(tables, plan));
}

/** Another way to write the same version, e.g. `1.2` for `1.2.0`; undefined: there is none. */
function sameVersion(tables: ViewTables, service: ServiceId, version: string): string | undefined {
  for (const { value } of tables.definitions.values()) {
    const other = value.definition;
    if (other.service === service && compareVersions(other.version, version) === 0) {
      return other.version;
    }
  }
  return undefined;
}

/** Deletes a version that no deployment names and no instance runs, or may go back to. */
export function planRemoveDefinition(
  tables: ViewTables,
  service: ServiceId,
  version: string,
): Result<ChangePlan, Problem> {
  const id = definitionId(service, version);
  const row = tables.definitions.get(id);
  if (row === undefined) return refuse("not-found", `there is no definition "${id}"`);
  const deployments = deploymentsNaming(tables, service, version);
  if (deployments.length > 0) {
    const more = deployments.length > namedMax ? ` and ${deployments.length - namedMax} more` : "";
    const listed = deployments.slice(0, namedMax).join(", ");
    return refuse("refused", `version ${version} of "${service}" is named by ${listed}${more}`);
  }
  const instance = instanceWith(tables, service, version);
  if (instance !== undefined) {
    return refuse(
      "refused",
      `instance "${instance}" runs version ${version} of "${service}", or may go back to it`,
    );
  }
  const key = `${keys.definitions}${id}`;
  const plan: ChangePlan = {
    compare: [unchanged(key, row)],
    operations: [{ kind: "delete", key }],
    action: "definition.remove",
    subject: id,
    detail: "",
  };
  return ok(withRelations(tables, plan));
}

function instanceWith(tables: ViewTables, service: ServiceId, version: string): string | undefined {
  for (const { value } of tables.instances.values()) {
    const deployment = tables.deployments.get(value.deployment)?.value.deployment;
    if (deployment !== undefined && deployment.service !== service) continue;
    const { release, previous, upgrade } = value;
    const releases = [release, previous, upgrade?.from, upgrade?.to];
    if (releases.some((each) => each?.version === version)) return value.service;
  }
  return undefined;
}
