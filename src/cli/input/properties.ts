/** Labels of a node as flags: `name=value`. */
import { ok, type Result } from "../../core/result.ts";
import { type Failure, usage } from "../failure.ts";

export type NodeProperties = Record<string, string | number | boolean>;

/** Adds the flags to those that a file gave; a flag goes before. */
export function parseProperties(
  lines: readonly string[],
  fromFile: Readonly<NodeProperties>,
): Result<NodeProperties, Failure> {
  const properties: NodeProperties = { ...fromFile };
  for (const line of lines) {
    const equals = line.indexOf("=");
    if (equals < 1) return usage(`--property: "${line}" has no name and "="`, "write NAME=VALUE");
    properties[line.slice(0, equals)] = line.slice(equals + 1);
  }
  return ok(properties);
}
