/** The story of a play: what is told, in which words, and how every service fared. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseScenario } from "../../../src/sim/scenario/parse-scenario.ts";
import { PlanPlay } from "../../../src/sim/story/play-plan.ts";
import { writeInstant, writeSpan } from "../../../src/sim/story/span.ts";
import type { Moment, ServiceFate, StorySummary } from "../../../src/sim/story/story-line.ts";

interface Told {
  readonly moments: readonly Moment[];
  readonly summary: StorySummary;
  /** Each line as one text: who, what, why. */
  readonly lines: readonly string[];
}

function tell(text: string): Told {
  const plan = parseScenario(text, "story.yaml");
  assert.ok(plan.ok, plan.ok ? "" : plan.error.join("\n"));
  const moments: Moment[] = [];
  const play = new PlanPlay({ plan: plan.value, onMoment: (moment) => moments.push(moment) });
  while (!play.isOver) play.advance(60_000);
  const summary = play.end();
  const lines = moments.flatMap((moment) =>
    moment.lines.map((line) =>
      `${line.subjects.join("+")} ${line.text} ${line.because ?? ""}`.trim(),
    ),
  );
  return { moments, summary, lines };
}

function fateOf({ summary }: Told, name: string): ServiceFate {
  const fate = summary.services.find(({ service }) => service === name);
  assert.ok(fate !== undefined, `${name} is in the summary`);
  return fate;
}

const loss = `
nodes: 3
services: { vm:a: { node: node1 }, vm:b: { node: node1 }, vm:c: { node: node2 } }
steps:
  - { at: 1m, power off: node1 }
until: 2m
`;

describe("PlanPlay tells of a lost node", () => {
  const told = tell(loss);
  const ttlMs = 6_000;

  it("what was done, what broke, and what the manager did, in this order", () => {
    const at = (pattern: RegExp): number => {
      const index = told.lines.findIndex((line) => pattern.test(line));
      assert.ok(index >= 0, `${pattern} is not in:\n${told.lines.join("\n")}`);
      return index;
    };
    const order = [
      at(/^node1 loses power$/),
      at(/^vm:a\+vm:b is down on node1$/),
      at(/^node1 is lost and fenced /),
      at(/^vm:[ab](?:\+vm:[ab])? is recovered on node[23]/),
      at(/^vm:[ab](?:\+vm:[ab])? runs on node[23] again, after \d+\.\ds$/),
    ];
    assert.deepEqual(
      [...order].sort((left, right) => left - right),
      order,
    );
  });

  it("for each service how long it was away, and why it is where it is", () => {
    for (const name of ["vm:a", "vm:b"]) {
      const fate = fateOf(told, name);
      assert.equal(fate.end, "runs");
      assert.deepEqual([fate.awayCount, fate.failoverCount, fate.moveCount], [1, 1, 0]);
      // The lease had been renewed within the last second; then 2 s for the start.
      assert.ok(fate.awayMs > ttlMs && fate.awayMs < ttlMs + 2_500, `away for ${fate.awayMs} ms`);
      assert.equal(fate.longestAwayMs, fate.awayMs);
    }
    assert.deepEqual(fateOf(told, "vm:c"), {
      ...fateOf(told, "vm:c"),
      awayMs: 0,
      awayCount: 0,
      failoverCount: 0,
      end: "runs",
      node: "node2",
    });
  });

  it("that no safety rule was broken", () => assert.deepEqual(told.summary.violations, []));

  it("moments in order of time, none of them empty", () => {
    const times = told.moments.map(({ atMs }) => atMs);
    assert.deepEqual(
      [...times].sort((left, right) => left - right),
      times,
    );
    assert.ok(told.moments.every(({ lines }) => lines.length > 0));
  });
});

describe("PlanPlay tells", () => {
  it("a live migration as a short pause, not as an outage", () => {
    const told = tell(`
nodes: 2
services: { vm:a: { node: node1 } }
steps: [{ at: 30s, migrate: { service: vm:a, to: node2 } }]
until: 1m
`);
    const { moveCount, awayMs, node } = fateOf(told, "vm:a");
    assert.deepEqual([moveCount, node], [1, "node2"]);
    assert.ok(awayMs < 100, `away for ${awayMs} ms`);
    assert.ok(
      told.lines.some((line) => /^vm:a runs on node2 now, after a pause of \d+ms$/.test(line)),
    );
    assert.ok(!told.lines.some((line) => line.includes("is down")));
  });

  it("what never came back, and what stands against each node", () => {
    const told = tell(`
nodes: 3
services: { vm:a: { node: node1 } }
rules: { dongle: { type: node-affinity, services: [vm:a], nodes: [node1], strict: true } }
steps: [{ at: 30s, power off: node1 }]
until: 2m
`);
    const fate = fateOf(told, "vm:a");
    assert.deepEqual([fate.end, fate.state], ["down", "recovery"]);
    assert.ok(fate.awayMs >= 89_000, "it was away until the end");
    const other = fate.refusals.find(({ node }) => node === "node2");
    assert.match(other?.sentence ?? "", /dongle/);
  });

  it("a service that a person stopped as off, without an absence", () => {
    const told = tell(`
nodes: 1
services: [vm:a]
steps: [{ at: 30s, stop: vm:a }]
until: 1m
`);
    const { end, awayCount, state } = fateOf(told, "vm:a");
    assert.deepEqual([end, awayCount, state], ["off", 0, "stopped"]);
  });

  it("a service that never ran as such, with the reason", () => {
    const told = tell(`
nodes: 1
services: { vm:a: { misbehaviour: { failingStarts: 100 } } }
until: 2m
`);
    const fate = fateOf(told, "vm:a");
    assert.deepEqual([fate.end, fate.state], ["never-ran", "error"]);
    assert.ok(told.lines.some((line) => line.startsWith("vm:a could not be started on node1")));
  });

  it("a rule that is ignored in one sentence, which names it once", () => {
    const told = tell(`
nodes: 3
services: [vm:a, vm:b]
rules: { apart: { type: resource-affinity, services: [vm:a, vm:b], affinity: negative } }
steps:
  - at: 30s
    put rule: { name: close, type: resource-affinity, services: [vm:a, vm:b], affinity: positive }
until: 1m
`);
    const ignored = told.lines.filter((line) => line.includes("is ignored"));
    assert.equal(ignored.length, 2);
    for (const line of ignored) assert.match(line, /^rule "(?:apart|close)" is ignored: /);
  });

  it("the same aside only once in a while", () => {
    const told = tell(`
nodes: 3
services: { vm:a: { node: node1 } }
steps: [{ at: 30s, network off: node1 }]
until: 4m
`);
    const asides = told.moments.flatMap(({ lines }) =>
      lines.filter(({ tone }) => tone === "aside"),
    );
    const texts = asides.map(({ subjects, text }) => `${subjects.join()} ${text}`);
    assert.equal(new Set(texts).size, texts.length, texts.join("\n"));
  });
});

describe("writeSpan() and writeInstant()", () => {
  for (const [ms, span, instant] of [
    [40, "40ms", "0.0s"],
    [8_240, "8.2s", "8.2s"],
    [59_960, "1m 00s", "1m 00.0s"],
    [72_000, "1m 12s", "1m 12.0s"],
    [7_500_000, "2h 05m", "2h 05m 00.0s"],
  ] as const) {
    it(`write ${ms} ms as ${span} and ${instant}`, () => {
      assert.equal(writeSpan(ms), span);
      assert.equal(writeInstant(ms), instant);
    });
  }
});
