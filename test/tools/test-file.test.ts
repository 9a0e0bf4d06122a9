import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type FileOutcome, runTestFile } from "../../tools/test-file.ts";
import { makeCheckout } from "./checkout.ts";

const head = 'import { describe, it, test } from "node:test";\n';
const timeoutMs = 60_000;
const ports = "20000-20999";

async function run(
  t: Parameters<typeof makeCheckout>[0],
  text: string,
  options: { readonly timeoutMs: number } = { timeoutMs },
): Promise<FileOutcome & { readonly root: string }> {
  const root = makeCheckout(t, { "package.json": '{"type":"module"}', "a.test.ts": head + text });
  return { ...(await runTestFile("a.test.ts", { root, ports, ...options })), root };
}

function counts(outcome: FileOutcome): Record<string, number> {
  const count = (result: string): number =>
    outcome.tests.filter((line) => line.result === result).length;
  return { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
}

test("runTestFile() counts tests, not suites, with the reason of each skip and failure", async (t) => {
  const outcome = await run(
    t,
    `test("a", () => {});
     test("b", (t) => t.skip("no namespaces here"));
     describe("suite", () => { it("c", () => {}); it("d", () => { throw new Error("broken d"); }); });
     test("e", async (t) => { await t.test("f", () => {}); });`,
  );
  assert.deepEqual(counts(outcome), { passed: 4, failed: 1, skipped: 1 });
  assert.equal(outcome.tests.find((line) => line.name === "b")?.detail, "no namespaces here");
  assert.match(outcome.tests.find((line) => line.name === "d")?.detail ?? "", /broken d/);
});

test("runTestFile() keeps what the file wrote, for its seeds", async (t) => {
  const outcome = await run(t, 'console.log("seed 12345"); test("a", () => {});');
  assert.match(outcome.output, /seed 12345/);
});

test("runTestFile() tells the file which ports are its own", async (t) => {
  const outcome = await run(
    t,
    `test("a", () => { if (process.env.HOLDFAST_TEST_PORTS !== "${ports}") throw new Error(); });`,
  );
  assert.deepEqual(counts(outcome), { passed: 1, failed: 0, skipped: 0 });
});

test("runTestFile() counts a crash as one failure and keeps the tests before it", async (t) => {
  const outcome = await run(
    t,
    'test("a", () => {}); test("b", () => { process.kill(process.pid, "SIGKILL"); });',
  );
  assert.deepEqual(counts(outcome), { passed: 1, failed: 1, skipped: 0 });
  assert.match(outcome.tests.at(-1)?.detail ?? "", /ended by SIGKILL/);
});

test("runTestFile() counts an error after the last test as a failure", async (t) => {
  const outcome = await run(
    t,
    'test("a", () => {}); setTimeout(() => { throw new Error("late"); }, 20);',
  );
  assert.deepEqual(counts(outcome), { passed: 1, failed: 1, skipped: 0 });
});

test("runTestFile() counts a file that does not load as a failure", async (t) => {
  const outcome = await run(t, 'import "./missing.ts"; test("a", () => {});');
  assert.deepEqual(counts(outcome), { passed: 0, failed: 1, skipped: 0 });
});

test("runTestFile() counts a file without tests as a failure", async (t) => {
  const outcome = await run(t, "void [describe, it, test];");
  assert.deepEqual(counts(outcome), { passed: 0, failed: 1, skipped: 0 });
  assert.match(outcome.tests[0]?.detail ?? "", /holds no test/);
});

test("runTestFile() kills a file that hangs, with what it had started", async (t) => {
  const outcome = await run(
    t,
    `import { spawn } from "node:child_process";
     import { writeFileSync } from "node:fs";
     const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
     writeFileSync("child.pid", String(child.pid));
     test("a", () => new Promise(() => {}));`,
    { timeoutMs: 10_000 },
  );
  assert.match(outcome.tests.at(-1)?.detail ?? "", /had not ended after 10 s/);
  const pid = Number(readFileSync(join(outcome.root, "child.pid"), "utf8"));
  await eventually(() => !isAlive(pid), "the hanging file's child is dead");
});

/** Dead and reaped, or a zombie that its new parent has not reaped yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false; // no such process
  }
}

async function eventually(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!condition()) {
    assert.ok(performance.now() < deadlineMs, `within 10 s: ${what}`);
    await sleep(20);
  }
}
