/** `whatif` and `apply --dry-run`: what they ask of a server, what they tell, and how they end. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ClusterFacts } from "../../src/sim/whatif/cluster-plan.ts";
import type { ArmingResource } from "../../src/wire/api.ts";
import { type FactsInput, factsOf } from "../sim/whatif/cluster-facts.ts";
import { type Bench, createBench } from "./harness.ts";

/** A server that answers with these facts, and lets nothing be changed. */
async function benchOf(context: TestContext, input: FactsInput): Promise<Bench> {
  const bench = await createBench(context);
  const facts = factsOf(input);
  bench.server.override = ({ method, path }, response) => {
    const body = method === "GET" ? answerOf(facts, path) : undefined;
    if (body === undefined) return false;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(body));
    return true;
  };
  return bench;
}

function answerOf({ status, groups, rules }: ClusterFacts, path: string): unknown {
  const page = (items: readonly unknown[]) => ({ items, revision: status.revision });
  const known = { revision: 1, inForce: true };
  switch (path) {
    case "/v1/cluster":
      return status;
    case "/v1/settings":
      return status.settings;
    case "/v1/services":
      return page(status.services);
    case "/v1/groups":
      return page(groups.map((config) => ({ ...known, name: config.name, config, services: [] })));
    case "/v1/rules":
      return page(rules.map((config) => ({ ...known, name: config.name, config })));
    default:
      return undefined;
  }
}

const onThreeNodes: FactsInput = {
  services: [
    { id: "process:a", node: "node3" },
    { id: "process:bound", node: "node3" },
    { id: "process:c", node: "node1" },
    { id: "process:d", node: "node2" },
  ],
  rules: [
    {
      name: "bound",
      type: "node-affinity",
      strict: true,
      services: ["process:bound"],
      nodes: [{ node: "node3" }],
    },
  ],
};

test("whatif --lose tells where each service goes, what stays away and why, and ends with 1", async (context) => {
  const bench = await benchOf(context, onThreeNodes);
  const { out, code } = await bench.run(["whatif", "--lose", "node3"]);
  assert.match(
    out,
    /^if node3 lost power now:\nSERVICE +WOULD BE +FROM +TO +AWAY +RUNS AFTER +WHY\n/,
  );
  assert.match(
    out,
    /^process:a +recovered +node3 +node1 +[78]\.\ds +[78]\.\ds +node "node3" was lost; /m,
  );
  assert.match(
    out,
    /^! process:bound runs on node3 and would not run any more \(recovery\): no permitted node is online and has room; .*\n {4}node1: rule "bound" allows only "node3"\n {4}node2: rule "bound" allows only "node3"\n/m,
  );
  assert.match(out, /^2 other services would stay as they are\n/m);
  assert.match(out, /^times are estimates: a lost node's lease ends after 5\.0s to 6\.0s, /m);
  assert.equal(code, 1);
  assert.ok(bench.server.requests.every(({ method }) => method === "GET"));
});

test("whatif --maintenance tells moves and what has to stay, with the time that a start takes", async (context) => {
  const bench = await benchOf(context, onThreeNodes);
  const words = ["whatif", "--maintenance", "node3", "--start-time", "20s"];
  const { out, code } = await bench.run(words);
  assert.match(out, /^if node3 went into maintenance now:\n/);
  assert.match(out, /^process:a +moved +node3 +node1 +40s +40s +node "node3" is in maintenance: /m);
  assert.match(out, /^! process:bound would have to stay on node3, in maintenance \(started\): /m);
  assert.doesNotMatch(out, /lease ends/);
  assert.equal(code, 0);
});

test("whatif -o json gives the same as data", async (context) => {
  const bench = await benchOf(context, onThreeNodes);
  const { out } = await bench.run([
    "whatif",
    "--lose",
    "node3",
    "--start-time",
    "1s",
    "-o",
    "json",
  ]);
  const { touched, down, ...rest } = JSON.parse(out);
  assert.deepEqual(rest.lose, ["node3"]);
  assert.equal(rest.startTimeMs, 1_000);
  assert.equal(rest.untouchedCount, 2);
  const [recovered] = touched;
  assert.deepEqual(
    [recovered.service, recovered.from, recovered.to],
    ["process:a", "node3", "node1"],
  );
  assert.ok(recovered.awayMs > 6_000 && recovered.awayMs < 7_500, `${recovered.awayMs}`);
  assert.deepEqual(
    down.map(({ service, wasDown }: { service: string; wasDown: boolean }) => [service, wasDown]),
    [["process:bound", false]],
  );
});

test("whatif tells in one line what it cannot answer", async (context) => {
  const bench = await benchOf(context, {
    ...onThreeNodes,
    nodes: [
      { id: "node1" },
      { id: "node2" },
      { id: "node3" },
      { id: "node4", state: "unknown", leased: false },
    ],
  });
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["--lose", "nodex"], 3, /there is no node "nodex"; the cluster's nodes: node1, node2, /],
    [[], 2, /no node is named; write: holdfast whatif --lose NODE, or --maintenance NODE/],
    [
      ["--lose", "node1", "--lose", "node2", "--lose", "node3"],
      1,
      /every node that is online would be lost: no service would run anywhere/,
    ],
    [["--lose", "node1", "--maintenance", "node1"], 2, /node1 is named with --lose and with/],
    [["--maintenance", "node4"], 5, /node4 is unknown: maintenance can be asked of an online node/],
  ];
  for (const [words, code, line] of cases) {
    const ran = await bench.run(["whatif", ...words]);
    assert.match(ran.err, line);
    assert.equal(ran.err.split("\n").length, 2, "one line");
    assert.deepEqual([ran.code, ran.out], [code, ""]);
  }
});

test("whatif says of a node that is lost already that nothing would change", async (context) => {
  const bench = await benchOf(context, {
    nodes: [{ id: "node1" }, { id: "node2", state: "unknown", leased: false }],
    services: [{ id: "process:a", node: "node1" }],
  });
  const { out, code } = await bench.run(["whatif", "--lose", "node2"]);
  assert.match(
    out,
    /\nno service would be touched\nnote: node2 is lost already: it holds no lease\n/,
  );
  assert.equal(code, 0);
});

test("whatif says that a disarmed cluster would not act", async (context) => {
  const arming: ArmingResource = {
    revision: 5,
    mode: "freeze",
    state: "disarmed",
    waitsFor: [],
  };
  const bench = await benchOf(context, {
    services: [{ id: "process:a", node: "node1", resource: { state: "freeze" } }],
    status: { arming },
  });
  const { out, code } = await bench.run(["whatif", "--lose", "node1"]);
  assert.match(out, /^! process:a runs on node1 and would not run any more \(freeze\): /m);
  assert.match(
    out,
    /^note: the cluster is disarmed \(freeze\): it would not act until it is armed$/m,
  );
  assert.equal(code, 1);
});

test("apply --dry-run shows the difference and what would come of it, and changes nothing", async (context) => {
  const bench = await benchOf(context, onThreeNodes);
  const file = await bench.file(
    "change.yaml",
    `
kind: Service
id: process:new
after: [process:c]
process: { command: /bin/true }
---
kind: Service
id: process:a
process: { command: /bin/false }
---
kind: Service
id: process:d
state: stopped
process: { command: /bin/true }
---
kind: Rule
name: home
type: node-affinity
services: [process:a]
nodes: [{ node: node2 }]
`,
  );
  const { out, code } = await bench.run(["apply", "--dry-run", "-f", file]);
  const { out: difference } = await bench.run(["diff", "-f", file]);
  assert.ok(out.startsWith(difference), "it begins as diff does");
  assert.match(out, /^if this were applied now:$/m);
  assert.match(
    out,
    /^process:a +moved +node3 +node2 +4\.0s .*it belongs on node "node2": the one /m,
  );
  assert.match(out, /^process:new +started +- +node\d +- +2\.0s /m);
  assert.match(out, /^process:d +stopped +node2 +- +- +- +it was requested stopped$/m);
  assert.match(
    out,
    /^note: process:a takes up its new "process" part on node3: it may be restarted$/m,
  );
  assert.match(out, /\nnothing was changed\n$/);
  assert.equal(code, 0);
  assert.ok(bench.server.requests.every(({ method }) => method === "GET"));
});

test("apply --dry-run says what apply would be refused for, and ends with 1", async (context) => {
  const bench = await benchOf(context, onThreeNodes);
  const file = await bench.file(
    "change.yaml",
    `
kind: Group
name: left
nodes: [{ node: node1 }, { node: node9 }]
---
kind: Service
id: process:a
after: [process:c]
process: { command: /bin/true }
---
kind: Service
id: process:c
requires: [process:a]
process: { command: /bin/true }
---
kind: Service
id: process:d
group: right
process: { command: /bin/true }
---
kind: Rule
name: elsewhere
type: node-affinity
services: [process:bound]
nodes: [{ node: node1 }]
`,
  );
  const { out, code } = await bench.run(["apply", "--dry-run", "-f", file, "-o", "json"]);
  assert.deepEqual(JSON.parse(out).refusals, [
    'group left names the node "node9": there is none yet',
    'process:d names the group "right": there is none yet',
    "process:c would wait for itself (after, requires)",
    "process:a would wait for itself (after, requires)",
    'rule "bound" could not hold: process:bound is also in "elsewhere", and a service may be in one node-affinity rule only',
    'rule "elsewhere" could not hold: process:bound is also in "bound", and a service may be in one node-affinity rule only',
  ]);
  assert.equal(code, 1);
  const text = await bench.run(["apply", "--dry-run", "-f", file]);
  assert.match(text.out, /^! apply would be refused: group left names the node "node9"/m);
  assert.match(text.out, /^if all the rest were applied now:$/m);
});

test("apply --dry-run says that nothing differs", async (context) => {
  const bench = await benchOf(context, onThreeNodes);
  const text = "kind: Service\nid: process:a\nprocess: { command: /bin/true }\n";
  const { out, code } = await bench.run(["apply", "--dry-run", "-f", "-"], { input: text });
  assert.equal(out, "nothing differs: apply would change nothing\n");
  assert.equal(code, 0);
});

/** Three nodes in a cluster that somebody has frozen, failover included. */
function frozenFacts(): FactsInput {
  const freeze = { revision: 9, frozen: true, by: "ada", reason: "upgrade", failover: false };
  return { ...onThreeNodes, status: { freeze } };
}

test("whatif says that a frozen cluster would recover nothing, and would refuse maintenance", async (context) => {
  const bench = await benchOf(context, frozenFacts());
  const lost = await bench.run(["whatif", "--lose", "node3"]);
  assert.match(
    lost.out,
    /^! process:a runs on node3 and would not run any more \(\w+\): the cluster is frozen by ada, failover included: upgrade$/m,
  );
  assert.match(
    lost.out,
    /^note: the cluster is frozen by ada: upgrade; nothing would be fenced, recovered or moved until that ends$/m,
  );
  assert.equal(lost.code, 1);
  const asked = await bench.run(["whatif", "--maintenance", "node3"]);
  assert.match(
    asked.err,
    /frozen by ada: upgrade; maintenance would be refused; ask again after: /,
  );
  assert.deepEqual([asked.code, asked.out], [5, ""]);
});

test("apply --dry-run says that a frozen cluster would refuse, and what would come of it after", async (context) => {
  const bench = await benchOf(context, frozenFacts());
  const input = "kind: Service\nid: process:d\nstate: stopped\nprocess: { command: /bin/true }\n";
  const { out, code } = await bench.run(["apply", "--dry-run", "-f", "-"], { input });
  assert.match(
    out,
    /^! apply would be refused: the cluster is frozen by ada: upgrade; end that with: holdfast cluster unfreeze\nif this were applied after the freeze:\n/m,
  );
  assert.match(out, /^process:d +stopped +node2 +- +- +- +it was requested stopped$/m);
  assert.equal(code, 1);
});
