/** What `/openapi.json` says about the routes of the fleet: definitions, deployments, rollouts. */
import type { RouteWords } from "./route-words.ts";

/** By method and path, as in documentation.ts. */
export const fleetWords: Readonly<Record<string, RouteWords>> = {
  "GET /v1/definitions": {
    operationId: "listDefinitions",
    summary: "All versions of services that deployments may run",
  },
  "POST /v1/definitions": {
    operationId: "addDefinition",
    summary:
      "Add a version of a service; it never changes: 409 when it is there with other content",
  },
  "GET /v1/definitions/:service/:version": {
    operationId: "getDefinition",
    summary: "One version of a service, and which deployments name it",
  },
  "DELETE /v1/definitions/:service/:version": {
    operationId: "removeDefinition",
    summary:
      "Delete a version of a service; 409 while a deployment names it or an instance runs it",
    answer: "nothing",
  },
  "GET /v1/deployments": { operationId: "listDeployments", summary: "All deployments" },
  "GET /v1/deployments/:name": {
    operationId: "getDeployment",
    summary: "One deployment; the header ETag is its revision, for If-Match",
  },
  "PUT /v1/deployments/:name": {
    operationId: "putDeployment",
    summary: "Add a deployment, or change it: what runs is changed in a rollout",
    conditional: "change",
  },
  "DELETE /v1/deployments/:name": {
    operationId: "removeDeployment",
    summary: "Stop all instances of a deployment, then forget it",
    conditional: "change",
  },
  "GET /v1/deployments/:name/status": {
    operationId: "getDeploymentStatus",
    summary: "Every instance of a deployment: where it is, what it runs, what it waits for",
  },
  "GET /v1/deployments/:name/rollouts": {
    operationId: "listRollouts",
    summary: "The rollouts of a deployment, newest first",
  },
  "POST /v1/deployments/:name/plan": {
    operationId: "planDeployment",
    summary:
      "What a deployment would change: steps, time, and whether it can end; nothing is written",
  },
  "POST /v1/deployments/:name/rollout/:order": {
    operationId: "orderRollout",
    summary: "Pause, resume or abort the rollout; answered when the manager has taken it up",
  },
  "GET /v1/policies": { operationId: "listPolicies", summary: "All management policies" },
  "GET /v1/policies/:name": {
    operationId: "getPolicy",
    summary: "One management policy; the header ETag is its revision, for If-Match",
  },
  "PUT /v1/policies/:name": {
    operationId: "putPolicy",
    summary: "Say which agent version which nodes are to run, and when; or change that",
    conditional: "change",
  },
  "DELETE /v1/policies/:name": {
    operationId: "removePolicy",
    summary: "Remove a management policy; an upgrade under way still ends",
    answer: "nothing",
    conditional: "change",
  },
  "GET /v1/policies/:name/status": {
    operationId: "getPolicyStatus",
    summary: "How far each node is that the policy chooses",
  },
  "POST /v1/check": {
    operationId: "checkCompatible",
    summary: "Whether deployments and nodes are compatible, with the clause that fails",
  },
  "GET /v1/ha-groups": {
    operationId: "listHaGroups",
    summary: "All HA groups, with who holds the upgrade slot of each",
  },
  "POST /v1/ha-groups": {
    operationId: "addHaGroup",
    summary: "Add an HA group; 409 when there is one, or a member is in another one",
    conditional: "change",
  },
  "GET /v1/ha-groups/:name": {
    operationId: "getHaGroup",
    summary: "One HA group; the header ETag is its revision, for If-Match",
  },
  "PUT /v1/ha-groups/:name": {
    operationId: "putHaGroup",
    summary: "Add an HA group, or replace what is given of it: description, members, and so on",
    conditional: "change",
  },
  "DELETE /v1/ha-groups/:name": {
    operationId: "removeHaGroup",
    summary: "Delete an HA group; its members go on, in no group",
    answer: "nothing",
    conditional: "change",
  },
  "PUT /v1/ha-groups/:name/members/:node": {
    operationId: "addHaGroupMember",
    summary: "Put a node into an HA group; 409 while it is in another one, unless force=true",
    conditional: "change",
  },
  "DELETE /v1/ha-groups/:name/members/:node": {
    operationId: "removeHaGroupMember",
    summary: "Take a node out of an HA group",
    conditional: "change",
  },
  "PATCH /v1/nodes/:id": {
    operationId: "changeNode",
    summary: "Set properties of a node and what it asks of deployments; null takes one away",
    conditional: "change",
  },
  "POST /v1/agent/upgrade": {
    operationId: "agentUpgrade",
    summary: "Say how far the upgrade of the agent itself is",
    answer: "nothing",
  },
  "GET /v1/agent/packages/:sha256": {
    operationId: "agentPackage",
    summary: "The content of a package of Holdfast",
    answer: "bytes",
  },
};
