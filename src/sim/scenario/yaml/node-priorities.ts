/** Nodes with priorities as people write them: a map, a list of names (priority 0), or a list of maps. */
import * as z from "zod";
import type { NodePriority } from "../../../core/model/rule.ts";
import { fieldOf, type References } from "./names.ts";

interface Entry {
  readonly node: unknown;
  readonly priority: unknown;
  readonly key: string | number;
}

/** A schema for the nodes of a group or rule. */
export function nodePriorities(
  references: References,
): z.ZodType<readonly NodePriority[], unknown> {
  return z.unknown().transform((value, context) => {
    const entries = entriesOf(value);
    if (entries.length === 0) {
      context.addIssue({
        code: "custom",
        message: "write a list of nodes, or a map to priorities",
      });
    }
    return entries.flatMap(({ node, priority, key }) => {
      const id = references.node.safeParse(node);
      const message = id.success ? undefined : id.error.issues[0]?.message;
      if (message !== undefined) context.addIssue({ code: "custom", path: [key], message });
      if (!isPriority(priority)) {
        const fault = "a priority is a whole number from 0";
        context.addIssue({ code: "custom", path: [key], message: fault });
      }
      return id.success && isPriority(priority) ? [{ node: id.data, priority }] : [];
    });
  });
}

function entriesOf(value: unknown): readonly Entry[] {
  if (Array.isArray(value)) {
    return value.map((item: unknown, key) =>
      typeof item === "object" && item !== null
        ? { node: fieldOf(item, "node"), priority: fieldOf(item, "priority") ?? 0, key }
        : { node: item, priority: 0, key },
    );
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).map(([node, priority]) => ({
    node,
    priority: priority ?? 0,
    key: node,
  }));
}

function isPriority(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}
