/** What `group` and `rule` share: nodes with priorities as flags, and taking a field away. */
import { type Command, Option } from "commander";
import { err, ok, type Result } from "../../../core/result.ts";
import { faultsOf } from "../../../wire/errors.ts";
import type { NodePriorityInput } from "../../../wire/placement.ts";
import { repeatedOption } from "../../command-context.ts";
import { type Failure, usage } from "../../failure.ts";
import type { Draft } from "../../input/draft.ts";

/** The flag `--node`, whose value is the list of all. */
export function nodesOption(): Option {
  return repeatedOption(
    "--node <node[:priority]>",
    "a node; the highest available wins (again for more)",
  );
}

/** The nodes that `--node` names; without a priority it is 0. */
export function parseNodes(texts: readonly string[]): Result<NodePriorityInput[], Failure> {
  const nodes: NodePriorityInput[] = [];
  for (const text of texts) {
    const match = /^([^:]+)(?::(\d{1,6}))?$/.exec(text);
    if (match?.[1] === undefined) {
      return usage(
        `--node: "${text}" is no node and priority`,
        "write --node NAME or --node NAME:2",
      );
    }
    nodes.push({ node: match[1], priority: Number(match[2] ?? 0) });
  }
  return ok(nodes);
}

/** Gives a command the flag that takes fields away. */
export function addUnsetOption(command: Command, fields: readonly string[]): void {
  const option = new Option(
    "--unset <field>",
    `set a field back (again for more): ${fields.join(", ")}`,
  ).choices(fields);
  const refuse = option.parseArg;
  command.addOption(
    option.argParser((name: string, before: readonly string[] = []) => {
      refuse?.(name, undefined);
      return [...before, name];
    }),
  );
}

interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: Parameters<typeof faultsOf>[0] };
}

/** Checks a draft as the server will; a fault is told with its flag. */
export function checkFields<T>(schema: Schema<T>, draft: Draft): Result<T, Failure> {
  const parsed = schema.safeParse(draft);
  if (parsed.success) return ok(parsed.data);
  const line = faultsOf(parsed.error)
    .map(({ path, message }) => faultText(flagOf(path), message))
    .join("; ");
  return err(usage(line).error);
}

function faultText(flag: string, message: string): string {
  if (flag === "") return message;
  if (message.startsWith("is missing")) return `${flag} is missing`;
  if (message === "unknown field") return `${flag} does not go with this type of rule`;
  return `${flag}: ${message}`;
}

const flags: Readonly<Record<string, string>> = {
  nodes: "--node",
  services: "--service",
  type: "--type",
  affinity: "--affinity",
  strict: "--strict",
};

function flagOf(path: string): string {
  const [field = ""] = path.split(".");
  return flags[field] ?? field;
}
