/** Writes a plan in the form that people write, so that a case that a program found can be read, kept and repeated. */
import { stringify } from "yaml";
import type { InitialState, Plan, TimedAction } from "../plan.ts";
import { writeFleet } from "./fleet/write-fleet.ts";
import { writeStep } from "./steps/write-step.ts";
import { contradictionsOf } from "./yaml/consistency.ts";
import { writeDuration } from "./yaml/quantity.ts";
import {
  type Fields,
  withoutUndefined,
  writeCapacity,
  writeGroup,
  writeNamed,
  writeNode,
  writePace,
  writeRule,
  writeService,
} from "./yaml/write-parts.ts";

/** The plan as the text of a scenario file; `parseScenario` makes the same plan of it. */
export function formatPlan(plan: Plan): string {
  const isContradictory = contradictionsOf(plan).length > 0;
  const whole = withoutUndefined({
    name: plan.name,
    seed: plan.seed,
    settings: plan.settings,
    pace: unlessEmpty(writePace(plan.pace)),
    nodes: writeNamed(
      plan.nodes.map((node) => [node.node, writeNode(node)]),
      "node",
    ),
    services: unlessEmpty(
      Object.fromEntries(plan.services.map((service) => [service.id, writeService(service)])),
    ),
    groups: namedUnlessEmpty(plan.groups, writeGroup),
    rules: namedUnlessEmpty(plan.rules, writeRule),
    contradictions: isContradictory ? "allow" : undefined,
    usage: unlessEmpty(
      Object.fromEntries(plan.usage.map(({ service, use }) => [service, writeCapacity(use)])),
    ),
    initial: plan.initial === undefined ? undefined : writeInitial(plan.initial),
    ...writeFleet(plan.fleet),
    steps: plan.actions.length === 0 ? undefined : plan.actions.map(writeTimed),
    until: writeDuration(plan.endAtMs),
  });
  return stringify(whole, { aliasDuplicateObjects: false, lineWidth: 0, singleQuote: false });
}

function unlessEmpty(fields: Fields): Fields | undefined {
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function namedUnlessEmpty<T extends { readonly name: string }>(
  parts: readonly T[],
  write: (part: T) => Fields,
): unknown {
  if (parts.length === 0) return undefined;
  return writeNamed(
    parts.map((part) => [part.name, write(part)]),
    "name",
  );
}

function writeTimed({ atMs, action }: TimedAction): Fields {
  const [word, value] = writeStep(action);
  return { at: writeDuration(atMs), [word]: value };
}

function writeInitial(initial: InitialState): Fields {
  const { statuses, nodeStates: nodes, running, maintenance, modes, arming, removing } = initial;
  return withoutUndefined({ nodes, running, maintenance, modes, arming, removing, statuses });
}
