/** Durations and sizes as people write them in files (`10s`, `4G`), where the API takes milliseconds and bytes. */
import { parseDuration, parseSize } from "../format/quantity.ts";
import { isDraft } from "./draft.ts";

/** Fields whose names are a person's own, so that their endings mean nothing. */
const freeFields: readonly string[] = ["environment", "properties"];

/** The same data with such texts as numbers; what cannot be read stays, for the schema to complain about. */
export function withUnits(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withUnits);
  if (!isDraft(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, fieldWithUnits(name, field)]),
  );
}

function fieldWithUnits(name: string, field: unknown): unknown {
  if (typeof field !== "string") return freeFields.includes(name) ? field : withUnits(field);
  const parse = parserOf(name);
  const read = parse?.(field);
  return read?.ok === true ? read.value : field;
}

function parserOf(name: string): typeof parseDuration | undefined {
  if (/Ms(?:Max)?$/.test(name)) return parseDuration;
  return /[bB]ytes(?:Max)?$/.test(name) ? parseSize : undefined;
}
