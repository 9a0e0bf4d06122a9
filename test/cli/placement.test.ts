/** Groups, rules, maintenance, arming and settings on the command line, against a real server on a memory store. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { eventually, type Harness, serviceBody, startHarness } from "../server/harness.ts";
import { createBench, type Ran } from "./harness.ts";

interface RealBench {
  readonly harness: Harness;
  run(words: string, input?: string): Promise<Ran>;
}

/** A cluster of two nodes with two services, and a command line that speaks to it. */
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
  for (const name of ["a", "b"]) {
    await harness.call("POST", "/v1/services", { body: serviceBody(name) });
  }
  const environment = {
    HOLDFAST_SERVER: harness.server.url,
    HOLDFAST_TOKEN: harness.adminToken,
  };
  return {
    harness,
    run: (words, input) =>
      bench.run(words.split(" "), { environment, ...(input === undefined ? {} : { input }) }),
  };
}

async function outOf(bench: RealBench, words: string): Promise<string> {
  const ran = await bench.run(words);
  assert.equal(ran.code, 0, ran.err);
  return ran.out;
}

test("group add, list, show, set and remove", async (t) => {
  const bench = await createCluster(t);
  assert.match(await outOf(bench, "group list"), /^no groups; add one with: holdfast group add/);
  const added = await outOf(bench, "group add left --node node1:2 --node node2 --restricted");
  assert.match(
    added,
    /^group left is added; services join it with: holdfast service set ID --group/,
  );
  const again = await bench.run("group add left --node node1");
  assert.deepEqual(
    [again.code, again.err],
    [4, 'holdfast: group "left" exists already; change it with: holdfast group set left\n'],
  );
  await outOf(bench, "service set process:a --group left");
  const list = await outOf(bench, "group list");
  assert.match(list, /^left +node1:2, node2 +restricted +1 +yes$/m);
  await outOf(bench, "group set left --nofailback --unset restricted");
  const show = await outOf(bench, "group show left");
  assert.match(show, /^options +nofailback$/m);
  assert.match(show, /^services +process:a$/m);
  assert.match(show, /^nodes +node1:2, node2$/m);
  assert.match(
    await outOf(bench, "group set left --nofailback"),
    /^group left is already like this$/m,
  );
  const used = await bench.run("group remove left");
  assert.deepEqual(
    [used.code, used.err],
    [
      5,
      'holdfast: group "left" is in use by process:a; take it from them first with: holdfast service set ID --unset group\n',
    ],
  );
  await outOf(bench, "service set process:a --unset group");
  assert.equal(await outOf(bench, "group remove left"), "group left is removed\n");
});

test("group add names a node that there is not", async (t) => {
  const bench = await createCluster(t);
  const { code, err } = await bench.run("group add left --node node1 --node node9");
  assert.equal(code, 2);
  assert.match(err, /^holdfast: nodes\.1\.node: there is no node "node9"/);
});

test("rule add, list, show, disable, enable, set and remove", async (t) => {
  const bench = await createCluster(t);
  const add = "rule add apart --type resource-affinity --affinity negative";
  const services = "--service process:a --service process:b";
  assert.match(await outOf(bench, `${add} ${services}`), /holdfast why process:a$/m);
  const list = await outOf(bench, "rule list");
  assert.match(list, /^apart +negative resource-affinity +process:a, process:b +- +yes$/m);
  const contradiction = await bench.run(
    `rule add together --type resource-affinity --affinity positive ${services}`,
  );
  assert.equal(contradiction.code, 5);
  assert.equal(
    contradiction.err,
    'holdfast: rule "together" could not hold: by "together" process:a and process:b are to run together, and "apart" keeps them apart\n',
    "in the words of the rule that is added, and once",
  );
  assert.match(await outOf(bench, "rule disable apart"), /in force: no: it is disabled$/m);
  await outOf(bench, `rule add together --type resource-affinity --affinity positive ${services}`);
  const impossible = await bench.run("rule enable apart");
  assert.equal(impossible.code, 5, "it contradicts what was added meanwhile");
  await outOf(bench, "rule set together --affinity negative");
  assert.match(await outOf(bench, "rule show together"), /^kind +negative resource-affinity$/m);
  assert.equal(await outOf(bench, "rule remove together"), "rule together is removed\n");
  assert.match(await outOf(bench, "rule enable apart"), /in force: yes$/m);
  const gone = await bench.run("rule show together");
  assert.equal(gone.code, 3);
});

test("rule add of node-affinity is what why tells", async (t) => {
  const bench = await createCluster(t);
  await outOf(
    bench,
    "rule add place --type node-affinity --service process:a --node node2 --strict",
  );
  await eventually("it is where it may run, or on its way there", async () => {
    const { json } = await bench.harness.call("GET", "/v1/services/process:a");
    return [json["node"], json["target"]].some((node) => String(node) === "node2");
  });
  const why = await outOf(bench, "why process:a");
  assert.match(why, /^rules:\n {2}place: it may run only on node2/m);
  assert.match(why, /^node1 +(refused|here) +/m);
  const asJson = JSON.parse(await outOf(bench, "rule show place -o json"));
  assert.deepEqual(asJson, parse(await outOf(bench, "rule show place -o yaml")));
  assert.equal(asJson.inForce, true);
});

test("config set changes what it names, and config show says what is in force and why", async (t) => {
  const bench = await createCluster(t);
  await outOf(bench, "config set scheduler=static autoRebalance.margin=0.2 suspectMs=5s");
  const rows = async () => {
    const lines = (await outOf(bench, "config show")).trimEnd().split("\n");
    return lines.map((line) => line.split(/ +/).join(" "));
  };
  const shown = await rows();
  for (const row of [
    "profile patient set",
    "times.ttlMs 1m profile",
    "scheduler static set",
    "autoRebalance on set",
    "autoRebalance.margin 0.2 set",
    "autoRebalance.holdRounds 3 default",
    "suspectMs 5s set",
    "coldStartMs 1m profile",
    "admission off default",
  ]) {
    assert.ok(shown.includes(row), `${row} in ${shown.join("; ")}`);
  }
  assert.ok(!shown.join().includes("admission.losses"), "what is off has no fields");
  const words = (row: string): string => row.split(" ").slice(0, 2).join("=");
  const all = shown.slice(1).filter((row) => !row.startsWith("profile "));
  await outOf(bench, `config set ${all.map(words).join(" ")}`);
  assert.ok((await rows()).includes("times.ttlMs 1m set"), "all that show prints, set takes");
  const back = await outOf(bench, "config set profile=balanced autoRebalance=off");
  assert.match(back, /^profile=balanced\ntimes\.ttlMs=6s$/m);
  assert.match(back, /^autoRebalance=off\nroundMs/m);
  const unsafe = await bench.run("config set times.ttlMs=3s");
  assert.equal(unsafe.code, 2);
  assert.match(unsafe.err, /times\.watchdogMs: is missing/);
});

test("cluster disarm and arm, and status in between", async (t) => {
  const bench = await createCluster(t);
  const asked = await outOf(bench, "cluster disarm freeze --reason recabling");
  assert.match(
    asked,
    /^the cluster is disarming \(freeze, by [^)]+\): recabling; end it with: holdfast cluster arm$/m,
  );
  assert.match(await outOf(bench, "status"), /^the cluster is disarming \(freeze/m);
  const refused = await bench.run("service add process:c --command /bin/true");
  assert.equal(refused.code, 5);
  assert.match(refused.err, /the cluster is disarmed, so no service can be added; arm it first/);
  const waited = await bench.run("cluster disarm freeze --wait --timeout 1s");
  assert.equal(waited.code, 1, "no agent lets go of anything here");
  assert.match(waited.err, /after 1 s: the cluster is disarming: .*let go of process:[ab]/);
  assert.equal(await outOf(bench, "cluster arm"), "the cluster is armed: it acts by itself\n");
  assert.doesNotMatch(await outOf(bench, "status"), /disarming/);
});

test("cluster disarm --wait ends when nothing is left to let go of", async (t) => {
  const bench = await createCluster(t);
  const stateOf = async (name: string): Promise<string> =>
    String((await bench.harness.call("GET", `/v1/services/process:${name}`)).json["state"]);
  for (const name of ["a", "b"]) {
    await bench.harness.call("PATCH", `/v1/services/process:${name}`, {
      body: { state: "ignored" },
    });
  }
  await eventually("nobody looks after them", async () => {
    return (await stateOf("a")) === "ignored" && (await stateOf("b")) === "ignored";
  });
  const ran = await bench.run("cluster disarm freeze --wait");
  assert.match(ran.out, /^the cluster is disarmed after /);
  assert.equal(ran.code, 0);
});

test("node maintenance on and off wait for what they ask for", async (t) => {
  const bench = await createCluster(t);
  const asked = await outOf(bench, "node maintenance on node1");
  assert.match(asked, /^maintenance of node1 is on: its services move away/);
  assert.match(await outOf(bench, "node show node1"), /^wanted +maintenance$/m);
  for (const name of ["a", "b"]) {
    await bench.harness.call("PATCH", `/v1/services/process:${name}`, {
      body: { state: "ignored" },
    });
  }
  const empty = await bench.run("node maintenance on node1 --wait");
  assert.match(empty.out, /^node1 is in maintenance and empty after /);
  const back = await bench.run("node maintenance off node1 --wait");
  assert.match(back.out, /^node1 is out of maintenance after /);
});

test("node maintenance --wait says what is left when time is up", async (t) => {
  const bench = await createCluster(t);
  const nodes: string[] = [];
  await eventually("both are placed", async () => {
    nodes.length = 0;
    for (const name of ["a", "b"]) {
      const { json } = await bench.harness.call("GET", `/v1/services/process:${name}`);
      nodes.push(String(json["node"]));
    }
    return nodes.every((node) => node.startsWith("node"));
  });
  const ran = await bench.run(`node maintenance on ${nodes[0]} --wait --timeout 1s`);
  assert.equal(ran.code, 1);
  assert.match(ran.err, /after 1 s: \d to move away from node\d: process:[ab] is /);
});

test("node remove is refused while the node's agent lives", async (t) => {
  const bench = await createCluster(t);
  const { code, err } = await bench.run("node remove node1");
  assert.equal(code, 5);
  assert.match(err, /node "node1" holds a live lease; stop its agent first/);
});

test("service locate is for what nobody manages", async (t) => {
  const bench = await createCluster(t);
  const managed = await bench.run("service locate process:a --node node2");
  assert.equal(managed.code, 5);
  await outOf(bench, "cluster disarm ignore");
  await eventually("it is left alone", async () => {
    const { json } = await bench.harness.call("GET", "/v1/services/process:a");
    return json["suspended"] !== undefined;
  });
  assert.match(
    await outOf(bench, "service locate process:a --node node2"),
    /is taken to be on node2/,
  );
});

const file = `
kind: Rule
name: apart
type: resource-affinity
affinity: negative
services: [process:web, process:db]
---
kind: Service
id: process:web
requires: [process:db]
group: left
process: { command: /bin/web }
---
kind: Service
id: process:db
process: { command: /bin/db }
---
kind: Group
name: left
nodes: [{ node: node1, priority: 1 }]
`;

test("apply makes groups first, services after those that they name, rules last", async (t) => {
  const bench = await createCluster(t);
  const applied = await bench.run("apply -f -", file);
  assert.equal(
    applied.out,
    "group left is added\nprocess:db is added\nprocess:web is added\nrule apart is added\n",
  );
  const diff = await bench.run("diff -f -", file);
  assert.deepEqual([diff.out, diff.code], ["nothing differs\n", 0]);
  const other = file.replace("priority: 1", "priority: 5").replace("negative", "positive");
  const differs = await bench.run("diff -f -", other);
  assert.match(differs.out, /^~ group left \(changed\)$/m);
  assert.match(differs.out, /^~ rule apart \(changed\)\n {4}affinity: "negative" -> "positive"$/m);
});

test("apply of services that wait for each other tells the cycle", async (t) => {
  const bench = await createCluster(t);
  const first = `kind: Service\nid: process:x\nprocess: { command: x }\n---\n`;
  const second = `kind: Service\nid: process:y\nafter: [process:x]\nprocess: { command: y }\n`;
  assert.equal((await bench.run("apply -f -", first + second)).code, 0);
  const cycle = first.replace("command: x }", "command: x }\nrequires: [process:y]") + second;
  const { err, code } = await bench.run("apply -f -", cycle);
  assert.equal(code, 2);
  assert.match(err, /process:x waits for process:y waits for process:x/);
});

test("a warning about capacity is printed beside what was done", async (t) => {
  const bench = await createCluster(t);
  await outOf(bench, "config set admission.losses=2 admission.action=warn");
  const ran = await bench.run("service set process:a --memory 1G");
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.out, /^process:a is changed/);
  assert.match(
    ran.err,
    /^warning: with process:a, memory would not suffice after the loss of node1, node2: 1024 MiB are needed/,
  );
  const data = await bench.run("service set process:a --memory 2G -o json");
  assert.equal(JSON.parse(data.out).warnings.length, 1);
});

test("names of groups and rules are completed", async (t) => {
  const bench = await createCluster(t);
  await outOf(bench, "group add left --node node1");
  await outOf(bench, "rule add place --type node-affinity --service process:a --node node1");
  assert.match((await bench.run("complete -- group show l")).out, /^left\t/);
  assert.match((await bench.run("complete -- service set process:a --group l")).out, /^left\t/);
  assert.match((await bench.run("complete -- rule disable p")).out, /^place\tnode-affinity/);
  assert.match((await bench.run("complete -- node maintenance o")).out, /^on\t\noff\t\n$/);
  assert.match((await bench.run("complete -- node maintenance on node2")).out, /^node2\t/);
});

test("node taint and untaint close a node and open it, list and show name it, and remove says what is left to do", async (t) => {
  const bench = await createCluster(t);
  assert.doesNotMatch(await outOf(bench, "node list"), /TAINTS/);
  assert.match(await outOf(bench, "node show node1"), /^taints +none: it takes every service$/m);
  const closed = await outOf(bench, "node taint node1 control-plane");
  assert.match(closed, /^node1 is closed to services that do not tolerate "control-plane"/);
  assert.match(await outOf(bench, "node list"), /^node1 +\S+ +control-plane +1 /m);
  assert.match(await outOf(bench, "node show node1"), /^taints +control-plane$/m);
  const refused = await bench.run("node taint node2 control-plane");
  assert.equal(refused.code, 5);
  assert.match(refused.err, /no other node is online, enabled and without a taint/);
  assert.match(await outOf(bench, "why process:a"), /does not tolerate its taint "control-plane"/);
  await outOf(bench, "service set process:a --toleration control-plane --volume data");
  assert.match(
    await outOf(bench, "why process:a"),
    /tolerates nodes with the taints control-plane/,
  );
  assert.match(
    await outOf(bench, "node untaint node1 control-plane"),
    /^node1 no longer has the taint "control-plane"$/m,
  );
  const agent = await bench.harness.agent("node3");
  const lease = { epoch: agent.epoch, leaseId: agent.leaseId };
  await agent.post("/v1/agent/release", lease);
  assert.match(
    await outOf(bench, "node remove node3"),
    /^node3 is removed, and turned away if it comes back; on that machine: stop the agent/,
  );
});
