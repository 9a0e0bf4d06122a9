/** Short names for contents, so that two contents can be compared later, also by another manager. */
import { compareIds } from "../../ids.ts";
import type { Definition, Deployment } from "../model/deployment.ts";
import type { FleetRegistration } from "../model/fleet-node.ts";

/** FNV-1a with 32 bits over the text's code units: the same on every machine. From 0 to 2^32 - 1. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/** Stands for all that compatibility looks at in a node. */
export function nodeKeyOf(node: FleetRegistration): string {
  const properties = Object.entries(node.properties).sort(([left], [right]) =>
    compareIds(left, right),
  );
  return hashOf(JSON.stringify([properties, node.constraint ?? null])).toString(36);
}

/** Stands for a deployment's generation and those of its versions that are defined. */
export function deploymentKeyOf(
  deployment: Deployment,
  defined: ReadonlyMap<string, Definition> | undefined,
): string {
  const versions = deployment.versions.filter(({ version }) => defined?.has(version));
  const names = versions.map(({ version }) => version).join();
  return `${deployment.generation}.${hashOf(names).toString(36)}`;
}
