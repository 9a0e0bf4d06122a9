/** Definitions as people see them. */
import { compareIds, type ServiceId } from "../../../core/ids.ts";
import { compareVersions } from "../../../core/versions.ts";
import type { DefinitionResource } from "../../../wire/fleet/resources.ts";
import type { ViewTables } from "../view-tables.ts";

/** The part of a definition's key after its prefix. */
export function definitionId(service: ServiceId, version: string): string {
  return `${service}/${version}`;
}

/** A definition; undefined: there is none of this id. */
export function definitionResource(tables: ViewTables, id: string): DefinitionResource | undefined {
  const row = tables.definitions.get(id);
  if (row === undefined) return undefined;
  const { definition, by, addedAtMs } = row.value;
  const { service, version } = definition;
  return {
    ...{ id, service, version, by, addedAtMs },
    revision: row.revision,
    config: definition,
    deployments: [...deploymentsNaming(tables, service, version)],
  };
}

/** All definitions, in order of service, the lowest version first. */
export function definitionResources(tables: ViewTables): DefinitionResource[] {
  return [...tables.definitions.keys()]
    .map((id) => definitionResource(tables, id))
    .filter((resource) => resource !== undefined)
    .sort(
      (left, right) =>
        compareIds(left.service, right.service) || compareVersions(left.version, right.version),
    );
}

/** The deployments that name a version of a service, in order of name. */
export function deploymentsNaming(
  tables: ViewTables,
  service: ServiceId,
  version: string,
): readonly string[] {
  return [...tables.deployments]
    .filter(
      ([, { value }]) =>
        value.deployment.service === service &&
        value.deployment.versions.some((line) => line.version === version),
    )
    .map(([name]) => name)
    .sort(compareIds);
}
