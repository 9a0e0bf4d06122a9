/** Rollouts as people see and order them, with the manager at work and agents that do at once what they are told. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import {
  eventually,
  type Harness,
  type Json,
  listOf,
  openStream,
  startHarness,
} from "../harness.ts";
import { runAgents } from "./run-agents.ts";
import { addDefinitions, putDeployment } from "./support.ts";

const settle = { rollout: { healthyForMs: 0 } };

interface World {
  readonly harness: Harness;
  /** Nodes whose agents start nothing anew from now on. */
  readonly stuck: Set<string>;
  status(): Promise<Json>;
  order(order: string): Promise<{ readonly status: number; readonly json: Json }>;
  until(what: string, isSo: (status: Json) => boolean): Promise<Json>;
}

/** Nodes with agents that report every instance of theirs as running, unless they are stuck. */
async function createWorld(t: TestContext, nodes: readonly string[]): Promise<World> {
  // The agents never renew: their leases have to last for the whole test.
  const harness = await startHarness(t, { initialSettings: { profile: "patient" } });
  const stuck = new Set<string>();
  await runAgents(t, harness, { nodes, stuck });
  const status = async () => (await harness.call("GET", "/v1/deployments/web/status")).json;
  const until = async (what: string, isSo: (shown: Json) => boolean): Promise<Json> => {
    let shown = await status();
    await eventually(what, async () => {
      shown = await status();
      return isSo(shown);
    });
    return shown;
  };
  const order = (word: string) => harness.call("POST", `/v1/deployments/web/rollout/${word}`);
  return { harness, stuck, status, order, until };
}

const stateOf = (status: Json): string => String(status["deployment"]?.["rollout"]?.["state"]);
const healthyOf = (status: Json): number => {
  return Number(status["deployment"]?.["instances"]?.["healthy"]);
};

test("a deployment runs on every node that fits, and its status says where", async (t) => {
  const { harness, until } = await createWorld(t, ["n1", "n2"]);
  await addDefinitions(harness, ["1"]);
  await putDeployment(harness, ["1"], settle);
  const status = await until("both are healthy", (shown) => healthyOf(shown) === 2);
  const lines = listOf(status["instances"]).map(({ node, version, phase, because }) =>
    [node, version, phase, because].map(String).join(" "),
  );
  assert.deepEqual(lines, ["n1 1 running undefined", "n2 1 running undefined"]);
  await harness.call("PATCH", "/v1/nodes/n2", { body: { constraint: "version > 1" } });
  const less = await until(
    "the one on n2 is gone",
    (shown) => listOf(shown["instances"]).length < 2,
  );
  assert.equal(String(listOf(less["instances"])[0]?.["node"]), "n1");
  const why = await harness.call("GET", "/v1/services/process:web@n1/why");
  assert.match(why.text, /it is the instance of deployment \\"web\\" on node \\"n1\\"/);
});

test("a rollout is paused, resumed and told about, and takes no order that makes no sense", async (t) => {
  const world = await createWorld(t, ["n1", "n2", "n3"]);
  const { harness, stuck, until, order } = world;
  await addDefinitions(harness, ["1", "2"]);
  await putDeployment(harness, ["1"], settle);
  await until("all are healthy", (shown) => healthyOf(shown) === 3);
  for (const node of ["n1", "n2", "n3"]) stuck.add(node);
  await putDeployment(harness, ["2", "1"], settle);
  await until("the rollout runs", (shown) => stateOf(shown) === "running");
  const paused = await order("pause");
  assert.equal(paused.status, 200, JSON.stringify(paused.json));
  assert.deepEqual([paused.json["outcome"], paused.json["rollout"]?.["state"]].map(String), [
    "taken-up",
    "paused",
  ]);
  assert.equal((await order("pause")).status, 409);
  stuck.clear();
  const one = await until("what was under way has ended", (shown) => healthyOf(shown) === 3);
  const versions = listOf(one["instances"])
    .map(({ version }) => String(version))
    .sort();
  assert.deepEqual(versions, ["1", "1", "2"], "one at a time was begun, and none after the pause");
  const waiting = listOf(one["instances"]).filter(({ version }) => String(version) === "1");
  for (const { because } of waiting)
    assert.match(String(because), /is to run 2: rollout 1 is paused/);
  assert.equal((await order("resume")).status, 200);
  const done = await until("it has succeeded", (shown) => stateOf(shown) === "succeeded");
  assert.equal(healthyOf(done), 3);
  assert.equal((await order("abort")).status, 409, "it is over");
  const history = await harness.call("GET", "/v1/deployments/web/rollouts");
  const numbers = listOf(history.json["items"]).map(({ number }) => Number(number));
  assert.deepEqual(numbers, [1]);
  const audit = await harness.call("GET", "/v1/audit");
  const actions = listOf(audit.json["items"]).map(({ action }) => String(action));
  assert.deepEqual(actions.slice(0, 2), ["rollout.resume", "rollout.pause"]);
});

test("a rollout that is aborted goes back, and is told on a watch", async (t) => {
  const { harness, stuck, until, order } = await createWorld(t, ["n1", "n2"]);
  await addDefinitions(harness, ["1", "2"]);
  await putDeployment(harness, ["1"], settle);
  await until("all are healthy", (shown) => healthyOf(shown) === 2);
  const path = "/v1/watch?kinds=deployment,rollout,instance";
  const stream = await openStream(harness.server.url, path, { token: harness.adminToken });
  t.after(() => stream.close());
  const beginning = await stream.until("the beginning", ({ event }) => event === "ready");
  assert.ok(stream.messages.indexOf(beginning) >= 3, "a deployment and two instances");
  stuck.add("n1").add("n2");
  await putDeployment(harness, ["2", "1"], settle);
  await stream.until("the upgrade of an instance", ({ event, data }) => {
    return event === "instance" && String(data["phase"]) === "upgrading";
  });
  const aborted = await order("abort");
  assert.equal(aborted.status, 200, JSON.stringify(aborted.json));
  stuck.clear();
  await stream.until("the end of the rollout", ({ event, data }) => {
    return event === "rollout" && String(data["state"]) === "rolled-back";
  });
  const back = await until("all are healthy again", (shown) => healthyOf(shown) === 2);
  const versions = listOf(back["instances"]).map(({ version }) => String(version));
  assert.deepEqual(versions, ["1", "1"]);
  await harness.call("DELETE", "/v1/deployments/web");
  await stream.until("the end of the deployment", ({ event }) => event === "deployment-deleted");
});

test("a plan says steps, time and what blocks, and writes nothing", async (t) => {
  const { harness, until } = await createWorld(t, ["n1", "n2", "n3"]);
  await addDefinitions(harness, ["1", "2"]);
  const body = (versions: readonly string[]) => ({
    ...{ name: "web", service: "process:web", rollout: { healthyForMs: 2_000 } },
    versions: versions.map((version) => ({ version })),
  });
  const plan = async (versions: readonly string[]) => {
    return (await harness.call("POST", "/v1/deployments/web/plan", { body: body(versions) })).json;
  };
  const first = await plan(["1"]);
  assert.deepEqual(listOf(first["installs"]).map(String), ["n1", "n2", "n3"]);
  assert.deepEqual([first["steps"], first["canEnd"]].map(String), ["0", "true"]);
  assert.equal((await harness.call("GET", "/v1/deployments/web")).status, 404);
  await putDeployment(harness, ["1"], settle);
  await until("all are healthy", (shown) => healthyOf(shown) === 3);
  const group = { name: "pair", members: ["n1", "n2"] };
  assert.equal((await harness.call("POST", "/v1/ha-groups", { body: group })).status, 201);
  const second = await plan(["2"]);
  assert.deepEqual(listOf(second["upgrades"]).map(String), ["n1", "n2", "n3"]);
  assert.deepEqual(JSON.stringify(second["groups"]), '[{"group":"pair","nodes":["n1","n2"]}]');
  assert.equal(Number(second["steps"]), 2, "two in the group one after the other, n3 beside them");
  assert.ok(Number(second["expectedMs"]) >= 4_000, "two steps of at least 2 s");
  const on = await harness.call("PUT", "/v1/nodes/n3/maintenance", { body: { on: true } });
  assert.equal(on.status, 200, on.text);
  const blocked = await plan(["2"]);
  assert.equal(String(blocked["canEnd"]), "false");
  assert.match(JSON.stringify(blocked["blocks"]), /"node":"n3","because":".*maintenance/);
});
