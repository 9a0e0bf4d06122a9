/** Nodes that are disabled, flushed, put offline and enabled on the command line, against a real server. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { eventually, type Harness, serviceBody, startHarness } from "../server/harness.ts";
import { createBench, type Ran } from "./harness.ts";

interface RealBench {
  readonly harness: Harness;
  run(words: string): Promise<Ran>;
}

/** Two nodes, of which node1 is to run `process:a`. */
async function createCluster(t: TestContext): Promise<RealBench> {
  const bench = await createBench(t);
  const harness = await startHarness(t, {
    initialSettings: { profile: "patient", roundMs: 1_000 },
  });
  for (const node of ["node1", "node2"]) {
    await harness.agent(node);
    await eventually(`${node} is online`, async () => {
      return String((await harness.call("GET", `/v1/nodes/${node}`)).json["state"]) === "online";
    });
  }
  await harness.call("POST", "/v1/services", { body: serviceBody("a", { node: "node1" }) });
  await eventually("it is placed", async () => {
    const { json } = await harness.call("GET", "/v1/services/process:a");
    return String(json["state"]) === "started";
  });
  const environment = {
    HOLDFAST_SERVER: harness.server.url,
    HOLDFAST_TOKEN: harness.adminToken,
  };
  return { harness, run: (words) => bench.run(words.split(" "), { environment }) };
}

async function outOf(bench: RealBench, words: string): Promise<string> {
  const ran = await bench.run(words);
  assert.equal(ran.code, 0, ran.err);
  return ran.out;
}

test("node disable and enable say what they do, and list and show tell the mode", async (t) => {
  const bench = await createCluster(t);
  assert.doesNotMatch(await outOf(bench, "node list"), /MODE/);
  assert.match(await outOf(bench, "node show node1"), /^mode +enabled$/m);
  assert.match(
    await outOf(bench, "node disable node1"),
    /^node1 is disabled: it takes no new services; what is there stays/,
  );
  const list = await outOf(bench, "node list");
  assert.match(list, /^NODE +STATE +MODE +/m);
  assert.match(list, /^node1 +online +disabled .*a person has disabled it/m);
  assert.match(list, /^node2 +online +enabled /m);
  assert.match(await outOf(bench, "node show node1"), /^mode +disabled$/m);
  assert.match(await outOf(bench, "status"), /^node1 +online +disabled /m);
  assert.match(await outOf(bench, "node enable node1"), /^node1 is enabled: it takes services/);
  assert.equal((await bench.run("node enable node1")).code, 0, "once more is no failure");
});

test("node flush names what stays, and --wait ends when the rest has left", async (t) => {
  const bench = await createCluster(t);
  await outOf(
    bench,
    "rule add only --type node-affinity --service process:a --node node1 --strict",
  );
  const said = await outOf(bench, "node flush node1");
  assert.match(said, /^node1 is flushed: its services move away and stay away until it is enabled/);
  assert.match(said, /^ {2}process:a stays: node "node2": .*only/m);
  const waited = await outOf(bench, "node flush node1 --wait");
  assert.match(waited, /^node1 is left by all that can move after /);
  assert.match(waited, /^ {2}process:a stays: /m);
  const json = JSON.parse(await outOf(bench, "node flush node1 -o json"));
  assert.equal(json.mode, "flushed");
  assert.equal(json.staying[0].service, "process:a");
});

test("node flush --wait says what is left when time is up", async (t) => {
  const bench = await createCluster(t);
  const ran = await bench.run("node flush node1 --wait --timeout 1s");
  assert.equal(ran.code, 1);
  assert.match(ran.err, /after 1 s: 1 to move away from node1: process:a is /);
});

test("node offline is ended by enable only, and why says what it means", async (t) => {
  const bench = await createCluster(t);
  assert.match(
    await outOf(bench, "node offline node1"),
    /^node1 is offline: nothing is done about its services, whatever becomes of it/,
  );
  for (const order of ["disable", "flush"]) {
    const refused = await bench.run(`node ${order} node1`);
    assert.equal(refused.code, 5);
    assert.match(refused.err, /it is offline, and only enable ends that/);
  }
  const why = await outOf(bench, "why process:a");
  assert.match(why, /put it offline: it is not watched/);
  assert.match(why, /holdfast node enable node1/);
  await outOf(bench, "node enable node1");
  assert.doesNotMatch(await outOf(bench, "why process:a"), /offline/);
});

test("node orders complete names of nodes, and know which there are", async (t) => {
  const bench = await createCluster(t);
  assert.match(await outOf(bench, "complete -- node flush node2"), /^node2\t/);
  const unknown = await bench.run("node offline node9");
  assert.equal(unknown.code, 3);
  assert.match(unknown.err, /there is no node "node9"/);
});
