/** What `/openapi.json` says about each route, beyond the schemas that the route itself checks with. */
import * as z from "zod";
import { assert } from "../../core/assert.ts";
import { execContentType } from "../../wire/exec/frames.ts";
import { backupWords } from "./backup-words.ts";
import { clusterWords } from "./cluster-words.ts";
import { fleetWords } from "./fleet-words.ts";
import type { Answer, RouteWords } from "./route-words.ts";
import { upgradeWords } from "./upgrade-words.ts";

const words: Readonly<Record<string, RouteWords>> = {
  ...clusterWords,
  ...fleetWords,
  ...upgradeWords,
  "GET /livez": { operationId: "isAlive", summary: "Whether the server runs" },
  "GET /readyz": {
    operationId: "isReady",
    summary: "Whether the server can answer from its store",
  },
  "GET /leader": { operationId: "isLeader", summary: "Whether the manager is on this server" },
  "GET /openapi.json": {
    operationId: "describe",
    summary: "This document",
    answer: "document",
  },
  "GET /v1/server": {
    operationId: "getServer",
    summary: "What this server says of itself; it needs no leader",
  },
  "GET /v1/servers": {
    operationId: "listServers",
    summary: "All servers, each asked directly; it needs no leader",
  },
  "DELETE /v1/servers/:id": {
    operationId: "removeServer",
    summary: "Take a server out for good: refused with the reason where the others could not go on",
    answer: "nothing",
  },
  "GET /v1/server-configs": {
    operationId: "listServerConfigs",
    summary: "What each server has of its own, and where it has it from",
  },
  "PATCH /v1/server-configs/:id": {
    operationId: "changeServerConfig",
    summary: "Change settings of one server; null takes one back; one that is down does it later",
  },
  "GET /v1/schema": {
    operationId: "getStoreSchema",
    summary: "Which schema the store has, and which this server writes",
  },
  "GET /v1/isolation": {
    operationId: "getIsolation",
    summary: "Whether nodes on servers' machines are closed for services, and which they are",
  },
  "PUT /v1/isolation": {
    operationId: "putIsolation",
    summary:
      "Close the nodes on servers' machines for services that do not tolerate it, or open them",
  },
  "GET /v1/load-balancer": {
    operationId: "getLoadBalancer",
    summary: "The address in front of all servers",
  },
  "PUT /v1/load-balancer": {
    operationId: "putLoadBalancer",
    summary: "Change the address in front of all servers; certificates are issued anew with it",
  },
  "GET /v1/move-to-etcd": {
    operationId: "getMove",
    summary: "How far the move from the embedded store to etcd is",
  },
  "POST /v1/move-to-etcd": {
    operationId: "moveToEtcd",
    summary: "Begin the move from the embedded store to etcd; services keep running",
  },
  "GET /v1/join-tokens": { operationId: "listJoinTokens", summary: "All join tokens" },
  "POST /v1/join-tokens": {
    operationId: "createJoinToken",
    summary: "Make a join token for servers or nodes; only this answer holds it",
  },
  "DELETE /v1/join-tokens/:id": {
    operationId: "revokeJoinToken",
    summary: "Revoke a join token",
    answer: "nothing",
  },
  "GET /v1/join/authority": {
    operationId: "getAuthority",
    summary: "The certificate of the authority, to compare with the hash in a join command",
  },
  "POST /v1/join/node": {
    operationId: "joinNode",
    summary: "Become a node, with a join token; gives the agent its certificate",
  },
  "POST /v1/join/server": {
    operationId: "joinServer",
    summary: "Prepare to become a server, with a join token; gives an id and certificates",
  },
  "GET /v1/peers/status": {
    operationId: "getPeerStatus",
    summary: "What this server says of itself to another server",
  },
  "GET /v1/peers/reach": {
    operationId: "getPeerReach",
    summary: "Which servers this one cannot reach, as another server asks",
  },
  "GET /v1/groups": { operationId: "listGroups", summary: "All placement groups" },
  "GET /v1/groups/:name": {
    operationId: "getGroup",
    summary: "One placement group, and whether it is in force",
  },
  "PUT /v1/groups/:name": {
    operationId: "putGroup",
    summary: "Add a placement group, or replace it; 409 when a rule could not hold with it",
    conditional: "change",
  },
  "DELETE /v1/groups/:name": {
    operationId: "removeGroup",
    summary: "Delete a placement group; 409 while a service refers to it",
    answer: "nothing",
    conditional: "change",
  },
  "GET /v1/rules": { operationId: "listRules", summary: "All rules, and which are in force" },
  "GET /v1/rules/:name": {
    operationId: "getRule",
    summary: "One rule; while it is ignored, why",
  },
  "PUT /v1/rules/:name": {
    operationId: "putRule",
    summary: "Add a rule, or replace it; 409 when it contradicts another one",
    conditional: "change",
  },
  "DELETE /v1/rules/:name": {
    operationId: "removeRule",
    summary: "Delete a rule",
    answer: "nothing",
    conditional: "change",
  },
  "GET /v1/nodes": { operationId: "listNodes", summary: "All nodes" },
  "GET /v1/nodes/:id": { operationId: "getNode", summary: "One node" },
  "POST /v1/nodes/:id/confirm-off": {
    operationId: "confirmOff",
    summary: "Confirm that a lost node is switched off, so that its services are recovered",
  },
  "PUT /v1/nodes/:id/maintenance": {
    operationId: "putMaintenance",
    summary: "Have the services of an online node move away, or come back",
  },
  "PUT /v1/nodes/:id/mode": {
    operationId: "orderNode",
    summary: "Disable, flush or enable a node, or put it offline; says what cannot leave it",
  },
  "PUT /v1/nodes/:id/taints/:taint": {
    operationId: "putTaint",
    summary:
      "Close a node to services that do not tolerate the taint; 409 while no other node is open",
  },
  "DELETE /v1/nodes/:id/taints/:taint": {
    operationId: "removeTaint",
    summary: "Open a node again to services that do not tolerate the taint",
  },
  "DELETE /v1/nodes/:id": {
    operationId: "removeNode",
    summary: "Take a node out of the cluster; 409 while something may run there",
    answer: "nothing",
  },
  "GET /v1/services": { operationId: "listServices", summary: "All services" },
  "POST /v1/services": {
    operationId: "addService",
    summary: "Add a service; 409 when its id is taken",
  },
  "GET /v1/services/:id": {
    operationId: "getService",
    summary: "One service; the header ETag is its revision, for If-Match",
  },
  "PUT /v1/services/:id": {
    operationId: "putService",
    summary: "Add a service, or replace its configuration",
    conditional: "change",
  },
  "PATCH /v1/services/:id": {
    operationId: "changeService",
    summary: "Change fields of a service; null takes an optional one away",
    conditional: "change",
  },
  "DELETE /v1/services/:id": {
    operationId: "removeService",
    summary: "Stop a service, then forget it",
    conditional: "change",
  },
  "GET /v1/services/:id/why": {
    operationId: "explainService",
    summary: "Why a service is where it is, and what can be done",
  },
  "POST /v1/services/:id/commands": {
    operationId: "commandService",
    summary: "Order a migration, a relocation or a stop, or say where it was moved by hand",
  },
  "GET /v1/services/:id/logs": {
    operationId: "readLogs",
    summary: "The output of a service, from its node",
    answer: "text",
  },
  "POST /v1/services/:id/exec": {
    operationId: "execBesideService",
    summary: `Run a command beside a service, on its node; frames of ${execContentType} both ways`,
    answer: "frames",
  },
  "GET /v1/events": {
    operationId: "listEvents",
    summary: "What happened and why, newest first",
  },
  "GET /v1/watch": {
    operationId: "watch",
    summary:
      "What there is, then what changes: service, node, event, ha-group, deployment, rollout, instance; ready; <kind>-deleted",
    answer: "event-stream",
    conditional: "resume",
  },
  "GET /v1/audit": {
    operationId: "listAudit",
    summary: "Who changed what, newest first; with after and waitMs, what comes next",
  },
  "POST /v1/login": {
    operationId: "login",
    summary: "Prove a user's password, in the body or as Authorization: Basic; gives a token",
  },
  "POST /v1/logout": {
    operationId: "logout",
    summary: "End the login whose token is shown",
    answer: "nothing",
  },
  "GET /v1/whoami": { operationId: "whoami", summary: "Who one is, and what one may" },
  "GET /v1/roles": { operationId: "listRoles", summary: "What each role may" },
  "GET /v1/users": { operationId: "listUsers", summary: "All users" },
  "POST /v1/users": { operationId: "addUser", summary: "Add a user; 409 when the name is taken" },
  "GET /v1/users/:name": { operationId: "getUser", summary: "One user" },
  "PUT /v1/users/:name/role": {
    operationId: "putUserRole",
    summary: "Give a user another role, at once for all their logins",
  },
  "PUT /v1/users/:name/password": {
    operationId: "putUserPassword",
    summary: "Give a user another password; ends all their logins and tokens",
  },
  "DELETE /v1/users/:name": {
    operationId: "removeUser",
    summary: "Remove a user, and with them their logins and tokens",
    answer: "nothing",
  },
  "GET /v1/tokens": { operationId: "listTokens", summary: "All tokens, without their secrets" },
  "POST /v1/tokens": {
    operationId: "createToken",
    summary: "Make a token; it is shown this once only",
  },
  "DELETE /v1/tokens/:id": {
    operationId: "deleteToken",
    summary: "Take a token back",
    answer: "nothing",
  },
  "GET /v1/bundles": {
    operationId: "listBundles",
    summary: "All bundles, and which servers have a copy of each",
  },
  "GET /v1/bundles/:bundle": {
    operationId: "getBundle",
    summary: "One bundle by SHA-256 or name; with waitMs, once it is safe or the time is over",
  },
  "PUT /v1/bundles/:bundle": {
    operationId: "pushBundle",
    summary:
      "Keep the body's content on all servers, at its SHA-256; answered when a majority has it, 503 when that takes too long",
  },
  "DELETE /v1/bundles/:bundle": {
    operationId: "removeBundle",
    summary: "Delete a bundle on all servers",
    answer: "nothing",
  },
  "GET /v1/bundles/:bundle/content": {
    operationId: "readBundle",
    summary: "The content of a bundle; a connection that ends early means a damaged copy",
    answer: "bytes",
  },
  "GET /v1/bundles/:bundle/verification": {
    operationId: "verifyBundle",
    summary: "Have every server read its copy; damaged ones are fetched anew",
  },
  ...backupWords,
  "GET /v1/peers/bundles/:bundle": {
    operationId: "readPeerBundle",
    summary: "This server's own copy, for another server; takes Range: bytes=N-",
    answer: "bytes",
  },
  "GET /v1/peers/bundles/:bundle/verification": {
    operationId: "verifyPeerBundle",
    summary: "Have this server read its own copy, for another server",
  },
  "POST /v1/agent/join": { operationId: "agentJoin", summary: "Register the node of the token" },
  "POST /v1/agent/certificate": {
    operationId: "renewAgentCertificate",
    summary: "Another certificate for the same agent",
  },
  "POST /v1/agent/lease": { operationId: "agentLease", summary: "Ask for a lease, or renew it" },
  "POST /v1/agent/release": {
    operationId: "agentRelease",
    summary: "Say that nothing of an epoch runs any more",
    answer: "nothing",
  },
  "POST /v1/agent/mode": {
    operationId: "agentMode",
    summary: "Say that the agent leaves, or is active; the answer is the mode that follows",
  },
  "POST /v1/agent/instructions": {
    operationId: "agentInstructions",
    summary:
      "The instructions of the node: snapshot, instruction, gone, servers, agent-upgrade, log-request, exec-request; lines of the body ask for the lease",
    answer: "event-stream",
  },
  "POST /v1/agent/confirm": {
    operationId: "agentConfirm",
    summary: "Ask whether an instruction and the lease are still current",
  },
  "POST /v1/agent/report": {
    operationId: "agentReport",
    summary: "Say how a service is",
    answer: "nothing",
  },
  "POST /v1/agent/usage": {
    operationId: "agentUsage",
    summary: "Say what services of the node use, as measured",
    answer: "nothing",
  },
  "POST /v1/agent/logs/:requestId": {
    operationId: "agentLogs",
    summary: "Send the output that a log-request asks for, as text/plain",
    answer: "nothing",
  },
  "POST /v1/agent/exec/:requestId": {
    operationId: "agentExec",
    summary: "Take the command that an exec-request asks for, and send what it writes",
    answer: "frames",
  },
};

const answers: Readonly<Record<Answer, Readonly<Record<string, unknown>>>> = {
  "event-stream": { 200: contentOf("Server-sent events", "text/event-stream") },
  frames: { 200: contentOf("Frames, beside the request's own", execContentType) },
  text: { 200: contentOf("Lines as they come", "text/plain") },
  bytes: { 200: contentOf("The content", "application/octet-stream") },
  document: {
    200: {
      description: "An OpenAPI 3.1 document",
      content: { "application/json": { schema: z.record(z.string(), z.unknown()) } },
    },
  },
  nothing: { 204: z.undefined().describe("It is done") },
};

function contentOf(description: string, type: string): unknown {
  return { description, content: { [type]: { schema: z.string() } } };
}

const conditionalHeaders = {
  change: z.looseObject({
    "if-match": z.string().optional().describe('Only at this revision: "<revision>", or *'),
    "if-none-match": z.string().optional().describe("*: only if it is not there yet"),
  }),
  resume: z.looseObject({
    "last-event-id": z.string().optional().describe("Go on after this revision"),
  }),
} as const;

/** What is known of a route besides its own schemas. */
export interface RouteDocumentation {
  readonly operationId: string;
  readonly summary: string;
  readonly headers?: z.ZodType;
  /** Success, for a route that has no schema of it. */
  readonly response: Readonly<Record<string, unknown>>;
}

/** The documentation of a route; a route without one is a bug. */
export function documentationOf(method: string, url: string): RouteDocumentation {
  const route = words[`${method} ${url}`];
  assert(route !== undefined, `${method} ${url} has no words in documentation.ts`);
  const { operationId, summary, answer, conditional } = route;
  return {
    operationId,
    summary,
    ...(conditional === undefined ? {} : { headers: conditionalHeaders[conditional] }),
    response: answer === undefined ? {} : answers[answer],
  };
}
