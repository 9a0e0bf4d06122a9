/** Durations and sizes in files: as people write them, or as the API takes them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withUnits } from "../../src/cli/input/units.ts";
import { createBench } from "./harness.ts";

test("withUnits() reads durations and sizes where the field's name ends in them, and nothing else", () => {
  const value = {
    limits: { memoryBytes: "4G" },
    stopTimeoutMs: "90s",
    log: { bytesMax: "10M" },
    restart: { delayMsMax: 5, delayMs: "500ms" },
    name: "10s",
    wrongMs: "soon",
    environment: { RETRY_Ms: "10s" },
    list: [{ aMs: "2s" }, "3s"],
  };
  assert.deepEqual(withUnits(value), {
    limits: { memoryBytes: 4 * 1_024 ** 3 },
    stopTimeoutMs: 90_000,
    log: { bytesMax: 10 * 1_024 ** 2 },
    restart: { delayMsMax: 5, delayMs: 500 },
    name: "10s",
    wrongMs: "soon",
    environment: { RETRY_Ms: "10s" },
    list: [{ aMs: 2_000 }, "3s"],
  });
});

test("diff -f takes sizes and durations with units, and tells a wrong one with its line", async (context) => {
  const bench = await createBench(context);
  const service = (memory: string): string =>
    `kind: Service\nid: process:a\nlimits: { memoryBytes: ${memory} }\nprocess: { command: /bin/true, stopTimeoutMs: 20s }\n`;
  const good = await bench.run(["diff", "-f", await bench.file("a.yaml", service("2G"))]);
  assert.match(good.out, /limits\.memoryBytes: 2147483648$/m);
  assert.match(good.out, /process\.stopTimeoutMs: 20000$/m);
  const bad = await bench.run(["diff", "-f", await bench.file("b.yaml", service("2X"))]);
  assert.equal(bad.code, 2);
  assert.match(bad.err, /b\.yaml line 3: limits\.memoryBytes: /);
});
