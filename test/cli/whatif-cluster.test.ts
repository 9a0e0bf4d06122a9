/** `whatif` and `apply --dry-run` on a real cluster: what they say is what then happens, and they change nothing. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startTestCluster, type TestCluster, value } from "../e2e/harness/cluster.ts";
import { probe } from "../e2e/harness/probe-service.ts";
import { holdfast } from "../e2e/harness/program.ts";

interface Told {
  readonly touched: readonly {
    readonly service: string;
    readonly outcome: string;
    readonly from?: string;
    readonly to?: string;
    readonly awayMs?: number;
  }[];
  readonly down: readonly { readonly service: string }[];
}

async function ask(
  cluster: TestCluster,
  words: readonly string[],
  exitCode: number,
): Promise<Told> {
  const environment = { HOLDFAST_SERVER: cluster.urlFor(), HOLDFAST_TOKEN_FILE: cluster.tokenPath };
  const ended = await holdfast([...words, "-o", "json"], { environment });
  assert.equal(ended.exitCode, exitCode, ended.stderr);
  return JSON.parse(ended.stdout);
}

/** Seven services on three nodes: two that keep apart, one that is bound to its node, two that run together. */
async function fill(cluster: TestCluster): Promise<readonly string[]> {
  const names = ["api1", "api2", "bound", "cache", "db", "web1", "web2"];
  const ids = names.map((name) => `process:${name}`);
  for (const id of ids) await cluster.add(probe(cluster, id));
  for (const id of ids) await cluster.runs(id);
  const { client } = cluster;
  const apart = { type: "resource-affinity", affinity: "negative" } as const;
  const services = ["process:web1", "process:web2"];
  value(await client.putRule({ ...apart, name: "apart", services }, "new"));
  const { node = "" } = await cluster.service("process:bound");
  const strict = { type: "node-affinity", strict: true } as const;
  const bound = { ...strict, name: "bound", services: ["process:bound"], nodes: [{ node }] };
  value(await client.putRule(bound, "new"));
  return ids;
}

async function placesOf(cluster: TestCluster): Promise<ReadonlyMap<string, string | undefined>> {
  const { services } = await cluster.status();
  return new Map(services.map(({ id, node }) => [id, node]));
}

test("whatif --lose says where services go, and there they go when the node is lost", {
  timeout: 90_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  const ids = await fill(cluster);
  const { node = "" } = await cluster.runs("process:bound");
  const before = await placesOf(cluster);
  const audited = value(await cluster.client.audit()).items.length;

  const told = await ask(cluster, ["whatif", "--lose", node], 1);
  assert.equal(value(await cluster.client.audit()).items.length, audited, "nothing was changed");
  assert.deepEqual(await placesOf(cluster), before);
  const lost = ids.filter((id) => before.get(id) === node && id !== "process:bound");
  assert.ok(lost.length > 0, "the node runs more than the bound service");
  assert.deepEqual(told.touched.map(({ service }) => service).sort(), lost);
  assert.deepEqual(
    told.down.map(({ service }) => service),
    ["process:bound"],
  );

  await cluster.powerOff(node);
  for (const { service, to } of told.touched) {
    const after = await cluster.runsElsewhere(service, node);
    assert.equal(after.node, to, `${service} goes where it was said to go`);
  }
  await cluster.becomes("process:bound", ({ state }) => state === "recovery");
  for (const id of ids.filter((one) => before.get(one) !== node)) {
    assert.equal((await cluster.service(id)).node, before.get(id), `${id} stays`);
  }
});

test("whatif --maintenance says where services go, and there they go when it begins", {
  timeout: 90_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  await fill(cluster);
  const { node = "" } = await cluster.runs("process:web1");
  const told = await ask(cluster, ["whatif", "--maintenance", node], 0);
  assert.ok(told.touched.some(({ service }) => service === "process:web1"));
  value(await cluster.client.putMaintenance(node, "on"));
  for (const { service, to } of told.touched) {
    const after = await cluster.runsElsewhere(service, node);
    assert.equal(after.node, to, `${service} goes where it was said to go`);
  }
});

test("apply --dry-run says where a new service would go, and writes nothing", {
  timeout: 90_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  await fill(cluster);
  const file = join(cluster.directory, "change.yaml");
  const { process: part, id } = probe(cluster, "process:new");
  const service = { kind: "Service", id, process: part };
  const rule = {
    kind: "Rule",
    name: "with-web1",
    type: "resource-affinity",
    affinity: "positive",
    services: ["process:new", "process:web1"],
  };
  writeFileSync(file, `${JSON.stringify(service)}\n---\n${JSON.stringify(rule)}\n`);
  const audited = value(await cluster.client.audit()).items.length;

  const told = await ask(cluster, ["apply", "--dry-run", "-f", file], 0);
  assert.equal(value(await cluster.client.audit()).items.length, audited, "nothing was written");
  assert.equal((await cluster.client.service("process:new")).ok, false);
  assert.equal((await cluster.client.rule("with-web1")).ok, false);
  const fresh = told.touched.find(({ service: name }) => name === "process:new");
  assert.equal(fresh?.outcome, "started");

  const environment = { HOLDFAST_SERVER: cluster.urlFor(), HOLDFAST_TOKEN_FILE: cluster.tokenPath };
  const applied = await holdfast(["apply", "-f", file], { environment });
  assert.equal(applied.exitCode, 0, applied.stderr);
  await cluster.becomes("process:new", ({ state, running, node }) => {
    return state === "started" && running === "running" && node === fresh?.to;
  });
});
