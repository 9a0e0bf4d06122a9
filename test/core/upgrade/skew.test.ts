/** Which versions are let in, as a table; and what is said of those that are in already. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  leftBehind,
  type SkewVerdict,
  skewVerdict,
  skewWarnings,
} from "../../../src/core/upgrade/skew.ts";

type Kind = SkewVerdict["kind"];
type Row = readonly [role: "server" | "agent", version: string, servers: string, verdict: Kind];

const table: readonly Row[] = [
  ["server", "0.1.0", "", "fits"],
  ["server", "0.1.0", "0.1.0", "fits"],
  ["server", "0.1.7", "0.1.0", "fits"],
  ["server", "0.2.0", "0.1.0", "fits"],
  ["server", "0.2.0-rc.1", "0.1.0", "fits"],
  ["server", "0.1.0", "0.2.0", "fits"],
  ["server", "0.1.0", "0.1.0 0.2.0", "fits"],
  ["server", "0.2", "0.1.0 0.2.0", "fits"],
  ["server", "0.3.0", "0.1.0", "refused"],
  ["server", "0.3.0", "0.1.0 0.2.0", "refused"],
  ["server", "0.1.0", "0.3.0", "refused"],
  ["server", "0.0.9", "0.2.0", "refused"],
  ["server", "0.10.0", "0.9.0", "fits"],
  ["server", "0.10.0", "0.1.0", "refused"],
  ["server", "1.0.0", "0.9.0", "refused"],
  ["server", "2.1.0", "1.1.0", "refused"],
  ["server", "test", "0.1.0", "unknown"],
  ["server", "0.0.0-test", "0.1.0", "unknown"],
  ["server", "0.3.0", "test", "unknown"],
  ["server", "0.3.0", "test 0.1.0", "refused"],
  ["server", "bench", "bench", "fits"],
  ["agent", "0.1.0", "0.1.0", "fits"],
  ["agent", "0.1.9", "0.1.0", "fits"],
  ["agent", "0.1.0", "0.2.0", "fits"],
  ["agent", "0.1.0", "0.1.0 0.2.0", "fits"],
  ["agent", "0.2.0", "0.1.0 0.2.0", "fits"],
  ["agent", "0.1.0", "0.3.0", "refused"],
  ["agent", "0.1.0", "0.2.0 0.3.0", "refused"],
  ["agent", "0.2.0", "0.1.0", "refused"],
  ["agent", "1.0.0", "0.9.0", "refused"],
  ["agent", "0.9.0", "1.0.0", "refused"],
  ["agent", "", "0.1.0", "unknown"],
  ["agent", "0.0.0", "0.1.0", "unknown"],
];

function partiesOf(words: string): { readonly name: string; readonly version: string }[] {
  const versions = words.split(" ").filter((word) => word !== "");
  return versions.map((version, index) => ({ name: `s${index + 1}`, version }));
}

for (const [role, version, servers, kind] of table) {
  test(`skewVerdict() of ${role} "${version}" beside servers "${servers}": ${kind}`, () => {
    const verdict = skewVerdict({ role, name: "new", version }, partiesOf(servers));
    assert.equal(verdict.kind, kind, JSON.stringify(verdict));
  });
}

test("skewVerdict() that refuses says who, which versions, what is allowed and what to install", () => {
  const verdict = skewVerdict(
    { role: "server", name: "c", version: "0.3.0" },
    partiesOf("0.2.0 0.1.4"),
  );
  assert.deepEqual(verdict, {
    kind: "refused",
    sentence:
      'server "c" is of version 0.3.0, and server "s2" of 0.1.4: servers work together when they are one minor version apart at most; install 0.1 or 0.2',
  });
  const agent = skewVerdict({ role: "agent", name: "n", version: "0.1.0" }, partiesOf("0.3.1"));
  assert.deepEqual(agent, {
    kind: "refused",
    sentence:
      'the agent of node "n" is of version 0.1.0, and server "s1" of 0.3.1: an agent may be one minor version behind the newest server, and not ahead of it; install 0.2 or 0.3',
  });
});

test("skewVerdict() between two servers is the same from either side", () => {
  const versions = [
    ...new Set(table.flatMap(([, version, servers]) => [version, ...servers.split(" ")])),
  ];
  for (const one of versions) {
    for (const other of versions) {
      const to = skewVerdict({ role: "server", name: "one", version: one }, [
        { name: "other", version: other },
      ]);
      const back = skewVerdict({ role: "server", name: "other", version: other }, [
        { name: "one", version: one },
      ]);
      assert.equal(to.kind, back.kind, `${one} and ${other}`);
    }
  }
});

test("skewWarnings() names who is out of range, a few by name, and nobody who fits", () => {
  assert.deepEqual(skewWarnings(partiesOf("0.1.0 0.2.0"), partiesOf("0.1.0 0.2.0 test")), []);
  assert.deepEqual(skewWarnings([], partiesOf("0.1.0")), []);
  const nodes = ["0.1.0", "0.1.0", "0.1.2", "0.1.0", "0.4.0"].map((version, index) => ({
    name: `node${index + 1}`,
    version,
  }));
  assert.deepEqual(skewWarnings(partiesOf("0.3.0 0.1.0"), nodes), [
    'server "s2" is of version 0.1.0, and server "s1" of 0.3.0: servers work together when they are one minor version apart at most',
    "the agents of node1 (0.1.0), node2 (0.1.0), node3 (0.1.2) and 1 more are older than the servers' version 0.3.0 allows: agents of 0.2 or 0.3 are let in; what they run goes on, upgrade them next",
    "the agent of node5 (0.4.0) is newer than the servers, which run 0.3.0 at most",
  ]);
});

/** Versions of the servers and of the agents, where to, and which agents are too old for that. */
const leftTable: readonly (readonly [string, string, string, RegExp | undefined])[] = [
  ["0.1.0", "0.1.0", "0.2.0", undefined],
  ["0.2.0", "0.2.0 0.2.4", "0.3.0", undefined],
  ["0.2.0", "0.1.0", "0.3.0", /^the agent of s1 \(0\.1\.0\) is too old for servers of 0\.3\.0/],
  ["0.2.0", "0.2.0 0.1.0 0.1.3", "0.3.0", /^the agents of s2 \(0\.1\.0\), s3 \(0\.1\.3\) are too/],
  ["0.2.0", "0.1.0", "0.2.7", undefined],
  ["0.3.0", "0.1.0", "0.3.1", undefined],
  ["0.3.0", "0.1.0", "0.2.0", undefined],
  ["0.2.0 0.3.0", "0.1.0", "0.3.0", undefined],
  ["0.2.0", "test", "0.3.0", undefined],
  ["test", "0.1.0", "0.3.0", undefined],
  ["0.2.0", "0.1.0", "test", undefined],
  ["0.2.0", "", "0.3.0", undefined],
];

for (const [servers, agents, target, words] of leftTable) {
  test(`leftBehind() of agents "${agents}" as servers "${servers}" become ${target}`, () => {
    const found = leftBehind(partiesOf(servers), partiesOf(agents), target);
    if (words === undefined) assert.equal(found, undefined);
    else assert.match(found ?? "nothing", words);
  });
}

test("leftBehind() says what the new servers work with, and how to get there", () => {
  assert.equal(
    leftBehind(partiesOf("0.2.1"), partiesOf("0.1.0"), "0.3.0"),
    "the agent of s1 (0.1.0) is too old for servers of 0.3.0, which work with agents of 0.2 or 0.3: upgrade such agents first, with: holdfast policy add NAME --agent-version 0.2.1",
  );
});
