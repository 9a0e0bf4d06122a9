/** What people and programs see of definitions, deployments, their instances and rollouts, and what they ask about them. */
import * as z from "zod";
import { instancePhases } from "../../core/fleet/model/instance.ts";
import { rolloutStates } from "../../core/fleet/model/rollout.ts";
import { managerStates, reportResults } from "../../core/model/service.ts";
import { nameSchema, nodeIdSchema } from "../ids.ts";
import { constraintField, propertyNameSchema, propertyValueSchema } from "./common.ts";
import { definitionSchema } from "./definitions.ts";
import { deploymentSchema } from "./deployments.ts";

/** One version of a service, as `GET /v1/definitions` shows it. */
export const definitionResourceSchema = z.object({
  /** `<service>/<version>` */
  id: z.string(),
  service: z.string(),
  version: z.string(),
  revision: z.int(),
  config: definitionSchema,
  by: z.string(),
  addedAtMs: z.number(),
  /** Deployments that name it. */
  deployments: z.array(z.string()),
});
export type DefinitionResource = z.output<typeof definitionResourceSchema>;

/** A rollout, as `GET /v1/deployments/{name}/rollouts` shows it. */
export const rolloutResourceSchema = z.object({
  /** `<deployment>/<number>` */
  id: z.string(),
  deployment: z.string(),
  number: z.int(),
  revision: z.int(),
  generation: z.int(),
  /** The version that it brings. */
  version: z.string(),
  state: z.enum(rolloutStates),
  /** Why it is in this state, as a sentence. */
  because: z.string(),
  startedAtMs: z.number(),
  endedAtMs: z.number().optional(),
  /** Instances to be changed; of them: done, gone back by themselves, waiting for nodes that are offline. */
  total: z.int(),
  done: z.int(),
  failed: z.int(),
  offline: z.int(),
  canariesDoneAtMs: z.number().optional(),
});
export type RolloutResource = z.output<typeof rolloutResourceSchema>;

/** Instances of a deployment by how they are; every one is in exactly one of the four. */
export const instanceCountsSchema = z.object({
  healthy: z.int(),
  /** Being installed, upgraded or removed, or not healthy at the moment. */
  changing: z.int(),
  /** No version becomes healthy there. */
  failed: z.int(),
  /** Their nodes hold no lease. */
  offline: z.int(),
});
export type InstanceCounts = z.output<typeof instanceCountsSchema>;

/** A deployment, as `GET /v1/deployments` shows it. */
export const deploymentResourceSchema = z.object({
  name: z.string(),
  /** The ETag and what `If-Match` compares: revision of the last change by a person. */
  revision: z.int(),
  generation: z.int(),
  config: deploymentSchema,
  /** Stands for the inputs: equal keys, equal inputs. */
  inputsKey: z.string(),
  by: z.string(),
  addedAtMs: z.number(),
  removing: z.boolean(),
  instances: instanceCountsSchema,
  /** The latest one; undefined: nothing had to be changed yet. */
  rollout: rolloutResourceSchema.optional(),
});
export type DeploymentResource = z.output<typeof deploymentResourceSchema>;

/** The answer to a change of a deployment. `warnings`: what a person should know although it is done. */
export const changedDeploymentSchema = deploymentResourceSchema.extend({
  warnings: z.array(z.string()).optional(),
});
export type ChangedDeployment = z.output<typeof changedDeploymentSchema>;

/** An instance, as `GET /v1/deployments/{name}/status` shows it. */
export const instanceResourceSchema = z.object({
  /** `<deployment>/<node>` */
  id: z.string(),
  /** `<type>:<deployment>@<node>` */
  service: z.string(),
  deployment: z.string(),
  node: z.string(),
  revision: z.int(),
  phase: z.enum(instancePhases),
  /** What its service's record says. */
  version: z.string(),
  inputsKey: z.string(),
  isVerified: z.boolean(),
  /** What the manager and its agent say; `unknown`: there is no word yet about what it is now. */
  state: z.enum(managerStates),
  running: z.enum([...reportResults, "unknown"]),
  health: z.enum(["none", "starting", "healthy", "unhealthy", "unknown"]),
  detail: z.string(),
  isHealthy: z.boolean(),
  isOnline: z.boolean(),
  upgrade: z
    .object({
      from: z.string(),
      to: z.string(),
      sinceMs: z.number(),
      /** The new one failed: it goes back to what it was. */
      goesBack: z.boolean(),
    })
    .optional(),
  rollout: z.int(),
  failedAttempts: z.int(),
  givenUp: z.array(
    z.object({
      version: z.string(),
      inputsKey: z.string(),
      because: z.string(),
      atMs: z.number(),
    }),
  ),
  haGroup: z.string().optional(),
  /** Its node holds the group's upgrade slot. */
  holdsSlot: z.boolean(),
  /** What keeps it from being as it is to be, as a sentence; undefined: nothing. */
  because: z.string().optional(),
});
export type InstanceResource = z.output<typeof instanceResourceSchema>;

/** `GET /v1/deployments/{name}/status` */
export const deploymentStatusSchema = z.object({
  revision: z.int(),
  deployment: deploymentResourceSchema,
  instances: z.array(instanceResourceSchema),
});
export type DeploymentStatus = z.output<typeof deploymentStatusSchema>;

/** `POST /v1/deployments/{name}/plan`: what would come of a change. */
export const rolloutPlanSchema = z.object({
  /** Nodes on which it would be started, changed, or stopped; one after the other or side by side. */
  installs: z.array(z.string()),
  upgrades: z.array(z.string()),
  removals: z.array(z.string()),
  /** Of the upgrades: those whose nodes are offline, and follow when these are back. */
  offline: z.array(z.string()),
  unchanged: z.int(),
  /** Of the upgrades: those that go one after the other, by HA group. */
  groups: z.array(z.object({ group: z.string(), nodes: z.array(z.string()) })),
  /** Upgrades that follow each other at the longest. */
  steps: z.int(),
  expectedMs: z.number(),
  /** Whether the rollout comes to an end as things are; if not, what blocks it. */
  canEnd: z.boolean(),
  blocks: z.array(z.object({ node: z.string(), because: z.string() })),
  warnings: z.array(z.string()),
});
export type RolloutPlan = z.output<typeof rolloutPlanSchema>;

/** `POST /v1/check`: a deployment by name or as it would be, or all; a node, or all. One of the two is named. */
export const checkRequestSchema = z
  .strictObject({
    deployment: z.union([nameSchema, deploymentSchema]).optional(),
    node: nodeIdSchema.optional(),
  })
  .refine(({ deployment, node }) => deployment !== undefined || node !== undefined, {
    message: "name a deployment, a node, or both",
  });
export type CheckRequest = z.input<typeof checkRequestSchema>;

/** Whether one deployment and one node are compatible. */
const checkLineSchema = z.object({
  deployment: z.string(),
  node: z.string(),
  compatible: z.boolean(),
  /** The version that would run there first. */
  version: z.string().optional(),
  /** Of each version that would not: whose constraint fails, and the clause, as a sentence. */
  refusals: z.array(z.object({ version: z.string(), side: z.string(), because: z.string() })),
});
/** One line of the answer to `POST /v1/check`. */
export type CheckLine = z.output<typeof checkLineSchema>;

/** The answer to `POST /v1/check`, in order of deployment and node. */
export const checkAnswerSchema = z.object({ revision: z.int(), items: z.array(checkLineSchema) });

/** `PATCH /v1/nodes/{id}`: null takes a property or the constraint away; what is left out stays. */
export const nodeChangeSchema = z.strictObject({
  setProperties: z.record(propertyNameSchema, propertyValueSchema.nullable()).optional(),
  constraint: constraintField.nullable().optional(),
});
export type NodeChange = z.input<typeof nodeChangeSchema>;

/** `POST /v1/deployments/{name}/rollout/{order}`: the manager's word. */
export const rolloutOrderAnswerSchema = z.object({
  /** `taken-up`: it is done as asked. `pending`: there is no word yet; it is written and will be taken up. */
  outcome: z.enum(["taken-up", "pending"]),
  rollout: rolloutResourceSchema.optional(),
});
export type RolloutOrderAnswer = z.output<typeof rolloutOrderAnswerSchema>;
