/**
 * Whether a version of a deployment's service may run on a node. Three sides have a word in it: the deployment and the
 * version ask something of the node, and the node asks something of the two.
 */
import type { Constraint, Properties } from "../constraints/constraint.ts";
import { evaluate, type Failure } from "../constraints/evaluate.ts";
import { failingPart, findingSentence } from "../constraints/failure-sentence.ts";
import type { Definition, Deployment } from "./model/deployment.ts";
import type { FleetRegistration } from "./model/fleet-node.ts";

/** What is held against each other. */
export interface CompatibilityInput {
  readonly deployment: Pick<Deployment, "name" | "properties" | "constraint">;
  readonly definition: Definition;
  readonly node: Pick<FleetRegistration, "properties" | "constraint">;
}

/** `side`: whose constraint does not hold; the first one of deployment, definition and node. */
export type Compatibility =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly side: "deployment" | "definition" | "node";
      /** The part of that constraint that fails, as it was written. */
      readonly clause: string;
      /** The whole of it as a sentence. */
      readonly because: string;
      readonly failure: Failure;
    };

const compatible: Compatibility = { ok: true };

/** Holds the three sides against each other; the node's type does not matter. */
export function checkCompatible({
  deployment,
  definition,
  node,
}: CompatibilityInput): Compatibility {
  const ofDeployment = failureIn(deployment.constraint, node.properties);
  if (ofDeployment !== undefined) {
    const words = { asking: `deployment ${deployment.name}`, asked: "the node" };
    return incompatible("deployment", ofDeployment, words);
  }
  const ofDefinition = failureIn(definition.constraint, node.properties);
  if (ofDefinition !== undefined) {
    return incompatible("definition", ofDefinition, {
      asking: nameOf(definition),
      asked: "the node",
    });
  }
  // Put together only for a node that asks for something, as most do not.
  if (node.constraint === undefined) return compatible;
  const ofNode = failureIn(node.constraint, propertiesForNode(deployment, definition));
  if (ofNode === undefined) return compatible;
  const asked = `deployment ${deployment.name} with ${nameOf(definition)}`;
  return incompatible("node", ofNode, { asking: "the node", asked });
}

/**
 * What a node's constraint sees: the deployment's properties, those of the version where the deployment has none of
 * that name, and `service` and `version`, which are always what they say.
 */
function propertiesForNode(
  deployment: CompatibilityInput["deployment"],
  { service, version, properties }: Definition,
): Properties {
  return { ...properties, ...deployment.properties, service, version };
}

function failureIn(
  constraint: Constraint | undefined,
  properties: Properties,
): Failure | undefined {
  if (constraint === undefined) return undefined;
  const evaluation = evaluate(constraint, properties);
  return evaluation.holds ? undefined : evaluation;
}

function incompatible(
  side: "deployment" | "definition" | "node",
  failure: Failure,
  words: { readonly asking: string; readonly asked: string },
): Compatibility {
  const clause = failingPart(failure);
  const because = `${words.asking} asks for ${clause}, and ${findingSentence(failure, words.asked)}`;
  return { ok: false, side, clause, because, failure };
}

function nameOf({ service, version }: Definition): string {
  return `version ${version} of ${service}`;
}
