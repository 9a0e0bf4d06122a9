/** Configuration files below /etc/holdfast and the person's own folder: YAML, one document, strict. */
import type * as z from "zod";
import { ok, type Result } from "../../core/result.ts";
import { type Failure, usage } from "../failure.ts";
import { failOfFaults, parseYamlDocuments, readTextFile } from "./yaml-file.ts";

/** Reads a configuration file. One that is not there is the empty one, unless the person named it. */
export async function readConfigFile<T>(
  file: string,
  schema: z.ZodType<T>,
  presence: "optional" | "required",
): Promise<Result<T, Failure>> {
  const read = await readTextFile(file);
  if (!read.ok && (presence === "required" || read.error.kind !== "missing")) {
    return usage(
      `cannot read ${file}: ${read.error.message}`,
      "check the name and its permissions",
    );
  }
  const documents = parseYamlDocuments(read.ok ? read.value : "", file);
  if (!documents.ok) return documents;
  const [document, second] = documents.value;
  if (second !== undefined) {
    return usage(`${file} line ${second.lineOf([])}: a second document`, "keep one document in it");
  }
  const parsed = schema.safeParse(document?.value ?? {});
  if (parsed.success) return ok(parsed.data);
  return failOfFaults(file, document ?? { value: {}, lineOf: () => 1 }, parsed.error);
}
