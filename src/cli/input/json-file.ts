/** A JSON file, comments allowed, whose faults can be told with their lines. */
import { err, ok, type Result } from "../../core/result.ts";
import { type Failure, usage } from "../failure.ts";
import { oneLine } from "../format/text-width.ts";
import type { CliIo } from "../io.ts";
import { blankComments } from "./json-comments.ts";
import { parseYamlDocuments, readInputFile, type YamlDocument } from "./yaml-file.ts";

/** A file's content, and what to call the file in messages. */
export interface JsonFile {
  readonly name: string;
  readonly document: YamlDocument;
}

/** Reads a file that a person named; `-` is standard input. */
export async function readJsonFile(file: string, io: CliIo): Promise<Result<JsonFile, Failure>> {
  const text = await readInputFile(file, io);
  if (!text.ok) return text;
  const name = file === "-" ? "standard input" : file;
  const blanked = blankComments(text.value);
  if (!blanked.ok) return usage(`${name} ${blanked.error}`, nothingChanged);
  const checked = checkJson(blanked.value);
  if (!checked.ok) return usage(`${name} is no JSON: ${checked.error}`, nothingChanged);
  // JSON is YAML, whose parser knows the line of every field.
  const documents = parseYamlDocuments(blanked.value, name);
  if (!documents.ok) return documents;
  const [document] = documents.value;
  if (document === undefined) return usage(`${name} says nothing`, nothingChanged);
  return ok({ name, document });
}

const nothingChanged = "correct the file; nothing was changed";

function checkJson(text: string): Result<void, string> {
  try {
    JSON.parse(text);
    return ok(undefined);
  } catch (error: unknown) {
    if (error instanceof SyntaxError) return err(oneLine(error.message));
    throw error;
  }
}
