/**
 * docs/simulator.md tells the truth: its example gives the story that it shows, and it names every word of steps.
 * HOLDFAST_REWRITE=1 puts the story of today into the guide, to be reviewed as a change.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseScenario } from "../../../src/sim/scenario/parse-scenario.ts";
import { createBench } from "../../cli/harness.ts";

const guidePath = join(import.meta.dirname, "..", "..", "..", "docs", "simulator.md");
const guide = readFileSync(guidePath, "utf8");

function block(language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(guide)?.[1];
  assert.ok(found !== undefined, `a block of ${language} is in the guide`);
  return found;
}

describe("docs/simulator.md", () => {
  it("shows the story of its example as it is told", async (t) => {
    const bench = await createBench(t);
    const file = await bench.file("first.yaml", block("yaml"));
    const { code, out } = await bench.run(["sim", "run", file]);
    assert.equal(code, 0);
    if (process.env["HOLDFAST_REWRITE"] === "1") {
      writeFileSync(guidePath, guide.replace(block("text"), `${out.trimEnd()}\n`));
      return;
    }
    assert.equal(out.trimEnd(), block("text").trimEnd());
  });

  it("names every word that a step can have", () => {
    const plan = parseScenario("nodes: 1\nsteps: [{ at: 1s, nothing: 1 }]", "words.yaml");
    const words = plan.ok ? [] : (plan.error[0]?.replace(/^.*known are: /, "").split(", ") ?? []);
    assert.ok(words.length > 30);
    const isNamed = (word: string): boolean =>
      guide.includes(`\`${word}`) ||
      (word.startsWith("resume ") && guide.includes("`resume agent`"));
    assert.deepEqual(
      words.filter((word) => !isNamed(word)),
      [],
    );
  });
});
