/** Files for `apply`, `diff` and `service add -f`: YAML documents, each of a `kind`, checked as a whole before use. */
import type * as z from "zod";
import { ok, type Result } from "../../core/result.ts";
import {
  type ServiceConfig,
  type ServiceConfigInput,
  serviceConfigSchema,
} from "../../wire/service-config.ts";
import { type Settings, settingsSchema } from "../../wire/settings.ts";
import { type Failure, usage } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { isDraft } from "./draft.ts";
import { failOfFaults, parseYamlDocuments, readInputFile, type YamlDocument } from "./yaml-file.ts";

/** A service of a file: as it is sent, and with all defaults filled in. */
export interface ManifestService {
  readonly input: ServiceConfigInput;
  readonly config: ServiceConfig;
}

export interface Manifest {
  readonly services: readonly ManifestService[];
  readonly settings: Settings | undefined;
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
  const services = new Map<string, ManifestService & { readonly line: number }>();
  let settings: Settings | undefined;
  for (const document of documents.value) {
    const part = readPart(document, name);
    if (!part.ok) return part;
    const line = document.lineOf(["id"]);
    if (part.value.kind === "Settings") {
      if (settings !== undefined) {
        return usage(
          `${name} line ${document.lineOf([])}: a second "kind: Settings"`,
          nothingChanged,
        );
      }
      settings = part.value.settings;
      continue;
    }
    const { id } = part.value.service.config;
    const twin = services.get(id);
    if (twin !== undefined) {
      return usage(
        `${name} line ${line}: id: "${id}" is there already, in line ${twin.line}`,
        nothingChanged,
      );
    }
    services.set(id, { ...part.value.service, line });
  }
  return ok({ services: [...services.values()], settings });
}

type Part =
  | { readonly kind: "Service"; readonly service: ManifestService }
  | { readonly kind: "Settings"; readonly settings: Settings };

function readPart(document: YamlDocument, file: string): Result<Part, Failure> {
  const { value } = document;
  if (!isDraft(value)) {
    return usage(`${file} line ${document.lineOf([])}: fields are expected here`, nothingChanged);
  }
  const { kind, ...fields } = value;
  if (kind === "Service") {
    const parsed = check(serviceConfigSchema, fields, document, file);
    if (!parsed.ok) return parsed;
    return ok({ kind, service: { input: parsed.value, config: parsed.value } });
  }
  if (kind === "Settings") {
    const parsed = check(settingsSchema, fields, document, file);
    return parsed.ok ? ok({ kind, settings: parsed.value }) : parsed;
  }
  const found = kind === undefined ? "is missing" : `is ${JSON.stringify(kind)}`;
  return usage(
    `${file} line ${document.lineOf(["kind"])}: kind ${found}: write "kind: Service" or "kind: Settings"`,
    nothingChanged,
  );
}

function check<T>(
  schema: z.ZodType<T>,
  fields: unknown,
  document: YamlDocument,
  file: string,
): Result<T, Failure> {
  const parsed = schema.safeParse(fields);
  return parsed.success ? ok(parsed.data) : failOfFaults(file, document, parsed.error);
}
