/** Placement groups and rules as a person writes them: `PUT /v1/groups/{name}`, `PUT /v1/rules/{name}`, `apply -f`. */
import * as z from "zod";
import { nameSchema, nodeIdSchema, serviceIdSchema } from "./ids.ts";

/** Nodes, or services, that one group or rule may name. */
const membersMax = 1_000;
const priorityMax = 1_000;

/** Refuses a list that names something twice, at the place of the second time. */
export function refuseTwins(ids: readonly string[], context: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const [index, id] of ids.entries()) {
    if (seen.has(id)) {
      context.addIssue({ code: "custom", path: [index], message: `"${id}" is named twice` });
    }
    seen.add(id);
  }
}

const nodePrioritySchema = z.strictObject({
  node: nodeIdSchema,
  /** The highest that is available wins. */
  priority: z.int().min(0).max(priorityMax).default(0),
});
/** A node of a group or rule, as a person writes it. */
export type NodePriorityInput = z.input<typeof nodePrioritySchema>;

const nodesField = z
  .array(nodePrioritySchema)
  .min(1)
  .max(membersMax)
  .superRefine((nodes, context) => {
    refuseTwins(
      nodes.map(({ node }) => node),
      context,
    );
  });

const servicesField = z.array(serviceIdSchema).min(1).max(membersMax).superRefine(refuseTwins);

/** A named list of nodes that services refer to. */
export const groupSchema = z.strictObject({
  name: nameSchema,
  nodes: nodesField,
  /** Its services run nowhere else. */
  restricted: z.boolean().default(false),
  /** Its services stay where they are when a node of higher priority comes back. */
  nofailback: z.boolean().default(false),
});
/** With all defaults filled in. */
export type GroupConfig = z.output<typeof groupSchema>;
/** As a person writes it. */
export type GroupInput = z.input<typeof groupSchema>;

/** `node-affinity`: on which nodes; `resource-affinity`: with or without which other services. */
export const ruleTypes = ["node-affinity", "resource-affinity"] as const;
/** Of resource-affinity: all on one node, or each on another one. */
export const affinities = ["positive", "negative"] as const;

const ruleFields = {
  name: nameSchema,
  services: servicesField,
  /** It is kept, and has no effect. */
  disabled: z.boolean().default(false),
};

/** Where services may run: on which nodes, or with and without which others. */
export const ruleSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("node-affinity"),
    ...ruleFields,
    nodes: nodesField,
    /** Its services run nowhere else. */
    strict: z.boolean().default(false),
  }),
  z.strictObject({
    type: z.literal("resource-affinity"),
    ...ruleFields,
    /** `positive`: all on one node; `negative`: each on another one. */
    affinity: z.enum(affinities),
  }),
]);
/** With all defaults filled in. */
export type RuleConfig = z.output<typeof ruleSchema>;
/** As a person writes it. */
export type RuleInput = z.input<typeof ruleSchema>;
