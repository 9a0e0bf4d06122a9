/** `sim run`: the story on a terminal and in a pipe, the trace, bad files, and the examples that come with Holdfast. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as z from "zod";
import { createBench } from "./harness.ts";

const examples = join(import.meta.dirname, "..", "..", "examples", "scenarios");
const scenario = `
name: short
nodes: 3
services: { vm:a: { node: node1 } }
steps: [{ at: 20s, power off: node1 }]
until: 40s
`;

const lineSchema = z.looseObject({ kind: z.string(), t: z.number().optional() });

function linesOf(text: string): readonly z.output<typeof lineSchema>[] {
  assert.ok(text.endsWith("\n"));
  return text
    .trimEnd()
    .split("\n")
    .map((line) => lineSchema.parse(JSON.parse(line)));
}

describe("sim run", () => {
  it("tells the story and ends with how every service fared", async (t) => {
    const bench = await createBench(t);
    const { code, out, err } = await bench.run([
      "sim",
      "run",
      await bench.file("a.yaml", scenario),
    ]);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^short {2}3 nodes, 1 service, lease 6\.0s, until 40\.0s, seed 1$/m);
    assert.match(out, /^ {4}20\.0s {2}▸ node1 loses power$/m);
    assert.match(out, /^ {11}vm:a is down on node1$/m);
    assert.match(out, /vm:a runs on node2 again, after \d\.\ds$/m);
    assert.match(out, /^vm:a +runs on node2 +\d\.\ds +- +- +1$/m);
    assert.match(out, /^Safety: all rules held after every event$/m);
    assert.ok(!out.includes("\u001b"), "no colour in a pipe");
  });

  it("wraps and colours on a terminal, and leaves colour out with NO_COLOR", async (t) => {
    const bench = await createBench(t);
    const file = await bench.file("a.yaml", scenario);
    const coloured = await bench.run(["sim", "run", file], {
      terminal: true,
      columns: 70,
      environment: {},
    });
    assert.ok(coloured.out.includes("\u001b["));
    const environment = { NO_COLOR: "1" };
    const { out } = await bench.run(["sim", "run", file], {
      terminal: true,
      columns: 70,
      environment,
    });
    assert.ok(!out.includes("\u001b"));
    for (const line of out.split("\n")) assert.ok(line.length <= 70, line);
  });

  it("--trace prints lines of JSON and nothing else, each file's begun by its name", async (t) => {
    const bench = await createBench(t);
    const files = [
      await bench.file("a.yaml", scenario),
      await bench.file("b.yaml", scenario.replace("short", "second")),
    ];
    const { code, out, err } = await bench.run(["sim", "run", "--trace", ...files]);
    assert.deepEqual([code, err], [0, ""]);
    const lines = linesOf(out);
    const begins = lines.flatMap((line, index) => (line.kind === "scenario" ? [index] : []));
    assert.deepEqual(
      begins.map((index) => lines[index]?.["name"]),
      ["short", "second"],
    );
    const [, second = 0] = begins;
    assert.deepEqual(
      lines.slice(1, second),
      lines.slice(second + 1),
      "the same plan, the same trace",
    );
    for (const kind of ["decision", "action", "node", "fence-acknowledged", "manager", "step"]) {
      assert.ok(
        lines.some((line) => line.kind === kind),
        kind,
      );
    }
  });

  it("--until ends the play earlier, --seed changes its chances", async (t) => {
    const bench = await createBench(t);
    const file = await bench.file("a.yaml", scenario);
    const { out } = await bench.run(["sim", "run", "--trace", "--until", "10s", file]);
    assert.ok(linesOf(out).every(({ t: at = 0 }) => at <= 10));
    const jitter = await bench.file(
      "j.yaml",
      scenario.replace("steps: [", "steps: [{ at: 1s, link: { node: node2, jitter: 50ms } }, "),
    );
    const [first, again, other] = await Promise.all(
      ["7", "7", "8"].map((seed) => bench.run(["sim", "run", "--trace", "--seed", seed, jitter])),
    );
    assert.equal(first?.out, again?.out);
    assert.notEqual(first?.out, other?.out);
  });

  it("-o json prints one line of data a file", async (t) => {
    const bench = await createBench(t);
    const { out } = await bench.run([
      "sim",
      "run",
      "-o",
      "json",
      await bench.file("a.yaml", scenario),
    ]);
    const body = z
      .object({ name: z.string(), services: z.array(z.object({ failoverCount: z.number() })) })
      .parse(JSON.parse(out));
    assert.deepEqual(body, { name: "short", services: [{ failoverCount: 1 }] });
  });

  it("reads standard input", async (t) => {
    const bench = await createBench(t);
    const { code, out } = await bench.run(["sim", "run", "-"], { input: scenario });
    assert.equal(code, 0);
    assert.match(out, /^short /);
  });

  it("a file with faults: a line for each, exit code 2, and nothing is run", async (t) => {
    const bench = await createBench(t);
    const good = await bench.file("good.yaml", scenario);
    const bad = await bench.file("bad.yaml", "nodes: 1\nsteps:\n  - { at: 1, reboot: node2 }\n");
    const { code, out, err } = await bench.run([
      "sim",
      "run",
      good,
      bad,
      join(bench.folder, "none.yaml"),
    ]);
    assert.deepEqual([code, out], [2, ""]);
    assert.deepEqual(
      err
        .trimEnd()
        .split("\n")
        .map((line) => line.replaceAll(bench.folder, "DIR")),
      [
        "holdfast: DIR/bad.yaml line 3, column 7: steps[0].at: 1 has no unit: write e.g. 1s",
        'holdfast: DIR/bad.yaml line 3, column 14: steps[0].reboot: there is no node "node2"; there are: node1',
        "holdfast: cannot read DIR/none.yaml: no such file; check the name and its permissions",
      ],
    );
  });

  it("asks for a file when none is named", async (t) => {
    const bench = await createBench(t);
    const { code, err } = await bench.run(["sim", "run"]);
    assert.equal(code, 2);
    assert.match(err, /missing required argument 'file'.*see: holdfast sim run --help/);
  });
});

describe("examples/scenarios", () => {
  const files = readdirSync(examples).filter((name) => name.endsWith(".yaml"));

  it("has some", () => assert.ok(files.length >= 4));

  for (const name of files) {
    it(`${name} says what it is about, and plays to its end with all rules kept`, async (t) => {
      const path = join(examples, name);
      assert.match(readFileSync(path, "utf8"), /^# /);
      const bench = await createBench(t);
      const { code, out, err } = await bench.run(["sim", "run", path]);
      assert.deepEqual([code, err], [0, ""], out);
      assert.match(out, new RegExp(`^${name.replace(".yaml", "")} `));
    });
  }
});
