/** The part `initial` of a scenario: a cluster that lives already when the play begins. */
import * as z from "zod";
import type { NodeId, ServiceId } from "../../../core/ids.ts";
import { armingModes } from "../../../core/manager/event.ts";
import { nodeStates } from "../../../core/model/node.ts";
import { nodeModes } from "../../../core/model/node-mode.ts";
import { statusRecordSchema } from "../../../wire/records.ts";
import type { InitialState } from "../../plan.ts";
import type { References } from "./names.ts";
import { type Faults, namedParts, readPart } from "./parts.ts";

function initialSchema(references: References) {
  return z.strictObject({
    nodes: z.unknown().optional(),
    running: z.unknown().optional(),
    statuses: z.array(statusRecordSchema).default([]),
    maintenance: references.nodes.optional(),
    modes: z.array(z.strictObject({ node: references.node, mode: z.enum(nodeModes) })).optional(),
    arming: z.enum(armingModes).optional(),
    removing: references.services.optional(),
  });
}
const countMax = 100_000;

/** Reads it; node states and what runs are maps or lists, statuses are records as they are stored. */
export function readInitial(
  value: unknown,
  references: References,
  faults: Faults,
): InitialState | undefined {
  if (value === undefined || value === null) return undefined;
  const read = readPart(initialSchema(references), value, ["initial"], faults);
  if (read === undefined) return undefined;
  const nodes = namedParts(
    read.nodes,
    { path: ["initial", "nodes"], nameField: "node", countMax },
    faults,
  );
  const running = namedParts(
    read.running,
    { path: ["initial", "running"], nameField: "service", countMax },
    faults,
  );
  const { maintenance, modes, arming, removing } = read;
  return {
    ...(maintenance === undefined ? {} : { maintenance }),
    ...(modes === undefined ? {} : { modes }),
    ...(arming === undefined ? {} : { arming }),
    ...(removing === undefined ? {} : { removing }),
    statuses: read.statuses,
    nodeStates: nodes.flatMap(({ name, value: state, path }) => {
      const node: NodeId | undefined = readPart(references.node, name, path, faults);
      const known = readPart(stateSchema, state, path, faults);
      return node === undefined || known === undefined ? [] : [{ node, state: known }];
    }),
    running: running.flatMap(({ name, value: where, path }) => {
      const service: ServiceId | undefined = readPart(references.service, name, path, faults);
      const node = readPart(nodeOf(references), where, path, faults);
      return service === undefined || node === undefined ? [] : [{ service, node }];
    }),
  };
}

/** In a list the state is the item's field `state`. */
const stateSchema = z.preprocess(
  (value) =>
    typeof value === "object" && value !== null && "state" in value ? value.state : value,
  z.enum(nodeStates),
);

function nodeOf(references: References): z.ZodType<NodeId, unknown> {
  return z.preprocess(
    (value) =>
      typeof value === "object" && value !== null && "node" in value ? value.node : value,
    references.node,
  );
}
