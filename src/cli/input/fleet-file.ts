/** Files with definitions or a deployment: YAML documents whose `kind`, as in files for `apply`, may be left out. */
import type * as z from "zod";
import { ok, type Result } from "../../core/result.ts";
import { type Failure, usage } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { isDraft } from "./draft.ts";
import { withUnits } from "./units.ts";
import { failOfFaults, parseYamlDocuments, readInputFile } from "./yaml-file.ts";

/** What a file is to hold. */
export interface Wanted<T> {
  readonly kind: "Definition" | "Deployment" | "Policy";
  readonly schema: z.ZodType<T>;
}

/** Every document of the file, checked; a fault is told with its line and field. There is at least one. */
export async function readFleetFile<T>(
  file: string,
  io: CliIo,
  { kind, schema }: Wanted<T>,
): Promise<Result<readonly [T, ...T[]], Failure>> {
  const text = await readInputFile(file, io);
  if (!text.ok) return text;
  const name = file === "-" ? "standard input" : file;
  const documents = parseYamlDocuments(text.value, name);
  if (!documents.ok) return documents;
  const parts: T[] = [];
  for (const document of documents.value) {
    const { value } = document;
    if (!isDraft(value))
      return usage(`${name} line ${document.lineOf([])}: fields are expected here`);
    const { kind: found = kind, ...fields } = value;
    if (found !== kind) {
      const line = document.lineOf(["kind"]);
      return usage(
        `${name} line ${line}: kind is ${JSON.stringify(found)}, "${kind}" is expected here`,
        "files with several kinds are for: holdfast apply -f",
      );
    }
    const parsed = schema.safeParse(withUnits(fields));
    if (!parsed.success) return failOfFaults(name, document, parsed.error);
    parts.push(parsed.data);
  }
  const [first, ...more] = parts;
  if (first === undefined) return usage(`${name} describes nothing`, `write a ${kind} into it`);
  return ok([first, ...more]);
}
