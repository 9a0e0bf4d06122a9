/** Files for `apply`, `diff` and `service add -f`: YAML documents, each of a `kind`, checked as a whole before use. */
import type * as z from "zod";
import { ok, type Result } from "../../core/result.ts";
import { type DefinitionConfig, definitionSchema } from "../../wire/fleet/definitions.ts";
import { type DeploymentConfig, deploymentSchema } from "../../wire/fleet/deployments.ts";
import { type HaGroupConfig, haGroupSchema } from "../../wire/fleet/ha-groups.ts";
import {
  type GroupConfig,
  groupSchema,
  type RuleConfig,
  ruleSchema,
} from "../../wire/placement.ts";
import {
  type ServiceConfig,
  type ServiceConfigInput,
  serviceConfigSchema,
} from "../../wire/service-config.ts";
import { type Settings, settingsSchema } from "../../wire/settings.ts";
import { type Failure, usage } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { isDraft } from "./draft.ts";
import { withUnits } from "./units.ts";
import { failOfFaults, parseYamlDocuments, readInputFile, type YamlDocument } from "./yaml-file.ts";

/** A service of a file: as it is sent, and with all defaults filled in. */
export interface ManifestService {
  readonly input: ServiceConfigInput;
  readonly config: ServiceConfig;
}

export interface Manifest {
  readonly settings: Settings | undefined;
  readonly groups: readonly GroupConfig[];
  readonly services: readonly ManifestService[];
  readonly rules: readonly RuleConfig[];
  readonly haGroups: readonly HaGroupConfig[];
  readonly definitions: readonly DefinitionConfig[];
  readonly deployments: readonly DeploymentConfig[];
}

const nothingChanged = "correct the file; nothing was changed";

/** Reads and checks a file; every fault is told with its line and field. */
export async function readManifest(file: string, io: CliIo): Promise<Result<Manifest, Failure>> {
  const text = await readInputFile(file, io);
  if (!text.ok) return text;
  const name = file === "-" ? "standard input" : file;
  const documents = parseYamlDocuments(text.value, name);
  if (!documents.ok) return documents;
  if (documents.value.length === 0) {
    return usage(`${name} describes nothing`, 'write documents with "kind: Service" into it');
  }
  const parts: Part[] = [];
  const lines = new Map<string, number>();
  for (const document of documents.value) {
    const part = readPart(document, name);
    if (!part.ok) return part;
    const twin = refuseTwin(part.value, document, { file: name, lines });
    if (!twin.ok) return twin;
    parts.push(part.value);
  }
  return ok(manifestOf(parts));
}

type Part =
  | { readonly kind: "Service"; readonly service: ManifestService }
  | { readonly kind: "Group"; readonly group: GroupConfig }
  | { readonly kind: "Rule"; readonly rule: RuleConfig }
  | { readonly kind: "HaGroup"; readonly haGroup: HaGroupConfig }
  | { readonly kind: "Definition"; readonly definition: DefinitionConfig }
  | { readonly kind: "Deployment"; readonly deployment: DeploymentConfig }
  | { readonly kind: "Settings"; readonly settings: Settings };

const partKinds = [
  ...(["Service", "Group", "Rule", "HaGroup"] as const),
  ...(["Definition", "Deployment", "Settings"] as const),
] as const;

function manifestOf(parts: readonly Part[]): Manifest {
  return {
    settings: parts.flatMap((part) => (part.kind === "Settings" ? [part.settings] : []))[0],
    groups: parts.flatMap((part) => (part.kind === "Group" ? [part.group] : [])),
    services: parts.flatMap((part) => (part.kind === "Service" ? [part.service] : [])),
    rules: parts.flatMap((part) => (part.kind === "Rule" ? [part.rule] : [])),
    haGroups: parts.flatMap((part) => (part.kind === "HaGroup" ? [part.haGroup] : [])),
    definitions: parts.flatMap((part) => (part.kind === "Definition" ? [part.definition] : [])),
    deployments: parts.flatMap((part) => (part.kind === "Deployment" ? [part.deployment] : [])),
  };
}

/** A thing can be described once; `lines` says where each was. */
function refuseTwin(
  part: Part,
  document: YamlDocument,
  place: { readonly file: string; readonly lines: Map<string, number> },
): Result<void, Failure> {
  const { file, lines } = place;
  if (part.kind === "Settings") {
    if (lines.has(part.kind)) {
      const line = document.lineOf([]);
      return usage(`${file} line ${line}: a second "kind: Settings"`, nothingChanged);
    }
    lines.set(part.kind, document.lineOf([]));
    return ok(undefined);
  }
  const { field, name } = identityOf(part);
  const line = document.lineOf([field]);
  const before = lines.get(`${part.kind} ${name}`);
  if (before !== undefined) {
    return usage(
      `${file} line ${line}: ${field}: "${name}" is there already, in line ${before}`,
      nothingChanged,
    );
  }
  lines.set(`${part.kind} ${name}`, line);
  return ok(undefined);
}

function identityOf(part: Exclude<Part, { kind: "Settings" }>): { field: string; name: string } {
  switch (part.kind) {
    case "Service":
      return { field: "id", name: part.service.config.id };
    case "Group":
      return { field: "name", name: part.group.name };
    case "Rule":
      return { field: "name", name: part.rule.name };
    case "HaGroup":
      return { field: "name", name: part.haGroup.name };
    case "Definition": {
      const { service, version } = part.definition;
      return { field: "version", name: `${service} ${version}` };
    }
    case "Deployment":
      return { field: "name", name: part.deployment.name };
  }
}

function readPart(document: YamlDocument, file: string): Result<Part, Failure> {
  const { value } = document;
  if (!isDraft(value)) {
    return usage(`${file} line ${document.lineOf([])}: fields are expected here`, nothingChanged);
  }
  const { kind, ...fields } = value;
  const known = partKinds.find((name) => name === kind);
  switch (known) {
    case "Service": {
      const parsed = check(serviceConfigSchema, fields, document, file);
      if (!parsed.ok) return parsed;
      return ok({ kind: known, service: { input: parsed.value, config: parsed.value } });
    }
    case "Group": {
      const parsed = check(groupSchema, fields, document, file);
      return parsed.ok ? ok({ kind: known, group: parsed.value }) : parsed;
    }
    case "Rule": {
      const parsed = check(ruleSchema, fields, document, file);
      return parsed.ok ? ok({ kind: known, rule: parsed.value }) : parsed;
    }
    case "HaGroup": {
      const parsed = check(haGroupSchema, fields, document, file);
      return parsed.ok ? ok({ kind: known, haGroup: parsed.value }) : parsed;
    }
    case "Definition": {
      const parsed = check(definitionSchema, fields, document, file);
      return parsed.ok ? ok({ kind: known, definition: parsed.value }) : parsed;
    }
    case "Deployment": {
      const parsed = check(deploymentSchema, fields, document, file);
      return parsed.ok ? ok({ kind: known, deployment: parsed.value }) : parsed;
    }
    case "Settings": {
      const parsed = check(settingsSchema, fields, document, file);
      return parsed.ok ? ok({ kind: known, settings: parsed.value }) : parsed;
    }
    case undefined: {
      const found = kind === undefined ? "is missing" : `is ${JSON.stringify(kind)}`;
      const kinds = partKinds.map((name) => `"kind: ${name}"`).join(", ");
      return usage(
        `${file} line ${document.lineOf(["kind"])}: kind ${found}: write one of ${kinds}`,
        nothingChanged,
      );
    }
  }
}

function check<T>(
  schema: z.ZodType<T>,
  fields: unknown,
  document: YamlDocument,
  file: string,
): Result<T, Failure> {
  const parsed = schema.safeParse(withUnits(fields));
  return parsed.success ? ok(parsed.data) : failOfFaults(file, document, parsed.error);
}
