/** Inputs of a deployment: whether they fit what its versions declare, and the key that stands for them. */
import { createHash } from "node:crypto";
import { compareIds } from "../../../core/ids.ts";
import type { DefinitionConfig } from "../../../wire/fleet/definitions.ts";
import type { DeploymentConfig } from "../../../wire/fleet/deployments.ts";
import type { Fault } from "./bad-input.ts";

type Inputs = DeploymentConfig["inputs"];

/** Hexadecimal digits of a key: enough that no two inputs ever meet. */
const keyLength = 32;

/** Equal for equal inputs, in whatever order they were written. */
export function inputsKeyOf(inputs: Inputs): string {
  const entries = Object.entries(inputs).sort(([left], [right]) => compareIds(left, right));
  const hash = createHash("sha256").update(JSON.stringify(entries)).digest("hex");
  return hash.slice(0, keyLength);
}

/** What does not fit; `definitions`: of the versions that the deployment names, as far as there are some. */
export function faultsOfInputs(inputs: Inputs, definitions: readonly DefinitionConfig[]): Fault[] {
  if (definitions.length === 0) return [];
  return [
    ...unknownInputs(inputs, definitions),
    ...definitions.flatMap((each) => misfits(inputs, each)),
  ];
}

function unknownInputs(inputs: Inputs, definitions: readonly DefinitionConfig[]): Fault[] {
  const declared = new Set(definitions.flatMap((each) => each.inputs.map(({ name }) => name)));
  const choice = declared.size === 0 ? "they have none" : `they have ${[...declared].join(", ")}`;
  return Object.keys(inputs)
    .filter((name) => !declared.has(name))
    .map((name) => ({
      path: `inputs.${name}`,
      message: `no version of the deployment has an input of this name (${choice})`,
    }));
}

function misfits(inputs: Inputs, { version, inputs: declared }: DefinitionConfig): Fault[] {
  const faults: Fault[] = [];
  for (const { name, type, default: fallback } of declared) {
    const value = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    const path = `inputs.${name}`;
    if (value === undefined && fallback === undefined) {
      faults.push({ path, message: `is missing (version ${version} expects a ${type})` });
    } else if (value !== undefined && typeof value !== type) {
      const message = `version ${version} expects a ${type}, this is a ${typeof value}`;
      faults.push({ path, message });
    }
  }
  return faults;
}
