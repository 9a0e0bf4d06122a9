/** The properties of a node as constraints see them: its agent's, what people have set, and what Holdfast itself knows. */
import type { Properties } from "./constraint.ts";

/** Names that only Holdfast gives: people cannot set them. */
export const builtInProperties = [
  "node",
  "architecture",
  "cores",
  "memoryBytes",
  "hostname",
  "agentVersion",
] as const;

const builtIn: ReadonlySet<string> = new Set(builtInProperties);

/** Whether the name is a built-in one. */
export function isBuiltIn(name: string): boolean {
  return builtIn.has(name);
}

/** What the properties of a node are made of. */
export interface NodeFacts {
  readonly node: string;
  readonly agentVersion: string;
  /** From its agent. */
  readonly properties: Properties;
  /** By people; they go before the agent's, but for the built-in ones. */
  readonly setProperties: Properties;
}

/** All of them; a built-in name is never anything else. */
export function effectiveProperties(facts: NodeFacts): Properties {
  const { node, agentVersion, properties, setProperties } = facts;
  const own = Object.entries(setProperties).filter(([name]) => !isBuiltIn(name));
  return { ...properties, ...Object.fromEntries(own), node, agentVersion };
}
