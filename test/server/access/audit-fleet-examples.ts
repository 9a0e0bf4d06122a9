/** How the routes of definitions, deployments, HA groups and nodes' properties are made to change something, for the audit. */
import assert from "node:assert/strict";
import { reportOf } from "../fleet/run-agents.ts";
import { addDefinitions, definitionBody, deploymentBody, putDeployment } from "../fleet/support.ts";
import { put as putHaGroup, register } from "../ha-groups/support.ts";
import { eventually, type Harness } from "../harness.ts";

/** How a route is made to change something. */
export interface Example {
  readonly path?: string;
  readonly body?: unknown;
  readonly rawBody?: Buffer;
  /** Done before, by an admin; the value is put into the path for `{id}`. */
  before?(harness: Harness): Promise<string | undefined>;
  readonly action: string;
}

async function withDefinition(harness: Harness): Promise<undefined> {
  await addDefinitions(harness, ["1"]);
}

async function withDeployment(harness: Harness): Promise<undefined> {
  await withDefinition(harness);
  await putDeployment(harness, ["1"]);
}

/** One that cannot end: the node's agent says that the first version runs, and no more. */
async function withRollout(harness: Harness): Promise<undefined> {
  const agent = await harness.agent("n1");
  await addDefinitions(harness, ["1", "2"]);
  await putDeployment(harness, ["1"], { rollout: { healthyForMs: 0 } });
  const status = async () => (await harness.call("GET", "/v1/deployments/web/status")).json;
  await eventually("the first version is healthy", async () => {
    const shown = await harness.call("GET", "/v1/services/process:web@n1");
    if (shown.status === 200) await agent.post("/v1/agent/report", reportOf(shown.json, agent));
    return Number((await status())["deployment"]?.["instances"]?.["healthy"]) === 1;
  });
  await putDeployment(harness, ["2", "1"], { rollout: { healthyForMs: 0 } });
  await eventually("the rollout runs", async () => {
    return String((await status())["deployment"]?.["rollout"]?.["state"]) === "running";
  });
}

async function withNode(harness: Harness): Promise<undefined> {
  const joined = await register(harness, "n1");
  assert.equal(joined.status, 200, joined.text);
}

function withHaGroup(members: readonly string[]): (harness: Harness) => Promise<undefined> {
  return async (harness) => {
    await withNode(harness);
    const made = await putHaGroup(harness, "pair", { members });
    assert.equal(made.status, 201, made.text);
    return undefined;
  };
}

const member = "/v1/ha-groups/pair/members/n1";

/** By route, as the interface's description writes it. */
export const fleetExamples: Readonly<Record<string, Example>> = {
  "POST /v1/definitions": { body: definitionBody("1"), action: "definition.add" },
  "DELETE /v1/definitions/{service}/{version}": {
    path: "/v1/definitions/process:web/1",
    before: withDefinition,
    action: "definition.remove",
  },
  "PUT /v1/deployments/{name}": {
    path: "/v1/deployments/web",
    body: deploymentBody(["1"]),
    before: withDefinition,
    action: "deployment.add",
  },
  "DELETE /v1/deployments/{name}": {
    path: "/v1/deployments/web",
    before: withDeployment,
    action: "deployment.remove",
  },
  "POST /v1/deployments/{name}/rollout/{order}": {
    path: "/v1/deployments/web/rollout/pause",
    before: withRollout,
    action: "rollout.pause",
  },
  "POST /v1/ha-groups": { body: { name: "pair" }, action: "hagroup.add" },
  "PUT /v1/ha-groups/{name}": {
    path: "/v1/ha-groups/pair",
    body: { description: "both of them" },
    before: withHaGroup([]),
    action: "hagroup.change",
  },
  "DELETE /v1/ha-groups/{name}": {
    path: "/v1/ha-groups/pair",
    before: withHaGroup(["n1"]),
    action: "hagroup.remove",
  },
  "PUT /v1/ha-groups/{name}/members/{node}": {
    path: member,
    before: withHaGroup([]),
    action: "hagroup.add-member",
  },
  "DELETE /v1/ha-groups/{name}/members/{node}": {
    path: member,
    before: withHaGroup(["n1"]),
    action: "hagroup.remove-member",
  },
  "PATCH /v1/nodes/{id}": {
    path: "/v1/nodes/n1",
    body: { setProperties: { rack: "r2" } },
    before: withNode,
    action: "node.change",
  },
};
