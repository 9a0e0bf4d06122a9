/** HA groups on the command line, against a real server on a memory store. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { allGroups, makeCluster, startCluster } from "../server/ha-groups/support.ts";
import type { Harness } from "../server/harness.ts";
import { createBench, type Ran } from "./harness.ts";

interface RealBench {
  readonly harness: Harness;
  run(words: string, input?: string): Promise<Ran>;
  file(name: string, content: string): Promise<string>;
}

async function createCluster(t: TestContext): Promise<RealBench> {
  const bench = await createBench(t);
  const harness = await startCluster(t);
  const environment = {
    HOLDFAST_SERVER: harness.server.url,
    HOLDFAST_TOKEN: harness.adminToken,
  };
  return {
    harness,
    file: bench.file,
    run: (words, input) =>
      bench.run(words.split(" "), { environment, ...(input === undefined ? {} : { input }) }),
  };
}

async function outOf(bench: RealBench, words: string, input?: string): Promise<string> {
  const ran = await bench.run(words, input);
  assert.equal(ran.code, 0, ran.err);
  return ran.out;
}

test("hagroup new prints a template that hagroup add takes once the names are written into it", async (t) => {
  const bench = await createCluster(t);
  const template = await outOf(bench, "hagroup new");
  assert.match(template, /"members": \[ +\/\* /);
  const unnamed = await bench.run("hagroup add --json-file -", template);
  assert.equal(unnamed.code, 2);
  assert.match(
    unnamed.err,
    /^holdfast: the HA group has no name; write "name" into standard input/,
  );
  const added = await outOf(bench, "hagroup add pair --json-file -", template);
  assert.equal(added, "HA group pair is added: node1 (offline), node2 (offline)\n");
  const named = template.replace('"name": ""', '"name": "pair"');
  const file = await bench.file("pair.json", named.replace('"node2"', '"node3" // the new one'));
  const changed = await outOf(bench, `hagroup add --json-file ${file}`);
  assert.equal(changed, "HA group pair is changed: node1 (offline), node3 (offline)\n");
  const same = await outOf(bench, `hagroup add --json-file ${file}`);
  assert.match(same, /^HA group pair is already like this: /);
});

test("hagroup list, show and remove", async (t) => {
  const bench = await createCluster(t);
  assert.match(await outOf(bench, "hagroup list"), /^no HA groups; begin with .* hagroup new$/m);
  const pair = '{"name": "pair", "description": "left rack", "members": ["node2", "node1"]}';
  await outOf(bench, "hagroup add --json-file -", pair);
  await bench.harness.agent("node1");
  const list = await outOf(bench, "hagroup list");
  assert.match(list, /^pair +node1, node2 \(offline\) +- +left rack$/m);
  const show = await outOf(bench, "hagroup show pair");
  assert.match(show, /^members +node1, node2 \(offline\)$/m);
  assert.match(show, /^upgrading +nobody$/m);
  assert.equal(await outOf(bench, "hagroup list pair"), show);
  const json = JSON.parse(await outOf(bench, "hagroup show pair -o json"));
  assert.deepEqual(json, parse(await outOf(bench, "hagroup show pair -o yaml")));
  assert.equal(json.name, "pair");
  assert.match(await outOf(bench, "node show node1"), /^HA group +pair$/m);
  for (const words of ["hagroup show none", "hagroup list none", "hagroup remove none"]) {
    const missing = await bench.run(words);
    assert.deepEqual(
      [missing.code, missing.err],
      [3, 'holdfast: there is no HA group "none"; see what there is with: holdfast hagroup list\n'],
    );
  }
  assert.equal(await outOf(bench, "hagroup remove pair"), "HA group pair is removed\n");
  assert.deepEqual(await allGroups(bench.harness), {});
});

test("hagroup member add and remove: all together or not at all", async (t) => {
  const bench = await createCluster(t);
  await outOf(bench, "hagroup add first --json-file -", '{"members": ["node1"]}');
  await outOf(bench, "hagroup add second --json-file -", "{}");
  const added = await outOf(bench, "hagroup member add first --node node2 --node node3");
  assert.equal(added, "node2, node3 are now in HA group first\n");
  const again = await outOf(bench, "hagroup member add first --node node2 --node node4");
  assert.equal(again, "node2 is already in HA group first\nnode4 is now in HA group first\n");
  const same = await outOf(bench, "hagroup member add first --node node2");
  assert.equal(same, "node2 is already in HA group first\n");
  const taken = await bench.run("hagroup member add second --node node1");
  assert.equal(taken.code, 4);
  assert.match(
    taken.err,
    /^holdfast: node "node1" is in HA group "first" already; move it with --force/,
  );
  const unknown = await bench.run("hagroup member add second --node node1 --node node9 --force");
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /^holdfast: there is no node "node9"/);
  assert.deepEqual(await allGroups(bench.harness), {
    first: ["node1", "node2", "node3", "node4"],
    second: [],
  });
  const moved = await outOf(bench, "hagroup member add second --node node1 --node node2 --force");
  assert.equal(moved, "node1, node2 are now in HA group second\n");
  const removed = await outOf(bench, "hagroup member remove second --node node2 --node node3");
  assert.equal(removed, "node3 is not in HA group second\nnode2 is no longer in HA group second\n");
  const none = await bench.run("hagroup member remove second --node node3");
  assert.equal(none.code, 3);
  assert.match(none.err, /^holdfast: node3 is not in HA group "second"; see who is with/);
  const groups = { first: ["node3", "node4"], second: ["node1"] };
  assert.deepEqual(await allGroups(bench.harness), groups);
  await makeCluster(bench.harness, "node2");
  const refused = await bench.run("hagroup member add second --node node2");
  assert.equal(refused.code, 5);
  assert.match(refused.err, /^holdfast: node "node2" is of type cluster/);
  assert.equal((await bench.run("hagroup member add second")).code, 2, "no --node");
  assert.equal((await bench.run("hagroup member add none --node node1")).code, 3);
});

const badFiles: readonly (readonly [string, RegExp])[] = [
  ['{\n  "name": "x",\n  "members": ["node1",]\n}', /is no JSON: .*\["node1",\]/],
  ["{", /is no JSON: /],
  ["", /is no JSON: /],
  ['{ /* no end\n "name": "x" }', /line 1: the comment that begins here does not end/],
  ['{"name": "x",\n "members": ["node1", 5]}', /line 2: members\.1: .*expected string/],
  ['{"name": "x",\n\n "memebrs": []}', /line 3: memebrs: unknown field/],
  ['{"name": "a b"}', /line 1: name: use letters, digits/],
  ['{"name": "x", "name": "y"}', /line 1: Map keys must be unique/],
  ["[]", /expected object/],
  ['"x"', /expected object/],
  ['{"name": "x", "description": 5}', /description: .*expected string/],
  ['{"name": "x", "members": ["node1", "node9"]}', /members\.1: there is no node "node9"/],
];

test("hagroup add names what is wrong in a file with its place, and changes nothing", async (t) => {
  const bench = await createCluster(t);
  for (const [content, words] of badFiles) {
    const file = await bench.file("bad.json", content);
    const ran = await bench.run(`hagroup add --json-file ${file}`);
    assert.equal(ran.code, 2, `${content}: ${ran.err}`);
    assert.match(ran.err, words, content);
    assert.equal(ran.err.split("\n").length, 2, "one line");
  }
  const missing = await bench.run("hagroup add x --json-file /nonexistent.json");
  assert.deepEqual([missing.code, /no such file/.test(missing.err)], [2, true]);
  assert.equal((await bench.run("hagroup add a/b --json-file -", "{}")).code, 2);
  assert.equal((await bench.run("hagroup add x")).code, 2, "no file");
  assert.deepEqual(await allGroups(bench.harness), {});
});

test("hagroup names are completed", async (t) => {
  const bench = await createCluster(t);
  await outOf(bench, "hagroup add pair --json-file -", '{"description": "left rack"}');
  const lines = [
    "complete -- hagroup show p",
    "complete -- hagroup member add p",
    "complete -- node join 127.0.0.1 --ha-group p",
  ];
  for (const words of lines) assert.equal(await outOf(bench, words), "pair\tleft rack\n", words);
  assert.match(await outOf(bench, "complete -- hagroup member add pair --node node1"), /^node1\t/);
});

test("join-script --ha-group prints the group into the command, once there is one", async (t) => {
  const bench = await createCluster(t);
  const unknown = await bench.run("join-script --node --ha-group pair");
  assert.deepEqual([unknown.code, /no HA group "pair"/.test(unknown.err)], [3, true]);
  const server = await bench.run("join-script --server --ha-group pair");
  assert.equal(server.code, 2);
  assert.match(server.err, /only nodes are in HA groups/);
  const bad = await bench.run("join-script --node --ha-group a/b");
  assert.equal(bad.code, 2);
});

test("apply -f and diff -f know HA groups", async (t) => {
  const bench = await createCluster(t);
  const text = "kind: HaGroup\nname: pair\ndescription: left rack\nmembers: [node2, node1]\n";
  const file = await bench.file("pair.yaml", text);
  const before = await bench.run(`diff -f ${file}`);
  assert.match(before.out, /^\+ HA group pair \(new\)$/m);
  assert.equal(await outOf(bench, `apply -f ${file}`), "HA group pair is added\n");
  assert.deepEqual(await allGroups(bench.harness), { pair: ["node1", "node2"] });
  assert.equal(await outOf(bench, `apply -f ${file}`), "HA group pair is already like this\n");
  await bench.file("pair.yaml", text.replace("node2, ", ""));
  const diff = await bench.run(`diff -f ${file}`);
  assert.match(
    diff.out,
    /^~ HA group pair \(changed\)\n {4}members: \["node1","node2"\] -> \["node1"\]$/m,
  );
  assert.equal(await outOf(bench, `apply -f ${file}`), "HA group pair is changed\n");
  assert.deepEqual(await allGroups(bench.harness), { pair: ["node1"] });
});
