/**
 * Packages of a Holdfast that wants another schema of the store: this checkout with one more migration. `stop-all` moves
 * services to other keys, makes two entries of each, and gives groups another shape: the program of the checkout would
 * find no services in such a store, and could read none of its groups. `rolling` adds a field to services and statuses,
 * which the program of the checkout reads over.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { UpgradeStrategy } from "../../../src/core/upgrade/model.ts";
import { openWorkshop, type PackageWorkshop } from "../../agent-upgrade/support/packages.ts";

const root = join(import.meta.dirname, "../../..");
const copied = ["src", "bin", "package.json", "tsconfig.json"];

/** What the store of such a package has. */
export const schemaAfter = 2;
/** Where it keeps services. */
export const workloadKeys = { services: "workloads/", origins: "workload-origins/" } as const;

/** The field that `rolling` adds. */
export const addedField = "noted";

const rollingMigration = `/** Services and their statuses get a field more. */
import type { Migration, RawEntry } from "./migration.ts";

export const added: Migration = {
  from: 1,
  to: ${schemaAfter},
  name: "notes of services",
  rolling: true,
  migrate({ key, value }: RawEntry): readonly RawEntry[] {
    const isOne = key.startsWith("services/") || key.startsWith("statuses/");
    if (!isOne || typeof value !== "object" || value === null) return [{ key, value }];
    return [{ key, value: { ...value, ${addedField}: "by schema ${schemaAfter}" } }];
  },
};
`;

const migration = `/** Services become workloads, each with a note of where it was, and groups take another shape. */
import type { Migration, RawEntry, RawJson } from "./migration.ts";

const services = "services/";

export const workloads: Migration = {
  from: 1,
  to: ${schemaAfter},
  name: "services become workloads",
  rolling: false,
  migrate(entry: RawEntry): readonly RawEntry[] {
    const { key, value } = entry;
    if (key.startsWith(services)) {
      const id = key.slice(services.length);
      const origin = { version: 1, was: key };
      return [
        { key: \`${workloadKeys.services}\${id}\`, value },
        { key: \`${workloadKeys.origins}\${id}\`, value: origin },
      ];
    }
    if (key.startsWith("groups/")) {
      const { group } = value as { readonly group: RawJson };
      return [{ key, value: { version: 2, placement: group } }];
    }
    return [entry];
  },
};
`;

/** What is different in the checkout that the package is built from. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Names the migration of a file beside it. */
function namedInProgram(name: string): readonly Patch[] {
  const file = "src/core/migrations/program.ts";
  const type = 'import type { Migrations } from "./migration.ts";';
  return [
    { file, find: "createMigrations([]);", replace: `createMigrations([${name}]);` },
    { file, find: type, replace: `${type}\nimport { ${name} } from "./${name}.ts";` },
  ];
}

const patches: readonly Patch[] = [
  {
    file: "src/wire/records.ts",
    find: '  services: "services/",',
    replace: `  services: "${workloadKeys.services}",\n  workloadOrigins: "${workloadKeys.origins}",`,
  },
  {
    file: "src/wire/records.ts",
    find: "export const groupRecordSchema = z.object({ ...version, group: groupSchema });",
    replace: `export const groupRecordSchema = z
  .object({ version: z.literal(2), placement: groupSchema })
  .transform(({ placement }) => ({ version: 2, group: placement }));
export const workloadOriginRecordSchema = z.object({ ...version, was: z.string() });`,
  },
  {
    file: "src/wire/control-plane/record-schemas.ts",
    find: "\n  serviceRecordSchema,\n",
    replace: "\n  serviceRecordSchema,\n  workloadOriginRecordSchema,\n",
  },
  {
    file: "src/wire/control-plane/record-schemas.ts",
    find: "  services: serviceRecordSchema,",
    replace: "  services: serviceRecordSchema,\n  workloadOrigins: workloadOriginRecordSchema,",
  },
  {
    file: "src/server/changes/group-changes.ts",
    find: "value: jsonOf({ version: 1, group })",
    replace: "value: jsonOf({ version: 2, placement: group })",
  },
];

interface SchemaChange {
  /** Of the migration's file, and of what it exports. */
  readonly name: string;
  readonly migration: string;
  readonly patches: readonly Patch[];
}

const changes: Readonly<Record<UpgradeStrategy, SchemaChange>> = {
  "stop-all": { name: "workloads", migration, patches },
  rolling: {
    ...{ name: "added", migration: rollingMigration },
    patches: [
      {
        file: "src/wire/records.ts",
        find: "  removing: z.boolean(),\n  addedAtMs: z.number(),",
        replace: `  removing: z.boolean(),\n  ${addedField}: z.string().optional(),\n  addedAtMs: z.number(),`,
      },
    ],
  },
};

/** Of the migration of `stop-all`. */
export const migrationFile = "src/core/migrations/workloads.ts";

/** Builds it, into a folder of its own; `more`: what else is different in it. */
export async function openSchemaWorkshop(
  strategy: UpgradeStrategy = "stop-all",
  more: readonly Patch[] = [],
): Promise<PackageWorkshop> {
  const change = changes[strategy];
  const copy = mkdtempSync(join(tmpdir(), "hf-other-schema-"));
  const removeCopy = (): void => rmSync(copy, { recursive: true, force: true });
  try {
    for (const name of copied) cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    writeFileSync(join(copy, `src/core/migrations/${change.name}.ts`), change.migration);
    const made = [...namedInProgram(change.name), ...change.patches, ...more];
    for (const patch of made) apply(copy, patch);
    return await openWorkshop(copy);
  } finally {
    removeCopy();
  }
}

/** The source has to be as the patch knows it. */
function apply(copy: string, { file, find, replace }: Patch): void {
  const path = join(copy, file);
  const text = readFileSync(path, "utf8");
  const count = text.split(find).length - 1;
  if (count !== 1) throw new Error(`"${find}" is in ${file} ${count} times, not once`);
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
}
